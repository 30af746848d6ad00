//! PostgreSQL as an engine: any number of replicas, each with one session that writes.
//!
//! Every writing transaction takes one advisory lock first, so all replicas together have one writer at a time, and what
//! is checked inside a transaction (a budget, a day's limit, the chain's head) is true of all of them. The session holds
//! a second lock for as long as it lives: the sign that its instance is alive. An instance is a session, so a claim can
//! only be made while that lock is held; a connection that breaks takes the instance along, and the next one is another.

use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use uuid::Uuid;

use crate::store::attempts::InstanceId;
use crate::store::engine::{Begun, Engine, Upkeep};
use crate::store::error::StoreError;
use crate::store::postgres::address::Address;
use crate::store::postgres::connection::Connection;
use crate::store::postgres::{CHANNEL, NOW, schema};
use crate::store::session::{Link, Param, Session};
use crate::store::standing::Standing;

/// The one writer's lock; the number is `NumberGW` in ASCII.
const WRITER: i64 = 0x4e75_6d62_6572_4757;
/// How often an idle session shows that it is alive, connects again, and looks whether others wrote.
const LOOK: Duration = Duration::from_secs(1);
/// The lock of the one that does what one does for all; the number is `NumberGL` in ASCII.
const LEADER: i64 = 0x4e75_6d62_6572_474c;
/// Holds a lock for as long as the session lives, if nobody else does.
const HOLD: &str = "SELECT pg_try_advisory_lock($1)";
/// What only the writing session is told: who it is to those who count, and that it shows every second that it lives. A
/// process that stands still loses it, and with it its locks, while its connection looks well.
const WRITING: &str = "SET application_name = 'numbers-gateway writer'; SET idle_session_timeout = '15s'";
/// Replicas, by their writing sessions.
const REPLICAS: &str = "SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'numbers-gateway writer'";

/// The writing session, and how to get the next one.
pub(in crate::store) struct Postgres {
    address: Address,
    connection: Option<Connection>,
    instance: InstanceId,
    /// Whether no transaction of this connection was committed yet.
    is_new: bool,
    is_in_transaction: Cell<bool>,
    began: Option<Timestamp>,
    standing: Arc<Standing>,
    looked: Instant,
}

impl Postgres {
    /// Connects, and refuses a server that cannot keep what this program promises.
    pub(in crate::store) fn open(address: &Address, standing: Arc<Standing>) -> Result<Self, StoreError> {
        let mut engine = Self {
            address: address.clone(),
            connection: None,
            instance: InstanceId(Uuid::new_v4()),
            is_new: true,
            is_in_transaction: Cell::new(false),
            began: None,
            standing,
            looked: Instant::now(),
        };
        engine.connect()?;
        refuse_pooled(engine.live()?, &Connection::open(address)?)?;
        engine.look_around()?;
        Ok(engine)
    }

    fn connect(&mut self) -> Result<(), StoreError> {
        if self.connection.as_ref().is_some_and(|connection| !connection.is_broken()) {
            return Ok(());
        }
        // Before the new session is there: what is claimed from now on is another instance's.
        self.connection = None;
        self.standing.lead(false);
        let connection = Connection::open(&self.address)?;
        refuse_unfit(&connection)?;
        connection.script(WRITING)?;
        let instance = InstanceId(Uuid::new_v4());
        let held = connection.session().query_int(HOLD, &[Param::from(lock_of(instance))])?;
        if held == 0 {
            return Err(StoreError::Unavailable("the lock of a new instance is held already".to_owned()));
        }
        tracing::info!(database = %self.address, instance = %instance.0, "a session of this instance is open");
        (self.instance, self.connection, self.is_new) = (instance, Some(connection), true);
        Ok(())
    }

    /// Who leads, and how many there are.
    fn look_around(&mut self) -> Result<(), StoreError> {
        self.looked = Instant::now();
        let session = self.live()?.session();
        if !self.standing.is_leading() {
            let leads = session.query_int(HOLD, &[LEADER.into()])?;
            self.standing.lead(leads == 1);
        }
        let replicas = session.query_int(REPLICAS, &[])?;
        self.standing.count(u32::try_from(replicas).unwrap_or(u32::MAX).max(1));
        Ok(())
    }

    const fn begins(&self) -> Begun {
        if self.is_new { Begun::Anew } else { Begun::OnAsBefore }
    }

    fn live(&self) -> Result<&Connection, StoreError> {
        self.connection
            .as_ref()
            .ok_or_else(|| StoreError::Unavailable("there is no connection to the database".to_owned()))
    }

    fn is_cut(&self) -> bool {
        self.connection.as_ref().is_none_or(Connection::is_broken)
    }

    fn open_transaction(&mut self) -> Result<Begun, StoreError> {
        self.connect()?;
        if self.looked.elapsed() >= LOOK {
            self.look_around()?;
        }
        let begin = format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_advisory_xact_lock({WRITER}); SELECT {NOW}"
        );
        let answer = self.live()?.script_text(&begin);
        let Some(micros) = answer.inspect_err(|_| self.roll_back())?.and_then(|text| text.parse().ok())
        else {
            self.roll_back();
            return Err(StoreError::corrupt("PostgreSQL does not know the time"));
        };
        self.began = Some(Timestamp::from_microsecond(micros).map_err(StoreError::corrupt)?);
        self.is_in_transaction.set(true);
        Ok(self.begins())
    }
}

