//! What can go wrong with the store, told apart by what the caller may do about it.

use std::ffi::c_int;

use rusqlite::ffi;

/// A failed read or write. A failed write left nothing behind, unless the error says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database is not there, full, or answered with an I/O error.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// More writes wait than the queue holds, or no place for a read came free in time.
    #[error("the database is busy")]
    Busy,
    /// A write was not answered in time. The one error after which it may stand all the same.
    #[error("the database did not answer in time")]
    Unanswered,
    /// An fsync failed: nobody knows what the disk holds now, and a second one would only hide that.
    #[error("the disk lost what was written: {0}")]
    NotDurable(String),
    /// Somebody was faster: a unique index or a version said so.
    #[error("changed by somebody else in the meantime")]
    Conflict,
    /// A row that this version cannot read.
    #[error("unreadable row: {0}")]
    Corrupt(String),
    /// A transaction wrote something and wanted to end without an event.
    #[error("a write must end with an audit event")]
    Unaudited,
    /// The step is not in the state machine.
    #[error(transparent)]
    Impossible(#[from] crate::domain::purchase::Impossible),
    /// The same of a registration's.
    #[error(transparent)]
    RegistrationImpossible(#[from] crate::domain::registration::RegistrationImpossible),
}

/// After these the kernel may have dropped the very pages that it reports, and calls them clean from then on.
const NOT_DURABLE: [c_int; 3] =
    [ffi::SQLITE_IOERR_FSYNC, ffi::SQLITE_IOERR_DIR_FSYNC, ffi::SQLITE_IOERR_TRUNCATE];

impl StoreError {
    /// Whether the write may have been made, or may still be.
    pub const fn may_stand(&self) -> bool {
        matches!(self, Self::Unanswered | Self::NotDurable(_))
    }

    pub(super) fn corrupt(what: impl std::fmt::Display) -> Self {
        Self::Corrupt(what.to_string())
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        let extended = error.sqlite_error().map(|error| error.extended_code);
        match error.sqlite_error_code() {
            Some(_) if extended.is_some_and(|code| NOT_DURABLE.contains(&code)) => {
                Self::NotDurable(error.to_string())
            }
            Some(rusqlite::ErrorCode::ConstraintViolation) => Self::Conflict,
            Some(_) => Self::Unavailable(error.to_string()),
            None => Self::Corrupt(error.to_string()),
        }
    }
}

impl From<serde_json::Error> for StoreError {
    fn from(error: serde_json::Error) -> Self {
        Self::corrupt(error)
    }
}

impl From<crate::domain::canonical::CanonicalError> for StoreError {
    fn from(error: crate::domain::canonical::CanonicalError) -> Self {
        Self::corrupt(error)
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::StoreError;

    #[test]
    fn a_failed_fsync_is_told_from_a_full_disk() {
        let read =
            |extended| StoreError::from(rusqlite::Error::SqliteFailure(ffi::Error::new(extended), None));
        assert!(matches!(read(ffi::SQLITE_IOERR_FSYNC), StoreError::NotDurable(_)));
        assert!(matches!(read(ffi::SQLITE_IOERR_WRITE), StoreError::Unavailable(_)));
        assert!(matches!(read(ffi::SQLITE_FULL), StoreError::Unavailable(_)));
        assert!(matches!(read(ffi::SQLITE_CONSTRAINT_UNIQUE), StoreError::Conflict));
    }
}
