//! The mirror as people read it: a page at a time, in the order of the digits, of one owner or of all.

use jiff::Timestamp;

use crate::domain::owned::{Origin, OwnedNumber, Price};
use crate::domain::principal::TeamId;
use crate::domain::purchase::PurchaseId;
use crate::store::error::StoreError;
use crate::store::owned::mirrored::read_price;
use crate::store::session::{Param, Row, Session};

/// Whose rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Everybody's.
    All,
    /// One team's.
    Team(TeamId),
    /// What no team has.
    Nobody,
}

impl Scope {
    fn owner(&self) -> Option<&str> {
        match self {
            Self::All => None,
            Self::Team(team) => Some(team.as_str()),
            Self::Nobody => Some(""),
        }
    }
}

/// A row for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRow {
    /// The number.
    pub number: String,
    /// As upstream wrote it last.
    pub listing: OwnedNumber,
    /// Whose it is.
    pub team: Option<TeamId>,
    /// Where it came from.
    pub origin: Origin,
    /// The purchase that bought it.
    pub purchase: Option<PurchaseId>,
    /// The monthly price.
    pub price: Option<Price>,
    /// Since when its registration stands where it does.
    pub status_since: Option<Timestamp>,
    /// When a list showed it first and was compared.
    pub since: Option<Timestamp>,
    /// When a list showed it last, where the newest one does not.
    pub seen: Option<Timestamp>,
    /// Whether the newest list lacked it.
    pub is_lacking: bool,
}

const COLUMNS: &str =
    "number, listing, team, origin, purchase_id, monthly_micros, currency, price_basis, status_us,
    (SELECT k.since_us FROM known_numbers k WHERE k.number = owned_rows.number AND k.gone_us IS NULL), seen_us,
    lacking_us";

fn read(row: &mut Row<'_>) -> Result<PageRow, StoreError> {
    Ok(PageRow {
        number: row.text()?,
        listing: row.json()?,
        team: Some(row.text()?)
            .filter(|team| !team.is_empty())
            .map(|team| team.parse())
            .transpose()
            .map_err(StoreError::corrupt)?,
        origin: row.parsed()?,
        purchase: row.optional_text()?.map(|id| id.parse()).transpose().map_err(StoreError::corrupt)?,
        price: read_price(row)?,
        status_since: row.optional_time()?,
        since: row.optional_time()?,
        seen: row.optional_time()?,
        is_lacking: row.optional_int()?.is_some(),
    })
}

/// Rows after a number, in the order of the digits and of upstream, at most `limit`.
pub fn page(
    session: &Session<'_>,
    scope: &Scope,
    after: &str,
    limit: i64,
) -> Result<Vec<PageRow>, StoreError> {
    let (whose, mut params): (&str, Vec<Param<'_>>) = match scope.owner() {
        None => ("number > $1", vec![after.into()]),
        Some(owner) => ("team = $1 AND number > $2", vec![owner.into(), after.into()]),
    };
    params.push(limit.into());
    let statement = format!(
        "SELECT {COLUMNS} FROM owned_rows WHERE {whose} AND gone_us IS NULL
         ORDER BY number, message_type, guid, twin LIMIT ${}",
        params.len()
    );
    session.query(&statement, &params, read)
}

/// Rows after a number that are worth a look: of no team or one that is not among `configured`, with a registration that has
/// not moved since `before`, or that were there before `before`.
pub fn stale(
    session: &Session<'_>,
    scope: &Scope,
    after: &str,
    limit: i64,
    before: Timestamp,
    configured: &[TeamId],
) -> Result<Vec<PageRow>, StoreError> {
    let mut params: Vec<Param<'_>> = vec![after.into(), before.into()];
    // No team's key: an empty list is no list in SQL.
    let mut places = vec!["'(none)'".to_owned()];
    for team in configured {
        params.push(team.as_str().into());
        places.push(format!("${}", params.len()));
    }
    let whose = scope.owner().map(|owner| {
        params.push(owner.into());
        format!("AND team = ${}", params.len())
    });
    params.push(limit.into());
    let statement = format!(
        "SELECT {COLUMNS} FROM owned_rows WHERE number > $1 AND gone_us IS NULL
             AND (since_us < $2
                  OR (status IN ('REGISTRATION_NOT_INITIATED', 'REGISTRATION_INITIATED', 'CUST_ACTION_REQUIRED',
                                 'REGISTRATION_SUBMITTED') AND status_us < $2)
                  OR team NOT IN ({}))
             {}
         ORDER BY number, message_type, guid, twin LIMIT ${}",
        places.join(", "),
        whose.unwrap_or_default(),
        params.len()
    );
    session.query(&statement, &params, read)
}

/// How many rows the newest list showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedCount {
    /// Empty where no team has them.
    pub team: String,
    /// Two letters; empty where upstream does not say.
    pub country: String,
    /// sms, mms; likewise.
    pub message_type: String,
    /// How many.
    pub count: i64,
}

/// The rows of the newest list by team, country and type.
pub fn counts(session: &Session<'_>) -> Result<Vec<OwnedCount>, StoreError> {
    session.query(
        "SELECT team, country, message_type, count(*) FROM owned_rows
         WHERE gone_us IS NULL AND lacking_us IS NULL GROUP BY team, country, message_type",
        &[],
        |row| {
            Ok(OwnedCount {
                team: row.text()?,
                country: row.text()?,
                message_type: row.text()?,
                count: row.int()?,
            })
        },
    )
}
