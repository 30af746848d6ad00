//! The ledger: holds, their release and what was charged, in rows that are never changed.
//!
//! What a month has used is the sum of its rows, so there is no balance that could drift from them.

use uuid::Uuid;

use crate::domain::billing::Month;
use crate::domain::money::{Currency, Money};
use crate::domain::principal::{TeamError, TeamId};
use crate::domain::purchase::PurchaseId;
use crate::store::error::StoreError;
use crate::store::owned;
use crate::store::session::{Param, Row, Session, only_text};
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
    /// What a 1st took for a number.
    Renewal,
    /// What an administrator found to be charged beside that: plus or minus.
    Adjustment,
    /// Money that came back: minus.
    Refund,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::Hold,
        Self::Release,
        Self::Setup,
        Self::FirstPeriod,
        Self::Renewal,
        Self::Adjustment,
        Self::Refund,
    ];

    /// The word in the row, the API and the metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hold => "hold",
            Self::Release => "release",
            Self::Setup => "setup",
            Self::FirstPeriod => "first_period",
            Self::Renewal => "renewal",
            Self::Adjustment => "adjustment",
            Self::Refund => "refund",
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

/// Who pays for an entry.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Payer {
    /// A team, configured or not any more.
    Team(TeamId),
    /// Nobody yet: numbers that no team has cost money all the same.
    Suspense,
}

/// The word for nobody. No team has such a key.
const SUSPENSE: &str = "(suspense)";

impl Payer {
    /// The word in the row, the API and the metrics.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Team(team) => team.as_str(),
            Self::Suspense => SUSPENSE,
        }
    }

    /// Who pays for a number of this owner, empty where no team has it.
    pub fn of_owner(owner: &str) -> Result<Self, StoreError> {
        if owner.is_empty() {
            return Ok(Self::Suspense);
        }
        owner.parse().map(Self::Team).map_err(StoreError::corrupt)
    }
}

impl std::fmt::Display for Payer {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(self.as_str())
    }
}

impl std::str::FromStr for Payer {
    type Err = TeamError;

    fn from_str(text: &str) -> Result<Self, TeamError> {
        if text == SUSPENSE { Ok(Self::Suspense) } else { text.parse().map(Self::Team) }
    }
}

/// What entries are about.
#[derive(Clone, Debug)]
pub struct Account {
    /// The month, `2026-11`: of the reservation, in the budget's time zone, also for what is posted later; of the 1st
    /// for a renewal.
    pub month: String,
    /// Who pays.
    pub payer: Payer,
    /// For which purchase.
    pub purchase: Option<PurchaseId>,
    /// In which money.
    pub currency: Currency,
    /// Where the number is; empty where nobody knows.
    pub country: String,
    /// For which number.
    pub number: Option<String>,
    /// The number's type, and upstream's identity of its row: for renewals, which are once a row and month.
    pub row: Option<(String, String)>,
    /// The adjustment that this is.
    pub adjustment: Option<AdjustmentId>,
}

/// An adjustment or a refund: a UUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdjustmentId(pub Uuid);

/// Writes one entry; nothing for nothing. `Conflict` for a renewal that was posted already.
pub fn enter(tx: &mut Tx<'_>, account: &Account, kind: Kind, amount: Money) -> Result<(), StoreError> {
    if amount == Money::ZERO {
        return Ok(());
    }
    let at = tx.at();
    let purchase = account.purchase.map(|id| id.to_string());
    let adjustment = account.adjustment.map(|id| id.0.to_string());
    tx.execute_one(
        "INSERT INTO ledger (at_us, month, team, purchase_id, kind, amount_micros, currency, country, number,
             message_type, guid, adjustment_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        &[
            at.into(),
            (&account.month).into(),
            account.payer.as_str().into(),
            purchase.as_deref().into(),
            kind.as_str().into(),
            amount.micros().into(),
            account.currency.as_str().into(),
            (&account.country).into(),
            account.number.as_deref().into(),
            account.row.as_ref().map(|(message_type, _)| message_type.as_str()).into(),
            account.row.as_ref().map(|(_, guid)| guid.as_str()).into(),
            adjustment.as_deref().into(),
        ],
    )
}

/// The event of a renewal.
pub const RENEWED: &str = "number.renewed";
/// The event of an adjustment or a refund.
pub const ADJUSTED: &str = "spend.adjusted";

