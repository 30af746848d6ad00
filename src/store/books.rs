//! Rows as an auditor reads them: raw, so that a row which no service could read is a fault and not an end.

use crate::domain::canonical::Digest;
use crate::domain::money::Money;
use crate::store::error::StoreError;
use crate::store::session::{Session, only_int, only_lossy_text};

/// What a purchase's row says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PurchaseRow {
    /// Its id.
    pub id: String,
    /// The number.
    pub number: String,
    /// What for.
    pub message_type: String,
    /// The requester's issuer.
    pub issuer: String,
    /// The requester's subject.
    pub subject: String,
    /// The team that pays.
    pub team: String,
    /// Where it stands.
    pub state: String,
    /// How many transitions there were.
    pub version: i64,
    /// How many times it was claimed.
    pub attempts: i64,
}

/// The purchases after `id`, or the first ones, at most `limit`.
pub fn purchases_after(
    session: &Session<'_>,
    id: Option<&str>,
    limit: i64,
) -> Result<Vec<PurchaseRow>, StoreError> {
    session.query(
        "SELECT id, number, message_type, issuer, subject, team, state, version, attempts FROM purchases
         WHERE ($1 IS NULL OR id > $1) ORDER BY id LIMIT $2",
        &[id.into(), limit.into()],
        |row| {
            Ok(PurchaseRow {
                id: row.lossy_text()?,
                number: row.lossy_text()?,
                message_type: row.lossy_text()?,
                issuer: row.lossy_text()?,
                subject: row.lossy_text()?,
                team: row.lossy_text()?,
                state: row.lossy_text()?,
                version: row.int()?,
                attempts: row.int()?,
            })
        },
    )
}

/// What a registration's row says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistrationRow {
    /// Its id.
    pub id: String,
    /// Where it stands.
    pub state: String,
    /// How many transitions there were.
    pub version: i64,
}

/// The registrations after `id`, or the first ones, at most `limit`.
pub fn registrations_after(
    session: &Session<'_>,
    id: Option<&str>,
    limit: i64,
) -> Result<Vec<RegistrationRow>, StoreError> {
    session.query(
        "SELECT id, state, version FROM registrations WHERE ($1 IS NULL OR id > $1) ORDER BY id LIMIT $2",
        &[id.into(), limit.into()],
        |row| Ok(RegistrationRow { id: row.lossy_text()?, state: row.lossy_text()?, version: row.int()? }),
    )
}

/// What an entry of the ledger says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryRow {
    /// Its number.
    pub id: i64,
    /// The month it counts in.
    pub month: String,
    /// Who pays.
    pub team: String,
    /// What it is.
    pub kind: String,
    /// How much.
    pub amount: Money,
}

/// The entries of a purchase after `id` that belong to its steps, at most `limit`.
pub fn entries_after(
    session: &Session<'_>,
    purchase: &str,
    id: i64,
    limit: i64,
) -> Result<Vec<EntryRow>, StoreError> {
    session.query(
        "SELECT id, month, team, kind, amount_micros FROM ledger
         WHERE purchase_id = $1 AND id > $2 AND kind NOT IN ('renewal', 'adjustment', 'refund')
         ORDER BY id LIMIT $3",
        &[purchase.into(), id.into(), limit.into()],
        |row| {
            Ok(EntryRow {
                id: row.int()?,
                month: row.lossy_text()?,
                team: row.lossy_text()?,
                kind: row.lossy_text()?,
                amount: Money::from_micros(row.int()?),
            })
        },
    )
}

/// Entries of the ledger that should belong to a purchase and belong to none, at most `limit`.
pub fn entries_without_purchase(session: &Session<'_>, limit: i64) -> Result<Vec<i64>, StoreError> {
    session.query(
        "SELECT id FROM ledger l WHERE NOT EXISTS (SELECT 1 FROM purchases p WHERE p.id = l.purchase_id)
             AND (l.purchase_id IS NOT NULL OR l.kind NOT IN ('renewal', 'adjustment', 'refund'))
         ORDER BY id LIMIT $1",
        &[limit.into()],
        only_int,
    )
}

/// How many entries the ledger has.
pub fn count_entries(session: &Session<'_>) -> Result<i64, StoreError> {
    session.query_int("SELECT count(*) FROM ledger", &[])
}

/// What events tell of and no row has: purchases and registrations, as (kind, id), at most `limit`.
pub fn told_of_and_missing(session: &Session<'_>, limit: i64) -> Result<Vec<(String, String)>, StoreError> {
    session.query(
        "SELECT DISTINCT target_kind, target_id FROM audit_events
         WHERE (target_kind = 'purchase' AND target_id NOT IN (SELECT id FROM purchases))
            OR (target_kind = 'registration' AND target_id <> 'none' AND target_id NOT IN (SELECT id FROM registrations))
         LIMIT $1",
        &[limit.into()],
        |row| Ok((row.lossy_text()?, row.lossy_text()?)),
    )
}

