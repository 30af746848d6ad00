//! The effective configuration for people: every key, its value, where it came from.

use std::collections::BTreeMap;
use std::fmt;

use secrecy::{ExposeSecret, SecretString};

use crate::config::fault::Origin;

/// Every effective key with its value and origin, in the order of their names.
///
/// `Display` writes lines like `server.listen = "127.0.0.1:8080"  # default`.
#[derive(Clone, Debug)]
pub struct Origins {
    settings: Vec<Setting>,
    /// Each value by its key as it was written, secrets too: to be compared, and shown to nobody.
    written: BTreeMap<String, SecretString>,
}

/// One effective key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Like `upstream.buy_timeout`.
    pub key: String,
    /// As TOML writes it; `[redacted]` for a secret.
    pub value: String,
    /// Where it stands.
    pub origin: Origin,
}

impl Origins {
    pub(super) fn new(settings: BTreeMap<String, Setting>, written: BTreeMap<String, SecretString>) -> Self {
        Self { settings: settings.into_values().collect(), written }
    }

    /// The settings, in order.
    pub fn as_slice(&self) -> &[Setting] {
        &self.settings
    }

    /// The names of all keys, in order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.settings.iter().map(|setting| setting.key.as_str())
    }

    /// The keys that stand in one of both only, or with another value: of a secret, too, only the name.
    pub fn changes(&self, other: &Self) -> Vec<String> {
        let mut keys: Vec<String> = self.keys().chain(other.keys()).map(str::to_owned).collect();
        keys.sort();
        keys.dedup();
        keys.retain(|key| self.written(key) != other.written(key));
        keys
    }

    fn written(&self, key: &str) -> Option<&str> {
        self.written.get(key).map(ExposeSecret::expose_secret)
    }

    /// The setting of a key, if it is set or has a default.
    pub fn find(&self, key: &str) -> Option<&Setting> {
        let at = self.settings.binary_search_by(|setting| setting.key.as_str().cmp(key));
        at.ok().and_then(|at| self.settings.get(at))
    }
}

impl Setting {
    /// Whether there is a value: an empty text is how a file says "not set".
    pub fn is_set(&self) -> bool {
        self.value != "\"\""
    }
}

impl fmt::Display for Origins {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// Wide enough for nearly all lines; a longer one pushes its origin to the right.
        const ORIGIN_COLUMN: usize = 60;
        for Setting { key, value, origin } in &self.settings {
            writeln!(out, "{:<ORIGIN_COLUMN$}  # {origin}", format!("{key} = {value}"))?;
        }
        Ok(())
    }
}
