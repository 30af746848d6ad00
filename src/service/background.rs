//! Work that outlives the request that began it. What must not be cut off is waited for by the drain.

use std::future::Future;

use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

/// Where detached tasks live. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Background(TaskTracker);

impl Background {
    /// Starts a task that nobody can cancel by hanging up; its log lines stay with the request that began it.
    pub fn spawn<F>(&self, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.0.spawn(task.in_current_span());
    }

    /// Waits until everything that was spawned is over. Bound the wait.
    pub async fn finished(&self) {
        self.0.close();
        self.0.wait().await;
    }
}
