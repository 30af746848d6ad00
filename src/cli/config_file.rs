//! `--config`, which most commands have.

use std::path::PathBuf;

use clap::Args;

use super::Failure;
use crate::config::{self, Loaded, Sources};

/// Which configuration.
#[derive(Debug, Args)]
pub(super) struct ConfigFile {
    /// The configuration file; without it the one that `GATEWAY_CONFIG` names, or the defaults alone.
    #[arg(long = "config", value_name = "FILE")]
    file: Option<PathBuf>,
}

impl ConfigFile {
    /// The checked configuration, or every fault in it.
    pub(super) fn load(self) -> Result<Loaded, Failure> {
        config::load(&self.sources()).map_err(Failure::configuration)
    }

    /// Where it comes from, for reading it again.
    pub(super) fn sources(self) -> Sources {
        Sources::from_process(self.file)
    }
}
