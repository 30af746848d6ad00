//! The configuration: `config/gateway.toml`, below a file, below the environment, below files with secrets.
//!
//! A load either returns values that were checked, also against each other, or every fault there is with the
//! place it stands at. A new key is one line in `config/gateway.toml`, one field and one line that reads it.
//!
//! Reading order: this file, a section ([`Server`]'s is short), `section`, `layers`, `validate`.

mod auth;
mod budget;
mod fault;
mod kind;
mod kinds;
mod layers;
mod limits;
mod notifications;
mod policy;
mod policy_cases;
mod print;
mod purchases;
mod reading;
mod section;
mod server;
mod spelling;
mod stand_in;
mod storage;
mod teams;
mod telemetry;
#[cfg(test)]
mod tests;
mod tree;
mod units;
mod upstream;
mod validate;
mod warnings;

use std::collections::BTreeMap;

pub use auth::{Algorithm, Auth, ClaimNames, Issuer, KeySource, TokenType};
pub use budget::{Budget, BudgetLimits, Limit};
pub use fault::{Fault, Faults, Origin};
pub use layers::{DEFAULT_TEXT, FileSource, Sources, notify_socket};
pub use limits::{Cache, Limits, PurchasesPerDay, Rate};
pub use notifications::{NoticeFormat, Notifications, Webhook};
pub use policy_cases::{Asked, Expected, PolicyCase, read as read_policy_cases};
pub use print::{Origins, Setting};
pub use purchases::{Audit, Mode, PreexistingVisibility, Purchases, Retention};
pub use server::{Ops, Server, Tls};
pub use storage::{Database, Storage};
pub use teams::Team;
pub use telemetry::{Compat, LogFormat, SearchShape, Telemetry};
pub use units::{Percent, WebUrl};
pub use upstream::Upstream;

use crate::config::kinds::{NAME, TEAM};
use crate::config::reading::Reading;
use crate::config::section::Section;
use crate::domain::billing::Billing;
use crate::domain::policy::Policy;
use crate::domain::principal::TeamId;
use crate::domain::registration::RegistrationData;

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
    pub registration_profiles: BTreeMap<String, RegistrationData>,
    /// The rules.
    pub policy: Policy,
    /// How long answers are kept.
    pub cache: Cache,
    /// How much one caller may ask.
    pub limits: Limits,
    /// How a purchase goes.
    pub purchases: Purchases,
    /// Who is told what happens.
    pub notifications: Notifications,
    /// The evidence.
    pub audit: Audit,
    /// How long personal data is kept.
    pub retention: Retention,
    /// Logs and traces.
    pub telemetry: Telemetry,
    /// Answers to older programs.
    pub compat: Compat,
}

/// A configuration, and where each value came from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The values.
    pub config: Config,
    /// Every effective key with its value (secrets redacted) and origin; its `Display` is for `check-config`.
    pub origins: Origins,
    /// What is valid and yet hardly meant, one sentence each.
    pub warnings: Vec<String>,
}

/// Loads and checks. Errors: everything that is wrong, not only the first.
pub fn load(sources: &Sources) -> Result<Loaded, Faults> {
    let mut reading = Reading::default();
    let config = layers::merged(sources, &mut reading.faults)
        .and_then(|tree| section::read_root(tree, &mut reading, Config::read));
    if let Some(config) = &config {
        validate::compare(config, &mut reading);
    }
    match config {
        Some(config) if reading.faults.is_empty() => {
            let origins = Origins::new(reading.settings, reading.written);
            let warnings = warnings::about(&config);
            Ok(Loaded { config, origins, warnings })
        }
        Some(_) | None => Err(Faults::new(reading.faults)),
    }
}

impl Config {
    /// How upstream bills, as far as anybody has said.
    pub fn billing(&self) -> Billing {
        Billing { zone: self.upstream.billing_time_zone.clone(), currency: self.budget.currency }
    }

    fn read(root: &mut Section<'_>) -> Option<Self> {
        let policy = root.table("policy", policy::read);
        Some(Self {
            server: root.table("server", Server::read),
            ops: root.table("ops", Ops::read),
            upstream: root.table("upstream", Upstream::read),
            storage: root.table("storage", Storage::read),
            auth: root.table("auth", Auth::read),
            budget: root.table("budget", Budget::read),
            teams: root.keyed("teams", &TEAM, Team::read),
            registration_profiles: root
                .keyed("registration_profiles", &NAME, |profile, _| teams::registration_profile(profile)),
            cache: root.table("cache", Cache::read),
            limits: root.table("limits", Limits::read),
            purchases: root.table("purchases", Purchases::read),
            notifications: root.table("notifications", Notifications::read),
            audit: root.table("audit", Audit::read),
            retention: root.table("retention", Retention::read),
            telemetry: root.table("telemetry", Telemetry::read),
            compat: root.table("compat", Compat::read),
            // Last, so that a policy without a digest does not hide the faults of the other sections.
            policy: policy?,
        })
    }
}
