//! What of a running gateway follows a changed configuration: whose tokens are believed, what ClickSend knows the gateway
//! by, teams with their budgets, rules and limits. All of it or nothing.

use std::sync::Arc;

use crate::app::listen::Certificate;
use crate::app::live::LiveParts;
use crate::app::{StartError, upstream, wiring};
use crate::auth::Verifier;
use crate::clicksend::ClickSend;
use crate::config::Config;
use crate::domain::audit::{Actor, AuditEvent, Target};
use crate::domain::money::Currency;
use crate::domain::policy::Policy;
use crate::http::PublicParts;
use crate::metrics::Metrics;
use crate::service::limits::{CommonLimit, KeyedLimit};
use crate::service::search::Searches;
use crate::store::{self, Finished, Store, StoreError, Tx};

/// The keys that take effect without a restart, by how their names begin.
const FOLLOWED: [&str; 11] = [
    "auth.denied_ids",
    "auth.denied_subjects",
    "auth.issuers",
    "budget.recurring_per_month",
    "budget.spend_per_month",
    "limits",
    "policy",
    "registration_profiles",
    "teams",
    "upstream.api_key",
    "upstream.username",
];

/// The parts of a running gateway that a changed configuration reaches. Cheap to clone.
#[derive(Clone)]
pub struct Reload {
    pub(super) certificate: Option<Certificate>,
    pub(super) metrics: Metrics,
    verifier: Arc<Verifier>,
    upstream: ClickSend,
    store: Store,
    live: LiveParts,
    limits: Limits,
    currency: Option<Currency>,
}

/// The token buckets.
#[derive(Clone)]
struct Limits {
    addresses: Arc<KeyedLimit>,
    reads: Arc<KeyedLimit>,
    searches: Searches,
    writes: CommonLimit,
    decisions: CommonLimit,
}

impl Reload {
    pub(super) async fn new(
        wired: &wiring::Wired<'_>,
        public: &PublicParts,
        [writes, decisions]: [CommonLimit; 2],
    ) -> Result<Self, StartError> {
        let limits = Limits {
            addresses: Arc::clone(&public.addresses),
            reads: Arc::clone(&public.reads),
            searches: public.searches.clone(),
            writes,
            decisions,
        };
        Ok(Self {
            certificate: Certificate::configured(wired.config.server.tls.as_ref()).await?,
            metrics: public.metrics.clone(),
            verifier: Arc::clone(&public.verifier),
            upstream: wired.upstream.clone(),
            store: wired.store.clone(),
            live: wired.live.clone(),
            limits,
            currency: wired.config.budget.currency,
        })
    }

    /// Puts a changed configuration in force, from the next request on, and writes down which keys `changed`.
    ///
    /// # Errors
    /// Every fault of every issuer, what is wrong with the credentials, or that it could not be written down; then
    /// everything stays as it was.
    pub async fn apply(&self, config: &Config, changed: &[String]) -> Result<(), StartError> {
        let applied = self.replace(config, changed).await;
        self.metrics.config_reloaded(applied.is_ok());
        applied
    }

    /// What can fail comes first.
    async fn replace(&self, config: &Config, changed: &[String]) -> Result<(), StartError> {
        if config.budget.currency != self.currency {
            // Budgets and prices in the rules are in it, and the ledger is in the one before.
            return Err(StartError::Configuration(
                "budget.currency cannot change while the gateway runs: restart it; nothing was changed"
                    .to_owned(),
            ));
        }
        let credentials = upstream::credentials(&config.upstream)?;
        let trusted = {
            let verifier = Arc::clone(&self.verifier);
            let (issuers, denied) = (wiring::issuers(&config.auth), wiring::denied(&config.auth));
            // Key files are read, whose disk may hang.
            let reading = tokio::task::spawn_blocking(move || verifier.load(issuers, denied));
            reading.await.map_err(|error| StartError::Internal(error.to_string()))?
        };
        let trusted = trusted.map_err(|faults| wiring::key_faults(&faults))?;
        self.write_down(config.policy.clone(), changed).await?;
        self.verifier.trust(trusted);
        if self.upstream.replace_credentials(credentials) {
            tracing::info!("ClickSend is asked with other credentials from now on");
        }
        for rule in config.policy.rules() {
            self.metrics.expect_rule(Some(&rule.name), rule.then.as_str());
        }
        self.live.replace(config);
        self.limits.replace(&config.limits);
        Ok(())
    }

    /// A policy that was never in force is kept, so that decisions can be understood later.
    async fn write_down(&self, policy: Policy, changed: &[String]) -> Result<(), StoreError> {
        let followed: Vec<String> = changed.iter().filter(|key| Self::follows(key)).cloned().collect();
        if followed.is_empty() {
            return Ok(());
        }
        self.store.write(move |tx| write_down(tx, &policy, followed)).await
    }

    /// Has what other files hold read again, whatever becomes of the configuration: the listener's certificate.
    pub fn reread_files(&self) {
        if let Some(certificate) = &self.certificate {
            certificate.read_again();
        }
    }

    /// A changed configuration had faults: everything stays as it was.
    pub fn refuse(&self) {
        self.metrics.config_reloaded(false);
    }

    /// Whether a change of this key takes effect without a restart.
    pub fn follows(key: &str) -> bool {
        FOLLOWED.iter().any(|followed| key.starts_with(followed))
    }
}

impl Limits {
    fn replace(&self, limits: &crate::config::Limits) {
        self.addresses.replace(wiring::rate(limits.addresses));
        self.reads.replace(wiring::rate(limits.reads));
        self.searches.limit_misses(wiring::rate(limits.misses));
        self.writes.replace(wiring::rate(limits.writes));
        self.decisions.replace(wiring::rate(limits.decisions));
    }
}

fn write_down(mut tx: Tx<'_>, policy: &Policy, changed: Vec<String>) -> Result<Finished<()>, StoreError> {
    if !store::policies::is_known(tx.session(), policy)? {
        store::policies::insert(&mut tx, policy)?;
        tx.record(&loaded(policy, "reload"))?;
    }
    let event = AuditEvent::new(
        "configuration.changed",
        Actor::Gateway("reload"),
        Target::new("configuration", &"gateway"),
    )
    .with("keys", changed)
    .with("policy", policy.digest().to_string());
    tx.commit(&event, ())
}

/// A policy that was never in force before.
pub(super) fn loaded(policy: &Policy, part: &'static str) -> AuditEvent {
    let target = Target::new("policy", &policy.digest());
    AuditEvent::new("policy.loaded", Actor::Gateway(part), target).with("rules", policy.rules().len())
}
