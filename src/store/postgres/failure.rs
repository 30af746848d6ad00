//! What PostgreSQL's errors mean here, by their SQLSTATE (PostgreSQL's manual, appendix A).

use std::error::Error as _;

use tokio_postgres::error::SqlState;

use crate::store::error::StoreError;

/// Deadlines of ours that passed, and what goes away when it is tried again.
const BUSY: [&SqlState; 4] = [
    &SqlState::QUERY_CANCELED,
    &SqlState::LOCK_NOT_AVAILABLE,
    &SqlState::T_R_SERIALIZATION_FAILURE,
    &SqlState::T_R_DEADLOCK_DETECTED,
];

/// Told apart by what the caller may do about it.
pub(super) fn classify(error: &tokio_postgres::Error) -> StoreError {
    let Some(state) = error.code() else {
        return StoreError::Unavailable(format!("PostgreSQL: {}", words(error)));
    };
    if BUSY.contains(&state) {
        return StoreError::Busy;
    }
    match state.code().get(..2) {
        // Integrity: keys, checks, and our triggers, which raise 23000.
        Some("23") => StoreError::Conflict,
        // Data, syntax, names: a statement or a row that this program should not have.
        Some("22" | "42" | "0A") => StoreError::Corrupt(words(error)),
        _ => StoreError::Unavailable(format!("PostgreSQL: {}", words(error))),
    }
}

/// Whether nobody is there, or not yet: a server that answers something else has to be looked at by people, and so has one
/// whose certificate is not believed, which rustls tells as invalid data.
pub(super) fn is_away(error: &tokio_postgres::Error) -> bool {
    if let Some(state) = error.code() {
        return *state == SqlState::CANNOT_CONNECT_NOW;
    }
    let source = error.source().and_then(|source| source.downcast_ref::<std::io::Error>());
    source.is_some_and(|error| error.kind() != std::io::ErrorKind::InvalidData)
}

/// The whole story: the library's own text leaves out what the server said.
pub(super) fn words(error: &tokio_postgres::Error) -> String {
    match (error.as_db_error(), error.source()) {
        (Some(said), _) => format!("{} ({})", said.message(), said.code().code()),
        (None, Some(source)) => format!("{error}: {source}"),
        (None, None) => error.to_string(),
    }
}
