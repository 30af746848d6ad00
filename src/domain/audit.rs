//! Evidence: what happened, who did it and to what, chained so that a change shows.
//!
//! An event's body is RFC 8785 JSON and its hash is SHA-256 over the previous hash and that body, so anybody can
//! check a chain with two standard functions. Personal values stand in the body as salted commitments; the
//! values live in a side table and can be erased while the chain stays whole.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::domain::canonical::{self, CanonicalError, Digest};
use crate::domain::principal::{Person, Principal};

/// Who did it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// A verified caller.
    Person(Person),
    /// The gateway by itself, and which part of it.
    Gateway(&'static str),
}

impl Actor {
    /// The word that events are found by: the subject, or `gateway:` and the part.
    pub fn word(&self) -> String {
        match self {
            Self::Person(person) => person.subject.clone(),
            Self::Gateway(part) => gateway_word(part),
        }
    }
}

pub(super) fn gateway_word(part: &str) -> String {
    format!("gateway:{part}")
}

impl From<&Principal> for Actor {
    fn from(principal: &Principal) -> Self {
        Self::Person(principal.person.clone())
    }
}

/// What it was done to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Target {
    /// The kind: `purchase`, `registration`, `number`, `policy`, `gateway`.
    pub kind: &'static str,
    /// Which one.
    pub id: String,
}

impl Target {
    /// A target of a kind.
    pub fn new(kind: &'static str, id: &impl ToString) -> Self {
        Self { kind, id: id.to_string() }
    }
}

/// A value that may be erased later. It is written beside the event, never in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonalValue {
    /// Which value.
    pub field: &'static str,
    /// 32 random bytes, so that short values cannot be guessed from their commitment.
    pub salt: [u8; 32],
    /// The value.
    pub value: String,
}

impl PersonalValue {
    /// A value under a salt that nobody has.
    pub fn new(field: &'static str, value: String) -> Self {
        let mut salt = [0; 32];
        let (first, second) = salt.split_at_mut(16);
        first.copy_from_slice(uuid::Uuid::new_v4().as_bytes());
        second.copy_from_slice(uuid::Uuid::new_v4().as_bytes());
        Self { field, salt, value }
    }

    /// SHA-256 over salt and value: what the event says instead.
    pub fn commitment(&self) -> Digest {
        commitment(&self.salt, &self.value)
    }
}

/// SHA-256 over salt and value.
pub fn commitment(salt: &[u8], value: &str) -> Digest {
    Digest::of(&[salt, value.as_bytes()])
}

/// Something that happened, not yet numbered.
#[derive(Clone, Debug)]
pub struct AuditEvent {
    /// What, in the words of the protocol: `purchase.submitted`, `purchase.intent` …
    pub action: &'static str,
    /// Who.
    pub actor: Actor,
    /// To what.
    pub target: Target,
    /// Everything else worth knowing; nothing personal, no credential.
    pub details: Map<String, Value>,
    /// What must not stand in the chain itself.
    pub personal: Vec<PersonalValue>,
}

impl AuditEvent {
    /// An event without details.
    pub fn new(action: &'static str, actor: Actor, target: Target) -> Self {
        Self { action, actor, target, details: Map::new(), personal: Vec::new() }
    }

    /// Adds a detail.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.details.insert(key.to_owned(), value.into());
        self
    }

    /// Adds a detail where there is one.
    #[must_use]
    pub fn with_some(self, key: &str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }

    /// Adds a personal value where there is one.
    #[must_use]
    pub fn with_personal(mut self, field: &'static str, value: Option<String>) -> Self {
        self.personal.extend(value.map(|value| PersonalValue::new(field, value)));
        self
    }

    /// The event as the link after `previous`.
    pub fn chained(&self, previous: Head, at: Timestamp) -> Result<Link, CanonicalError> {
        let sequence = previous.sequence + 1;
        let commitments: Map<String, Value> = self
            .personal
            .iter()
            .map(|personal| (personal.field.to_owned(), Value::from(personal.commitment().to_string())))
            .collect();
        let body = canonical::bytes(&serde_json::json!({
            "v": 1,
            "seq": sequence,
            "at": at,
            "action": self.action,
            "actor": self.actor,
            "target": self.target,
            "details": self.details,
            "personal": commitments,
        }))?;
        let hash = Digest::of(&[previous.hash.as_bytes(), &body]);
        Ok(Link { sequence, hash, body: String::from_utf8_lossy(&body).into_owned() })
    }
}

/// The end of a chain: what the next link builds on, and all that a witness has to remember.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The number of the newest event, 0 before the first.
    pub sequence: i64,
    /// Its hash.
    pub hash: Digest,
}

impl Head {
    /// What stands before the first event.
    pub const GENESIS: Self = Self { sequence: 0, hash: Digest::ZERO };
}

/// A numbered event in the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its number; the first is 1, and there are no gaps.
    pub sequence: i64,
    /// SHA-256 over the previous hash and the body.
    pub hash: Digest,
    /// The RFC 8785 JSON.
    pub body: String,
}

impl Link {
    /// The end of a chain whose newest event this is.
    pub const fn head(&self) -> Head {
        Head { sequence: self.sequence, hash: self.hash }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]

    use jiff::Timestamp;

    use super::{Actor, AuditEvent, Head, Target};
    use crate::domain::canonical::Digest;

    fn event() -> AuditEvent {
        AuditEvent::new("purchase.submitted", Actor::Gateway("test"), Target::new("purchase", &7))
            .with("number", "+61491570156")
            .with_personal("reason", Some("for Ann".into()))
    }

    #[test]
    fn a_link_depends_on_everything_before_it() {
        let at = Timestamp::UNIX_EPOCH;
        let event = event();
        let first = event.chained(Head::GENESIS, at).unwrap();
        let second = event.chained(first.head(), at).unwrap();
        assert_eq!((first.sequence, second.sequence), (1, 2));
        assert_eq!(first.hash, Digest::of(&[&[0; 32], first.body.as_bytes()]));
        assert_eq!(second.hash, Digest::of(&[first.hash.as_bytes(), second.body.as_bytes()]));
    }

    #[test]
    fn a_personal_value_is_committed_to_and_not_written() {
        let (one, other) = (event(), event());
        let link = one.chained(Head::GENESIS, Timestamp::UNIX_EPOCH).unwrap();
        assert!(!link.body.contains("Ann"));
        let commitment = |event: &AuditEvent| event.personal.first().unwrap().commitment();
        assert!(link.body.contains(&commitment(&one).to_string()));
        assert_ne!(commitment(&one), commitment(&other), "salted, so equal values do not show");
    }
}
