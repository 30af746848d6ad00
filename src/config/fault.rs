//! What is wrong with a configuration, all of it at once.
//!
//! A fault says where, which key, what stands there, what is wrong with it and what would be right, so that it
//! can be mended without opening the documentation.

use std::fmt;
use std::sync::Arc;

/// Where a value stands. Ordered as faults are told: by file and line, then the environment, then the rest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// In a file, or in a text that stands for one.
    File {
        /// The name as it was given.
        name: Arc<str>,
        /// Line and column, from 1; none when it is about the file as a whole.
        position: Option<(usize, usize)>,
    },
    /// In an environment variable of this name.
    Environment(String),
    /// In the file that a `*_file` key names.
    SecretFile(String),
    /// In the embedded `config/gateway.toml`, or nowhere.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { name, position: Some((line, column)) } => write!(out, "{name}:{line}:{column}"),
            Self::File { name, position: None } => out.write_str(name),
            Self::Environment(variable) => write!(out, "environment variable {variable}"),
            Self::SecretFile(path) => write!(out, "secret file {path}"),
            Self::Default => out.write_str("default"),
        }
    }
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

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: ", self.origin)?;
        if !self.key.is_empty() {
            out.write_str(&self.key)?;
            if let Some(value) = &self.value {
                write!(out, " = {value}")?;
            }
            out.write_str(": ")?;
        }
        write!(out, "{}; {}", self.problem, self.valid)
    }
}

/// Everything that is wrong, by origin; never empty. `Display` writes one line each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults(Vec<Fault>);

impl Faults {
    pub(super) fn new(mut faults: Vec<Fault>) -> Self {
        faults.sort_by(|one, other| one.origin.cmp(&other.origin));
        Self(faults)
    }

    /// The faults, by origin.
    pub fn as_slice(&self) -> &[Fault] {
        &self.0
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().enumerate().try_for_each(|(index, fault)| {
            let line_end = if index == 0 { "" } else { "\n" };
            write!(out, "{line_end}{fault}")
        })
    }
}

impl std::error::Error for Faults {}
