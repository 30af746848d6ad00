//! Money as metrics: from the ledger, whole cents until the last step, absent where nobody knows.

use prometheus::core::Collector as _;
use prometheus::proto::MetricFamily;
use prometheus::{CounterVec, GaugeVec, Opts};

use super::{FROM_STORE, Figures, count_as_float, gauge, major};
use crate::domain::money::Money;

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

/// An amount of one month.
#[derive(Clone, Debug)]
pub struct MonthFigure {
    /// Who pays.
    pub team: String,
    /// `2026-11`
    pub month: String,
    /// In which money.
    pub currency: String,
    /// How much.
    pub amount: Money,
}

impl Figures {
    pub(super) fn money(&self) -> Result<Vec<MetricFamily>, prometheus::Error> {
        let spend = CounterVec::new(
            Opts::new(
                "numbers_gateway_spend_total",
                format!("Charges since ever, in major units. {FROM_STORE}"),
            ),
            &["team", "country", "charge", "currency"],
        )?;
        // What only ever came back was no charge.
        let refund = |figure: &&LedgerFigure| figure.kind != "refund";
        for figure in self.charged.iter().filter(refund) {
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
        let refunds = CounterVec::new(
            Opts::new(
                "numbers_gateway_refunds_total",
                format!("What came back since ever, in major units; not in spend_total. {FROM_STORE}"),
            ),
            &["team", "currency"],
        )?;
        for figure in self.refunded.iter().filter(|figure| figure.amount > Money::ZERO) {
            let labels = [figure.team.as_str(), &figure.currency];
            refunds.with_label_values(&labels).inc_by(major(figure.amount).max(0.0));
        }
        Ok([spend.collect(), refunds.collect(), recurring.collect()].concat())
    }

    /// Months as a label: a dashboard shows a year that no scrape has seen. Twelve of them, so that it stays bounded.
    pub(super) fn months(&self) -> Result<Vec<MetricFamily>, prometheus::Error> {
        let labels = &["team", "month", "currency"];
        let spend = gauge(
            "numbers_gateway_spend_in_month",
            "Charges of a month less what came back, in major units: of this month and the eleven before it.",
            labels,
        )?;
        let forecast = gauge(
            "numbers_gateway_forecast",
            "What the 1st of a month will take for what is owned now, in major units: of the next twelve.",
            labels,
        )?;
        for (family, figures) in [(&spend, &self.months), (&forecast, &self.forecast)] {
            for MonthFigure { team, month, currency, amount } in figures {
                family.with_label_values(&[team, month, currency]).set(major(*amount));
            }
        }
        let first = gauge(
            "numbers_gateway_next_first",
            "What the next 1st will take for what is owned now, in major units: the first of the forecast.",
            &["team", "currency"],
        )?;
        if let Some(next) = self.forecast.iter().map(|figure| figure.month.as_str()).min() {
            for figure in self.forecast.iter().filter(|figure| figure.month == next) {
                first.with_label_values(&[&figure.team, &figure.currency]).set(major(figure.amount));
            }
        }
        let next = gauge(
            "numbers_gateway_next_first_timestamp_seconds",
            "When the next 1st begins, where ClickSend's months turn.",
            &[],
        )?;
        if let Some(at) = self.next_first {
            next.with_label_values::<&str>(&[]).set(count_as_float(at));
        }
        Ok([spend.collect(), forecast.collect(), first.collect(), next.collect()].concat())
    }

    pub(super) fn budgets(&self) -> Result<Vec<MetricFamily>, prometheus::Error> {
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

    pub(super) fn account(&self) -> Result<Vec<MetricFamily>, prometheus::Error> {
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
}
