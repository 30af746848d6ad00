//! Figures from the store, as metric families built anew at each look: what is gone from the store is gone from
//! the metrics.

use std::collections::BTreeMap;

use prometheus::core::Collector as _;
use prometheus::proto::MetricFamily;
use prometheus::{CounterVec, GaugeVec, Opts};

use crate::domain::money::Money;
use crate::domain::owned::Origin;
use crate::domain::purchase::State;

/// What the store says at a moment.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// Purchases by state; states without any are zero.
    pub purchases: Vec<(State, i64)>,
    /// Owned numbers.
    pub owned: BTreeMap<OwnedFigure, u32>,
    /// Owned numbers that no team has: orphans, preexisting.
    pub unassigned: Vec<(Origin, i64)>,
    /// Charges since ever.
    pub charged: Vec<LedgerFigure>,
    /// Monthly fees of what is owned or may be.
    pub recurring: Vec<LedgerFigure>,
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
    /// Empty where no team has it.
    pub team: String,
    /// Two letters.
    pub country: String,
    /// sms, mms; empty where upstream does not say.
    pub message_type: String,
}

/// An amount of the ledger.
#[derive(Clone, Debug)]
pub struct LedgerFigure {
    /// Who pays.
    pub team: String,
    /// Where.
    pub country: String,
    /// What for.
    pub kind: String,
    /// In which money.
    pub currency: String,
    /// How much.
    pub amount: Money,
}

/// A budget and what is left of it; the organisation's has no team.
#[derive(Clone, Debug)]
pub struct BudgetFigure {
    /// Whose.
    pub team: String,
    /// In which money.
    pub currency: String,
    /// Spend in the month; no series where there is no limit.
    pub spend_limit: Option<Money>,
    /// Charged in the month.
    pub spent: Money,
    /// Held in the month, or due.
    pub held: Money,
    /// Fees a month; no series where there is no limit.
    pub recurring_limit: Option<Money>,
    /// Fees a month of what is bought.
    pub recurring: Money,
    /// Fees a month of what may be: under way, or unknown.
    pub recurring_held: Money,
}

/// The account's money.
#[derive(Clone, Debug)]
pub struct AccountFigure {
    /// In which money.
    pub currency: String,
    /// What is left.
    pub balance: Money,
    /// Whether a card is charged when it is low.
    pub auto_recharge: Option<bool>,
    /// How many of the next 1sts it pays; nothing in other money.
    pub firsts_covered: Option<usize>,
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
        families.extend(self.numbers()?);
        families.extend(self.money()?);
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

    fn numbers(&self) -> Result<Vec<MetricFamily>, prometheus::Error> {
        let owned = gauge("numbers_gateway_numbers_owned", "Owned numbers.", &["team", "country", "type"])?;
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

    fn money(&self) -> Result<Vec<MetricFamily>, prometheus::Error> {
        let spend = CounterVec::new(
            Opts::new(
                "numbers_gateway_spend_total",
                format!("Charges since ever, in major units. {FROM_STORE}"),
            ),
            &["team", "country", "charge", "currency"],
        )?;
        for figure in &self.charged {
            let labels = [figure.team.as_str(), &figure.country, &figure.kind, &figure.currency];
            spend.with_label_values(&labels).inc_by(major(figure.amount).max(0.0));
        }
        let recurring = gauge(
            "numbers_gateway_recurring_monthly",
            "Monthly fees of what is bought or may be, in major units.",
            &["team", "country", "currency"],
        )?;
        for figure in &self.recurring {
            let labels = [figure.team.as_str(), &figure.country, &figure.currency];
            recurring.with_label_values(&labels).set(major(figure.amount));
        }
        Ok([spend.collect(), recurring.collect()].concat())
    }

    fn budgets(&self) -> Result<Vec<MetricFamily>, prometheus::Error> {
        let labels = &["team", "kind", "currency"];
        let limit = gauge("numbers_gateway_budget_limit", "Limit of a budget, in major units.", labels)?;
        let spent =
            gauge("numbers_gateway_budget_spent", "Charged, or owed every month, in major units.", labels)?;
        let held = gauge(
            "numbers_gateway_budget_held",
            "Set aside for buys under way and renewals that are due, in major units.",
            labels,
        )?;
        for budget in &self.budgets {
            let of_spend = [budget.team.as_str(), "spend", &budget.currency];
            let of_recurring = [budget.team.as_str(), "recurring", &budget.currency];
            for (labels, most) in [(&of_spend, budget.spend_limit), (&of_recurring, budget.recurring_limit)] {
                if let Some(most) = most {
                    limit.with_label_values(labels).set(major(most));
                }
            }
            spent.with_label_values(&of_spend).set(major(budget.spent));
            spent.with_label_values(&of_recurring).set(major(budget.recurring));
            held.with_label_values(&of_spend).set(major(budget.held));
            held.with_label_values(&of_recurring).set(major(budget.recurring_held));
        }
        Ok([limit.collect(), spent.collect(), held.collect()].concat())
    }

    fn account(&self) -> Result<Vec<MetricFamily>, prometheus::Error> {
        let Some(account) = &self.account else { return Ok(Vec::new()) };
        let balance = GaugeVec::new(
            Opts::new(
                "numbers_gateway_account_balance",
                "ClickSend's balance as it was named last, in major units.",
            ),
            &["currency"],
        )?;
        balance.with_label_values(&[&account.currency]).set(major(account.balance));
        let recharge = GaugeVec::new(
            Opts::new(
                "numbers_gateway_account_auto_recharge",
                "Whether a card is charged when the balance is low.",
            ),
            &[],
        )?;
        if let Some(is_on) = account.auto_recharge {
            recharge.with_label_values::<&str>(&[]).set(f64::from(u8::from(is_on)));
        }
        let covered = GaugeVec::new(
            Opts::new(
                "numbers_gateway_account_firsts_covered",
                "How many of the next twelve 1sts the balance pays the number fees of.",
            ),
            &[],
        )?;
        if let Some(firsts) = account.firsts_covered.and_then(|firsts| u32::try_from(firsts).ok()) {
            covered.with_label_values::<&str>(&[]).set(f64::from(firsts));
        }
        Ok([balance.collect(), recharge.collect(), covered.collect()].concat())
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
