//! Money: what the organisation and each team may spend.

use jiff::tz::TimeZone;

use crate::config::kind::{Kind, Outcome};
use crate::config::kinds::{self, TIME_ZONE};
use crate::config::section::Section;
use crate::domain::money::{Currency, Money};

/// A limit on money. That there is none must be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// At most this.
    Amount(Money),
    /// `"unlimited"`.
    Unlimited,
}

/// `[budget]`: the whole organisation, above the teams.
#[derive(Clone, Debug)]
pub struct Budget {
    /// The one currency of every amount. Default none; required before anything is bought.
    pub currency: Option<Currency>,
    /// Where months and days turn. Default UTC.
    pub time_zone: TimeZone,
    /// Of all teams. Default none: only teams with a budget of their own may be allowed to buy.
    pub limits: BudgetLimits,
}

/// The two limits of a budget; `None` where nothing is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BudgetLimits {
    /// Spend in a calendar month of `budget.time_zone`.
    pub spend_per_month: Option<Limit>,
    /// The sum of the monthly fees of owned numbers.
    pub recurring_per_month: Option<Limit>,
}

const CURRENCY: Kind<Currency> = Kind::text(r#"write three capital letters, like "AUD""#, |text| {
    text.parse().map_err(|_| "not a currency".into())
});

/// An amount, or the word for none.
pub(super) const LIMIT: Kind<Limit> =
    Kind::text(r#"write digits with a point, like "25.00", or "unlimited""#, limit);

impl Budget {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        Self {
            currency: section.optional("currency", &CURRENCY),
            time_zone: section.required("time_zone", &TIME_ZONE),
            limits: BudgetLimits::read(section),
        }
    }
}

impl BudgetLimits {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        Self {
            spend_per_month: section.optional("spend_per_month", &LIMIT),
            recurring_per_month: section.optional("recurring_per_month", &LIMIT),
        }
    }
}

fn limit(text: &str) -> Outcome<Limit> {
    if text == "unlimited" { Ok(Limit::Unlimited) } else { kinds::amount(text).map(Limit::Amount) }
}
