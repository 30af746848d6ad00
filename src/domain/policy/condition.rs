//! When a rule applies: a condition against facts that may be incomplete.
//!
//! A limit on a price does not fail before the price is known, it stays open: that is what lets a request be
//! refused without asking upstream when no price could help it.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{DateTime, Time, Weekday};
use serde::{Serialize, Serializer};

use crate::domain::country::Country;
use crate::domain::money::Money;
use crate::domain::policy::Action;
use crate::domain::principal::{Role, TeamId};
use crate::domain::purchase::MessageType;

/// When a rule applies. An empty list or an absent limit asks for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Condition {
    /// The action; absent means both.
    pub action: Option<Action>,
    /// The team that buys is one of these.
    pub teams: Vec<TeamId>,
    /// The requester has one of these roles.
    pub roles: Vec<Role>,
    /// The number's country is one of these.
    pub countries: Vec<Country>,
    /// The message type of a purchase is one of these.
    pub types: Vec<MessageType>,
    /// The number type of a registration is one of these, compared in lower case.
    pub number_types: Vec<String>,
    /// The setup price is at most this.
    pub max_setup: Option<Money>,
    /// The monthly price is at most this.
    pub max_monthly: Option<Money>,
    /// Setup and one month together are at most this.
    pub max_total: Option<Money>,
    /// At least this is left of the month's budgets after the purchase.
    pub min_budget_left: Option<Money>,
    /// The time of day is within these hours, where the budget's days turn.
    pub hours: Option<Hours>,
    /// The day of the week is one of these.
    pub days: Vec<Day>,
}

/// The facts a decision rests on.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// What is asked for.
    pub action: Action,
    /// The team that pays.
    pub team: &'a TeamId,
    /// The requester's roles.
    pub roles: &'a [Role],
    /// The country, as far as known: a number alone does not always tell.
    pub country: Option<Country>,
    /// The message type of a purchase.
    pub message_type: Option<MessageType>,
    /// The number type of a registration.
    pub number_type: Option<&'a str>,
    /// The live price of a purchase, once upstream was asked.
    pub price: Option<Price>,
    /// What the budgets have left of this month, before the purchase.
    pub budget_left: BudgetLeft,
    /// When, where the budget's days turn.
    pub at: DateTime,
}

/// The two prices that a quote fixes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Price {
    /// Once.
    pub setup: Money,
    /// Every month.
    pub monthly: Money,
}

impl Price {
    /// Setup and one full month: what a purchase is held against. Saturates, so that an absurd price stays
    /// too high instead of wrapping into a cheap one.
    pub fn total(self) -> Money {
        self.setup.checked_add(self.monthly).unwrap_or(Money::from_micros(i64::MAX))
    }
}

/// What the month's budgets have left: the least of the team's and the organisation's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BudgetLeft {
    /// Neither has a limit.
    Unlimited,
    /// This much; less than nothing when a late sale broke it.
    Amount(Money),
}

impl BudgetLeft {
    /// Whether `least` is left after `price` was spent.
    fn admits(self, price: Money, least: Money) -> bool {
        match self {
            Self::Unlimited => true,
            Self::Amount(left) => left.checked_sub(price).is_some_and(|left| left >= least),
        }
    }
}

/// Hours of a day: from the first, up to and without the last. `22:00-06:00` goes over midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hours {
    from: Time,
    to: Time,
}

/// A text that is no span of hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not hours of a day, like 09:00-17:30")]
pub struct HoursError;

impl Hours {
    /// Whether a time of day is within.
    pub fn contains(self, at: Time) -> bool {
        if self.from < self.to { self.from <= at && at < self.to } else { self.from <= at || at < self.to }
    }
}

impl FromStr for Hours {
    type Err = HoursError;

    fn from_str(text: &str) -> Result<Self, HoursError> {
        let (from, to) = text.split_once('-').ok_or(HoursError)?;
        let time = |text: &str| Time::strptime("%H:%M", text.trim()).map_err(|_| HoursError);
        let hours = Self { from: time(from)?, to: time(to)? };
        if hours.from == hours.to { Err(HoursError) } else { Ok(hours) }
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}-{}", self.from.strftime("%H:%M"), self.to.strftime("%H:%M"))
    }
}

impl Serialize for Hours {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Day(Weekday);

/// A text that is no day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a day: mon, tue, wed, thu, fri, sat or sun")]
pub struct DayError;

impl Day {
    const ALL: [(&'static str, Weekday); 7] = [
        ("mon", Weekday::Monday),
        ("tue", Weekday::Tuesday),
        ("wed", Weekday::Wednesday),
        ("thu", Weekday::Thursday),
        ("fri", Weekday::Friday),
        ("sat", Weekday::Saturday),
        ("sun", Weekday::Sunday),
    ];
}

impl FromStr for Day {
    type Err = DayError;

