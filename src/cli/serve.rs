//! `serve`: the gateway, from its configuration to its last request.

use clap::Args;
use tokio_util::sync::CancellationToken;

use super::config_file::ConfigFile;
use super::following::Following;
use super::signals::Signals;
use super::{Failure, run_time};
use crate::app::{Gateway, Supervisor};
use crate::clock::Clock;
use crate::config::{self, Config, Loaded, Sources};
use crate::telemetry::{Telemetry, Verbosity};

/// Runs the gateway until SIGTERM or SIGINT; a second signal ends it at once.
#[derive(Debug, Args)]
#[command(
    after_help = "Logs go to standard error. A stop waits for server.drain_delay, takes nothing new then, and waits for what \
                  is in flight, at most server.drain_grace. A changed file or SIGHUP is read again: issuers, teams, budgets, rules, limits \
                  and ClickSend's credentials follow at once or not at all; SIGHUP also reads the certificate.\n\nExample:\n  numbers-gateway serve --config gateway.toml"
)]
pub(super) struct Serve {
    #[command(flatten)]
    config: ConfigFile,
}

impl Serve {
    pub(super) fn run(self) -> Result<(), Failure> {
        let sources = self.config.sources();
        let loaded = config::load(&sources).map_err(Failure::configuration)?;
        let telemetry =
            Telemetry::install(&loaded.config.telemetry, Verbosity::Usual).map_err(Failure::configuration)?;
        let served = run_time::serve(serve(&loaded, sources, &telemetry));
        telemetry.send_last_spans();
        if served.is_ok() {
            tracing::info!("telemetry is flushed");
            tracing::info!("stopped");
        }
        telemetry.write_last_lines();
        served
    }
}

async fn serve(loaded: &Loaded, sources: Sources, telemetry: &Telemetry) -> Result<(), Failure> {
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    let config = fitting_this_machine(&loaded.config);
    let mut signals = Signals::catch()?;
    let manager = Supervisor::at(config::notify_socket());
    let following = Following::new(sources, loaded, manager.clone()).await?;
    let mut gateway = tokio::select! {
        started = Gateway::start(&config, Clock::system()) => started?,
        _ = signals.next() => return Ok(()),
    };
    gateway.tell(manager);
    let stop = CancellationToken::new();
    let following = following.forever(gateway.reload());
    let serving = signals.end(gateway.run_until(stop.clone()), &stop, Some(telemetry));
    tokio::select! {
        ended = serving => Ok(ended?),
        () = following => Ok(()),
    }
}

/// The configuration, with no more connections than there are file descriptors for.
fn fitting_this_machine(config: &Config) -> Config {
    let mut config = config.clone();
    let (wanted, fit) =
        (config.server.max_connections, run_time::connections_that_fit(config.server.max_connections));
    if fit < wanted {
        tracing::warn!(
            max_connections = wanted,
            allowed = fit,
            "the limit of file descriptors leaves room for fewer connections; raise it (LimitNOFILE, ulimit -Hn)"
        );
        config.server.max_connections = fit;
    }
    config
}
