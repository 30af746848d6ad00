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
mod tests {
    #![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]

    use jiff::Timestamp;

    use super::*;

    fn team(key: &str) -> TeamId {
        key.parse().unwrap()
    }

    fn person(subject: &str) -> Person {
        Person { issuer: "sso".into(), subject: subject.into() }
    }

    fn principal(subject: &str, teams: &[&str], roles: &[Role]) -> Principal {
        Principal {
            person: person(subject),
            name: None,
            email: None,
            teams: teams.iter().map(|key| team(key)).collect(),
            roles: roles.iter().copied().collect(),
            actor: None,
            may_approve: true,
            expires_at: 0,
        }
    }

    fn approver(subject: &str, team: &str) -> Principal {
        principal(subject, &[team], &[Role::Approver])
    }

    fn requester(subject: &str) -> Requester {
        Requester {
            person: person(subject),
            name: None,
            roles: BTreeSet::new(),
            email: None,
            actor: None,
            on_behalf_of: None,
            team: team("growth"),
        }
    }

    fn stage(approvals: u32, team: ApproverTeam) -> ApprovalStage {
        ApprovalStage { approvals, role: Role::Approver, team }
    }

    fn terms(stages: Vec<ApprovalStage>) -> ApprovalTerms {
        ApprovalTerms { stages, expires_after_s: 60, require: Vec::new() }
    }

    fn given(principals: &[Principal]) -> Vec<Approval> {
        principals.iter().map(|principal| Approval::by(principal, Timestamp::UNIX_EPOCH)).collect()
    }

    fn after(terms: &ApprovalTerms, before: &[Principal], next: &Principal) -> Result<Progress, Objection> {
        terms.with(&requester("ann"), &given(before), next, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn nobody_decides_about_what_they_asked_for_or_what_was_asked_for_them() {
        let terms = terms(vec![stage(1, ApproverTeam::Any)]);
        let objection = |requester: &Requester, approver: &Principal| terms.admit(requester, approver).err();
        let ben = approver("ben", "growth");
        assert_eq!(objection(&requester("ann"), &ben), None);
        assert_eq!(objection(&requester("ben"), &ben), Some(Objection::OwnRequest));
        let elsewhere = Person { issuer: "other".into(), subject: "ben".into() };
        assert_eq!(objection(&Requester { person: elsewhere, ..requester("ben") }, &ben), None);
        let acting = Requester { actor: Some(person("ben")), ..requester("ann") };
        assert_eq!(objection(&acting, &ben), Some(Objection::OwnRequest));
        let through_app = Principal { actor: Some(person("crm")), ..ben.clone() };
        assert_eq!(objection(&requester("crm"), &through_app), Some(Objection::OwnRequest));
        let mailed = |address: &str| Some(address.to_owned());
        let ben_with_mail =
            Principal { email: mailed("Ben@Example.com"), name: Some("Ben Ray".into()), ..ben };
        let other_subject = Requester { email: mailed("ben@example.com "), ..requester("b-ray") };
        assert_eq!(objection(&other_subject, &ben_with_mail), Some(Objection::OwnRequest));
        for named in ["ben", "BEN@example.com", "ben ray", "Ben Ray <x@example.com>", "B <ben@example.com>"] {
            let by_app = Requester { on_behalf_of: Some(named.into()), ..requester("crm") };
            assert_eq!(objection(&by_app, &ben_with_mail), Some(Objection::OwnRequest), "{named}");
        }
        let for_ann = Requester { on_behalf_of: Some("ann".into()), ..requester("crm") };
        assert_eq!(objection(&for_ann, &ben_with_mail), None);
    }

    #[test]
    fn a_token_that_stands_for_a_machine_a_role_or_a_team_too_few_decides_nothing() {
        let of_growth = terms(vec![stage(1, ApproverTeam::Same)]);
        let machine = Principal { may_approve: false, ..approver("ben", "growth") };
        assert_eq!(after(&of_growth, &[], &machine), Err(Objection::NotAPerson));
        assert_eq!(after(&of_growth, &[], &approver("ben", "support")), Err(Objection::NotWanted));
        let viewer = principal("ben", &["growth"], &[Role::Viewer, Role::Auditor, Role::Finance]);
        assert_eq!(after(&of_growth, &[], &viewer), Err(Objection::NotWanted));
        assert_eq!(after(&of_growth, &[], &approver("ben", "growth")), Ok(Progress::Complete));
        assert_eq!(
            after(&of_growth, &[], &principal("zoe", &[], &[Role::Administrator])),
            Ok(Progress::Complete)
        );
    }

    #[test]
    fn two_of_a_stage_are_two_people() {
        let two = terms(vec![stage(2, ApproverTeam::Same)]);
        let (ben, dan) = (approver("ben", "growth"), approver("dan", "growth"));
        assert_eq!(after(&two, &[], &ben), Ok(Progress::Wants(1)));
        assert_eq!(after(&two, std::slice::from_ref(&ben), &ben), Err(Objection::NothingLeft));
        assert_eq!(after(&two, &[ben], &dan), Ok(Progress::Complete));
    }

    #[test]
    fn whoever_fits_two_stages_leaves_the_other_one_to_who_fits_only_that() {
        let stages = terms(vec![stage(1, ApproverTeam::Same), stage(1, ApproverTeam::Team(team("finance")))]);
        let both = principal("eve", &["growth", "finance"], &[Role::Approver]);
        let (growth, finance) = (approver("ben", "growth"), approver("fay", "finance"));
        assert_eq!(after(&stages, &[], &both), Ok(Progress::Wants(1)));
        assert_eq!(after(&stages, std::slice::from_ref(&both), &growth), Ok(Progress::Complete));
        assert_eq!(after(&stages, &[both], &finance), Ok(Progress::Complete));
        assert_eq!(after(&stages, &[growth], &approver("dan", "growth")), Err(Objection::NothingLeft));
    }

    #[test]
    fn approvers_of_the_deciding_teams_may_look() {
        let stages = terms(vec![stage(1, ApproverTeam::Same), stage(1, ApproverTeam::Team(team("finance")))]);
        let teams = stages.deciding_teams(&team("growth")).unwrap();
        assert!(teams.into_iter().eq([team("finance"), team("growth")]));
        assert_eq!(terms(vec![stage(1, ApproverTeam::Any)]).deciding_teams(&team("growth")), None);
    }
}
