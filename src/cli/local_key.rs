//! A local key that signs tokens: what it is called, where it lies, and which issuer believes it.

use std::path::{Path, PathBuf};

use crate::config::{Config, Issuer, KeySource};

/// What `keys generate` writes, and `token` looks for where no configuration says otherwise.
pub(super) const FOLDER: &str = "keys";
pub(super) const PRIVATE_KEY: &str = "tokens.private.pem";
pub(super) const PUBLIC_KEY: &str = "tokens.public.pem";

/// Whom tokens of a local key are from and for, unless said otherwise.
pub(super) const ISSUER: &str = "numbers-gateway-local";
pub(super) const AUDIENCE: &str = "numbers-gateway";

/// The local keys of a configuration: the file that signs, and the issuer whose tokens it makes.
pub(super) fn configured(config: &Config) -> impl Iterator<Item = (PathBuf, &Issuer)> {
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
pub(super) fn key_id(issuer: &Issuer) -> Option<&str> {
    match &issuer.keys {
        KeySource::PublicKeyFile { kid, .. } | KeySource::SecretFile { kid, .. } => kid.as_deref(),
        KeySource::JwksUrl(_) | KeySource::Discover | KeySource::JwksFile(_) => None,
    }
}
