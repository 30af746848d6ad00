//! Telling people outside what happened, without anybody inside waiting for it.
//!
//! The store puts a notice into the outbox in the commit of its event. Here each webhook has a task of its own that
//! empties its part of the outbox (`delivery`), so one that is slow or dead delays no other and no request; and one
//! task says what no request causes: a budget that is nearly used, a request whose time runs out (`reminders`).

mod composing;
mod delivery;
mod reminders;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use tokio_util::sync::CancellationToken;

use crate::domain::audit::{Actor, AuditEvent, Target};
use crate::domain::money::Currency;
use crate::domain::notice::Kind;
use crate::domain::principal::{Principal, Role};
use crate::notify::Webhook;
use crate::service::ground::Ground;
use crate::service::refusal::{Code, Refusal};
use crate::store::notices::{Filter, Notice, NoticeKey, Subscriptions};
use crate::store::{self, Store, StoreError};

pub use crate::store::notices::{Filter as NoticeFilter, Notice as UndeliveredNotice, NoticeKey as NoticeId};

/// How long a notice that was given up can be looked at and sent again.
const KEEP_DEAD: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How long is remembered what was said once: longer than the month of a budget, and than the quarter of a request's 90
/// days in which it is told of.
const KEEP_SAID: SignedDuration = SignedDuration::from_hours(60 * 24);

/// What notices are made of.
pub struct NoticeParts {
    /// The ground of everything that writes.
    pub ground: Ground,
    /// The one currency of all budgets.
    pub currency: Option<Currency>,
    /// Where people reach the gateway, without a slash at the end.
    pub public_url: Option<String>,
    /// How long before its end a request is told of.
    pub expires_soon: Duration,
    /// Who is told, and what.
    pub webhooks: Vec<(Webhook, BTreeSet<Kind>)>,
}

/// Tells webhooks, and tells people what webhooks were not told. Cheap to clone.
#[derive(Clone)]
pub struct Notices(Arc<NoticeParts>);

impl Notices {
    /// Notices for these webhooks.
    pub fn new(parts: NoticeParts) -> Self {
        for (webhook, _) in &parts.webhooks {
            parts.ground.metrics.expect_webhook(webhook.name());
        }
        Self(Arc::new(parts))
    }

    /// Says in the store who wants what, before anything happens, and gives up what waits for webhooks that are not
    /// configured any more.
    pub async fn begin(&self) -> Result<(), Refusal> {
        let wanted: Subscriptions = self
            .0
            .webhooks
            .iter()
            .map(|(webhook, kinds)| (webhook.name().to_owned(), kinds.clone()))
            .collect();
        let store = &self.0.ground.store;
        store
            .write(move |tx| subscribe(tx, &wanted))
            .await
            .map_err(|error: StoreError| Refusal::from(error))?;
        let buried = tidy(store).await?;
        if buried > 0 {
            tracing::error!(
                notices = buried,
                "notices waited for webhooks that are not configured any more; see /v1/notices"
            );
        }
        Ok(())
    }

    /// Tells until told to stop. What is under way then is sent again after the next start.
    pub async fn run(self, stop: CancellationToken) {
        let webhooks = (0..self.0.webhooks.len()).map(|index| delivery::run(&self.0, index));
        let telling = futures_util::future::join_all(webhooks);
        let telling = async { futures_util::future::join(telling, reminders::run(&self.0)).await };
        stop.run_until_cancelled(telling).await;
    }

    /// Notices that were not delivered, newest first, at most `limit`. For auditors and administrators.
    pub async fn list(
        &self,
        principal: &Principal,
        filter: Filter,
        limit: i64,
    ) -> Result<Vec<Notice>, Refusal> {
        if !principal.has(Role::Auditor) && !principal.has(Role::Administrator) {
            let message = "reading undelivered notices needs the role auditor or administrator";
            return Err(Refusal::new(Code::Forbidden, message));
        }
        Ok(self.0.ground.store.read(move |session| store::notices::list(session, &filter, limit)).await?)
    }

    /// Lets a notice that was given up be sent again. For administrators.
    pub async fn resend(&self, principal: &Principal, key: NoticeKey) -> Result<(), Refusal> {
        if !principal.has(Role::Administrator) {
            return Err(Refusal::new(Code::Forbidden, "sending a notice again needs the role administrator"));
        }
        let event = AuditEvent::new("notice.resent", Actor::from(principal), Target::new("notice", &key.seq))
            .with("webhook", key.subscriber.clone());
        let resent = self.0.ground.store.write(move |mut tx| {
            store::notices::revive(&mut tx, &key)?;
            tx.commit(&event, ())
        });
        let resent: Result<(), StoreError> = resent.await;
        if matches!(resent, Err(StoreError::Conflict)) {
            return Err(Refusal::new(Code::NotFound, "no such notice was given up"));
        }
        Ok(resent?)
    }
}

fn subscribe(mut tx: store::Tx<'_>, wanted: &Subscriptions) -> Result<store::Finished<()>, StoreError> {
    if store::notices::subscriptions(tx.session())? == *wanted {
        return tx.unchanged(());
    }
    store::notices::subscribe(&mut tx, wanted)?;
    let database = store::audit::database_id(tx.session())?;
    let mut event =
        AuditEvent::new("notices.subscribed", Actor::Gateway("start"), Target::new("gateway", &database));
    for (webhook, kinds) in wanted {
        let kinds: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
        event = event.with(webhook, kinds);
    }
    tx.commit(&event, ())
}

/// Gives up what nobody sends any more, and forgets what was given up long ago. How many were given up now.
async fn tidy(store: &Store) -> Result<usize, StoreError> {
    store
        .write(|mut tx| {
            let buried = store::notices::bury_strangers(&mut tx, "the webhook is not configured any more")?;
            let before =
                tx.at().checked_sub(KEEP_DEAD).map_err(|error| StoreError::Corrupt(error.to_string()))?;
            store::notices::forget_dead(&mut tx, before)?;
            let before =
                tx.at().checked_sub(KEEP_SAID).map_err(|error| StoreError::Corrupt(error.to_string()))?;
            store::notices::forget_said(&mut tx, before)?;
            tx.unchanged(buried)
        })
        .await
}
