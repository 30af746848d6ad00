//! A few connections that only read, each used by one reader at a time, off the async threads.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;

use crate::store::error::StoreError;
use crate::store::session::{Link, Session};
use crate::store::{Location, postgres, sqlite};

/// Connections at most, for each engine. SQLite answers a point read in microseconds, and more would only hold memory; to
/// PostgreSQL each statement is a way there and back.
const TO_SQLITE: usize = 4;
const TO_POSTGRES: usize = 8;

/// A connection that only reads.
pub(super) enum Reading {
    Sqlite(rusqlite::Connection),
    Postgres(postgres::Connection),
}

impl Reading {
    pub(super) fn open(location: &Location) -> Result<Self, StoreError> {
        match location {
            Location::Sqlite(path) => Ok(Self::Sqlite(sqlite::open_for_reading(path)?)),
            Location::Postgres(address) => Ok(Self::Postgres(postgres::open_for_reading(address)?)),
        }
    }

    /// Begins a transaction in which all statements see one state.
    pub(super) fn begin(&self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(connection) => Ok(connection.execute_batch("BEGIN")?),
            Self::Postgres(connection) => {
                connection.script("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            }
        }
    }

    fn end(&self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(connection) => Ok(connection.execute_batch("COMMIT")?),
            Self::Postgres(connection) => connection.script("COMMIT"),
        }
    }

    pub(super) fn session(&self) -> Session<'_> {
        Session::new(match self {
            Self::Sqlite(connection) => Link::Sqlite(connection),
            Self::Postgres(connection) => Link::Postgres(connection),
        })
    }
}

/// The connections for reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool {
    /// Used by somebody.
    pub in_use: usize,
    /// Open and used by nobody.
    pub idle: usize,
    /// As many as there may be; more readers than these wait.
    pub most: usize,
}

pub(super) struct Readers {
    location: Location,
    most: usize,
    places: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<Reading>>>,
}

impl Readers {
    pub(super) fn new(location: &Location) -> Self {
        let most = match location {
            Location::Sqlite(_) => TO_SQLITE,
            Location::Postgres(_) => TO_POSTGRES,
        };
        let places = Arc::new(Semaphore::new(most));
        Self { location: location.clone(), most, places, idle: Arc::default() }
    }

    pub(super) fn pool(&self) -> Pool {
        Pool {
            in_use: self.most.saturating_sub(self.places.available_permits()),
            idle: self.idle.lock().unwrap_or_else(PoisonError::into_inner).len(),
            most: self.most,
        }
    }

    /// Reads one state.
    pub(super) async fn read<R: Send + 'static>(
        &self,
        job: impl FnOnce(&Session<'_>) -> Result<R, StoreError> + Send + 'static,
    ) -> Result<R, StoreError> {
        self.with_one(move |reading| {
            let result = job(&reading.session());
            reading.end()?;
            result
        })
        .await
    }

    /// Statements that are each a transaction: what is written beside the writer.
    pub(super) async fn beside<R: Send + 'static>(
        &self,
        job: impl FnOnce(&Session<'_>) -> Result<R, StoreError> + Send + 'static,
    ) -> Result<R, StoreError> {
        self.with_one(move |reading| {
            // The transaction for reading, which shows that the connection is one.
            reading.end()?;
            job(&reading.session())
        })
        .await
    }

    async fn with_one<R: Send + 'static>(
        &self,
        job: impl FnOnce(&Reading) -> Result<R, StoreError> + Send + 'static,
    ) -> Result<R, StoreError> {
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(|_| StoreError::Busy)?;
        let (location, idle) = (self.location.clone(), Arc::clone(&self.idle));
        let reading = tokio::task::spawn_blocking(move || {
            let _place = place;
            let reading = begun(&location, &idle)?;
            let result = job(&reading);
            idle.lock().unwrap_or_else(PoisonError::into_inner).push(reading);
            result
        });
        reading.await.map_err(|error| StoreError::Unavailable(error.to_string()))?
    }
}

/// A connection in a transaction: one that is idle, unless the server has gone from behind it in the meantime.
fn begun(location: &Location, idle: &Mutex<Vec<Reading>>) -> Result<Reading, StoreError> {
    loop {
        let kept = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let Some(kept) = kept else { break };
        if kept.begin().is_ok() {
            return Ok(kept);
        }
    }
    let reading = Reading::open(location)?;
    reading.begin()?;
    Ok(reading)
}
