//! The composition root: a configuration becomes a running gateway, and nobody else wires, spawns or holds anything.
//!
//! [`Gateway::start`] returns when both listeners answer; [`Gateway::run_until`] serves until told to stop and then
//! drains: readiness off, nothing new accepted, buys under way waited for.

mod draining;
mod evidence;
mod listen;
mod live;
mod observing;
mod opening;
mod reach;
mod reload;
mod supervisor;
mod upstream;
mod wiring;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clicksend::ClickSend;
use crate::clock::Clock;
use crate::config::{Config, Database};
use crate::domain::audit::Head;
use crate::domain::policy::Policy;
use crate::http::ops::{self, Readiness};
use crate::http::{PublicParts, PublicRouter};
use crate::metrics::Metrics;
use crate::service::Refusal;
use crate::service::background::Background;
use crate::service::buying::Buying;
use crate::service::evidence::Witness;
use crate::service::purchasing::Purchasing;
use crate::service::registrations::Registrations;
use crate::service::spend::LastAccount;
use crate::store::{self, Address, AddressParts, Snapshot, Store, StoreError};
use draining::Drain;
use listen::Listener;

pub use crate::store::Location;
pub use evidence::{EvidenceSource, Fault, Report, WantedExport, export_evidence, verify_evidence};
pub use reach::Reach;
pub use reload::{Changes, Reload};
pub use supervisor::Supervisor;
pub use wiring::{issuers, verifier};

/// How often maps that grow with callers are cleared of the idle ones.
const TIDY_EVERY: Duration = Duration::from_mins(1);
/// How long the start waits for ClickSend to name the account; it starts without as well.
const ACCOUNT_WITHIN: Duration = Duration::from_secs(5);
/// How often one looks for what another replica left behind.
const TAKE_OVER_EVERY: Duration = Duration::from_secs(2);

/// Why a gateway does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A port, the database, a folder: something outside is not there.
    #[error("{0}")]
    Dependency(String),
    /// Something in the configuration that only shows when it is used.
    #[error("{0}")]
    Configuration(String),
    /// A fault of ours, or of the machine.
    #[error("{0}")]
    Internal(String),
}

/// Why a gateway ended without being told to: an fsync failed. The next start finds out what stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the disk lost what was written; the gateway must not go on, and its next start finds out what stands"
)]
pub struct DiskLost;

impl From<StoreError> for StartError {
    fn from(error: StoreError) -> Self {
        Self::Dependency(error.to_string())
    }
}

impl From<Refusal> for StartError {
    fn from(refusal: Refusal) -> Self {
        Self::Dependency(refusal.message)
    }
}

/// A running gateway.
pub struct Gateway {
    public: Listener,
    ops: Listener,
    readiness: Readiness,
    reload: Reload,
    background: Background,
    reads: Background,
    tasks: TaskTracker,
    stop: CancellationToken,
    disk_lost: CancellationToken,
    drain: Drain,
    store: Store,
    manager: Supervisor,
}

impl Gateway {
    /// Opens the database, settles what an earlier process left behind, and serves. Ready when this returns. Port 0
    /// takes a free one.
    pub async fn start(config: &Config, clock: Clock) -> Result<Self, StartError> {
        let disk_lost = CancellationToken::new();
        let started = Box::pin(Self::start_on(config, clock, disk_lost.clone())).await;
        // What failed behind a failed fsync failed because of it.
        if disk_lost.is_cancelled() { Err(StartError::Internal(DiskLost.to_string())) } else { started }
    }

