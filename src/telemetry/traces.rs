//! Spans to a collector, as OTLP over HTTP.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use opentelemetry::KeyValue;
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::{Link, SpanKind, TraceId, TracerProvider as _};
use opentelemetry_otlp::{ExporterBuildError, Protocol, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SamplingResult, SdkTracerProvider, ShouldSample};
use tracing::{Metadata, Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

use super::bounded::Bounded;
use crate::config::{self, WebUrl};

/// `service.name`, and the name of the tracer.
const SERVICE: &str = "numbers-gateway";
/// Where collectors take traces (OTLP 1.0, "OTLP/HTTP Request").
const TRACES_PATH: &str = "/v1/traces";

/// Sends batches in the background; nothing when no collector is configured.
pub(super) fn provider(
    settings: &config::Telemetry,
) -> Result<Option<SdkTracerProvider>, ExporterBuildError> {
    let Some(endpoint) = &settings.otlp_endpoint else { return Ok(None) };
    let exporter = SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(address(endpoint))
        .build()?;
    // A caller's decision counts for its whole trace; otherwise half of it would be missing.
    let ratio = settings.sample.ratio();
    let sampler = Sampler::ParentBased(Box::new(Roots(Sampler::TraceIdRatioBased(ratio))));
    LOTS.open(ratio);
    // Empty at first: detectors would read the environment, which is for the configuration alone.
    let resource = Resource::builder_empty().with_service_name(SERVICE).build();
    let provider = SdkTracerProvider::builder()
        .with_span_processor(Bounded::to(exporter))
        .with_sampler(sampler)
        .with_resource(resource)
        .build();
    Ok(Some(provider))
}

/// Decides about traces that begin here. Of a request it was drawn before there was a span ([`draws`]), because most
/// requests that lose need none; of anything else it is drawn here.
#[derive(Clone, Debug)]
struct Roots(Sampler);

impl ShouldSample for Roots {
    fn should_sample(
        &self,
        parent: Option<&opentelemetry::Context>,
        trace_id: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let was_drawn = || attributes.iter().any(|attribute| attribute.key.as_str() == "sampled");
        let decided = match name {
            "request" if was_drawn() => &Sampler::AlwaysOn,
            "request" => &Sampler::AlwaysOff,
            _ => &self.0,
        };
        decided.should_sample(parent, trace_id, name, kind, attributes, links)
    }
}

/// Lots for requests.
struct Lots {
    /// Of 2³², how many win.
    winning: AtomicU64,
    next: AtomicU64,
}

static LOTS: Lots = Lots { winning: AtomicU64::new(0), next: AtomicU64::new(0) };

impl Lots {
    /// From now on this share of all wins.
    fn open(&self, ratio: f64) {
        const ALL: f64 = 4_294_967_296.0;
        // From 0 to 1, so nothing is lost or negative.
        #[expect(
            clippy::as_conversions,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "from 0 to 2^32"
        )]
        let winning = (ratio * ALL) as u64;
        self.next.store(RandomState::new().hash_one(winning), Ordering::Relaxed);
        self.winning.store(winning, Ordering::Relaxed);
    }

    fn draw(&self) -> bool {
        // SplitMix64: a counter, and a mixer that lets no pattern of it through.
        let mut lot = self.next.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        lot = (lot ^ (lot >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        lot = (lot ^ (lot >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (lot ^ (lot >> 31)) >> 32 < self.winning.load(Ordering::Relaxed)
    }
}

/// Whether the next request is one of those whose traces are sent; without a collector none is.
pub fn draws() -> bool {
    LOTS.draw()
}

/// What turns our own spans of level info into spans of a trace.
pub(super) fn layer<S>(provider: &SdkTracerProvider) -> impl Layer<S> + use<S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    tracing_opentelemetry::layer()
        .with_tracer(provider.tracer(SERVICE))
        .with_location(false)
        .with_threads(false)
        .with_tracked_inactivity(false)
        .with_filter(filter_fn(is_our_span))
}

/// Makes a span that was not entered yet part of the trace that a caller began: `traceparent` as W3C's Trace Context has
/// it. One that is none, or no collector at all, changes nothing.
pub fn continue_trace(span: &Span, traceparent: &str) {
    let carrier = HashMap::from([("traceparent".to_owned(), traceparent.to_owned())]);
    let context = TraceContextPropagator::new().extract(&carrier);
    // Without a collector there is nothing that could continue.
    let _ = span.set_parent(context);
}

fn is_our_span(metadata: &Metadata<'_>) -> bool {
    metadata.is_span()
        && metadata.target().starts_with(env!("CARGO_CRATE_NAME"))
        && *metadata.level() <= tracing::Level::INFO
}

/// A collector is usually given without a path.
fn address(endpoint: &WebUrl) -> String {
    match endpoint.path() {
        "" => format!("{}{TRACES_PATH}", endpoint.as_str()),
        _ => endpoint.as_str().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]

    use super::{Lots, address};

    #[test]
    fn as_many_are_drawn_as_the_sample_says() {
        for (ratio, least, most) in
            [(0.0, 0, 0), (0.01, 800, 1_200), (0.5, 49_000, 51_000), (1.0, 100_000, 100_000)]
        {
            let lots = Lots { winning: 0.into(), next: 0.into() };
            lots.open(ratio);
            let drawn = (0..100_000).filter(|_| lots.draw()).count();
            assert!((least..=most).contains(&drawn), "{drawn} of 100,000 at {ratio}");
        }
    }

    #[test]
    fn a_collector_without_a_path_gets_the_usual_one() {
        assert_eq!(address(&"http://127.0.0.1:4318".parse().unwrap()), "http://127.0.0.1:4318/v1/traces");
        assert_eq!(address(&"https://otlp.example/x".parse().unwrap()), "https://otlp.example/x");
    }
}
