//! The named steps of the protocol as calls of the program: found by watching one buy, so that no number of a call is
//! written down here and grows old.

use crate::chaos::shim::{Act, Call, Plan};

/// A moment at which the process ends.
#[derive(Clone, Debug)]
pub struct Step {
    pub name: &'static str,
    pub plan: Plan,
    /// What may be true for the next process.
    pub leaves: &'static [Leaves],
}

/// What a process leaves of a buy: the purchase's state once the next one is ready, and what upstream sold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaves {
    pub state: Option<&'static str>,
    pub sold: usize,
}

const NOTHING: Leaves = Leaves { state: None, sold: 0 };
const NOT_SOLD: Leaves = Leaves { state: Some("unknown"), sold: 0 };
const SOLD: Leaves = Leaves { state: Some("unknown"), sold: 1 };
const BOUGHT: Leaves = Leaves { state: Some("bought"), sold: 1 };

/// The steps of a buy, from the calls that one made from its request to its answer.
pub fn of_a_buy(calls: &[String]) -> Vec<Step> {
    let before = |end: usize, name: &str| last(calls, end, name);
    let after = |start: usize, name: &str| first(calls, start, name);
    let sent = after(0, "send-buy");
    let connected = before(sent, "connect");
    let claimed = before(connected, "sync-wal");
    let answered = after(sent, "recv-buy");
    let written = after(answered, "write-wal");
    let booked = after(written, "sync-wal");
    let step = |name, act, at, leaves| Step { name, plan: Plan { act, call: call(calls, at) }, leaves };
    // What was written and not yet confirmed is there after a kill, because the kernel has it, and gone after a power
    // cut.
    vec![
        // Submit and intent are one commit where nobody has to be asked.
        step("before the durable intent", Act::KillBefore, claimed, &[NOT_SOLD]),
        step("power fails before the durable intent", Act::CutPower, claimed, &[NOTHING]),
        step("after the durable intent", Act::KillAfter, claimed, &[NOT_SOLD]),
        step("before connecting", Act::KillBefore, connected, &[NOT_SOLD]),
        step("after connecting", Act::KillAfter, connected, &[NOT_SOLD]),
        step("before the first byte", Act::KillBefore, sent, &[NOT_SOLD]),
        step("after the first byte", Act::KillAfter, sent, &[NOT_SOLD, SOLD]),
        step("before the answer is read", Act::KillBefore, answered, &[SOLD]),
        step("before anything of the answer is written", Act::KillBefore, written, &[SOLD]),
        step("before the durable booking", Act::KillBefore, booked, &[BOUGHT]),
        step("power fails before the durable booking", Act::CutPower, booked, &[SOLD]),
        step("after the durable booking", Act::KillAfter, booked, &[BOUGHT]),
    ]
}

/// The steps of a start that finds something under way, from the calls that one made; it was not sold.
pub fn of_a_recovery(calls: &[String]) -> Vec<Step> {
    // The first that a start makes durable; what follows differs from start to start.
    let recovered = first(calls, 0, "sync-wal");
    let step =
        |name, act| Step { name, plan: Plan { act, call: call(calls, recovered) }, leaves: &[NOT_SOLD] };
    vec![
        step("before the durable recovery", Act::KillBefore),
        step("power fails before the durable recovery", Act::CutPower),
        step("after the durable recovery", Act::KillAfter),
    ]
}

fn first(calls: &[String], start: usize, name: &str) -> usize {
    let found = calls.iter().skip(start).position(|call| call == name);
    start + found.unwrap_or_else(|| panic!("no {name} after {start} in {calls:?}"))
}

fn last(calls: &[String], end: usize, name: &str) -> usize {
    let found = calls[..end].iter().rposition(|call| call == name);
    found.unwrap_or_else(|| panic!("no {name} before {end} in {calls:?}"))
}

fn call(calls: &[String], at: usize) -> Call {
    let name = calls[at].clone();
    Call { count: calls[..=at].iter().filter(|call| **call == name).count(), name }
}
