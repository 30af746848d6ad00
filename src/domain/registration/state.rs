//! The states of a registration and the steps between them: those of a purchase, without money and without a list
//! that could settle what nobody knows.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Where a registration stands. The words are the ones on the wire, in SQL and in the documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegistrationState {
    /// Waits for people.
    PendingApproval,
    /// May be sent.
    Approved,
    /// Claimed: it is being sent, or was.
    Dispatching,
    /// Upstream took it; its answer comes by mail.
    Submitted,
    /// The mail said yes.
    Accepted,
    /// The mail said no.
    Declined,
    /// Upstream certainly refused it.
    Failed,
    /// Nobody knows whether it arrived. It is never sent again.
    Unknown,
    /// Nobody knows and nothing can be read back: people must ask `ClickSend`.
    NeedsAttention,
    /// An approver said no.
    Rejected,
    /// The requester took it back.
    Withdrawn,
    /// Nobody decided in time.
    Expired,
    /// Could not be sent while it might have been; the code says why.
    Cancelled,
}

/// One transition. Each is one transaction, with its audit event in the same commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RegistrationStep {
    /// One of several approvals was given; more are wanted.
    Endorse,
    /// The last approval was given.
    Approve,
    /// An approver says no.
    Reject,
    /// The requester takes it back.
    Withdraw,
    /// Nobody decided in time.
    Expire,
    /// An instance makes the one attempt its own.
    Claim,
    /// Not one byte left this machine.
    NotSent,
    /// Upstream has it: by its own answer, or because enough people say so.
    Submit,
    /// Upstream does not have it: by its own answer, or because enough people say so.
    Fail,
    /// Nobody knows.
    Lose,
    /// People must find out.
    Stall,
    /// The mail said yes.
    Accept,
    /// The mail said no.
    Decline,
    /// A guard says no for good.
    Cancel,
}

/// A step that the state does not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a registration that is {state} cannot {step}")]
pub struct RegistrationImpossible {
    state: RegistrationState,
    step: RegistrationStep,
}

impl RegistrationState {
    /// Every state, in the order of the documentation.
    pub const ALL: [Self; 13] = [
        Self::PendingApproval,
        Self::Approved,
        Self::Dispatching,
        Self::Submitted,
        Self::Accepted,
        Self::Declined,
        Self::Failed,
        Self::Unknown,
        Self::NeedsAttention,
        Self::Rejected,
        Self::Withdrawn,
        Self::Expired,
        Self::Cancelled,
    ];

    /// The state after a step, or that there is no such transition.
    pub const fn after(self, step: RegistrationStep) -> Result<Self, RegistrationImpossible> {
        use RegistrationStep as Step;
        match (self, step) {
            (Self::PendingApproval, Step::Endorse) => Ok(Self::PendingApproval),
            (Self::PendingApproval, Step::Approve) | (Self::Dispatching, Step::NotSent) => Ok(Self::Approved),
            (Self::PendingApproval, Step::Reject) => Ok(Self::Rejected),
            (Self::PendingApproval, Step::Expire) => Ok(Self::Expired),
            (Self::PendingApproval | Self::Approved, Step::Withdraw) => Ok(Self::Withdrawn),
            (Self::PendingApproval | Self::Approved, Step::Cancel) => Ok(Self::Cancelled),
            (Self::Approved, Step::Claim) => Ok(Self::Dispatching),
            (Self::Dispatching | Self::NeedsAttention, Step::Submit) => Ok(Self::Submitted),
            (Self::Dispatching | Self::NeedsAttention, Step::Fail) => Ok(Self::Failed),
            (Self::Dispatching, Step::Lose) => Ok(Self::Unknown),
            (Self::Unknown, Step::Stall) => Ok(Self::NeedsAttention),
            (Self::Submitted, Step::Accept) => Ok(Self::Accepted),
            (Self::Submitted, Step::Decline) => Ok(Self::Declined),
            (state, step) => Err(RegistrationImpossible { state, step }),
        }
    }

    /// Whether the machine has a step to that state of which an event with this action tells.
    pub fn may_become(self, next: Self, action: &str) -> bool {
        let told = RegistrationStep::ALL.into_iter().filter(|step| step.event() == action);
        told.into_iter().any(|step| self.after(step) == Ok(next))
    }

    /// Whether the gateway has nothing more to do with it. Of what is submitted, `ClickSend`'s own answer may still
    /// come: by mail, some day or never.
    pub const fn is_final(self) -> bool {
        matches!(
            self,
            Self::Submitted
                | Self::Accepted
                | Self::Declined
                | Self::Failed
                | Self::Rejected
                | Self::Withdrawn
                | Self::Expired
                | Self::Cancelled
        )
    }

    /// Whether upstream has it for certain.
    pub const fn has_arrived(self) -> bool {
        matches!(self, Self::Submitted | Self::Accepted | Self::Declined)
    }

