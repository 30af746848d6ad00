//! One webhook's part of the outbox: what is due is sent, what failed waits longer each time, and after a day it is
//! given up where people see it.
//!
//! A notice leaves the outbox only after its receiver said yes, so it arrives at least once, after a crash as well; its
//! id and its body are the same each time.

use std::time::Duration;

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::metrics::NoticeOutcome;
use crate::notify::{DeliveryFault, Webhook};
use crate::service::notices::NoticeParts;
use crate::service::notices::composing::{self, Composing};
use crate::store::notices::{Notice, NoticeKey, Outcome};
use crate::store::{self, StoreError};

/// Sent side by side: enough that a backlog of hours is gone in minutes, few enough for a small receiver.
const AT_ONCE: i64 = 8;
/// How often the outbox is looked into when nothing happens: retries have no other bell.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Events come in crowds; one look serves them all.
const CROWD: Duration = Duration::from_millis(50);
/// After the store did not take what became of an attempt: what was sent is sent again then.
const STORE_WAIT: Duration = Duration::from_secs(10);
/// How long a notice is tried.
const PATIENCE: SignedDuration = SignedDuration::from_hours(24);
/// Between the first attempt and the second; doubled each time.
const FIRST_WAIT: SignedDuration = SignedDuration::from_secs(5);
/// And never more than this, so that a receiver which was away for a night is told soon after.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_mins(30);

/// Sends what is due to one webhook, for ever.
pub(super) async fn run(parts: &NoticeParts, index: usize) {
    let Some((webhook, _)) = parts.webhooks.get(index) else { return };
    let mut events = parts.ground.store.newest_event();
    let mut leads = parts.ground.store.leads();
    loop {
        // One tells for all. The store is ours, so the wait ends with a yes.
        let _ = leads.wait_for(|leads| *leads).await;
        match send_due(parts, webhook).await {
            Ok(true) => {}
            Ok(false) => {
                // Whether it was an event or the time: somebody looks.
                let _ = tokio::time::timeout(LOOK_EVERY, events.changed()).await;
                tokio::time::sleep(CROWD).await;
            }
            Err(error) => {
                tracing::warn!(webhook = webhook.name(), %error, "the outbox cannot be read or written; it is tried again");
                tokio::time::sleep(STORE_WAIT).await;
            }
        }
    }
}

/// Sends what is due; whether anything was.
async fn send_due(parts: &NoticeParts, webhook: &Webhook) -> Result<bool, StoreError> {
    let now = parts.ground.clock.now();
    let latest = now.checked_add(LONGEST_WAIT).unwrap_or(now);
    let (name, composing) = (webhook.name().to_owned(), Composing::of(parts));
    let due = parts.ground.store.read(move |session| {
        let due = store::notices::due(session, &name, now, latest, AT_ONCE)?;
        due.into_iter()
            .map(|notice| match &notice.body {
                Some(_) => Ok((notice, None)),
                None => {
                    composing::message(session, &notice, &composing).map(|message| (notice, Some(message)))
                }
            })
            .collect::<Result<Vec<_>, StoreError>>()
    });
    let due = due.await?;
    if due.is_empty() {
        return Ok(false);
    }
    let sending = due.into_iter().map(async |(notice, message)| {
        let body = message.map(|message| webhook.body(&message)).or_else(|| notice.body.clone());
        send(parts, webhook, notice, body.unwrap_or_default()).await
    });
    let outcomes = join_all(sending).await;
    let settling = parts.ground.store.write(move |mut tx| {
        store::notices::settle(&mut tx, &outcomes)?;
        tx.unchanged(())
    });
    settling.await?;
    Ok(true)
}

