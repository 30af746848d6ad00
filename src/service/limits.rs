//! The limits that only the service can charge, because only it knows what a request turns out to be: a search
//! that goes upstream, a write that is not the repeat of an earlier one.

use std::hash::Hash;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::domain::principal::{Person, Principal};
use crate::metrics::{Limit, Metrics};
use crate::service::crowd::{Bucket, Crowd};
use crate::service::refusal::{Code, Refusal};

/// A token bucket: `requests` come back in each `period`, `burst` at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many come back.
    pub requests: NonZeroU32,
    /// In how long.
    pub period: Duration,
    /// How many at once.
    pub burst: NonZeroU32,
}

impl Rate {
    /// The time in which one request comes back.
    pub fn interval(self) -> Duration {
        // A nanosecond at least: governor has no quota without a period.
        (self.period / self.requests.get()).max(Duration::from_nanos(1))
    }
}

/// A limit that was reached, for telling programs about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitReached {
    /// Which.
    pub name: &'static str,
    /// How many requests fit at once.
    pub burst: u32,
    /// The time in which an empty bucket fills again.
    pub window: Duration,
}

impl LimitReached {
    /// The limit with its size.
    pub fn of(limit: Limit, rate: Rate) -> Self {
        Self { name: limit.as_str(), burst: rate.burst.get(), window: rate.interval() * rate.burst.get() }
    }
}

/// A limit of each of many callers.
pub struct KeyedLimit<K: Clone + Eq + Hash> {
    limiter: DefaultKeyedRateLimiter<Bucket<K>>,
    crowd: Crowd,
    which: Limit,
    rate: Rate,
    metrics: Metrics,
}

/// A limit of each person.
pub type PersonLimit = KeyedLimit<Person>;

impl<K: Clone + Eq + Hash> KeyedLimit<K> {
    /// A full bucket for everybody.
    pub fn new(which: Limit, rate: Rate, metrics: Metrics) -> Self {
        let quota = Quota::with_period(rate.interval())
            .unwrap_or_else(|| Quota::per_second(NonZeroU32::MIN))
            .allow_burst(rate.burst);
        Self { limiter: RateLimiter::keyed(quota), crowd: Crowd::default(), which, rate, metrics }
    }

    /// Takes one, or says when there will be one.
    pub fn charge_to(&self, caller: &K) -> Result<(), Refusal> {
        let taken = self.limiter.check_key(&self.crowd.bucket(caller, || self.limiter.len()));
        self.metrics.limited(self.which, taken.is_ok());
        taken.map_err(|until| {
            let wait = until.wait_time_from(DefaultClock::default().now());
            let message = format!("the limit for {} is used up; ask again later", self.which.in_words());
            let limit = Some(Box::new(LimitReached::of(self.which, self.rate)));
            Refusal { limit, ..Refusal::new(Code::TooManyRequests, message).retry_after(wait) }
        })
    }

    /// Forgets who has a full bucket, so that memory follows the callers of now.
    pub fn forget_idle(&self) {
        self.limiter.retain_recent();
        self.limiter.shrink_to_fit();
    }
}

impl PersonLimit {
    /// Takes one of the caller's, or says when there will be one.
    pub fn charge(&self, principal: &Principal) -> Result<(), Refusal> {
        self.charge_to(&principal.person)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]

    use std::num::NonZeroU32;
    use std::time::Duration;

    use super::{KeyedLimit, Rate};
    use crate::metrics::{Limit, Metrics};
    use crate::service::crowd::MOST;

    fn limit() -> KeyedLimit<u32> {
        let rate = Rate {
            requests: NonZeroU32::MIN,
            period: Duration::from_hours(1),
            burst: NonZeroU32::new(2).unwrap(),
        };
        KeyedLimit::new(Limit::Reads, rate, Metrics::new().unwrap())
    }

    /// From there on no further caller changes anything: whether he is the next one or the millionth.
    #[test]
    fn more_callers_than_there_are_buckets_for_take_no_more_memory() {
        let limit = limit();
        for caller in (0..150_000).chain(1_000_000_000..1_000_050_000) {
            let _ = limit.charge_to(&caller);
        }
        assert!(limit.limiter.len() <= MOST, "{}", limit.limiter.len());
    }

    #[test]
    fn a_caller_is_limited_whether_there_are_few_or_many() {
        let limit = limit();
        for caller in [7, 8] {
            assert!(limit.charge_to(&caller).is_ok() && limit.charge_to(&caller).is_ok());
            assert!(limit.charge_to(&caller).is_err(), "{caller} has his own two");
        }
        for caller in 0..100_000 {
            let _ = limit.charge_to(&caller);
        }
        let refused = (0..10).filter(|_| limit.charge_to(&200_000).is_err()).count();
        assert!(refused >= 8, "of ten calls of one name {refused} are refused");
    }
}