    async fn start_on(
        config: &Config,
        clock: Clock,
        disk_lost: CancellationToken,
    ) -> Result<Self, StartError> {
        let metrics = Metrics::new().map_err(|error| StartError::Internal(error.to_string()))?;
        let verifier = Arc::new(wiring::verifier(config, clock.clone())?);
        let upstream = upstream::client(config, clock.clone(), &metrics)?;
        let store = opening::open_store(config, clock.clone(), disk_lost.clone()).await?;
        let witness = evidence::begin_witness(config, &store, &clock, &metrics).await?;
        keep_policy(&store, config.policy.clone()).await?;
        let (background, reads) = (Background::default(), Background::default());
        let readiness = Readiness::default();
        let buying = Buying::new(wiring::buying(config), background.clone(), store.emergency().clone());
        let parts = wiring::Wired {
            config,
            clock,
            metrics,
            verifier,
            upstream,
            store,
            background: background.clone(),
            reads: reads.clone(),
            buying,
            account: LastAccount::default(),
            live: live::LiveParts::of(config),
        };
        let ground = parts.ground();
        let (public, limits) = (parts.public(&ground)?, [ground.writes.clone(), ground.decisions.clone()]);
        public.notices.begin().await?;
        recover(&public.purchasing, &public.registrations).await?;
        public.freezes.reread().await?;
        public.reconciling.begin(ACCOUNT_WITHIN).await;
        let ops = parts.ops(&ground, &readiness, public.searches.clone());
        let reload = Reload::new(&parts, &public, limits.clone()).await?;
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let begun = wiring::following(&public, &parts.store).begin().await?;
        begin_tasks(&parts, &public, (witness, begun), &tasks, &stop);
        let (searches, router) = (public.searches.clone(), PublicRouter::new(public));
        let (tidy_limit, stop_tidying) = (router.tidier(), stop.clone());
        tasks.spawn(every(TIDY_EVERY, stop_tidying, move || {
            searches.tidy();
            for limit in &limits {
                limit.forget_idle();
            }
            tidy_limit();
        }));
        if let Some(certificate) = reload.certificate.clone() {
            tasks.spawn(certificate.keep_current(reload.metrics.clone(), stop.clone()));
        }
        let public = Listener::public(&config.server, &reload, router.router, &tasks)?;
        let ops = Listener::ops(config, ops::router(ops), &tasks)?;
        readiness.set(true);
        tracing::info!(api = %public.address(), ops = %ops.address(), "ready");
        let drain = Drain { delay: config.server.drain_delay, grace: config.server.drain_grace };
        Ok(Self {
            public,
            ops,
            readiness,
            reload,
            background,
            reads,
            tasks,
            stop,
            disk_lost,
            drain,
            store: parts.store,
            manager: Supervisor::default(),
        })
    }

    /// Where the public listener is.
    pub const fn api_address(&self) -> SocketAddr {
        self.public.address()
    }

    /// Where the operators' listener is.
    pub const fn ops_address(&self) -> SocketAddr {
        self.ops.address()
    }

    /// Tells a service manager that everything is served, and later of the drain.
    pub fn tell(&mut self, manager: Supervisor) {
        manager.ready("serving");
        self.manager = manager;
    }

    /// What a changed configuration is given to.
    pub fn reload(&self) -> Reload {
        self.reload.clone()
    }

    /// Serves until `stop`, waits for `server.drain_delay`, then drains within `server.drain_grace`. Without a drain, and with
    /// an error, as soon as an fsync has failed: what is under way then could only be answered without being durable.
    pub async fn run_until(self, stop: CancellationToken) -> Result<(), DiskLost> {
        let disk_lost = self.disk_lost.clone();
        tokio::select! {
            biased;
            () = disk_lost.cancelled() => Err(DiskLost),
            () = self.serve_and_drain(stop) => Ok(()),
        }
    }
}

/// Brings the database to this version's schema, without serving.
pub fn migrate(config: &Config) -> Result<(), StartError> {
    Store::open(&database(config)?, Clock::system())?;
    Ok(())
}

/// Copies the configured database into a new file, beside whoever serves from it; gives the end of the copy's evidence.
pub fn backup(config: &Config, to: &Path) -> Result<Head, StartError> {
    match &config.storage.database {
        Database::Sqlite(path) => Ok(store::backup(path, to)?),
        Database::Postgres(_) => Err(StartError::Configuration(
            "storage.url is PostgreSQL: its own tools make the backup, see deploy/README.md".to_owned(),
        )),
    }
}

/// What `check-config --live` asks: the account, and how many numbers the first page counts.
pub fn upstream_for_check(config: &Config) -> Result<ClickSend, StartError> {
    let metrics = Metrics::new().map_err(|error| StartError::Internal(error.to_string()))?;
    upstream::client(config, Clock::system(), &metrics)
}

/// Where the configured database is.
pub fn database(config: &Config) -> Result<Location, StartError> {
    let storage = &config.storage;
    match &storage.database {
        Database::Sqlite(path) => Ok(Location::Sqlite(path.clone())),
        Database::Postgres(url) => {
            let address = Address::new(AddressParts {
                url,
                password: storage.password.as_ref().map(ExposeSecret::expose_secret),
                ca_file: storage.ca_file.as_deref(),
                emergency_file: &storage.emergency_file,
            });
            let address = address.map_err(|error| StartError::Configuration(error.to_string()))?;
            Ok(Location::Postgres(Box::new(address)))
        }
    }
}

/// Whether a database of this version is there, without changing it. Blocks.
pub fn reach(location: &Location) -> Result<(), StartError> {
    Snapshot::open(location)?;
    Ok(())
}

