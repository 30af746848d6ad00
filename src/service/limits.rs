//! The limits that only the service can charge, because only it knows what a request turns out to be: a search
//! that goes upstream, a write that is not the repeat of an earlier one.
//!
//! Where several replicas serve, each lets through its share of what is read, so that a request costs no way to the
//! database; of writes and decisions, which go there anyway, all together let through exactly what one would.

use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use tokio::sync::watch;

use crate::domain::principal::Principal;
use crate::metrics::{Limit, LimitDecisions, Metrics};
use crate::service::crowd::{Bucket, Crowd};
use crate::service::refusal::{Code, Refusal};
use crate::store::{Store, Taking};

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

/// Reservations a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PerDay {
    /// Of one subject.
    pub subject: i64,
    /// Of one team.
    pub team: i64,
}

/// How many replicas share what one alone would let through.
#[derive(Clone, Debug)]
pub struct Sharers(watch::Receiver<u32>);

impl Sharers {
    /// As many as there are from time to time.
    pub const fn of(replicas: watch::Receiver<u32>) -> Self {
        Self(replicas)
    }

    /// One.
    pub fn none() -> Self {
        // The last word stays when its sender is gone.
        Self(watch::channel(1).1)
    }

    /// What a request costs of a replica's bucket: as much as there are replicas, and never more than fits in.
    pub fn cost(&self, rate: Rate) -> NonZeroU32 {
        NonZeroU32::new(*self.0.borrow()).unwrap_or(NonZeroU32::MIN).min(rate.burst)
    }
}

/// A limit of each of many callers.
pub struct KeyedLimit {
    buckets: ArcSwap<Buckets>,
    crowd: Crowd,
    which: Limit,
    sharers: Sharers,
    decisions: LimitDecisions,
}

struct Buckets {
    limiter: DefaultKeyedRateLimiter<Bucket>,
    rate: Rate,
}

impl Buckets {
    /// Everybody's is full.
    fn of(rate: Rate) -> Self {
        let quota = Quota::with_period(rate.interval())
            .unwrap_or_else(|| Quota::per_second(NonZeroU32::MIN))
            .allow_burst(rate.burst);
        Self { limiter: RateLimiter::keyed(quota), rate }
    }
}

impl KeyedLimit {
    /// A full bucket for everybody, of which each of the replicas has its share.
    pub fn new(which: Limit, rate: Rate, sharers: Sharers, metrics: &Metrics) -> Self {
        let buckets = ArcSwap::from_pointee(Buckets::of(rate));
        Self { buckets, crowd: Crowd::default(), which, sharers, decisions: metrics.limit(which) }
    }

    /// Another rate from now on. Where it is another one everybody's bucket is full again; where it is the same, nothing
    /// changes.
    pub fn replace(&self, rate: Rate) {
        if self.rate() != rate {
            self.buckets.store(Arc::new(Buckets::of(rate)));
        }
    }

    fn rate(&self) -> Rate {
        self.buckets.load().rate
    }

    /// Takes one, or says when there will be one. Equal callers hash alike, whatever they are written as: a person
    /// is his issuer and his subject, see [`PersonRef`](crate::domain::principal::PersonRef).
    pub fn charge_to(&self, caller: impl Hash) -> Result<(), Refusal> {
        let buckets = self.buckets.load();
        let bucket = self.crowd.bucket(caller, || buckets.limiter.len());
        let taken = buckets.limiter.check_key_n(&bucket, self.sharers.cost(buckets.rate));
        // What is asked for fits into the bucket.
        let taken = taken.unwrap_or(Ok(()));
        self.decisions.count(taken.is_ok());
        taken.map_err(|until| self.refusal(until.wait_time_from(DefaultClock::default().now())))
    }

    /// Takes one of the person's, or says when there will be one.
    pub fn charge(&self, principal: &Principal) -> Result<(), Refusal> {
        self.charge_to(principal.person.borrowed())
    }

    fn refusal(&self, wait: Duration) -> Refusal {
        let message = format!("the limit for {} is used up; ask again later", self.which.in_words());
        let limit = Some(Box::new(LimitReached::of(self.which, self.rate())));
        Refusal { limit, ..Refusal::new(Code::TooManyRequests, message).retry_after(wait) }
    }

    /// Forgets who has a full bucket, so that memory follows the callers of now.
    pub fn forget_idle(&self) {
        let buckets = self.buckets.load();
        buckets.limiter.retain_recent();
        buckets.limiter.shrink_to_fit();
    }
}

