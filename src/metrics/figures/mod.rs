//! Figures from the store, as metric families built anew at each look: what is gone from the store is gone from
//! the metrics.

mod money;

use std::collections::BTreeMap;

use prometheus::core::Collector as _;
use prometheus::proto::MetricFamily;
use prometheus::{GaugeVec, Opts};

use crate::domain::money::Money;
use crate::domain::owned::Origin;
use crate::domain::purchase::State;
use crate::domain::registration::RegistrationState;

pub use money::{AccountFigure, BudgetFigure, LedgerFigure, MonthFigure};

/// What the store says at a moment.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// Purchases by state; states without any are zero.
    pub purchases: Vec<(State, i64)>,
    /// Since when the purchase is in its state that has been longest, in seconds since 1970; of states that end.
    pub oldest: Vec<(State, i64)>,
    /// Purchases that wait for people, by team.
    pub waiting: Vec<(String, i64)>,
    /// Registrations by state; states without any are zero.
    pub registrations: Vec<(RegistrationState, i64)>,
    /// Freezes in force: of everything, of single teams.
    pub freezes: (usize, usize),
    /// Events of the evidence, by what happened.
    pub events: BTreeMap<String, i64>,
    /// Owned numbers.
    pub owned: BTreeMap<OwnedFigure, u32>,
    /// Owned numbers that no team has: orphans, preexisting.
    pub unassigned: Vec<(Origin, i64)>,
    /// Charges since ever.
    pub charged: Vec<LedgerFigure>,
    /// What came back since ever: refunds and corrections, as amounts above zero.
    pub refunded: Vec<LedgerFigure>,
    /// Monthly fees of what is owned or may be.
    pub recurring: Vec<LedgerFigure>,
    /// Spend of the last twelve months, the one that runs among them.
    pub months: Vec<MonthFigure>,
    /// What the next twelve 1sts will take.
    pub forecast: Vec<MonthFigure>,
    /// The next 1st, in seconds since 1970.
    pub next_first: Option<i64>,
    /// Budgets of this month.
    pub budgets: Vec<BudgetFigure>,
    /// What the account has, as this process was told last.
    pub account: Option<AccountFigure>,
    /// Notices that are not delivered.
    pub notices: Vec<NoticeFigure>,
    /// When the store was read, in seconds since 1970.
    pub read_at: i64,
}

/// Owned numbers are counted by these.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OwnedFigure {
    /// Who pays for it.
    pub team: String,
    /// Two letters.
    pub country: String,
    /// sms, mms; empty where upstream does not say.
    pub message_type: String,
}

/// A webhook and what it was not told yet.
#[derive(Clone, Debug)]
pub struct NoticeFigure {
    /// Its name.
    pub webhook: String,
    /// Notices that are still to be sent.
    pub waiting: i64,
    /// Notices that were given up.
    pub dead: i64,
}

const FROM_STORE: &str = "From the database, the same in every replica: fold with max.";

impl Figures {
    pub(super) fn gather(&self) -> Result<Vec<MetricFamily>, prometheus::Error> {
        let mut families = self.states()?;
        families.extend(self.work()?);
        families.extend(self.numbers()?);
        families.extend(self.money()?);
        families.extend(self.months()?);
        families.extend(self.budgets()?);
        families.extend(self.notices()?);
        families.extend(self.account()?);
        let age = gauge(
            "numbers_gateway_collector_last_success_timestamp_seconds",
            "When the figures were read last.",
            &["collector"],
        )?;
        age.with_label_values(&["ledger"])
            .set(major(Money::from_micros(self.read_at.saturating_mul(1_000_000))));
        families.extend(age.collect());
        // A family without a series cannot be written; absent is what it should be anyway.
        families.retain(|family| !family.get_metric().is_empty());
        Ok(families)
    }

