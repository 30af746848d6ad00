//! Who drives what: at most one task of this process for each thing that is approved, and a way to wait for its end.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;
use tokio::time::Instant;

use crate::service::refusal::Refusal;

/// Everything that is being driven. Cheap to clone; all clones are one.
pub struct Driven<Id>(Arc<Mutex<HashMap<Id, watch::Receiver<Option<Refusal>>>>>);

impl<Id> Clone for Driven<Id> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<Id> Default for Driven<Id> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<Id: Copy + Eq + Hash> Driven<Id> {
    /// The right to drive something, unless a task has it already.
    pub fn lease(&self, id: Id) -> Option<Lease<Id>> {
        let mut driven = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if driven.contains_key(&id) {
            return None;
        }
        let (end, ended) = watch::channel(None);
        driven.insert(id, ended);
        Some(Lease { driven: self.clone(), id, end })
    }

    /// Waits for the task that drives something, at most until `deadline`. Why it could not go on, if it said so.
    pub async fn ended(&self, id: Id, deadline: Instant) -> Option<Refusal> {
        let ended = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned();
        let mut ended = ended?;
        // Ends with a reason, or by being dropped. Running out of time is an answer as well.
        let _ = tokio::time::timeout_at(deadline, ended.changed()).await;
        ended.borrow().clone()
    }
}

/// The right to drive one thing; ends for everybody who waits when it is dropped.
pub struct Lease<Id: Copy + Eq + Hash> {
    driven: Driven<Id>,
    id: Id,
    end: watch::Sender<Option<Refusal>>,
}

impl<Id: Copy + Eq + Hash> Lease<Id> {
    /// Tells those who wait why it cannot go on for now.
    pub fn give_up(&self, why: Refusal) {
        self.end.send_replace(Some(why));
    }
}

impl<Id: Copy + Eq + Hash> Drop for Lease<Id> {
    fn drop(&mut self) {
        self.driven.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}
