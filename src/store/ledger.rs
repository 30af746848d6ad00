//! The ledger: holds, their release and what was charged, in rows that are never changed.
//!
//! What a month has used is the sum of its rows, so there is no balance that could drift from them.

use crate::domain::country::Country;
use crate::domain::money::{Currency, Money};
use crate::domain::principal::TeamId;
use crate::domain::purchase::PurchaseId;
use crate::store::error::StoreError;
use crate::store::session::{Param, Session, only_text};
use crate::store::tx::Tx;

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Money set aside for an attempt: plus.
    Hold,
    /// The hold given back: minus.
    Release,
    /// A setup price charged.
    Setup,
    /// The first, usually pro-rated, monthly charge.
    FirstPeriod,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Hold, Self::Release, Self::Setup, Self::FirstPeriod];

    /// The word in the row, the API and the metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hold => "hold",
            Self::Release => "release",
            Self::Setup => "setup",
            Self::FirstPeriod => "first_period",
        }
    }
}

/// A text that is no kind of entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a kind of ledger entry")]
pub struct KindError;

impl std::str::FromStr for Kind {
    type Err = KindError;

    fn from_str(text: &str) -> Result<Self, KindError> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(KindError)
    }
}

/// What all entries of one purchase share.
#[derive(Clone, Debug)]
pub struct Account {
    /// The month, `2026-11`, in the budget's time zone: the one of the reservation, also for what is posted
    /// later.
    pub month: String,
    /// Who pays.
    pub team: TeamId,
    /// For what.
    pub purchase: PurchaseId,
    /// In which money.
    pub currency: Currency,
    /// Where the number is.
    pub country: Country,
}

/// Writes one entry; nothing for nothing.
pub fn enter(tx: &mut Tx<'_>, account: &Account, kind: Kind, amount: Money) -> Result<(), StoreError> {
    if amount == Money::ZERO {
        return Ok(());
    }
    let at = tx.at();
    tx.execute_one(
        "INSERT INTO ledger (at_us, month, team, purchase_id, kind, amount_micros, currency, country)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        &[
            at.into(),
            (&account.month).into(),
            account.team.as_str().into(),
            (&account.purchase.to_string()).into(),
            kind.as_str().into(),
            amount.micros().into(),
            account.currency.as_str().into(),
            account.country.as_str().into(),
        ],
    )
}

/// The open hold of a purchase and the month it was taken in.
pub fn open_hold(session: &Session<'_>, purchase: PurchaseId) -> Result<Option<(String, Money)>, StoreError> {
    session.query_first(
        "SELECT month, sum(amount_micros) FROM ledger
         WHERE purchase_id = $1 AND kind IN ('hold', 'release') GROUP BY month HAVING sum(amount_micros) > 0",
        &[(&purchase.to_string()).into()],
        |row| Ok((row.text()?, Money::from_micros(row.int()?))),
    )
}

/// The month that the newest hold of a purchase was taken in, given back or not.
pub fn month_of_hold(session: &Session<'_>, purchase: PurchaseId) -> Result<Option<String>, StoreError> {
    session.query_first(
        "SELECT month FROM ledger WHERE purchase_id = $1 AND kind = 'hold' ORDER BY id DESC LIMIT 1",
        &[(&purchase.to_string()).into()],
        only_text,
    )
}

