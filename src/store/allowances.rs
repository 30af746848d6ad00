//! What callers have used of a limit that holds over all replicas: a row for each, by the database's clock.
//!
//! A row says when its caller's bucket is full again (the generic cell rate algorithm, ITU-T I.371). It is no evidence and
//! nobody's money, so it is written beside the one writer, and a crash of the server may lose the last of it.

use std::time::Duration;

use crate::domain::principal::Person;
use crate::store::error::StoreError;
use crate::store::postgres::NOW;
use crate::store::session::{Param, Session, only_int};

/// One request of somebody's, to be counted.
#[derive(Clone, Debug)]
pub struct Taking {
    /// Of which limit.
    pub limit: &'static str,
    /// Whose.
    pub person: Person,
    /// The time in which one request comes back.
    pub interval: Duration,
    /// How many may be made at once.
    pub burst: u32,
}

/// Counts one, or says how long there is none to be had. A full bucket has no row, or one that lies in the past.
pub(super) fn take(session: &Session<'_>, taking: &Taking) -> Result<Result<(), Duration>, StoreError> {
    let micros = |time: Duration| i64::try_from(time.as_micros()).unwrap_or(i64::MAX / 4);
    // A microsecond at least: what comes back in no time would never be used up.
    let interval = micros(taking.interval).clamp(1, i64::MAX / 4);
    let most = interval.saturating_mul(i64::from(taking.burst)).min(i64::MAX / 4);
    // Of another rate it is another bucket: when a rate changes everybody's is full, as it is in a process of its own.
    let bucket = format!("{} {interval} us, {} at once", taking.limit, taking.burst);
    let taken = session.query_first(
        &format!(
            "INSERT INTO allowances (name, issuer, subject, full_us) VALUES ($1, $2, $3, {NOW} + $4)
             ON CONFLICT (name, issuer, subject) DO UPDATE SET full_us = greatest(allowances.full_us, {NOW}) + $4
             WHERE greatest(allowances.full_us, {NOW}) + $4 <= {NOW} + $5 RETURNING full_us"
        ),
        &[
            (&bucket).into(),
            (&taking.person.issuer).into(),
            (&taking.person.subject).into(),
            interval.into(),
            most.into(),
        ],
        only_int,
    )?;
    if taken.is_some() {
        return Ok(Ok(()));
    }
    let key: [Param<'_>; 3] =
        [(&bucket).into(), (&taking.person.issuer).into(), (&taking.person.subject).into()];
    let ahead = session.query_int(
        &format!("SELECT full_us - {NOW} FROM allowances WHERE name = $1 AND issuer = $2 AND subject = $3"),
        &key,
    )?;
    let wait = ahead.saturating_add(interval).saturating_sub(most);
    Ok(Err(Duration::from_micros(u64::try_from(wait).unwrap_or_default())))
}

/// Forgets whose bucket is full.
pub(super) fn forget_idle(session: &Session<'_>) -> Result<(), StoreError> {
    session.execute(&format!("DELETE FROM allowances WHERE full_us < {NOW}"), &[])?;
    Ok(())
}
