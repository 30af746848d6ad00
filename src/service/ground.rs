//! What everything that writes stands on: buying and registering share upstream, store, rules, one limit of writes
//! a person, and the question whether anything may be sent at all.

use std::sync::Arc;

use crate::clicksend::ClickSend;
use crate::clock::Clock;
use crate::domain::policy::Policy;
use crate::metrics::Metrics;
use crate::service::background::Background;
use crate::service::limits::PersonLimit;
use crate::service::refusal::{Code, Refusal};
use crate::service::teams::Teams;
use crate::store::Store;
use crate::store::attempts::InstanceId;

/// The shared ground. Cheap to clone; all clones share the limit.
#[derive(Clone)]
pub struct Ground {
    /// The way to upstream.
    pub upstream: ClickSend,
    /// The store.
    pub store: Store,
    /// The configured teams.
    pub teams: Arc<Teams>,
    /// The rules.
    pub policy: Arc<Policy>,
    /// The limit for writes: purchases and registrations of a person together.
    pub writes: Arc<PersonLimit>,
    /// Where detached work runs.
    pub background: Background,
    /// This process.
    pub instance: InstanceId,
    /// Time.
    pub clock: Clock,
    /// Counters.
    pub metrics: Metrics,
    /// Whether buys and registrations are sent at all, or why not.
    pub buying: Result<(), &'static str>,
}

impl Ground {
    /// Whether anything may be begun that cannot be taken back.
    pub fn may_send(&self) -> Result<(), Refusal> {
        if let Err(why) = self.buying {
            return Err(Refusal::new(Code::BuyingFrozen, why));
        }
        if self.background.is_draining() {
            return Err(Refusal::new(Code::BuyingFrozen, "the gateway is stopping; nothing was sent"));
        }
        Ok(())
    }
}
