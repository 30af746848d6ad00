//! Tokens that passed, so that none is verified at every request: whatever its algorithm costs, it costs it once.
//!
//! A token is known by its SHA-256, and kept in as few bytes as a hundred thousand callers may take. What an answer needs
//! that everybody may have (who asks, for which team, whether he may read at all) lies there ready to be looked at; the
//! [`Principal`] is only put together again for who does more than that.

use std::sync::Arc;

use quick_cache::Weighter;
use quick_cache::sync::Cache;
use serde::{Deserialize, Serialize};

use super::keys::KeyTable;
use crate::domain::canonical::Digest;
use crate::domain::principal::{Person, PersonRef, Principal, Role, TeamId};

/// Bytes of all tokens together: of usual ones 150,000.
const BYTES: u64 = 32 * 1024 * 1024;
/// What an entry takes beside its texts: key, value, their place in the table, two counters.
const ENTRY: u64 = 128;
/// A guess at how many there will be, by which the cache sizes itself at its beginning.
const USUALLY: usize = 1_000;

/// The tokens that passed. Bounded: who has not come for long goes first.
#[derive(Debug)]
pub(super) struct Memory(Cache<Digest, Verified, ByBytes>);

/// A token that passed, and what that rests on.
#[derive(Clone, Debug)]
pub(super) struct Verified {
    /// Which of the issuers.
    pub(super) issuer: usize,
    /// The keys of then; with any other the signature is checked again.
    pub(super) table: Arc<KeyTable>,
    /// The token's end, in seconds since 1970.
    pub(super) expires_at: i64,
    /// Whether it gives any role.
    pub(super) has_role: bool,
    /// The first team, the subject, and the [`Rest`] as JSON, one after the other.
    texts: Arc<str>,
    team: u8,
    subject: u16,
}

/// What only some requests want to know. The issuer is the one that vouches for it all.
#[derive(Serialize, Deserialize)]
struct Rest(Option<String>, Option<String>, Vec<TeamId>, Vec<Role>, Option<String>, bool);

impl Memory {
    pub(super) fn new() -> Self {
        Self(Cache::with_weighter(USUALLY, BYTES, ByBytes))
    }

    pub(super) fn recall(&self, token: &Digest) -> Option<Verified> {
        self.0.get(token)
    }

    pub(super) fn keep(&self, token: Digest, verified: Verified) {
        self.0.insert(token, verified);
    }

    /// Lets go of what opens nothing any more.
    pub(super) fn retain(&self, holds: impl Fn(&Verified) -> bool) {
        self.0.retain(|_, verified| holds(verified));
    }
}

impl Verified {
    /// `None` for a principal that cannot be told in short; he is verified every time then.
    pub(super) fn new(principal: &Principal, issuer: usize, table: Arc<KeyTable>) -> Option<Self> {
        let Principal { person, name, email, teams, roles, actor, may_approve, expires_at } = principal;
        let (team, others) =
            teams.split_first().map_or(("", teams.as_slice()), |(first, others)| (first.as_str(), others));
        let rest = Rest(
            name.clone(),
            email.clone(),
            others.to_vec(),
            roles.iter().copied().collect(),
            actor.as_ref().map(|actor| actor.subject.clone()),
            *may_approve,
        );
        let rest = serde_json::to_string(&rest).ok()?;
        Some(Self {
            issuer,
            table,
            expires_at: *expires_at,
            has_role: !roles.is_empty(),
            texts: [team, person.subject.as_str(), rest.as_str()].concat().into(),
            team: team.len().try_into().ok()?,
            subject: person.subject.len().try_into().ok()?,
        })
    }

    /// Whom it stands for, by this issuer's word.
    pub(super) fn person<'a>(&'a self, issuer: &'a str) -> PersonRef<'a> {
        PersonRef { issuer, subject: self.parts().1 }
    }

