//! Series of the search path, found once: looking them up by their labels costs more than counting.

use std::time::Duration;

use prometheus::{Histogram, IntCounter, IntGauge};

/// What one limit decides.
pub struct LimitDecisions {
    pub(super) allowed: IntCounter,
    pub(super) rejected: IntCounter,
}

impl LimitDecisions {
    /// The limit looked at a request.
    pub fn count(&self, allowed: bool) {
        if allowed { self.allowed.inc() } else { self.rejected.inc() }
    }
}

/// Answers that were kept whole.
pub struct WholeHits {
    pub(super) active: IntGauge,
    pub(super) ok: Histogram,
    pub(super) not_modified: Histogram,
    pub(super) hits: IntCounter,
}

impl WholeHits {
    /// Counts a request as active until the guard is dropped.
    pub fn begun(&self) -> ActiveRequest {
        ActiveRequest::begin(&self.active)
    }

    /// An answer was served, or the caller has it already.
    pub fn served(&self, is_modified: bool, elapsed: Duration) {
        self.hits.inc();
        let series = if is_modified { &self.ok } else { &self.not_modified };
        series.observe(elapsed.as_secs_f64());
    }
}

/// A request that is being answered.
pub struct ActiveRequest(IntGauge);

impl ActiveRequest {
    pub(super) fn begin(active: &IntGauge) -> Self {
        active.inc();
        Self(active.clone())
    }
}

impl Drop for ActiveRequest {
    fn drop(&mut self) {
        self.0.dec();
    }
}
