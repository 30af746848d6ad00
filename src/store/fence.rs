//! What a new connection is asked first: whether the database still has what this process knows to be durable.
//!
//! A standby that was promoted before it had everything lacks the newest commits, claims among them: what was bought by
//! one of those is bought and nobody knows. So buying is frozen, in the first transaction on such a database and before
//! anything else in it, until somebody has looked (PROTOCOL.md, evidence).

use jiff::Timestamp;

use crate::domain::audit::{Actor, AuditEvent, Head, Target};
use crate::domain::freeze::{Cause, Scope};
use crate::store::engine::Engine;
use crate::store::error::StoreError;
use crate::store::tx::Tx;
use crate::store::{audit, freezes};

/// Freezes buying where the database lacks the link at `seen`, or has another one there. Whether it went back.
pub(super) fn compare(engine: &dyn Engine, seen: Head, at: Timestamp) -> Result<bool, StoreError> {
    let session = engine.session();
    if audit::hash_of(&session, seen.sequence)? == Some(seen.hash) {
        return Ok(false);
    }
    let reason = format!(
        "the database went back in time, or is another one: it ends at event {}, and event {} had been written",
        audit::head(&session)?.sequence,
        seen.sequence
    );
    tracing::error!(reason, "buying is frozen");
    let mut tx = Tx::new(engine, at);
    let target = Target::new("gateway", &audit::database_id(&session)?);
    if let Some(frozen) = freezes::impose(&mut tx, Scope::All, Cause::WentBack, reason.clone())? {
        tx.record(&frozen)?;
    }
    let event = AuditEvent::new("evidence.went_back", Actor::Gateway("store"), target)
        .with("why", reason)
        .with("witnessed_sequence", seen.sequence)
        .with("witnessed_hash", seen.hash.to_string());
    tx.record(&event)?;
    Ok(true)
}
