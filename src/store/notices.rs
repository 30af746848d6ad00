//! The outbox: notices that wait for their receivers, written in the commit of the event that they tell of.
//!
//! `enqueue` runs for every event, inside [`Tx::record`](crate::store::Tx::record). Who wants what stands in a table
//! that the start fills in, so the store knows names and kinds, and neither addresses nor configuration.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::domain::audit::AuditEvent;
use crate::domain::canonical::Digest;
use crate::domain::notice::Kind;
use crate::store::error::StoreError;
use crate::store::session::{Param, Row, Session};
use crate::store::tx::Tx;

/// The kinds of notice that each subscriber wants.
pub type Subscriptions = BTreeMap<String, BTreeSet<Kind>>;

/// What names a notice: its event and its receiver.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NoticeKey {
    /// The event's number.
    pub seq: i64,
    /// Who is told.
    pub subscriber: String,
}

/// A notice that is not delivered yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// What names it.
    pub key: NoticeKey,
    /// What it is about.
    pub kind: Kind,
    /// The hash of its event.
    pub hash: Digest,
    /// When the event happened.
    pub created_at: Timestamp,
    /// How many times it was sent in vain.
    pub attempts: i64,
    /// When it is sent next.
    pub next_at: Timestamp,
    /// Since when it is not sent any more.
    pub dead_since: Option<Timestamp>,
    /// What the first attempt sent.
    pub body: Option<String>,
    /// Why the newest attempt failed.
    pub last_error: Option<String>,
}

/// What became of an attempt to send a notice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Its receiver has it.
    Delivered,
    /// It is tried again.
    Later {
        /// When.
        next_at: Timestamp,
        /// Why.
        error: String,
        /// What was sent, to be sent again.
        body: String,
    },
    /// It is not tried any more.
    Dead {
        /// Why the last attempt failed.
        error: String,
        /// What was sent.
        body: Option<String>,
    },
}

/// Notices of one subscriber, counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    /// Who is told.
    pub subscriber: String,
    /// Those that are still to be sent.
    pub waiting: i64,
    /// Those that were given up.
    pub dead: i64,
}

/// Which notices a list shows.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only given up ones, or only those that are still to be sent.
    pub dead: Option<bool>,
    /// Only one subscriber's.
    pub subscriber: Option<String>,
    /// Only those after this one in the order of the list.
    pub after: Option<NoticeKey>,
}

const COLUMNS: &str =
    "notices.seq, subscriber, kind, hash, created_us, attempts, next_us, dead_us, notices.body,
    last_error FROM notices JOIN audit_events ON audit_events.seq = notices.seq";

fn read(row: &mut Row<'_>) -> Result<Notice, StoreError> {
    Ok(Notice {
        key: NoticeKey { seq: row.int()?, subscriber: row.text()? },
        kind: row.parsed()?,
        hash: row.digest()?,
        created_at: row.time()?,
        attempts: row.int()?,
        next_at: row.time()?,
        dead_since: row.optional_time()?,
        body: row.optional_text()?,
        last_error: row.optional_text()?,
    })
}

/// Puts a notice of an event into the outbox for each subscriber who wants it.
pub(super) fn enqueue(tx: &mut Tx<'_>, seq: i64, event: &AuditEvent) -> Result<(), StoreError> {
    let Some(kind) = Kind::of(event) else { return Ok(()) };
    let at = tx.at();
    tx.execute(
        "INSERT INTO notices (seq, subscriber, kind, created_us, next_us)
         SELECT $1, subscriber, kind, $2, $2 FROM notice_subscriptions WHERE kind = $3",
        &[seq.into(), at.into(), kind.as_str().into()],
    )?;
    Ok(())
}

/// Who wants what.
pub fn subscriptions(session: &Session<'_>) -> Result<Subscriptions, StoreError> {
    let rows = session.query("SELECT subscriber, kind FROM notice_subscriptions", &[], |row| {
        Ok((row.text()?, row.parsed::<Kind>()?))
    })?;
    let mut wanted = Subscriptions::new();
    for (subscriber, kind) in rows {
        wanted.entry(subscriber).or_default().insert(kind);
    }
    Ok(wanted)
}

