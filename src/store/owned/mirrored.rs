//! One row of the mirror, as the comparison with a list reads and writes it.

use jiff::Timestamp;

use crate::domain::billing::Month;
use crate::domain::money::Money;
use crate::domain::owned::{OwnedNumber, Price, RegistrationStatus};
use crate::store::error::StoreError;
use crate::store::owned::reown_all;
use crate::store::session::{Param, Row, Session};
use crate::store::tx::Tx;

/// What tells one row of upstream's from another. Texts are empty where upstream does not say.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// The number.
    pub number: String,
    /// sms, mms.
    pub message_type: String,
    /// Upstream's identity of the row.
    pub guid: String,
    /// 0, but for further rows that are quite the same.
    pub twin: i64,
}

/// A row of the mirror.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mirrored {
    /// Which.
    pub key: Key,
    /// In upstream's order; numbers are left out.
    pub position: i64,
    /// As upstream wrote it last, or as a purchase did.
    pub listing: OwnedNumber,
    /// Since when its registration stands where it does.
    pub status_since: Option<Timestamp>,
    /// The monthly price; nothing where nobody said one.
    pub price: Option<Price>,
    /// What a 1st takes; nothing where nobody knows, or in other money.
    pub fee: Option<Money>,
    /// The last month that was charged.
    pub paid: Month,
    /// When a list showed it first.
    pub since: Option<Timestamp>,
    /// Whether the newest list lacked it.
    pub is_lacking: bool,
}

const COLUMNS: &str =
    "number, message_type, guid, twin, position, listing, status_us, monthly_micros, currency,
    price_basis, fee_micros, paid_month, since_us, lacking_us";

fn read(row: &mut Row<'_>) -> Result<Mirrored, StoreError> {
    Ok(Mirrored {
        key: Key { number: row.text()?, message_type: row.text()?, guid: row.text()?, twin: row.int()? },
        position: row.int()?,
        listing: row.json()?,
        status_since: row.optional_time()?,
        price: read_price(row)?,
        fee: row.optional_int()?.map(Money::from_micros),
        paid: row.parsed()?,
        since: row.optional_time()?,
        is_lacking: row.optional_int()?.is_some(),
    })
}

/// The three columns of a price.
pub(super) fn read_price(row: &mut Row<'_>) -> Result<Option<Price>, StoreError> {
    let monthly = row.optional_int()?.map(Money::from_micros);
    let (currency, basis) = (row.optional_text()?, row.optional_text()?);
    let Some(((monthly, currency), basis)) = monthly.zip(currency).zip(basis) else { return Ok(None) };
    Ok(Some(Price {
        monthly,
        currency: currency.parse().map_err(StoreError::corrupt)?,
        basis: basis.parse().map_err(StoreError::corrupt)?,
    }))
}

/// Every row that has not left the account, or those of one number. There are as many as a list may have.
pub fn mirrored(session: &Session<'_>, number: Option<&str>) -> Result<Vec<Mirrored>, StoreError> {
    match number {
        None => {
            let statement =
                format!("SELECT {COLUMNS} FROM owned_rows WHERE gone_us IS NULL ORDER BY position");
            session.query(&statement, &[], read)
        }
        Some(number) => {
            let statement = format!(
                "SELECT {COLUMNS} FROM owned_rows WHERE number = $1 AND gone_us IS NULL ORDER BY position"
            );
            session.query(&statement, &[number.into()], read)
        }
    }
}

/// Rows that go into one statement: a first list of ten thousand is a hundred of them.
const AT_ONCE: usize = 100;
const INSERTED: &str =
    "number, message_type, guid, twin, position, listing, country, number_type, status, status_us,
    monthly_micros, currency, price_basis, fee_micros, paid_month, since_us";
const INSERTED_COUNT: usize = 16;

/// Writes a row that was not there, or had left; see [`insert_all`].
pub fn insert(tx: &mut Tx<'_>, row: &Mirrored) -> Result<(), StoreError> {
    insert_all(tx, std::slice::from_ref(row))
}

/// Writes rows that were not there, or had left. What comes back under the same guid never left, so it owes on from where
/// it was; without a guid nobody can tell.
pub fn insert_all(tx: &mut Tx<'_>, rows: &[Mirrored]) -> Result<(), StoreError> {
    for rows in rows.chunks(AT_ONCE) {
        let texts: Vec<(String, String)> = rows
            .iter()
            .map(|row| Ok((serde_json::to_string(&row.listing)?, row.paid.to_string())))
            .collect::<Result<_, StoreError>>()?;
        let params: Vec<Param<'_>> =
            rows.iter().zip(&texts).flat_map(|(row, (listing, paid))| inserted(row, listing, paid)).collect();
        let places = (0..rows.len()).map(|row| {
            let first = row * INSERTED_COUNT + 1;
            let places = (first..first + INSERTED_COUNT).map(|place| format!("${place}"));
            format!("({}, '', 'orphan')", places.collect::<Vec<_>>().join(", "))
        });
        let statement = format!(
            "INSERT INTO owned_rows ({INSERTED}, team, origin) VALUES {}
             ON CONFLICT (number, message_type, guid, twin) DO UPDATE SET position = excluded.position,
                 listing = excluded.listing, country = excluded.country, number_type = excluded.number_type,
                 status = excluded.status, status_us = excluded.status_us, purchase_id = NULL,
                 monthly_micros = excluded.monthly_micros, currency = excluded.currency,
                 price_basis = excluded.price_basis, fee_micros = excluded.fee_micros, since_us = excluded.since_us,
                 seen_us = NULL, lacking_us = NULL, gone_us = NULL,
                 paid_month = CASE WHEN excluded.guid = '' THEN excluded.paid_month ELSE owned_rows.paid_month END",
            places.collect::<Vec<_>>().join(", ")
        );
        if tx.execute(&statement, &params)? != rows.len() {
            return Err(StoreError::Conflict);
        }
        reown_all(tx, rows.iter().map(|row| row.key.number.as_str()))?;
    }
    Ok(())
}

