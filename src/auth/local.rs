//! Keys from files: a public key, a shared secret or a key set, read once, judged before they are used.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::Jwk;
use secrecy::{ExposeSecret as _, SecretSlice};
use serde_json::Value;

use super::jwk::{self, SetFault, Skipped};
use super::keys::{Key, KeyTable};
use super::options::Algorithm;

/// RFC 7518 §3.2: at least as long as the hash.
const MIN_SECRET: usize = 32;
/// Secrets that stand in documents, and so in everybody's word list: jwt.io's, RFC 7515 A.1, RFC 7520 §3.5.
const PUBLISHED_SECRETS: [&[u8]; 3] = [
    b"a-string-secret-at-least-256-bits-long",
    b"\x03\x23\x35\x4b\x2b\x0f\xa5\xbc\x83\x7e\x06\x65\x77\x7b\xa6\x8f\x5a\xb3\x28\xe6\xf0\x54\xc9\x28\xa9\
      \x0f\x84\xb2\xd2\x50\x2e\xbf\xd3\xfb\x5a\x92\xd2\x06\x47\xef\x96\x8a\xb4\xc3\x77\x62\x3d\x22\x3d\x2e\
      \x21\x72\x05\x2e\x4f\x08\xc0\xcd\x9a\xf5\x67\xd0\x80\xa3",
    b"\x84\x9b\x57\x21\x9d\xae\x48\xde\x64\x6d\x07\xdb\xb5\x33\x56\x6e\x97\x66\x86\x45\x7c\x14\x91\xbe\x3a\
      \x76\xdc\xea\x6c\x42\x71\x88",
];
/// A secret made by repeating something this short was typed by a person.
const LONGEST_PATTERN: usize = 16;

/// Why keys in files cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FileFault {
    /// The file cannot be read.
    #[error("cannot read {path}: {error}", path = path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// The file is larger than 256 KiB.
    #[error("{path} is larger than 256 KiB", path = .0.display())]
    TooLong(PathBuf),
    /// Not one PEM block `PUBLIC KEY` with an RSA, EC or Ed25519 key.
    #[error("{path} is not one PEM block \"PUBLIC KEY\" (RSA, EC or Ed25519)", path = .0.display())]
    NotAPublicKey(PathBuf),
    /// Not one PEM block `PRIVATE KEY` of a kind that can sign.
    #[error("{path} is not one PEM block \"PRIVATE KEY\" (PKCS #8; RSA from 2048 bits, P-256, P-384, Ed25519)",
        path = .0.display())]
    NotAPrivateKey(PathBuf),
    /// The public key is of no use.
    #[error("the key in {path} cannot be used: {reason}", path = path.display())]
    Unusable {
        /// Which file.
        path: PathBuf,
        /// Why not.
        reason: Skipped,
    },
    /// The key set cannot be used.
    #[error("{path}: {fault}", path = path.display())]
    Set {
        /// Which file.
        path: PathBuf,
        /// Why not.
        fault: SetFault,
    },
    /// The key set has no key for these algorithms.
    #[error("{path} has no key for the listed algorithms", path = .0.display())]
    NoKey(PathBuf),
    /// The secret is shorter than its hash.
    #[error("the secret in {path} is shorter than 32 bytes", path = .0.display())]
    ShortSecret(PathBuf),
    /// The secret stands in documents, or is a short pattern repeated.
    #[error("the secret in {path} is well known or a repeated pattern", path = .0.display())]
    WellKnownSecret(PathBuf),
}

/// One public key; the caller has made sure that there is one algorithm. With a `kid`, it answers to that one only.
pub(super) fn public_key(
    path: &Path,
    algorithm: Algorithm,
    id: Option<String>,
) -> Result<KeyTable, FileFault> {
    let pem = read(path)?;
    let not_a_key = || FileFault::NotAPublicKey(path.to_owned());
    if !is_one_block(&pem, "PUBLIC KEY") {
        return Err(not_a_key());
    }
    // By way of its JWK, so that a key from a file meets the same rules as one from a set.
    let kinds = [DecodingKey::from_ed_pem, DecodingKey::from_ec_pem, DecodingKey::from_rsa_pem];
    let decoded = kinds.iter().find_map(|decode| decode(&pem).ok()).ok_or_else(not_a_key)?;
    let jwk = Jwk::from_decoding_key(&decoded, None).map_err(|_| not_a_key())?;
    let Ok(Value::Object(jwk)) = serde_json::to_value(&jwk) else { return Err(not_a_key()) };
    let key = jwk::read_key(&jwk, &[algorithm])
        .map_err(|reason| FileFault::Unusable { path: path.to_owned(), reason })?;
    Ok(KeyTable::Single(Arc::new(Key { id, ..key })))
}

/// A shared secret, for HS256; likewise.
pub(super) fn secret_key(path: &Path, id: Option<String>) -> Result<KeyTable, FileFault> {
    let material = DecodingKey::from_secret(secret(path)?.expose_secret());
    Ok(KeyTable::Single(Arc::new(Key { id, algorithm: Algorithm::HS256, material })))
}

/// A key set.
pub(super) fn key_set(path: &Path, algorithms: &[Algorithm]) -> Result<KeyTable, FileFault> {
    let set = jwk::read_set(&read(path)?, algorithms)
        .map_err(|fault| FileFault::Set { path: path.to_owned(), fault })?;
    if set.keys.is_empty() {
        return Err(FileFault::NoKey(path.to_owned()));
    }
    Ok(KeyTable::Set(set.keys))
}

/// The bytes of a secret file, less one trailing newline, if nobody can guess them.
pub(super) fn secret(path: &Path) -> Result<SecretSlice<u8>, FileFault> {
    let mut bytes = read(path)?;
    if bytes.ends_with(b"\n") {
        bytes.truncate(bytes.len() - 1);
    }
    let secret = SecretSlice::from(bytes);
    let exposed = secret.expose_secret();
    if exposed.len() < MIN_SECRET {
        return Err(FileFault::ShortSecret(path.to_owned()));
    }
    let repeats = |period| exposed.iter().zip(exposed.iter().skip(period)).all(|(one, next)| one == next);
    if PUBLISHED_SECRETS.contains(&exposed) || (1..=LONGEST_PATTERN).any(repeats) {
        return Err(FileFault::WellKnownSecret(path.to_owned()));
    }
    Ok(secret)
}

/// Whether a file is one PEM block of this label and nothing before it.
pub(super) fn is_one_block(pem: &[u8], label: &str) -> bool {
    let Ok(text) = std::str::from_utf8(pem) else { return false };
    text.trim_start().starts_with(&format!("-----BEGIN {label}-----"))
        && text.matches("-----BEGIN ").count() == 1
}

/// Reads a whole file of at most 256 KiB.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, FileFault> {
    let unreadable = |error| FileFault::Unreadable { path: path.to_owned(), error };
    let limit = u64::try_from(jwk::MAX_SET_BYTES).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(limit + 1).read_to_end(&mut bytes)).map_err(unreadable)?;
    if bytes.len() > jwk::MAX_SET_BYTES {
        return Err(FileFault::TooLong(path.to_owned()));
    }
    Ok(bytes)
}
