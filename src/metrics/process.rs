//! What this process keeps in memory, and what its telemetry lost: taken over at each look, because both count by themselves.

use prometheus::{IntCounter, IntCounterVec, IntGauge, Registry};

use super::{Metrics, counter};

/// What this process keeps, and what its telemetry lost, since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProcessFigure {
    /// Pages of numbers on sale that are kept.
    pub cached_pages: u64,
    /// What they take, by estimate.
    pub cached_bytes: u64,
    /// Log lines that found no place.
    pub log_lines_lost: u64,
    /// Spans that the collector took.
    pub spans_sent: u64,
    /// Spans that the collector did not take.
    pub spans_not_taken: u64,
    /// Spans that found no place.
    pub spans_queue_full: u64,
}

pub(super) struct Process {
    pages: IntGauge,
    bytes: IntGauge,
    log_lines: IntCounter,
    spans: IntCounterVec,
}

impl Process {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let gauge = |name: &str, help: &str| {
            let gauge = IntGauge::new(name, help)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        let log_lines = IntCounter::new(
            "numbers_gateway_log_lines_lost_total",
            "Log lines that were dropped because standard error was not read fast enough.",
        )?;
        registry.register(Box::new(log_lines.clone()))?;
        Ok(Self {
            pages: gauge("numbers_gateway_cache_pages", "Pages of numbers on sale that are kept.")?,
            bytes: gauge(
                "numbers_gateway_cache_size_bytes",
                "What the kept pages take, by estimate; cache.max_bytes bounds it.",
            )?,
            log_lines,
            spans: counter(
                registry,
                "numbers_gateway_spans_total",
                "Spans of sampled requests, by what became of them; all but `sent` are lost.",
                &["outcome"],
            )?,
        })
    }
}

impl Metrics {
    /// How this process stands.
    pub fn catch_up_with(&self, figure: ProcessFigure) {
        let families = &self.0.process;
        let signed = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        families.pages.set(signed(figure.cached_pages));
        families.bytes.set(signed(figure.cached_bytes));
        let catch_up = |counter: &IntCounter, to: u64| counter.inc_by(to.saturating_sub(counter.get()));
        catch_up(&families.log_lines, figure.log_lines_lost);
        let spans = [
            ("sent", figure.spans_sent),
            ("not_taken", figure.spans_not_taken),
            ("queue_full", figure.spans_queue_full),
        ];
        for (outcome, count) in spans {
            catch_up(&families.spans.with_label_values(&[outcome]), count);
        }
    }
}
