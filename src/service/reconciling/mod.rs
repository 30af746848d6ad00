//! The reconciler: what nobody knows is found out from the list of owned numbers, and what cannot be found out is left
//! to people.
//!
//! One loop in one task. It wakes when an answer was lost, when a look is due and every `sweep_every`; each pass reads
//! the whole list once and compares everything with it. What a list *shows* counts from any page of it; what it
//! *lacks* counts only when it is whole and of our own account. `domain/PROTOCOL.md` tells the rules.

mod account;
mod assigning;
mod idle;
mod late;
mod lost;
mod numbers;
mod origins;
mod renewing;
mod resolving;
mod waiting;

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::domain::owned::OwnedNumber;
use crate::metrics::Scan;
use crate::service::ground::Ground;
use crate::service::owned::{OwnedNumbers, Reading};
use crate::service::purchasing::Purchasing;
use crate::service::refusal::Refusal;
use crate::service::search::Searches;
use crate::store;

use account::Whose;
use origins::Missing;
use waiting::{Terms, Waiting};

pub use assigning::{Assigned, Assignment, Selection};
pub use idle::{Idle, IdleNumber, IdlePage, Why};
pub use numbers::{NumberRow, NumbersPage};
pub use resolving::{Resolution, Resolved};

/// Purchases that are looked for at once; more would be a disaster that people look at first.
const UNSETTLED: i64 = 10_000;
/// How long a list is waited for. An account of thousands of numbers has more pages than a minute allows calls.
const LIST_WITHIN: Duration = Duration::from_mins(15);
/// How long buys on their way are waited for before they are paused for one list: longer than any of them lasts.
const PAUSE_WITHIN: Duration = Duration::from_mins(3);
/// Between two passes, and after one that failed, as shares of the absence window: 5 s and 30 s of the usual one.
const BREATHS: u32 = 120;
const RETRIES: u32 = 20;
const LONGEST_RETRY: Duration = Duration::from_secs(30);

/// How it is configured.
#[derive(Clone, Debug)]
pub struct ReconcilingSettings {
    /// How long after its loss a purchase may still appear.
    pub absence_window: Duration,
    /// Between the two lists that show absence.
    pub scan_spacing: Duration,
    /// How often everything is compared.
    pub sweep_every: Duration,
    /// How many people settle what no list can.
    pub resolve_people: usize,
    /// Whether numbers without a team are everybody's to see.
    pub preexisting_visible_to_all: bool,
}

/// What it is built from.
pub struct ReconcilingParts {
    /// What it shares with buying.
    pub ground: Ground,
    /// The table of owned numbers.
    pub owned: OwnedNumbers,
    /// Buying, whose sweep is part of this one.
    pub purchasing: Purchasing,
    /// The search cache, which may offer again what was not bought.
    pub searches: Searches,
    /// Configuration.
    pub settings: ReconcilingSettings,
}

/// The service. Cheap to clone.
#[derive(Clone)]
pub struct Reconciling(Arc<Inner>);

struct Inner {
    parts: ReconcilingParts,
    waiting: Mutex<Waiting>,
    missing: Mutex<Missing>,
    /// Upstream has named the account since this process started.
    account_is_known: AtomicBool,
}

/// A reading with what it is worth.
struct Evidence {
    /// [`Clock::boot`](crate::clock::Clock::boot) before its first page was asked for.
    begun: Duration,
    /// By number.
    rows: BTreeMap<String, Vec<OwnedNumber>>,
    /// Whether what it lacks counts as well.
    is_complete: bool,
}

impl Evidence {
    /// The guids of a number's rows, nothing for a row without one; empty where no row shows the number.
    fn guids_of(&self, number: &str) -> Vec<Option<String>> {
        let rows = self.rows.get(number).into_iter().flatten();
        rows.map(|row| row.number_guid.clone()).collect()
    }
}

/// Whether a row stands there that did not stand there before the attempt. A row without a guid is new: nothing is
/// claimed for a number that has rows.
fn is_new(guids: &[Option<String>], baseline: &[String]) -> bool {
    guids.iter().any(|guid| guid.as_ref().is_none_or(|guid| !baseline.contains(guid)))
}

impl Reconciling {
    /// A reconciler that has not looked yet.
    pub fn new(parts: ReconcilingParts) -> Self {
        let settings = &parts.settings;
        let terms = Terms { window: settings.absence_window, spacing: settings.scan_spacing };
        Self(Arc::new(Inner {
            waiting: Mutex::new(Waiting::new(terms)),
            missing: Mutex::default(),
            account_is_known: AtomicBool::new(false),
            parts,
        }))
    }

