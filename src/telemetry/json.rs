//! One JSON object a line: what happened, and the fields of the spans it happened in.
//!
//! A request's span carries its id, so every line that is logged on behalf of a request can be found by it. Keys
//! stand side by side, not nested; where two are the same, the inner one counts, and the first four always do.

use std::fmt::{self, Write as _};

use opentelemetry::trace::TraceContextExt as _;
use tracing::field::{Field, Visit};
use tracing::span::Record;
use tracing::{Event, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::{LookupSpan, Scope};

use crate::clock::Clock;

/// Keys that a line begins with, whatever spans and event call theirs.
const FIRST: [&str; 4] = ["timestamp", "level", "target", "message"];

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

impl<S> FormatEvent<S, Members> for JsonLine
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, Members>,
        mut line: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut written = String::with_capacity(512);
        for span in context.event_scope().into_iter().flat_map(Scope::from_root) {
            if let Some(fields) = span.extensions().get::<FormattedFields<Members>>() {
                written.push_str(&fields.fields);
            }
        }
        Members.format_fields(Writer::new(&mut written), event)?;
        if let Some(trace_id) = trace() {
            writeln!(written, "\"trace_id\":\"{trace_id}\"")?;
        }
        let members: Vec<(&str, &str)> = written.lines().filter_map(split).collect();
        let value_of = |name| members.iter().rfind(|(other, _)| *other == name).map(|(_, value)| *value);
        let metadata = event.metadata();
        write!(line, "{{\"timestamp\":\"{}\",\"level\":\"{}\"", self.clock.now(), metadata.level())?;
        line.write_str(",\"target\":")?;
        text(&mut line, metadata.target())?;
        write!(line, ",\"message\":{}", value_of("message").unwrap_or("null"))?;
        for (place, (name, _)) in members.iter().enumerate() {
            let was_before = members.iter().take(place).any(|(other, _)| other == name);
            if !was_before && !FIRST.contains(name) {
                write!(line, ",\"{name}\":{}", value_of(name).unwrap_or("null"))?;
            }
        }
        line.write_str("}\n")
    }
}

/// Writes the fields of spans and events as members of a JSON object, each on a line of its own, which no JSON text needs
/// within itself. So a field that comes later is added and nothing is read again; of two with one name the last counts.
#[derive(Debug)]
pub(super) struct Members;

impl<'writer> FormatFields<'writer> for Members {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'writer>, fields: R) -> fmt::Result {
        let mut into = Into { writer, result: Ok(()) };
        fields.record(&mut into);
        into.result
    }

    fn add_fields(&self, current: &'writer mut FormattedFields<Self>, fields: &Record<'_>) -> fmt::Result {
        self.format_fields(current.as_writer(), fields)
    }
}

/// A member as it was written: its name and its value.
fn split(member: &str) -> Option<(&str, &str)> {
    member.strip_prefix('"')?.split_once("\":")
}

struct Into<'writer> {
    writer: Writer<'writer>,
    result: fmt::Result,
}

impl Into<'_> {
    fn member(&mut self, field: &Field, value: impl FnOnce(&mut Writer<'_>) -> fmt::Result) {
        let writer = &mut self.writer;
        // A keyword as a name is written with it: no name has anything else that JSON would escape.
        let name = field.name().trim_start_matches("r#");
        let written = write!(writer, "\"{name}\":").and_then(|()| value(writer));
        self.result = self.result.and(written).and_then(|()| writer.write_char('\n'));
    }
}

impl Visit for Into<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.member(field, |out| write!(out, "{}", serde_json::Value::from(value)));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.member(field, |out| write!(out, "{value}"));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.member(field, |out| write!(out, "{value}"));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.member(field, |out| write!(out, "{value}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.member(field, |out| text(out, value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.member(field, |out| text(out, &format!("{value:?}")));
    }
}

/// A text in quotes, escaped where it has to be.
fn text(out: &mut Writer<'_>, text: &str) -> fmt::Result {
    if text.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\') {
        return write!(out, "\"{text}\"");
    }
    out.write_str(&serde_json::to_string(text).map_err(|_| fmt::Error)?)
}

/// The trace that the current span belongs to, whether this part of it is sent anywhere or not: a caller may have the rest.
fn trace() -> Option<String> {
    let context = opentelemetry::Context::current();
    let span = context.span();
    let span = span.span_context();
    span.is_valid().then(|| span.trace_id().to_string())
}
