//! A fetched key set: when it is asked for again, and when it is too old to be believed.
//!
//! Strangers can make us look for keys (any token may name any `kid`), so the issuer is asked at most every 30
//! seconds whatever they send, by one fetch at a time, and nobody is asked again for a `kid` that was looked for and
//! missing: the next set, eight minutes later at most, has it or has not. An issuer that is down costs nothing for a day; after that its tokens open nothing.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio_util::task::TaskTracker;

use super::compact::Header;
use super::fetch::{FetchFault, Fetcher};
use super::jwk::KeySet;
use super::keys::{Key, KeyTable, Miss};
use super::refusal::{Reason, Refusal};
use crate::clock::Clock;

/// A set older than this is called stale.
pub(super) const MAX_AGE: Duration = Duration::from_mins(10);
/// 80 % of that: the next set is here before the old one is stale.
const REFRESH_AFTER: Duration = Duration::from_mins(8);
/// Between two attempts, whatever came of the first.
const SPACING: Duration = Duration::from_secs(30);
/// A key may have been withdrawn since; a day is how long an issuer's outage is covered.
const MAX_STALE: Duration = Duration::from_hours(24);
/// With a `kid` of 256 bytes: 256 KiB. One comes with a fetch, so eight hours of attack; then all are forgotten.
const MAX_MISSING: usize = 1_000;

/// The key set of one issuer, kept up to date.
#[derive(Debug)]
pub(super) struct RemoteKeys {
    /// The configuration's name of the issuer, for the log.
    name: String,
    fetcher: Fetcher,
    clock: Clock,
    state: ArcSwap<State>,
    /// Names that a fetch was made for and did not bring.
    missing: Mutex<HashSet<String>>,
    /// When the last attempt began; held while one runs, so that there is only one.
    attempt: Arc<tokio::sync::Mutex<Option<Duration>>>,
    /// A fetch outlives the request that wanted it: a caller who hangs up must not cost everybody the next 30 s.
    tasks: TaskTracker,
}

#[derive(Debug, Default)]
struct State {
    set: Option<Arc<Fetched>>,
    /// Why the last attempt failed, if it did.
    fault: Option<FetchFault>,
}

#[derive(Debug)]
struct Fetched {
    table: Arc<KeyTable>,
    at: Duration,
}

/// What operators see of a fetched set.
#[derive(Debug)]
pub(super) struct RemoteHealth {
    pub(super) keys: usize,
    pub(super) age: Option<Duration>,
    pub(super) fault: Option<FetchFault>,
}

#[derive(PartialEq, Eq)]
enum Attempt {
    Made,
    TooSoon,
}

impl RemoteKeys {
    pub(super) fn new(name: String, fetcher: Fetcher, clock: Clock) -> Self {
        Self {
            name,
            fetcher,
            clock,
            state: ArcSwap::default(),
            missing: Mutex::default(),
            attempt: Arc::default(),
            tasks: TaskTracker::new(),
        }
    }

    /// The keys as they are now; `None` before the first set and when it is a day old.
    pub(super) fn current(&self) -> Option<Arc<KeyTable>> {
        self.usable_of(&self.state.load()).map(|set| Arc::clone(&set.table))
    }