    /// Compares the account with the one that was seen first, for the first time since the start. Upstream that does
    /// not answer is asked again by every pass.
    pub async fn begin(&self, within: Duration) {
        if tokio::time::timeout(within, self.0.whose_account()).await.is_err() {
            tracing::warn!("ClickSend did not name the account yet; it is asked again");
        }
    }

    /// Looks and sweeps until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let clock = self.0.parts.ground.clock.clone();
        let settings = &self.0.parts.settings;
        let breath = settings.absence_window / BREATHS;
        let retry = (settings.absence_window / RETRIES).min(LONGEST_RETRY);
        let (mut sweep_at, mut rested_at, mut has_failed) = (clock.boot(), clock.boot(), false);
        let mut leads = self.0.parts.ground.store.leads();
        loop {
            // One looks for all; who begins to, begins its proofs anew.
            let leading = leads.wait_for(|leads| *leads);
            if stop.run_until_cancelled(leading).await.is_none() {
                return;
            }
            let look_at = if has_failed { Some(rested_at) } else { self.0.waiting().next_look() };
            let due = look_at.map_or(sweep_at, |look| look.min(sweep_at)).max(rested_at);
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.0.parts.ground.lost.notified() => {
                    self.0.take_in_lost().await;
                    continue;
                }
                () = tokio::time::sleep(due.saturating_sub(clock.boot())) => {}
            }
            let is_sweep = clock.boot() >= sweep_at;
            let passed = tokio::select! {
                () = stop.cancelled() => return,
                passed = self.0.pass(is_sweep) => passed,
            };
            if is_sweep {
                sweep_at = clock.boot() + settings.sweep_every;
            }
            has_failed = passed.is_err();
            let rest = passed.err().map_or(breath, |refusal| {
                tracing::warn!(%refusal, "the owned numbers could not be compared with purchases; trying again");
                refusal.retry_after.map_or(retry, |asked| asked.max(retry))
            });
            rested_at = clock.boot() + rest;
        }
    }
}

impl Inner {
    /// One look, and at a sweep what only time brings about.
    async fn pass(&self, is_sweep: bool) -> Result<(), Refusal> {
        let looked = self.look().await;
        if is_sweep {
            // Neither waits for the other to work.
            let (stalled, swept) = (self.stall().await, self.parts.purchasing.sweep().await);
            stalled.and(swept)?;
        }
        looked
    }

    /// Reads the list and concludes what it allows.
    async fn look(&self) -> Result<(), Refusal> {
        self.take_in_lost().await;
        let whose = self.whose_account().await?;
        if let Whose::Another = whose {
            self.parts.ground.metrics.scanned(Scan::Ignored);
            return Ok(());
        }
        let reading = self.read_list().await?;
        let is_complete = reading.fault().is_none() && whose == Whose::Ours;
        self.parts.ground.metrics.scanned(if is_complete { Scan::Complete } else { Scan::InPart });
        let mut rows: BTreeMap<String, Vec<OwnedNumber>> = BTreeMap::new();
        for row in reading.rows.iter() {
            rows.entry(row.dedicated_number.clone()).or_default().push(row.clone());
        }
        let evidence = Evidence { begun: reading.begun, rows, is_complete };
        self.settle_lost(&evidence).await?;
        self.book_late(&evidence).await?;
        if evidence.is_complete {
            self.compare_origins(&evidence).await?;
            self.renew(&evidence).await?;
        }
        self.take_in_lost().await;
        reading.fault().map_or(Ok(()), |fault| Err(fault.clone()))
    }

    /// The list; read once more with buying paused where our own buys kept changing it.
    async fn read_list(&self) -> Result<Reading, Refusal> {
        let passage = &self.parts.ground.passage;
        let mark = passage.mark();
        let lost = || {
            let message = "the list of owned numbers was not read to its end";
            Refusal::new(crate::service::Code::UpstreamUnavailable, message)
        };
        let reading = self.parts.owned.read(LIST_WITHIN).await.ok_or_else(lost)?;
        if !reading.contradicts_itself || passage.was_quiet_since(mark) {
            return Ok(reading);
        }
        let _closed = passage.close(PAUSE_WITHIN).await;
        self.parts.owned.read(LIST_WITHIN).await.ok_or_else(lost)
    }

    /// Begins to wait for whatever is unknown now.
    async fn take_in_lost(&self) {
        let read = self.parts.ground.store.read(|session| store::purchases::unsettled(session, UNSETTLED));
        // A store that fails is asked again by the next pass; until then the old waiting stands.
        if let Ok(unsettled) = read.await {
            self.waiting().update(&unsettled, self.parts.ground.clock.boot());
        }
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
