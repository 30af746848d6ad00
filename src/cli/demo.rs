//! `demo`: the whole gateway to play with, and the tour through it.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use tokio_util::sync::CancellationToken;

use super::signals::Signals;
use super::{Failure, output, run_time};
use crate::auth::SignError;
use crate::clock::Clock;
use crate::config::Sources;
use crate::demo::{self, DemoError, Options, Prepared, TourError};
use crate::telemetry::{Telemetry, Verbosity};

/// Runs simulator, gateway and database in one process, with nothing to configure.
#[derive(Debug, Args)]
#[command(
    after_help = "No account is needed and no money is spent: the simulator stands for ClickSend. Ctrl-C leaves \
                  nothing behind but the data directory, and the next demo there goes on from it.\n\n\
                  Example:\n  numbers-gateway demo --tour"
)]
pub(super) struct Demo {
    /// Where keys and database are [default: data/demo, for a tour a new one].
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The public listener [default: 127.0.0.1:8080 or the next free port].
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// The operators' listener [default: 127.0.0.1:9464 or the next free port].
    #[arg(long, value_name = "ADDR")]
    ops_listen: Option<SocketAddr>,
    /// Plays so many months of a past first, 1m to 12m, into a new data directory: for dashboards and reports.
    #[arg(long, value_name = "MONTHS", value_parser = months, conflicts_with = "tour")]
    history: Option<u8>,
    /// Prints one line of JSON when it is ready: URLs and tokens.
    #[arg(long, conflicts_with = "tour")]
    json: bool,
    /// Plays a story in half a minute, shows each call with its answer, and ends.
    #[arg(long)]
    tour: bool,
}

impl Demo {
    pub(super) fn run(self) -> Result<(), Failure> {
        let prepared = Prepared::new(Options {
            data_dir: self.data_dir.clone().or_else(|| self.tour.then(new_data_dir)),
            listen: self.listen,
            ops_listen: self.ops_listen,
            history: self.history,
            environment: Sources::from_process(None).environment,
        })?;
        for note in &prepared.notes {
            output::tell(note);
        }
        let telemetry = Telemetry::install(&prepared.config().telemetry, Verbosity::Quiet)
            .map_err(Failure::configuration)?;
        let played = run_time::serve(self.play(prepared, &telemetry));
        telemetry.send_last_spans();
        telemetry.write_last_lines();
        played
    }

    async fn play(self, prepared: Prepared, telemetry: &Telemetry) -> Result<(), Failure> {
        let mut signals = Signals::catch()?;
        let demo = tokio::select! {
            started = prepared.start() => started?,
            _ = signals.next() => return Ok(()),
        };
        if self.tour {
            // Boxed: a whole gateway with its people is much for a stack.
            return Box::pin(tour(demo, signals, telemetry)).await;
        }
        output::result(if self.json { demo.ready().json() } else { demo.introduction().await? })?;
        let stop = CancellationToken::new();
        Ok(signals.end(demo.run_until(stop.clone()), &stop, Some(telemetry)).await?)
    }
}

/// Plays the story, and ends the demo after it or with the first signal.
async fn tour(demo: demo::Demo, signals: Signals, telemetry: &Telemetry) -> Result<(), Failure> {
    output::tell(format_args!("data directory: {}\n", demo.ready().data_dir.display()));
    let (tour, stop) = (demo.tour(), CancellationToken::new());
    let touring = async {
        // Nobody who reads along is no reason to break off.
        let show = |call: &str| drop(output::result(format_args!("{call}\n\n")));
        let toured = tokio::select! {
            toured = tour.play(show) => toured,
            () = stop.cancelled() => Ok(()),
        };
        stop.cancel();
        toured
    };
    let both = async { tokio::join!(touring, demo.run_until(stop.clone())) };
    let (toured, ran) = Box::pin(signals.end(both, &stop, Some(telemetry))).await;
    ran?;
    Ok(toured?)
}

/// A tour begins with a full budget, so it gets a directory that no other had.
fn new_data_dir() -> PathBuf {
    PathBuf::from(format!("data/tour-{}", Clock::system().now().strftime("%Y%m%dT%H%M%S")))
}

/// `6m`
fn months(text: &str) -> Result<u8, String> {
    let months = text.strip_suffix('m').and_then(|count| count.parse().ok());
    months.filter(|months| demo::MONTHS.contains(months)).ok_or_else(|| "write 1m to 12m".to_owned())
}

impl From<DemoError> for Failure {
    fn from(error: DemoError) -> Self {
        match error {
            DemoError::Keys(error) => error.into(),
            DemoError::Signing(SignError::File(fault)) => Self::configuration(fault),
            DemoError::Signing(error) => Self::internal(error),
            DemoError::Simulator(_) => Self::dependency(error),
            DemoError::Configuration(faults) => Self::configuration(faults),
            DemoError::Gateway(error) => error.into(),
            DemoError::Disk(lost) => lost.into(),
            DemoError::HasPast(_) => Self::usage(error),
            DemoError::Call(error) => Self::internal(error),
        }
    }
}

impl From<TourError> for Failure {
    fn from(error: TourError) -> Self {
        Self::internal(error)
    }
}