/// A policy that was ever in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyRow {
    /// The digest it is kept under, where that is one.
    pub digest: Option<Digest>,
    /// The RFC 8785 form of its rules.
    pub rules: String,
}

/// The policies from the `offset`th on, at most `limit`; there are as many as there were changes of the rules.
pub fn policies(session: &Session<'_>, offset: i64, limit: i64) -> Result<Vec<PolicyRow>, StoreError> {
    session.query(
        "SELECT digest, rules FROM policies ORDER BY digest LIMIT $1 OFFSET $2",
        &[limit.into(), offset.into()],
        |row| Ok(PolicyRow { digest: Digest::from_bytes(&row.blob()?), rules: row.lossy_text()? }),
    )
}

/// What the database says about its own file: nothing where all is well, at most `limit` complaints.
pub fn complaints_about_the_file(session: &Session<'_>, limit: i64) -> Result<Vec<String>, StoreError> {
    if !session.is_of_a_file() {
        // A server has no such question; its own pg_amcheck and checksums look after its files.
        return Ok(Vec::new());
    }
    let told = session.query(&format!("PRAGMA integrity_check({limit})"), &[], only_lossy_text)?;
    Ok(told.into_iter().filter(|told| told != "ok").collect())
}

/// A renewal as its ledger entry has it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RenewalRow {
    /// The month, who pays, how much, the number's type and upstream's identity of its row.
    pub said: [String; 5],
    /// Its number in the ledger.
    pub id: i64,
}

/// Numbers after `number` of which the ledger or an event says that they were renewed, at most `limit`.
pub fn renewed_after(session: &Session<'_>, number: &str, limit: i64) -> Result<Vec<String>, StoreError> {
    session.query(
        "SELECT DISTINCT number FROM (
             SELECT number FROM ledger WHERE kind = 'renewal' AND number > $1
             UNION SELECT target_id FROM audit_events
                 WHERE target_kind = 'number' AND action = 'number.renewed' AND target_id > $1) AS renewed
         ORDER BY number LIMIT $2",
        &[number.into(), limit.into()],
        only_lossy_text,
    )
}

/// The renewals of a number, at most `limit`.
pub fn renewals_of(session: &Session<'_>, number: &str, limit: i64) -> Result<Vec<RenewalRow>, StoreError> {
    session.query(
        "SELECT id, month, team, amount_micros, coalesce(message_type, ''), coalesce(guid, '') FROM ledger
         WHERE number = $1 AND kind = 'renewal' ORDER BY month, id LIMIT $2",
        &[number.into(), limit.into()],
        |row| {
            let (id, month, team) = (row.int()?, row.lossy_text()?, row.lossy_text()?);
            let amount = Money::from_micros(row.int()?).to_string();
            Ok(RenewalRow { id, said: [month, team, amount, row.lossy_text()?, row.lossy_text()?] })
        },
    )
}

/// An adjustment as its ledger entry has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdjustmentRow {
    /// Its number in the ledger.
    pub id: i64,
    /// Which adjustment; empty where it says none.
    pub adjustment: String,
    /// Kind, month, who pays, how much.
    pub said: [String; 4],
}

/// Adjustments and refunds after the entry `id`, at most `limit`.
pub fn adjustments_after(
    session: &Session<'_>,
    id: i64,
    limit: i64,
) -> Result<Vec<AdjustmentRow>, StoreError> {
    session.query(
        "SELECT id, coalesce(adjustment_id, ''), kind, month, team, amount_micros FROM ledger
         WHERE id > $1 AND (kind IN ('adjustment', 'refund') OR adjustment_id IS NOT NULL) ORDER BY id LIMIT $2",
        &[id.into(), limit.into()],
        |row| {
            let (id, adjustment) = (row.int()?, row.lossy_text()?);
            let (kind, month, team) = (row.lossy_text()?, row.lossy_text()?, row.lossy_text()?);
            let amount = Money::from_micros(row.int()?).to_string();
            Ok(AdjustmentRow { id, adjustment, said: [kind, month, team, amount] })
        },
    )
}

/// Events that tell of an adjustment which the ledger does not have, at most `limit`.
pub fn adjustments_without_entry(session: &Session<'_>, limit: i64) -> Result<Vec<i64>, StoreError> {
    session.query(
        "SELECT seq FROM audit_events a WHERE target_kind = 'adjustment' AND action = 'spend.adjusted'
             AND NOT EXISTS (SELECT 1 FROM ledger l WHERE l.adjustment_id = a.target_id)
         ORDER BY seq LIMIT $1",
        &[limit.into()],
        only_int,
    )
}
