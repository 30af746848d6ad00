//! What carriers want to know: the business behind an Australian number, and a 10DLC application.
//!
//! Both are personal data. They are checked here, kept verbatim, sent upstream, and otherwise only stand in the
//! evidence as a commitment. A [`Registration`] is sent once: it mails a compliance team, and there is nothing
//! to read back. [`RegistrationState`] and [`RegistrationStep`] are its whole machine.

mod forms;
mod state;

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::approval::ApprovalTerms;
use crate::domain::canonical::Digest;
use crate::domain::country::Country;
use crate::domain::purchase::Requester;

pub use forms::{FieldFaults, NumberType, NumberTypeError, RegistrationData, RegistrationForm};
pub use state::{RegistrationImpossible, RegistrationState, RegistrationStateError, RegistrationStep};

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
    /// Who must approve, where the rule wants that.
    pub terms: Option<ApprovalTerms>,
    /// Which asking this is. The form never changes, so there is one; approvals are counted by round.
    pub round: i64,
    /// Until when people may decide, while they are asked.
    pub decide_by: Option<Timestamp>,
    /// Until when it may be sent, once it is approved.
    pub approved_until: Option<Timestamp>,
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