    /// The key a header asks for, and the table it stands in. Asks the issuer when it is unknown; waits at most
    /// for one fetch, five seconds.
    pub(super) async fn find(
        self: &Arc<Self>,
        header: &Header,
    ) -> Result<(Arc<KeyTable>, Arc<Key>), Refusal> {
        // Absent in the header, it stands for "the only key": remembered under a name that no key can have.
        let wanted = header.key_id.as_deref().unwrap_or_default();
        if let Some(set) = self.usable_of(&self.state.load()) {
            match set.table.find(header) {
                Ok(key) => return Ok((Arc::clone(&set.table), key)),
                Err(Miss::Refused(reason)) => return Err(Refusal::Invalid(reason)),
                Err(Miss::Unknown) if self.is_known_missing(wanted) => {
                    return Err(Refusal::Invalid(Reason::KeyUnknown));
                }
                Err(Miss::Unknown) => {}
            }
        }
        let attempt = self.attempt().await;
        let state = self.state.load_full();
        let set = self.usable_of(&state).ok_or(Refusal::IssuerUnavailable)?;
        match set.table.find(header) {
            Ok(key) => Ok((Arc::clone(&set.table), key)),
            Err(Miss::Refused(reason)) => Err(Refusal::Invalid(reason)),
            // The issuer may have this key, but cannot be asked; an issuer without any key is no issuer now.
            Err(Miss::Unknown) if state.fault.is_some() || set.table.len() == 0 => {
                Err(Refusal::IssuerUnavailable)
            }
            Err(Miss::Unknown) => {
                if attempt == Attempt::Made {
                    self.remember_missing(wanted);
                }
                Err(Refusal::Invalid(Reason::KeyUnknown))
            }
        }
    }

    /// Fetches the set when it is due.
    pub(super) async fn refresh_if_due(self: &Arc<Self>) {
        let age = self.state.load().set.as_ref().map(|set| self.age(set));
        if age.is_none_or(|age| age >= REFRESH_AFTER) {
            self.attempt().await;
        }
    }

    pub(super) fn health(&self) -> RemoteHealth {
        let state = self.state.load();
        let usable = self.usable_of(&state);
        RemoteHealth {
            keys: usable.as_ref().map_or(0, |set| set.table.len()),
            age: usable.map(|set| self.age(&set)),
            fault: state.fault.clone(),
        }
    }

    /// Asks the issuer, unless it was asked just now: by somebody this caller waited for, too.
    async fn attempt(self: &Arc<Self>) -> Attempt {
        let mut last = Arc::clone(&self.attempt).lock_owned().await;
        let now = self.clock.boot();
        if last.is_some_and(|last| now.saturating_sub(last) < SPACING) {
            return Attempt::TooSoon;
        }
        *last = Some(now);
        let this = Arc::clone(self);
        let fetch = self.tasks.spawn(async move {
            let outcome = this.fetcher.fetch().await;
            this.settle(outcome);
            drop(last);
        });
        // An error would be a panic in there or the end of the runtime; the state then says what is known.
        let _ = fetch.await;
        Attempt::Made
    }

    fn settle(&self, outcome: Result<KeySet, FetchFault>) {
        let old = self.state.load();
        let new = match outcome {
            Ok(set) => {
                let (keys, skipped) = (set.keys.len(), set.skipped.len());
                if keys == 0 {
                    tracing::warn!(issuer = self.name, skipped, "the issuer's key set has no key for us");
                } else if old.set.is_none() || old.fault.is_some() {
                    tracing::info!(issuer = self.name, keys, skipped, "the issuer's key set is here");
                }
                let table = Arc::new(KeyTable::Set(set.keys));
                let fetched = Fetched { table, at: self.clock.boot() };
                State { set: Some(Arc::new(fetched)), fault: None }
            }
            Err(fault) => {
                tracing::warn!(issuer = self.name, %fault, "the issuer's key set did not come");
                State { set: old.set.clone(), fault: Some(fault) }
            }
        };
        self.state.store(Arc::new(new));
    }

    fn usable_of(&self, state: &State) -> Option<Arc<Fetched>> {
        state.set.clone().filter(|set| self.age(set) < MAX_STALE)
    }

    fn age(&self, set: &Fetched) -> Duration {
        self.clock.boot().saturating_sub(set.at)
    }

    fn is_known_missing(&self, key_id: &str) -> bool {
        self.missing.lock().unwrap_or_else(PoisonError::into_inner).contains(key_id)
    }

    fn remember_missing(&self, key_id: &str) {
        let mut missing = self.missing.lock().unwrap_or_else(PoisonError::into_inner);
        if missing.len() >= MAX_MISSING {
            missing.clear();
        }
        missing.insert(key_id.to_owned());
    }
}
