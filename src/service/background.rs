//! Work that outlives the request that began it. What must not be cut off is waited for by the drain.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

use crate::request_id;

/// Where detached tasks live. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Background {
    tasks: TaskTracker,
    draining: Arc<AtomicBool>,
    abandoned: CancellationToken,
}

impl Background {
    /// Starts a task that nobody can cancel by hanging up; its log lines, spans and events stay with the request that began
    /// it.
    pub fn spawn<F>(&self, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let abandoned = self.abandoned.clone();
        // In a box: each layer around it takes the task by value and has room for it twice. To move a search's took 33,000
        // instructions.
        let task = Box::pin(task);
        let task = async move {
            abandoned.run_until_cancelled(task).await;
        };
        self.tasks.spawn(request_id::carried(task).in_current_span());
    }

    /// Ends everything that was spawned where it waits: for what nobody needs any more and nothing was sent by.
    pub async fn abandon(&self) {
        self.abandoned.cancel();
        self.finished().await;
    }

    /// From now on nothing that cannot be taken back is begun.
    pub fn begin_drain(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// Whether the process is about to end.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// How many tasks are not over.
    pub fn under_way(&self) -> usize {
        self.tasks.len()
    }

    /// Waits until everything that was spawned is over. Bound the wait.
    pub async fn finished(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}
