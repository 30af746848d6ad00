//! What owned numbers cost every month: sums for budgets, and what a 1st still has to take.
//!
//! A row whose purchase is still under way, or whose outcome nobody knows, is its purchase's and counted there.

use crate::domain::billing::{Fees, Month};
use crate::domain::money::{Currency, Money};
use crate::domain::principal::TeamId;
use crate::domain::purchase::PurchaseId;
use crate::store::error::StoreError;
use crate::store::ledger::{Payer, Total};
use crate::store::owned::Key;
use crate::store::session::{Row, Session};
use crate::store::tx::Tx;

/// Rows that pay: of what is owned, once for rows that are quite the same, and not of purchases under way.
const PAYING: &str = "gone_us IS NULL AND twin = 0 AND fee_micros IS NOT NULL AND number NOT IN (
    SELECT p.number FROM purchases p WHERE p.state IN ('reserved', 'dispatching', 'unknown', 'needs_attention'))";

/// The monthly fees of what is owned: of one team, or of all, also of what no team has.
pub fn recurring(session: &Session<'_>, team: Option<&TeamId>) -> Result<Money, StoreError> {
    let sum = match team {
        None => {
            let statement = format!("SELECT coalesce(sum(fee_micros), 0) FROM owned_rows WHERE {PAYING}");
            session.query_int(&statement, &[])?
        }
        Some(team) => {
            let statement =
                format!("SELECT coalesce(sum(fee_micros), 0) FROM owned_rows WHERE team = $1 AND {PAYING}");
            session.query_int(&statement, &[team.as_str().into()])?
        }
    };
    Ok(Money::from_micros(sum))
}

/// What the 1st of a month has to take and the ledger does not have yet: of one team, or of all. Nothing as soon as it
/// is posted, so that a month counts its renewals from its first day, whoever is late.
pub fn due_in(session: &Session<'_>, month: &str, team: Option<&TeamId>) -> Result<Money, StoreError> {
    let sum = match team {
        None => {
            let statement = format!(
                "SELECT coalesce(sum(fee_micros), 0) FROM owned_rows WHERE paid_month < $1 AND {PAYING}"
            );
            session.query_int(&statement, &[month.into()])?
        }
        Some(team) => {
            let statement = format!(
                "SELECT coalesce(sum(fee_micros), 0) FROM owned_rows WHERE paid_month < $1 AND team = $2 AND {PAYING}"
            );
            session.query_int(&statement, &[month.into(), team.as_str().into()])?
        }
    };
    Ok(Money::from_micros(sum))
}

/// A row that owes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueRow {
    /// Which.
    pub key: Key,
    /// Who pays.
    pub payer: Payer,
    /// The purchase that bought it.
    pub purchase: Option<PurchaseId>,
    /// Two letters; empty where nobody knows.
    pub country: String,
    /// What a month costs.
    pub fee: Money,
    /// In which money.
    pub currency: Currency,
    /// The last month that was charged.
    pub paid: Month,
}

/// Rows that owe this month or earlier ones, and that the newest list showed; those that owe longest first.
pub fn due(session: &Session<'_>, month: Month, limit: i64) -> Result<Vec<DueRow>, StoreError> {
    let statement = format!(
        "SELECT number, message_type, guid, twin, team, purchase_id, country, fee_micros, currency, paid_month
         FROM owned_rows WHERE paid_month < $1 AND lacking_us IS NULL AND {PAYING}
         ORDER BY paid_month, number, message_type, guid LIMIT $2"
    );
    session.query(&statement, &[(&month.to_string()).into(), limit.into()], read_due)
}

fn read_due(row: &mut Row<'_>) -> Result<DueRow, StoreError> {
    Ok(DueRow {
        key: Key { number: row.text()?, message_type: row.text()?, guid: row.text()?, twin: row.int()? },
        payer: Payer::of_owner(&row.text()?)?,
        purchase: row.optional_text()?.map(|id| id.parse()).transpose().map_err(StoreError::corrupt)?,
        country: row.text()?,
        fee: Money::from_micros(row.int()?),
        currency: row.parsed()?,
        paid: row.parsed()?,
    })
}

/// A row has paid a further month; `Conflict` where somebody else was faster.
pub fn pay(tx: &mut Tx<'_>, due: &DueRow, month: Month) -> Result<(), StoreError> {
    tx.execute_one(
        "UPDATE owned_rows SET paid_month = $1
         WHERE number = $2 AND message_type = $3 AND guid = $4 AND twin = $5 AND gone_us IS NULL AND paid_month = $6",
        &[
            (&month.to_string()).into(),
            (&due.key.number).into(),
            (&due.key.message_type).into(),
            (&due.key.guid).into(),
            due.key.twin.into(),
            (&due.paid.to_string()).into(),
        ],
    )
}

/// The monthly fees by payer and by what is paid already: of all.
pub fn fees(session: &Session<'_>) -> Result<Vec<Fees<Payer>>, StoreError> {
    let statement = format!(
        "SELECT team, paid_month, count(*), sum(fee_micros) FROM owned_rows WHERE {PAYING}
         GROUP BY team, paid_month ORDER BY team, paid_month"
    );
    session.query(&statement, &[], |row| {
        Ok(Fees {
            payer: Payer::of_owner(&row.text()?)?,
            paid: row.parsed()?,
            rows: row.int()?,
            fee: Money::from_micros(row.int()?),
        })
    })
}

/// The monthly fees by payer, country and currency, for the metrics.
pub fn recurring_by_team(session: &Session<'_>) -> Result<Vec<Total>, StoreError> {
    let statement = format!(
        "SELECT team, country, currency, sum(fee_micros) FROM owned_rows WHERE {PAYING} GROUP BY team, country, currency"
    );
    session.query(&statement, &[], |row| {
        Ok(Total {
            team: Payer::of_owner(&row.text()?)?.to_string(),
            country: row.text()?,
            kind: "recurring".to_owned(),
            currency: row.text()?,
            amount: Money::from_micros(row.int()?),
        })
    })
}

/// A number of which nobody knows what a month costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unpriced {
    /// The number.
    pub number: String,
    /// Who will pay.
    pub payer: Payer,
}

/// Numbers without a price, or with one in other money, in the order of their digits; at most `limit`. Few or none:
/// lists name prices.
pub fn unpriced(session: &Session<'_>, limit: i64) -> Result<Vec<Unpriced>, StoreError> {
    session.query(
        "SELECT DISTINCT number, team FROM owned_rows
         WHERE gone_us IS NULL AND twin = 0 AND fee_micros IS NULL ORDER BY number LIMIT $1",
        &[limit.into()],
        |row| Ok(Unpriced { number: row.text()?, payer: Payer::of_owner(&row.text()?)? }),
    )
}
