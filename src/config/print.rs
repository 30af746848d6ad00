//! The effective configuration for people: every key, its value, where it came from.

use std::collections::BTreeMap;
use std::fmt;

use crate::config::fault::Origin;

/// Every effective key with its value and origin, in the order of their names.
///
/// `Display` writes lines like `server.listen = "127.0.0.1:8080"  # default`.
#[derive(Clone, Debug)]
pub struct Origins(Vec<Setting>);

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
    pub(super) fn new(settings: BTreeMap<String, Setting>) -> Self {
        Self(settings.into_values().collect())
    }

    /// The settings, in order.
    pub fn as_slice(&self) -> &[Setting] {
        &self.0
    }

    /// The keys that stand in one of both only, or with another value. A secret's value is not known here: a secret
    /// that was replaced shows no change.
    pub fn changes(&self, other: &Self) -> Vec<String> {
        let differ = |one: &Self, another: &Self| -> Vec<String> {
            let changed = |setting: &&Setting| {
                another.find(&setting.key).is_none_or(|counterpart| counterpart.value != setting.value)
            };
            one.0.iter().filter(changed).map(|setting| setting.key.clone()).collect()
        };
        let mut keys = differ(self, other);
        keys.extend(differ(other, self));
        keys.sort();
        keys.dedup();
        keys
    }

    /// The setting of a key, if it is set or has a default.
    pub fn find(&self, key: &str) -> Option<&Setting> {
        self.0.binary_search_by(|setting| setting.key.as_str().cmp(key)).ok().and_then(|at| self.0.get(at))
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
        for Setting { key, value, origin } in &self.0 {
            writeln!(out, "{:<ORIGIN_COLUMN$}  # {origin}", format!("{key} = {value}"))?;
        }
        Ok(())
    }
}
