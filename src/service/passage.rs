//! The narrow passage that every buy goes through, from its claim to its outcome.
//!
//! Each buy changes the list of owned numbers under whoever reads it. When reading it failed because of that, the
//! passage is closed for one reading: buys wait, a little, and the list holds still.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

use crate::service::refusal::{Code, Refusal};

/// The passage. Cheap to clone; all clones are one.
#[derive(Clone, Default)]
pub struct Passage(Arc<Inner>);

#[derive(Default)]
struct Inner {
    door: Arc<RwLock<()>>,
    entered: AtomicU64,
}

/// A buy on its way; others may be beside it.
pub struct Passing {
    _guard: OwnedRwLockReadGuard<()>,
}

/// No buy is on its way until this is dropped.
pub struct Closed {
    _guard: OwnedRwLockWriteGuard<()>,
}

/// How the traffic was at a moment.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    entered: u64,
    was_busy: bool,
}

impl Passage {
    /// Enters, as soon as it is open, and at most after `within`.
    pub async fn enter(&self, within: Duration) -> Result<Passing, Refusal> {
        let door = Arc::clone(&self.0.door);
        let Ok(guard) = tokio::time::timeout(within, door.read_owned()).await else {
            let why =
                "buying pauses while the list of owned numbers is read; nothing was sent, ask again shortly";
            return Err(Refusal::new(Code::UpstreamBusy, why).retry_after(within));
        };
        self.0.entered.fetch_add(1, Ordering::SeqCst);
        Ok(Passing { _guard: guard })
    }

    /// Waits for the buys that are on their way, at most `within`, and lets none in until the result is dropped.
    pub async fn close(&self, within: Duration) -> Option<Closed> {
        let guard = tokio::time::timeout(within, Arc::clone(&self.0.door).write_owned()).await.ok()?;
        Some(Closed { _guard: guard })
    }

    /// How it is now.
    pub fn mark(&self) -> Mark {
        Mark { was_busy: self.0.door.try_write().is_err(), entered: self.0.entered.load(Ordering::SeqCst) }
    }

    /// Whether no buy was on its way at the mark and none has entered since.
    pub fn was_quiet_since(&self, mark: Mark) -> bool {
        !mark.was_busy && self.0.entered.load(Ordering::SeqCst) == mark.entered
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]

    use std::time::Duration;

    use super::Passage;
    use crate::service::refusal::Code;

    const SOON: Duration = Duration::from_millis(50);

    #[tokio::test]
    async fn buys_pass_beside_each_other_and_none_while_a_list_is_read() {
        let passage = Passage::default();
        let (one, other) = (passage.enter(SOON).await.unwrap(), passage.enter(SOON).await.unwrap());
        assert!(passage.close(SOON).await.is_none(), "buys on their way are waited for");
        drop((one, other));
        let closed = passage.close(SOON).await.unwrap();
        assert_eq!(passage.enter(SOON).await.err().unwrap().code, Code::UpstreamBusy);
        drop(closed);
        assert!(passage.enter(SOON).await.is_ok());
    }

    #[tokio::test]
    async fn a_buy_that_was_there_or_came_shows() {
        let passage = Passage::default();
        let mark = passage.mark();
        assert!(passage.was_quiet_since(mark));
        let passing = passage.enter(SOON).await.unwrap();
        assert!(!passage.was_quiet_since(mark), "one came");
        let mark = passage.mark();
        drop(passing);
        assert!(!passage.was_quiet_since(mark), "one was there");
        assert!(passage.was_quiet_since(passage.mark()));
    }
}
