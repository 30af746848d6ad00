//! The limits at the edge: of an address before authentication, of reads by subject after it.
//!
//! The second stands inside authentication, by tower-governor, because its key is who asks and not from where. Its
//! answers are made ours: the library floors its waiting time to whole seconds (0 would invite a loop) and writes
//! plain text.

use std::num::NonZeroU32;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request as AnyRequest, State};
use axum::http::{Request, Response};
use axum::middleware::Next;
use governor::RateLimiter;
use governor::clock::{Clock as _, DefaultClock, QuantaInstant};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use tower_governor::governor::{GovernorConfig, GovernorConfigBuilder};
use tower_governor::key_extractor::KeyExtractor;
use tower_governor::{GovernorError, GovernorLayer};

use crate::domain::principal::Person;
use crate::http::client;
use crate::http::door::Door;
use crate::http::refusal::HttpRefusal;
use crate::http::state::{Caller, Public};
use crate::metrics::{Limit, Metrics};
use crate::service::crowd::{Bucket, Crowd};
use crate::service::limits::{LimitReached, Rate, Sharers};
use crate::service::{Code, Refusal};

/// Before anything costs: so many requests of one address, whoever makes them.
pub(super) async fn by_address(
    State(public): State<Public>,
    request: AnyRequest,
    next: Next,
) -> Response<Body> {
    let of = client::neighbourhood(&request, &public.settings.trusted_proxies);
    match of.map_or(Ok(()), |of| public.addresses.charge_to(&of)) {
        Ok(()) => next.run(request).await,
        Err(refusal) => Door::of(request.uri().path()).refuse(&refusal.into()),
    }
}

/// The bucket of a verified person.
#[derive(Clone, Debug, Default)]
pub(super) struct ByPerson {
    crowd: Arc<Crowd>,
    /// Whose buckets these are; set once it is there.
    limiter: Arc<OnceLock<Weak<Limiter>>>,
}

type Limiter = RateLimiter<
    Bucket<Person>,
    DefaultKeyedStateStore<Bucket<Person>>,
    DefaultClock,
    NoOpMiddleware<QuantaInstant>,
>;

impl KeyExtractor for ByPerson {
    type Key = Bucket<Person>;

    fn extract<T>(&self, request: &Request<T>) -> Result<Bucket<Person>, GovernorError> {
        let caller = request.extensions().get::<Caller>().ok_or(GovernorError::UnableToExtractKey)?;
        let count = || self.limiter.get().and_then(Weak::upgrade).map_or(0, |limiter| limiter.len());
        Ok(self.crowd.bucket(&caller.0.person, count))
    }
}

/// One bucket a person, shared by all doors.
#[derive(Clone)]
pub(super) struct ReadLimit {
    config: Arc<GovernorConfig<ByPerson, NoOpMiddleware<QuantaInstant>>>,
    rate: Rate,
    keys: ByPerson,
    sharers: Sharers,
    metrics: Metrics,
}

impl ReadLimit {
    pub(super) fn new(rate: Rate, sharers: Sharers, metrics: Metrics) -> Option<Self> {
        let by_person = ByPerson::default();
        let config = GovernorConfigBuilder::default()
            .key_extractor(by_person.clone())
            .period(rate.interval())
            .burst_size(rate.burst.get())
            .finish()?;
        let _ = by_person.limiter.set(Arc::downgrade(config.limiter()));
        Some(Self { config: Arc::new(config), rate, keys: by_person, sharers, metrics })
    }

    /// The layer for a door.
    pub(super) fn layer(&self, door: Door) -> GovernorLayer<ByPerson, NoOpMiddleware<QuantaInstant>, Body> {
        let limit = self.clone();
        GovernorLayer::new(Arc::clone(&self.config)).error_handler(move |error| match error {
            GovernorError::TooManyRequests { wait_time, .. } => limit.refuse(door, wait_time),
            GovernorError::UnableToExtractKey | GovernorError::Other { .. } => {
                door.refuse(&HttpRefusal::unauthorized())
            }
        })
    }

    /// `wait` in whole seconds, rounded down.
    fn refuse(&self, door: Door, wait: u64) -> Response<Body> {
        self.metrics.limited(Limit::Reads, false);
        let refusal = Refusal {
            limit: Some(Box::new(LimitReached::of(Limit::Reads, self.rate))),
            ..Refusal::new(
                Code::TooManyRequests,
                "the limit for searches and lists is used up; ask again later",
            )
        };
        door.refuse(&refusal.retry_after(Duration::from_secs(wait + 1)).into())
    }

    /// Inside the layer, which took one: takes what a request costs beyond that where replicas share, and counts what is
    /// let through.
    pub(super) async fn charge_share(
        State(limit): State<Self>,
        request: Request<Body>,
        next: Next,
    ) -> Response<Body> {
        let more = NonZeroU32::new(limit.sharers.cost(limit.rate).get() - 1);
        let key = limit.keys.extract(&request).ok();
        if let Some((more, key)) = more.zip(key)
            && let Ok(Err(until)) = limit.config.limiter().check_key_n(&key, more)
        {
            let wait = until.wait_time_from(DefaultClock::default().now());
            return limit.refuse(Door::of(request.uri().path()), wait.as_secs());
        }
        limit.metrics.limited(Limit::Reads, true);
        next.run(request).await
    }

    /// Forgets who has a full bucket.
    pub(super) fn forget_idle(&self) {
        let limiter = self.config.limiter();
        limiter.retain_recent();
        limiter.shrink_to_fit();
    }
}
