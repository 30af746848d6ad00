//! Spans on their way to the collector: bounded, and what is lost is counted.
//!
//! The library's batch processor drops what finds its queue full and tells nobody how much. So this stands on both sides of
//! it: it knows what went in and what came out, and drops first.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Span, SpanData, SpanExporter, SpanProcessor,
};

use super::losses::{SPANS_NOT_TAKEN, SPANS_QUEUE_FULL, SPANS_SENT};

/// Spans that wait at most: some seconds of a busy gateway at a sample of 1 %, about two megabytes.
const QUEUE: usize = 2_048;
/// The library's own queue, which is never full before ours.
const INNER_QUEUE: usize = 2 * QUEUE;

/// Where spans end, before the library's queue.
#[derive(Debug)]
pub(super) struct Bounded {
    inner: BatchSpanProcessor,
    waiting: Arc<AtomicUsize>,
}

impl Bounded {
    /// Batches for an exporter, sent by a thread of their own.
    pub(super) fn to(exporter: impl SpanExporter + 'static) -> Self {
        let waiting = Arc::new(AtomicUsize::new(0));
        let exporter = Counted { exporter, waiting: Arc::clone(&waiting) };
        let config = BatchConfigBuilder::default().with_max_queue_size(INNER_QUEUE).build();
        let inner = BatchSpanProcessor::builder(exporter).with_batch_config(config).build();
        Self { inner, waiting }
    }
}

impl SpanProcessor for Bounded {
    fn on_start(&self, span: &mut Span, context: &Context) {
        self.inner.on_start(span, context);
    }

    fn on_end(&self, span: SpanData) {
        if !span.span_context.is_sampled() {
            return;
        }
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= QUEUE {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            SPANS_QUEUE_FULL.add(1);
            return;
        }
        self.inner.on_end(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

/// An exporter that counts what became of each batch.
struct Counted<E> {
    exporter: E,
    waiting: Arc<AtomicUsize>,
}

impl<E: fmt::Debug> fmt::Debug for Counted<E> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.exporter.fmt(out)
    }
}

impl<E: SpanExporter> SpanExporter for Counted<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        let exported = self.exporter.export(batch).await;
        self.waiting.fetch_sub(spans, Ordering::Relaxed);
        let outcome = if exported.is_ok() { &SPANS_SENT } else { &SPANS_NOT_TAKEN };
        outcome.add(u64::try_from(spans).unwrap_or(u64::MAX));
        exported
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}
