//! A table of requests and what the rules should say to each: a test of the policy that its owners write.
//!
//! It is read by the same words as the rules, with every fault and its line, but it is no part of the configuration:
//! it is given to `policy test` as a file of its own.

use std::path::Path;

use jiff::civil::DateTime;

use crate::config::budget::{LIMIT, Limit};
use crate::config::fault::Faults;
use crate::config::kind::Kind;
use crate::config::kinds::{COUNT, COUNTRY, MESSAGE_TYPE, MONEY, NAME, ROLE, TEAM, TEXT};
use crate::config::policy::ACTION;
use crate::config::reading::Reading;
use crate::config::section::{self, Section, Shape};
use crate::config::stand_in::StandIn;
use crate::config::{Config, layers};
use crate::domain::country::Country;
use crate::domain::policy::{Action, BudgetLeft, Facts, Price};
use crate::domain::principal::{Role, TeamId};
use crate::domain::purchase::MessageType;

/// What a case that says nothing about it asks. The time is a Monday at noon, so that a table says the same on
/// every day.
const DEFAULTS: &str = r#"action = "buy"
roles = ["requester"]
budget_left = "unlimited"
at = "2026-01-05T12:00""#;
const BUY_DEFAULTS: &str = r#"type = "sms"
setup = "0.00""#;

/// One row of the table.
#[derive(Clone, Debug)]
pub struct PolicyCase {
    /// What people see.
    pub name: String,
    /// The request.
    pub asked: Asked,
    /// What the rules should say.
    pub expected: Expected,
    /// The rule that should say it. Default: whichever.
    pub rule: Option<String>,
}

/// A request, as far as the rules look at it.
#[derive(Clone, Debug)]
pub struct Asked {
    /// What is asked for.
    pub action: Action,
    /// The team that pays.
    pub team: TeamId,
    /// The requester's roles.
    pub roles: Vec<Role>,
    /// The number's country.
    pub country: Option<Country>,
    /// The message type of a purchase.
    pub message_type: Option<MessageType>,
    /// The number type of a registration.
    pub number_type: Option<String>,
    /// The price of a purchase.
    pub price: Option<Price>,
    /// What the month's budgets have left before it.
    pub budget_left: BudgetLeft,
    /// When, in `budget.time_zone`.
    pub at: DateTime,
}

/// What the rules should say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Go on.
    Allow,
    /// No, for a reason that contains this text.
    Deny(String),
    /// So many people decide, over all stages.
    Approvals(u32),
}

impl Asked {
    /// What the rules are asked.
    pub fn facts(&self) -> Facts<'_> {
        Facts {
            action: self.action,
            team: &self.team,
            roles: &self.roles,
            country: self.country,
            message_type: self.message_type,
            number_type: self.number_type.as_deref(),
            price: self.price,
            budget_left: self.budget_left,
            at: self.at,
        }
    }
}

const EXPECTED: Kind<Expected> =
    Kind::text(r#"write "allow", "deny", { deny = "part of the reason" } or { approvals = 1 }"#, |text| {
        match text {
            "allow" => Ok(Expected::Allow),
            "deny" => Ok(Expected::Deny(String::new())),
            _ => Err("no such verdict".into()),
        }
    });

const AT: Kind<DateTime> = Kind::text(r#"write a day and time in quotes, like "2026-11-23T10:00""#, |text| {
    DateTime::strptime("%Y-%m-%dT%H:%M", text).map_err(|_| "not a day and time".into())
});

/// Reads the `[[cases]]` of a file of at most 1 MiB. Errors: everything that is wrong with it, also that a team is
/// not among the configured ones.
pub fn read(path: &Path, config: &Config) -> Result<Vec<PolicyCase>, Faults> {
    let table = layers::file_table(path, "name a TOML file with [[cases]]").map_err(Faults::new)?;
    let mut reading = Reading::default();
    let cases = section::read_root(table, &mut reading, |root| {
        let cases = root.tables("cases", case);
        if cases.is_empty() {
            root.refuse("cases", "nothing to test", "write each case under a [[cases]] of its own");
        }
        cases
    });
    for (index, case) in cases.iter().enumerate() {
        let is_unknown = |case: &PolicyCase| !config.teams.contains_key(&case.asked.team);
        if case.as_ref().is_some_and(is_unknown) {
            let configured: Vec<&str> = config.teams.keys().map(TeamId::as_str).collect();
            reading.refuse(
                &format!("cases[{index}].when.team"),
                "no such team in the configuration",
                format!("write one of [{}]", configured.join(", ")),
            );
        }
    }
    if reading.faults.is_empty() {
        Ok(cases.into_iter().flatten().collect())
    } else {
        Err(Faults::new(reading.faults))
    }
}

/// None where a fault was noted at what has no stand-in.
fn case(section: &mut Section<'_>) -> Option<PolicyCase> {
    let name = section.required("name", &TEXT);
    let asked = section.table("when", asked);
    let expected = match section.shape("expect") {
        Some(Shape::Table) => section.table("expect", expected),
        Some(Shape::Scalar | Shape::List) | None => section.required("expect", &EXPECTED),
    };
    let rule = section.optional("rule", &TEXT);
    Some(PolicyCase { name, asked: asked?, expected, rule })
}

fn asked(section: &mut Section<'_>) -> Option<Asked> {
    section.over(DEFAULTS);
    section.knows(&["type", "setup", "monthly", "number_type"]);
    let action = needed(section, "action", &ACTION);
    let is_buy = action == Some(Action::Buy);
    if is_buy {
        section.over(BUY_DEFAULTS);
    }
    let team = needed(section, "team", &TEAM);
    let roles = section.some("roles", &ROLE);
    let country = needed(section, "country", &COUNTRY);
    let (mut message_type, mut price, mut number_type) = (None, None, None);
    if is_buy {
        message_type = needed(section, "type", &MESSAGE_TYPE);
        let (setup, monthly) = (needed(section, "setup", &MONEY), needed(section, "monthly", &MONEY));
        price = setup.zip(monthly).map(|(setup, monthly)| Price { setup, monthly });
    } else {
        number_type = section.optional("number_type", &NAME);
    }
    let budget_left = needed(section, "budget_left", &LIMIT);
    let at = needed(section, "at", &AT);
    Some(Asked {
        action: action?,
        team: team?,
        roles,
        country,
        message_type,
        number_type,
        price,
        budget_left: budget_left?.into(),
        at: at?,
    })
}

/// A value that must be there, of a type without a stand-in.
fn needed<T>(section: &mut Section<'_>, key: &'static str, kind: &Kind<T>) -> Option<T> {
    let value = section.optional(key, kind);
    if value.is_none() {
        section.refuse(key, "missing", kind.valid());
    }
    value
}

fn expected(section: &mut Section<'_>) -> Expected {
    section.knows(&["deny", "approvals"]);
    if section.shape("deny").is_some() {
        return Expected::Deny(section.required("deny", &TEXT));
    }
    Expected::Approvals(section.required("approvals", &COUNT).get())
}

impl From<Limit> for BudgetLeft {
    fn from(limit: Limit) -> Self {
        match limit {
            Limit::Amount(amount) => Self::Amount(amount),
            Limit::Unlimited => Self::Unlimited,
        }
    }
}

impl StandIn for Expected {
    fn stand_in() -> Self {
        Self::Allow
    }
}
