//! One piece of work for all who wait for it.
//!
//! The work runs in a task of its own: a caller that hangs up neither stops it nor makes somebody else begin
//! again.

use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt as _;
use tokio::sync::watch;

use crate::service::background::Background;

/// The work under way, by what it is for.
pub struct SingleFlight<K, V> {
    flights: Arc<Mutex<HashMap<K, watch::Receiver<Option<V>>>>>,
    background: Background,
}

/// Whether the work was begun for this caller or for an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// This caller began it.
    Led,
    /// It was under way.
    Joined,
}

/// Work to wait for.
pub struct Flight<V> {
    result: watch::Receiver<Option<V>>,
    /// Who began it.
    pub part: Part,
}

impl<V: Clone> Flight<V> {
    /// Its result; `None` when the work itself was lost, which only a panic does.
    pub async fn landed(mut self) -> Option<V> {
        let result = self.result.wait_for(Option::is_some).await.ok()?;
        result.clone()
    }
}

impl<K, V> SingleFlight<K, V>
where
    K: Clone + Eq + Hash + Send + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Nothing under way.
    pub fn new(background: Background) -> Self {
        Self { flights: Arc::default(), background }
    }

    /// Joins the work for `key`, or begins it if `permit` allows. The permit is asked under the lock, so that of
    /// many callers at once only the one that begins is charged for it.
    pub fn join<E, F>(
        &self,
        key: &K,
        permit: impl FnOnce() -> Result<(), E>,
        work: impl FnOnce() -> F,
    ) -> Result<Flight<V>, E>
    where
        F: Future<Output = V> + Send + 'static,
    {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(result) = flights.get(key) {
            return Ok(Flight { result: result.clone(), part: Part::Joined });
        }
        permit()?;
        let (land, result) = watch::channel(None);
        flights.insert(key.clone(), result.clone());
        let entry = Entry { flights: Arc::clone(&self.flights), key: key.clone() };
        self.background.spawn(work().map(move |value| {
            drop(entry);
            // Nobody may be waiting any more; the work was not only for them.
            let _ = land.send(Some(value));
        }));
        Ok(Flight { result, part: Part::Led })
    }
}

/// Takes the work off the list however it ends.
struct Entry<K: Eq + Hash, V> {
    flights: Arc<Mutex<HashMap<K, watch::Receiver<Option<V>>>>>,
    key: K,
}

impl<K: Eq + Hash, V> Drop for Entry<K, V> {
    fn drop(&mut self) {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]

    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::sync::Notify;

    use super::{Part, SingleFlight};
    use crate::service::background::Background;

    #[tokio::test]
    async fn a_caller_that_hangs_up_neither_stops_nor_restarts_the_work() {
        let flights = SingleFlight::<u8, u32>::new(Background::default());
        let (begun, go) = (Arc::new(AtomicU32::new(0)), Arc::new(Notify::new()));
        let join = || {
            let (begun, go) = (Arc::clone(&begun), Arc::clone(&go));
            let work = move || async move {
                begun.fetch_add(1, Ordering::SeqCst);
                go.notified().await;
                7
            };
            flights.join(&1, || Ok::<(), ()>(()), work).unwrap()
        };
        let first = join();
        assert_eq!(first.part, Part::Led);
        drop(first.landed());
        let second = join();
        assert_eq!(second.part, Part::Joined);
        go.notify_one();
        assert_eq!(second.landed().await, Some(7));
        assert_eq!(begun.load(Ordering::SeqCst), 1);
        assert_eq!(join().part, Part::Led, "what has landed is not joined");
    }

    #[tokio::test]
    async fn only_the_one_who_begins_is_asked_for_a_permit() {
        let flights = SingleFlight::<u8, u32>::new(Background::default());
        let refused = flights.join(&1, || Err("no"), || std::future::ready(1));
        assert_eq!(refused.err(), Some("no"));
        let led = flights.join(&1, || Ok::<(), &str>(()), std::future::pending::<u32>).unwrap();
        assert_eq!(led.part, Part::Led);
        let joined = flights.join(&1, || Err("no"), || std::future::ready(1)).unwrap();
        assert_eq!(joined.part, Part::Joined);
    }
}
