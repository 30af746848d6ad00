//! What the reconciler asks about purchases: which wait for an outcome, which hold a number, which were given up.

use crate::domain::principal::TeamId;
use crate::domain::purchase::{Purchase, PurchaseId, State};
use crate::store::error::StoreError;
use crate::store::purchases::{COLUMNS, read};
use crate::store::session::Session;
use crate::store::tx::Tx;

/// A purchase that has its number taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The number.
    pub number: String,
    /// The purchase.
    pub id: PurchaseId,
    /// Who pays for it.
    pub team: TeamId,
    /// Where it stands.
    pub state: State,
}

/// Purchases of which nobody knows whether they were bought, oldest first, at most `limit`.
pub fn unsettled(session: &Session<'_>, limit: i64) -> Result<Vec<Purchase>, StoreError> {
    let statement = format!(
        "SELECT {COLUMNS} FROM purchases WHERE state IN ('unknown', 'needs_attention') ORDER BY id LIMIT $1"
    );
    session.query(&statement, &[limit.into()], read)
}

/// Every purchase that has its number taken. There are as many as numbers were bought.
pub fn holders(session: &Session<'_>) -> Result<Vec<Holder>, StoreError> {
    session.query(
        "SELECT number, id, team, state FROM purchases WHERE holds_number = 1 ORDER BY number",
        &[],
        |row| {
            Ok(Holder { number: row.text()?, id: row.parsed()?, team: row.parsed()?, state: row.parsed()? })
        },
    )
}

/// Purchases of a number that were sent and given up, newest first: one of them may have been sold after all.
pub fn suspects(session: &Session<'_>, number: &str) -> Result<Vec<Purchase>, StoreError> {
    let statement = format!(
        "SELECT {COLUMNS} FROM purchases
         WHERE number = $1 AND state IN ('failed', 'not_bought') AND EXISTS (
             SELECT 1 FROM attempts a
             WHERE a.purchase_id = purchases.id AND (a.outcome IS NULL OR a.outcome <> 'not_sent'))
         ORDER BY id DESC LIMIT 100"
    );
    session.query(&statement, &[number.into()], read)
}

/// Whether nothing was ever asked for.
pub fn are_none(session: &Session<'_>) -> Result<bool, StoreError> {
    Ok(session.query_int("SELECT count(*) FROM (SELECT 1 FROM purchases LIMIT 1) AS first", &[])? == 0)
}

/// Gives the number of a bought purchase free, because it has left the account.
pub fn free_number(tx: &mut Tx<'_>, id: PurchaseId) -> Result<(), StoreError> {
    tx.execute_one(
        "UPDATE purchases SET holds_number = 0
         WHERE id = $1 AND holds_number = 1 AND state IN ('bought', 'bought_late')",
        &[(&id.to_string()).into()],
    )
}
