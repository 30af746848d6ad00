//! How often upstream may be asked: its measured limit, kept on our side of the wire.
//!
//! Each endpoint has a log of the calls of the last 60 s. A slot is *held* from the moment it is granted, *sent*
//! once its call begins, and given back when it is dropped unsent; so the window counts calls, not intentions.
//! People's calls are counted twice, once among all and once against their own smaller allowance: what is
//! reserved for buying cannot be searched away.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
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
    sharers: Arc<AtomicUsize>,
}

struct Window {
    /// How many share what is allowed.
    sharers: Arc<AtomicUsize>,
    for_all: usize,
    for_people: usize,
    log: Mutex<Log>,
}

#[derive(Default)]
struct Log {
    held: Count,
    sent: VecDeque<(Instant, Purpose)>,
    /// How many those are, so that a full minute is not counted anew for each call.
    sent_by: Count,
    paused_until: Option<Instant>,
}

/// Calls by what they are for.
#[derive(Default)]
struct Count {
    people: usize,
    buying: usize,
}

impl Count {
    const fn of(&mut self, purpose: Purpose) -> &mut usize {
        match purpose {
            Purpose::People => &mut self.people,
            Purpose::Buying => &mut self.buying,
        }
    }

    const fn all(&self) -> usize {
        self.people + self.buying
    }
}

impl Limiter {
    /// `reserved` is a percentage; people keep at least one call, or they could never search.
    pub(super) fn new(per_minute: u32, reserved: u32) -> Self {
        let for_people = (u64::from(per_minute) * u64::from(100_u32.saturating_sub(reserved)) / 100).max(1);
        let sharers = Arc::new(AtomicUsize::new(1));
        let window = || {
            Arc::new(Window {
                sharers: Arc::clone(&sharers),
                for_all: usize::try_from(per_minute).unwrap_or(usize::MAX),
                for_people: usize::try_from(for_people).unwrap_or(usize::MAX),
                log: Mutex::default(),
            })
        };
        let [search, list, account, buy, register] = [window(), window(), window(), window(), window()];
        Self { search, list, account, buy, register, sharers }
    }

    /// From now on so many processes share the limit, each with its part and at least one call.
    pub(super) fn share(&self, sharers: usize) {
        self.sharers.store(sharers.max(1), Ordering::Relaxed);
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
        let part = |allowed: usize| (allowed / self.sharers.load(Ordering::Relaxed)).max(1);
        let is_full = log.held.all() + log.sent_by.all() >= part(self.for_all);
        let among_all = is_full.then(|| log.free_at(now, |_| true));
        let is_of_people = |other| other == Purpose::People;
        let is_full = log.held.people + log.sent_by.people >= part(self.for_people);
        let among_people = (is_of_people(purpose) && is_full).then(|| log.free_at(now, is_of_people));
        if let Some(free_at) = pause.max(among_all).max(among_people) {
            return Err(free_at);
        }
        *log.held.of(purpose) += 1;
        Ok(())
    }
}

impl Log {
    fn forget_before(&mut self, now: Instant) {
        while let Some(&(at, purpose)) = self.sent.front()
            && at + WINDOW <= now
        {
            self.sent.pop_front();
            let sent = self.sent_by.of(purpose);
            *sent = sent.saturating_sub(1);
        }
    }

    /// When the oldest of the counted calls leaves the window. Slots that are all still held have no such time: the worst
    /// is that they are sent now.
    fn free_at(&self, now: Instant, counts: impl Fn(Purpose) -> bool) -> Instant {
        let oldest = self.sent.iter().find(|(_, purpose)| counts(*purpose));
        oldest.map_or(now, |(at, _)| *at) + WINDOW
    }

    fn release(&mut self, purpose: Purpose) {
        let held = self.held.of(purpose);
        *held = held.saturating_sub(1);
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
        *log.sent_by.of(self.purpose) += 1;
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

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]

    use std::time::Duration;

    use proptest::prelude::{any, prop_assert, proptest};
    use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
    use tokio::time::Instant;

    use super::{Limiter, WINDOW, pause_asked};
    use crate::clicksend::Purpose::{Buying, People};
    use crate::clicksend::observe::Operation;

    const SECOND: Duration = Duration::from_secs(1);

