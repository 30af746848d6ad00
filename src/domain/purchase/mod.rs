//! A purchase: one request for one number, from the asking to the invoice.
//!
//! [`State`] and [`Step`] are the whole machine; [`State::after`] is the only way to move. The store writes what
//! it returns and nothing else. [`PROTOCOL.md`](self::protocol) tells why it is shaped like this.

#[cfg(test)]
pub(crate) mod sample;
mod state;
mod story;

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::approval::ApprovalTerms;
use crate::domain::canonical::Digest;
use crate::domain::country::Country;
use crate::domain::money::Money;
use crate::domain::number::DedicatedNumber;
use crate::domain::order::Receipt;
use crate::domain::principal::{Person, Principal, Role, TeamId};
use crate::domain::quote::Quote;

pub use state::{Impossible, State, StateError, Step};
pub use story::{Story, StoryError};

#[doc = include_str!("../PROTOCOL.md")]
pub mod protocol {}

/// A purchase's identity: a UUID of version 7, so that ids sort by age.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PurchaseId(pub Uuid);

impl PurchaseId {
    /// A new identity.
    pub fn random() -> Self {
        Self(Uuid::now_v7())
    }
}

impl fmt::Display for PurchaseId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

impl FromStr for PurchaseId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        text.parse().map(Self)
    }
}

/// What the number is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageType {
    /// Text messages.
    Sms,
    /// Picture messages.
    Mms,
    /// Calls. Stands in ClickSend's page and in none of its SDKs: upstream decides.
    Voice,
}

/// A text that names no message type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a message type: sms, mms or voice")]
pub struct MessageTypeError;

impl MessageType {
    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sms => "sms",
            Self::Mms => "mms",
            Self::Voice => "voice",
        }
    }
}

impl FromStr for MessageType {
    type Err = MessageTypeError;

    fn from_str(text: &str) -> Result<Self, MessageTypeError> {
        [Self::Sms, Self::Mms, Self::Voice]
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or(MessageTypeError)
    }
}

impl fmt::Display for MessageType {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// Who a purchase belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requester {
    /// Who asked.
    pub person: Person,
    /// The name to show.
    pub name: Option<String>,
    /// The roles of the token: rules may ask about them again when the price moves.
    pub roles: BTreeSet<Role>,
    /// The e-mail address of the token: nobody approves under another name what they asked for.
    pub email: Option<String>,
    /// The party that acted for the person (`act.sub`, RFC 8693 §4.1).
    pub actor: Option<Person>,
    /// For whom, when an application asked.
    pub on_behalf_of: Option<String>,
    /// The team that pays.
    pub team: TeamId,
}

impl Requester {
    /// A caller, in the team that pays.
    pub fn of(principal: &Principal, on_behalf_of: Option<String>, team: TeamId) -> Self {
        Self {
            person: principal.person.clone(),
            name: principal.name.clone(),
            roles: principal.roles.clone(),
            email: principal.email.clone(),
            actor: principal.actor.clone(),
            on_behalf_of,
            team,
        }
    }
}

/// A purchase as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Purchase {
    /// Its identity.
    pub id: PurchaseId,
    /// The number.
    pub number: DedicatedNumber,
    /// What for.
    pub message_type: MessageType,
    /// Who asked.
    pub requester: Requester,
    /// The requester's own reference.
    pub reference: Option<String>,
    /// Setup and one month at most, where the requester said so: also for a later quote.
    pub max_price: Option<Money>,
    /// The price that was decided on.
    pub quote: Quote,
    /// The digest that binds decision and price.
    pub quote_digest: Digest,
    /// The rule that decided.
    pub rule: String,
    /// The policy the rule stood in.
    pub policy_digest: Digest,
    /// Who must approve, where the rule wants that.
    pub terms: Option<ApprovalTerms>,
    /// Which asking this is: a new price voids the approvals of the rounds before.
    pub round: i64,
    /// Until when people may decide, while they are asked.
    pub decide_by: Option<Timestamp>,
    /// Until when it may be reserved, once it is approved.
    pub approved_until: Option<Timestamp>,
    /// Where it stands.
    pub state: State,
    /// Why it stands there, where a word says more than the state: a code of the API.
    pub code: Option<String>,
    /// A sentence for people, where the code alone would leave them guessing.
    pub explanation: Option<String>,
    /// Counts transitions; a change names the version it saw.
    pub version: i64,
    /// How many times it was claimed.
    pub attempts: i64,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it last moved.
    pub updated_at: Timestamp,
    /// Upstream's answer, once bought.
    pub receipt: Option<Receipt>,
}

impl Purchase {
    /// The country the number was quoted in.
    pub const fn country(&self) -> Country {
        self.quote.country
    }

    /// Whether nothing will move it any more without somebody asking.
    pub const fn is_done(&self) -> bool {
        self.state.is_final()
    }

    /// Whether the number was bought.
    pub const fn is_bought(&self) -> bool {
        matches!(self.state, State::Bought | State::BoughtLate)
    }
}
