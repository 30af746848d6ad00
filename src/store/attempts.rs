//! Attempts: one row for each buy that may have been sent, written before its first byte.

use jiff::Timestamp;
use uuid::Uuid;

use crate::domain::purchase::{Purchase, PurchaseId};
use crate::domain::quote::Quote;
use crate::store::error::StoreError;
use crate::store::purchases;
use crate::store::session::{Session, only_text};
use crate::store::tx::Tx;

/// The identity of a serving process, new at each start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InstanceId(pub Uuid);

/// The identity of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttemptId(pub Uuid);

/// Writes the attempt that a claim makes this instance's own. `baseline` are the guids that the number's rows
/// had among the owned numbers before: what a later list shows beyond them came from this attempt.
pub fn insert(
    tx: &mut Tx<'_>,
    purchase: PurchaseId,
    instance: InstanceId,
    baseline: &[String],
    quote: &Quote,
) -> Result<AttemptId, StoreError> {
    let id = AttemptId(Uuid::now_v7());
    let at = tx.at();
    tx.execute_one(
        "INSERT INTO attempts (id, purchase_id, instance, claimed_us, baseline, quote)
         VALUES ($1, $2, $3, $4, $5, $6)",
        &[
            (&id.0.to_string()).into(),
            (&purchase.to_string()).into(),
            (&instance.0.to_string()).into(),
            at.into(),
            (&serde_json::to_string(baseline)?).into(),
            (&serde_json::to_string(quote)?).into(),
        ],
    )?;
    Ok(id)
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

/// Purchases that another instance claimed and never finished, at most `limit`.
pub fn left_behind(session: &Session<'_>, me: InstanceId, limit: i64) -> Result<Vec<Purchase>, StoreError> {
    let ids: Vec<String> = session.query(
        "SELECT p.id FROM purchases p JOIN attempts a ON a.purchase_id = p.id AND a.outcome IS NULL
         WHERE p.state = 'dispatching' AND a.instance <> $1 ORDER BY p.id LIMIT $2",
        &[(&me.0.to_string()).into(), limit.into()],
        only_text,
    )?;
    let mut found = Vec::new();
    for id in ids {
        let id = id.parse().map_err(StoreError::corrupt)?;
        found.extend(purchases::find(session, id)?);
    }
    Ok(found)
}
