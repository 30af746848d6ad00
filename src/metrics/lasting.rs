//! How long people and purchases take: from asked for to decided, and to its end.

use std::time::Duration;

use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Registry};

use super::{Metrics, counter};
use crate::domain::purchase::State;

/// Seconds: what a rule allows takes one, what people decide takes days.
const OF_A_PURCHASE: &[f64] =
    &[0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3_600.0, 14_400.0, 86_400.0, 259_200.0, 604_800.0];
const OF_A_DECISION: &[f64] =
    &[10.0, 60.0, 300.0, 900.0, 3_600.0, 14_400.0, 28_800.0, 86_400.0, 172_800.0, 259_200.0, 604_800.0];
const ENDS: [State; 10] = [
    State::Bought,
    State::BoughtLate,
    State::Failed,
    State::NotBought,
    State::Unknown,
    State::NeedsAttention,
    State::Rejected,
    State::Withdrawn,
    State::Expired,
    State::Cancelled,
];
const DECISIONS: [State; 4] = [State::Approved, State::Rejected, State::Withdrawn, State::Expired];

pub(super) struct Lasting {
    purchases: HistogramVec,
    decisions: HistogramVec,
    rules: IntCounterVec,
}

impl Lasting {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let histogram = |name: &str, help: &str, label, buckets: &[f64]| {
            let opts = HistogramOpts::new(name, help).buckets(buckets.to_vec());
            let family = HistogramVec::new(opts, &[label])?;
            registry.register(Box::new(family.clone()))?;
            Ok::<_, prometheus::Error>(family)
        };
        Ok(Self {
            purchases: histogram(
                "numbers_gateway_purchase_duration_seconds",
                "Time from a purchase's request to an outcome; one that was unknown has another one later.",
                "outcome",
                OF_A_PURCHASE,
            )?,
            decisions: histogram(
                "numbers_gateway_approval_duration_seconds",
                "Time from a purchase's request to what people decided.",
                "decision",
                OF_A_DECISION,
            )?,
            rules: counter(
                registry,
                "numbers_gateway_policy_decisions_total",
                "What the rules said to requests; `default` is said where no rule matched.",
                &["rule", "verdict"],
            )?,
        })
    }

    pub(super) fn start_at_zero(&self) {
        for end in ENDS {
            self.purchases.with_label_values(&[end.as_str()]);
        }
        for decision in DECISIONS {
            self.decisions.with_label_values(&[decision.as_str()]);
        }
    }
}

impl Metrics {
    /// A purchase has an outcome, so long after it was asked for. States that are none are not counted.
    pub fn purchase_ended(&self, state: State, after: Duration) {
        if ENDS.contains(&state) {
            let family = &self.0.lasting.purchases;
            family.with_label_values(&[state.as_str()]).observe(after.as_secs_f64());
        }
    }

    /// People decided about a purchase, so long after it was asked for. States that are no decision are not counted.
    pub fn decided(&self, state: State, after: Duration) {
        if DECISIONS.contains(&state) {
            let family = &self.0.lasting.decisions;
            family.with_label_values(&[state.as_str()]).observe(after.as_secs_f64());
        }
    }

    /// Begins a configured rule's series at zero.
    pub fn expect_rule(&self, rule: Option<&str>, verdict: &'static str) {
        self.0.lasting.rules.with_label_values(&[rule.unwrap_or("default"), verdict]);
    }

    /// A rule said something about a request. Rules are configured, so their names are a closed set.
    pub fn ruled(&self, rule: Option<&str>, verdict: &'static str) {
        self.0.lasting.rules.with_label_values(&[rule.unwrap_or("default"), verdict]).inc();
    }
}
