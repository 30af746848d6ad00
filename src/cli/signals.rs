//! SIGINT and SIGTERM: the first stops in good order, the second at once.

use std::future::Future;
use std::pin::pin;

use tokio::signal::unix::{self, Signal, SignalKind};
use tokio_util::sync::CancellationToken;

use super::Failure;
use crate::telemetry::Telemetry;

/// The signals that end the process, caught from now on.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    pub(super) fn catch() -> Result<Self, Failure> {
        let catch =
            |kind| unix::signal(kind).map_err(|error| Failure::internal(format_args!("signals: {error}")));
        Ok(Self { interrupt: catch(SignalKind::interrupt())?, terminate: catch(SignalKind::terminate())? })
    }

    /// The next one.
    pub(super) async fn next(&mut self) -> SignalKind {
        tokio::select! {
            _ = self.interrupt.recv() => SignalKind::interrupt(),
            _ = self.terminate.recv() => SignalKind::terminate(),
        }
    }

    /// Waits for `service` to end. The first signal cancels `stop`, which the service is to end by; the second
    /// ends the process.
    pub(super) async fn end<T>(
        mut self,
        service: impl Future<Output = T>,
        stop: &CancellationToken,
        telemetry: Option<&Telemetry>,
    ) -> T {
        let mut service = pin!(service);
        tokio::select! {
            ended = &mut service => return ended,
            _ = self.next() => stop.cancel(),
        }
        tracing::info!("stopping; a second signal ends the process at once");
        tokio::select! {
            ended = &mut service => ended,
            // A drain waits for others, who may hang. Nothing is lost that a crash would not lose as well.
            signal = self.next() => {
                tracing::warn!("forced: what is under way is left behind and settled after the next start");
                if let Some(telemetry) = telemetry {
                    telemetry.write_last_lines();
                }
                std::process::exit(128 + signal.as_raw_value())
            }
        }
    }
}
