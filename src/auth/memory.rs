//! Tokens that passed, so that none is verified at every request: whatever its algorithm costs, it costs it once.
//!
//! A token is known by its SHA-256, and kept in as few bytes as a hundred thousand callers may take. What an answer needs
//! that everybody may have (who asks, for which team, whether he may read at all) lies there ready to be looked at; the
//! [`Principal`] is only put together again for who does more than that.

use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use quick_cache::Weighter;
use quick_cache::sync::Cache;
use serde::{Deserialize, Serialize};

use super::keys::KeyTable;
use crate::alike::Alike;
use crate::domain::canonical::Digest;
use crate::domain::principal::{Person, PersonRef, Principal, Role, TeamId};

/// Bytes of all tokens together: of usual ones 300,000.
const BYTES: u64 = 32 * 1024 * 1024;
/// What an entry takes beside its texts: key, value, their place in the table.
const ENTRY: u64 = 112;
/// The counters of texts that stand for themselves, and what the allocator needs.
const HELD_FOR_TEXTS: usize = 32;
/// The longest subject that an entry holds in itself: programs have names and numbers of about as many letters.
const SHORT: usize = 22;
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
    /// The token's end, in seconds since 1970.
    pub(super) expires_at: i64,
    texts: Texts,
}

/// The subject, and the [`Rest`] as JSON, if there is any.
#[derive(Clone, Debug)]
enum Texts {
    /// A subject and nothing else.
    Short { length: u8, bytes: [u8; SHORT] },
    /// One after the other; the subject is so long.
    Long { subject: u16, both: Arc<str> },
}

/// What many tokens say alike, each once.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Common {
    /// Which of the issuers.
    issuer: usize,
    keys: KeysOfThen,
    teams: Vec<TeamId>,
    roles: BTreeSet<Role>,
    may_approve: bool,
}

/// The keys by which a token passed; with any other, though they were equal, the signature is checked again.
#[derive(Debug)]
struct KeysOfThen(Arc<KeyTable>);

impl PartialEq for KeysOfThen {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for KeysOfThen {}

impl Hash for KeysOfThen {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        Arc::as_ptr(&self.0).hash(hasher);
    }
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
            keys: KeysOfThen(table),
            teams: principal.teams.clone(),
            roles: principal.roles.clone(),
            may_approve: principal.may_approve,
        };
        if let Some(common) = self.common.one(&Arc::new(common))
            && let Some(verified) = Verified::new(principal, common)
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
    fn new(principal: &Principal, common: Arc<Common>) -> Option<Self> {
        let Principal { person, name, email, actor, expires_at, .. } = principal;
        let rest = Rest(name.clone(), email.clone(), actor.as_ref().map(|actor| actor.subject.clone()));
        let rest = if rest == Rest::default() { String::new() } else { serde_json::to_string(&rest).ok()? };
        Some(Self { common, expires_at: *expires_at, texts: Texts::of(&person.subject, &rest)? })
    }

    /// Whether it passed by these keys.
    pub(super) fn rests_on(&self, table: &Arc<KeyTable>) -> bool {
        Arc::ptr_eq(&self.common.keys.0, table)
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
        PersonRef { issuer, subject: self.texts.parts().0 }
    }

    /// The first team, as it is noted in the log.
    pub(super) fn team(&self) -> Option<&TeamId> {
        self.common.teams.first()
    }

    /// The whole principal again.
    pub(super) fn principal(&self, issuer: &str) -> Option<Principal> {
        let (subject, rest) = self.texts.parts();
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
}

impl Texts {
    fn of(subject: &str, rest: &str) -> Option<Self> {
        let mut bytes = [0; SHORT];
        if rest.is_empty()
            && let Some(place) = bytes.get_mut(..subject.len())
        {
            place.copy_from_slice(subject.as_bytes());
            return Some(Self::Short { length: subject.len().try_into().ok()?, bytes });
        }
        Some(Self::Long { subject: subject.len().try_into().ok()?, both: [subject, rest].concat().into() })
    }

    fn parts(&self) -> (&str, &str) {
        match self {
            Self::Short { length, bytes } => {
                let subject = bytes.get(..usize::from(*length)).unwrap_or_default();
                (str::from_utf8(subject).unwrap_or_default(), "")
            }
            Self::Long { subject, both } => both.split_at_checked((*subject).into()).unwrap_or_default(),
        }
    }

    /// What they take beside the entry.
    fn size(&self) -> usize {
        match self {
            Self::Short { .. } => 0,
            Self::Long { both, .. } => HELD_FOR_TEXTS + both.len(),
        }
    }
}

#[derive(Clone, Debug)]
struct ByBytes;

impl Weighter<Digest, Verified> for ByBytes {
    fn weight(&self, _token: &Digest, verified: &Verified) -> u64 {
        ENTRY + u64::try_from(verified.texts.size()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]

    use std::collections::BTreeSet;
    use std::sync::Arc;

    use super::{BYTES, COMMON, ENTRY, Memory, SHORT};
    use crate::auth::keys::KeyTable;
    use crate::domain::canonical::Digest;
    use crate::domain::principal::{Person, Principal, Role};

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
            assert_eq!(verified.team(), whole.teams.first());
            assert_eq!(verified.person(ISSUER), whole.person.borrowed());
            assert_eq!((verified.issuer(), verified.has_role()), (count, true));
        }
    }

    #[test]
    fn a_subject_is_told_whole_however_long_it_is() {
        let (memory, keys) = (Memory::new(), keys());
        for length in [0, 1, SHORT - 1, SHORT, SHORT + 1, 1_000] {
            for (letter, name) in [("a", None), ("\u{e9}", None), ("a", Some("Rita"))] {
                let mut whole = principal(&["growth"], name, None);
                whole.person.subject = letter.repeat(length);
                memory.keep(token(0), &whole, 0, Arc::clone(&keys));
                assert_eq!(memory.recall(&token(0)).unwrap().principal(ISSUER).unwrap(), whole);
            }
        }
    }

    #[test]
    fn only_the_keys_that_a_token_passed_by_are_those_it_rests_on() {
        let (memory, known, [then, now]) =
            (Memory::new(), principal(&["growth"], None, None), [keys(), keys()]);
        for (count, keys) in [&then, &now].into_iter().enumerate() {
            memory.keep(token(count.try_into().unwrap()), &known, 0, Arc::clone(keys));
        }
        let (earlier, later) = (memory.recall(&token(0)).unwrap(), memory.recall(&token(1)).unwrap());
        assert!(earlier.rests_on(&then) && !earlier.rests_on(&now));
        assert!(later.rests_on(&now) && !later.rests_on(&then));
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