/// A limit of each person that holds over all replicas, exactly.
#[derive(Clone)]
pub struct CommonLimit {
    /// For a process that has its database to itself.
    own: Arc<KeyedLimit>,
    store: Store,
}

impl CommonLimit {
    /// A full bucket for everybody.
    pub fn new(which: Limit, rate: Rate, store: Store, metrics: &Metrics) -> Self {
        Self { own: Arc::new(KeyedLimit::new(which, rate, Sharers::none(), metrics)), store }
    }

    /// Takes one of the caller's, or says when there will be one.
    pub async fn charge(&self, principal: &Principal) -> Result<(), Refusal> {
        let KeyedLimit { which, decisions, .. } = &*self.own;
        let rate = self.own.rate();
        if !self.store.is_shared() {
            return self.own.charge(principal);
        }
        let taken = self
            .store
            .take(Taking {
                limit: which.as_str(),
                person: principal.person.clone(),
                interval: rate.interval(),
                burst: rate.burst.get(),
            })
            .await?;
        decisions.count(taken.is_ok());
        taken.map_err(|wait| self.own.refusal(wait))
    }

    /// Another rate from now on.
    pub fn replace(&self, rate: Rate) {
        self.own.replace(rate);
    }

    /// Forgets who has a full bucket.
    pub fn forget_idle(&self) {
        self.own.forget_idle();
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]

    use std::num::NonZeroU32;
    use std::time::Duration;

    use super::{KeyedLimit, Rate, Sharers};
    use crate::metrics::{Limit, Metrics};
    use crate::service::crowd::MOST;

    fn limit() -> KeyedLimit {
        let rate = Rate {
            requests: NonZeroU32::MIN,
            period: Duration::from_hours(1),
            burst: NonZeroU32::new(2).unwrap(),
        };
        KeyedLimit::new(Limit::Reads, rate, Sharers::none(), &Metrics::new().unwrap())
    }

    #[test]
    fn replicas_let_through_their_share_and_each_at_least_one() {
        let rate = Rate {
            requests: NonZeroU32::MIN,
            period: Duration::from_hours(1),
            burst: NonZeroU32::new(10).unwrap(),
        };
        for (replicas, let_through) in [(1, 10), (2, 5), (3, 3), (10, 1), (50, 1)] {
            let (_count, counted) = tokio::sync::watch::channel(replicas);
            let limit: KeyedLimit =
                KeyedLimit::new(Limit::Reads, rate, Sharers::of(counted), &Metrics::new().unwrap());
            let passed = (0..20).filter(|_| limit.charge_to(1).is_ok()).count();
            assert_eq!(passed, let_through, "{replicas} replicas");
        }
    }

    /// From there on no further caller changes anything: whether he is the next one or the millionth.
    #[test]
    fn another_rate_counts_at_once_and_the_same_one_fills_no_bucket() {
        let limit = limit();
        assert!(limit.charge_to(1).is_ok() && limit.charge_to(1).is_ok() && limit.charge_to(1).is_err());
        let rate = limit.rate();
        limit.replace(rate);
        assert!(limit.charge_to(1).is_err());
        limit.replace(Rate { burst: NonZeroU32::new(3).unwrap(), ..rate });
        assert_eq!((0..9).filter(|_| limit.charge_to(1).is_ok()).count(), 3);
    }

    #[test]
    fn more_callers_than_there_are_buckets_for_take_no_more_memory() {
        let limit = limit();
        for caller in (0..350_000).chain(1_000_000_000..1_000_050_000) {
            let _ = limit.charge_to(caller);
        }
        let kept = limit.buckets.load().limiter.len();
        assert!(kept <= MOST, "{kept}");
    }

    #[test]
    fn a_caller_is_limited_whether_there_are_few_or_many() {
        let limit = limit();
        for caller in [7, 8] {
            assert!(limit.charge_to(caller).is_ok() && limit.charge_to(caller).is_ok());
            assert!(limit.charge_to(caller).is_err(), "{caller} has his own two");
        }
        for caller in 0..250_000 {
            let _ = limit.charge_to(caller);
        }
        let refused = (0..10).filter(|_| limit.charge_to(300_000).is_err()).count();
        assert!(refused >= 8, "of ten calls of one name {refused} are refused");
    }
}