/// Says who wants what from now on.
pub fn subscribe(tx: &mut Tx<'_>, wanted: &Subscriptions) -> Result<(), StoreError> {
    tx.execute("DELETE FROM notice_subscriptions", &[])?;
    for (subscriber, kinds) in wanted {
        for kind in kinds {
            tx.execute_one(
                "INSERT INTO notice_subscriptions (subscriber, kind) VALUES ($1, $2)",
                &[subscriber.into(), kind.as_str().into()],
            )?;
        }
    }
    Ok(())
}

/// A subscriber's notices that are due, the longest due first, at most `limit`. What is due only after `latest` is due
/// as well: no backoff reaches as far, so the calendar was set back.
pub fn due(
    session: &Session<'_>,
    subscriber: &str,
    now: Timestamp,
    latest: Timestamp,
    limit: i64,
) -> Result<Vec<Notice>, StoreError> {
    let statement = format!(
        "SELECT {COLUMNS} WHERE subscriber = $1 AND dead_us IS NULL AND (next_us <= $2 OR next_us > $3)
         ORDER BY next_us LIMIT $4"
    );
    session.query(&statement, &[subscriber.into(), now.into(), latest.into(), limit.into()], read)
}

/// Writes down what became of attempts.
pub fn settle(tx: &mut Tx<'_>, outcomes: &[(NoticeKey, Outcome)]) -> Result<(), StoreError> {
    let at = tx.at();
    for (NoticeKey { seq, subscriber }, outcome) in outcomes {
        let key: [Param<'_>; 2] = [(*seq).into(), subscriber.into()];
        let [seq, subscriber] = key;
        match outcome {
            Outcome::Delivered => {
                tx.note("DELETE FROM notices WHERE seq = $1 AND subscriber = $2", &key)?;
            }
            Outcome::Later { next_at, error, body } => {
                tx.note(
                    "UPDATE notices SET attempts = attempts + 1, next_us = $3, last_error = $4, body = $5
                     WHERE seq = $1 AND subscriber = $2",
                    &[seq, subscriber, (*next_at).into(), error.into(), body.into()],
                )?;
            }
            Outcome::Dead { error, body } => {
                tx.note(
                    "UPDATE notices SET attempts = attempts + 1, dead_us = $3, last_error = $4, body = $5
                     WHERE seq = $1 AND subscriber = $2",
                    &[seq, subscriber, at.into(), error.into(), body.as_deref().into()],
                )?;
            }
        }
    }
    Ok(())
}

/// Gives up what waits for subscribers that are not there any more; says how many notices that were.
pub fn bury_strangers(tx: &mut Tx<'_>, error: &str) -> Result<usize, StoreError> {
    let at = tx.at();
    tx.note(
        "UPDATE notices SET dead_us = $1, last_error = $2
         WHERE dead_us IS NULL AND subscriber NOT IN (SELECT subscriber FROM notice_subscriptions)",
        &[at.into(), error.into()],
    )
}

/// Forgets what was given up before a moment.
pub fn forget_dead(tx: &mut Tx<'_>, before: Timestamp) -> Result<usize, StoreError> {
    tx.note("DELETE FROM notices WHERE dead_us < $1", &[before.into()])
}

/// Forgets what was said once before a moment.
pub fn forget_said(tx: &mut Tx<'_>, before: Timestamp) -> Result<usize, StoreError> {
    tx.note("DELETE FROM reminders WHERE at_us < $1", &[before.into()])
}

/// Lets a notice that was given up be sent again, with the whole patience of a new one.
pub fn revive(tx: &mut Tx<'_>, key: &NoticeKey) -> Result<(), StoreError> {
    let at = tx.at();
    tx.execute_one(
        "UPDATE notices SET dead_us = NULL, attempts = 0, created_us = $3, next_us = $3
         WHERE seq = $1 AND subscriber = $2 AND dead_us IS NOT NULL",
        &[key.seq.into(), (&key.subscriber).into(), at.into()],
    )
}

/// Notices, newest first, at most `limit`.
pub fn list(session: &Session<'_>, filter: &Filter, limit: i64) -> Result<Vec<Notice>, StoreError> {
    let statement = format!(
        "SELECT {COLUMNS}
         WHERE ($1 IS NULL OR subscriber = $1) AND ($2 IS NULL OR CASE WHEN dead_us IS NULL THEN 0 ELSE 1 END = $2)
           AND ($3 IS NULL OR notices.seq < $3 OR (notices.seq = $3 AND subscriber > $4))
         ORDER BY notices.seq DESC, subscriber LIMIT $5"
    );
    let after = filter.after.as_ref();
    let params = [
        filter.subscriber.as_deref().into(),
        filter.dead.map(i64::from).into(),
        after.map(|after| after.seq).into(),
        after.map(|after| after.subscriber.as_str()).into(),
        limit.into(),
    ];
    session.query(&statement, &params, read)
}

/// How many notices wait and are given up, for each subscriber that has any.
pub fn counts(session: &Session<'_>) -> Result<Vec<Count>, StoreError> {
    session.query(
        "SELECT subscriber, count(*) - count(dead_us), count(dead_us) FROM notices GROUP BY subscriber",
        &[],
        |row| Ok(Count { subscriber: row.text()?, waiting: row.int()?, dead: row.int()? }),
    )
}

/// Whether something that is said once was said.
pub fn is_said(session: &Session<'_>, what: &str) -> Result<bool, StoreError> {
    Ok(session.query_int("SELECT count(*) FROM reminders WHERE what = $1", &[what.into()])? > 0)
}

/// Keeps that it was said.
pub fn say(tx: &mut Tx<'_>, what: &str) -> Result<(), StoreError> {
    let at = tx.at();
    tx.execute(
        "INSERT INTO reminders (what, at_us) VALUES ($1, $2) ON CONFLICT (what) DO NOTHING",
        &[what.into(), at.into()],
    )?;
    Ok(())
}

/// A request whose time runs out, of which nobody was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunningOut {
    /// `purchase` or `registration`.
    pub kind: String,
    /// Which one.
    pub id: String,
    /// Where it stands: waiting for people, or approved.
    pub state: String,
    /// Since when.
    pub since: Timestamp,
    /// Until when something must happen.
    pub until: Timestamp,
    /// What it is said under, once.
    pub once: String,
}

