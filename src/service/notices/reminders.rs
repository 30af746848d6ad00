//! What no request causes: a budget that is nearly used, and a request whose time runs out. Each is said once, as an
//! event of its own, so it reaches the outbox like every other.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::domain::audit::{Actor, AuditEvent, Target};
use crate::domain::money::Money;
use crate::domain::notice::{BUDGET_REACHED, Kind};
use crate::service::budgets::{self, Position};
use crate::service::notices::{NoticeParts, tidy};
use crate::store::notices::RunningOut;
use crate::store::{self, StoreError, Tx};

/// How often is looked; a look reads a few indexed rows.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often what was given up long ago is forgotten, in looks.
const TIDY_EVERY: u32 = 3_600;
/// The shares of a budget that are told of, the highest first.
const THRESHOLDS: [i64; 2] = [100, 80];
/// Reminders of one look; the next takes the rest.
const AT_ONCE: i64 = 100;

/// Something to be said once.
struct Reminder {
    /// What it is known by, so that it is said once. Those after the first are said with it.
    once: Vec<String>,
    event: AuditEvent,
}

/// Looks for what is to be said, for ever.
pub(super) async fn run(parts: &NoticeParts) {
    let is_wanted = |kind| parts.webhooks.iter().any(|(_, kinds)| kinds.contains(&kind));
    let events = parts.ground.store.newest_event();
    let mut leads = parts.ground.store.leads();
    let mut seen = None;
    let mut looks = 0_u32;
    loop {
        // One looks for all.
        let _ = leads.wait_for(|leads| *leads).await;
        let newest = *events.borrow();
        // Only an event moves money; the turn of a month moves none.
        let has_news = seen.replace(newest) != Some(newest);
        let mut said = Ok(());
        if is_wanted(Kind::Budget) && has_news {
            said = said.and(budgets_reached(parts).await);
        }
        if is_wanted(Kind::ExpiresSoon) {
            said = said.and(running_out(parts).await);
        }
        looks = looks.wrapping_add(1);
        if looks.is_multiple_of(TIDY_EVERY) {
            said = said.and(tidy(&parts.ground.store).await.map(|_| ()));
        }
        if let Err(error) = said {
            tracing::warn!(%error, "reminders could not be written; the next look tries again");
            seen = None;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn budgets_reached(parts: &NoticeParts) -> Result<(), StoreError> {
    let (teams, month) = (parts.ground.teams.now(), parts.ground.month());
    let of = month.clone();
    let reading = parts.ground.store.read(move |session| budgets::positions(session, &teams, &of));
    let reminders = reading.await?.iter().flat_map(|position| reached(position, &month)).collect();
    say(parts, reminders).await
}

/// The highest threshold that each limit of a budget has reached.
fn reached(position: &Position, month: &str) -> Vec<Reminder> {
    let budget = position.budget;
    let add = |one: Money, other| one.checked_add(other).unwrap_or(Money::from_micros(i64::MAX));
    let limits = [
        ("spend", budget.spend_per_month, position.used()),
        ("recurring", budget.recurring_per_month, add(position.recurring, position.recurring_held)),
    ];
    let of_limit = |(kind, limit, used): (&'static str, Option<Money>, Money)| {
        let limit = limit.filter(|limit| *limit > Money::ZERO)?;
        let is_reached = |percent: &i64| {
            i128::from(used.micros()) * 100 >= i128::from(limit.micros()) * i128::from(*percent)
        };
        let percent = THRESHOLDS.into_iter().find(is_reached)?;
        let whose = position.team.as_ref().map(ToString::to_string);
        let target = Target::new("budget", &whose.as_deref().unwrap_or("organisation"));
        let key = |percent: i64| {
            format!("budget/{}/{month}/{kind}/{percent}", whose.as_deref().unwrap_or_default())
        };
        // Who jumped over the lower one is not told of it when some of the money comes back.
        let once = THRESHOLDS.into_iter().filter(|lower| *lower <= percent).map(key).collect();
        let event = AuditEvent::new(BUDGET_REACHED, Actor::Gateway("notices"), target)
            .with_some("team", whose.clone())
            .with("kind", kind)
            .with("month", month)
            .with("percent", percent)
            .with("used", used.to_string())
            .with("limit", limit.to_string());
        Some(Reminder { once, event })
    };
    limits.into_iter().filter_map(of_limit).collect()
}

async fn running_out(parts: &NoticeParts) -> Result<(), StoreError> {
    let now = parts.ground.clock.now();
    let soon = SignedDuration::try_from(parts.expires_soon).unwrap_or(SignedDuration::MAX);
    let until = now.checked_add(soon).unwrap_or(Timestamp::MAX);
    let found =
        parts.ground.store.read(move |session| store::notices::running_out(session, now, until, AT_ONCE));
    let reminders = found.await?.iter().filter_map(|request| expires_soon(request, now)).collect();
    say(parts, reminders).await
}

/// A request of which less than a quarter of its time is left: one that was only just made is not told of twice.
fn expires_soon(request: &RunningOut, now: Timestamp) -> Option<Reminder> {
    let whole = request.until.duration_since(request.since);
    if request.until.duration_since(now) > whole / 4 {
        return None;
    }
    let (action, kind) = match request.kind.as_str() {
        "purchase" => ("purchase.expires_soon", "purchase"),
        _ => ("registration.expires_soon", "registration"),
    };
    let event = AuditEvent::new(action, Actor::Gateway("notices"), Target::new(kind, &request.id))
        .with("state", request.state.clone())
        .with("until", request.until.to_string());
    Some(Reminder { once: vec![request.once.clone()], event })
}

/// Says what was not said yet, in one commit.
async fn say(parts: &NoticeParts, reminders: Vec<Reminder>) -> Result<(), StoreError> {
    if reminders.is_empty() {
        return Ok(());
    }
    let reading = parts.ground.store.read(move |session| {
        let mut unsaid = Vec::new();
        for reminder in reminders {
            let first = reminder.once.first().map(String::as_str).unwrap_or_default();
            if !store::notices::is_said(session, first)? {
                unsaid.push(reminder);
            }
        }
        Ok(unsaid)
    });
    let unsaid = reading.await?;
    if unsaid.is_empty() {
        return Ok(());
    }
    parts.ground.store.write(move |tx| write(tx, unsaid)).await
}

fn write(mut tx: Tx<'_>, mut unsaid: Vec<Reminder>) -> Result<store::Finished<()>, StoreError> {
    let Some(last) = unsaid.pop() else { return tx.unchanged(()) };
    for Reminder { once, event } in unsaid {
        keep(&mut tx, &once)?;
        tx.record(&event)?;
    }
    keep(&mut tx, &last.once)?;
    tx.commit(&last.event, ())
}

fn keep(tx: &mut Tx<'_>, once: &[String]) -> Result<(), StoreError> {
    once.iter().try_for_each(|what| store::notices::say(tx, what))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]

    use jiff::{SignedDuration, Timestamp};

    use super::{expires_soon, reached};
    use crate::domain::money::Money;
    use crate::service::budgets::Position;
    use crate::service::teams::Budget;
    use crate::store::notices::RunningOut;

    fn told(spent: &str, limit: &str) -> Vec<Vec<String>> {
        let position = Position {
            team: Some("growth".parse().unwrap()),
            budget: Budget { spend_per_month: Some(limit.parse().unwrap()), recurring_per_month: None },
            spent: spent.parse().unwrap(),
            held: Money::ZERO,
            waiting: Money::ZERO,
            due: Money::ZERO,
            recurring: Money::ZERO,
            recurring_held: Money::ZERO,
        };
        reached(&position, "2026-11").into_iter().map(|reminder| reminder.once).collect()
    }

    #[test]
    fn the_highest_threshold_is_said_and_the_lower_with_it() {
        let key = |percent: u8| format!("budget/growth/2026-11/spend/{percent}");
        assert!(told("79.999999", "100.00").is_empty());
        assert_eq!(told("80.00", "100.00"), [[key(80)]]);
        assert_eq!(told("100.00", "100.00"), [[key(100), key(80)]]);
        assert!(told("5.00", "0.00").is_empty(), "no budget at all is no news");
    }

    #[test]
    fn a_request_that_was_only_just_made_does_not_expire_soon() {
        let since = Timestamp::UNIX_EPOCH;
        let request = RunningOut {
            kind: "purchase".into(),
            id: "7".into(),
            state: "pending_approval".into(),
            since,
            until: since + SignedDuration::from_hours(2),
            once: "once".into(),
        };
        assert!(expires_soon(&request, since + SignedDuration::from_mins(89)).is_none());
        assert!(expires_soon(&request, since + SignedDuration::from_mins(90)).is_some());
    }
}
