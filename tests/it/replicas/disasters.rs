//! What happens to three replicas and their database, and when.

use crate::chaos::random::Random;
use crate::chaos::shim::Act;
use crate::replicas::line::Moment;

/// Where it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// At one of a replica's calls to upstream, which is between its claim and what it knows of the outcome.
    Call(&'static str, Side),
    /// At one of a replica's commits.
    Commit(Moment),
    /// Some time in the traffic.
    Sometime,
}

/// On which side of the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Before,
    After,
}

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// kill -9 of the replica.
    Kill,
    /// SIGSTOP of the replica, which is woken later.
    Pause,
    /// kill -9 of PostgreSQL, which comes up again.
    KillServer,
    /// The replica's connections end.
    Cut,
    /// The replica's connections go silent, and what was on its way comes late.
    Silence,
    /// The replica's connections end, and there is no other for a while.
    Seclusion,
}

/// Before connecting is after the claim: the buy leaves, or not, long after others settled it.
const CALLS: [(&str, Side); 5] = [
    ("connect", Side::Before),
    ("connect", Side::After),
    ("send-buy", Side::Before),
    ("send-buy", Side::After),
    ("recv-buy", Side::Before),
];
const ALL: [What; 6] = [What::Pause, What::Kill, What::KillServer, What::Cut, What::Silence, What::Seclusion];

/// One disaster.
#[derive(Clone, Copy, Debug)]
pub struct Disaster {
    pub when: When,
    pub what: What,
    /// At the how-manieth call or commit.
    pub count: usize,
    /// How long it lasts.
    pub millis: u64,
}

impl Disaster {
    /// The kinds in turn, so that a run has all of them; how long, at which call and when exactly, by chance.
    pub fn of_cycle(cycle: usize, random: &mut Random) -> Self {
        let what = ALL[cycle % ALL.len()];
        let round = cycle / ALL.len();
        let moments = [When::Commit(Moment::Before), When::Commit(Moment::After)];
        let when = match what {
            // Between claim and send, most of the time.
            What::Pause if round % 4 != 3 => call(CALLS[round % CALLS.len()]),
            What::Kill if round.is_multiple_of(3) => call(CALLS[random.index(CALLS.len())]),
            // Nothing else is in the middle of a COMMIT.
            What::Cut => moments[round % 2],
            What::Pause | What::Kill | What::KillServer | What::Silence | What::Seclusion => {
                [moments[0], moments[1], When::Sometime][random.index(3)]
            }
        };
        // A buy claims and books; one that somebody has to approve is written down before.
        let count = if matches!(when, When::Call(..)) { 1 } else { 1 + random.index(4) };
        let millis = match (what, random.below(6)) {
            (What::Cut, _) | (What::Kill, 0..3) => 0,
            // Longer than a session outlives its process, and than it takes to call absent what was not sent.
            (What::Pause, 0) => 30_000,
            // Longer than anybody waits for a database or a lock.
            (What::Silence, 0) => 20_000,
            (_, 0..3) => random.below(1_000),
            _ => 1_000 + random.below(5_000),
        };
        Self { when, what, count, millis }
    }

    /// What the shim does to the replica.
    pub fn act(&self, side: Side) -> Act {
        match (self.what, side) {
            (What::Pause, Side::Before) => Act::StopBefore,
            (What::Pause, Side::After) => Act::StopAfter,
            (_, Side::Before) => Act::KillBefore,
            (_, Side::After) => Act::KillAfter,
        }
    }
}

fn call((name, side): (&'static str, Side)) -> When {
    When::Call(name, side)
}
