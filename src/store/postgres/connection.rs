//! One connection to PostgreSQL for one thread: every call waits, and none waits for ever.
//!
//! The connection brings the little runtime that moves its bytes, so a statement costs no hop to another thread. A
//! deadline that passes breaks the connection: nobody could tell later answers from this one's.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::Future;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, SimpleQueryMessage, Statement};

use crate::store::error::StoreError;
use crate::store::postgres::address::Address;
use crate::store::postgres::{cells, failure};
use crate::store::session::{Link, Param, Row, Session};

/// The server ends a statement itself after this; see [`SETTINGS`].
const STATEMENT: Duration = Duration::from_secs(9);
/// Connecting, with name, TLS and password.
const CONNECTING: Duration = Duration::from_secs(8);
/// Statements that stay prepared. Lists put theirs together from what is asked for, so there are some more than stand in
/// the code.
const PREPARED: usize = 512;

/// Deadlines that the server keeps: for a statement, for waiting for a lock, and for a transaction that nobody goes on
/// with, because a replica that stopped in the middle of one has the lock that all others wait for. A server that loses
/// sight of a client ends its session, and with it its locks, within half a minute. A commit is on disk when it is
/// answered, whatever the database's own default.
const SETTINGS: &str = "SET statement_timeout = '8s'; SET lock_timeout = '5s';
    SET idle_in_transaction_session_timeout = '5s'; SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5;
    SET tcp_keepalives_count = 3; SET tcp_user_timeout = 25000; SET client_min_messages = warning;
    SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'";

/// A connection.
pub(in crate::store) struct Connection {
    runtime: Option<Runtime>,
    client: Client,
    prepared: RefCell<HashMap<String, Statement>>,
    is_broken: Cell<bool>,
    /// The server process at the other end.
    pub(super) backend: i64,
}

impl Drop for Connection {
    fn drop(&mut self) {
        // Waiting for the runtime's end is forbidden where the store may be dropped, and there is nothing to wait for.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Whether there is no server to connect to, or one that is only starting. Blocks.
pub(in crate::store) fn is_away(address: &Address) -> bool {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return false;
    };
    let connecting = async { tokio::time::timeout(CONNECTING, address.connect()).await };
    runtime
        .block_on(connecting)
        .map_or(true, |connected| connected.is_err_and(|error| failure::is_away(&error)))
}

impl Connection {
    /// Connects to a server that can be written to, and says how long it may take for things.
    pub(in crate::store) fn open(address: &Address) -> Result<Self, StoreError> {
        let unavailable = |error: &dyn std::fmt::Display| {
            StoreError::Unavailable(format!("PostgreSQL at {}: {error}", address.place()))
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| unavailable(&error))?;
        let (client, moving) = runtime
            .block_on(async { tokio::time::timeout(CONNECTING, address.connect()).await })
            .map_err(|_| unavailable(&"no connection within 8 s"))?
            .map_err(|error| unavailable(&failure::words(&error)))?;
        runtime.spawn(async move {
            // Whoever uses the client is told the same.
            let _ = moving.await;
        });
        let mut connection = Self {
            runtime: Some(runtime),
            client,
            prepared: RefCell::default(),
            is_broken: Cell::new(false),
            backend: 0,
        };
        connection.script(SETTINGS)?;
        connection.backend = connection.session().query_int("SELECT pg_backend_pid()", &[])?;
        Ok(connection)
    }

    /// What the store sees of it.
    pub(in crate::store) const fn session(&self) -> Session<'_> {
        Session::new(Link::Postgres(self))
    }

    /// Whether it can be used no more.
    pub(super) fn is_broken(&self) -> bool {
        self.is_broken.get() || self.client.is_closed()
    }

    /// Uses it no more.
    pub(super) fn give_up(&self) {
        self.is_broken.set(true);
    }

    /// Statements without parameters, one after the other; nothing is prepared.
    pub(in crate::store) fn script(&self, statements: &str) -> Result<(), StoreError> {
        self.wait(self.client.batch_execute(statements))
    }

    /// The one cell of the last row that statements without parameters give.
    pub(super) fn script_text(&self, statements: &str) -> Result<Option<String>, StoreError> {
        let messages = self.wait(self.client.simple_query(statements))?;
        Ok(messages.into_iter().rev().find_map(|message| {
            if let SimpleQueryMessage::Row(row) = message { row.get(0).map(ToOwned::to_owned) } else { None }
        }))
    }

    pub(in crate::store) fn query<T>(
        &self,
        statement: &str,
        params: &[Param<'_>],
        mut read: impl FnMut(&mut Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let prepared = self.prepare(statement, params)?;
        let rows = self.wait(self.client.query(&prepared, &sendable(params)))?;
        rows.iter().map(|row| read(&mut Row::of_postgres(row))).collect()
    }

    pub(in crate::store) fn execute(
        &self,
        statement: &str,
        params: &[Param<'_>],
    ) -> Result<usize, StoreError> {
        let prepared = self.prepare(statement, params)?;
        let changed = self.wait(self.client.execute(&prepared, &sendable(params)))?;
        usize::try_from(changed).map_err(StoreError::corrupt)
    }

    fn prepare(&self, statement: &str, params: &[Param<'_>]) -> Result<Statement, StoreError> {
        if let Some(prepared) = self.prepared.borrow().get(statement) {
            return Ok(prepared.clone());
        }
        let kinds: Vec<_> = params.iter().map(cells::kind).collect();
        let prepared = self.wait(self.client.prepare_typed(statement, &kinds))?;
        let mut kept = self.prepared.borrow_mut();
        if kept.len() >= PREPARED {
            kept.clear();
        }
        kept.insert(statement.to_owned(), prepared.clone());
        Ok(prepared)
    }

    /// Waits for an answer, at most as long as a statement may take.
    fn wait<T>(
        &self,
        answer: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, StoreError> {
        let Some(runtime) = self.runtime.as_ref().filter(|_| !self.is_broken.get()) else {
            return Err(StoreError::Unavailable("the connection to PostgreSQL is broken".to_owned()));
        };
        if let Ok(answered) = runtime.block_on(async { tokio::time::timeout(STATEMENT, answer).await }) {
            return answered.map_err(|error| failure::classify(&error));
        }
        self.is_broken.set(true);
        Err(StoreError::Unavailable("PostgreSQL did not answer within 9 s".to_owned()))
    }
}

fn sendable<'p>(params: &'p [Param<'p>]) -> Vec<&'p (dyn ToSql + Sync)> {
    params.iter().map(|param| -> &(dyn ToSql + Sync) { param }).collect()
}
