//! The states of a purchase and the steps between them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Where a purchase stands. The words are the ones on the wire, in SQL, in metrics and in the documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Waits for people.
    PendingApproval,
    /// May be bought; nothing is held yet.
    Approved,
    /// Money and number are held.
    Reserved,
    /// Claimed: the buy is being sent, or was.
    Dispatching,
    /// Upstream said so.
    Bought,
    /// Upstream certainly refused.
    Failed,
    /// Nobody knows; the hold stays, and no timer frees it.
    Unknown,
    /// Nobody knows and no list can tell: people must look.
    NeedsAttention,
    /// Two complete lists did not show it.
    NotBought,
    /// Shown by a list after it was given up.
    BoughtLate,
    /// An approver said no.
    Rejected,
    /// The requester took it back.
    Withdrawn,
    /// Nobody decided in time.
    Expired,
    /// Could not be reserved; the code says why.
    Cancelled,
}

/// One transition of the protocol. Each is one transaction, with its audit event in the same commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// Money and number are held.
    Reserve,
    /// An instance makes the one attempt its own.
    Claim,
    /// Not one byte left this machine: the hold goes back.
    NotSent,
    /// The sale is certain.
    Book,
    /// The refusal is certain.
    Fail,
    /// Neither is.
    Lose,
    /// A guard of the reservation says no for good.
    Cancel,
}

/// A step that the state does not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a purchase that is {state} cannot {step}")]
pub struct Impossible {
    state: State,
    step: Step,
}

impl State {
    /// Every state, in the order of the documentation.
    pub const ALL: [Self; 14] = [
        Self::PendingApproval,
        Self::Approved,
        Self::Reserved,
        Self::Dispatching,
        Self::Bought,
        Self::Failed,
        Self::Unknown,
        Self::NeedsAttention,
        Self::NotBought,
        Self::BoughtLate,
        Self::Rejected,
        Self::Withdrawn,
        Self::Expired,
        Self::Cancelled,
    ];

    /// The state after a step, or that there is no such transition.
    pub const fn after(self, step: Step) -> Result<Self, Impossible> {
        match (self, step) {
            (Self::Approved, Step::Reserve) => Ok(Self::Reserved),
            (Self::Approved, Step::Cancel) => Ok(Self::Cancelled),
            (Self::Reserved, Step::Claim) => Ok(Self::Dispatching),
            (Self::Dispatching, Step::NotSent) => Ok(Self::Approved),
            (Self::Dispatching, Step::Fail) => Ok(Self::Failed),
            (Self::Dispatching, Step::Lose) => Ok(Self::Unknown),
            (Self::Dispatching | Self::Unknown | Self::NeedsAttention, Step::Book) => Ok(Self::Bought),
            (state, step) => Err(Impossible { state, step }),
        }
    }

    /// Whether the number is taken by this purchase: one active purchase per number, ever.
    pub const fn is_active(self) -> bool {
        matches!(
            self,
            Self::Reserved
                | Self::Dispatching
                | Self::Unknown
                | Self::NeedsAttention
                | Self::Bought
                | Self::BoughtLate
        )
    }

    /// Whether no step of its own leads on.
    pub const fn is_final(self) -> bool {
        matches!(
            self,
            Self::Bought
                | Self::BoughtLate
                | Self::Failed
                | Self::NotBought
                | Self::Rejected
                | Self::Withdrawn
                | Self::Expired
                | Self::Cancelled
        )
    }

    /// Whether asking again for the same number finds this purchase: it is under way or bought.
    pub const fn answers_a_repeat(self) -> bool {
        !matches!(
            self,
            Self::Failed
                | Self::NotBought
                | Self::Rejected
                | Self::Withdrawn
                | Self::Expired
                | Self::Cancelled
        )
    }

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PendingApproval => "pending_approval",
            Self::Approved => "approved",
            Self::Reserved => "reserved",
            Self::Dispatching => "dispatching",
            Self::Bought => "bought",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
            Self::NeedsAttention => "needs_attention",
            Self::NotBought => "not_bought",
            Self::BoughtLate => "bought_late",
            Self::Rejected => "rejected",
            Self::Withdrawn => "withdrawn",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// A text that names no state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a state of a purchase")]
pub struct StateError;

impl FromStr for State {
    type Err = StateError;

    fn from_str(text: &str) -> Result<Self, StateError> {
        Self::ALL.into_iter().find(|state| state.as_str() == text).ok_or(StateError)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Reserve => "be reserved",
            Self::Claim => "be claimed",
            Self::NotSent => "be given back as not sent",
            Self::Book => "be booked",
            Self::Fail => "fail",
            Self::Lose => "be lost",
            Self::Cancel => "be cancelled",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{State, Step};

    const STEPS: [Step; 7] =
        [Step::Reserve, Step::Claim, Step::NotSent, Step::Book, Step::Fail, Step::Lose, Step::Cancel];

    #[test]
    fn only_a_claim_leads_to_dispatching_and_only_a_reservation_can_be_claimed() {
        for state in State::ALL {
            for step in STEPS {
                if state.after(step) == Ok(State::Dispatching) {
                    assert_eq!((state, step), (State::Reserved, Step::Claim));
                }
            }
        }
    }

    #[test]
    fn what_is_unknown_is_never_sent_again_nor_given_back() {
        for step in STEPS {
            let allowed = State::Unknown.after(step);
            assert!(matches!(allowed, Ok(State::Bought) | Err(_)), "{step}: {allowed:?}");
        }
    }

    #[test]
    fn final_states_stay() {
        for state in State::ALL.into_iter().filter(|state| state.is_final()) {
            assert!(STEPS.into_iter().all(|step| state.after(step).is_err()), "{state}");
        }
    }

    #[test]
    fn words_are_read_as_they_are_written() {
        for state in State::ALL {
            assert_eq!(state.as_str().parse(), Ok(state));
        }
    }
}