/// Holds and posts of a month: of one team, or of all.
pub fn used_in(session: &Session<'_>, month: &str, team: Option<&TeamId>) -> Result<Money, StoreError> {
    let params: [Param<'_>; 2] = [month.into(), team.map(TeamId::as_str).into()];
    session
        .query_int(
            "SELECT coalesce(sum(amount_micros), 0) FROM ledger WHERE month = $1 AND ($2 IS NULL OR team = $2)",
            &params,
        )
        .map(Money::from_micros)
}

/// The two parts of [`used_in`]: what was charged, and what is held.
pub fn charged_and_held(
    session: &Session<'_>,
    month: &str,
    team: Option<&TeamId>,
) -> Result<(Money, Money), StoreError> {
    let sums = session.query_first(
        "SELECT coalesce(sum(CASE WHEN kind IN ('hold', 'release') THEN 0 ELSE amount_micros END), 0),
                coalesce(sum(CASE WHEN kind IN ('hold', 'release') THEN amount_micros ELSE 0 END), 0)
         FROM ledger WHERE month = $1 AND ($2 IS NULL OR team = $2)",
        &[month.into(), team.map(TeamId::as_str).into()],
        |row| Ok((Money::from_micros(row.int()?), Money::from_micros(row.int()?))),
    )?;
    Ok(sums.unwrap_or_default())
}

/// What was charged in each month since `oldest`: of these teams, or of all.
pub fn charged_by_month(
    session: &Session<'_>,
    oldest: &str,
    teams: Option<&[TeamId]>,
) -> Result<Vec<(String, Money)>, StoreError> {
    let mut params: Vec<Param<'_>> = vec![oldest.into()];
    params.extend(teams.unwrap_or_default().iter().map(|team| Param::from(team.as_str())));
    let places = (2..=params.len()).map(|place| format!("${place}")).collect::<Vec<_>>().join(", ");
    let of_teams = teams.map(|_| format!("AND team IN ({places})")).unwrap_or_default();
    session.query(
        &format!(
            "SELECT month, sum(amount_micros) FROM ledger
             WHERE month >= $1 AND kind NOT IN ('hold', 'release') {of_teams} GROUP BY month"
        ),
        &params,
        |row| Ok((row.text()?, Money::from_micros(row.int()?))),
    )
}

/// Setup and one month of every purchase that waits for people or to be sent: of one team, or of all.
pub fn waiting(session: &Session<'_>, team: Option<&TeamId>) -> Result<Money, StoreError> {
    session
        .query_int(
            "SELECT coalesce(sum(total_micros), 0) FROM purchases
             WHERE state IN ('pending_approval', 'approved') AND ($1 IS NULL OR team = $1)",
            &[team.map(TeamId::as_str).into()],
        )
        .map(Money::from_micros)
}

/// Purchases beside what became of their numbers, and the team that pays on: the one that a number was assigned to, else
/// the one that bought it.
const BY_OWNER: &str =
    "purchases p LEFT JOIN known_numbers k ON k.number = p.number AND k.purchase_id = p.id";
const OWNER: &str = "coalesce(k.team, p.team)";

/// The full monthly prices of every number that is bought or may be: of one team, or of all.
pub fn recurring(session: &Session<'_>, team: Option<&TeamId>) -> Result<Money, StoreError> {
    session
        .query_int(
            &format!(
                "SELECT coalesce(sum(monthly_micros), 0) FROM {BY_OWNER}
                 WHERE holds_number = 1 AND ($1 IS NULL OR {OWNER} = $1)"
            ),
            &[team.map(TeamId::as_str).into()],
        )
        .map(Money::from_micros)
}

/// The part of [`recurring`] that is not bought yet: buys under way, and those of which nobody knows.
pub fn recurring_held(session: &Session<'_>, team: Option<&TeamId>) -> Result<Money, StoreError> {
    session
        .query_int(
            &format!(
                "SELECT coalesce(sum(monthly_micros), 0) FROM {BY_OWNER}
                 WHERE holds_number = 1 AND state IN ('reserved', 'dispatching', 'unknown', 'needs_attention')
                     AND ($1 IS NULL OR {OWNER} = $1)"
            ),
            &[team.map(TeamId::as_str).into()],
        )
        .map(Money::from_micros)
}

/// What all entries of a team, country, kind and currency come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Total {
    /// Who pays.
    pub team: String,
    /// Where.
    pub country: String,
    /// What for.
    pub kind: String,
    /// In which money.
    pub currency: String,
    /// How much.
    pub amount: Money,
}

/// What was charged since ever, for the metrics.
pub fn charged(session: &Session<'_>) -> Result<Vec<Total>, StoreError> {
    session.query(
        "SELECT team, country, kind, currency, sum(amount_micros) FROM ledger
         WHERE kind NOT IN ('hold', 'release') GROUP BY team, country, kind, currency",
        &[],
        |row| {
            Ok(Total {
                team: row.text()?,
                country: row.text()?,
                kind: row.text()?,
                currency: row.text()?,
                amount: Money::from_micros(row.int()?),
            })
        },
    )
}

/// The full monthly prices of what is bought or may be, by team and country; for the metrics.
pub fn recurring_by_team(session: &Session<'_>) -> Result<Vec<Total>, StoreError> {
    session.query(
        &format!(
            "SELECT {OWNER}, country, currency, sum(monthly_micros) FROM {BY_OWNER}
             WHERE holds_number = 1 GROUP BY {OWNER}, country, currency"
        ),
        &[],
        |row| {
            Ok(Total {
                team: row.text()?,
                country: row.text()?,
                kind: "recurring".to_owned(),
                currency: row.text()?,
                amount: Money::from_micros(row.int()?),
            })
        },
    )
}
