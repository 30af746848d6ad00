//! A few read-only connections, each used by one reader at a time, off the async threads.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;

use crate::store::error::StoreError;
use crate::store::session::Session;
use crate::store::sqlite;

/// Connections at most. SQLite answers a point read in microseconds; more would only hold memory.
const CONNECTIONS: usize = 4;

pub(super) struct Readers {
    path: PathBuf,
    places: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<rusqlite::Connection>>>,
}

impl Readers {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), places: Arc::new(Semaphore::new(CONNECTIONS)), idle: Arc::default() }
    }

    pub(super) async fn read<R: Send + 'static>(
        &self,
        job: impl FnOnce(&Session<'_>) -> Result<R, StoreError> + Send + 'static,
    ) -> Result<R, StoreError> {
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(|_| StoreError::Busy)?;
        let (path, idle) = (self.path.clone(), Arc::clone(&self.idle));
        let reading = tokio::task::spawn_blocking(move || {
            let _place = place;
            let kept = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let connection = kept.map_or_else(|| sqlite::open_for_reading(&path), Ok)?;
            // One transaction, so that several statements see one state.
            connection.execute_batch("BEGIN")?;
            let result = job(&Session::new(&connection));
            connection.execute_batch("COMMIT")?;
            idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            result
        });
        reading.await.map_err(|error| StoreError::Unavailable(error.to_string()))?
    }
}
