//! The request on whose behalf the code runs: what ties a line of the log, a trace and an audit event together.
//!
//! It goes with the work and not through every signature: the edge sets it, detached work carries it on, the store writes
//! it into the evidence. It names a request and nothing else, so no decision may be made by it.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use uuid::Uuid;

/// What a request is called.
#[derive(Clone, Debug)]
pub enum RequestId {
    /// By us. It is written out where somebody reads it, and nowhere before.
    Ours(Uuid),
    /// By who sent it.
    Theirs(Box<str>),
}

impl RequestId {
    /// A new one of ours, later ones being greater.
    pub fn next() -> Self {
        Self::Ours(Uuid::now_v7())
    }

    /// Its text, which is written into `buffer` where it is not there already.
    pub fn text<'a>(&'a self, buffer: &'a mut [u8; 36]) -> &'a str {
        match self {
            Self::Ours(id) => id.hyphenated().encode_lower(buffer),
            Self::Theirs(id) => id,
        }
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text(&mut [0; 36]))
    }
}

tokio::task_local! {
    static CURRENT: Arc<str>;
}

/// Runs the work on behalf of a request.
pub async fn on_behalf_of<F: Future>(id: Arc<str>, work: F) -> F::Output {
    CURRENT.scope(id, work).await
}

/// The request that this runs for; nothing for what the gateway does by itself.
pub fn current() -> Option<Arc<str>> {
    CURRENT.try_with(Arc::clone).ok()
}

/// The work with the request of now, wherever it will run.
pub fn carried<F: Future>(work: F) -> impl Future<Output = F::Output> {
    let id = current();
    async move {
        match id {
            Some(id) => on_behalf_of(id, work).await,
            None => work.await,
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]

    use tokio_util::task::TaskTracker;

    use super::{carried, current, on_behalf_of};

    #[tokio::test]
    async fn detached_work_carries_the_request_on_and_other_work_has_none() {
        assert_eq!(current(), None);
        let tasks = TaskTracker::new();
        let detached = on_behalf_of("r-1".into(), async {
            let with = tasks.spawn(carried(async { current() }));
            let without = tasks.spawn(async { current() });
            (with.await.unwrap(), without.await.unwrap())
        });
        assert_eq!(detached.await, (Some("r-1".into()), None));
        assert_eq!(tasks.spawn(carried(async { current() })).await.unwrap(), None);
    }
}
