//! Spans to a collector, as OTLP over HTTP.

use std::collections::HashMap;

use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{ExporterBuildError, Protocol, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
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
    let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(settings.sample.ratio())));
    // Empty at first: detectors would read the environment, which is for the configuration alone.
    let resource = Resource::builder_empty().with_service_name(SERVICE).build();
    let provider = SdkTracerProvider::builder()
        .with_span_processor(Bounded::to(exporter))
        .with_sampler(sampler)
        .with_resource(resource)
        .build();
    Ok(Some(provider))
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

    use super::address;

    #[test]
    fn a_collector_without_a_path_gets_the_usual_one() {
        assert_eq!(address(&"http://127.0.0.1:4318".parse().unwrap()), "http://127.0.0.1:4318/v1/traces");
        assert_eq!(address(&"https://otlp.example/x".parse().unwrap()), "https://otlp.example/x");
    }
}
