//! The limit of reads, per subject, by tower-governor.
//!
//! It stands inside authentication, because its key is who asks and not from where. Its answers are made ours:
//! the library floors its waiting time to whole seconds (0 would invite a loop) and writes plain text.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, Response};
use axum::middleware::Next;
use governor::middleware::NoOpMiddleware;
use tower_governor::governor::{GovernorConfig, GovernorConfigBuilder};
use tower_governor::key_extractor::KeyExtractor;
use tower_governor::{GovernorError, GovernorLayer};

use crate::domain::principal::Person;
use crate::http::door::Door;
use crate::http::refusal::HttpRefusal;
use crate::http::state::Caller;
use crate::metrics::{Limit, Metrics};
use crate::service::limits::{LimitReached, Rate};
use crate::service::{Code, Refusal};

/// The key: the verified person.
#[derive(Clone, Debug)]
pub(super) struct ByPerson;

impl KeyExtractor for ByPerson {
    type Key = Person;

    fn extract<T>(&self, request: &Request<T>) -> Result<Person, GovernorError> {
        let caller = request.extensions().get::<Caller>().ok_or(GovernorError::UnableToExtractKey)?;
        Ok(caller.0.person.clone())
    }
}

/// One bucket a person, shared by both doors.
#[derive(Clone)]
pub(super) struct ReadLimit {
    config: Arc<GovernorConfig<ByPerson, NoOpMiddleware>>,
    rate: Rate,
    metrics: Metrics,
}

impl ReadLimit {
    pub(super) fn new(rate: Rate, metrics: Metrics) -> Option<Self> {
        let config = GovernorConfigBuilder::default()
            .key_extractor(ByPerson)
            .period(rate.interval())
            .burst_size(rate.burst.get())
            .finish()?;
        Some(Self { config: Arc::new(config), rate, metrics })
    }

    /// The layer for a door.
    pub(super) fn layer(&self, door: Door) -> GovernorLayer<ByPerson, NoOpMiddleware, Body> {
        let (rate, metrics) = (self.rate, self.metrics.clone());
        GovernorLayer::new(Arc::clone(&self.config)).error_handler(move |error| {
            metrics.limited(Limit::Reads, false);
            let wait = match error {
                GovernorError::TooManyRequests { wait_time, .. } => Duration::from_secs(wait_time + 1),
                GovernorError::UnableToExtractKey | GovernorError::Other { .. } => {
                    return door.refuse(&HttpRefusal::unauthorized());
                }
            };
            let refusal = Refusal {
                limit: Some(Box::new(LimitReached::of(Limit::Reads, rate))),
                ..Refusal::new(
                    Code::TooManyRequests,
                    "the limit for searches and lists is used up; ask again later",
                )
            };
            door.refuse(&refusal.retry_after(wait).into())
        })
    }

    /// Inside the layer: counts what it let through.
    pub(super) async fn count_allowed(
        State(metrics): State<Metrics>,
        request: Request<Body>,
        next: Next,
    ) -> Response<Body> {
        metrics.limited(Limit::Reads, true);
        next.run(request).await
    }

    /// Forgets who has a full bucket.
    pub(super) fn forget_idle(&self) {
        let limiter = self.config.limiter();
        limiter.retain_recent();
        limiter.shrink_to_fit();
    }
}
