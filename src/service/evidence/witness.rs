//! The witness: writes the head of the chain down outside of the database, and looks whether the database still has
//! what was seen of it.
//!
//! It compares at the start with the file, and at each later look with its own memory. A database that went back in
//! time has forgotten purchases, so buying is frozen until somebody has looked.

use std::path::PathBuf;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::domain::audit::{Actor, AuditEvent, Head, Target};
use crate::domain::freeze::{Cause, Scope};
use crate::metrics::Metrics;
use crate::service::evidence::head::{FoundHead, WentBack, WitnessedHead};
use crate::service::freezes::Freezes;
use crate::store::{self, Store, StoreError};

/// The head is written this often where there is anything new,
const EVERY: Duration = Duration::from_mins(1);
/// or after so many events: what an attacker could take back unseen is bounded by both.
const EVENTS: i64 = 256;

/// What the witness is built from.
#[derive(Clone)]
pub struct WitnessParts {
    /// The database.
    pub store: Store,
    /// Where the head is written.
    pub file: PathBuf,
    /// Time.
    pub clock: Clock,
    /// Counters.
    pub metrics: Metrics,
}

/// How the database stands to the head file at the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// No head file and no event: a first start.
    First,
    /// The database has what was witnessed.
    Agrees,
    /// Events and no head file: nothing can be told.
    Unwitnessed,
    /// A head file that cannot be read: nothing can be told.
    Unreadable(String),
    /// The database went back in time, or is another one.
    WentBack(WentBack),
}

/// Who remembers the head.
pub struct Witness {
    parts: WitnessParts,
    /// The newest head that was seen.
    seen: WitnessedHead,
    /// Whether the file has it.
    written: bool,
    /// Whether buying was frozen at the last look, and nobody was told yet.
    froze: bool,
}

impl Witness {
    /// Compares the database with the head file, freezes buying where they do not agree, and writes the head as it is
    /// now. Comes before the first write of a start, or a first start would not be known as one.
    pub async fn begin(parts: WitnessParts) -> Result<(Self, Comparison), StoreError> {
        let file = parts.file.clone();
        let read = tokio::task::spawn_blocking(move || WitnessedHead::read(&file)).await;
        let read = read.map_err(|error| StoreError::Unavailable(error.to_string()))?;
        let earlier = read.as_ref().ok().and_then(Option::clone);
        let (seen, found) = look(&parts, earlier.as_ref().map(|earlier| earlier.head)).await?;
        let comparison = match (read, &earlier) {
            (Err(error), _) => Comparison::Unreadable(error.to_string()),
            (Ok(_), Some(earlier)) => {
                earlier.compare(&found).map_or_else(Comparison::WentBack, |()| Comparison::Agrees)
            }
            (Ok(_), None) if seen.head == Head::GENESIS => Comparison::First,
            (Ok(_), None) => Comparison::Unwitnessed,
        };
        let mut witness = Self { parts, seen, written: false, froze: false };
        if let (Comparison::WentBack(went_back), Some(earlier)) = (&comparison, &earlier) {
            witness.freeze(went_back, earlier).await?;
        }
        witness.tell(&comparison);
        witness.look_again().await;
        Ok((witness, comparison))
    }

