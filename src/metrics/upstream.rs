//! Calls to ClickSend, and whether it is called at all.

use std::time::Duration;

use prometheus::{HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry};

use super::{Metrics, counter, histogram};

/// Whether an operation is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CircuitFigure {
    /// Every call goes.
    Closed,
    /// One call at a time finds out.
    HalfOpen,
    /// No call goes.
    Open,
}

impl CircuitFigure {
    const ALL: [Self; 3] = [Self::Closed, Self::HalfOpen, Self::Open];

    /// The metric label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::HalfOpen => "half_open",
            Self::Open => "open",
        }
    }
}

pub(super) struct Upstream {
    calls: IntCounterVec,
    seconds: HistogramVec,
    retries: IntCounterVec,
    circuit: IntGaugeVec,
}

impl Upstream {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let circuit = Opts::new(
            "numbers_gateway_upstream_circuit_state",
            "1 for how this replica treats an operation of ClickSend's, 0 for how it does not; `open` is left alone.",
        );
        let circuit = IntGaugeVec::new(circuit, &["operation", "state"])?;
        registry.register(Box::new(circuit.clone()))?;
        Ok(Self {
            calls: counter(
                registry,
                "numbers_gateway_upstream_calls_total",
                "Calls to ClickSend, by what came of them; `limited` and `circuit_open` never left.",
                &["operation", "outcome"],
            )?,
            seconds: histogram(
                registry,
                "numbers_gateway_upstream_call_duration_seconds",
                "Time of a call to ClickSend, without waiting for the outbound limiter.",
                &["operation"],
            )?,
            retries: counter(
                registry,
                "numbers_gateway_upstream_retries_total",
                "Reads of ClickSend's that were asked again, by what the try before lacked; each is a call as well.",
                &["operation", "reason"],
            )?,
            circuit,
        })
    }
}

impl Metrics {
    /// A call to upstream ended, or was refused on our side.
    pub fn upstream_called(&self, operation: &'static str, outcome: &'static str) {
        self.0.upstream.calls.with_label_values(&[operation, outcome]).inc();
    }

    /// How long a call took.
    pub fn upstream_took(&self, operation: &'static str, elapsed: Duration) {
        self.0.upstream.seconds.with_label_values(&[operation]).observe(elapsed.as_secs_f64());
    }

    /// A read was asked again.
    pub fn upstream_asked_again(&self, operation: &'static str, reason: &'static str) {
        self.0.upstream.retries.with_label_values(&[operation, reason]).inc();
    }

    /// Begins the series of a call at zero.
    pub fn expect_call(&self, operation: &'static str, outcome: &'static str) {
        self.0.upstream.calls.with_label_values(&[operation, outcome]);
        self.0.upstream.seconds.with_label_values(&[operation]);
    }

    /// Begins the series of a retry at zero.
    pub fn expect_retry(&self, operation: &'static str, reason: &'static str) {
        self.0.upstream.retries.with_label_values(&[operation, reason]);
    }

    /// Whether an operation is asked just now.
    pub fn circuit_is(&self, operation: &'static str, now: CircuitFigure) {
        for state in CircuitFigure::ALL {
            let series = self.0.upstream.circuit.with_label_values(&[operation, state.as_str()]);
            series.set(i64::from(state == now));
        }
    }
}