    async fn send(limiter: &Limiter, purpose: crate::clicksend::Purpose, within: Duration) -> bool {
        match limiter.acquire(Operation::Search, purpose, within).await {
            Ok(slot) => slot.spend().is_ok(),
            Err(_) => false,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn people_cannot_search_away_what_is_reserved_for_buying() {
        let limiter = Limiter::new(18, 33);
        for _ in 0..12 {
            assert!(send(&limiter, People, Duration::ZERO).await);
        }
        assert!(!send(&limiter, People, 2 * SECOND).await);
        for _ in 0..6 {
            assert!(send(&limiter, Buying, Duration::ZERO).await);
        }
        assert!(!send(&limiter, Buying, 10 * SECOND).await);
        assert!(limiter.acquire(Operation::List, People, Duration::ZERO).await.is_ok(), "another endpoint");
    }

    #[tokio::test(start_paused = true)]
    async fn buying_may_use_everything_and_people_always_something() {
        let limiter = Limiter::new(3, 90);
        assert!(send(&limiter, People, Duration::ZERO).await);
        assert!(!send(&limiter, People, Duration::ZERO).await);
        let limiter = Limiter::new(3, 90);
        for _ in 0..3 {
            assert!(send(&limiter, Buying, Duration::ZERO).await);
        }
        assert!(!send(&limiter, People, Duration::ZERO).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_names_the_moment_and_costs_no_time() {
        let limiter = Limiter::new(1, 0);
        assert!(send(&limiter, People, Duration::ZERO).await);
        tokio::time::advance(50 * SECOND).await;
        let begun = Instant::now();
        let refused = limiter.acquire(Operation::Search, People, 2 * SECOND).await;
        assert_eq!(refused.err(), Some(10 * SECOND));
        assert_eq!(begun.elapsed(), Duration::ZERO);
        assert!(send(&limiter, Buying, 10 * SECOND).await);
        assert_eq!(begun.elapsed(), 10 * SECOND, "waited for, and not a moment longer");
    }

    #[tokio::test(start_paused = true)]
    async fn a_held_slot_counts_until_it_is_dropped_and_from_its_send_on() {
        let limiter = Limiter::new(1, 0);
        let acquire = || limiter.acquire(Operation::Search, Buying, Duration::ZERO);
        let slot = acquire().await.ok().unwrap();
        tokio::time::advance(2 * WINDOW).await;
        assert_eq!(acquire().await.err(), Some(WINDOW), "held is as good as sent");
        slot.spend().unwrap();
        tokio::time::advance(59 * SECOND).await;
        assert_eq!(acquire().await.err(), Some(SECOND), "counted from the send");
        tokio::time::advance(SECOND).await;
        drop(acquire().await.ok().unwrap());
        assert!(acquire().await.is_ok(), "given back");
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_is_bounded_and_the_longest_one_counts() {
        let limiter = Limiter::new(9, 0);
        limiter.pause(Operation::Search, 1000 * SECOND);
        limiter.pause(Operation::Search, SECOND);
        let refused = limiter.acquire(Operation::Search, Buying, 10 * SECOND).await;
        assert_eq!(refused.err(), Some(2 * WINDOW));
    }

    #[test]
    fn the_headers_say_how_long() {
        let asked = |throttled, headers: &[(&'static str, &'static str)]| {
            let headers: HeaderMap = headers
                .iter()
                .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
                .collect();
            pause_asked(throttled, &headers).map(|pause| pause.as_secs())
        };
        assert_eq!(asked(false, &[]), None);
        assert_eq!(asked(false, &[("x-ratelimit-remaining", "1"), ("ratelimit-reset", "50")]), None);
        assert_eq!(asked(false, &[("x-ratelimit-remaining", "0"), ("ratelimit-reset", "50")]), Some(50));
        assert_eq!(asked(false, &[("x-ratelimit-remaining", "0")]), Some(60));
        assert_eq!(asked(false, &[("retry-after", "7")]), Some(7));
        assert_eq!(asked(true, &[]), Some(60));
        assert_eq!(asked(true, &[("retry-after", "0")]), Some(1));
        assert_eq!(asked(true, &[("retry-after", "20"), ("ratelimit-reset", "39")]), Some(39));
        assert_eq!(asked(true, &[("retry-after", "99999999999999")]), Some(120));
        assert_eq!(asked(true, &[("retry-after", "-1")]), Some(60));
        assert_eq!(asked(true, &[("retry-after", "Mon, 23 Nov 2026 10:00:00 GMT")]), Some(60));
    }

    proptest! {
        /// Whatever comes in whatever order: no 60 s ever see more calls than allowed, of all or of people.
        #[test]
        fn no_window_ever_holds_more_calls_than_allowed(
            arrivals in proptest::collection::vec((0_u64..20_000, any::<bool>(), 0_u64..12_000), 1..120),
        ) {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
            let sent = runtime.block_on(async {
                let limiter = Limiter::new(5, 40);
                let mut sent = Vec::new();
                for (gap, is_person, within) in arrivals {
                    tokio::time::advance(Duration::from_millis(gap)).await;
                    let purpose = if is_person { People } else { Buying };
                    if send(&limiter, purpose, Duration::from_millis(within)).await {
                        sent.push((Instant::now(), purpose));
                    }
                }
                sent
            });
            for (end, _) in &sent {
                let window: Vec<_> = sent.iter().filter(|(at, _)| at <= end && *at + WINDOW > *end).collect();
                prop_assert!(window.len() <= 5);
                prop_assert!(window.iter().filter(|(_, purpose)| *purpose == People).count() <= 3);
            }
        }
    }
}
