//! Erasing personal data of what ended long ago: from the tables, and from the files below them.
//!
//! The events keep their commitments, so the chain stays whole; an event says how much was erased.

use std::time::Duration;

use jiff::SignedDuration;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::domain::audit::{Actor, AuditEvent, Target};
use crate::service::evidence::ERASED;
use crate::store::personal::{self, Erased};
use crate::store::{self, Store, StoreError};

const EVERY: Duration = Duration::from_hours(1);
/// Until emptying the log is tried again, when somebody still read an older state.
const SCRUB_AGAIN: Duration = Duration::from_mins(1);
/// Purchases, and registrations, of one transaction: others wait for it.
const BATCH: i64 = 200;

/// Who erases.
#[derive(Clone)]
pub struct Erasure {
    store: Store,
    clock: Clock,
    keep_for: SignedDuration,
}

impl Erasure {
    /// Erases what ended longer ago than `keep_for`.
    pub const fn new(store: Store, clock: Clock, keep_for: SignedDuration) -> Self {
        Self { store, clock, keep_for }
    }

    /// Erases now and once an hour until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        // An earlier process may have erased and ended before the files were scrubbed.
        let mut scrubbed = false;
        loop {
            match self.erase().await {
                Ok(erased) => scrubbed &= erased == Erased::default(),
                Err(error) => {
                    tracing::warn!(%error, "personal data could not be erased; it is tried again");
                }
            }
            if !scrubbed {
                scrubbed = self.scrub().await;
            }
            let pause = if scrubbed { EVERY } else { SCRUB_AGAIN };
            if tokio::time::timeout(pause, stop.cancelled()).await.is_ok() {
                return;
            }
        }
    }

    /// Erases everything that is due, batch by batch; how much that was. The files still have it, see
    /// [`Store::scrub`].
    pub async fn erase(&self) -> Result<Erased, StoreError> {
        let before = self.clock.now() - self.keep_for;
        let mut all = Erased::default();
        loop {
            let batch = self.store.write(move |tx| erase_batch(tx, before)).await?;
            if batch == Erased::default() {
                return Ok(all);
            }
            tracing::info!(
                purchases = batch.purchases,
                registrations = batch.registrations,
                values = batch.values,
                "personal data erased"
            );
            all.purchases += batch.purchases;
            all.registrations += batch.registrations;
            all.values += batch.values;
        }
    }

    async fn scrub(&self) -> bool {
        let scrubbed = self.store.scrub().await;
        if let Err(error) = &scrubbed {
            tracing::warn!(%error, "erased data may still stand in the database's log; emptying it is tried again");
        }
        scrubbed.is_ok()
    }
}

fn erase_batch(
    mut tx: store::Tx<'_>,
    before: jiff::Timestamp,
) -> Result<store::Finished<Erased>, StoreError> {
    let erased = personal::erase_ended(&mut tx, before, BATCH)?;
    if erased == Erased::default() {
        return tx.unchanged(erased);
    }
    let database = store::audit::database_id(tx.session())?;
    let event = AuditEvent::new(ERASED, Actor::Gateway("retention"), Target::new("gateway", &database))
        .with("purchases", erased.purchases)
        .with("registrations", erased.registrations)
        .with("values", erased.values)
        .with("ended_before", before.to_string());
    tx.commit(&event, erased)
}
