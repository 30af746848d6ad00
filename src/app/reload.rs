//! What of a running gateway follows a changed configuration: whose tokens are believed, what ClickSend knows the gateway
//! by, teams with their budgets, rules and limits. All of it or nothing.

use std::sync::{Arc, Mutex, PoisonError};

use crate::app::listen::Certificate;
use crate::app::live::LiveParts;
use crate::app::reach::Reach;
use crate::app::{StartError, upstream, wiring};
use crate::auth::Verifier;
use crate::clicksend::ClickSend;
use crate::config::{Config, Origins};
use crate::domain::audit::{Actor, AuditEvent, Target};
use crate::domain::policy::Policy;
use crate::http::PublicParts;
use crate::metrics::Metrics;
use crate::service::limits::{CommonLimit, KeyedLimit};
use crate::service::search::Searches;
use crate::store::{self, Finished, Store, StoreError, Tx};

/// Which keys of a configuration that was read again are not what they were.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Against what is in force: with [`Reload::apply`] these come into force.
    pub at_once: Vec<String>,
    /// Against what the gateway was started with: these wait for a restart, each with the reason.
    pub after_restart: Vec<(String, &'static str)>,
}

impl Changes {
    /// What becomes of `now`, where `started` was the configuration of the start and `running` the one applied last.
    pub fn between(started: &Origins, running: &Origins, now: &Origins) -> Self {
        let mut at_once = running.changes(now);
        at_once.retain(|key| Reach::of(key) == Reach::AtOnce);
        let after_restart = started.changes(now).into_iter().filter_map(|key| match Reach::of(&key) {
            Reach::AtOnce => None,
            Reach::AfterRestart(reason) => Some((key, reason)),
        });
        Self { at_once, after_restart: after_restart.collect() }
    }

    /// What a running gateway cannot take at all, not even in part.
    fn refused(&self) -> Option<&'static str> {
        let waits = |wanted: &str| self.after_restart.iter().any(|(key, _)| key == wanted);
        let comes = |wanted: &str| self.at_once.iter().any(|key| key == wanted);
        if waits("budget.currency") {
            // Budgets and prices in the rules are in it, and the ledger is in the one before.
            return Some(
                "budget.currency cannot change while the gateway runs: restart it; nothing was changed",
            );
        }
        if waits("upstream.base_url") && (comes("upstream.username") || comes("upstream.api_key")) {
            return Some(
                "upstream.base_url changes only with a restart, and until then the other credentials would be sent to the \
                 address before: restart the gateway; nothing was changed",
            );
        }
        None
    }
}

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
    /// What waited for a restart when it was written down last.
    waiting: Arc<Mutex<Vec<String>>>,
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
            waiting: Arc::default(),
        })
    }

    /// Puts a changed configuration in force, from the next request on, and writes down the `changes`.
    ///
    /// # Errors
    /// Every fault of every issuer, what is wrong with the credentials, or that it could not be written down; then
    /// everything stays as it was.
    pub async fn apply(&self, config: &Config, changes: &Changes) -> Result<(), StartError> {
        let applied = self.replace(config, changes).await;
        self.metrics.config_reloaded(applied.is_ok());
        applied
    }

    /// What can fail comes first.
    async fn replace(&self, config: &Config, changes: &Changes) -> Result<(), StartError> {
        if let Some(why) = changes.refused() {
            return Err(StartError::Configuration(why.to_owned()));
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
        self.write_down(config.policy.clone(), changes).await?;
        self.verifier.trust(trusted);
        if self.upstream.replace_credentials(credentials) {
            tracing::info!("ClickSend is asked with other credentials from now on");
        }
        for rule in config.policy.rules() {
            self.metrics.expect_rule(Some(&rule.name), rule.then.as_str());
        }
        self.live.replace(config);
        self.limits.replace(&config.limits);
        // A key file that was replaced while all this went on.
        self.verifier.reread_files().await;
        Ok(())
    }

    /// A policy that was never in force is kept, so that decisions can be understood later. What only waits for a restart is
    /// written down when it is asked for, and not with each look at the file.
    async fn write_down(&self, policy: Policy, changes: &Changes) -> Result<(), StoreError> {
        let waiting: Vec<String> = changes.after_restart.iter().map(|(key, _)| key.clone()).collect();
        let is_news = *self.waiting.lock().unwrap_or_else(PoisonError::into_inner) != waiting;
        if changes.at_once.is_empty() && !is_news {
            return Ok(());
        }
        let (keys, need_restart) = (changes.at_once.clone(), waiting.clone());
        self.store.write(move |tx| write_down(tx, &policy, keys, need_restart)).await?;
        *self.waiting.lock().unwrap_or_else(PoisonError::into_inner) = waiting;
        Ok(())
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

fn write_down(
    mut tx: Tx<'_>,
    policy: &Policy,
    keys: Vec<String>,
    need_restart: Vec<String>,
) -> Result<Finished<()>, StoreError> {
    if !store::policies::is_known(tx.session(), policy)? {
        store::policies::insert(&mut tx, policy)?;
        tx.record(&loaded(policy, "reload"))?;
    }
    let event = AuditEvent::new(
        "configuration.changed",
        Actor::Gateway("reload"),
        Target::new("configuration", &"gateway"),
    )
    .with("keys", keys)
    .with("need_restart", need_restart)
    .with("policy", policy.digest().to_string());
    tx.commit(&event, ())
}

/// A policy that was never in force before.
pub(super) fn loaded(policy: &Policy, part: &'static str) -> AuditEvent {
    let target = Target::new("policy", &policy.digest());
    AuditEvent::new("policy.loaded", Actor::Gateway(part), target).with("rules", policy.rules().len())
}
