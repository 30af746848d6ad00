//! What the simulator knows, behind one lock, and the bells that ring when it changes.

use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use super::Options;
use super::account::Account;
use super::clock::Clock;
use super::credentials::AccountKey;
use super::faults::Faults;
use super::inventory::Inventory;
use super::journal::Journal;
use super::settings::Settings;
use super::throttle::Windows;

/// A request that nobody releases goes on after this long.
const LONGEST_HOLD: Duration = Duration::from_mins(10);

/// Everything that a reset renews.
#[derive(Debug)]
pub(super) struct World {
    pub(super) clock: Clock,
    pub(super) settings: Settings,
    pub(super) inventory: Inventory,
    pub(super) account: Account,
    pub(super) journal: Journal,
    pub(super) faults: Faults,
    pub(super) windows: Windows,
    /// Requests that wait for a release now.
    pub(super) held: u64,
    pub(super) key: AccountKey,
}

impl World {
    pub(super) fn new(seed: u64, api_key: String) -> Self {
        Self {
            clock: Clock::real(),
            settings: Settings::default(),
            inventory: Inventory::new(seed),
            account: Account::new(seed),
            journal: Journal::default(),
            faults: Faults::new(seed),
            windows: Windows::default(),
            held: 0,
            key: AccountKey::new(api_key),
        }
    }

    /// As at the start, but for the requests under way: they still count themselves out.
    pub(super) fn reset(&mut self, seed: u64, api_key: String) {
        *self = Self { journal: self.journal.successor(), held: self.held, ..Self::new(seed, api_key) };
    }
}

/// One simulator, shared by all its connections.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) options: Options,
    world: Mutex<World>,
    changed: watch::Sender<()>,
    released: watch::Sender<()>,
    /// Work goes on when the client hangs up, as it would at ClickSend: it runs in tasks of its own.
    pub(super) work: TaskTracker,
}

impl Shared {
    pub(super) fn new(options: Options) -> Self {
        Self {
            world: Mutex::new(World::new(options.seed, options.api_key.clone())),
            options,
            changed: watch::Sender::new(()),
            released: watch::Sender::new(()),
            work: TaskTracker::new(),
        }
    }

    /// Looks at the world or changes it. Renewals that have fallen due are taken first.
    pub(super) fn with<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        let result = {
            let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
            let now = world.clock.now();
            world.account.renew(now);
            act(&mut world)
        };
        self.changed.send_replace(());
        result
    }

    /// Waits until the world is as wished; false when the time is over first.
    pub(super) async fn wait_until(&self, wish: impl Fn(&World) -> bool, at_most: Duration) -> bool {
        let mut changes = self.changed.subscribe();
        let come_true = async {
            loop {
                changes.mark_unchanged();
                if wish(&self.world.lock().unwrap_or_else(PoisonError::into_inner)) {
                    return true;
                }
                if changes.changed().await.is_err() {
                    return false;
                }
            }
        };
        tokio::time::timeout(at_most, come_true).await.unwrap_or(false)
    }

    /// Holds the caller until the next release.
    pub(super) fn hold(&self) -> impl Future<Output = ()> + Send {
        let mut release = self.released.subscribe();
        self.with(|world| world.held += 1);
        async move {
            // Released, or held long enough: the request goes on either way.
            let _ = tokio::time::timeout(LONGEST_HOLD, release.changed()).await;
            self.with(|world| world.held = world.held.saturating_sub(1));
        }
    }

    /// Lets every held request go on.
    pub(super) fn release(&self) {
        self.released.send_replace(());
    }
}
