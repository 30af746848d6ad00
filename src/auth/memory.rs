//! Tokens that passed, so that none is verified at every request: whatever its algorithm costs, it costs it once.
//!
//! A token is known by its SHA-256, and kept in as few bytes as a hundred thousand callers may take. What an answer needs
//! that everybody may have (who asks, for which team, whether he may read at all) lies there ready to be looked at; the
//! [`Principal`] is only put together again for who does more than that.

use std::collections::BTreeSet;
use std::sync::Arc;

use quick_cache::Weighter;
use quick_cache::sync::Cache;
use serde::{Deserialize, Serialize};

use super::keys::KeyTable;
use crate::alike::Alike;
use crate::domain::canonical::Digest;
use crate::domain::principal::{Person, PersonRef, Principal, Role, TeamId};

/// Bytes of all tokens together: of usual ones 200,000.
const BYTES: u64 = 32 * 1024 * 1024;
/// What an entry takes beside its texts: key, value, their place in the table, two counters.
const ENTRY: u64 = 128;
/// A guess at how many there will be, by which the cache sizes itself at its beginning.
const USUALLY: usize = 1_000;
/// Different teams and roles together, some two hundred bytes each. Who comes with others beyond that is verified every time.
const COMMON: usize = 10_000;

/// The tokens that passed. Bounded: who has not come for long goes first.
#[derive(Debug)]
pub(super) struct Memory {
    tokens: Cache<Digest, Verified, ByBytes>,
    common: Alike<Common>,
}

/// A token that passed, and what that rests on.
#[derive(Clone, Debug)]
pub(super) struct Verified {
    common: Arc<Common>,
    /// The keys of then; with any other the signature is checked again.
    pub(super) table: Arc<KeyTable>,
    /// The token's end, in seconds since 1970.
    pub(super) expires_at: i64,
    /// The subject, and the [`Rest`] as JSON, if there is any.
    texts: Arc<str>,
    subject: u16,
}

/// What many tokens say alike, each once.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Common {
    /// Which of the issuers.
    issuer: usize,
    teams: Vec<TeamId>,
    roles: BTreeSet<Role>,
    may_approve: bool,
}

/// What only people's tokens say, and few requests want to know: name, address, and the subject of who acts. The issuer is
/// the one that vouches for it all.
#[derive(Default, PartialEq, Eq, Serialize, Deserialize)]
struct Rest(Option<String>, Option<String>, Option<String>);

impl Memory {
    pub(super) fn new() -> Self {
        Self { tokens: Cache::with_weighter(USUALLY, BYTES, ByBytes), common: Alike::at_most(COMMON) }
    }

    pub(super) fn recall(&self, token: &Digest) -> Option<Verified> {
        self.tokens.get(token)
    }

    /// Keeps who a token stands for by the word of this issuer and its keys. One who cannot be told in short is not kept.
    pub(super) fn keep(&self, token: Digest, principal: &Principal, issuer: usize, table: Arc<KeyTable>) {
        let common = Common {
            issuer,
            teams: principal.teams.clone(),
            roles: principal.roles.clone(),
            may_approve: principal.may_approve,
        };
        if let Some(common) = self.common.one(&Arc::new(common))
            && let Some(verified) = Verified::new(principal, common, table)
        {
            self.tokens.insert(token, verified);
        }
    }

    /// Lets go of what opens nothing any more.
    pub(super) fn retain(&self, holds: impl Fn(&Verified) -> bool) {
        self.tokens.retain(|_, verified| holds(verified));
        self.common.tidy();
    }
}

impl Verified {
    fn new(principal: &Principal, common: Arc<Common>, table: Arc<KeyTable>) -> Option<Self> {
        let Principal { person, name, email, actor, expires_at, .. } = principal;
        let rest = Rest(name.clone(), email.clone(), actor.as_ref().map(|actor| actor.subject.clone()));
        let rest = if rest == Rest::default() { String::new() } else { serde_json::to_string(&rest).ok()? };
        Some(Self {
            common,
            table,
            expires_at: *expires_at,
            texts: [person.subject.as_str(), rest.as_str()].concat().into(),
            subject: person.subject.len().try_into().ok()?,
        })
    }

    /// Which of the issuers.
    pub(super) fn issuer(&self) -> usize {
        self.common.issuer
    }

