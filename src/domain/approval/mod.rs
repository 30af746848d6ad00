//! Four eyes: who may decide about a request, and when enough of them have.
//!
//! Whether the terms are met is a matching of people to places, not a count: somebody who fits two stages fills the
//! one that nobody else can, whoever came first.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::principal::{Person, Principal, Role, TeamId};
use crate::domain::purchase::Requester;

/// Who must approve, and by when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalTerms {
    /// The stages, all of them needed; a plain number of approvals is one stage of that many.
    pub stages: Vec<ApprovalStage>,
    /// How long the request waits, in seconds.
    pub expires_after_s: u64,
    /// What the request must bring.
    pub require: Vec<RequiredField>,
}

/// One group of approvers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalStage {
    /// How many distinct people.
    pub approvals: u32,
    /// Their role.
    pub role: Role,
    /// Their team.
    pub team: ApproverTeam,
}

/// Which team an approver belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApproverTeam {
    /// The requester's.
    Same,
    /// Whichever.
    Any,
    /// This one.
    Team(TeamId),
}

/// A field that a rule may insist on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequiredField {
    /// Why.
    Reason,
    /// The requester's own reference.
    Reference,
}

impl RequiredField {
    /// The name of the field in a request.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reason => "reason",
            Self::Reference => "reference",
        }
    }
}

/// Somebody who approved, as the token said at that moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// Who.
    pub person: Person,
    /// The name to show.
    pub name: Option<String>,
    /// To tell that two subjects are one human being.
    pub email: Option<String>,
    /// The roles that counted.
    pub roles: BTreeSet<Role>,
    /// The teams that counted.
    pub teams: Vec<TeamId>,
    /// When.
    pub at: Timestamp,
}

impl Approval {
    /// What a caller's approval is.
    pub fn by(principal: &Principal, at: Timestamp) -> Self {
        Self {
            person: principal.person.clone(),
            name: principal.name.clone(),
            email: principal.email.clone(),
            roles: principal.roles.clone(),
            teams: principal.teams.clone(),
            at,
        }
    }

    /// Whether it is this caller's.
    pub fn is_of(&self, principal: &Principal) -> bool {
        self.person == principal.person || is_same_address(self.email.as_deref(), principal.email.as_deref())
    }
}

/// How far a request is after one more approval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// So many more people are wanted.
    Wants(usize),
    /// Enough.
    Complete,
}

/// Why somebody may not decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Objection {
    /// Their issuer's tokens do not stand for people.
    #[error("tokens of this issuer may not decide; sign in as a person")]
    NotAPerson,
    /// They asked for it, or it was asked for them.
    #[error("nobody decides about their own request; somebody else has to")]
    OwnRequest,
    /// No stage wants their role and team.
    #[error("the rule wants approvers of another role or team")]
    NotWanted,
    /// Their approval counts already, or every place they fit is filled.
    #[error("this approval is counted already; somebody else is wanted")]
    NothingLeft,
}

impl ApprovalTerms {
    /// Whether somebody may decide at all: by token, by role and team, and about somebody else's request.
    pub fn admit(&self, requester: &Requester, principal: &Principal) -> Result<(), Objection> {
        if !principal.may_approve {
            return Err(Objection::NotAPerson);
        }
        if requester.involves(principal) {
            return Err(Objection::OwnRequest);
        }
        if self.is_open_to(&requester.team, principal) { Ok(()) } else { Err(Objection::NotWanted) }
    }

    /// Whether a stage wants somebody of their role and team: then they may look at the request, too.
    pub fn is_open_to(&self, of: &TeamId, principal: &Principal) -> bool {
        self.stages.iter().any(|stage| stage.fits(of, &principal.roles, &principal.teams))
    }

    /// What one more approval comes to, beside those that were given.
    pub fn with(
        &self,
        requester: &Requester,
        given: &[Approval],
        principal: &Principal,
        at: Timestamp,
    ) -> Result<Progress, Objection> {
        self.admit(requester, principal)?;
        if given.iter().any(|approval| approval.is_of(principal)) {
            return Err(Objection::NothingLeft);
        }
        let before = self.filled(&requester.team, given);
        let all: Vec<Approval> = given.iter().cloned().chain([Approval::by(principal, at)]).collect();
        let now = self.filled(&requester.team, &all);
        match self.places().count().saturating_sub(now) {
            _ if now == before => Err(Objection::NothingLeft),
            0 => Ok(Progress::Complete),
            missing => Ok(Progress::Wants(missing)),
        }
    }

