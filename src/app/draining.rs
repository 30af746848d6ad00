//! The end of a gateway in good order: who sends requests is told, nothing new is taken, what is under way is finished
//! and durable. Each step stands in the log, so that an operator sees what a stop waits for.

use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::app::Gateway;
use crate::app::supervisor::Supervisor;
use crate::service::background::Background;
use crate::store::{Store, StoreError};

/// The operators' listener needs no longer to end than a scrape takes.
const OPS_GRACE: Duration = Duration::from_secs(2);
/// How long one waits to hear that the database has everything. Who was answered has been durable before.
const WRITTEN_WITHIN: Duration = Duration::from_secs(2);
/// How often the service manager hears what is still under way.
const COUNT_EVERY: Duration = Duration::from_millis(500);

/// How long a stop goes on taking requests, and then waits for what is under way.
pub(super) struct Drain {
    pub(super) delay: Duration,
    pub(super) grace: Duration,
}

impl Gateway {
    pub(super) async fn serve_and_drain(self, stop: CancellationToken) {
        stop.cancelled().await;
        self.manager.stopping(&under_way(&self.background));
        self.readiness.set(false);
        tracing::info!("draining: /readyz says so");
        self.delay().await;
        let deadline = Instant::now() + self.drain.grace;
        self.background.begin_drain();
        let buys = self.background.under_way();
        tracing::info!("no connection is accepted any more, and nothing new is bought");
        tracing::info!(buys, grace = ?self.drain.grace, "waiting for buys and registrations under way");
        let finished = async {
            self.public.drain(self.drain.grace).await;
            tokio::time::timeout_at(deadline, self.background.finished()).await.is_ok()
        };
        let is_finished = tokio::select! {
            is_finished = finished => is_finished,
            never = count(&self.background, &self.manager) => never,
        };
        if is_finished {
            tracing::info!("buys and registrations are finished");
        } else {
            let left = self.background.under_way();
            tracing::error!(left, "the grace is over: what is left behind is settled after the next start");
        }
        self.ops.drain(OPS_GRACE).await;
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        self.reads.abandon().await;
        flush(&self.store).await;
    }

    /// What is sent until everybody knows is served as ever.
    async fn delay(&self) {
        if self.drain.delay.is_zero() {
            return;
        }
        self.public.leave();
        tracing::info!(delay = ?self.drain.delay, "requests are still taken for the delay");
        tokio::time::sleep(self.drain.delay).await;
        tracing::info!("the delay is over");
    }
}

/// For whoever waits for the end.
fn under_way(background: &Background) -> String {
    match background.under_way() {
        0 => "draining".to_owned(),
        1 => "draining: 1 buy under way".to_owned(),
        buys => format!("draining: {buys} buys under way"),
    }
}

/// Tells how many are under way whenever that has changed, and never ends.
async fn count(background: &Background, manager: &Supervisor) -> bool {
    let mut turn = tokio::time::interval(COUNT_EVERY);
    turn.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut told = String::new();
    loop {
        turn.tick().await;
        let now = under_way(background);
        if now != told {
            manager.status(&now);
            told = now;
        }
    }
}

/// The writer takes one job after the other: once it has come to this one, all before it are durable.
async fn flush(store: &Store) {
    let written = tokio::time::timeout(WRITTEN_WITHIN, store.written()).await;
    match written.unwrap_or(Err(StoreError::Unanswered)) {
        Ok(()) => tracing::info!("the database has everything"),
        Err(error) => tracing::warn!(%error, "the database does not say so, but has what was answered"),
    }
}
