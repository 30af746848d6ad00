//! One state of a database, read without a lock or a trace: for verifying and exporting beside a running gateway, or on
//! a backup.

use crate::store::Location;
use crate::store::error::StoreError;
use crate::store::migrations;
use crate::store::reader::Reading;
use crate::store::session::Session;

/// A database as it was when it was opened. While it is held, a gateway's write-ahead log cannot be emptied.
pub struct Snapshot {
    reading: Reading,
}

impl Snapshot {
    /// Opens a database of this version. Blocks.
    pub fn open(location: &Location) -> Result<Self, StoreError> {
        if let Location::Sqlite(path) = location {
            let there =
                |error: std::io::Error| StoreError::Unavailable(format!("{}: {error}", path.display()));
            std::fs::metadata(path).map_err(there)?;
        }
        let reading = Reading::open(location)?;
        reading.begin()?;
        // The first statement fixes the state that all later ones see.
        migrations::check(&reading.session())?;
        Ok(Self { reading })
    }

    /// For reading, page by page.
    pub fn session(&self) -> Session<'_> {
        self.reading.session()
    }
}
