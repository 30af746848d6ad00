//! `serve`: the gateway, from its configuration to its last request.

use clap::Args;
use tokio_util::sync::CancellationToken;

use super::config_file::ConfigFile;
use super::signals::Signals;
use super::{Failure, run_time};
use crate::app::Gateway;
use crate::clock::Clock;
use crate::config::Loaded;
use crate::telemetry::{Telemetry, Verbosity};

/// Runs the gateway until SIGTERM or SIGINT; a second signal ends it at once.
#[derive(Debug, Args)]
#[command(
    after_help = "Logs go to standard error. A stop takes no new purchases and waits for what is in flight, at most \
                  server.drain_grace.\n\nExample:\n  numbers-gateway serve --config gateway.toml"
)]
pub(super) struct Serve {
    #[command(flatten)]
    config: ConfigFile,
}

impl Serve {
    pub(super) fn run(self) -> Result<(), Failure> {
        let loaded = self.config.load()?;
        let telemetry =
            Telemetry::install(&loaded.config.telemetry, Verbosity::Usual).map_err(Failure::configuration)?;
        let served = run_time::serve(serve(&loaded));
        telemetry.finish();
        served
    }
}

async fn serve(loaded: &Loaded) -> Result<(), Failure> {
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    let mut signals = Signals::catch()?;
    let gateway = tokio::select! {
        started = Gateway::start(&loaded.config, Clock::system()) => started?,
        _ = signals.next() => return Ok(()),
    };
    let stop = CancellationToken::new();
    Ok(signals.end(gateway.run_until(stop.clone()), &stop).await?)
}
