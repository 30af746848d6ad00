//! Whose account the credentials opened first, and whether its numbers were ever listed whole.

use std::time::Duration;

use jiff::Timestamp;

use crate::store::error::StoreError;
use crate::store::postgres::NOW;
use crate::store::session::{Session, only_int, only_optional_time, only_text};
use crate::store::tx::Tx;

/// Upstream's identity of the account, as it was seen first.
pub fn user_id(session: &Session<'_>) -> Result<Option<String>, StoreError> {
    session.query_first("SELECT user_id FROM account WHERE user_id IS NOT NULL", &[], only_text)
}

/// Keeps that identity.
pub fn remember(tx: &mut Tx<'_>, user_id: &str) -> Result<(), StoreError> {
    tx.execute_one(
        "INSERT INTO account (one, user_id) VALUES (1, $1) ON CONFLICT (one) DO UPDATE SET user_id = $1",
        &[user_id.into()],
    )
}

/// Whether a complete list was ever read.
pub fn is_listed(session: &Session<'_>) -> Result<bool, StoreError> {
    Ok(session.query_int("SELECT count(*) FROM account WHERE listed_us IS NOT NULL", &[])? > 0)
}

/// Keeps that one was.
pub fn listed(tx: &mut Tx<'_>) -> Result<(), StoreError> {
    let at = tx.at();
    tx.execute_one(
        "INSERT INTO account (one, listed_us) VALUES (1, $1) ON CONFLICT (one) DO UPDATE SET listed_us = $1",
        &[at.into()],
    )
}

/// When the newest complete list was read.
pub fn scanned(session: &Session<'_>) -> Result<Option<Timestamp>, StoreError> {
    let found = session.query_first("SELECT scanned_us FROM account", &[], only_optional_time)?;
    Ok(found.flatten())
}

/// Keeps that one was just read, in so much time. No evidence: what a list changes has an event of its own.
pub fn scanned_now(tx: &mut Tx<'_>, took: Duration) -> Result<(), StoreError> {
    let (at, shared) = (tx.at(), tx.shared_time().saturating_sub(took).map_err(StoreError::corrupt)?);
    tx.note(
        "INSERT INTO account (one, scanned_us, scanned_shared_us) VALUES (1, $1, $2)
         ON CONFLICT (one) DO UPDATE SET scanned_us = $1, scanned_shared_us = $2",
        &[at.into(), shared.into()],
    )?;
    Ok(())
}

/// How long ago the newest complete list began to be read, by whichever replica, as the server's clock says.
pub fn scanned_ago(session: &Session<'_>) -> Result<Option<Duration>, StoreError> {
    let statement =
        format!("SELECT {NOW} - scanned_shared_us FROM account WHERE scanned_shared_us IS NOT NULL");
    let micros = session.query_first(&statement, &[], only_int)?;
    Ok(micros.and_then(|micros| u64::try_from(micros).ok()).map(Duration::from_micros))
}
