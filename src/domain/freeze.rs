//! Freezes: the stop button. While one is in force nothing is bought in its scope; what was sent already is settled
//! all the same.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use uuid::Uuid;

use crate::domain::principal::TeamId;

/// A freeze's identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FreezeId(pub Uuid);

impl FreezeId {
    /// A new identity.
    pub fn random() -> Self {
        Self(Uuid::now_v7())
    }
}

impl fmt::Display for FreezeId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

impl FromStr for FreezeId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        text.parse().map(Self)
    }
}

/// Whose buying.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Everybody's.
    All,
    /// One team's.
    Team(TeamId),
}

impl Scope {
    /// Whether it stops this team.
    pub fn covers(&self, team: &TeamId) -> bool {
        match self {
            Self::All => true,
            Self::Team(frozen) => frozen == team,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => out.write_str("all"),
            Self::Team(team) => write!(out, "team {team}"),
        }
    }
}

/// Why buying was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A person pressed the button.
    ByHand,
    /// The database is behind the witnessed head of its evidence: a backup was restored, or commits were lost.
    WentBack,
    /// The credentials open another account than at first.
    AnotherAccount,
    /// A sale showed up late and is above the budget, or not covered by a hold.
    LateSale,
    /// A charge above its hold broke a budget.
    Overcharge,
}

/// A text that names no cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a cause of a freeze")]
pub struct CauseError;

impl Cause {
    const ALL: [Self; 5] =
        [Self::ByHand, Self::WentBack, Self::AnotherAccount, Self::LateSale, Self::Overcharge];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ByHand => "by_hand",
            Self::WentBack => "went_back",
            Self::AnotherAccount => "another_account",
            Self::LateSale => "late_sale",
            Self::Overcharge => "overcharge",
        }
    }
}

impl FromStr for Cause {
    type Err = CauseError;

    fn from_str(text: &str) -> Result<Self, CauseError> {
        Self::ALL.into_iter().find(|cause| cause.as_str() == text).ok_or(CauseError)
    }
}

/// One freeze.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Freeze {
    /// Its identity.
    pub id: FreezeId,
    /// Whose buying.
    pub scope: Scope,
    /// Why, in a word.
    pub cause: Cause,
    /// Why, as a sentence.
    pub reason: String,
    /// Who: a subject, or `gateway`.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
    /// Who lifted it, and when.
    pub lifted: Option<(String, Timestamp)>,
}
