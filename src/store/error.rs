//! What can go wrong with the store, told apart by what the caller may do about it.

/// A failed read or write. A failed write left nothing behind.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database is not there, full, or answered with an I/O error.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// More writes wait than the queue holds, or none was answered in time.
    #[error("the database is busy")]
    Busy,
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
}

impl StoreError {
    pub(super) fn corrupt(what: impl std::fmt::Display) -> Self {
        Self::Corrupt(what.to_string())
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
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
