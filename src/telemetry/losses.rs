//! What telemetry lost, counted for the whole process, as its subscriber is.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts of this process since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Log lines that found the queue full: standard error was not read fast enough.
    pub log_lines: u64,
    /// Spans that the collector took.
    pub spans_sent: u64,
    /// Spans that the collector did not take, or not in time.
    pub spans_not_taken: u64,
    /// Spans that found the queue full, because the collector is slower than they come.
    pub spans_queue_full: u64,
}

/// One of the counts.
#[derive(Debug)]
pub(super) struct Count(AtomicU64);

pub(super) static LOG_LINES: Count = Count::new();
pub(super) static SPANS_SENT: Count = Count::new();
pub(super) static SPANS_NOT_TAKEN: Count = Count::new();
pub(super) static SPANS_QUEUE_FULL: Count = Count::new();

impl Count {
    const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    pub(super) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The counts of now.
pub fn losses() -> Losses {
    Losses {
        log_lines: LOG_LINES.get(),
        spans_sent: SPANS_SENT.get(),
        spans_not_taken: SPANS_NOT_TAKEN.get(),
        spans_queue_full: SPANS_QUEUE_FULL.get(),
    }
}
