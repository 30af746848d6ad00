//! Work that outlives the request that began it. What must not be cut off is waited for by the drain.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

/// Where detached tasks live. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Background {
    tasks: TaskTracker,
    draining: Arc<AtomicBool>,
}

impl Background {
    /// Starts a task that nobody can cancel by hanging up; its log lines stay with the request that began it.
    pub fn spawn<F>(&self, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.tasks.spawn(task.in_current_span());
    }

    /// From now on nothing that cannot be taken back is begun.
    pub fn begin_drain(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// Whether the process is about to end.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// Waits until everything that was spawned is over. Bound the wait.
    pub async fn finished(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}