    fn from_str(text: &str) -> Result<Self, DayError> {
        let found = Self::ALL.into_iter().find(|(word, _)| *word == text);
        found.map(|(_, day)| Self(day)).ok_or(DayError)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = Self::ALL.into_iter().find(|(_, day)| *day == self.0);
        out.write_str(found.map_or("", |(word, _)| word))
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// How a condition, or a part of it, relates to facts that may be incomplete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Match {
    Yes,
    No,
    /// A fact that the condition asks about is not known yet.
    Open,
}

impl Condition {
    /// Whether the facts meet all of it.
    pub(super) fn matches(&self, facts: &Facts<'_>) -> Match {
        let parts = self.parts(facts);
        let any = |wanted: Match| parts.iter().any(|(_, part)| *part == wanted);
        if any(Match::No) {
            Match::No
        } else if any(Match::Open) {
            Match::Open
        } else {
            Match::Yes
        }
    }

    /// Each part by its key in the configuration, and how the facts relate to it.
    pub(super) fn parts(&self, facts: &Facts<'_>) -> [(&'static str, Match); 12] {
        let limit = |max: Option<Money>, of: fn(Price) -> Money| match (max, facts.price) {
            (None, _) => Match::Yes,
            (Some(_), None) => Match::Open,
            (Some(max), Some(price)) => Match::of(of(price) <= max),
        };
        let budget = match (self.min_budget_left, facts.price) {
            (None, _) => Match::Yes,
            (Some(_), None) => Match::Open,
            (Some(least), Some(price)) => Match::of(facts.budget_left.admits(price.total(), least)),
        };
        let is_listed_number_type =
            |kind: &str| self.number_types.iter().any(|listed| listed.eq_ignore_ascii_case(kind));
        [
            ("action", Match::of(self.action.is_none_or(|action| action == facts.action))),
            ("teams", Match::of(self.teams.is_empty() || self.teams.contains(facts.team))),
            (
                "roles",
                Match::of(self.roles.is_empty() || self.roles.iter().any(|role| facts.roles.contains(role))),
            ),
            ("countries", listed(&self.countries, facts.country.as_ref())),
            (
                "types",
                Match::of(
                    self.types.is_empty()
                        || facts.message_type.is_some_and(|kind| self.types.contains(&kind)),
                ),
            ),
            (
                "number_types",
                Match::of(
                    self.number_types.is_empty() || facts.number_type.is_some_and(is_listed_number_type),
                ),
            ),
            ("max_setup", limit(self.max_setup, |price| price.setup)),
            ("max_monthly", limit(self.max_monthly, |price| price.monthly)),
            ("max_total", limit(self.max_total, Price::total)),
            ("min_budget_left", budget),
            ("hours", Match::of(self.hours.is_none_or(|hours| hours.contains(facts.at.time())))),
            ("days", Match::of(self.days.is_empty() || self.days.contains(&Day(facts.at.weekday())))),
        ]
    }
}

impl Match {
    const fn of(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }
}

fn listed<T: PartialEq>(list: &[T], fact: Option<&T>) -> Match {
    match fact {
        _ if list.is_empty() => Match::Yes,
        None => Match::Open,
        Some(fact) => Match::of(list.contains(fact)),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]

    use jiff::civil::time;

    use super::{BudgetLeft, Day, Hours};
    use crate::domain::money::Money;

    #[test]
    fn hours_may_go_over_midnight_and_end_before_their_end() {
        let day: Hours = "09:00-17:30".parse().unwrap();
        let night: Hours = "22:00-06:00".parse().unwrap();
        for (at, in_day, in_night) in [
            (time(9, 0, 0, 0), true, false),
            (time(17, 29, 59, 0), true, false),
            (time(17, 30, 0, 0), false, false),
            (time(22, 0, 0, 0), false, true),
            (time(0, 0, 0, 0), false, true),
            (time(6, 0, 0, 0), false, false),
        ] {
            assert_eq!((day.contains(at), night.contains(at)), (in_day, in_night), "{at}");
        }
        assert_eq!(night.to_string(), "22:00-06:00");
        for text in ["", "9", "09:00", "09:00-09:00", "25:00-26:00", "nine-five"] {
            assert!(text.parse::<Hours>().is_err(), "{text}");
        }
    }

    #[test]
    fn days_are_read_as_they_are_written() {
        for word in ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] {
            assert_eq!(word.parse::<Day>().unwrap().to_string(), word);
        }
        assert!("monday".parse::<Day>().is_err());
    }

    #[test]
    fn a_budget_that_is_broken_admits_nothing_and_an_unlimited_one_everything() {
        let money = |text: &str| text.parse::<Money>().unwrap();
        let left = |amount: &str| BudgetLeft::Amount(money(amount));
        assert!(left("100.00").admits(money("20.00"), money("80.00")));
        assert!(!left("100.00").admits(money("20.01"), money("80.00")));
        assert!(!left("-1.00").admits(money("0.00"), money("0.00")));
        assert!(BudgetLeft::Unlimited.admits(money("20.00"), money("80.00")));
    }
}
