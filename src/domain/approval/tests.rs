//! Who may decide, and when enough of them have.
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
    let ben_with_mail = Principal { email: mailed("Ben@Example.com"), name: Some("Ben Ray".into()), ..ben };
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
