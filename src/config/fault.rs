//! What is wrong with a configuration, all of it at once.
use std::fmt;
use std::sync::Arc;

/// Where a value stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// In a file, from 1; without a position when it is about the file as a whole.
    File {
        /// The name as it was given.
        name: Arc<str>,
        /// Line and column, from 1.
        position: Option<(usize, usize)>,
    },
    /// In an environment variable.
    Environment(String),
    /// In a file that a `*_file` key names.
    SecretFile(String),
    /// In the embedded `config/gateway.toml`, or nowhere.
    Default,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where the value stands.
    pub origin: Origin,
    /// The key, like `upstream.buy_timeout` or `auth.issuers[0].name`; empty when it is about a whole file.
    pub key: String,
    /// The value as written, `[redacted]` for a secret, none where there is no single value to show.
    pub value: Option<String>,
    /// What is wrong.
    pub problem: String,
    /// What would be valid.
    pub valid: String,
}

/// Everything that is wrong, by origin; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// The faults, by origin.
    pub fn as_slice(&self) -> &[Fault] {
        &self.0
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, _out: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

impl std::error::Error for Faults {}
