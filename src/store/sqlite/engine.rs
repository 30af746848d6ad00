//! SQLite as an engine: one file, one serving process, one writing connection.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::Connection;
use uuid::Uuid;

use crate::store::attempts::InstanceId;
use crate::store::engine::{Begun, Engine, Upkeep};
use crate::store::error::StoreError;
use crate::store::session::{Link, Session};
use crate::store::sqlite::{self, Log};

/// Moving the log into the database is two fsyncs that nobody should have to wait for: it is done once nobody has
/// come for this long.
const IDLE: Duration = Duration::from_millis(20);

/// The writing connection.
pub(in crate::store) struct Sqlite {
    connection: Connection,
    instance: InstanceId,
    /// A log that could not be moved is tried again after the next commit, not over and over.
    is_kept_up: bool,
}

impl Sqlite {
    /// Opens a file. Whoever has its serving lock is the only instance there is.
    pub(in crate::store) fn open(path: &Path) -> Result<Self, StoreError> {
        Ok(Self::over(sqlite::open_for_writing(path)?))
    }

    pub(in crate::store) fn over(connection: Connection) -> Self {
        Self { connection, instance: InstanceId(Uuid::new_v4()), is_kept_up: true }
    }

    fn execute(&self, statement: &str) -> Result<(), StoreError> {
        self.connection.prepare_cached(statement)?.execute([])?;
        Ok(())
    }
}

impl Engine for Sqlite {
    fn session(&self) -> Session<'_> {
        Session::new(Link::Sqlite(&self.connection))
    }

    fn begin(&mut self) -> Result<Begun, StoreError> {
        self.is_kept_up = false;
        self.execute("BEGIN IMMEDIATE")?;
        Ok(Begun::OnAsBefore)
    }

    fn commit(&mut self, _: Option<i64>) -> Result<(), StoreError> {
        self.execute("COMMIT")
    }

    fn roll_back(&self) {
        // Nothing was answered yet, so a failed rollback loses nothing: the next BEGIN fails and says so.
        let _ = self.execute("ROLLBACK");
    }

    fn is_in_transaction(&self) -> bool {
        !self.connection.is_autocommit()
    }

    fn script(&self, statements: &str) -> Result<(), StoreError> {
        self.execute(statements)
    }

    fn migrate(&self, migration: &str) -> Result<(), StoreError> {
        Ok(self.connection.execute_batch(migration)?)
    }

    fn is_shared(&self) -> bool {
        false
    }

    fn instance(&self) -> InstanceId {
        self.instance
    }

    /// The serving lock is ours, so whoever else there was is gone.
    fn is_gone(&self, other: InstanceId) -> Result<bool, StoreError> {
        Ok(other != self.instance)
    }

    fn time(&self, at: Timestamp) -> Timestamp {
        at
    }

    fn upkeep(&mut self) -> Result<Upkeep, StoreError> {
        if self.is_kept_up {
            return Ok(Upkeep::Nothing);
        }
        Ok(match sqlite::log(&self.connection)? {
            Log::Short => Upkeep::Nothing,
            Log::Grown => Upkeep::After(IDLE),
            Log::TooLong => Upkeep::Now,
        })
    }

    fn keep_up(&mut self) -> Result<Begun, StoreError> {
        self.is_kept_up = true;
        sqlite::checkpoint(&self.connection)?;
        Ok(Begun::OnAsBefore)
    }

    fn tidy(&mut self) -> Result<(), StoreError> {
        sqlite::tidy(&self.connection)
    }
}
