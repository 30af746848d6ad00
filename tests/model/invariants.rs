//! What must hold: in every world, and where nothing is left to happen.

use std::fmt;

use numbers_gateway::domain::purchase::State;

use crate::setting::{Setting, Upstream};
use crate::world::{BOTH, Money, Purchase, World};

/// The invariants of the protocol, by the numbers they have there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Invariant {
    I1,
    I2,
    I3,
    I4,
    I5,
    I6,
    I9,
    /// The state machine of the domain has no such transition.
    Machine,
    /// Whatever happened, it ends: nothing waits for something that does not come.
    Ends,
}

impl fmt::Display for Invariant {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self {
            Self::I1 => "upstream received a second buy for an attempt that was sent",
            Self::I2 => "a buy was sent before its intent was durable",
            Self::I3 => "a hold was granted above the limit",
            Self::I4 => "what upstream sold, or may yet sell, is not what the books say",
            Self::I5 => "a hold was not kept until its purchase was settled",
            Self::I6 => "one number has two active purchases",
            Self::I9 => "a buy was sent without an approval of its own",
            Self::Machine => "a transition that the domain forbids",
            Self::Ends => "nothing more happens and a purchase is not settled",
        };
        write!(out, "{self:?}: {what}")
    }
}

/// What is wrong with a world.
pub(crate) fn broken_in(world: &World, setting: &Setting) -> Option<Invariant> {
    if world.broken.is_some() {
        return world.broken;
    }
    if !world.purchases.iter().all(money_follows_the_state) {
        return Some(Invariant::I5);
    }
    let active = |at: &usize| world.purchases[*at].state.is_active();
    let numbers: Vec<usize> = BOTH.into_iter().filter(active).map(|at| setting.number_of(at)).collect();
    matches!(numbers.as_slice(), [one, other] if one == other).then_some(Invariant::I6)
}

/// A hold stands exactly as long as the outcome is open, and a charge exactly where the number was bought.
fn money_follows_the_state(purchase: &Purchase) -> bool {
    let wanted = match purchase.state {
        State::Reserved | State::Dispatching | State::Unknown | State::NeedsAttention => Money::Held,
        State::Bought | State::BoughtLate => Money::Posted,
        State::PendingApproval
        | State::Approved
        | State::Failed
        | State::NotBought
        | State::Rejected
        | State::Withdrawn
        | State::Expired
        | State::Cancelled => Money::Free,
    };
    purchase.money == wanted
}

/// What is wrong with a world in which nothing more can happen.
pub(crate) fn broken_at_the_end(world: &World, setting: &Setting) -> Option<Invariant> {
    if !world.purchases.iter().all(|purchase| purchase.state.is_final()) {
        return Some(Invariant::Ends);
    }
    let of = |number: usize| BOTH.into_iter().filter(move |at| setting.number_of(*at) == number);
    for number in BOTH {
        let sold = of(number).filter(|at| world.purchases[*at].order.is_sold()).count();
        let booked = of(number).filter(|at| world.purchases[*at].money == Money::Posted).count();
        if sold != booked {
            return Some(Invariant::I4);
        }
    }
    // Late is for an upstream that was later than the window, and it is not passed over in silence.
    let is_late = world.purchases.iter().any(|purchase| purchase.state == State::BoughtLate);
    let may_be_late = setting.upstream == Upstream::Faithless && world.is_frozen;
    (is_late && !may_be_late).then_some(Invariant::I4)
}
