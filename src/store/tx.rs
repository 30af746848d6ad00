//! A transaction that can only end by saying what happened.
//!
//! A job given to [`Store::write`](crate::store::Store::write) must return [`Finished`], and only
//! [`Tx::commit`] (with an audit event), [`Tx::recorded`] (refused unless the last write was one) and [`Tx::unchanged`] (refused once
//! anything was written) make one. An
//! unaudited change is therefore not a rule that somebody may forget but a program that does not compile.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::domain::audit::AuditEvent;
use crate::store::attempts::InstanceId;
use crate::store::audit;
use crate::store::engine::Engine;
use crate::store::error::StoreError;
use crate::store::session::{Param, Session};

/// A transaction under way. Dropping it, or returning an error, undoes it.
pub struct Tx<'c> {
    engine: &'c dyn Engine,
    session: Session<'c>,
    at: Timestamp,
    trail: Cell<Trail>,
    request: Option<Arc<str>>,
}

/// What a transaction did so far.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trail {
    Clean,
    Written,
    Recorded,
}

/// The proof that a transaction ended well; carries its result out.
pub struct Finished<R>(R);

impl<R> Finished<R> {
    /// The same with another result.
    pub fn map<T>(self, other: impl FnOnce(R) -> T) -> Finished<T> {
        Finished(other(self.0))
    }

    pub(super) fn into_result(self) -> R {
        self.0
    }
}

impl<'c> Tx<'c> {
    pub(super) fn new(engine: &'c dyn Engine, at: Timestamp) -> Self {
        Self { engine, session: engine.session(), at, trail: Cell::new(Trail::Clean), request: None }
    }

    /// Its events name the request that caused them.
    pub(super) fn on_behalf_of(self, request: Option<Arc<str>>) -> Self {
        Self { request, ..self }
    }

    /// Whose claims are made here: this process, or what it is at this moment for the others on the same database.
    pub fn instance(&self) -> InstanceId {
        self.engine.instance()
    }

    /// Whether an instance is gone and so is everything that it may have sent since a claim of `since`: where others use the
    /// database too, a session that ended is not yet a process that ended.
    pub fn is_proven_gone(
        &self,
        other: InstanceId,
        since: Timestamp,
        after: Duration,
    ) -> Result<bool, StoreError> {
        let age = self.shared_time().duration_since(since);
        let is_old = !self.engine.is_shared() || Duration::try_from(age).is_ok_and(|age| age >= after);
        Ok(is_old && self.engine.is_gone(other)?)
    }

    /// When the transaction began, by the one clock that all who use the database share.
    pub fn shared_time(&self) -> Timestamp {
        self.engine.time(self.at)
    }

    /// The time of the transaction, the same in every row it writes.
    pub const fn at(&self) -> Timestamp {
        self.at
    }

    /// For reading inside the transaction.
    pub const fn session(&self) -> &Session<'c> {
        &self.session
    }

    /// Appends an event without ending: for a transaction that makes several transitions at once.
    pub fn record(&mut self, event: &AuditEvent) -> Result<(), StoreError> {
        match &self.request {
            Some(id) => {
                let named = event.clone().with("request_id", id.as_ref());
                audit::append(self, &named)?;
            }
            None => audit::append(self, event)?,
        }
        self.trail.set(Trail::Recorded);
        Ok(())
    }

    /// Appends the last event and ends.
    pub fn commit<R>(mut self, event: &AuditEvent, result: R) -> Result<Finished<R>, StoreError> {
        self.record(event)?;
        Ok(Finished(result))
    }

    /// Ends a transaction that turned out to have nothing to write.
    pub fn unchanged<R>(self, result: R) -> Result<Finished<R>, StoreError> {
        if self.trail.get() == Trail::Clean { Ok(Finished(result)) } else { Err(StoreError::Unaudited) }
    }

    /// Ends a transaction of which everything is recorded already, or that wrote nothing.
    pub fn recorded<R>(self, result: R) -> Result<Finished<R>, StoreError> {
        if self.trail.get() == Trail::Written { Err(StoreError::Unaudited) } else { Ok(Finished(result)) }
    }

    pub(super) fn execute(&mut self, statement: &str, params: &[Param<'_>]) -> Result<usize, StoreError> {
        self.trail.set(Trail::Written);
        self.session.execute(statement, params)
    }

    /// Keeps the outbox's books, and when was looked: what was sent and when it is tried again is no evidence, and an event
    /// about it would only be one more to tell.
    pub(super) fn note(&mut self, statement: &str, params: &[Param<'_>]) -> Result<usize, StoreError> {
        self.session.execute(statement, params)
    }

    /// Changes exactly one row, or somebody else was faster.
    pub(super) fn execute_one(&mut self, statement: &str, params: &[Param<'_>]) -> Result<(), StoreError> {
        match self.execute(statement, params)? {
            1 => Ok(()),
            _ => Err(StoreError::Conflict),
        }
    }
}