impl Engine for Postgres {
    fn session(&self) -> Session<'_> {
        let nowhere = Session::new(Link::Nowhere);
        self.connection.as_ref().map_or(nowhere, Connection::session)
    }

    fn begin(&mut self) -> Result<Begun, StoreError> {
        let asked = Instant::now();
        match self.open_transaction() {
            // A server that was started again has closed what was idle, and nobody was told. Nothing was done yet.
            Err(_) if self.is_cut() && asked.elapsed() < LOOK => self.open_transaction(),
            begun => begun,
        }
    }

    fn commit(&mut self, news: Option<i64>) -> Result<(), StoreError> {
        let told = news.map(|news| format!("SELECT pg_notify('{CHANNEL}', '{news}');")).unwrap_or_default();
        let committed = self.live()?.script(&format!("{told} COMMIT"));
        self.is_in_transaction.set(false);
        if committed.is_err() {
            self.roll_back();
        }
        match committed {
            // The server said no, so it did not.
            Err(error) if !self.live()?.is_broken() => Err(error),
            // It may have, and the answer was lost.
            Err(error) => {
                tracing::error!(%error, "the answer to a commit was lost; whoever waits for it has to look");
                Err(StoreError::Unanswered)
            }
            Ok(()) => {
                self.is_new = false;
                Ok(())
            }
        }
    }

    fn roll_back(&self) {
        self.is_in_transaction.set(false);
        if let Some(connection) = &self.connection
            && connection.script("ROLLBACK").is_err()
        {
            connection.give_up();
        }
    }

    fn is_in_transaction(&self) -> bool {
        self.is_in_transaction.get()
            && self.connection.as_ref().is_some_and(|connection| !connection.is_broken())
    }

    fn script(&self, statements: &str) -> Result<(), StoreError> {
        self.live()?.script(statements)
    }

    fn migrate(&self, migration: &str) -> Result<(), StoreError> {
        self.live()?.script(&schema::translate(migration))
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn instance(&self) -> InstanceId {
        self.instance
    }

    /// A lock lasts as long as its session, so one that can be had belongs to nobody. The session is not the process:
    /// what it claimed shortly before may still be on its way.
    fn is_gone(&self, other: InstanceId) -> Result<bool, StoreError> {
        if other == self.instance {
            return Ok(false);
        }
        let free =
            self.session().query_int("SELECT pg_try_advisory_xact_lock($1)", &[lock_of(other).into()])?;
        Ok(free == 1)
    }

    fn time(&self, at: Timestamp) -> Timestamp {
        self.began.unwrap_or(at)
    }

    fn upkeep(&mut self) -> Result<Upkeep, StoreError> {
        Ok(Upkeep::After(LOOK))
    }

    fn keep_up(&mut self) -> Result<Begun, StoreError> {
        let looked = self.connect().and_then(|()| self.look_around());
        if let Err(error) = looked {
            tracing::warn!(%error, "the database cannot be reached; trying again");
            return Ok(Begun::OnAsBefore);
        }
        Ok(self.begins())
    }

    fn tidy(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// An instance's lock. Random, so it is nobody else's.
fn lock_of(instance: InstanceId) -> i64 {
    let (most, _) = instance.0.as_u64_pair();
    i64::from_ne_bytes(most.to_ne_bytes())
}

/// A proxy that pools transactions gives both connections the one session that is free just now; locks and settings of a
/// session would be anybody's.
fn refuse_pooled(writing: &Connection, other: &Connection) -> Result<(), StoreError> {
    if writing.backend == other.backend {
        return Err(StoreError::Unavailable(
            "a proxy before PostgreSQL pools transactions; replicas know each other by their sessions, so connect to the \
             server itself, or let the proxy pool sessions"
                .to_owned(),
        ));
    }
    Ok(())
}

/// What must be true of a server, or the promises of the protocol are not.
fn refuse_unfit(connection: &Connection) -> Result<(), StoreError> {
    const OLDEST: i64 = 150_000;
    let unfit =
        |what: String| Err(StoreError::Unavailable(format!("this PostgreSQL cannot be used: {what}")));
    let setting = |name: &str| {
        let found = connection.script_text(&format!("SELECT current_setting('{name}')"));
        found.map(Option::unwrap_or_default)
    };
    let version = setting("server_version_num")?;
    if version.parse::<i64>().unwrap_or_default() < OLDEST {
        return unfit(format!("version {} is older than 15", setting("server_version")?));
    }
    if setting("server_encoding")? != "UTF8" {
        return unfit("the database's encoding is not UTF8".to_owned());
    }
    if setting("fsync")? == "off" {
        return unfit("fsync is off: what it calls written is not".to_owned());
    }
    Ok(())
}
