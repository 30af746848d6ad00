//! What everything that writes stands on: buying and registering share upstream, store, rules, one limit of writes
//! a person, and the question whether anything may be sent at all.

use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use tokio::sync::Notify;

use crate::clicksend::ClickSend;
use crate::clock::Clock;
use crate::domain::billing::Billing;
use crate::domain::policy::Policy;
use crate::domain::purchase::Purchase;
use crate::metrics::Metrics;
use crate::service::background::Background;
use crate::service::buying::Buying;
use crate::service::limits::{CommonLimit, PerDay};
use crate::service::live::Live;
use crate::service::passage::Passage;
use crate::service::spend::LastAccount;
use crate::service::teams::Teams;
use crate::store::Store;

/// The shared ground. Cheap to clone; all clones share the limit.
#[derive(Clone)]
pub struct Ground {
    /// The way to upstream.
    pub upstream: ClickSend,
    /// The store.
    pub store: Store,
    /// The configured teams.
    pub teams: Live<Teams>,
    /// The rules.
    pub policy: Live<Policy>,
    /// The limits of a day.
    pub per_day: Live<PerDay>,
    /// The limit for writes: purchases and registrations of a person together.
    pub writes: CommonLimit,
    /// The limit for decisions: approvals, rejections and withdrawals of a person together.
    pub decisions: CommonLimit,
    /// Where detached work runs.
    pub background: Background,
    /// How old a claim must be before another replica may call it lost.
    pub takeover_after: Duration,
    /// Time.
    pub clock: Clock,
    /// Counters.
    pub metrics: Metrics,
    /// Whether buys and registrations are sent at all, or why not.
    pub buying: Buying,
    /// What every buy goes through.
    pub passage: Passage,
    /// Rung when nobody knows any more what became of a buy.
    pub lost: Arc<Notify>,
    /// Where months, days and the hours of rules turn.
    pub time_zone: TimeZone,
    /// How upstream bills.
    pub billing: Billing,
    /// The account's money, as upstream said it last.
    pub account: LastAccount,
    /// How long an approval may be used, by people or by a rule.
    pub approval_lasts: Duration,
}

impl Ground {
    /// Counts a purchase that came into its state just now.
    pub fn moved(&self, purchase: &Purchase) {
        self.metrics.purchase_moved(purchase.state);
        self.metrics.purchase_ended(purchase.state, self.age(purchase));
    }

    /// The same where people brought it there.
    pub fn decided(&self, purchase: &Purchase) {
        self.moved(purchase);
        self.metrics.decided(purchase.state, self.age(purchase));
    }

    fn age(&self, purchase: &Purchase) -> Duration {
        let age = self.clock.now().duration_since(purchase.created_at);
        Duration::try_from(age).unwrap_or_default()
    }
}
