//! One configured issuer, ready for use: its options judged, its keys loaded or their fetcher built.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::compact::Header;
use super::fetch::{ClientFault, Fetcher};
use super::key_file::{Content, KeyFile};
use super::keys::{Key, KeyTable, Miss};
use super::local::FileFault;
use super::options::{Algorithm, IssuerOptions, KeySource};
use super::refusal::{Reason, Refusal};
use super::remote::{MAX_AGE, RemoteKeys};
use crate::clock::Clock;

/// An issuer that cannot be used as configured.
#[derive(Debug, thiserror::Error)]
#[error("issuer {name:?}: {fault}")]
pub struct KeyError {
    /// The configuration's name of the issuer.
    pub name: String,
    /// What is wrong.
    pub fault: KeyFault,
}

/// What is wrong with an issuer's configuration or keys.
#[derive(Debug, thiserror::Error)]
pub enum KeyFault {
    /// `issuer` is empty.
    #[error("issuer must not be empty")]
    NoIssuer,
    /// No audience, or an empty one: the issuer's tokens for anybody would do.
    #[error("audience must not be empty")]
    NoAudience,
    /// No algorithm.
    #[error("algorithms must not be empty")]
    NoAlgorithm,
    /// No lifetime.
    #[error("max_lifetime must not be zero")]
    NoLifetime,
    /// A public key for HMAC, or a secret for anything else: the way to RS256-to-HS256 confusion.
    #[error("a secret_file is for HS256 alone, and HS256 for a secret_file alone")]
    SecretMismatch,
    /// A single public key is for a single algorithm.
    #[error("a public_key_file needs exactly one algorithm")]
    OneAlgorithm,
    /// A key file.
    #[error(transparent)]
    File(#[from] FileFault),
    /// The client that would fetch the set.
    #[error(transparent)]
    Client(#[from] ClientFault),
}

/// Where an issuer's keys stand, for `/readyz`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerHealth {
    /// The configuration's name of the issuer.
    pub name: String,
    /// Whether its tokens can be verified.
    pub state: KeyState,
    /// How many keys are loaded.
    pub keys: usize,
    /// How old a fetched set is.
    pub age: Option<Duration>,
    /// Why newer keys are not in use: the last fetch failed, or the file has changed and cannot be used.
    pub last_fault: Option<String>,
}

/// How current an issuer's keys are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// From a file, or fetched within the last ten minutes.
    Fresh,
    /// Fetched within the last day; the issuer does not answer.
    Stale,
    /// None, or older than a day: the issuer's tokens get 503.
    Missing,
}

impl KeyState {
    /// The word for operators.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Stale => "stale",
            Self::Missing => "missing",
        }
    }
}

/// An issuer with its keys.
#[derive(Debug)]
pub(super) struct Issuer {
    pub(super) options: IssuerOptions,
    pub(super) keys: Keys,
}

#[derive(Debug)]
pub(super) enum Keys {
    Local(KeyFile),
    Remote(Arc<RemoteKeys>),
}

impl Issuer {
    /// Loads an issuer. A fetched set is taken over from the same issuer of the running configuration, so that a
    /// reload while the issuer is down closes nothing.
    pub(super) fn load(
        options: IssuerOptions,
        running: &[Self],
        clock: &Clock,
    ) -> Result<Self, Vec<KeyError>> {
        let mut faults = judge(&options);
        if faults.is_empty() {
            let inherited = running.iter().find_map(|old| old.remote_for(&options)).map(Keys::Remote);
            match inherited.map_or_else(|| load_keys(&options, clock), Ok) {
                Ok(keys) => return Ok(Self { options, keys }),
                Err(fault) => faults.push(fault),
            }
        }
        Err(faults.into_iter().map(|fault| KeyError { name: options.name.clone(), fault }).collect())
    }

