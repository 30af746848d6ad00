//! How often upstream may be asked: its measured limit, kept on our side of the wire.
//!
//! Each endpoint has a log of the calls of the last 60 s. A slot is *held* from the moment it is granted, *sent*
//! once its call begins, and given back when it is dropped unsent; so the window counts calls, not intentions.
//! People's calls are counted twice, once among all and once against their own smaller allowance: what is
//! reserved for buying cannot be searched away.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::header::{HeaderMap, RETRY_AFTER};
use tokio::time::Instant;

use crate::clicksend::Purpose;
use crate::clicksend::observe::Operation;

/// Upstream's window, measured as "20 per about 60 s" on one endpoint and address.
pub(super) const WINDOW: Duration = Duration::from_mins(1);

/// The longest pause upstream can impose: twice its window, so that one odd header cannot stop us for a day.
const MAX_PAUSE: Duration = Duration::from_mins(2);

/// One window per endpoint.
pub(super) struct Limiter {
    search: Arc<Window>,
    list: Arc<Window>,
    account: Arc<Window>,
    buy: Arc<Window>,
    register: Arc<Window>,
}

struct Window {
    for_all: usize,
    for_people: usize,
    log: Mutex<Log>,
}

#[derive(Default)]
struct Log {
    held: Vec<Purpose>,
    sent: VecDeque<(Instant, Purpose)>,
    paused_until: Option<Instant>,
}

impl Limiter {
    /// `reserved` is a percentage; people keep at least one call, or they could never search.
    pub(super) fn new(per_minute: u32, reserved: u32) -> Self {
        let for_people = (u64::from(per_minute) * u64::from(100_u32.saturating_sub(reserved)) / 100).max(1);
        let window = || {
            Arc::new(Window {
                for_all: usize::try_from(per_minute).unwrap_or(usize::MAX),
                for_people: usize::try_from(for_people).unwrap_or(usize::MAX),
                log: Mutex::default(),
            })
        };
        Self { search: window(), list: window(), account: window(), buy: window(), register: window() }
    }

    /// A slot, waited for at most `within`. Refused at once, with the time until the next one, when there can be
    /// none by then.
    pub(super) async fn acquire(
        &self,
        operation: Operation,
        purpose: Purpose,
        within: Duration,
    ) -> Result<Slot, Duration> {
        let window = self.window(operation);
        let deadline = Instant::now() + within;
        loop {
            let now = Instant::now();
            match window.hold(purpose, now) {
                Ok(()) => return Ok(Slot { window: Arc::clone(window), purpose, held: true }),
                Err(free_at) if free_at > deadline => return Err(free_at - now),
                Err(free_at) => tokio::time::sleep_until(free_at).await,
            }
        }
    }

    /// Sends nothing to this endpoint for a while, because upstream said so.
    pub(super) fn pause(&self, operation: Operation, pause: Duration) {
        let until = Instant::now() + pause.min(MAX_PAUSE);
        let mut log = self.window(operation).log();
        log.paused_until = log.paused_until.max(Some(until));
    }

    const fn window(&self, operation: Operation) -> &Arc<Window> {
        match operation {
            Operation::Search => &self.search,
            Operation::List => &self.list,
            Operation::Account => &self.account,
            Operation::Buy => &self.buy,
            Operation::Register => &self.register,
        }
    }
}

impl Window {
    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a slot, or says when the next one may be free.
    fn hold(&self, purpose: Purpose, now: Instant) -> Result<(), Instant> {
        let mut log = self.log();
        log.forget_before(now);
        let pause = log.paused_until.filter(|until| *until > now);
        let among_all = log.full_until(self.for_all, now, |_| true);
        let among_people = match purpose {
            Purpose::People => log.full_until(self.for_people, now, |other| other == Purpose::People),
            Purpose::Buying => None,
        };
        if let Some(free_at) = pause.max(among_all).max(among_people) {
            return Err(free_at);
        }
        log.held.push(purpose);
        Ok(())
    }
}

impl Log {
    fn forget_before(&mut self, now: Instant) {
        while self.sent.front().is_some_and(|(at, _)| *at + WINDOW <= now) {
            self.sent.pop_front();
        }
    }

    /// When the oldest of the counted calls leaves the window, if they fill it. Slots that are all still held
    /// have no such time: the worst is that they are sent now.
    fn full_until(&self, allowed: usize, now: Instant, counts: impl Fn(Purpose) -> bool) -> Option<Instant> {
        let held = self.held.iter().filter(|purpose| counts(**purpose)).count();
        let mut sent = self.sent.iter().filter(|(_, purpose)| counts(*purpose)).map(|(at, _)| *at);
        let oldest = sent.next();
        let used = held + usize::from(oldest.is_some()) + sent.count();
        (used >= allowed).then(|| oldest.unwrap_or(now) + WINDOW)
    }

    fn release(&mut self, purpose: Purpose) {
        if let Some(index) = self.held.iter().position(|held| *held == purpose) {
            self.held.swap_remove(index);
        }
    }
}

/// The right to make one call. Dropping it gives it back.
pub(super) struct Slot {
    window: Arc<Window>,
    purpose: Purpose,
    held: bool,
}

impl Slot {
    /// Turns the slot into a call that begins now; refused when upstream asked for a pause in the meantime.
    pub(super) fn spend(mut self) -> Result<(), Duration> {
        let now = Instant::now();
        let mut log = self.window.log();
        if let Some(until) = log.paused_until.filter(|until| *until > now) {
            return Err(until - now);
        }
        log.release(self.purpose);
        log.sent.push_back((now, self.purpose));
        drop(log);
        self.held = false;
        Ok(())
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if self.held {
            self.window.log().release(self.purpose);
        }
    }
}

/// How long upstream wants to be left alone. A 429 always means a pause; other answers when they carry
/// `Retry-After` or say that nothing remains. Dates are not read: a whole window is assumed instead.
pub(super) fn pause_asked(throttled: bool, headers: &HeaderMap) -> Option<Duration> {
    let seconds = |name: &str| -> Option<u64> { headers.get(name)?.to_str().ok()?.trim().parse().ok() };
    let exhausted = throttled || seconds("x-ratelimit-remaining") == Some(0);
    if !exhausted && !headers.contains_key(RETRY_AFTER) {
        return None;
    }
    let asked = seconds(RETRY_AFTER.as_str()).max(seconds("ratelimit-reset"));
    let pause = asked.map_or(WINDOW, |seconds| Duration::from_secs(seconds.max(1)));
    Some(pause.min(MAX_PAUSE))
}