/// Whether a row has paid for a month.
pub fn is_renewed(session: &Session<'_>, key: &owned::Key, month: Month) -> Result<bool, StoreError> {
    let found = session.query_int(
        "SELECT count(*) FROM ledger
         WHERE number = $1 AND message_type = $2 AND guid = $3 AND month = $4 AND kind = 'renewal'",
        &[(&key.number).into(), (&key.message_type).into(), (&key.guid).into(), (&month.to_string()).into()],
    )?;
    Ok(found > 0)
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

/// Holds and posts of a month, and the renewals that its 1st took or takes: of one team, or of all.
pub fn used_in(session: &Session<'_>, month: &str, team: Option<&TeamId>) -> Result<Money, StoreError> {
    let params: [Param<'_>; 2] = [month.into(), team.map(TeamId::as_str).into()];
    let posted = session.query_int(
        "SELECT coalesce(sum(amount_micros), 0) FROM ledger WHERE month = $1 AND ($2 IS NULL OR team = $2)",
        &params,
    )?;
    Ok([Money::from_micros(posted), owned::due_in(session, month, team)?].into_iter().sum())
}

/// Holds and posts of a month by who pays: what was charged, and what is held. The index has all of it in this order.
pub fn charged_and_held(
    session: &Session<'_>,
    month: &str,
) -> Result<Vec<(Payer, Money, Money)>, StoreError> {
    session.query(
        "SELECT kind, team, sum(amount_micros) FROM ledger WHERE month = $1 GROUP BY kind, team",
        &[month.into()],
        |row| {
            let kind: Kind = row.parsed()?;
            let (payer, amount) = (row.parsed()?, Money::from_micros(row.int()?));
            Ok(match kind {
                Kind::Hold | Kind::Release => (payer, Money::ZERO, amount),
                Kind::Setup | Kind::FirstPeriod | Kind::Renewal | Kind::Adjustment | Kind::Refund => {
                    (payer, amount, Money::ZERO)
                }
            })
        },
    )
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

/// Setup and one month of every purchase that waits for people or to be sent, by who would pay; a payer may come twice.
/// Grouped by state as well, so that the index of states is taken whatever the planner knows of the table.
pub fn waiting(session: &Session<'_>) -> Result<Vec<(Payer, Money)>, StoreError> {
    session.query(
        "SELECT team, sum(total_micros) FROM purchases
         WHERE state IN ('pending_approval', 'approved') GROUP BY state, team",
        &[],
        |row| Ok((row.parsed()?, Money::from_micros(row.int()?))),
    )
}

/// Purchases under way, and those of which nobody knows: what they will cost every month, unless the mirror counts their
/// number as owned. All of them have their number taken; said here as well, it would lead to an index of all that have.
const UNDER_WAY: &str = "state IN ('reserved', 'dispatching', 'unknown', 'needs_attention')";

/// The full monthly prices of every number that is owned or may be: of one team, or of all.
pub fn recurring(session: &Session<'_>, team: Option<&TeamId>) -> Result<Money, StoreError> {
    Ok([owned::recurring(session, team)?, recurring_held(session, team)?].into_iter().sum())
}

/// The part of [`recurring`] that is not owned yet: buys under way, and those of which nobody knows.
pub fn recurring_held(session: &Session<'_>, team: Option<&TeamId>) -> Result<Money, StoreError> {
    session
        .query_int(
            &format!(
                "SELECT coalesce(sum(monthly_micros), 0) FROM purchases WHERE {UNDER_WAY} AND ($1 IS NULL OR team = $1)"
            ),
            &[team.map(TeamId::as_str).into()],
        )
        .map(Money::from_micros)
}

/// [`recurring_held`] of everybody, by who would pay; as [`waiting`].
pub fn recurring_held_by_payer(session: &Session<'_>) -> Result<Vec<(Payer, Money)>, StoreError> {
    session.query(
        &format!("SELECT team, sum(monthly_micros) FROM purchases WHERE {UNDER_WAY} GROUP BY state, team"),
        &[],
        |row| Ok((row.parsed()?, Money::from_micros(row.int()?))),
    )
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

/// The full monthly prices of what is owned or may be, by payer and country; for the metrics.
pub fn recurring_by_team(session: &Session<'_>) -> Result<Vec<Total>, StoreError> {
    let total = |row: &mut Row<'_>| {
        Ok(Total {
            team: row.text()?,
            country: row.text()?,
            kind: "recurring".to_owned(),
            currency: row.text()?,
            amount: Money::from_micros(row.int()?),
        })
    };
    let mut totals = owned::recurring_by_team(session)?;
    let held = session.query(
        &format!(
            "SELECT team, country, currency, sum(monthly_micros) FROM purchases
             WHERE {UNDER_WAY} GROUP BY team, country, currency"
        ),
        &[],
        total,
    )?;
    for more in held {
        let same = |total: &&mut Total| {
            total.team == more.team && total.country == more.country && total.currency == more.currency
        };
        match totals.iter_mut().find(same) {
            Some(total) => total.amount = [total.amount, more.amount].into_iter().sum(),
            None => totals.push(more),
        }
    }
    Ok(totals)
}
