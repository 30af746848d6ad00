//! The purchase protocol, searched exhaustively: two purchases, two claimants, and everything that may go wrong
//! between any two acts.
//!
//! The states and steps of a purchase are the program's own: every transition goes through
//! [`State::after`](numbers_gateway::domain::purchase::State::after), so a machine that is changed is searched as it
//! is. Around it stands a small world: durable rows, processes that crash and lose locks, an upstream that sells
//! without saying so, and time. In each world the invariants of the protocol are checked, and where nothing more can
//! happen, that the books say what upstream sold. Then every shortcut that the protocol warns of is taken, and the
//! search has to find what it breaks.
//!
//! What the model leaves out: more than two of anything, a process that stands still between connecting and sending
//! for longer than the slack in "proven gone", what people resolve by hand, and money beyond one unit a purchase.
#![expect(clippy::indexing_slicing, reason = "purchases and claimants are two, and named by their places")]
#![expect(clippy::panic, reason = "an outcome nobody wants stops the test")]
#![expect(
    clippy::print_stdout,
    reason = "how much was searched, and what a shortcut breaks, is worth reading"
)]

mod claimant;
mod invariants;
mod moves;
mod outside;
mod search;
mod setting;
mod sweep;
mod world;

use std::ops::RangeInclusive;

use numbers_gateway::domain::purchase::State;

use invariants::Invariant;
use search::Outcome;
use setting::{Setting, Shortcut};

/// Fewer worlds, and something that should happen cannot any more; more, and the search would be too slow.
const SANE: RangeInclusive<usize> = 10_000..=400_000;

/// Where purchases get to, whatever else is varied. Reserved is not among them: it is claimed in the same commit.
const ALWAYS_SEEN: [State; 9] = [
    State::PendingApproval,
    State::Withdrawn,
    State::Approved,
    State::Cancelled,
    State::Dispatching,
    State::Bought,
    State::Failed,
    State::Unknown,
    State::NotBought,
];

/// Searches every world of a setting and finds nothing wrong in any.
fn holds(setting: &Setting, also_seen: &[State]) {
    let explored = match search::explore(setting) {
        Outcome::Held(explored) => explored,
        Outcome::Broken(trace) => panic!("{setting}:\n{trace}"),
    };
    println!("{setting}: {} worlds, {} ends", explored.worlds, explored.ends);
    assert!(SANE.contains(&explored.worlds), "{setting}: {} worlds", explored.worlds);
    assert!(explored.ends > 0, "{setting}: nothing ever ends");
    let seen = |state: &State| explored.states.contains(state);
    let wanted: Vec<State> = ALWAYS_SEEN.iter().chain(also_seen).copied().collect();
    assert!(wanted.iter().all(seen), "{setting}: only {:?}", explored.states);
    assert_eq!(explored.states.len(), wanted.len(), "{setting}: {:?}", explored.states);
}

#[test]
fn one_process_at_a_time_buys_two_numbers_once_each() {
    holds(&Setting::plain(), &[]);
    holds(&Setting::plain().with_money_for_one(), &[]);
}

#[test]
fn two_instances_buy_two_numbers_once_each() {
    // Without a crash, which every other setting has: the two purchases share nothing but the instances.
    holds(&Setting { crashes: 0, ..Setting::plain().shared() }, &[]);
}

#[test]
fn two_instances_share_money_for_one_purchase() {
    holds(&Setting::plain().shared().with_money_for_one(), &[]);
}

#[test]
fn one_number_is_bought_once_by_whomever() {
    holds(&Setting::plain().with_one_number(), &[]);
    holds(&Setting::plain().with_one_number().shared(), &[]);
}

#[test]
fn a_sale_after_the_window_or_after_a_refusal_is_booked_late_and_freezes_buying() {
    let faithless = Setting::plain().with_a_faithless_upstream();
    holds(&faithless.with_money_for_one(), &[State::BoughtLate]);
    holds(&faithless.with_money_for_one().shared(), &[State::BoughtLate]);
}

#[test]
fn a_late_sale_of_a_number_that_is_asked_for_again_is_booked_once() {
    let faithless = Setting::plain().with_a_faithless_upstream().with_one_number();
    holds(&faithless, &[State::BoughtLate]);
    holds(&faithless.shared(), &[State::BoughtLate]);
}

#[test]
fn every_shortcut_breaks_what_the_protocol_says_it_breaks() {
    let plain = Setting::plain();
    // What never comes is found at an end, and crashes only put that off.
    let faithless = Setting { crashes: 0, ..plain.with_a_faithless_upstream() };
    for (shortcut, setting, invariant) in [
        (Shortcut::IntentAfterTheSend, plain, Invariant::I2),
        (Shortcut::DispatchAgain, plain, Invariant::I1),
        (Shortcut::NoQuietWindow, plain, Invariant::I4),
        (Shortcut::WindowFromTheClaim, plain, Invariant::I4),
        (Shortcut::HoldTimesOut, plain, Invariant::I5),
        (Shortcut::BudgetOutsideTheTransaction, plain.shared().with_money_for_one(), Invariant::I3),
        (Shortcut::ServerErrorMeansRefused, plain, Invariant::I4),
        (Shortcut::NeverLookedAtAgain, faithless, Invariant::I4),
        (Shortcut::FreeLockMeansGone, plain.shared(), Invariant::I4),
        (Shortcut::OutcomeByStateAlone, plain.shared(), Invariant::I4),
    ] {
        match search::explore(&setting.taking(shortcut)) {
            Outcome::Held(explored) => panic!("{shortcut:?}: nothing breaks in {} worlds", explored.worlds),
            Outcome::Broken(trace) => {
                println!("{shortcut:?}, {} moves:\n{trace}\n", trace.moves.len());
                assert_eq!(trace.invariant, invariant, "{shortcut:?}");
            }
        }
    }
}
