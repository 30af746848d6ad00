//! One JSON object a line: what happened, and the fields of the spans it happened in.
//!
//! A request's span carries its id, so every line that is logged on behalf of a request can be found by it. Keys
//! stand side by side, not nested; where two are the same, the inner one counts, and the first four always do.

use std::fmt;

use opentelemetry::trace::TraceContextExt as _;
use serde_json::{Map, Value};
use tracing::{Event, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::{JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields as _, FormattedFields};
use tracing_subscriber::registry::{LookupSpan, Scope};

use crate::clock::Clock;

/// Writes events as JSON.
#[derive(Debug)]
pub(super) struct JsonLine {
    clock: Clock,
}

impl Default for JsonLine {
    fn default() -> Self {
        Self { clock: Clock::system() }
    }
}

impl<S> FormatEvent<S, JsonFields> for JsonLine
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Map::new();
        for span in context.event_scope().into_iter().flat_map(Scope::from_root) {
            if let Some(written) = span.extensions().get::<FormattedFields<JsonFields>>() {
                fields.append(&mut object(&written.fields));
            }
        }
        fields.append(&mut object(&formatted(event)?));
        if let Some(trace_id) = trace() {
            fields.insert("trace_id".to_owned(), trace_id.into());
        }
        let metadata = event.metadata();
        let mut line = Map::from_iter([
            ("timestamp".to_owned(), self.clock.now().to_string().into()),
            ("level".to_owned(), metadata.level().as_str().into()),
            ("target".to_owned(), metadata.target().into()),
            ("message".to_owned(), fields.shift_remove("message").unwrap_or_default()),
        ]);
        for (name, value) in fields {
            line.entry(name).or_insert(value);
        }
        writeln!(writer, "{}", Value::Object(line))
    }
}

fn formatted(fields: impl RecordFields) -> Result<String, fmt::Error> {
    let mut text = String::new();
    JsonFields::new().format_fields(Writer::new(&mut text), fields)?;
    Ok(text)
}

/// What [`JsonFields`] wrote; empty for a span without fields.
fn object(written: &str) -> Map<String, Value> {
    serde_json::from_str(written).unwrap_or_default()
}

/// The trace that the current span belongs to, whether this part of it is sent anywhere or not: a caller may have the rest.
fn trace() -> Option<String> {
    let context = opentelemetry::Context::current();
    let span = context.span();
    let span = span.span_context();
    span.is_valid().then(|| span.trace_id().to_string())
}