/// In the order of [`INSERTED`].
fn inserted<'r>(row: &'r Mirrored, listing: &'r str, paid: &'r str) -> [Param<'r>; INSERTED_COUNT] {
    let price = row.price.as_ref();
    [
        (&row.key.number).into(),
        (&row.key.message_type).into(),
        (&row.key.guid).into(),
        row.key.twin.into(),
        row.position.into(),
        listing.into(),
        row.listing.country.as_deref().unwrap_or_default().into(),
        row.listing.number_type.as_deref().unwrap_or_default().into(),
        row.listing.status.map(RegistrationStatus::label).into(),
        row.status_since.into(),
        price.map(|price| price.monthly.micros()).into(),
        price.map(|price| price.currency.as_str()).into(),
        price.map(|price| price.basis.as_str()).into(),
        row.fee.map(Money::micros).into(),
        paid.into(),
        row.since.into(),
    ]
}

/// Writes what a list or a purchase says of a row that stands under `was`.
pub fn update(tx: &mut Tx<'_>, was: &Key, row: &Mirrored) -> Result<(), StoreError> {
    if *was != row.key {
        // Upstream named it only now. What stood there under that name before has left.
        tx.execute(
            "DELETE FROM owned_rows
             WHERE number = $1 AND message_type = $2 AND guid = $3 AND twin = $4 AND gone_us IS NOT NULL",
            &[
                (&row.key.number).into(),
                (&row.key.message_type).into(),
                (&row.key.guid).into(),
                row.key.twin.into(),
            ],
        )?;
    }
    let (listing, paid) = (serde_json::to_string(&row.listing)?, row.paid.to_string());
    let price = row.price.as_ref();
    tx.execute_one(
        "UPDATE owned_rows SET message_type = $1, guid = $2, position = $3, listing = $4, country = $5,
             number_type = $6, status = $7, status_us = $8, monthly_micros = $9, currency = $10, price_basis = $11,
             fee_micros = $12, paid_month = $13, since_us = $14, seen_us = NULL, lacking_us = NULL
         WHERE number = $15 AND message_type = $16 AND guid = $17 AND twin = $18 AND gone_us IS NULL",
        &[
            (&row.key.message_type).into(),
            (&row.key.guid).into(),
            row.position.into(),
            (&listing).into(),
            row.listing.country.as_deref().unwrap_or_default().into(),
            row.listing.number_type.as_deref().unwrap_or_default().into(),
            row.listing.status.map(RegistrationStatus::label).into(),
            row.status_since.into(),
            price.map(|price| price.monthly.micros()).into(),
            price.map(|price| price.currency.as_str()).into(),
            price.map(|price| price.basis.as_str()).into(),
            row.fee.map(Money::micros).into(),
            (&paid).into(),
            row.since.into(),
            (&was.number).into(),
            (&was.message_type).into(),
            (&was.guid).into(),
            was.twin.into(),
        ],
    )
}

/// A list lacks a row that was shown at `seen` last, if ever.
pub fn lack(tx: &mut Tx<'_>, key: &Key, seen: Option<Timestamp>) -> Result<(), StoreError> {
    let at = tx.at();
    tx.execute_one(
        "UPDATE owned_rows SET lacking_us = $1, seen_us = $2
         WHERE number = $3 AND message_type = $4 AND guid = $5 AND twin = $6 AND gone_us IS NULL",
        &[
            at.into(),
            seen.into(),
            (&key.number).into(),
            (&key.message_type).into(),
            (&key.guid).into(),
            key.twin.into(),
        ],
    )
}

/// A row has left although its number has not: upstream lists it by other rows only.
pub fn leave(tx: &mut Tx<'_>, key: &Key) -> Result<(), StoreError> {
    let at = tx.at();
    tx.execute_one(
        "UPDATE owned_rows SET gone_us = $1
         WHERE number = $2 AND message_type = $3 AND guid = $4 AND twin = $5 AND gone_us IS NULL",
        &[at.into(), (&key.number).into(), (&key.message_type).into(), (&key.guid).into(), key.twin.into()],
    )
}

/// A place behind all others.
pub fn last_position(session: &Session<'_>) -> Result<i64, StoreError> {
    session.query_int("SELECT coalesce(max(position), 0) FROM owned_rows WHERE gone_us IS NULL", &[])
}
