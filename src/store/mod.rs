//! Where everything durable is: purchases, money, evidence, owned numbers.
//!
//! A write is a plain function over [`Tx`] that [`Store::write`] runs to its end; it can only end with an audit
//! event. A read is a plain function over [`Session`]. Neither knows which engine is below, and no statement
//! stands twice.

pub mod account;
pub mod adjustments;
pub mod approvals;
pub mod attempts;
pub mod audit;
pub mod books;
pub mod emergency;
mod error;
pub mod freezes;
pub mod idempotency;
pub mod known_numbers;
pub mod ledger;
mod migrations;
pub mod notices;
pub mod owned;
pub mod personal;
pub mod policies;
pub mod purchases;
mod reader;
pub mod registrations;
mod requester;
pub mod resolutions;
mod session;
mod snapshot;
pub mod spend;
mod sqlite;
mod tx;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::clock::Clock;
use emergency::Emergency;
use reader::Readers;
use sqlite::ServingLock;
use writer::Writer;

#[cfg(test)]
mod tests;

pub use error::StoreError;
pub use session::Session;
pub use snapshot::Snapshot;
pub use tx::{Finished, Tx};
pub use writer::OnLost;

/// How long anybody waits for the store. A write that is answered later still stands; who gave up waiting must
/// look before acting on it.
const DEADLINE: Duration = Duration::from_secs(10);

/// The store of one serving process. Cheap to clone.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    writer: Writer,
    readers: Readers,
    path: PathBuf,
    emergency: Emergency,
    on_lost: OnLost,
    _lock: ServingLock,
}

impl Store {
    /// Opens the database file, creating it and its folder where they are missing, takes the serving lock and
    /// brings the schema up to date. Blocks: start-up only.
    pub fn open(path: &Path, clock: Clock) -> Result<Self, StoreError> {
        Self::open_or_tell(path, clock, Arc::new(|| ()))
    }

    /// As [`Store::open`], for a process that must end when an fsync fails.
    pub fn open_or_tell(path: &Path, clock: Clock, on_lost: OnLost) -> Result<Self, StoreError> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder)
                .map_err(|error| StoreError::Unavailable(format!("{}: {error}", folder.display())))?;
        }
        let lock = ServingLock::take(path)?;
        let emergency = Emergency::open(path)?;
        let writer = Writer::start(path, clock, Arc::clone(&on_lost))?;
        let readers = Readers::new(path);
        let path = path.to_owned();
        Ok(Self(Arc::new(Inner { writer, readers, emergency, path, on_lost, _lock: lock })))
    }

    /// Where outcomes go that the database does not take.
    pub fn emergency(&self) -> &Emergency {
        &self.0.emergency
    }

    /// Runs one transaction. It either ends with its events in one durable commit, or leaves nothing behind.
    pub async fn write<R, E>(
        &self,
        job: impl FnOnce(Tx<'_>) -> Result<Finished<R>, E> + Send + 'static,
    ) -> Result<R, E>
    where
        R: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        match tokio::time::timeout(DEADLINE, self.0.writer.write(job)).await {
            Ok(result) => result,
            Err(_) => Err(StoreError::Unanswered.into()),
        }
    }

    /// Whether a write has a chance now: for those who would do much before they come to theirs.
    pub fn check_moving(&self) -> Result<(), StoreError> {
        self.0.writer.check_moving()
    }

    /// Reads a snapshot.
    pub async fn read<R>(
        &self,
        job: impl FnOnce(&Session<'_>) -> Result<R, StoreError> + Send + 'static,
    ) -> Result<R, StoreError>
    where
        R: Send + 'static,
    {
        match tokio::time::timeout(DEADLINE, self.0.readers.read(job)).await {
            Ok(result) => result,
            Err(_) => Err(StoreError::Busy),
        }
    }

    /// The number of the newest durable event, and each later one.
    pub fn newest_event(&self) -> watch::Receiver<i64> {
        self.0.writer.newest()
    }

    /// Makes what was deleted gone from the files as well. `Busy` while somebody reads an older state.
    pub async fn scrub(&self) -> Result<(), StoreError> {
        let path = self.0.path.clone();
        let scrubbing = tokio::task::spawn_blocking(move || sqlite::scrub(&path));
        let scrubbed = scrubbing.await.map_err(|error| StoreError::Unavailable(error.to_string()))?;
        if let Err(error @ StoreError::NotDurable(_)) = &scrubbed {
            writer::tell_lost(error, &self.0.on_lost);
        }
        scrubbed
    }
}
