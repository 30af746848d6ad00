//! A chain of evidence read again, link by link, with every fault told where it is.
//!
//! Each link is checked against what stands in the chain and not against what should have stood there, so that one
//! changed byte is one fault and does not discredit everything after it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::domain::audit::{Head, gateway_word};
use crate::domain::canonical::{self, Digest};
use crate::domain::principal::Person;

/// The shape of the bodies that are written today.
const VERSION: u64 = 1;

/// A link as it was found. A hash that is not 32 bytes long is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundLink {
    /// The number it was found under.
    pub sequence: i64,
    /// The hash of the link before, as this one says.
    pub previous_hash: Option<Digest>,
    /// Its own hash.
    pub hash: Option<Digest>,
    /// The RFC 8785 JSON.
    pub body: String,
}

/// What a body says.
#[derive(Clone, Debug, Deserialize)]
pub struct RecordedEvent {
    /// The body's version.
    pub v: u64,
    /// The number.
    pub seq: i64,
    /// When.
    pub at: Timestamp,
    /// What.
    pub action: String,
    /// Who.
    pub actor: RecordedActor,
    /// To what.
    pub target: RecordedTarget,
    /// Everything else.
    pub details: Map<String, Value>,
    /// The commitments of what may be erased, by field.
    pub personal: BTreeMap<String, Digest>,
}

/// Who did it, as it was written.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordedActor {
    /// A verified caller.
    Person(Person),
    /// A part of the gateway.
    Gateway(String),
}

impl RecordedActor {
    /// The word that events are found by, see [`Actor::word`](crate::domain::audit::Actor::word).
    pub fn word(&self) -> String {
        match self {
            Self::Person(person) => person.subject.clone(),
            Self::Gateway(part) => gateway_word(part),
        }
    }

    /// The caller, where it was one.
    pub const fn person(&self) -> Option<&Person> {
        match self {
            Self::Person(person) => Some(person),
            Self::Gateway(_) => None,
        }
    }
}

/// What it was done to, as it was written.
#[derive(Clone, Debug, Deserialize)]
pub struct RecordedTarget {
    /// The kind.
    pub kind: String,
    /// Which one.
    pub id: String,
}

impl RecordedEvent {
    /// A detail that is a text.
    pub fn text(&self, detail: &str) -> Option<&str> {
        self.details.get(detail).and_then(Value::as_str)
    }

    /// A detail that is a whole number.
    pub fn int(&self, detail: &str) -> Option<i64> {
        self.details.get(detail).and_then(Value::as_i64)
    }
}

/// The end of what was read so far.
#[derive(Clone, Copy, Debug)]
pub struct Chain {
    newest: Head,
    /// Whether the hash of the newest link is known; it is not where links are missing.
    follows: bool,
}

impl Chain {
    /// A chain that is read from its first link.
    pub const fn whole() -> Self {
        Self { newest: Head::GENESIS, follows: true }
    }

    /// A chain of which the links up to `sequence` are not there to be read: the first link that follows is believed
    /// about the hash before it.
    pub const fn after(sequence: i64) -> Self {
        Self { newest: Head { sequence, hash: Digest::ZERO }, follows: sequence == 0 }
    }

    /// The newest link that was read.
    pub const fn head(&self) -> Head {
        self.newest
    }

    /// Checks the next link and gives back what its body says, where it can be read. `tell` hears each fault.
    pub fn follow(&mut self, link: &FoundLink, tell: &mut impl FnMut(String)) -> Option<RecordedEvent> {
        let expected = self.newest.sequence + 1;
        if link.sequence > expected {
            let last = link.sequence - 1;
            tell(if last == expected {
                format!("missing: {expected} is not there")
            } else {
                format!("missing: {expected} to {last} are not there")
            });
            self.follows = false;
        } else if link.sequence < expected {
            tell(format!("out of order: {expected} was to come"));
            self.follows = false;
        }
        self.hashes(link, tell);
        let event = readable(link, tell);
        self.newest = Head { sequence: link.sequence, hash: link.hash.unwrap_or(Digest::ZERO) };
        self.follows = link.hash.is_some();
        event
    }

    fn hashes(&self, link: &FoundLink, tell: &mut impl FnMut(String)) {
        let Some(previous) = link.previous_hash else {
            return tell("its previous hash has not 32 bytes".to_owned());
        };
        if self.follows && previous != self.newest.hash {
            tell(format!("its previous hash is not the hash of {}", self.newest.sequence));
        }
        if link.hash != Some(Digest::of(&[previous.as_bytes(), link.body.as_bytes()])) {
            tell("its hash is not the SHA-256 of its previous hash and its body".to_owned());
        }
    }
}