    /// Whether it ended without upstream having it: the same content may be asked for anew.
    pub const fn came_to_nothing(self) -> bool {
        self.is_final() && !self.has_arrived()
    }

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PendingApproval => "pending_approval",
            Self::Approved => "approved",
            Self::Dispatching => "dispatching",
            Self::Submitted => "submitted",
            Self::Accepted => "accepted",
            Self::Declined => "declined",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
            Self::NeedsAttention => "needs_attention",
            Self::Rejected => "rejected",
            Self::Withdrawn => "withdrawn",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for RegistrationState {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// A text that names no state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a state of a registration")]
pub struct RegistrationStateError;

impl FromStr for RegistrationState {
    type Err = RegistrationStateError;

    fn from_str(text: &str) -> Result<Self, RegistrationStateError> {
        Self::ALL.into_iter().find(|state| state.as_str() == text).ok_or(RegistrationStateError)
    }
}

impl RegistrationStep {
    /// Every step, in the order of the protocol.
    pub const ALL: [Self; 14] = [
        Self::Endorse,
        Self::Approve,
        Self::Reject,
        Self::Withdraw,
        Self::Expire,
        Self::Claim,
        Self::NotSent,
        Self::Submit,
        Self::Fail,
        Self::Lose,
        Self::Stall,
        Self::Accept,
        Self::Decline,
        Self::Cancel,
    ];

    /// The action of the event that tells of it. The two steps that share one differ in where they lead.
    pub const fn event(self) -> &'static str {
        match self {
            Self::Endorse | Self::Approve => "registration.approved",
            Self::Reject => "registration.rejected",
            Self::Withdraw => "registration.withdrawn",
            Self::Expire => "registration.expired",
            Self::Claim => "registration.intent",
            Self::NotSent => "registration.not_sent",
            Self::Submit => "registration.submitted",
            Self::Fail => "registration.failed",
            Self::Lose => "registration.lost",
            Self::Stall => "registration.stalled",
            Self::Accept => "registration.accepted",
            Self::Decline => "registration.declined",
            Self::Cancel => "registration.cancelled",
        }
    }
}

impl fmt::Display for RegistrationStep {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Endorse | Self::Approve => "be approved",
            Self::Reject => "be rejected",
            Self::Withdraw => "be withdrawn",
            Self::Expire => "expire",
            Self::Claim => "be claimed",
            Self::NotSent => "be given back as not sent",
            Self::Submit => "be submitted",
            Self::Fail => "fail",
            Self::Lose => "be lost",
            Self::Stall => "be left to people",
            Self::Accept => "be accepted",
            Self::Decline => "be declined",
            Self::Cancel => "be cancelled",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{RegistrationState as State, RegistrationStep as Step};

    /// The whole machine, written down a second time.
    const MACHINE: [(State, Step, State); 18] = [
        (State::PendingApproval, Step::Endorse, State::PendingApproval),
        (State::PendingApproval, Step::Approve, State::Approved),
        (State::PendingApproval, Step::Reject, State::Rejected),
        (State::PendingApproval, Step::Withdraw, State::Withdrawn),
        (State::PendingApproval, Step::Expire, State::Expired),
        (State::PendingApproval, Step::Cancel, State::Cancelled),
        (State::Approved, Step::Withdraw, State::Withdrawn),
        (State::Approved, Step::Cancel, State::Cancelled),
        (State::Approved, Step::Claim, State::Dispatching),
        (State::Dispatching, Step::NotSent, State::Approved),
        (State::Dispatching, Step::Submit, State::Submitted),
        (State::Dispatching, Step::Fail, State::Failed),
        (State::Dispatching, Step::Lose, State::Unknown),
        (State::Unknown, Step::Stall, State::NeedsAttention),
        (State::NeedsAttention, Step::Submit, State::Submitted),
        (State::NeedsAttention, Step::Fail, State::Failed),
        (State::Submitted, Step::Accept, State::Accepted),
        (State::Submitted, Step::Decline, State::Declined),
    ];

    #[test]
    fn every_state_and_step_goes_where_the_table_says_and_nowhere_else() {
        for from in State::ALL {
            for step in Step::ALL {
                let listed = MACHINE.iter().find(|(state, known, _)| (*state, *known) == (from, step));
                assert_eq!(from.after(step).ok(), listed.map(|(_, _, to)| *to), "{from}, {step:?}");
            }
        }
    }

    #[test]
    fn what_may_have_been_sent_is_never_claimed_again() {
        let mut reached = vec![State::Unknown];
        let mut next = 0;
        while let Some(state) = reached.get(next).copied() {
            let further = Step::ALL.into_iter().filter_map(|step| state.after(step).ok());
            let new: Vec<State> = further.filter(|to| !reached.contains(to)).collect();
            reached.extend(new);
            next += 1;
        }
        assert!(!reached.contains(&State::Dispatching) && !reached.contains(&State::Approved), "{reached:?}");
    }

    #[test]
    fn only_the_mail_leads_out_of_a_final_state() {
        for from in State::ALL.into_iter().filter(|state| state.is_final()) {
            for step in Step::ALL.into_iter().filter(|step| from.after(*step).is_ok()) {
                assert!(matches!((from, step), (State::Submitted, Step::Accept | Step::Decline)), "{from}");
            }
        }
    }

    #[test]
    fn an_event_and_where_it_leads_tell_which_step_it_was() {
        for from in State::ALL {
            let steps = Step::ALL.into_iter().filter_map(|step| Some((step.event(), from.after(step).ok()?)));
            let told: Vec<_> = steps.collect();
            for (index, one) in told.iter().enumerate() {
                assert!(!told.iter().skip(index + 1).any(|other| other == one), "{from}: {one:?}");
            }
        }
    }

    #[test]
    fn words_are_read_as_they_are_written() {
        for state in State::ALL {
            assert_eq!(state.as_str().parse(), Ok(state));
        }
    }
}
