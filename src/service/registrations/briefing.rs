//! Everything that deciding needs, in one answer: who approved, what is still wanted, and what the caller may do.

use crate::domain::approval::Approval;
use crate::domain::principal::{Principal, Role};
use crate::domain::registration::{Registration, RegistrationState};
use crate::service::refusal::Refusal;
use crate::service::registrations::Registrations;
use crate::service::registrations::outcome::{may_report, may_resolve};

/// What somebody who looks at a registration is told beside its row.
#[derive(Clone, Debug)]
pub struct Briefing {
    /// The approvals that count.
    pub approvals: Vec<Approval>,
    /// How many more people are wanted.
    pub missing: usize,
    /// What the caller may do to it now.
    pub allowed: Vec<AllowedAction>,
}

/// What a caller may do to a registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AllowedAction {
    /// `POST …/approve`
    Approve,
    /// `POST …/reject`
    Reject,
    /// `POST …/withdraw`
    Withdraw,
    /// `POST …/outcome`
    Outcome,
    /// `POST …/resolve`
    Resolve,
}

impl AllowedAction {
    /// What a caller may do to a registration that these people have approved.
    pub fn of(principal: &Principal, registration: &Registration, approvals: &[Approval]) -> Vec<Self> {
        let state = registration.state;
        let terms = registration.terms.as_ref().filter(|_| state == RegistrationState::PendingApproval);
        let decides = terms.is_some_and(|terms| terms.admit(&registration.requester, principal).is_ok());
        let counts_already = approvals.iter().any(|given| given.is_of(principal));
        let may_withdraw = registration.requester.involves(principal) || principal.has(Role::Administrator);
        let is_open = matches!(state, RegistrationState::PendingApproval | RegistrationState::Approved);
        let offered = [
            (Self::Approve, decides && !counts_already),
            (Self::Reject, decides),
            (Self::Withdraw, is_open && may_withdraw),
            (Self::Outcome, state == RegistrationState::Submitted && may_report(principal, registration)),
            (
                Self::Resolve,
                state == RegistrationState::NeedsAttention && may_resolve(principal, registration),
            ),
        ];
        offered.into_iter().filter(|(_, offered)| *offered).map(|(action, _)| action).collect()
    }

    /// The last part of its path.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Reject => "reject",
            Self::Withdraw => "withdraw",
            Self::Outcome => "outcome",
            Self::Resolve => "resolve",
        }
    }
}

impl Registrations {
    /// Everything that deciding about a registration needs. The caller was shown the registration already.
    pub async fn brief(
        &self,
        principal: &Principal,
        registration: &Registration,
    ) -> Result<Briefing, Refusal> {
        let approvals = self.0.approvals_of(registration).await?;
        let team = &registration.requester.team;
        Ok(Briefing {
            missing: registration.terms.as_ref().map_or(0, |terms| terms.missing(team, &approvals)),
            allowed: AllowedAction::of(principal, registration, &approvals),
            approvals,
        })
    }
}
