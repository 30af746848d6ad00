//! How an SQLite file is opened: durable for writing, harmless for reading, by one serving process only.

mod backup;
pub(super) mod cells;
mod engine;

use std::fs::{File, OpenOptions};
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::store::error::StoreError;

pub(super) use backup::backup;
pub(super) use engine::Sqlite;

/// WAL lets readers go on beside the writer. `synchronous=FULL` makes every commit an fsync: with NORMAL the last
/// commits could vanish in a power cut, and a vanished intent is a purchase that might be sent twice. Every fsync is
/// one whose result we see: SQLite's own checkpoints swallow theirs, and a cache that spills would write in the middle
/// of a job. `secure_delete` overwrites what is deleted, because erased means gone from the file; `recursive_triggers`
/// lets REPLACE ask the triggers of DELETE.
const PRAGMAS: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;
    PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -4000;
    PRAGMA journal_size_limit = 67108864; PRAGMA wal_autocheckpoint = 0; PRAGMA cache_spill = OFF;
    PRAGMA secure_delete = ON; PRAGMA recursive_triggers = ON;";

/// Pages in the write-ahead log that are worth moving into the database: as many as SQLite's own default.
const CHECKPOINT_PAGES: i64 = 1_000;
/// Pages in the log that are moved even while others wait: 16 MiB, so that reading stays quick and the file small.
const MOST_PAGES: i64 = 4_000;
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long emptying the log may wait for readers. The writer waits as long, and a claim is fresh for 2 s only.
const SCRUB_TIMEOUT: Duration = Duration::from_millis(250);
const STATEMENTS: usize = 128;

pub(super) fn open_for_writing(path: &Path) -> Result<Connection, StoreError> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.execute_batch(PRAGMAS)?;
    // A checkpoint of its own at the end would be one more fsync, also after one that failed.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    Ok(connection)
}

pub(super) fn open_for_reading(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection
        .execute_batch("PRAGMA query_only = ON; PRAGMA trusted_schema = OFF; PRAGMA cache_size = -1000;")?;
    Ok(connection)
}

/// Empties the write-ahead log, which still has what was deleted. `Busy` while somebody reads an older state.
pub(super) fn scrub(path: &Path) -> Result<(), StoreError> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.busy_timeout(SCRUB_TIMEOUT)?;
    let checkpoint = |mode: &str| -> Result<i64, StoreError> {
        let pragma = format!("PRAGMA wal_checkpoint({mode})");
        Ok(connection.query_row(&pragma, [], |row| row.get(0))?)
    };
    // Most of the copying is done while the writer goes on.
    checkpoint("PASSIVE")?;
    if checkpoint("TRUNCATE")? == 0 { Ok(()) } else { Err(StoreError::Busy) }
}

/// How the write-ahead log stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Log {
    /// Not worth moving yet.
    Short,
    /// To be moved when nobody waits.
    Grown,
    /// To be moved now.
    TooLong,
}

pub(super) fn log(connection: &Connection) -> Result<Log, StoreError> {
    let waiting = wal_pages(connection, "PRAGMA wal_checkpoint(NOOP)")?;
    Ok(match waiting {
        MOST_PAGES.. => Log::TooLong,
        CHECKPOINT_PAGES.. => Log::Grown,
        _ => Log::Short,
    })
}

/// Moves the write-ahead log into the database. A reader in the way, or a full disk, only means that the log stays
/// longer; the one error is a failed fsync.
pub(super) fn checkpoint(connection: &Connection) -> Result<(), StoreError> {
    wal_pages(connection, "PRAGMA wal_checkpoint(PASSIVE)").map(|_| ())
}

/// Leaves the file tidy: statistics for the planner, an empty write-ahead log. The one error is a failed fsync.
pub(super) fn tidy(connection: &Connection) -> Result<(), StoreError> {
    unless_only_untidy(connection.execute_batch("PRAGMA optimize").map_err(StoreError::from), ())?;
    wal_pages(connection, "PRAGMA wal_checkpoint(TRUNCATE)")?;
    Ok(())
}

/// Runs a checkpoint; the pages that are still to be moved after it.
fn wal_pages(connection: &Connection, checkpoint: &str) -> Result<i64, StoreError> {
    let run = || -> Result<i64, StoreError> {
        let mut statement = connection.prepare_cached(checkpoint)?;
        let waiting = statement.query_row([], |row| Ok(row.get::<_, i64>(1)? - row.get::<_, i64>(2)?))?;
        Ok(waiting)
    };
    unless_only_untidy(run(), 0)
}

fn unless_only_untidy<T>(result: Result<T, StoreError>, otherwise: T) -> Result<T, StoreError> {
    match result {
        Err(error) if !matches!(error, StoreError::NotDurable(_)) => {
            tracing::warn!(%error, "the database was not tidied up; nothing is lost, the next time does it");
            Ok(otherwise)
        }
        result => result,
    }
}

/// The lock that makes this process the only one that serves from the file. Held by an open file: it goes away
/// with the process, however that ends, which is what makes its owner *proven gone* (PROTOCOL.md).
#[derive(Debug)]
pub(super) struct ServingLock {
    _file: File,
}

impl ServingLock {
    /// Takes the lock beside the database, or says that somebody has it.
    pub(super) fn take(database: &Path) -> Result<Self, StoreError> {
        let path = database.with_extension("lock");
        let unavailable =
            |error: std::io::Error| StoreError::Unavailable(format!("{}: {error}", path.display()));
        let file =
            OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(unavailable)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(std::fs::TryLockError::WouldBlock) => Err(StoreError::Unavailable(format!(
                "another gateway serves from {} already; one database has one serving process",
                database.display()
            ))),
            Err(std::fs::TryLockError::Error(error)) => Err(unavailable(error)),
        }
    }
}