/// Requests that must be decided or sent after `now` and not after `until`, and were not told of, at most `limit`.
pub fn running_out(
    session: &Session<'_>,
    now: Timestamp,
    until: Timestamp,
    limit: i64,
) -> Result<Vec<RunningOut>, StoreError> {
    let waiting = |kind: &str, table: &str, state: &str, column: &str| {
        format!(
            "SELECT '{kind}' AS kind, id, state, updated_us, {column} AS until_us,
                 'expires/{kind}/' || id || '/' || {column} AS once
             FROM {table} WHERE state = '{state}' AND {column} > $1 AND {column} <= $2"
        )
    };
    let statement = [
        waiting("purchase", "purchases", "pending_approval", "decide_by_us"),
        waiting("purchase", "purchases", "approved", "approved_until_us"),
        waiting("registration", "registrations", "pending_approval", "decide_by_us"),
        waiting("registration", "registrations", "approved", "approved_until_us"),
    ]
    .join(" UNION ALL ");
    let statement = format!(
        "SELECT kind, id, state, updated_us, until_us, once FROM ({statement}) AS waiting
         WHERE NOT EXISTS (SELECT 1 FROM reminders WHERE what = once) ORDER BY until_us LIMIT $3"
    );
    session.query(&statement, &[now.into(), until.into(), limit.into()], |row| {
        Ok(RunningOut {
            kind: row.text()?,
            id: row.text()?,
            state: row.text()?,
            since: row.time()?,
            until: row.time()?,
            once: row.text()?,
        })
    })
}
