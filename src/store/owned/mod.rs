//! The account's numbers as the newest complete list showed them.

use crate::domain::number::DedicatedNumber;
use crate::domain::owned::OwnedNumber;
use crate::domain::search::CurrencyBlock;
use crate::store::error::StoreError;
use crate::store::session::{Session, only_json};
use crate::store::tx::Tx;

/// Everything, in upstream's order.
pub fn all(session: &Session<'_>) -> Result<Vec<OwnedNumber>, StoreError> {
    session.query("SELECT listing FROM owned_numbers ORDER BY position", &[], only_json)
}

/// The currency that stood beside the prices.
pub fn currency(session: &Session<'_>) -> Result<Option<CurrencyBlock>, StoreError> {
    session.query_first("SELECT block FROM owned_currency", &[], only_json)
}

/// The rows of one number.
pub fn rows_of(session: &Session<'_>, number: &DedicatedNumber) -> Result<Vec<OwnedNumber>, StoreError> {
    session.query(
        "SELECT listing FROM owned_numbers WHERE number = $1 ORDER BY position",
        &[number.as_str().into()],
        only_json,
    )
}

/// Puts a complete list in the place of the old one.
pub fn replace(
    tx: &mut Tx<'_>,
    numbers: &[OwnedNumber],
    currency: Option<&CurrencyBlock>,
) -> Result<(), StoreError> {
    tx.execute("DELETE FROM owned_numbers", &[])?;
    for (position, number) in (1_i64..).zip(numbers) {
        tx.execute_one(
            "INSERT INTO owned_numbers (position, number, listing) VALUES ($1, $2, $3)",
            &[position.into(), (&number.dedicated_number).into(), (&serde_json::to_string(number)?).into()],
        )?;
    }
    if let Some(block) = currency {
        tx.execute("DELETE FROM owned_currency", &[])?;
        let block = serde_json::to_string(block)?;
        tx.execute_one("INSERT INTO owned_currency (one, block) VALUES (1, $1)", &[(&block).into()])?;
    }
    Ok(())
}

/// Adds one number at the end: our own purchase, which no list has shown yet.
pub fn add(tx: &mut Tx<'_>, number: &OwnedNumber) -> Result<(), StoreError> {
    tx.execute_one(
        "INSERT INTO owned_numbers (position, number, listing)
         SELECT coalesce(max(position), 0) + 1, $1, $2 FROM owned_numbers",
        &[(&number.dedicated_number).into(), (&serde_json::to_string(number)?).into()],
    )
}

/// Takes the rows of a number out: it has left the account.
pub fn remove(tx: &mut Tx<'_>, number: &str) -> Result<(), StoreError> {
    tx.execute("DELETE FROM owned_numbers WHERE number = $1", &[number.into()])?;
    Ok(())
}