/// The body, if it is what this program writes: canonical, of a known version, and about this very link.
fn readable(link: &FoundLink, tell: &mut impl FnMut(String)) -> Option<RecordedEvent> {
    let value: Value = match serde_json::from_str(&link.body) {
        Ok(value) => value,
        Err(error) => {
            tell(format!("its body is not JSON: {error}"));
            return None;
        }
    };
    if canonical::bytes(&value).ok().as_deref() != Some(link.body.as_bytes()) {
        tell("its body is not in canonical form (RFC 8785)".to_owned());
    }
    let event: RecordedEvent = match serde_json::from_value(value) {
        Ok(event) => event,
        Err(error) => {
            tell(format!("its body is no event: {error}"));
            return None;
        }
    };
    if event.v != VERSION {
        tell(format!("its body has version {}, this program knows {VERSION}", event.v));
    }
    if event.seq != link.sequence {
        tell(format!("its body says that it is {}", event.seq));
    }
    Some(event)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a broken fixture stops the test")]

    use jiff::Timestamp;

    use super::{Chain, FoundLink};
    use crate::domain::audit::{Actor, AuditEvent, Head, Target};
    use crate::domain::canonical::Digest;

    fn links(count: i64) -> Vec<FoundLink> {
        let mut newest = Head::GENESIS;
        let next = |_| {
            let event = AuditEvent::new("test.happened", Actor::Gateway("test"), Target::new("gateway", &7));
            let link = event.chained(newest, Timestamp::UNIX_EPOCH).unwrap();
            let found = FoundLink {
                sequence: link.sequence,
                previous_hash: Some(newest.hash),
                hash: Some(link.hash),
                body: link.body.clone(),
            };
            newest = link.head();
            found
        };
        (0..count).map(next).collect()
    }

    fn faults(links: &[FoundLink]) -> Vec<String> {
        let mut chain = Chain::whole();
        let mut told = Vec::new();
        for link in links {
            chain.follow(link, &mut |what| told.push(format!("{}: {what}", link.sequence)));
        }
        told
    }

    /// Gives the link the hash that its content has.
    fn rehashed(link: &mut FoundLink) {
        link.hash = Some(Digest::of(&[link.previous_hash.unwrap().as_bytes(), link.body.as_bytes()]));
    }

    #[test]
    fn a_whole_chain_has_no_fault() {
        assert_eq!(faults(&links(5)), Vec::<String>::new());
    }

    #[test]
    fn one_changed_byte_is_one_fault() {
        let mut links = links(5);
        links[2].body = links[2].body.replace("\"id\":\"7\"", "\"id\":\"8\"");
        assert_eq!(faults(&links), ["3: its hash is not the SHA-256 of its previous hash and its body"]);
    }

    #[test]
    fn a_link_that_was_rehashed_shows_in_the_one_after_it() {
        let mut links = links(5);
        links[2].body = links[2].body.replace("\"id\":\"7\"", "\"id\":\"8\"");
        rehashed(&mut links[2]);
        assert_eq!(faults(&links), ["4: its previous hash is not the hash of 3"]);
    }

    #[test]
    fn missing_links_are_named() {
        let mut links = links(6);
        links.remove(3);
        links.remove(1);
        assert_eq!(faults(&links), ["3: missing: 2 is not there", "5: missing: 4 is not there"]);
        let beginning = faults(&links[2..]);
        assert_eq!(beginning, ["5: missing: 1 to 4 are not there"]);
    }

    #[test]
    fn a_hash_of_another_length_is_none() {
        let mut links = links(2);
        (links[0].hash, links[1].previous_hash) = (None, None);
        let told = faults(&links);
        assert_eq!(
            told,
            [
                "1: its hash is not the SHA-256 of its previous hash and its body",
                "2: its previous hash has not 32 bytes"
            ]
        );
    }

    #[test]
    fn a_body_must_be_canonical_and_about_its_own_link() {
        for (body, what) in [
            ("{", "3: its body is not JSON: EOF while parsing an object at line 1 column 1"),
            ("{}", "3: its body is no event: missing field `v`"),
        ] {
            let mut links = links(3);
            links[2].body = body.to_owned();
            rehashed(&mut links[2]);
            assert_eq!(faults(&links), [what]);
        }
        let mut links = links(3);
        links[2].body =
            links[2].body.replace("\"seq\":3", "\"seq\":2,\"seq\":1").replace("\"v\":1", "\"v\":2");
        rehashed(&mut links[2]);
        assert_eq!(
            faults(&links),
            [
                "3: its body is not in canonical form (RFC 8785)",
                "3: its body has version 2, this program knows 1",
                "3: its body says that it is 1",
            ]
        );
    }
}
