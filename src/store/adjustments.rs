//! Adjustments and refunds as they stand in the ledger: one entry each, by their own id.

use jiff::Timestamp;

use crate::domain::money::{Currency, Money};
use crate::domain::purchase::PurchaseId;
use crate::store::error::StoreError;
use crate::store::ledger::{AdjustmentId, Kind, Payer};
use crate::store::session::Session;

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adjustment {
    /// Its id.
    pub id: AdjustmentId,
    /// When it was written.
    pub at: Timestamp,
    /// The month it counts in.
    pub month: String,
    /// Who pays, or gets back.
    pub payer: Payer,
    /// Which of the two.
    pub kind: Kind,
    /// By how much the spend changes.
    pub amount: Money,
    /// In which money.
    pub currency: Currency,
    /// About which purchase.
    pub purchase: Option<PurchaseId>,
    /// About which number.
    pub number: Option<String>,
}

/// The one with this id.
pub fn find(session: &Session<'_>, id: AdjustmentId) -> Result<Option<Adjustment>, StoreError> {
    session.query_first(
        "SELECT at_us, month, team, kind, amount_micros, currency, purchase_id, number FROM ledger
         WHERE adjustment_id = $1",
        &[(&id.0.to_string()).into()],
        |row| {
            Ok(Adjustment {
                id,
                at: row.time()?,
                month: row.text()?,
                payer: row.parsed()?,
                kind: row.parsed()?,
                amount: Money::from_micros(row.int()?),
                currency: row.parsed()?,
                purchase: row
                    .optional_text()?
                    .map(|id| id.parse())
                    .transpose()
                    .map_err(StoreError::corrupt)?,
                number: row.optional_text()?,
            })
        },
    )
}

/// Whether the ledger has anything of a team, which may be configured no more.
pub fn is_known_payer(session: &Session<'_>, payer: &Payer) -> Result<bool, StoreError> {
    let found = session.query_int(
        "SELECT count(*) FROM (SELECT 1 FROM ledger WHERE team = $1 LIMIT 1) AS found",
        &[payer.as_str().into()],
    )?;
    Ok(found > 0)
}

/// Who pays for a number, and where it is, if it is or was the account's.
pub fn owner_of(session: &Session<'_>, number: &str) -> Result<Option<(Payer, String)>, StoreError> {
    session.query_first(
        "SELECT team, country FROM owned_rows WHERE number = $1
         ORDER BY CASE WHEN gone_us IS NULL THEN 0 ELSE 1 END, gone_us DESC LIMIT 1",
        &[number.into()],
        |row| Ok((Payer::of_owner(&row.text()?)?, row.text()?)),
    )
}
