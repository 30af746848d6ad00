//! Whether an operation of upstream's is asked at all: one that keeps failing is left alone for a while, so that callers
//! hear at once what they would otherwise wait for, and upstream gets the air to come back.
//!
//! Three states. *Closed*: every call goes. *Open*: none does, after too many of the last calls failed. *Half open*: the
//! pause is over, and one call at a time goes as a probe; what becomes of it closes the circuit or opens it again, for
//! longer. Only reads hold a [`Permit`]: a write looks at the state, and neither probes nor counts.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::clicksend::observe::{CircuitState, Operation};

/// The calls that are judged: those of so long.
const WINDOW: Duration = Duration::from_secs(30);
/// Fewer calls prove nothing.
const AT_LEAST: usize = 5;
/// Of those, the share that opens it: one in so many.
const ONE_IN: usize = 2;
/// Until the first probe; doubled by each that fails.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// Upstream that is back is noticed within this time.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// While somebody else's probe is under way, nobody knows when to ask again.
const SOON: Duration = Duration::from_secs(1);

/// What a call means for the circuit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Upstream is there and speaks, be it to refuse.
    Answered,
    /// No usable answer.
    Failed,
    /// Nobody knows: it was throttled, never left, or was given up.
    Nothing,
}

/// The circuit of one operation.
pub(super) struct Circuit {
    operation: Operation,
    inside: Mutex<Inside>,
    tripped: Notify,
}

struct Inside {
    /// Counts every opening and closing: what was begun in an earlier round means nothing in this one.
    round: u64,
    state: State,
}

enum State {
    Closed(Calls),
    Tripped { until: Instant, pause: Duration, is_probed: bool },
}

/// The calls of the window.
#[derive(Default)]
struct Calls {
    /// When each ended, and whether it failed.
    ended: VecDeque<(Instant, bool)>,
    /// How many of them failed, so that a busy minute is not counted anew for each call.
    failed: usize,
}

/// The right to make one call. Dropping it says that nothing is known of the call, and gives a probe back.
pub(super) struct Permit<'c> {
    circuit: &'c Circuit,
    round: u64,
    is_probe: bool,
    meaning: Meaning,
}

impl Circuit {
    /// A closed one.
    pub(super) fn new(operation: Operation) -> Self {
        let inside = Inside { round: 0, state: State::Closed(Calls::default()) };
        Self { operation, inside: Mutex::new(inside), tripped: Notify::new() }
    }

    /// How it stands.
    pub(super) fn state(&self) -> CircuitState {
        match &self.inside().state {
            State::Closed(_) => CircuitState::Closed,
            State::Tripped { until, .. } if *until > Instant::now() => CircuitState::Open,
            State::Tripped { .. } => CircuitState::HalfOpen,
        }
    }

    /// Whether a read may go now, or in how long to ask again. Takes nothing.
    pub(super) fn check(&self) -> Result<(), Duration> {
        self.inside().wait().map_or(Ok(()), Err)
    }

    /// The right to make one call now, or in how long to ask again.
    pub(super) fn admit(&self) -> Result<Permit<'_>, Duration> {
        let mut inside = self.inside();
        if let Some(wait) = inside.wait() {
            return Err(wait);
        }
        let is_probe = match &mut inside.state {
            State::Closed(_) => false,
            State::Tripped { is_probed, .. } => {
                *is_probed = true;
                true
            }
        };
        Ok(Permit { circuit: self, round: inside.round, is_probe, meaning: Meaning::Nothing })
    }

    /// How long to stay away for who is no probe, nothing while it is closed. At least a moment, also where a probe may go
    /// now.
    pub(super) fn away_for(&self) -> Option<Duration> {
        let inside = self.inside();
        match &inside.state {
            State::Closed(_) => None,
            State::Tripped { .. } => Some(inside.wait().unwrap_or_default().max(SOON)),
        }
    }

    /// Returns when it is not closed any more.
    pub(super) async fn tripped(&self) {
        while self.state() == CircuitState::Closed {
            self.tripped.notified().await;
        }
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn settle(&self, round: u64, meaning: Meaning) {
        let mut inside = self.inside();
        if inside.round != round {
            return;
        }
        match (&mut inside.state, meaning) {
            (State::Closed(_), Meaning::Nothing) => {}
            (State::Closed(calls), Meaning::Answered | Meaning::Failed) => {
                if let Some((failed, all)) = calls.add(meaning == Meaning::Failed) {
                    tracing::warn!(
                        operation = self.operation.as_str(),
                        failed,
                        of = all,
                        pause = ?FIRST_PAUSE,
                        "ClickSend does not answer; it is left alone, and asked again after a pause"
                    );
                    self.trip(&mut inside, FIRST_PAUSE);
                }
            }
            (State::Tripped { is_probed, .. }, Meaning::Nothing) => *is_probed = false,
            (State::Tripped { pause, .. }, Meaning::Failed) => {
                let pause = (*pause * 2).min(LONGEST_PAUSE);
                self.trip(&mut inside, pause);
            }
            (State::Tripped { .. }, Meaning::Answered) => {
                inside.round += 1;
                inside.state = State::Closed(Calls::default());
                tracing::info!(operation = self.operation.as_str(), "ClickSend answers again");
            }
        }
    }

    fn trip(&self, inside: &mut Inside, pause: Duration) {
        inside.round += 1;
        inside.state = State::Tripped { until: Instant::now() + pause, pause, is_probed: false };
        self.tripped.notify_one();
    }
}

impl Inside {
    fn wait(&self) -> Option<Duration> {
        match &self.state {
            State::Closed(_) => None,
            State::Tripped { until, is_probed, .. } => {
                let wait = until.saturating_duration_since(Instant::now());
                let wait = if *is_probed { wait.max(SOON) } else { wait };
                (!wait.is_zero()).then_some(wait)
            }
        }
    }
}

impl Calls {
    /// Adds one; how many of how many failed, if that is too many.
    fn add(&mut self, failed: bool) -> Option<(usize, usize)> {
        let now = Instant::now();
        while let Some(&(at, failed)) = self.ended.front()
            && at + WINDOW <= now
        {
            self.ended.pop_front();
            self.failed = self.failed.saturating_sub(usize::from(failed));
        }
        self.ended.push_back((now, failed));
        self.failed += usize::from(failed);
        let (failed, all) = (self.failed, self.ended.len());
        (all >= AT_LEAST && failed * ONE_IN >= all).then_some((failed, all))
    }
}

impl Permit<'_> {
    /// Whether it is the one call that finds out.
    pub(super) const fn is_probe(&self) -> bool {
        self.is_probe
    }

    /// The call is over.
    pub(super) fn settle(mut self, meaning: Meaning) {
        self.meaning = meaning;
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.circuit.settle(self.round, self.meaning);
    }
}
