//! How a registration looks: its row for lists, and in full for whoever decides.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::domain::principal::Principal;
use crate::domain::registration::{Registration, RegistrationState};
use crate::http::document::words;
use crate::http::v1::approval::{ApprovalView, Asking, NextAction, TermsView};
use crate::http::v1::audit::PersonalView;
use crate::service::Code;
use crate::service::evidence::SaidValue;
use crate::service::registrations::{AllowedAction, Briefing, refusal_for};

/// A registration; its form is personal data.
#[derive(Serialize, ToSchema)]
pub(in crate::http::v1) struct RegistrationView {
    /// A UUID.
    #[schema(format = Uuid)]
    id: String,
    /// For which kind of number.
    #[schema(value_type = words::NumberType)]
    number_type: &'static str,
    /// Where.
    #[schema(value_type = words::Country)]
    country: String,
    /// Where it stands.
    #[schema(value_type = words::RegistrationState)]
    state: &'static str,
    /// Whether nothing more will happen by itself; what is submitted may still be accepted or declined by mail.
    done: bool,
    /// Whether ClickSend has it.
    submitted: bool,
    /// Why ClickSend does not have it, or declined it; null otherwise, and when it was withdrawn.
    #[schema(value_type = Option<words::Code>)]
    code: Option<&'static str>,
    /// The same as a sentence.
    explanation: Option<String>,
    /// What happens next.
    next_action: Option<NextAction>,
    /// What the caller may do to it now: approve, reject, withdraw, outcome, resolve.
    allowed_actions: Vec<&'static str>,
    /// The team that asked.
    #[schema(value_type = words::Team)]
    team: String,
    /// Who asked: name, or subject.
    requested_by: String,
    /// For whom an application asked.
    on_behalf_of: Option<String>,
    /// The caller's own reference.
    reference: Option<String>,
    /// SHA-256 over number type, country and form: an approval names it as `digest`.
    #[schema(value_type = words::Digest)]
    form_digest: String,
    /// The rule that decided.
    rule: String,
    /// The policy it stood in.
    #[schema(value_type = words::Digest)]
    policy_digest: String,
    /// Who must approve; null where the rule allows it.
    approval: Option<TermsView>,
    /// RFC 3339.
    #[schema(format = DateTime)]
    created_at: String,
    /// RFC 3339.
    #[schema(format = DateTime)]
    updated_at: String,
}

/// A registration with everything that deciding needs, and what happened to it.
#[derive(Serialize, ToSchema)]
pub(in crate::http::v1) struct RegistrationInFull {
    #[serde(flatten)]
    registration: RegistrationView,
    /// The approvals that count.
    approvals: Vec<ApprovalView>,
    /// How many more people are wanted.
    approvals_missing: usize,
    /// Every event, oldest first, as it stands in the evidence.
    #[schema(value_type = Vec<Object>)]
    history: Vec<Value>,
    /// What people said: the form, the reason, comments. For the requester, those who may decide, and those who audit;
    /// absent for everybody else.
    #[serde(skip_serializing_if = "Option::is_none")]
    personal: Option<Vec<PersonalView>>,
}

impl RegistrationView {
    pub(super) fn of(registration: &Registration, principal: &Principal) -> Self {
        Self::with(registration, AllowedAction::of(principal, registration, &[]))
    }

    fn with(registration: &Registration, allowed: Vec<AllowedAction>) -> Self {
        let state = registration.state;
        let went_well = matches!(state, RegistrationState::Submitted | RegistrationState::Accepted);
        let refusal = (!went_well).then(|| refusal_for(registration));
        let has_code = state != RegistrationState::Withdrawn;
        let requester = &registration.requester;
        Self {
            id: registration.id.to_string(),
            number_type: registration.number_type.as_str(),
            country: registration.country.to_string(),
            state: state.as_str(),
            done: state.is_final(),
            submitted: state.has_arrived(),
            code: refusal.as_ref().map(|refusal| refusal.code).filter(|_| has_code).map(Code::as_str),
            explanation: refusal.map(|refusal| refusal.message),
            next_action: next_action(registration),
            allowed_actions: allowed.into_iter().map(AllowedAction::as_str).collect(),
            team: requester.team.to_string(),
            requested_by: requester.name.clone().unwrap_or_else(|| requester.person.subject.clone()),
            on_behalf_of: requester.on_behalf_of.clone(),
            reference: registration.reference.clone(),
            form_digest: registration.form_digest.to_string(),
            rule: registration.rule.clone(),
            policy_digest: registration.policy_digest.to_string(),
            approval: registration.terms.as_ref().map(|terms| {
                let Registration { round, decide_by, approved_until, .. } = *registration;
                TermsView::of(terms, &requester.team, &Asking { round, decide_by, approved_until })
            }),
            created_at: registration.created_at.to_string(),
            updated_at: registration.updated_at.to_string(),
        }
    }
}

impl RegistrationInFull {
    pub(super) fn of(
        registration: &Registration,
        briefing: Briefing,
        events: &[String],
        said: Option<Vec<SaidValue>>,
    ) -> Self {
        Self {
            registration: RegistrationView::with(registration, briefing.allowed),
            approvals: briefing.approvals.iter().map(ApprovalView::of).collect(),
            approvals_missing: briefing.missing,
            history: events.iter().filter_map(|event| serde_json::from_str(event).ok()).collect(),
            personal: said.map(|said| said.into_iter().map(PersonalView::of).collect()),
        }
    }
}

/// Who acts next. Final states have nobody, but for `ClickSend`'s own answer.
fn next_action(registration: &Registration) -> Option<NextAction> {
    let (who, what, until) = match registration.state {
        RegistrationState::PendingApproval => {
            ("approver", "approves or rejects it; the requester may withdraw it", registration.decide_by)
        }
        RegistrationState::Approved => {
            ("gateway", "sends it as soon as it can; asking again tries at once", registration.approved_until)
        }
        RegistrationState::Dispatching => ("gateway", "sends it and writes down the answer", None),
        RegistrationState::Unknown => ("gateway", "leaves it to people; it is not sent again", None),
        RegistrationState::NeedsAttention => {
            ("administrator", "finds out at ClickSend whether it arrived, and says so", None)
        }
        RegistrationState::Submitted => ("approver", "passes on ClickSend's mail when it comes", None),
        RegistrationState::Accepted
        | RegistrationState::Declined
        | RegistrationState::Failed
        | RegistrationState::Rejected
        | RegistrationState::Withdrawn
        | RegistrationState::Expired
        | RegistrationState::Cancelled => return None,
    };
    Some(NextAction::new(who, what, until))
}
