//! `migrate`: the database, brought to this version without serving.

use clap::Args;

use super::config_file::ConfigFile;
use super::{Failure, output};
use crate::app;

/// Brings the database to this version. `serve` does it too, so this is for doing it beforehand.
#[derive(Debug, Args)]
#[command(
    after_help = "Fails (exit code 69) while a gateway serves from the database.\n\nExample:\n  numbers-gateway \
                  migrate --config gateway.toml"
)]
pub(super) struct Migrate {
    #[command(flatten)]
    config: ConfigFile,
}

impl Migrate {
    pub(super) fn run(self) -> Result<(), Failure> {
        let config = self.config.load()?.config;
        app::migrate(&config)?;
        output::result(format_args!("{} is up to date", config.storage.database))
    }
}
