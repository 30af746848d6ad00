//! What a purchase and a registration show alike to whoever decides: who acts next, who must approve, and who did.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::approval::{Approval, ApprovalTerms, ApproverTeam};
use crate::domain::principal::TeamId;

/// What happens next, and who does it.
#[derive(Serialize, ToSchema)]
pub(super) struct NextAction {
    /// `gateway`, `approver` or `administrator`.
    who: &'static str,
    /// As a sentence.
    what: &'static str,
    /// Until when, RFC 3339; null where there is no end.
    #[schema(format = DateTime)]
    until: Option<String>,
}

/// Who must approve, and by when.
#[derive(Serialize, ToSchema)]
pub(super) struct TermsView {
    /// All of them are needed, each by other people.
    stages: Vec<StageView>,
    /// The asking this is; a new price begins a new one, and voids what was approved.
    round: i64,
    /// Until when people may decide, RFC 3339.
    #[schema(format = DateTime)]
    decide_by: Option<String>,
    /// Until when it may be sent once it is approved, RFC 3339.
    #[schema(format = DateTime)]
    approved_until: Option<String>,
}

/// One group of approvers.
#[derive(Serialize, ToSchema)]
pub(super) struct StageView {
    /// How many people.
    approvals: u32,
    /// Of this role.
    role: &'static str,
    /// Of this team; null is any.
    team: Option<String>,
}

/// An approval.
#[derive(Serialize, ToSchema)]
pub(super) struct ApprovalView {
    /// Name, or subject.
    by: String,
    /// RFC 3339.
    #[schema(format = DateTime)]
    at: String,
}

/// One asking for approvals, and its two ends.
pub(super) struct Asking {
    pub(super) round: i64,
    pub(super) decide_by: Option<Timestamp>,
    pub(super) approved_until: Option<Timestamp>,
}

impl NextAction {
    pub(super) fn new(who: &'static str, what: &'static str, until: Option<Timestamp>) -> Self {
        Self { who, what, until: until.map(|until| until.to_string()) }
    }
}

impl TermsView {
    /// The terms of a request of the team `of`.
    pub(super) fn of(terms: &ApprovalTerms, of: &TeamId, asking: &Asking) -> Self {
        let stages = terms.stages.iter().map(|stage| StageView {
            approvals: stage.approvals,
            role: stage.role.as_str(),
            team: match &stage.team {
                ApproverTeam::Same => Some(of.to_string()),
                ApproverTeam::Any => None,
                ApproverTeam::Team(team) => Some(team.to_string()),
            },
        });
        Self {
            stages: stages.collect(),
            round: asking.round,
            decide_by: asking.decide_by.map(|until| until.to_string()),
            approved_until: asking.approved_until.map(|until| until.to_string()),
        }
    }
}

impl ApprovalView {
    pub(super) fn of(approval: &Approval) -> Self {
        let by = approval.name.clone().unwrap_or_else(|| approval.person.subject.clone());
        Self { by, at: approval.at.to_string() }
    }
}
