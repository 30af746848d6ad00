//! A part of the configuration that changes while the gateway runs.
//!
//! Whoever begins something takes what is in force then and goes on with it: what is replaced meanwhile counts from the next
//! thing on.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;

/// Cheap to clone; all clones are one.
pub struct Live<T>(Arc<ArcSwap<T>>);

impl<T> Live<T> {
    /// In force from now on.
    pub fn new(value: T) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(value)))
    }

    /// What is in force.
    pub fn now(&self) -> Arc<T> {
        self.0.load_full()
    }

    /// Another one is.
    pub fn replace(&self, value: T) {
        self.0.store(Arc::new(value));
    }
}

impl<T> Clone for Live<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: fmt::Debug> fmt::Debug for Live<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.now().fmt(out)
    }
}
