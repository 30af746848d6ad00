//! The rules, as they are written: `when` narrows, `then` decides.

use std::time::Duration;

use crate::config::kind::Kind;
use crate::config::kinds::{COUNT, COUNTRY, MESSAGE_TYPE, MONEY, NAME, ROLE, TEAM, TEXT};
use crate::config::section::{Section, Shape};
use crate::config::stand_in::StandIn;
use crate::config::units::DURATION;
use crate::domain::approval::{ApprovalStage, ApprovalTerms, ApproverTeam, RequiredField};
use crate::domain::policy::{Action, Condition, Day, Hours, Policy, Rule, Verdict};
use crate::domain::principal::Role;

/// What an approval that says nothing about it asks for.
const TERMS_DEFAULTS: &str = r#"expires_after = "72h""#;
const STAGE_DEFAULTS: &str = r#"role = "approver"
team = "same""#;
const PLAIN_STAGE_DEFAULTS: &str = r#"from_role = "approver"
from_team = "same""#;

const VERDICT: Kind<Verdict> =
    Kind::text(r#"write "allow", { deny = "why" } or { approvals = 1 }"#, |text| {
        if text == "allow" { Ok(Verdict::Allow) } else { Err("no such verdict".into()) }
    });

/// What a rule is about.
pub(super) const ACTION: Kind<Action> = Kind::text("write buy or register", |text| match text {
    "buy" => Ok(Action::Buy),
    "register" => Ok(Action::Register),
    _ => Err("no such action".into()),
});

const REQUIRED_FIELD: Kind<RequiredField> = Kind::text("write reason or reference", |text| match text {
    "reason" => Ok(RequiredField::Reason),
    "reference" => Ok(RequiredField::Reference),
    _ => Err("no such field".into()),
});

const APPROVER_TEAM: Kind<ApproverTeam> =
    Kind::text("write same, any or the key of a team", |text| match text {
        "same" => Ok(ApproverTeam::Same),
        "any" => Ok(ApproverTeam::Any),
        team => team.parse().map(ApproverTeam::Team).map_err(|_| "not a team's key".into()),
    });

const HOURS: Kind<Hours> =
    Kind::text(r#"write a span of hours in budget.time_zone, like "09:00-17:30""#, |text| {
        text.parse().map_err(|_| "not a span of hours".into())
    });

const DAY: Kind<Day> = Kind::text("write mon, tue, wed, thu, fri, sat or sun", |text| {
    text.parse().map_err(|_| "not a day of the week".into())
});

/// Reads `[policy]`; none when the rules have no canonical form, which is a fault.
pub(super) fn read(section: &mut Section<'_>) -> Option<Policy> {
    let rules = section.tables("rules", rule);
    Policy::new(rules)
        .map_err(|error| section.refuse("rules", error.to_string(), "write rules that can be digested"))
        .ok()
}

fn rule(section: &mut Section<'_>) -> Rule {
    let name = section.required("name", &TEXT);
    if section.shape("when").is_none() {
        section.refuse("when", "missing", "write what it applies to, or when = {} for everything");
    }
    let when = section.table("when", condition);
    let then = match section.shape("then") {
        Some(Shape::Table) => section.table("then", verdict),
        Some(Shape::Scalar | Shape::List) | None => section.required("then", &VERDICT),
    };
    Rule { name, when, then }
}

fn condition(section: &mut Section<'_>) -> Condition {
    let condition = Condition {
        action: section.optional("action", &ACTION),
        teams: narrowing(section, "teams", &TEAM),
        roles: narrowing(section, "roles", &ROLE),
        countries: narrowing(section, "countries", &COUNTRY),
        types: narrowing(section, "types", &MESSAGE_TYPE),
        number_types: narrowing(section, "number_types", &NAME),
        max_setup: section.optional("max_setup", &MONEY),
        max_monthly: section.optional("max_monthly", &MONEY),
        max_total: section.optional("max_total", &MONEY),
        min_budget_left: section.optional("min_budget_left", &MONEY),
        hours: section.optional("hours", &HOURS),
        days: narrowing(section, "days", &DAY),
    };
    check_action(&condition, section);
    condition
}

/// A list that narrows a rule when it is there. An empty one would widen the rule to everything, so it is a
/// fault: a list that lost its last entry must not allow more than before.
fn narrowing<T>(section: &mut Section<'_>, key: &'static str, kind: &Kind<T>) -> Vec<T> {
    let is_written = section.shape(key).is_some();
    let values = section.list(key, kind);
    if is_written && values.is_empty() {
        section.refuse(key, "an empty list", "list something, or leave the key out to match everything");
    }
    values
}

/// Conditions that the rule's own action can never meet.
fn check_action(condition: &Condition, section: &mut Section<'_>) {
    match condition.action {
        Some(Action::Register) => {
            for key in ["types", "max_setup", "max_monthly", "max_total", "min_budget_left"] {
                if section.is_set(key) {
                    section.refuse(key, "a registration has none", "leave it out of rules for registrations");
                }
            }
        }
        Some(Action::Buy) if !condition.number_types.is_empty() => {
            section.refuse("number_types", "only registrations have one", "leave it out of rules for buying");
        }
        Some(Action::Buy) | None => {}
    }
}

/// `then` as a table: a refusal, or terms of approval.
fn verdict(section: &mut Section<'_>) -> Verdict {
    section.knows(&["deny", "approvals"]);
    let approvals = section.shape("approvals");
    if section.shape("deny").is_some() && approvals.is_some() {
        section.refuse("deny", "a refusal with approvals", "write deny or approvals");
    }
    if section.shape("deny").is_some() {
        section.knows(&["from_role", "from_team", "expires_after", "require"]);
        return Verdict::Deny(section.required("deny", &TEXT));
    }
    section.over(TERMS_DEFAULTS);
    let stages = match approvals {
        Some(Shape::List) => staged(section),
        Some(Shape::Scalar | Shape::Table) | None => vec![plain_stage(section)],
    };
    let expires_after: Duration = section.within("expires_after", &DURATION, "1m", "90d");
    Verdict::Approvals(ApprovalTerms {
        stages,
        expires_after_s: expires_after.as_secs(),
        require: section.list("require", &REQUIRED_FIELD),
    })
}

fn plain_stage(section: &mut Section<'_>) -> ApprovalStage {
    section.over(PLAIN_STAGE_DEFAULTS);
    ApprovalStage {
        approvals: section.within("approvals", &COUNT, "1", "10").get(),
        role: deciding_role(section, "from_role"),
        team: section.required("from_team", &APPROVER_TEAM),
    }
}

fn staged(section: &mut Section<'_>) -> Vec<ApprovalStage> {
    let stages = section.tables("approvals", |stage| {
        stage.over(STAGE_DEFAULTS);
        ApprovalStage {
            approvals: 1,
            role: deciding_role(stage, "role"),
            team: stage.required("team", &APPROVER_TEAM),
        }
    });
    if stages.is_empty() {
        section.refuse("approvals", "no stages", "write a number, or a list of { role, team }");
    }
    stages
}

fn deciding_role(section: &mut Section<'_>, key: &'static str) -> Role {
    let role = section.required(key, &ROLE);
    if !matches!(role, Role::Approver | Role::Administrator) {
        section.refuse(key, "cannot decide", "write approver or administrator");
    }
    role
}

impl StandIn for Verdict {
    fn stand_in() -> Self {
        Self::Allow
    }
}

impl StandIn for ApproverTeam {
    fn stand_in() -> Self {
        Self::Same
    }
}

impl StandIn for Role {
    fn stand_in() -> Self {
        Self::Approver
    }
}