    /// The key a header asks for, and the table it stands in.
    pub(super) async fn find(&self, header: &Header) -> Result<(Arc<KeyTable>, Arc<Key>), Refusal> {
        if self.options.token_type.is_some_and(|wanted| header.token_type != Some(wanted)) {
            return Err(Refusal::Invalid(Reason::Type));
        }
        if !self.options.algorithms.contains(&header.algorithm) {
            return Err(Refusal::Invalid(Reason::Algorithm));
        }
        match &self.keys {
            Keys::Remote(remote) => remote.find(header).await,
            Keys::Local(file) => {
                let table = file.table();
                match table.find(header) {
                    Ok(key) => Ok((table, key)),
                    Err(Miss::Unknown) => Err(Refusal::Invalid(Reason::KeyUnknown)),
                    Err(Miss::Refused(reason)) => Err(Refusal::Invalid(reason)),
                }
            }
        }
    }

    /// The keys as they are now, without asking anybody.
    pub(super) fn current(&self) -> Option<Arc<KeyTable>> {
        match &self.keys {
            Keys::Local(file) => Some(file.table()),
            Keys::Remote(remote) => remote.current(),
        }
    }

    pub(super) fn health(&self) -> IssuerHealth {
        let name = self.options.name.clone();
        match &self.keys {
            Keys::Local(file) => {
                let (keys, last_fault) = (file.table().len(), file.fault());
                IssuerHealth { name, state: KeyState::Fresh, keys, age: None, last_fault }
            }
            Keys::Remote(remote) => {
                let health = remote.health();
                let state = match health.age {
                    Some(age) if health.keys > 0 && age <= MAX_AGE => KeyState::Fresh,
                    Some(_) if health.keys > 0 => KeyState::Stale,
                    Some(_) | None => KeyState::Missing,
                };
                let last_fault = health.fault.map(|fault| fault.to_string());
                IssuerHealth { name, state, keys: health.keys, age: health.age, last_fault }
            }
        }
    }

    fn remote_for(&self, options: &IssuerOptions) -> Option<Arc<RemoteKeys>> {
        let old = &self.options;
        let same = old.issuer == options.issuer
            && old.keys == options.keys
            && old.algorithms == options.algorithms
            && old.ca_file == options.ca_file;
        match &self.keys {
            Keys::Remote(remote) if same => Some(Arc::clone(remote)),
            Keys::Remote(_) | Keys::Local(_) => None,
        }
    }
}

fn judge(options: &IssuerOptions) -> Vec<KeyFault> {
    let with_secret = matches!(options.keys, KeySource::SecretFile(_));
    let mismatched = |algorithm: &Algorithm| (*algorithm == Algorithm::HS256) != with_secret;
    let with_one_key = matches!(options.keys, KeySource::PublicKeyFile(_));
    let mut faults = Vec::new();
    if options.issuer.is_empty() {
        faults.push(KeyFault::NoIssuer);
    }
    if options.audiences.is_empty() || options.audiences.iter().any(String::is_empty) {
        faults.push(KeyFault::NoAudience);
    }
    if options.algorithms.is_empty() {
        faults.push(KeyFault::NoAlgorithm);
    }
    if options.max_lifetime.is_zero() {
        faults.push(KeyFault::NoLifetime);
    }
    if options.algorithms.iter().any(mismatched) {
        faults.push(KeyFault::SecretMismatch);
    }
    if with_one_key && options.algorithms.len() > 1 {
        faults.push(KeyFault::OneAlgorithm);
    }
    faults
}

fn load_keys(options: &IssuerOptions, clock: &Clock) -> Result<Keys, KeyFault> {
    let (algorithms, ca) = (options.algorithms.as_slice(), options.ca_file.as_deref());
    let local = |path: &PathBuf, content| {
        let file = KeyFile::load(options.name.clone(), path.clone(), content)?;
        Ok(Keys::Local(file))
    };
    let fetcher = match &options.keys {
        KeySource::PublicKeyFile(path) => {
            let [algorithm] = algorithms else { return Err(KeyFault::OneAlgorithm) };
            return local(path, Content::PublicKey(*algorithm, options.key_id.clone()));
        }
        KeySource::SecretFile(path) => return local(path, Content::Secret(options.key_id.clone())),
        KeySource::JwksFile(path) => return local(path, Content::Set(algorithms.to_vec())),
        KeySource::JwksUrl(url) => Fetcher::of_set(url, ca, algorithms)?,
        KeySource::Discover => Fetcher::of_issuer(&options.issuer, ca, algorithms)?,
    };
    Ok(Keys::Remote(Arc::new(RemoteKeys::new(options.name.clone(), fetcher, clock.clone()))))
}
