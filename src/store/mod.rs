//! Where everything durable is: purchases, money, evidence, owned numbers.
//!
//! A write is a plain function over [`Tx`] that [`Store::write`] runs to its end; it can only end with an audit
//! event. A read is a plain function over [`Session`]. Neither knows which engine is below, and no statement
//! stands twice.

pub mod account;
pub mod adjustments;
mod allowances;
pub mod approvals;
pub mod attempts;
pub mod audit;
pub mod books;
pub mod emergency;
mod engine;
mod error;
mod fence;
pub mod figures;
pub mod freezes;
pub mod idempotency;
pub mod known_numbers;
pub mod ledger;
mod migrations;
pub mod notices;
pub mod owned;
pub mod personal;
pub mod policies;
mod postgres;
pub mod purchases;
mod reader;
pub mod registrations;
mod requester;
pub mod resolutions;
mod session;
mod snapshot;
pub mod spend;
mod sqlite;
mod standing;
mod tx;
mod writer;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tracing::{Instrument as _, Span};

use crate::clock::Clock;
use crate::domain::audit::Head;
use crate::request_id;
use emergency::Emergency;
use engine::Engine;
use postgres::{Listening, Postgres};
use reader::Readers;
use sqlite::{ServingLock, Sqlite};
use standing::Standing;
use writer::Writer;

#[cfg(test)]
pub(crate) mod tests;

pub use allowances::Taking;
pub use error::StoreError;
pub use postgres::{Address, AddressParts};
pub use reader::Pool;
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
    // Before the writer, whose news it hears of.
    _listening: Option<Listening>,
    writer: Writer,
    readers: Readers,
    location: Location,
    emergency: Emergency,
    standing: Arc<Standing>,
    on_lost: OnLost,
    _lock: ServingLock,
}

/// Which database.
#[derive(Clone, Debug)]
pub enum Location {
    /// A file, for one serving process.
    Sqlite(PathBuf),
    /// A server, for any number of replicas.
    Postgres(Box<Address>),
}

impl From<&Path> for Location {
    fn from(path: &Path) -> Self {
        Self::Sqlite(path.to_owned())
    }
}

impl fmt::Display for Location {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => path.display().fmt(out),
            Self::Postgres(address) => address.fmt(out),
        }
    }
}

/// Whether the server of a database is not there yet, so that asking again has a chance. A file is there or not. Blocks.
pub fn is_away(location: &Location) -> bool {
    match location {
        Location::Sqlite(_) => false,
        Location::Postgres(address) => postgres::is_away(address),
    }
}

impl Store {
    /// Opens a database, creating the file and its folder where they are missing, takes its lock and brings the schema
    /// up to date. Blocks: start-up only.
    pub fn open(location: &Location, clock: Clock) -> Result<Self, StoreError> {
        Self::open_or_tell(location, clock, Arc::new(|| ()))
    }

