//! Logs to standard error and traces to a collector: what the gateway tells while it runs.
//!
//! Neither may hold up a request. Log lines go through a bounded queue to a thread of their own (`lines`), spans through
//! another (`bounded`); when a pipe or a collector hangs, lines and spans are lost and counted ([`losses()`]), and nothing
//! else.
//!
//! The two have filters of their own: an event stands in the log and not once more in the trace, and only our own
//! spans are sent, so that the exporter's client does not trace itself.

mod bounded;
mod json;
mod lines;
mod losses;
mod served;
#[cfg(test)]
mod tests;
mod traces;

use std::io::IsTerminal as _;
use std::time::Duration;

use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, Registry};

use self::json::{JsonLine, Members};
use self::lines::Lines;
use crate::config::{self, LogFormat};

pub use losses::{Losses, losses};
pub use served::{Served, millis, served};
pub use traces::{continue_trace, draws};

/// How long the end of the process waits for the collector, and then for the log.
const LAST_SPANS_WITHIN: Duration = Duration::from_secs(5);
const LAST_LINES_WITHIN: Duration = Duration::from_secs(2);

/// How much is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verbosity {
    /// What an operator wants to read later.
    Usual,
    /// Only what is wrong: for the demo, whose log stands between the lines that people read.
    Quiet,
}

/// Why nothing is logged or traced.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The exporter refused the address, or found no root certificates.
    #[error("telemetry.otlp_endpoint: {0}")]
    Exporter(#[from] opentelemetry_otlp::ExporterBuildError),
    /// No thread for the log.
    #[error("no thread for the log: {0}")]
    Thread(#[from] std::io::Error),
    /// Something else in this process logs already.
    #[error("logging was set up before: {0}")]
    Installed(#[from] tracing::subscriber::SetGlobalDefaultError),
}

/// The running telemetry of this process.
#[derive(Debug)]
pub struct Telemetry {
    lines: Lines,
    traces: Option<SdkTracerProvider>,
}

impl Telemetry {
    /// Sets up logging and tracing for the whole process. To be called outside of any async runtime, because
    /// the exporter brings a blocking one of its own.
    pub fn install(settings: &config::Telemetry, verbosity: Verbosity) -> Result<Self, TelemetryError> {
        let lines = Lines::to_stderr()?;
        let traces = traces::provider(settings)?;
        let log = log(settings.log_format, lines.clone());
        let subscriber = Registry::default()
            .with(traces.as_ref().map(traces::layer))
            .with(log.with_filter(levels(verbosity)));
        tracing::subscriber::set_global_default(subscriber)?;
        if settings.log_format == LogFormat::Json {
            served::go_to(lines.clone(), verbosity);
        }
        Ok(Self { lines, traces })
    }

    /// Sends the last spans, within five seconds. Blocks: to be called when the async runtime has ended.
    pub fn send_last_spans(&self) {
        if let Some(Err(error)) =
            self.traces.as_ref().map(|traces| traces.shutdown_with_timeout(LAST_SPANS_WITHIN))
        {
            tracing::warn!(%error, "the last spans may be lost");
        }
    }

    /// Waits until the last lines are written, within two seconds. Blocks: for the end of the process.
    pub fn write_last_lines(&self) {
        self.lines.flush(LAST_LINES_WITHIN);
    }
}

fn levels(verbosity: Verbosity) -> Targets {
    let level = match verbosity {
        Verbosity::Usual => LevelFilter::INFO,
        Verbosity::Quiet => LevelFilter::WARN,
    };
    // The exporter tells on level info that it starts and stops.
    Targets::new().with_default(level).with_target("opentelemetry", LevelFilter::WARN)
}

fn log<S, W>(format: LogFormat, writer: W) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let layer = fmt::layer().with_writer(writer);
    match format {
        LogFormat::Json => layer.fmt_fields(Members).event_format(JsonLine::default()).boxed(),
        LogFormat::Text => layer.with_ansi(std::io::stderr().is_terminal()).boxed(),
    }
}
