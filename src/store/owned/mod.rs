//! The account's numbers, mirrored: a row for each of upstream's, with what upstream does not know of it.
//!
//! A row stays until its number has left the account: lists that lack it only leave it out of what is shown. Whose it is
//! stands in purchases and known numbers; `reown` copies it here, from every place that changes one of them, so
//! that pages and sums are one indexed reading.

mod fees;
mod mirrored;
mod paging;
#[cfg(test)]
mod upgrade;

use crate::domain::number::DedicatedNumber;
use crate::domain::owned::OwnedNumber;
use crate::domain::search::CurrencyBlock;
use crate::store::error::StoreError;
use crate::store::session::{Param, Session, only_json};
use crate::store::tx::Tx;

pub use fees::{DueRow, Unpriced, due, due_in, fees, pay, recurring, recurring_by_team, unpriced};
pub use mirrored::{Key, Mirrored, insert, insert_all, lack, last_position, leave, mirrored, update};
pub use paging::{OwnedCount, PageRow, Scope, counts, page, stale};

/// What the newest list showed, in upstream's order.
pub fn all(session: &Session<'_>) -> Result<Vec<OwnedNumber>, StoreError> {
    session.query(
        "SELECT listing FROM owned_rows WHERE gone_us IS NULL AND lacking_us IS NULL ORDER BY position",
        &[],
        only_json,
    )
}

/// The currency that stood beside the prices.
pub fn currency(session: &Session<'_>) -> Result<Option<CurrencyBlock>, StoreError> {
    session.query_first("SELECT block FROM owned_currency", &[], only_json)
}

/// Keeps that currency.
pub fn put_currency(tx: &mut Tx<'_>, block: &CurrencyBlock) -> Result<(), StoreError> {
    let block = serde_json::to_string(block)?;
    tx.execute_one(
        "INSERT INTO owned_currency (one, block) VALUES (1, $1) ON CONFLICT (one) DO UPDATE SET block = $1",
        &[(&block).into()],
    )
}

/// The rows of one number that the newest list showed.
pub fn rows_of(session: &Session<'_>, number: &DedicatedNumber) -> Result<Vec<OwnedNumber>, StoreError> {
    session.query(
        "SELECT listing FROM owned_rows WHERE number = $1 AND gone_us IS NULL AND lacking_us IS NULL
         ORDER BY position",
        &[number.as_str().into()],
        only_json,
    )
}

/// The rows of a number have left the account.
pub fn let_go(tx: &mut Tx<'_>, number: &str) -> Result<(), StoreError> {
    let at = tx.at();
    tx.execute(
        "UPDATE owned_rows SET gone_us = $1 WHERE number = $2 AND gone_us IS NULL",
        &[at.into(), number.into()],
    )?;
    Ok(())
}

/// Copies whose a number is, and where it came from, into its rows: assigned before bought. Part of whatever changes
/// that.
pub(super) fn reown(tx: &mut Tx<'_>, number: &str) -> Result<(), StoreError> {
    reown_all(tx, [number])
}

/// The same for some.
pub(super) fn reown_all<'n>(
    tx: &mut Tx<'_>,
    numbers: impl IntoIterator<Item = &'n str>,
) -> Result<(), StoreError> {
    let numbers: Vec<Param<'_>> = numbers.into_iter().map(Param::from).collect();
    let places = (1..=numbers.len()).map(|place| format!("${place}")).collect::<Vec<_>>().join(", ");
    let statement = format!(
        "UPDATE owned_rows SET
             team = coalesce((SELECT k.team FROM known_numbers k WHERE k.number = owned_rows.number AND k.gone_us IS NULL),
                             (SELECT p.team FROM purchases p WHERE p.number = owned_rows.number AND p.holds_number = 1), ''),
             origin = coalesce((SELECT k.origin FROM known_numbers k WHERE k.number = owned_rows.number AND k.gone_us IS NULL),
                               CASE WHEN EXISTS (SELECT 1 FROM purchases p
                                                 WHERE p.number = owned_rows.number AND p.holds_number = 1)
                                    THEN 'bought' ELSE 'orphan' END),
             purchase_id = coalesce((SELECT p.id FROM purchases p WHERE p.number = owned_rows.number AND p.holds_number = 1),
                                    (SELECT k.purchase_id FROM known_numbers k
                                     WHERE k.number = owned_rows.number AND k.gone_us IS NULL))
         WHERE number IN ({places}) AND gone_us IS NULL"
    );
    tx.execute(&statement, &numbers)?;
    Ok(())
}
