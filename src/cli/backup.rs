//! `backup`: one state of the embedded database in a file of its own.

use std::path::PathBuf;

use clap::Args;

use super::config_file::ConfigFile;
use super::{Failure, output};
use crate::app;

/// Copies the SQLite database into a new file, while a gateway serves from it.
#[derive(Debug, Args)]
#[command(
    after_help = "The copy is one state, whole and checked, and has the personal values: keep it as you keep the database. \
                  The emergency file and the head file are not in it.\n\n\
                  To restore: stop the gateway, put the copy where storage.url says (and remove the files ending in -wal and \
                  -shm), leave audit.head_file as it is, and start. The gateway sees that the copy is older, freezes \
                  buying, and finds in ClickSend's list what was bought since; an administrator lifts the freeze.\n\n\
                  Example:\n  numbers-gateway backup gateway-2026-11-29.db --config gateway.toml"
)]
pub(super) struct Backup {
    /// Where to; a file that exists is left alone.
    #[arg(value_name = "FILE")]
    to: PathBuf,
    #[command(flatten)]
    config: ConfigFile,
}

impl Backup {
    pub(super) fn run(self) -> Result<(), Failure> {
        let config = self.config.load()?.config;
        let head = app::backup(&config, &self.to)?;
        output::result(format_args!(
            "{}: {} events, the last one {}",
            self.to.display(),
            head.sequence,
            head.hash
        ))
    }
}
