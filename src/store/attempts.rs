//! Attempts: one row for each buy that may have been sent, written before its first byte.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::purchase::PurchaseId;
use crate::domain::quote::Quote;
use crate::store::error::StoreError;
use crate::store::session::{Session, only_parsed};
use crate::store::tx::Tx;

/// The identity of a serving process, new at each start and, with PostgreSQL, at each session of its writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InstanceId(pub Uuid);

/// The identity of an attempt, known before it is written: what became of an attempt is told of it and of no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptId(pub Uuid);

impl AttemptId {
    /// A new one, later than those before.
    pub fn fresh() -> Self {
        Self(Uuid::now_v7())
    }
}

/// Writes the attempt that a claim makes the writing instance's own. `baseline` are the guids that the number's rows
/// had among the owned numbers before: what a later list shows beyond them came from this attempt.
pub fn insert(
    tx: &mut Tx<'_>,
    id: AttemptId,
    purchase: PurchaseId,
    baseline: &[String],
    quote: &Quote,
) -> Result<(), StoreError> {
    let (at, instance, shared) = (tx.at(), tx.instance(), tx.shared_time());
    tx.execute_one(
        "INSERT INTO attempts (id, purchase_id, instance, claimed_us, baseline, quote, shared_us)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        &[
            (&id.0.to_string()).into(),
            (&purchase.to_string()).into(),
            (&instance.0.to_string()).into(),
            at.into(),
            (&serde_json::to_string(baseline)?).into(),
            (&serde_json::to_string(quote)?).into(),
            shared.into(),
        ],
    )
}

/// The open attempt of a purchase; there is never more than one.
pub fn open(session: &Session<'_>, purchase: PurchaseId) -> Result<Option<AttemptId>, StoreError> {
    let found = session.query_first(
        "SELECT id FROM attempts WHERE purchase_id = $1 AND outcome IS NULL",
        &[(&purchase.to_string()).into()],
        only_parsed,
    )?;
    Ok(found.map(AttemptId))
}

/// Notes how the open attempt of a purchase ended; there is never more than one. `Conflict` when there is none.
pub fn finish(tx: &mut Tx<'_>, purchase: PurchaseId, outcome: &'static str) -> Result<(), StoreError> {
    let at = tx.at();
    tx.execute_one(
        "UPDATE attempts SET outcome = $1, outcome_us = $2 WHERE purchase_id = $3 AND outcome IS NULL",
        &[outcome.into(), at.into(), (&purchase.to_string()).into()],
    )
}

/// An attempt that may have reached upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// When it was claimed: moments before it was sent.
    pub claimed_at: Timestamp,
    /// The guids that the number's rows had before.
    pub baseline: Vec<String>,
    /// The price that money was held for; nothing in rows of earlier versions.
    pub quote: Option<Quote>,
}

/// The newest attempt of a purchase of which not certainly nothing was sent.
pub fn newest_sent(session: &Session<'_>, purchase: PurchaseId) -> Result<Option<Attempt>, StoreError> {
    session.query_first(
        "SELECT claimed_us, baseline, quote FROM attempts
         WHERE purchase_id = $1 AND (outcome IS NULL OR outcome <> 'not_sent') ORDER BY id DESC LIMIT 1",
        &[(&purchase.to_string()).into()],
        |row| Ok(Attempt { claimed_at: row.time()?, baseline: row.json()?, quote: row.optional_json()? }),
    )
}

/// Something that an instance claimed and never finished.
#[derive(Clone, Copy, Debug)]
pub struct LeftBehind<T> {
    /// What, and under which name.
    pub claimed: T,
    /// By whom.
    pub by: InstanceId,
    /// When, by the shared clock.
    pub since: Timestamp,
}

/// Purchases that are claimed and not finished, oldest first, at most `limit`; the caller knows which instances live.
pub fn under_way(
    session: &Session<'_>,
    limit: i64,
) -> Result<Vec<LeftBehind<(PurchaseId, AttemptId)>>, StoreError> {
    session.query(
        "SELECT p.id, a.id, a.instance, a.shared_us FROM purchases p
         JOIN attempts a ON a.purchase_id = p.id AND a.outcome IS NULL
         WHERE p.state = 'dispatching' ORDER BY p.id LIMIT $1",
        &[limit.into()],
        |row| {
            let claimed = (row.parsed()?, AttemptId(row.parsed()?));
            Ok(LeftBehind { claimed, by: InstanceId(row.parsed()?), since: row.time()? })
        },
    )
}
