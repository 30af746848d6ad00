//! The database at the start: it is opened, or its server is waited for.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::app::{StartError, database};
use crate::clock::Clock;
use crate::config::Config;
use crate::store::{self, Store};

/// How long the start waits for a database server that is not there yet; then whoever starts this program is told.
const DATABASE_WITHIN: Duration = Duration::from_mins(1);
/// How often it looks meanwhile.
const DATABASE_EVERY: Duration = Duration::from_secs(1);

/// Opens the configured database, and waits for a server that is not there yet: machines that start together do not start
/// in order, and ending would only have this program started again. What a server refuses is told at once.
pub(super) async fn open_store(
    config: &Config,
    clock: Clock,
    disk_lost: CancellationToken,
) -> Result<Store, StartError> {
    let location = database(config)?;
    let deadline = Instant::now() + DATABASE_WITHIN;
    loop {
        let (location, clock, disk_lost) = (location.clone(), clock.clone(), disk_lost.clone());
        let opening = tokio::task::spawn_blocking(move || {
            let opened = Store::open_or_tell(&location, clock, Arc::new(move || disk_lost.cancel()));
            let is_away = opened.is_err() && store::is_away(&location);
            (opened, is_away)
        });
        let (opened, is_away) = opening.await.map_err(|error| StartError::Internal(error.to_string()))?;
        match opened {
            Err(error) if is_away && Instant::now() < deadline => {
                tracing::warn!(%error, "the database server is away; the start waits for it, a minute at most");
                tokio::time::sleep(DATABASE_EVERY).await;
            }
            opened => return Ok(opened?),
        }
    }
}
