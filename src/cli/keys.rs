//! `keys generate`: an Ed25519 key pair for tokens.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Failure, output};
use crate::local_key::{FOLDER, KeyFiles, KeyFilesError};

/// Keys for signing tokens.
#[derive(Debug, Args)]
pub(super) struct Keys {
    #[command(subcommand)]
    command: KeysCommand,
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    Generate(Generate),
}

/// Makes an Ed25519 key pair and prints the configuration that believes its tokens.
#[derive(Debug, Args)]
#[command(
    after_help = "Whoever can read the private key can make a token for anybody: the gateway needs only the public \
                  one. Files that exist are left alone.\n\nExample:\n  numbers-gateway keys generate --out keys >> \
                  gateway.toml"
)]
struct Generate {
    /// The folder for the two files, made when it is missing.
    #[arg(long, value_name = "DIR", default_value = FOLDER)]
    out: PathBuf,
}

impl Keys {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self.command {
            KeysCommand::Generate(generate) => generate.run(),
        }
    }
}

impl Generate {
    fn run(self) -> Result<(), Failure> {
        let files = KeyFiles::generate(&self.out)?;
        output::tell(format_args!("private key: {} (signs tokens, keep it)", files.private.display()));
        output::tell(format_args!("public key:  {} (for the gateway)", files.public.display()));
        output::result(files.issuer_configuration())
    }
}

impl From<KeyFilesError> for Failure {
    fn from(error: KeyFilesError) -> Self {
        match error {
            KeyFilesError::File { .. } => Self::dependency(error),
            KeyFilesError::Key(_) => Self::internal(error),
        }
    }
}