    /// How many more people are wanted.
    pub fn missing(&self, of: &TeamId, given: &[Approval]) -> usize {
        self.places().count().saturating_sub(self.filled(of, given))
    }

    /// The teams whose approvers may look: `None` is every team.
    pub fn deciding_teams(&self, of: &TeamId) -> Option<BTreeSet<TeamId>> {
        let team = |stage: &ApprovalStage| match &stage.team {
            ApproverTeam::Same => Some(of.clone()),
            ApproverTeam::Any => None,
            ApproverTeam::Team(team) => Some(team.clone()),
        };
        self.stages.iter().map(team).collect()
    }

    /// One place for each person that is wanted.
    fn places(&self) -> impl Iterator<Item = &ApprovalStage> {
        self.stages.iter().flat_map(|stage| (0..stage.approvals).map(move |_| stage))
    }

    /// How many places can be filled, each by another one of these people: a maximum bipartite matching. There are
    /// a handful of both.
    fn filled(&self, of: &TeamId, given: &[Approval]) -> usize {
        let places: Vec<&ApprovalStage> = self.places().collect();
        let mut holder: Vec<Option<usize>> = vec![None; places.len()];
        (0..given.len())
            .filter(|person| {
                let mut tried = vec![false; places.len()];
                Self::place(*person, of, given, &places, &mut holder, &mut tried)
            })
            .count()
    }

    /// Finds a place for a person, moving others to places that they fit as well.
    fn place(
        person: usize,
        of: &TeamId,
        given: &[Approval],
        places: &[&ApprovalStage],
        holder: &mut [Option<usize>],
        tried: &mut [bool],
    ) -> bool {
        let Some(approval) = given.get(person) else { return false };
        for (index, stage) in places.iter().enumerate() {
            let seen = tried.get(index).copied().unwrap_or(true);
            if seen || !stage.fits(of, &approval.roles, &approval.teams) {
                continue;
            }
            if let Some(seen) = tried.get_mut(index) {
                *seen = true;
            }
            let sits_here = holder.get(index).copied().flatten();
            let is_free = sits_here.is_none_or(|other| Self::place(other, of, given, places, holder, tried));
            if let Some(holder) = holder.get_mut(index).filter(|_| is_free) {
                *holder = Some(person);
                return true;
            }
        }
        false
    }
}

impl ApprovalStage {
    /// An administrator fits everywhere; everybody else needs role and team.
    fn fits(&self, of: &TeamId, roles: &BTreeSet<Role>, teams: &[TeamId]) -> bool {
        let has_team = match &self.team {
            ApproverTeam::Same => teams.contains(of),
            ApproverTeam::Any => true,
            ApproverTeam::Team(team) => teams.contains(team),
        };
        roles.contains(&Role::Administrator) || (roles.contains(&self.role) && has_team)
    }
}

impl Requester {
    /// Whether the caller asked, was asked for, or acted in the asking: by issuer and subject, by e-mail address where
    /// both have one, and by whatever word an application used for the person it asked for.
    pub fn involves(&self, principal: &Principal) -> bool {
        let asked: Vec<&Person> = [Some(&self.person), self.actor.as_ref()].into_iter().flatten().collect();
        let deciding = [Some(&principal.person), principal.actor.as_ref()].into_iter().flatten();
        let is_same_person = deciding.into_iter().any(|person| asked.contains(&person));
        let is_named = self.on_behalf_of.as_deref().is_some_and(|named| {
            let words = [
                Some(principal.person.subject.as_str()),
                principal.email.as_deref(),
                principal.name.as_deref(),
            ];
            words.into_iter().flatten().any(|word| names(named, word))
        });
        is_same_person || is_named || is_same_address(self.email.as_deref(), principal.email.as_deref())
    }
}

/// Whether two addresses are one human being's; where one is missing, nobody can tell.
pub fn is_same_address(one: Option<&str>, other: Option<&str>) -> bool {
    one.zip(other).is_some_and(|(one, other)| one.trim().eq_ignore_ascii_case(other.trim()))
}

/// Whether an application's words for a person, `Ann Lee <ann@example.com>`, mean somebody who is called `word`.
fn names(named: &str, word: &str) -> bool {
    let is = |part: &str| !word.trim().is_empty() && part.trim().to_lowercase() == word.trim().to_lowercase();
    let address = named.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
    is(named)
        || address.is_some_and(|(address, _)| is(address))
        || named.split_once('<').is_some_and(|(name, _)| is(name))
}

#[cfg(test)]
mod tests;