    /// Looks and writes until `stop`, and once more then.
    pub async fn run(mut self, freezes: Freezes, stop: CancellationToken) {
        let mut newest = self.parts.store.newest_event();
        loop {
            let enough = newest.borrow_and_update().saturating_add(EVENTS);
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(EVERY) => {}
                Ok(_) = newest.wait_for(|sequence| *sequence >= enough) => {}
            }
            self.look_again().await;
            if std::mem::take(&mut self.froze)
                && let Err(refusal) = freezes.reread().await
            {
                tracing::error!(%refusal, "buying is frozen, and goes on until the next start");
            }
        }
        self.look_again().await;
    }

    async fn look_again(&mut self) {
        let looked = look(&self.parts, Some(self.seen.head)).await;
        let (now, found) = match looked {
            Ok(looked) => looked,
            Err(error) => {
                tracing::warn!(%error, "the head of the evidence could not be read, so it is not written now");
                return;
            }
        };
        if let Err(went_back) = self.seen.compare(&found) {
            if let Err(error) = self.freeze(&went_back, &self.seen).await {
                // What was seen stays in memory, so the next look finds it again.
                tracing::error!(%error, "the database went back in time, and that could not be written down");
                return;
            }
            self.froze = true;
        }
        if now.head != self.seen.head {
            self.written = false;
        }
        self.seen = now;
        if !self.written {
            self.write().await;
        }
    }

    async fn write(&mut self) {
        let (seen, file) = (self.seen.clone(), self.parts.file.clone());
        let written = tokio::task::spawn_blocking(move || seen.write(&file)).await;
        match written.unwrap_or_else(|error| Err(std::io::Error::other(error))) {
            Ok(()) => {
                self.written = true;
                let Head { sequence, hash } = self.seen.head;
                tracing::info!(database = self.seen.database_id, sequence, %hash, "head of the evidence");
            }
            Err(error) => {
                self.parts.metrics.head_not_written();
                let file = self.parts.file.display();
                tracing::error!(%error, %file, "the head of the evidence cannot be written; a database put back would not show");
            }
        }
    }

    fn tell(&self, comparison: &Comparison) {
        let file = self.parts.file.display();
        match comparison {
            Comparison::First | Comparison::Agrees | Comparison::WentBack(_) => {}
            Comparison::Unwitnessed => {
                tracing::warn!(%file, "there is no head file: whether the database is an older copy cannot be told");
            }
            Comparison::Unreadable(error) => {
                tracing::error!(%file, error, "the head file cannot be read: whether the database is an older copy cannot be told");
            }
        }
    }

    /// What the database says about money and numbers cannot be believed, so nothing is bought until an administrator
    /// has looked. The event keeps what was witnessed: the head file will have the new head.
    async fn freeze(&self, went_back: &WentBack, earlier: &WitnessedHead) -> Result<(), StoreError> {
        let target = Target::new("gateway", &self.seen.database_id);
        let event = AuditEvent::new("evidence.went_back", Actor::Gateway("evidence"), target)
            .with("why", went_back.to_string())
            .with("witnessed_database", earlier.database_id.clone())
            .with("witnessed_sequence", earlier.head.sequence)
            .with("witnessed_hash", earlier.head.hash.to_string())
            .with("witnessed_at", earlier.at.to_string());
        let reason = format!("the database went back in time, or is another one: {went_back}");
        let freezing = self.parts.store.write(move |mut tx| {
            if let Some(frozen) = store::freezes::impose(&mut tx, Scope::All, Cause::WentBack, reason)? {
                tx.record(&frozen)?;
            }
            tx.commit(&event, ())
        });
        freezing.await
    }
}

/// The head as it is now, and what the chain has at a head that was seen earlier.
async fn look(parts: &WitnessParts, earlier: Option<Head>) -> Result<(WitnessedHead, FoundHead), StoreError> {
    let at = parts.clock.now();
    let earlier = earlier.unwrap_or(Head::GENESIS);
    parts
        .store
        .read(move |session| {
            let database_id = store::audit::database_id(session)?;
            let head = store::audit::head(session)?;
            let hash_there = store::audit::hash_of(session, earlier.sequence)?;
            let found = FoundHead { database_id: database_id.clone(), end: head.sequence, hash_there };
            Ok((WitnessedHead { database_id, head, at }, found))
        })
        .await
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]

    use super::{Actor, AuditEvent, Comparison, Store, Target, Witness, WitnessParts};
    use crate::clock::Clock;
    use crate::metrics::Metrics;
    use crate::service::evidence::WitnessedHead;
    use crate::store::{self, StoreError};

    async fn happen(store: &Store, times: usize) {
        for _ in 0..times {
            let event = AuditEvent::new("test.happened", Actor::Gateway("test"), Target::new("gateway", &7));
            let written: Result<(), StoreError> = store.write(move |tx| tx.commit(&event, ())).await;
            written.unwrap();
        }
    }

    /// A failover that lost commits looks like this to a process that goes on.
    #[tokio::test]
    async fn events_that_are_lost_while_the_gateway_runs_freeze_buying() {
        let folder = tempfile::tempdir().unwrap();
        let (path, file) = (folder.path().join("gateway.db"), folder.path().join("audit-head"));
        let store = Store::open(&path.as_path().into(), Clock::system()).unwrap();
        let parts = WitnessParts {
            store: store.clone(),
            file: file.clone(),
            clock: Clock::system(),
            metrics: Metrics::new().unwrap(),
        };
        let (mut witness, comparison) = Witness::begin(parts).await.unwrap();
        assert_eq!(comparison, Comparison::First);
        happen(&store, 3).await;
        witness.look_again().await;
        assert!(!witness.froze);
        assert_eq!(WitnessedHead::read(&file).unwrap().unwrap().head.sequence, 3);

        let connection = rusqlite::Connection::open(&path).unwrap();
        let loss = "DROP TRIGGER audit_events_are_never_deleted; DELETE FROM audit_events WHERE seq > 1";
        connection.execute_batch(loss).unwrap();
        happen(&store, 2).await;
        witness.look_again().await;
        assert!(witness.froze, "the chain is as long again, and another one");
        let in_force = store.read(store::freezes::in_force).await.unwrap();
        assert!(in_force.iter().any(|freeze| freeze.reason.contains("another hash than was witnessed")));

        happen(&store, 1).await;
        witness.froze = false;
        witness.look_again().await;
        assert!(!witness.froze, "once is enough");
    }
}