    /// As [`Store::open`], for a process that must end when an fsync fails.
    pub fn open_or_tell(location: &Location, clock: Clock, on_lost: OnLost) -> Result<Self, StoreError> {
        let beside = match location {
            Location::Sqlite(path) => path,
            Location::Postgres(address) => address.emergency_file(),
        };
        if let Some(folder) = beside.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder)
                .map_err(|error| StoreError::Unavailable(format!("{}: {error}", folder.display())))?;
        }
        let lock = ServingLock::take(beside)?;
        let emergency = Emergency::open(beside)?;
        let standing = Arc::new(match location {
            Location::Sqlite(_) => Standing::alone(),
            Location::Postgres(_) => Standing::among_others(),
        });
        let writer = start_writer(location, clock, (Arc::clone(&on_lost), Arc::clone(&standing)))?;
        let listening = match location {
            Location::Sqlite(_) => None,
            Location::Postgres(address) => {
                Some(Listening::begin(Address::clone(address), writer.announcing())?)
            }
        };
        let (readers, location) = (Readers::new(location), location.clone());
        let inner = Inner {
            _listening: listening,
            writer,
            readers,
            location,
            emergency,
            standing,
            on_lost,
            _lock: lock,
        };
        Ok(Self(Arc::new(inner)))
    }

    /// Whether this process does what one does for all who use the database.
    pub fn leads(&self) -> watch::Receiver<bool> {
        self.0.standing.leads()
    }

    /// How many processes use the database, this one included.
    pub fn replicas(&self) -> watch::Receiver<u32> {
        self.0.standing.replicas()
    }

    /// The connections for reading.
    pub fn pool(&self) -> Pool {
        self.0.readers.pool()
    }

    /// Whether others may write to the database as well.
    pub fn is_shared(&self) -> bool {
        matches!(self.0.location, Location::Postgres(_))
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
        // Where the job runs is another thread, which serves many requests.
        let request = request_id::current();
        let writing = self.0.writer.write(move |tx| job(tx.on_behalf_of(request)));
        match tokio::time::timeout(DEADLINE, writing.instrument(transaction("write"))).await {
            Ok(result) => result,
            Err(_) => Err(StoreError::Unanswered.into()),
        }
    }

    /// Waits until everything that was accepted before is durable, or was given up.
    pub async fn written(&self) -> Result<(), StoreError> {
        self.write(|tx| tx.unchanged(())).await
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
        let reading = self.0.readers.read(job).instrument(transaction("read"));
        match tokio::time::timeout(DEADLINE, reading).await {
            Ok(result) => result,
            Err(_) => Err(StoreError::Busy),
        }
    }

    /// Counts a request of somebody's over all who use the database, or says how long there is none to be had. Only where
    /// there may be others: one process counts for itself.
    pub async fn take(&self, taking: Taking) -> Result<Result<(), Duration>, StoreError> {
        let job = move |session: &Session<'_>| allowances::take(session, &taking);
        match tokio::time::timeout(DEADLINE, self.0.readers.beside(job)).await {
            Ok(taken) => taken,
            Err(_) => Err(StoreError::Busy),
        }
    }

    /// Forgets of whom nothing is counted any more.
    pub async fn forget_idle(&self) -> Result<(), StoreError> {
        self.0.readers.beside(allowances::forget_idle).await
    }

    /// The number of the newest durable event, and each later one.
    pub fn newest_event(&self) -> watch::Receiver<i64> {
        self.0.writer.newest()
    }

    /// Makes what was deleted gone from the files as well. `Busy` while somebody reads an older state. What a server keeps
    /// in its files is for its VACUUM, its archive and whoever runs it.
    pub async fn scrub(&self) -> Result<(), StoreError> {
        let Location::Sqlite(path) = self.0.location.clone() else { return Ok(()) };
        let scrubbing = tokio::task::spawn_blocking(move || sqlite::scrub(&path));
        let scrubbed = scrubbing.await.map_err(|error| StoreError::Unavailable(error.to_string()))?;
        if let Err(error @ StoreError::NotDurable(_)) = &scrubbed {
            writer::tell_lost(error, &self.0.on_lost);
        }
        scrubbed
    }
}

/// Copies a database that somebody may serve from; what a server keeps is copied by the server's own tools. Blocks.
pub fn backup(from: &Path, to: &Path) -> Result<Head, StoreError> {
    sqlite::backup(from, to)
}

/// From the wait for a connection, or for the writer, to the answer; what was written is durable then.
fn transaction(access: &'static str) -> Span {
    tracing::info_span!("transaction", access)
}

/// A connection to PostgreSQL waits in its own way, which a thread of somebody's runtime must not; so neither is asked of
/// the caller's.
fn start_writer(
    location: &Location,
    clock: Clock,
    (on_lost, standing): (OnLost, Arc<Standing>),
) -> Result<Writer, StoreError> {
    let start = move || {
        let engine: Box<dyn Engine> = match location {
            Location::Sqlite(path) => Box::new(Sqlite::open(path)?),
            Location::Postgres(address) => Box::new(Postgres::open(address, standing)?),
        };
        Writer::start(engine, clock, on_lost)
    };
    let started = std::thread::scope(|scope| scope.spawn(start).join());
    started.unwrap_or_else(|_| Err(StoreError::Unavailable("opening the database panicked".to_owned())))
}
