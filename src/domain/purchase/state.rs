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
    /// The price moved, and at the new one people have to decide (again).
    AskAgain,
    /// The price moved, and a rule allows the new one.
    Redecide,
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
    /// Two complete lists of owned numbers, late enough and far enough apart, do not show the number.
    Absent,
    /// No list settles it: people must.
    Stall,
    /// Enough people say that it was not bought.
    GiveUp,
    /// A list shows the number after it was given up.
    BookLate,
    /// A guard says no for good.
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
            (Self::PendingApproval, Step::Endorse)
            | (Self::PendingApproval | Self::Approved, Step::AskAgain) => Ok(Self::PendingApproval),
            (Self::PendingApproval, Step::Approve)
            | (Self::PendingApproval | Self::Approved, Step::Redecide)
            | (Self::Dispatching, Step::NotSent) => Ok(Self::Approved),
            (Self::PendingApproval, Step::Reject) => Ok(Self::Rejected),
            (Self::PendingApproval, Step::Expire) => Ok(Self::Expired),
            (Self::PendingApproval | Self::Approved, Step::Withdraw) => Ok(Self::Withdrawn),
            (Self::PendingApproval | Self::Approved, Step::Cancel) => Ok(Self::Cancelled),
            (Self::Approved, Step::Reserve) => Ok(Self::Reserved),
            (Self::Reserved, Step::Claim) => Ok(Self::Dispatching),
            (Self::Dispatching | Self::Unknown | Self::NeedsAttention, Step::Book) => Ok(Self::Bought),
            (Self::Dispatching, Step::Fail) => Ok(Self::Failed),
            (Self::Dispatching, Step::Lose) => Ok(Self::Unknown),
            (Self::Unknown, Step::Stall) => Ok(Self::NeedsAttention),
            (Self::Unknown, Step::Absent) | (Self::NeedsAttention, Step::GiveUp) => Ok(Self::NotBought),
            (Self::Failed | Self::NotBought, Step::BookLate) => Ok(Self::BoughtLate),
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

    /// Whether nothing leads on but a list that shows a number which was given up.
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

impl Step {
    /// Every step, in the order of the protocol.
    pub const ALL: [Self; 18] = [
        Self::Endorse,
        Self::Approve,
        Self::Reject,
        Self::Withdraw,
        Self::Expire,
        Self::AskAgain,
        Self::Redecide,
        Self::Reserve,
        Self::Claim,
        Self::NotSent,
        Self::Book,
        Self::Fail,
        Self::Lose,
        Self::Absent,
        Self::Stall,
        Self::GiveUp,
        Self::BookLate,
        Self::Cancel,
    ];
}

impl fmt::Display for Step {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Endorse | Self::Approve => "be approved",
            Self::Reject => "be rejected",
            Self::Withdraw => "be withdrawn",
            Self::Expire => "expire",
            Self::AskAgain | Self::Redecide => "be decided again",
            Self::Reserve => "be reserved",
            Self::Claim => "be claimed",
            Self::NotSent => "be given back as not sent",
            Self::Book => "be booked",
            Self::Fail => "fail",
            Self::Lose => "be lost",
            Self::Absent | Self::GiveUp => "be given up",
            Self::Stall => "be left to people",
            Self::BookLate => "be booked late",
            Self::Cancel => "be cancelled",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{State, Step};

    /// What leads on from each state, and where to; every other step is impossible.
    const TABLE: [(State, &[(Step, State)]); 14] = [
        (
            State::PendingApproval,
            &[
                (Step::Endorse, State::PendingApproval),
                (Step::Approve, State::Approved),
                (Step::Reject, State::Rejected),
                (Step::Withdraw, State::Withdrawn),
                (Step::Expire, State::Expired),
                (Step::AskAgain, State::PendingApproval),
                (Step::Redecide, State::Approved),
                (Step::Cancel, State::Cancelled),
            ],
        ),
        (
            State::Approved,
            &[
                (Step::Withdraw, State::Withdrawn),
                (Step::AskAgain, State::PendingApproval),
                (Step::Redecide, State::Approved),
                (Step::Reserve, State::Reserved),
                (Step::Cancel, State::Cancelled),
            ],
        ),
        (State::Reserved, &[(Step::Claim, State::Dispatching)]),
        (
            State::Dispatching,
            &[
                (Step::NotSent, State::Approved),
                (Step::Book, State::Bought),
                (Step::Fail, State::Failed),
                (Step::Lose, State::Unknown),
            ],
        ),
        (State::Bought, &[]),
        (State::Failed, &[(Step::BookLate, State::BoughtLate)]),
        (
            State::Unknown,
            &[
                (Step::Book, State::Bought),
                (Step::Absent, State::NotBought),
                (Step::Stall, State::NeedsAttention),
            ],
        ),
        (State::NeedsAttention, &[(Step::Book, State::Bought), (Step::GiveUp, State::NotBought)]),
        (State::NotBought, &[(Step::BookLate, State::BoughtLate)]),
        (State::BoughtLate, &[]),
        (State::Rejected, &[]),
        (State::Withdrawn, &[]),
        (State::Expired, &[]),
        (State::Cancelled, &[]),
    ];

    #[test]
    fn the_machine_is_the_table_of_the_protocol_and_nothing_else() {
        assert_eq!(TABLE.map(|(from, _)| from), State::ALL);
        for (from, ways) in TABLE {
            for step in Step::ALL {
                let wanted = ways.iter().find(|(way, _)| *way == step).map(|(_, to)| *to);
                assert_eq!(from.after(step).ok(), wanted, "{from}: {step:?}");
            }
        }
    }

    /// Every way from one state to another.
    fn transitions() -> impl Iterator<Item = (State, Step, State)> {
        State::ALL.into_iter().flat_map(|from| {
            Step::ALL.into_iter().filter_map(move |step| Some((from, step, from.after(step).ok()?)))
        })
    }

    #[test]
    fn only_a_claim_leads_to_dispatching_and_only_a_reservation_can_be_claimed() {
        for (from, step, to) in transitions().filter(|(_, _, to)| *to == State::Dispatching) {
            assert_eq!((from, step), (State::Reserved, Step::Claim), "{to}");
        }
    }

    #[test]
    fn what_is_unknown_is_never_sent_again() {
        // Whatever can be reached from unknown, dispatching is not.
        let mut reached = vec![State::Unknown];
        let mut next = 0;
        while let Some(state) = reached.get(next).copied() {
            let further = transitions().filter(|(from, _, _)| *from == state).map(|(_, _, to)| to);
            let new: Vec<State> = further.filter(|to| !reached.contains(to)).collect();
            reached.extend(new);
            next += 1;
        }
        assert!(!reached.contains(&State::Dispatching) && !reached.contains(&State::Approved), "{reached:?}");
    }

    #[test]
    fn only_a_late_sighting_leads_out_of_a_final_state() {
        for (from, step, to) in transitions().filter(|(from, _, _)| from.is_final()) {
            assert_eq!((step, to), (Step::BookLate, State::BoughtLate), "{from}");
        }
    }

    #[test]
    fn nothing_is_reserved_that_was_not_approved() {
        let ways = transitions().filter(|(_, _, to)| *to == State::Reserved);
        assert!(ways.map(|(from, step, _)| (from, step)).eq([(State::Approved, Step::Reserve)]));
    }

    #[test]
    fn words_are_read_as_they_are_written() {
        for state in State::ALL {
            assert_eq!(state.as_str().parse(), Ok(state));
        }
    }
}
