//! Who is asking: a person or an application, in a team, with roles.
//!
//! A [`Principal`] can only come out of a verified token. Services take it first and ask it; they never look at
//! a header.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize};

/// What somebody may do. A token may carry several; each only adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Searches and lists.
    Viewer,
    /// Also requests purchases and registrations.
    Requester,
    /// Decides about the requests of others, never about their own.
    Approver,
    /// A program that asks for a person it names.
    Application,
    /// Sees the spend and budgets of all teams.
    Finance,
    /// Sees all teams and the evidence.
    Auditor,
    /// May do all of that, and assign, resolve, freeze.
    Administrator,
}

/// A text that names no role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a role: viewer, requester, approver, application, finance, auditor or administrator")]
pub struct RoleError;

impl Role {
    /// Every role, in the order of the documentation.
    pub const ALL: [Self; 7] = [
        Self::Viewer,
        Self::Requester,
        Self::Approver,
        Self::Application,
        Self::Finance,
        Self::Auditor,
        Self::Administrator,
    ];

    /// The word used in tokens, configuration and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Requester => "requester",
            Self::Approver => "approver",
            Self::Application => "application",
            Self::Finance => "finance",
            Self::Auditor => "auditor",
            Self::Administrator => "administrator",
        }
    }
}

impl FromStr for Role {
    type Err = RoleError;

    fn from_str(text: &str) -> Result<Self, RoleError> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or(RoleError)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// The key of a team in the configuration: `^[a-z0-9][a-z0-9_-]{0,62}$`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct TeamId(Arc<str>);

/// A text that cannot be a team's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a team key: 1 to 63 of a-z, 0-9, - and _, beginning with a letter or digit")]
pub struct TeamError;

impl TeamId {
    /// The key.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key, held by one more.
    pub fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }
}

impl FromStr for TeamId {
    type Err = TeamError;

    fn from_str(text: &str) -> Result<Self, TeamError> {
        let allowed =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
        let well_formed = (1..=63).contains(&text.len())
            && text.bytes().all(allowed)
            && text.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric());
        if well_formed { Ok(Self(text.into())) } else { Err(TeamError) }
    }
}

impl fmt::Display for TeamId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for TeamId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Who somebody is: subjects are only unique within the issuer that vouches for them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Person {
    /// The `iss` of the token.
    pub issuer: String,
    /// The subject, 1–255 printable characters.
    pub subject: String,
}

/// A [`Person`] whose texts are somebody else's. Both hash alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PersonRef<'a> {
    /// The `iss` of the token.
    pub issuer: &'a str,
    /// The subject.
    pub subject: &'a str,
}

impl Person {
    /// The same person, for whoever needs no copy.
    pub fn borrowed(&self) -> PersonRef<'_> {
        PersonRef { issuer: &self.issuer, subject: &self.subject }
    }
}

impl fmt::Display for Person {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} ({})", self.subject, self.issuer)
    }
}

/// A verified caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// Who.
    pub person: Person,
    /// The name to show, when the token brings one.
    pub name: Option<String>,
    /// The e-mail address, when the token brings one; used to tell that two subjects are one human being.
    pub email: Option<String>,
    /// The teams the token names, mapped; several are allowed, then a write says which.
    pub teams: Vec<TeamId>,
    /// The roles, mapped; what nobody knows was left out.
    pub roles: BTreeSet<Role>,
    /// The party that acts for `person` by this token (`act.sub`, RFC 8693 §4.1).
    pub actor: Option<Person>,
    /// Whether this issuer's tokens may decide at all: a shared machine key must not.
    pub may_approve: bool,
    /// The token's end, in seconds since 1970.
    pub expires_at: i64,
}

impl Principal {
    /// Whether the token carries the role.
    pub fn has(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }

    /// Whether numbers and purchases of every team are visible.
    pub fn sees_all_teams(&self) -> bool {
        [Role::Finance, Role::Auditor, Role::Administrator].into_iter().any(|role| self.has(role))
    }

    /// Whether searches and lists are open: any role will do, no role will not.
    pub fn may_read(&self) -> bool {
        !self.roles.is_empty()
    }

    /// Whether purchases and registrations may be requested.
    pub fn may_request(&self) -> bool {
        [Role::Requester, Role::Application, Role::Administrator].into_iter().any(|role| self.has(role))
    }

    /// Whether requests of others may be decided at all; which ones, their rules say.
    pub fn may_decide(&self) -> bool {
        self.may_approve && [Role::Approver, Role::Administrator].into_iter().any(|role| self.has(role))
    }

    /// Whether something that belongs to `team` may be seen.
    pub fn sees_team(&self, team: &TeamId) -> bool {
        self.sees_all_teams() || self.teams.contains(team)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]

    use std::hash::{BuildHasher as _, RandomState};

    use super::{Person, Role, TeamId};

    #[test]
    fn a_person_hashes_alike_owned_and_borrowed() {
        let person = Person { issuer: "https://issuer.example".to_owned(), subject: "rita".to_owned() };
        let hasher = RandomState::new();
        assert_eq!(hasher.hash_one(&person), hasher.hash_one(person.borrowed()));
    }

    #[test]
    fn every_role_is_read_as_it_is_written() {
        for role in Role::ALL {
            assert_eq!(role.to_string().parse::<Role>().unwrap(), role);
        }
        assert!("Administrator".parse::<Role>().is_err());
    }

    #[test]
    fn team_keys_stay_plain() {
        assert_eq!("growth-2".parse::<TeamId>().unwrap().as_str(), "growth-2");
        for text in ["", "-a", "_a", "Growth", "a b", "a/b", &"a".repeat(64)] {
            assert!(text.parse::<TeamId>().is_err(), "{text}");
        }
    }
}
