//! What was charged, added up the way somebody asks: from the ledger, exact.

use crate::domain::billing::Month;
use crate::domain::money::Money;
use crate::domain::principal::TeamId;
use crate::store::error::StoreError;
use crate::store::session::{Param, Session};

/// By what spend is grouped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dimension {
    /// Who pays.
    Team,
    /// Where the number is.
    Country,
    /// longcode, tollfree …: of the number, as upstream lists it.
    Type,
    /// The month that it counts in.
    Month,
    /// Who asked for the purchase.
    Requester,
    /// What for: setup, renewal …
    Kind,
}

impl Dimension {
    /// Every dimension.
    pub const ALL: [Self; 6] =
        [Self::Team, Self::Country, Self::Type, Self::Month, Self::Requester, Self::Kind];

    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Team => "team",
            Self::Country => "country",
            Self::Type => "type",
            Self::Month => "month",
            Self::Requester => "requester",
            Self::Kind => "kind",
        }
    }

    /// What of a ledger entry `l`, and its purchase `p`, it is; empty where nobody knows.
    const fn column(self) -> &'static str {
        match self {
            Self::Team => "l.team",
            Self::Country => "l.country",
            Self::Type => {
                "coalesce((SELECT max(r.number_type) FROM owned_rows r WHERE r.number = l.number), '')"
            }
            Self::Month => "l.month",
            Self::Requester => "coalesce(p.subject || ' (' || p.issuer || ')', '')",
            Self::Kind => "l.kind",
        }
    }
}

/// A text that is no dimension.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("knows team, country, type, month, requester and kind")]
pub struct DimensionError;

impl std::str::FromStr for Dimension {
    type Err = DimensionError;

    fn from_str(text: &str) -> Result<Self, DimensionError> {
        Self::ALL.into_iter().find(|dimension| dimension.as_str() == text).ok_or(DimensionError)
    }
}

/// What is added up.
#[derive(Clone, Debug)]
pub struct Question {
    /// The first month.
    pub from: Month,
    /// The last month.
    pub to: Month,
    /// Of these teams; nothing is everybody's, and what nobody pays yet.
    pub teams: Option<Vec<TeamId>>,
    /// How it is cut.
    pub group_by: Vec<Dimension>,
}

/// A sum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sum {
    /// In the order of the question's dimensions.
    pub of: Vec<String>,
    /// Of how many entries.
    pub entries: i64,
    /// How much.
    pub amount: Money,
}

/// The sums in the order of what they are of, from the `offset`th on, at most `limit`.
pub fn sums(
    session: &Session<'_>,
    question: &Question,
    offset: i64,
    limit: i64,
) -> Result<Vec<Sum>, StoreError> {
    let (from, to) = (question.from.to_string(), question.to.to_string());
    let mut params: Vec<Param<'_>> = vec![(&from).into(), (&to).into()];
    let mut places = Vec::new();
    for team in question.teams.iter().flatten() {
        params.push(team.as_str().into());
        places.push(format!("${}", params.len()));
    }
    let whose = match &question.teams {
        None => String::new(),
        Some(teams) if teams.is_empty() => return Ok(Vec::new()),
        Some(_) => format!("AND l.team IN ({})", places.join(", ")),
    };
    let columns = question.group_by.iter().map(|dimension| dimension.column());
    let columns: Vec<&str> = columns.chain(["count(*)", "sum(l.amount_micros)"]).collect();
    let ordinals: Vec<String> = (1..=question.group_by.len()).map(|place| place.to_string()).collect();
    let grouping = if ordinals.is_empty() {
        "HAVING count(*) > 0".to_owned()
    } else {
        format!("GROUP BY {0} ORDER BY {0}", ordinals.join(", "))
    };
    params.push(limit.into());
    params.push(offset.into());
    let statement = format!(
        "SELECT {} FROM ledger l LEFT JOIN purchases p ON p.id = l.purchase_id
         WHERE l.month >= $1 AND l.month <= $2 {whose} AND l.kind NOT IN ('hold', 'release')
         {grouping} LIMIT ${} OFFSET ${}",
        columns.join(", "),
        params.len() - 1,
        params.len()
    );
    let dimensions = question.group_by.len();
    session.query(&statement, &params, |row| {
        let of = (0..dimensions).map(|_| row.text()).collect::<Result<_, StoreError>>()?;
        Ok(Sum { of, entries: row.int()?, amount: Money::from_micros(row.int()?) })
    })
}
