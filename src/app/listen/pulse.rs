//! What a connection is doing, and until when it may go on doing it.
//!
//! While a handler works nothing runs out: handlers have deadlines of their own, and so have bodies. Otherwise the
//! connection owes something: the rest of a head that it began, the next request, or taking an answer.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How long a listener waits for whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Patience {
    /// From the first byte of a request to the end of its head; on a new connection from its beginning.
    pub(super) head: Duration,
    /// Between two requests, and between two steps in which an answer is taken.
    pub(super) idle: Duration,
}

/// The state of one connection, shared by its stream, its service and the answers that are under way.
#[derive(Debug)]
pub(super) struct Pulse {
    patience: Patience,
    leaving: Arc<AtomicBool>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Requests whose handlers work.
    handled: u32,
    /// Answers that are being taken.
    sent: u32,
    /// When something last went on; nothing where that was since the last look at the deadline. A stream looks whenever it
    /// finds nothing to do, so that is now, and the clock is read once for all that happened to a request.
    since: Option<Instant>,
    owed: Owed,
}

/// What a connection without requests owes.
#[derive(Debug, PartialEq, Eq)]
enum Owed {
    /// The rest of a head.
    Head,
    /// A request.
    Request,
    /// A request of HTTP/2, whose bytes need not be one.
    Stream,
}

impl Pulse {
    /// Of a connection that begins now. Once `leaving` is set it is to end with its next answer.
    pub(super) fn new(patience: Patience, leaving: Arc<AtomicBool>) -> Self {
        let state = State { handled: 0, sent: 0, since: Some(Instant::now()), owed: Owed::Head };
        Self { patience, leaving, state: Mutex::new(state) }
    }

    /// Whether the connection is to end with its next answer.
    pub(super) fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::Acquire)
    }

    /// When the connection has to end unless something goes on before.
    pub(super) fn deadline(&self, now: Instant) -> Option<Instant> {
        let mut state = self.state();
        let within = match state.owed {
            _ if state.handled > 0 => return None,
            Owed::Head if state.sent == 0 => self.patience.head,
            Owed::Head | Owed::Request | Owed::Stream => self.patience.idle,
        };
        Some(*state.since.get_or_insert(now) + within)
    }

    /// Bytes came.
    pub(super) fn heard(&self) {
        let mut state = self.state();
        if state.handled == 0 && state.sent == 0 && state.owed == Owed::Request {
            state.owed = Owed::Head;
            state.since = None;
        }
    }

    /// A request's head is whole, and its handler begins.
    pub(super) fn handling(&self, is_stream: bool) {
        let mut state = self.state();
        state.handled += 1;
        state.owed = if is_stream { Owed::Stream } else { Owed::Request };
    }

    /// The handler has answered, and the answer is to be taken.
    pub(super) fn sending(&self) {
        let mut state = self.state();
        state.handled = state.handled.saturating_sub(1);
        state.sent += 1;
        state.since = None;
    }

    /// A piece of an answer was asked for.
    pub(super) fn went_on(&self) {
        self.state().since = None;
    }

    /// An answer was taken, or nobody wants it any more.
    pub(super) fn was_sent(&self) {
        let mut state = self.state();
        state.sent = state.sent.saturating_sub(1);
        state.since = None;
    }

    /// A handler was given up before it answered.
    pub(super) fn was_given_up(&self) {
        let mut state = self.state();
        state.handled = state.handled.saturating_sub(1);
        state.since = None;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use tokio::time::{Instant, advance};

    use super::{Patience, Pulse};

    const HEAD: Duration = Duration::from_secs(10);
    const IDLE: Duration = Duration::from_mins(1);

    fn begun() -> Pulse {
        Pulse::new(Patience { head: HEAD, idle: IDLE }, Arc::default())
    }

    fn left(pulse: &Pulse) -> Option<Duration> {
        pulse.deadline(Instant::now()).map(|deadline| deadline - Instant::now())
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_trickles_in_has_no_more_time_than_one_that_does_not_come() {
        let pulse = begun();
        for _ in 0..9 {
            advance(Duration::from_secs(1)).await;
            pulse.heard();
        }
        assert_eq!(left(&pulse), Some(Duration::from_secs(1)));
    }

    #[tokio::test(start_paused = true)]
    async fn between_requests_there_is_more_time_until_the_next_one_begins() {
        let pulse = begun();
        pulse.handling(false);
        assert_eq!(left(&pulse), None, "a handler has a deadline of its own");
        pulse.sending();
        pulse.was_sent();
        assert_eq!(left(&pulse), Some(IDLE));
        advance(Duration::from_secs(50)).await;
        assert_eq!(left(&pulse), Some(Duration::from_secs(10)));
        pulse.heard();
        assert_eq!(left(&pulse), Some(HEAD));
        advance(Duration::from_secs(3)).await;
        pulse.heard();
        assert_eq!(left(&pulse), Some(Duration::from_secs(7)));
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_nobody_takes_is_not_kept_for_ever() {
        let pulse = begun();
        pulse.handling(false);
        pulse.sending();
        assert_eq!(left(&pulse), Some(IDLE));
        advance(Duration::from_secs(40)).await;
        pulse.heard();
        assert_eq!(left(&pulse), Some(Duration::from_secs(20)), "talking is not taking");
        pulse.went_on();
        assert_eq!(left(&pulse), Some(IDLE));
    }

    #[tokio::test(start_paused = true)]
    async fn frames_of_http_2_that_are_no_request_keep_nothing_open() {
        let pulse = begun();
        pulse.handling(true);
        pulse.handling(true);
        pulse.was_given_up();
        assert_eq!(left(&pulse), None);
        pulse.sending();
        pulse.was_sent();
        assert_eq!(left(&pulse), Some(IDLE));
        advance(Duration::from_secs(59)).await;
        pulse.heard();
        assert_eq!(left(&pulse), Some(Duration::from_secs(1)));
    }
}