async fn send(parts: &NoticeParts, webhook: &Webhook, notice: Notice, body: String) -> (NoticeKey, Outcome) {
    let now = parts.ground.clock.now();
    let sent = webhook.deliver(&message_id(&notice), now, &body).await;
    let outcome = match sent {
        Ok(()) => Outcome::Delivered,
        Err(fault) => after_failure(&notice, parts.ground.clock.now(), &fault, body),
    };
    let (seq, kind) = (notice.key.seq, notice.kind.as_str());
    let counted = match &outcome {
        Outcome::Delivered => NoticeOutcome::Delivered,
        Outcome::Later { error, next_at, .. } => {
            tracing::warn!(webhook = webhook.name(), event = seq, kind, error, %next_at, "a notice was not taken");
            NoticeOutcome::Failed
        }
        Outcome::Dead { error, .. } => {
            tracing::error!(
                webhook = webhook.name(),
                event = seq,
                kind,
                error,
                "a notice was given up after 24 h; see /v1/notices"
            );
            NoticeOutcome::Dead
        }
    };
    parts.ground.metrics.notice_sent(webhook.name(), counted);
    (notice.key, outcome)
}

/// The same for each attempt and for nothing else: by it receivers know what they have, and auditors find the event.
fn message_id(notice: &Notice) -> String {
    let hash = notice.hash.to_string();
    format!("evt_{}", hash.get(..32).unwrap_or_default())
}

fn after_failure(notice: &Notice, now: Timestamp, fault: &DeliveryFault, body: String) -> Outcome {
    let error = fault.to_string();
    let next_at = now.checked_add(wait(notice.attempts, random())).unwrap_or(Timestamp::MAX);
    let end = notice.created_at.checked_add(PATIENCE).unwrap_or(Timestamp::MAX);
    if now >= end {
        return Outcome::Dead { error, body: Some(body) };
    }
    // The last attempt stands at the end of its time, not before.
    Outcome::Later { next_at: next_at.min(end), error, body }
}

/// How long after so many failures; `jitter` spreads what failed together over the second half of the time.
fn wait(failures: i64, jitter: u8) -> SignedDuration {
    let doublings = u32::try_from(failures).unwrap_or(u32::MAX).min(16);
    let whole = FIRST_WAIT.saturating_mul(1 << doublings).min(LONGEST_WAIT);
    whole / 2 + whole / 512 * i32::from(jitter)
}

fn random() -> u8 {
    let [byte, ..] = Uuid::new_v4().into_bytes();
    byte
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::{LONGEST_WAIT, PATIENCE, after_failure, wait};
    use crate::domain::canonical::Digest;
    use crate::domain::notice::Kind;
    use crate::notify::DeliveryFault;
    use crate::store::notices::{Notice, NoticeKey, Outcome};

    #[test]
    fn waits_double_to_half_an_hour_and_are_spread() {
        let seconds = |failures, jitter| wait(failures, jitter).as_secs();
        assert_eq!([0, 1, 2, 8].map(|failures| seconds(failures, 0)), [2, 5, 10, 640]);
        assert_eq!(wait(0, 0), SignedDuration::from_millis(2_500));
        for failures in [9, 40, i64::MAX] {
            assert_eq!(wait(failures, 0), LONGEST_WAIT / 2);
            assert!(wait(failures, 255) > LONGEST_WAIT / 512 * 510 && wait(failures, 255) < LONGEST_WAIT);
        }
    }

    #[test]
    fn a_notice_is_tried_until_a_day_is_over_and_then_given_up() {
        let created_at = Timestamp::UNIX_EPOCH;
        let mut notice = Notice {
            key: NoticeKey { seq: 1, subscriber: "test".into() },
            kind: Kind::Bought,
            hash: Digest::ZERO,
            created_at,
            attempts: 0,
            next_at: created_at,
            dead_since: None,
            body: None,
            last_error: None,
        };
        let (end, mut now) = (created_at + PATIENCE, created_at);
        while let Outcome::Later { next_at, .. } =
            after_failure(&notice, now, &DeliveryFault::Status(500), String::new())
        {
            assert!(next_at > now && next_at <= end);
            (notice.attempts, now) = (notice.attempts + 1, next_at);
        }
        assert_eq!(now, end, "the last attempt is at the end of the day");
        assert!((40..120).contains(&notice.attempts), "{}", notice.attempts);
    }
}
