//! `check-config`: what is in force and from where, or everything that is wrong with it.

use clap::Args;

use super::config_file::ConfigFile;
use super::{Failure, live, output, run_time};
use crate::app;
use crate::clock::Clock;

/// Prints the effective configuration with the origin of every value, or all faults (exit code 78).
#[derive(Debug, Args)]
#[command(
    after_help = "Secrets are shown as [redacted]. Nothing is bought, written or locked, with --live neither.\n\n\
                  Example:\n  numbers-gateway check-config --config gateway.toml --live"
)]
pub(super) struct CheckConfig {
    #[command(flatten)]
    config: ConfigFile,
    /// Also asks ClickSend (account, one page of owned numbers), the issuers' key sets and the database.
    #[arg(long)]
    live: bool,
}

impl CheckConfig {
    pub(super) fn run(self) -> Result<(), Failure> {
        let loaded = self.config.load()?;
        for warning in &loaded.warnings {
            output::tell(format_args!("warning: {warning}"));
        }
        let verifier = app::verifier(&loaded.config, Clock::system())?;
        output::result(&loaded.origins)?;
        if self.live {
            let report = run_time::once(async { Ok(live::ask(&loaded.config, &verifier).await) })?;
            output::result(format_args!("\n{}", report.seen()))?;
            report.outcome()?;
        }
        Ok(())
    }
}
