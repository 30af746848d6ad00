//! The past of the account's numbers: where each came from, whose it is, and when it left.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::domain::owned::Origin;
use crate::domain::principal::TeamId;
use crate::domain::purchase::PurchaseId;
use crate::store::error::StoreError;
use crate::store::owned;
use crate::store::session::{Param, Row, Session};
use crate::store::tx::Tx;

/// A number that a complete list has shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The number as upstream writes it: short codes are no E.164.
    pub number: String,
    /// Where it came from.
    pub origin: Origin,
    /// Whom it was assigned to; a bought number without one is its purchase's team's.
    pub team: Option<TeamId>,
    /// The purchase that bought it.
    pub purchase: Option<PurchaseId>,
    /// When a list showed it first.
    pub since: Timestamp,
    /// When complete lists had lacked it for long enough; nothing while it is owned.
    pub gone: Option<Timestamp>,
}

const COLUMNS: &str = "number, origin, team, purchase_id, since_us, gone_us";

fn read(row: &mut Row<'_>) -> Result<Known, StoreError> {
    Ok(Known {
        number: row.text()?,
        origin: row.parsed()?,
        team: row.optional_text()?.map(|team| team.parse()).transpose().map_err(StoreError::corrupt)?,
        purchase: row.optional_text()?.map(|id| id.parse()).transpose().map_err(StoreError::corrupt)?,
        since: row.time()?,
        gone: row.optional_time()?,
    })
}

/// Every number there ever was, by number.
pub fn all(session: &Session<'_>) -> Result<BTreeMap<String, Known>, StoreError> {
    let statement = format!("SELECT {COLUMNS} FROM known_numbers");
    let rows = session.query(&statement, &[], read)?;
    Ok(rows.into_iter().map(|known| (known.number.clone(), known)).collect())
}

/// One of them.
pub fn find(session: &Session<'_>, number: &str) -> Result<Option<Known>, StoreError> {
    let statement = format!("SELECT {COLUMNS} FROM known_numbers WHERE number = $1");
    session.query_first(&statement, &[number.into()], read)
}

/// Numbers that go into one statement.
const AT_ONCE: usize = 200;

/// Writes one, over what was known before.
pub fn put(tx: &mut Tx<'_>, known: &Known) -> Result<(), StoreError> {
    put_all(tx, std::slice::from_ref(known))
}

/// Writes some, each number once, over what was known before.
pub fn put_all(tx: &mut Tx<'_>, known: &[Known]) -> Result<(), StoreError> {
    for known in known.chunks(AT_ONCE) {
        let purchases: Vec<Option<String>> =
            known.iter().map(|known| known.purchase.map(|id| id.to_string())).collect();
        let params: Vec<Param<'_>> = known
            .iter()
            .zip(&purchases)
            .flat_map(|(known, purchase)| {
                [
                    (&known.number).into(),
                    known.origin.as_str().into(),
                    known.team.as_ref().map(TeamId::as_str).into(),
                    purchase.as_deref().into(),
                    known.since.into(),
                    known.gone.into(),
                ]
            })
            .collect();
        let places = (0..known.len()).map(|row| row * 6);
        let places = places.map(|of| {
            format!("(${}, ${}, ${}, ${}, ${}, ${})", of + 1, of + 2, of + 3, of + 4, of + 5, of + 6)
        });
        let statement = format!(
            "INSERT INTO known_numbers (number, origin, team, purchase_id, since_us, gone_us) VALUES {}
             ON CONFLICT (number) DO UPDATE SET origin = excluded.origin, team = excluded.team,
                 purchase_id = excluded.purchase_id, since_us = excluded.since_us, gone_us = excluded.gone_us",
            places.collect::<Vec<_>>().join(", ")
        );
        tx.execute(&statement, &params)?;
        owned::reown_all(tx, known.iter().map(|known| known.number.as_str()))?;
    }
    Ok(())
}

/// The team of every number that has one: assigned, or of a purchase that has it or may have it.
pub fn teams(session: &Session<'_>) -> Result<BTreeMap<String, TeamId>, StoreError> {
    let pair = |row: &mut Row<'_>| Ok((row.text()?, row.parsed()?));
    let bought = session.query("SELECT number, team FROM purchases WHERE holds_number = 1", &[], pair)?;
    let assigned = session.query(
        "SELECT number, team FROM known_numbers WHERE team IS NOT NULL AND gone_us IS NULL",
        &[],
        pair,
    )?;
    // In this order: what was assigned counts above what was bought.
    Ok(bought.into_iter().chain(assigned).collect())
}

/// How many owned numbers of an origin no team has.
pub fn unassigned(session: &Session<'_>, origin: Origin) -> Result<i64, StoreError> {
    session.query_int(
        "SELECT count(*) FROM known_numbers WHERE origin = $1 AND team IS NULL AND gone_us IS NULL",
        &[origin.as_str().into()],
    )
}
