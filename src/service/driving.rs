//! Who drives what: at most one task of this process for each thing that is approved, and a way to wait for its end.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;
use tokio::time::Instant;

use crate::service::refusal::Refusal;

/// The thing as it was left, or why its task could not go on for now; nothing while the task runs.
type End<T> = Option<Result<T, Refusal>>;

/// Everything that is being driven. Cheap to clone; all clones are one.
pub struct Driven<Id, T>(Arc<Mutex<HashMap<Id, watch::Receiver<End<T>>>>>);

impl<Id, T> Clone for Driven<Id, T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<Id, T> Default for Driven<Id, T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<Id: Copy + Eq + Hash, T: Clone> Driven<Id, T> {
    /// The right to drive something, unless a task has it already.
    pub fn lease(&self, id: Id) -> Option<Lease<Id, T>> {
        let mut driven = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if driven.contains_key(&id) {
            return None;
        }
        let (end, ended) = watch::channel(None);
        driven.insert(id, ended);
        Some(Lease { driven: self.clone(), id, end })
    }

    /// Waits for the task that drives something, at most until `deadline`. Nothing where there is no such task, or it
    /// did not end, or not by itself.
    pub async fn ended(&self, id: Id, deadline: Instant) -> Option<Result<T, Refusal>> {
        let ended = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned();
        let mut ended = ended?;
        // Ends with an outcome, or by being dropped. Running out of time is an answer as well.
        let _ = tokio::time::timeout_at(deadline, ended.wait_for(Option::is_some)).await;
        ended.borrow().clone()
    }
}

/// The right to drive one thing; ends for everybody who waits when it is dropped.
pub struct Lease<Id: Copy + Eq + Hash, T> {
    driven: Driven<Id, T>,
    id: Id,
    end: watch::Sender<End<T>>,
}

impl<Id: Copy + Eq + Hash, T> Lease<Id, T> {
    /// Tells those who wait how it ended.
    pub fn end(self, outcome: Result<T, Refusal>) {
        self.end.send_replace(Some(outcome));
    }
}

impl<Id: Copy + Eq + Hash, T> Drop for Lease<Id, T> {
    fn drop(&mut self) {
        self.driven.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}
