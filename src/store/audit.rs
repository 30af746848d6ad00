//! The evidence: events in a hash chain, appended by [`Tx::commit`] and by nobody else.

use crate::domain::audit::{AuditEvent, Link};
use crate::store::error::StoreError;
use crate::store::session::{Session, only_text};
use crate::store::tx::Tx;

/// The newest link, or the one before the first.
pub fn head(session: &Session<'_>) -> Result<Link, StoreError> {
    let newest = session.query_first(
        "SELECT seq, hash, body FROM audit_events ORDER BY seq DESC LIMIT 1",
        &[],
        |row| Ok(Link { sequence: row.int()?, hash: row.digest()?, body: row.text()? }),
    )?;
    Ok(newest.unwrap_or_else(Link::genesis))
}

/// The links after `sequence`, oldest first, at most `limit`.
pub fn after(session: &Session<'_>, sequence: i64, limit: i64) -> Result<Vec<Link>, StoreError> {
    session.query(
        "SELECT seq, hash, body FROM audit_events WHERE seq > $1 ORDER BY seq LIMIT $2",
        &[sequence.into(), limit.into()],
        |row| Ok(Link { sequence: row.int()?, hash: row.digest()?, body: row.text()? }),
    )
}

/// The bodies of the newest events about a target, oldest first, at most `limit`.
pub fn about(session: &Session<'_>, kind: &str, id: &str, limit: i64) -> Result<Vec<String>, StoreError> {
    let mut bodies = session.query(
        "SELECT body FROM audit_events WHERE target_kind = $1 AND target_id = $2 ORDER BY seq DESC LIMIT $3",
        &[kind.into(), id.into(), limit.into()],
        only_text,
    )?;
    bodies.reverse();
    Ok(bodies)
}

pub(super) fn append(tx: &mut Tx<'_>, event: &AuditEvent) -> Result<(), StoreError> {
    let previous = head(tx.session())?;
    let at = tx.at();
    let link = event.chained(&previous, at)?;
    tx.execute(
        "INSERT INTO audit_events (seq, at_us, action, target_kind, target_id, body, previous_hash, hash)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        &[
            link.sequence.into(),
            at.into(),
            event.action.into(),
            event.target.kind.into(),
            (&event.target.id).into(),
            (&link.body).into(),
            (&previous.hash).into(),
            (&link.hash).into(),
        ],
    )?;
    for personal in &event.personal {
        tx.execute(
            "INSERT INTO personal_values (seq, field, salt, value) VALUES ($1, $2, $3, $4)",
            &[
                link.sequence.into(),
                personal.field.into(),
                crate::store::session::Param::Blob(&personal.salt),
                (&personal.value).into(),
            ],
        )?;
    }
    Ok(())
}