/// Each policy that is ever in force is kept once, and its coming into force is an event.
async fn keep_policy(store: &Store, policy: Policy) -> Result<(), StartError> {
    let kept: Result<(), StoreError> = store
        .write(move |mut tx| {
            if store::policies::is_known(tx.session(), &policy)? {
                return tx.unchanged(());
            }
            store::policies::insert(&mut tx, &policy)?;
            tx.commit(&reload::loaded(&policy, "start"), ())
        })
        .await;
    Ok(kept?)
}

async fn recover(purchasing: &Purchasing, registrations: &Registrations) -> Result<(), StartError> {
    let (purchases, registrations) = (purchasing.recover().await?, registrations.recover().await?);
    if purchases + registrations > 0 {
        tracing::error!(
            purchases,
            registrations,
            "an earlier process ended in the middle of sending; see the audit events"
        );
    }
    Ok(())
}

/// What goes on beside requests, until the stop.
fn begin_tasks(
    parts: &wiring::Wired<'_>,
    public: &PublicParts,
    (witness, begun): (Witness, Head),
    tasks: &TaskTracker,
    stop: &CancellationToken,
) {
    tasks.spawn(witness.run(public.freezes.clone(), stop.clone()));
    tasks.spawn(evidence::erasure(parts.config, &parts.store, &parts.clock).run(stop.clone()));
    let (verifier, refreshing) = (Arc::clone(&public.verifier), stop.clone());
    tasks.spawn(async move { verifier.keep_current(refreshing).await });
    tasks.spawn(upstream::keep_asking(parts.upstream.clone(), stop.clone()));
    tasks.spawn(public.reconciling.clone().run(stop.clone()));
    tasks.spawn(public.notices.clone().run(stop.clone()));
    tasks.spawn(wiring::following(public, &parts.store).run(begun, stop.clone()));
    let registrations = public.registrations.clone();
    begin_sharing(parts, (public.purchasing.clone(), registrations.clone()), tasks, stop);
    let sweep_every = parts.config.purchases.sweep_every;
    tasks.spawn(sweep(registrations, parts.store.clone(), sweep_every, stop.clone()));
}

/// What there is to do for one of several.
fn begin_sharing(
    parts: &wiring::Wired<'_>,
    (purchasing, registrations): (Purchasing, Registrations),
    tasks: &TaskTracker,
    stop: &CancellationToken,
) {
    tasks.spawn(take_over(purchasing, registrations, parts.store.clone(), stop.clone()));
    tasks.spawn(forget_idle(parts.store.clone(), stop.clone()));
    if parts.config.upstream.replicas_share_address {
        let replicas = parts.store.replicas();
        tasks.spawn(upstream::share_address(parts.upstream.clone(), replicas, stop.clone()));
    }
}

async fn lose_left_behind(purchasing: &Purchasing, registrations: &Registrations) -> Result<(), Refusal> {
    purchasing.lose_left_behind().await?;
    registrations.lose_left_behind().await?;
    Ok(())
}

/// Looks for what replicas left behind that are gone, until told to stop. Where one process has the database, it did so at
/// its start.
async fn take_over(
    purchasing: Purchasing,
    registrations: Registrations,
    store: Store,
    stop: CancellationToken,
) {
    let leads = store.leads();
    while store.is_shared() && tokio::time::timeout(TAKE_OVER_EVERY, stop.cancelled()).await.is_err() {
        if *leads.borrow()
            && let Err(refusal) = lose_left_behind(&purchasing, &registrations).await
        {
            tracing::warn!(%refusal, "what another replica left behind could not be settled; trying again");
        }
    }
}

/// Keeps what is counted of people from growing, until told to stop.
async fn forget_idle(store: Store, stop: CancellationToken) {
    let leads = store.leads();
    while store.is_shared() && tokio::time::timeout(TIDY_EVERY, stop.cancelled()).await.is_err() {
        if *leads.borrow()
            && let Err(error) = store.forget_idle().await
        {
            tracing::warn!(%error, "limits of people could not be tidied; trying again");
        }
    }
}

/// Looks after registrations that nobody asks about any more, until told to stop.
async fn sweep(registrations: Registrations, store: Store, period: Duration, stop: CancellationToken) {
    let leads = store.leads();
    while tokio::time::timeout(period, stop.cancelled()).await.is_err() {
        if !*leads.borrow() {
            continue;
        }
        if let Err(refusal) = registrations.sweep().await {
            tracing::warn!(%refusal, "registrations could not be swept; the next sweep tries again");
        }
    }
}

async fn every(period: Duration, stop: CancellationToken, work: impl Fn()) {
    while tokio::time::timeout(period, stop.cancelled()).await.is_err() {
        work();
    }
}
