//! Whose account the credentials opened first, and whether its numbers were ever listed whole.

use jiff::Timestamp;

use crate::store::error::StoreError;
use crate::store::session::{Session, only_optional_time, only_text};
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

/// Keeps that one was just read. No evidence: what a list changes has an event of its own.
pub fn scanned_now(tx: &mut Tx<'_>) -> Result<(), StoreError> {
    let at = tx.at();
    tx.note(
        "INSERT INTO account (one, scanned_us) VALUES (1, $1) ON CONFLICT (one) DO UPDATE SET scanned_us = $1",
        &[at.into()],
    )?;
    Ok(())
}