    /// Whether it gives any role.
    pub(super) fn has_role(&self) -> bool {
        !self.common.roles.is_empty()
    }

    /// Whom it stands for, by this issuer's word.
    pub(super) fn person<'a>(&'a self, issuer: &'a str) -> PersonRef<'a> {
        PersonRef { issuer, subject: self.parts().0 }
    }

    /// The first team, as it is noted in the log.
    pub(super) fn team(&self) -> Option<&str> {
        self.common.teams.first().map(TeamId::as_str)
    }

    /// The whole principal again.
    pub(super) fn principal(&self, issuer: &str) -> Option<Principal> {
        let (subject, rest) = self.parts();
        let Rest(name, email, actor) =
            if rest.is_empty() { Rest::default() } else { serde_json::from_str(rest).ok()? };
        let person = |subject: &str| Person { issuer: issuer.to_owned(), subject: subject.to_owned() };
        Some(Principal {
            person: person(subject),
            name,
            email,
            teams: self.common.teams.clone(),
            roles: self.common.roles.clone(),
            actor: actor.map(|actor| person(&actor)),
            may_approve: self.common.may_approve,
            expires_at: self.expires_at,
        })
    }

    fn parts(&self) -> (&str, &str) {
        self.texts.split_at_checked(self.subject.into()).unwrap_or_default()
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

    use super::{BYTES, COMMON, ENTRY, Memory};
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

    fn keys() -> Arc<KeyTable> {
        Arc::new(KeyTable::Set(Vec::new()))
    }

    fn token(count: u32) -> Digest {
        Digest::of(&[&count.to_be_bytes()])
    }

    #[test]
    fn whoever_is_recalled_is_who_he_was() {
        let longest = "t".repeat(63);
        let memory = Memory::new();
        for (count, whole) in [
            principal(&["growth"], Some("Rita \"R\" Moreau"), None),
            principal(&[], None, None),
            principal(&["growth", "support", &longest], None, Some("bot")),
            principal(&[&longest], Some(""), None),
        ]
        .into_iter()
        .enumerate()
        {
            let token = token(count.try_into().unwrap());
            memory.keep(token, &whole, count, keys());
            let verified = memory.recall(&token).unwrap();
            assert_eq!(verified.principal(ISSUER).unwrap(), whole);
            assert_eq!(verified.team(), whole.teams.first().map(TeamId::as_str));
            assert_eq!(verified.person(ISSUER), whole.person.borrowed());
            assert_eq!((verified.issuer(), verified.has_role()), (count, true));
        }
    }

    #[test]
    fn memory_is_bounded_and_what_does_not_hold_goes() {
        let (memory, known, keys) = (Memory::new(), principal(&["growth"], None, None), keys());
        for count in 0..400_000 {
            memory.keep(token(count), &known, 0, Arc::clone(&keys));
        }
        assert!(memory.tokens.weight() <= BYTES, "{}", memory.tokens.weight());
        assert!(memory.tokens.len() > 150_000, "{}", memory.tokens.len());
        assert!(u64::try_from(memory.tokens.len()).unwrap() * ENTRY < BYTES);
        let one_of_them = |count| memory.recall(&token(count)).unwrap().common;
        assert!(Arc::ptr_eq(&one_of_them(399_999), &one_of_them(399_998)), "said once");
        memory.retain(|verified| verified.expires_at < 0);
        assert_eq!(memory.tokens.len(), 0);
    }

    #[test]
    fn so_many_kinds_of_callers_are_known_and_others_take_their_places_when_they_are_gone() {
        let (memory, known, keys) = (Memory::new(), principal(&["growth"], None, None), keys());
        for issuer in 0..=COMMON {
            memory.keep(token(issuer.try_into().unwrap()), &known, issuer, Arc::clone(&keys));
        }
        assert_eq!(memory.tokens.len(), COMMON, "one too many");
        memory.keep(token(0), &known, 1, Arc::clone(&keys));
        memory.retain(|_| true);
        memory.keep(token(u32::MAX), &known, COMMON, keys);
        assert_eq!(
            memory.recall(&token(u32::MAX)).unwrap().issuer(),
            COMMON,
            "nobody was left with issuer 0"
        );
    }
}
