//! Teams, and the data that AU purchases are registered with.

use crate::config::budget::BudgetLimits;
use crate::domain::country::Country;

/// One of `[teams.<key>]`
#[derive(Clone, Debug)]
pub struct Team {
    /// What people see. Default the key.
    pub name: String,
    /// For reports. Default none.
    pub cost_center: Option<String>,
    /// Default none: then the organisation's budget alone counts.
    pub budget: BudgetLimits,
    /// The key of a registration profile, for AU purchases that bring no `registration_data`.
    pub registration_profile: Option<String>,
}

/// One of `[registration_profiles.<key>]`: the eight fields of ClickSend's `registration_data`, all required,
/// with the lengths (in characters) and patterns that ClickSend publishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistrationProfile {
    /// 2 to 100.
    pub business_name: String,
    /// 5 to 150.
    pub business_address: String,
    /// 2 to 50.
    pub suburb: String,
    /// 2 to 20.
    pub postcode: String,
    /// 2 to 50.
    pub state: String,
    /// 2 to 100.
    pub contact_name: String,
    /// Digits, space, `+ ( ) -`, 6 to 20: passed on as given.
    pub contact_number: String,
    /// Two capital letters.
    pub country: Country,
}
