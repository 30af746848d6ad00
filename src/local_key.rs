//! A local key that signs tokens: what its files are called, how they are made, and which issuer believes them.
//!
//! For first steps, machines and the demo. People come by single sign-on, whose keys the gateway never sees.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use secrecy::ExposeSecret as _;

use crate::auth::{self, SignError};
use crate::config::{Config, Issuer, KeySource};

/// Where keys are put and looked for unless said otherwise.
pub const FOLDER: &str = "keys";
/// Whom tokens of a local key are from, unless said otherwise.
pub const ISSUER: &str = "numbers-gateway-local";
/// Whom they are for.
pub const AUDIENCE: &str = "numbers-gateway";

/// The two files of a key pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFiles {
    /// Signs tokens: nobody but its owner may read it.
    pub private: PathBuf,
    /// Checks them: what the gateway needs.
    pub public: PathBuf,
}

/// Why there are no new keys.
#[derive(Debug, thiserror::Error)]
pub enum KeyFilesError {
    /// A file that cannot be written, or exists already.
    #[error("{}: {error}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// No key.
    #[error(transparent)]
    Key(#[from] SignError),
}

impl KeyFiles {
    /// The files' names in a folder.
    pub fn in_folder(folder: &Path) -> Self {
        Self { private: folder.join("tokens.private.pem"), public: folder.join("tokens.public.pem") }
    }

    /// Makes a key pair and writes both files, with the folder if need be. A file that exists is left alone, and is
    /// an error: its tokens would end without anybody having said so.
    pub fn generate(folder: &Path) -> Result<Self, KeyFilesError> {
        let files = Self::in_folder(folder);
        let pair = auth::generate_key_pair()?;
        fs::create_dir_all(folder).map_err(at(folder))?;
        let mut private = create(&files.private, 0o600)?;
        let mut public = create(&files.public, 0o644).inspect_err(|_| {
            // Half a pair would keep the next try from making a whole one.
            let _ = fs::remove_file(&files.private);
        })?;
        private.write_all(pair.private_key.expose_secret().as_bytes()).map_err(at(&files.private))?;
        public.write_all(pair.public_key.as_bytes()).map_err(at(&files.public))?;
        Ok(files)
    }

    /// The files of an earlier [`Self::generate`], or new ones.
    pub fn find_or_generate(folder: &Path) -> Result<Self, KeyFilesError> {
        let files = Self::in_folder(folder);
        if files.private.exists() && files.public.exists() { Ok(files) } else { Self::generate(folder) }
    }

    /// The configuration that believes the key's tokens. Its `may_approve` stays off: who signs as a machine could
    /// approve as a person.
    pub fn issuer_configuration(&self) -> String {
        format!(
            r#"[[auth.issuers]]
name = "local"
issuer = "{ISSUER}"
audience = "{AUDIENCE}"
public_key_file = {}
algorithms = ["EdDSA"]
max_lifetime = "25h"
"#,
            toml::Value::from(self.public.to_string_lossy().into_owned())
        )
    }
}

fn create(path: &Path, mode: u32) -> Result<File, KeyFilesError> {
    OpenOptions::new().write(true).create_new(true).mode(mode).open(path).map_err(at(path))
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> KeyFilesError {
    let path = path.to_owned();
    move |error| KeyFilesError::File { path, error }
}

/// The local keys of a configuration: the file that signs, and the issuer whose tokens it makes.
pub fn configured(config: &Config) -> impl Iterator<Item = (PathBuf, &Issuer)> {
    config.auth.issuers.iter().filter_map(|issuer| {
        let signs = match &issuer.keys {
            KeySource::PublicKeyFile { file, .. } => beside(file)?,
            KeySource::SecretFile { file, .. } => file.clone(),
            KeySource::JwksUrl(_) | KeySource::Discover | KeySource::JwksFile(_) => return None,
        };
        Some((signs, issuer))
    })
}

/// The private key beside a public one: `tokens.private.pem` for `tokens.public.pem`.
fn beside(public: &Path) -> Option<PathBuf> {
    let name = public.file_name()?.to_str()?;
    name.contains("public").then(|| public.with_file_name(name.replace("public", "private")))
}

/// The `kid` that an issuer's tokens carry.
pub fn key_id(issuer: &Issuer) -> Option<&str> {
    match &issuer.keys {
        KeySource::PublicKeyFile { kid, .. } | KeySource::SecretFile { kid, .. } => kid.as_deref(),
        KeySource::JwksUrl(_) | KeySource::Discover | KeySource::JwksFile(_) => None,
    }
}