    fn states(&self) -> Result<Vec<MetricFamily>, prometheus::Error> {
        let states = gauge("numbers_gateway_purchases_in_state", "Purchases by state.", &["state"])?;
        for state in State::ALL {
            let count =
                self.purchases.iter().find(|(counted, _)| *counted == state).map_or(0, |(_, count)| *count);
            states.with_label_values(&[state.as_str()]).set(count_as_float(count));
        }
        Ok(states.collect())
    }

    fn work(&self) -> Result<Vec<MetricFamily>, prometheus::Error> {
        let oldest = gauge(
            "numbers_gateway_purchase_oldest_in_state_timestamp_seconds",
            "Since when the purchase that has been in a state for longest is there; absent where none is.",
            &["state"],
        )?;
        for (state, since) in &self.oldest {
            oldest.with_label_values(&[state.as_str()]).set(count_as_float(*since));
        }
        let waiting =
            gauge("numbers_gateway_approvals_pending", "Purchases that wait for people.", &["team"])?;
        for (team, count) in &self.waiting {
            waiting.with_label_values(&[team]).set(count_as_float(*count));
        }
        let registrations =
            gauge("numbers_gateway_registrations_in_state", "Registrations by state.", &["state"])?;
        for state in RegistrationState::ALL {
            let counted = self.registrations.iter().find(|(counted, _)| *counted == state);
            let count = counted.map_or(0, |(_, count)| *count);
            registrations.with_label_values(&[state.as_str()]).set(count_as_float(count));
        }
        let freezes = gauge("numbers_gateway_freezes", "Freezes of buying in force.", &["scope"])?;
        let (of_all, of_teams) = self.freezes;
        for (scope, count) in [("all", of_all), ("team", of_teams)] {
            freezes.with_label_values(&[scope]).set(f64::from(u32::try_from(count).unwrap_or(u32::MAX)));
        }
        let events = gauge(
            "numbers_gateway_audit_events",
            "Events of the evidence since ever, by what happened.",
            &["action"],
        )?;
        for (action, count) in &self.events {
            events.with_label_values(&[action]).set(count_as_float(*count));
        }
        let families = [oldest, waiting, registrations, freezes, events];
        Ok(families.iter().flat_map(GaugeVec::collect).collect())
    }

    fn numbers(&self) -> Result<Vec<MetricFamily>, prometheus::Error> {
        let owned = gauge(
            "numbers_gateway_numbers_owned",
            "Owned numbers, by who pays for them.",
            &["team", "country", "type"],
        )?;
        for (of, count) in &self.owned {
            owned.with_label_values(&[&of.team, &of.country, &of.message_type]).set(f64::from(*count));
        }
        let unassigned = gauge(
            "numbers_gateway_numbers_unassigned",
            "Owned numbers that no team has, by where they came from.",
            &["origin"],
        )?;
        for (origin, count) in &self.unassigned {
            unassigned.with_label_values(&[origin.as_str()]).set(count_as_float(*count));
        }
        Ok([owned.collect(), unassigned.collect()].concat())
    }

    fn notices(&self) -> Result<Vec<MetricFamily>, prometheus::Error> {
        let notices = gauge(
            "numbers_gateway_notices",
            "Notices that are not delivered: waiting to be sent, or given up.",
            &["webhook", "state"],
        )?;
        for figure in &self.notices {
            for (state, count) in [("waiting", figure.waiting), ("dead", figure.dead)] {
                notices.with_label_values(&[figure.webhook.as_str(), state]).set(count_as_float(count));
            }
        }
        Ok(notices.collect())
    }
}

fn gauge(name: &str, help: &str, labels: &[&str]) -> Result<GaugeVec, prometheus::Error> {
    GaugeVec::new(Opts::new(name, format!("{help} {FROM_STORE}")), labels)
}

/// For display only: no decision is ever made on a float.
#[expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "metrics are floats; 15 digits are exact"
)]
fn major(amount: Money) -> f64 {
    amount.micros() as f64 / 1_000_000.0
}

#[expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "metrics are floats; 15 digits are exact"
)]
fn count_as_float(count: i64) -> f64 {
    count as f64
}
