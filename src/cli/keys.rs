//! `keys generate`: an Ed25519 key pair for tokens.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use secrecy::ExposeSecret as _;

use super::local_key::{AUDIENCE, FOLDER, ISSUER, PRIVATE_KEY, PUBLIC_KEY};
use super::{Failure, output};
use crate::auth;

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
        let (private, public) = (self.out.join(PRIVATE_KEY), self.out.join(PUBLIC_KEY));
        let pair = auth::generate_key_pair().map_err(Failure::internal)?;
        fs::create_dir_all(&self.out).map_err(|error| cannot_write(&self.out, &error))?;
        let (mut secret, mut open) = (create(&private, 0o600)?, None);
        let written = create(&public, 0o644).and_then(|file| {
            let file = open.insert(file);
            let written = secret.write_all(pair.private_key.expose_secret().as_bytes());
            written.map_err(|error| cannot_write(&private, &error))?;
            file.write_all(pair.public_key.as_bytes()).map_err(|error| cannot_write(&public, &error))
        });
        if let Err(failure) = written {
            // Half a pair would keep the next try from making a whole one.
            let _ = fs::remove_file(&private);
            if open.is_some() {
                let _ = fs::remove_file(&public);
            }
            return Err(failure);
        }
        output::tell(format_args!("private key: {} (signs tokens, keep it)", private.display()));
        output::tell(format_args!("public key:  {} (for the gateway)", public.display()));
        output::result(configuration(&public))
    }
}

fn create(path: &Path, mode: u32) -> Result<File, Failure> {
    let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    file.map_err(|error| cannot_write(path, &error))
}

fn cannot_write(path: &Path, error: &io::Error) -> Failure {
    Failure::dependency(format_args!("{}: {error}", path.display()))
}

/// `may_approve` stays off: who signs as a machine could approve as a person.
fn configuration(public: &Path) -> String {
    format!(
        r#"[[auth.issuers]]
name = "local"
issuer = "{ISSUER}"
audience = "{AUDIENCE}"
public_key_file = {}
algorithms = ["EdDSA"]
max_lifetime = "25h"
"#,
        toml::Value::from(public.to_string_lossy().into_owned())
    )
}
