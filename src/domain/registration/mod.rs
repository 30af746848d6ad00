//! What carriers want to know: the business behind an Australian number, and a 10DLC application.
//!
//! Both are personal data. They are checked here, kept verbatim, sent upstream, and otherwise only stand in the
//! evidence as a commitment. A [`Registration`] is sent once: it mails a compliance team, and there is nothing
//! to read back.

mod forms;

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::canonical::Digest;
use crate::domain::country::Country;
use crate::domain::purchase::Requester;

pub use forms::{FieldFaults, NumberType, NumberTypeError, RegistrationData, RegistrationForm};

/// A registration's identity: a UUID of version 7.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RegistrationId(pub Uuid);

impl RegistrationId {
    /// A new identity.
    pub fn random() -> Self {
        Self(Uuid::now_v7())
    }
}

impl fmt::Display for RegistrationId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

impl FromStr for RegistrationId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        text.parse().map(Self)
    }
}

/// Where a registration stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegistrationState {
    /// Claimed: it is being sent, or was.
    Dispatching,
    /// Upstream took it.
    Submitted,
    /// Upstream certainly refused it, or it never left.
    Failed,
    /// Nobody knows. It is never sent again by itself.
    Unknown,
}

impl RegistrationState {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Dispatching, Self::Submitted, Self::Failed, Self::Unknown];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dispatching => "dispatching",
            Self::Submitted => "submitted",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }

    /// Whether nothing is expected to come any more.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Submitted | Self::Failed)
    }

    /// Whether the claim that is under way may end in this state.
    pub const fn may_become(self, next: Self) -> bool {
        matches!((self, next), (Self::Dispatching, Self::Submitted | Self::Failed | Self::Unknown))
    }
}

impl FromStr for RegistrationState {
    type Err = crate::domain::purchase::StateError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|state| state.as_str() == text).ok_or(crate::domain::purchase::StateError)
    }
}

impl fmt::Display for RegistrationState {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// A registration as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// Its identity.
    pub id: RegistrationId,
    /// For which kind of number.
    pub number_type: NumberType,
    /// Where.
    pub country: Country,
    /// Who asked.
    pub requester: Requester,
    /// The requester's own reference.
    pub reference: Option<String>,
    /// SHA-256 over the RFC 8785 form of number type, country and form: what a repeat is found by.
    pub form_digest: Digest,
    /// The rule that decided.
    pub rule: String,
    /// The policy the rule stood in.
    pub policy_digest: Digest,
    /// Where it stands.
    pub state: RegistrationState,
    /// Why, where a word says more than the state.
    pub code: Option<String>,
    /// A sentence for people.
    pub explanation: Option<String>,
    /// Counts transitions.
    pub version: i64,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it last moved.
    pub updated_at: Timestamp,
}
