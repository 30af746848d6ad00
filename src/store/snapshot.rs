//! One state of a database, read without a server, a lock or a trace: for verifying and exporting beside a running
//! gateway, or on a backup.

use std::path::Path;

use crate::store::error::StoreError;
use crate::store::session::Session;
use crate::store::{migrations, sqlite};

/// A database as it was when it was opened. While it is held, a gateway's write-ahead log cannot be emptied.
pub struct Snapshot {
    connection: rusqlite::Connection,
}

impl Snapshot {
    /// Opens a database of this version. Blocks.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let there = |error: std::io::Error| StoreError::Unavailable(format!("{}: {error}", path.display()));
        std::fs::metadata(path).map_err(there)?;
        let connection = sqlite::open_for_reading(path)?;
        connection.execute_batch("BEGIN")?;
        // The first statement fixes the state that all later ones see.
        migrations::check(&connection)?;
        Ok(Self { connection })
    }

    /// For reading, page by page.
    pub const fn session(&self) -> Session<'_> {
        Session::new(&self.connection)
    }
}