    /// The first team, as it is noted in the log.
    pub(super) fn team(&self) -> Option<&str> {
        let team = self.parts().0;
        (!team.is_empty()).then_some(team)
    }

    /// The whole principal again.
    pub(super) fn principal(&self, issuer: &str) -> Option<Principal> {
        let (team, subject, rest) = self.parts();
        let Rest(name, email, others, roles, actor, may_approve) = serde_json::from_str(rest).ok()?;
        let person = |subject: &str| Person { issuer: issuer.to_owned(), subject: subject.to_owned() };
        let first: Option<TeamId> = if team.is_empty() { None } else { Some(team.parse().ok()?) };
        Some(Principal {
            person: person(subject),
            name,
            email,
            teams: first.into_iter().chain(others).collect(),
            roles: roles.into_iter().collect(),
            actor: actor.map(|actor| person(&actor)),
            may_approve,
            expires_at: self.expires_at,
        })
    }

    fn parts(&self) -> (&str, &str, &str) {
        let (team, rest) = self.texts.split_at_checked(self.team.into()).unwrap_or_default();
        let (subject, rest) = rest.split_at_checked(self.subject.into()).unwrap_or_default();
        (team, subject, rest)
    }
}

#[derive(Clone, Debug)]
struct ByBytes;

impl Weighter<Digest, Verified> for ByBytes {
    fn weight(&self, _token: &Digest, verified: &Verified) -> u64 {
        ENTRY + u64::try_from(verified.texts.len()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]

    use std::collections::BTreeSet;
    use std::sync::Arc;

    use super::{BYTES, ENTRY, Memory, Verified};
    use crate::auth::keys::KeyTable;
    use crate::domain::canonical::Digest;
    use crate::domain::principal::{Person, Principal, Role, TeamId};

    const ISSUER: &str = "https://issuer.example";

    fn principal(teams: &[&str], name: Option<&str>, actor: Option<&str>) -> Principal {
        let person = |subject: &str| Person { issuer: ISSUER.to_owned(), subject: subject.to_owned() };
        Principal {
            person: person("r\u{e9}ta|7"),
            name: name.map(str::to_owned),
            email: None,
            teams: teams.iter().map(|team| team.parse().unwrap()).collect(),
            roles: BTreeSet::from([Role::Requester, Role::Finance]),
            actor: actor.map(person),
            may_approve: actor.is_none(),
            expires_at: 1_800_000_000,
        }
    }

    fn kept(principal: &Principal) -> Verified {
        Verified::new(principal, 0, Arc::new(KeyTable::Set(Vec::new()))).unwrap()
    }

    #[test]
    fn whoever_is_recalled_is_who_he_was() {
        let longest = "t".repeat(63);
        for whole in [
            principal(&["growth"], Some("Rita \"R\" Moreau"), None),
            principal(&[], None, None),
            principal(&["growth", "support", &longest], None, Some("bot")),
            principal(&[&longest], Some(""), None),
        ] {
            let verified = kept(&whole);
            assert_eq!(verified.principal(ISSUER).unwrap(), whole);
            assert_eq!(verified.team(), whole.teams.first().map(TeamId::as_str));
            assert_eq!(verified.person(ISSUER), whole.person.borrowed());
        }
    }

    #[test]
    fn memory_is_bounded_and_what_does_not_hold_goes() {
        let (memory, verified) = (Memory::new(), kept(&principal(&["growth"], None, None)));
        for count in 0_u32..400_000 {
            memory.keep(Digest::of(&[&count.to_be_bytes()]), verified.clone());
        }
        assert!(memory.0.weight() <= BYTES, "{}", memory.0.weight());
        assert!(memory.0.len() > 100_000, "{}", memory.0.len());
        assert!(u64::try_from(memory.0.len()).unwrap() * ENTRY < BYTES);
        memory.retain(|verified| verified.expires_at < 0);
        assert_eq!(memory.0.len(), 0);
    }
}
