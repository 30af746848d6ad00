//! The configuration: `config/gateway.toml` below a file, below the environment, below secret files.

mod auth;
mod budget;
mod fault;
mod limits;
mod purchases;
mod server;
mod teams;
mod telemetry;
mod units;
mod upstream;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

pub use auth::{Algorithm, Auth, ClaimNames, Issuer, KeySource};
pub use budget::{Budget, BudgetLimits, Limit};
pub use fault::{Fault, Faults, Origin};
pub use limits::{Cache, Limits, PurchasesPerDay, Rate};
pub use purchases::{Audit, Mode, PreexistingVisibility, Purchases, Retention};
pub use server::{Ops, Server, Tls};
pub use teams::{RegistrationProfile, Team};
pub use telemetry::{Compat, LogFormat, SearchShape, Telemetry};
pub use units::{Percent, WebUrl};
pub use upstream::Upstream;

use crate::domain::policy::Policy;
use crate::domain::principal::TeamId;

/// The whole configuration, checked. Relative paths are relative to the working directory.
#[derive(Clone, Debug)]
pub struct Config {
    /// The public listener.
    pub server: Server,
    /// The operators' listener.
    pub ops: Ops,
    /// The way to ClickSend.
    pub upstream: Upstream,
    /// The database.
    pub storage: Storage,
    /// Whose tokens are believed.
    pub auth: Auth,
    /// The organisation's money.
    pub budget: Budget,
    /// The teams by key.
    pub teams: BTreeMap<TeamId, Team>,
    /// Registration data by key.
    pub registration_profiles: BTreeMap<String, RegistrationProfile>,
    /// The rules.
    pub policy: Policy,
    /// How long answers are kept.
    pub cache: Cache,
    /// How much one caller may ask.
    pub limits: Limits,
    /// How a purchase goes.
    pub purchases: Purchases,
    /// The evidence.
    pub audit: Audit,
    /// How long personal data is kept.
    pub retention: Retention,
    /// Logs and traces.
    pub telemetry: Telemetry,
    /// Answers to older programs.
    pub compat: Compat,
}

/// `[storage]`
#[derive(Clone, Debug)]
pub struct Storage {
    /// The SQLite database of `storage.url` (`sqlite:PATH`). Default `data/gateway.db`; changing it needs a restart.
    pub database: PathBuf,
}

/// Where a configuration comes from. Its `Debug` shows no values.
#[derive(Clone, Default)]
pub struct Sources {
    /// What stands over the embedded default.
    pub file: FileSource,
    /// Environment variables; those that do not begin with `GATEWAY__` are ignored.
    pub environment: Vec<(String, String)>,
}

/// The layer above the embedded default.
#[derive(Clone, Default)]
pub enum FileSource {
    /// None.
    #[default]
    None,
    /// A file on disk.
    Path(PathBuf),
    /// A text in memory, as if it were a file.
    Text {
        /// What messages call it.
        name: String,
        /// TOML.
        text: String,
    },
}

impl Sources {
    /// The file of the command line, else of `GATEWAY_CONFIG`, and this process's environment. The only place
    /// that reads it.
    pub fn from_process(cli_file: Option<PathBuf>) -> Self {
        let _ = cli_file;
        Self::default()
    }

    /// A text in memory over the embedded default, without an environment: for the demo and for tests.
    pub fn from_text(name: &str, text: &str) -> Self {
        Self {
            file: FileSource::Text { name: name.to_owned(), text: text.to_owned() },
            environment: Vec::new(),
        }
    }
}

/// A configuration, and where each value came from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The values.
    pub config: Config,
    /// Every effective key with its value (secrets redacted) and origin; its `Display` is what `check-config` prints.
    pub origins: Origins,
    /// What is valid and yet hardly meant.
    pub warnings: Vec<String>,
}

/// Every effective key with its value and origin.
#[derive(Clone, Debug)]
pub struct Origins(Vec<Setting>);

/// One effective key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Like `upstream.buy_timeout`.
    pub key: String,
    /// As TOML; `[redacted]` for a secret.
    pub value: String,
    /// Where it stands.
    pub origin: Origin,
}

impl fmt::Display for Origins {
    fn fmt(&self, _out: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

/// Loads and checks; either everything is right or all faults are told.
pub fn load(sources: &Sources) -> Result<Loaded, Faults> {
    let _ = sources;
    unimplemented!()
}
