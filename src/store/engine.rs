//! What the writer asks of a database: to begin, to commit, to say whose claims are alive. All else is statements, and
//! those are the same for both engines.

use std::time::Duration;

use jiff::Timestamp;

use crate::store::attempts::InstanceId;
use crate::store::error::StoreError;
use crate::store::session::Session;

/// One connection that writes. Used by one thread.
pub(super) trait Engine: Send {
    /// The connection, for statements.
    fn session(&self) -> Session<'_>;

    /// Begins a transaction that sees whatever was committed and that no other writer's overlaps.
    fn begin(&mut self) -> Result<Begun, StoreError>;

    /// Makes it durable, and tells other replicas about `news`, the number of the newest event, where there are some. On
    /// failure nothing of it remains, unless the error [may stand](StoreError::may_stand).
    fn commit(&mut self, news: Option<i64>) -> Result<(), StoreError>;

    /// Undoes it.
    fn roll_back(&self);

    /// Whether a transaction is under way.
    fn is_in_transaction(&self) -> bool;

    /// Statements without parameters or rows.
    fn script(&self, statements: &str) -> Result<(), StoreError>;

    /// A migration, in this engine's tongue.
    fn migrate(&self, migration: &str) -> Result<(), StoreError>;

    /// Whether other processes may write to the database as well.
    fn is_shared(&self) -> bool;

    /// Whose claims are made in this transaction.
    fn instance(&self) -> InstanceId;

    /// Whether another instance can claim nothing any more, as far as the database knows.
    fn is_gone(&self, other: InstanceId) -> Result<bool, StoreError>;

    /// When the transaction began, by the one clock that all who use the database share; `at` is this process's.
    fn time(&self, at: Timestamp) -> Timestamp;

    /// What is to be done when nobody writes.
    fn upkeep(&mut self) -> Result<Upkeep, StoreError>;

    /// Does it. How the next transaction begins. The one error is a failed fsync.
    fn keep_up(&mut self) -> Result<Begun, StoreError>;

    /// Leaves the database as the next one likes to find it. The one error is a failed fsync.
    fn tidy(&mut self) -> Result<(), StoreError>;
}

/// How a transaction began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begun {
    /// On the connection of the one before.
    OnAsBefore,
    /// On one of which no transaction was committed yet: the server may be another than before, and may have lost commits.
    Anew,
}

/// What is to be done when nobody writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Upkeep {
    /// Nothing.
    Nothing,
    /// Something, once nobody has come for so long.
    After(Duration),
    /// Something that cannot wait.
    Now,
}
