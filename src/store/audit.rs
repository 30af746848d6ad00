//! The evidence: events in a hash chain, appended by [`Tx::commit`] and by nobody else.

use jiff::Timestamp;

use crate::domain::audit::{AuditEvent, Head};
use crate::domain::canonical::Digest;
use crate::domain::chain::FoundLink;
use crate::store::error::StoreError;
use crate::store::notices;
use crate::store::session::{Param, Row, Session, only_lossy_text, only_text};
use crate::store::tx::Tx;

/// An event as its row has it. The columns beside the link are copies of what its body says, for searching.
#[derive(Clone, Debug)]
pub struct EventRow {
    /// Its link.
    pub link: FoundLink,
    /// When, in microseconds since 1970.
    pub at_us: i64,
    /// What.
    pub action: String,
    /// Who, as a word.
    pub actor: String,
    /// The target's kind.
    pub target_kind: String,
    /// The target's id.
    pub target_id: String,
}

const COLUMNS: &str = "seq, previous_hash, hash, body, at_us, action, actor, target_kind, target_id";

/// Reads whatever stands there: what is wrong with it is for whoever verifies.
fn read(row: &mut Row<'_>) -> Result<EventRow, StoreError> {
    Ok(EventRow {
        link: FoundLink {
            sequence: row.int()?,
            previous_hash: Digest::from_bytes(&row.blob()?),
            hash: Digest::from_bytes(&row.blob()?),
            body: row.lossy_text()?,
        },
        at_us: row.int()?,
        action: row.lossy_text()?,
        actor: row.lossy_text()?,
        target_kind: row.lossy_text()?,
        target_id: row.lossy_text()?,
    })
}

/// Which database this is.
pub fn database_id(session: &Session<'_>) -> Result<String, StoreError> {
    let id = session.query_first("SELECT database_id FROM gateway", &[], only_text)?;
    id.ok_or_else(|| StoreError::corrupt("the database has no identity"))
}

/// The newest link's place, or the one before the first.
pub fn head(session: &Session<'_>) -> Result<Head, StoreError> {
    let newest =
        session.query_first("SELECT seq, hash FROM audit_events ORDER BY seq DESC LIMIT 1", &[], place)?;
    Ok(newest.unwrap_or(Head::GENESIS))
}

/// The hash of one link, if the chain reaches as far.
pub fn hash_of(session: &Session<'_>, sequence: i64) -> Result<Option<Digest>, StoreError> {
    if sequence == Head::GENESIS.sequence {
        return Ok(Some(Head::GENESIS.hash));
    }
    let found = session.query_first(
        "SELECT seq, hash FROM audit_events WHERE seq = $1",
        &[sequence.into()],
        place,
    )?;
    Ok(found.map(|head| head.hash))
}

fn place(row: &mut Row<'_>) -> Result<Head, StoreError> {
    Ok(Head { sequence: row.int()?, hash: row.digest()? })
}

/// The events after `sequence`, oldest first, at most `limit`.
pub fn after(session: &Session<'_>, sequence: i64, limit: i64) -> Result<Vec<EventRow>, StoreError> {
    let statement = format!("SELECT {COLUMNS} FROM audit_events WHERE seq > $1 ORDER BY seq LIMIT $2");
    session.query(&statement, &[sequence.into(), limit.into()], read)
}

/// What an event is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The chain's end when it was the newest.
    pub head: Head,
    /// The target's kind.
    pub target_kind: String,
    /// The target's id.
    pub target_id: String,
}

/// What the events after `sequence` are about, oldest first, at most `limit`.
pub fn told_after(session: &Session<'_>, sequence: i64, limit: i64) -> Result<Vec<Told>, StoreError> {
    session.query(
        "SELECT seq, hash, target_kind, target_id FROM audit_events WHERE seq > $1 ORDER BY seq LIMIT $2",
        &[sequence.into(), limit.into()],
        |row| Ok(Told { head: place(row)?, target_kind: row.lossy_text()?, target_id: row.lossy_text()? }),
    )
}

/// The bodies of the newest events about a target, oldest first, at most `limit`.
pub fn about(session: &Session<'_>, kind: &str, id: &str, limit: i64) -> Result<Vec<String>, StoreError> {
    let mut bodies = session.query(
        "SELECT body FROM audit_events WHERE target_kind = $1 AND target_id = $2 ORDER BY seq DESC LIMIT $3",
        &[kind.into(), id.into(), limit.into()],
        only_lossy_text,
    )?;
    bodies.reverse();
    Ok(bodies)
}

/// The bodies of all events about a target after `sequence`, oldest first, at most `limit`.
pub fn about_after(
    session: &Session<'_>,
    (kind, id): (&str, &str),
    sequence: i64,
    limit: i64,
) -> Result<Vec<(i64, String)>, StoreError> {
    session.query(
        "SELECT seq, body FROM audit_events WHERE target_kind = $1 AND target_id = $2 AND seq > $3
         ORDER BY seq LIMIT $4",
        &[kind.into(), id.into(), sequence.into(), limit.into()],
        |row| Ok((row.int()?, row.lossy_text()?)),
    )
}

/// Which events a list shows.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only this action, or those that begin with it and a dot.
    pub action: Option<String>,
    /// Only about this kind of target.
    pub target_kind: Option<String>,
    /// Only about the target with this id.
    pub target_id: Option<String>,
    /// Only by this subject, or this part of the gateway.
    pub actor: Option<String>,
    /// Not before.
    pub from: Option<Timestamp>,
    /// Before.
    pub to: Option<Timestamp>,
    /// Only older than this one.
    pub before: Option<i64>,
}

/// Events, newest first, at most `limit`.
pub fn list(session: &Session<'_>, filter: &Filter, limit: i64) -> Result<Vec<EventRow>, StoreError> {
    let micros = |at: Option<Timestamp>| Param::from(at.map(Timestamp::as_microsecond));
    let statement = format!(
        "SELECT {COLUMNS} FROM audit_events
         WHERE ($1 IS NULL OR seq < $1) AND ($2 IS NULL OR target_kind = $2) AND ($3 IS NULL OR target_id = $3)
           AND ($4 IS NULL OR actor = $4) AND ($5 IS NULL OR at_us >= $5) AND ($6 IS NULL OR at_us < $6)
           AND ($7 IS NULL OR action = $7 OR substr(action, 1, length($7) + 1) = $7 || '.')
         ORDER BY seq DESC LIMIT $8"
    );
    let params = [
        filter.before.into(),
        filter.target_kind.as_deref().into(),
        filter.target_id.as_deref().into(),
        filter.actor.as_deref().into(),
        micros(filter.from),
        micros(filter.to),
        filter.action.as_deref().into(),
        limit.into(),
    ];
    session.query(&statement, &params, read)
}

pub(super) fn append(tx: &mut Tx<'_>, event: &AuditEvent) -> Result<(), StoreError> {
    let previous = head(tx.session())?;
    let at = tx.at();
    let link = event.chained(previous, at)?;
    tx.execute(
        "INSERT INTO audit_events (seq, at_us, action, actor, target_kind, target_id, body, previous_hash, hash)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        &[
            link.sequence.into(),
            at.into(),
            event.action.into(),
            (&event.actor.word()).into(),
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
                Param::Blob(&personal.salt),
                (&personal.value).into(),
            ],
        )?;
    }
    notices::enqueue(tx, link.sequence, event)
}
