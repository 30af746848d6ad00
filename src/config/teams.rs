//! Teams, and the data that AU purchases are registered with.

use crate::config::budget::BudgetLimits;
use crate::config::kinds::{COUNTRY, NAME, TEXT, is_line};
use crate::config::section::Section;
use crate::domain::registration::RegistrationData;

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

impl Team {
    pub(super) fn read(section: &mut Section<'_>, key: &str) -> Self {
        Self {
            name: section.optional("name", &TEXT).unwrap_or_else(|| key.to_owned()),
            cost_center: section.optional("cost_center", &TEXT),
            budget: section.table("budget", BudgetLimits::read),
            registration_profile: section.optional("registration_profile", &NAME),
        }
    }
}

/// One of `[registration_profiles.<key>]`: all eight fields are required, and each tells its own fault.
pub(super) fn registration_profile(section: &mut Section<'_>) -> RegistrationData {
    RegistrationData {
        business_name: line(section, "business_name", 2, 100),
        business_address: line(section, "business_address", 5, 150),
        suburb: line(section, "suburb", 2, 50),
        postcode: line(section, "postcode", 2, 20),
        state: line(section, "state", 2, 50),
        contact_name: line(section, "contact_name", 2, 100),
        contact_number: contact_number(section),
        country: country(section),
    }
}

fn line(section: &mut Section<'_>, key: &'static str, least: usize, most: usize) -> String {
    let text = section.required(key, &TEXT);
    if !is_line(&text, least, most) {
        section.refuse(key, "too short or too long", format!("write {least} to {most} characters"));
    }
    text
}

fn contact_number(section: &mut Section<'_>) -> String {
    let text = section.required("contact_number", &TEXT);
    let allowed = |byte: u8| byte.is_ascii_digit() || b" +()-".contains(&byte);
    if !(6..=20).contains(&text.len()) || !text.bytes().all(allowed) {
        section.refuse(
            "contact_number",
            "not a contact number",
            "write 6 to 20 of digits, space, +, (, ) and -",
        );
    }
    text
}

fn country(section: &mut Section<'_>) -> String {
    section.optional("country", &COUNTRY).map_or_else(
        || {
            section.refuse("country", "missing", COUNTRY.valid());
            String::new()
        },
        |country| country.to_string(),
    )
}
