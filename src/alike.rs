//! Values of which many are the same, each kept once.
//!
//! Thousands of pages have the prices and the currency of one country, thousands of tokens the teams and roles of one
//! program: what they say alike would otherwise stand in memory as often as they do.

use std::collections::HashSet;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Different values, never more than so many.
#[derive(Debug)]
pub struct Alike<T: ?Sized> {
    known: Mutex<HashSet<Arc<T>>>,
    most: usize,
}

impl<T: Eq + Hash + ?Sized> Alike<T> {
    /// None yet, and at most so many.
    pub fn at_most(most: usize) -> Self {
        Self { known: Mutex::default(), most }
    }

    /// The one that is kept, or nothing where there is no room for one more.
    pub fn one(&self, value: &Arc<T>) -> Option<Arc<T>> {
        let mut known = self.known();
        if let Some(known) = known.get(&**value) {
            return Some(Arc::clone(known));
        }
        let is_room = known.len() < self.most;
        (is_room && known.insert(Arc::clone(value))).then(|| Arc::clone(value))
    }

    /// The one that is kept, or this one where there is no room for one more.
    pub fn one_or_own(&self, value: Arc<T>) -> Arc<T> {
        self.one(&value).unwrap_or(value)
    }

    /// Lets go of what nobody else holds any more; for a slow timer.
    pub fn tidy(&self) {
        self.known().retain(|one| Arc::strong_count(one) > 1);
    }

    fn known(&self) -> MutexGuard<'_, HashSet<Arc<T>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]

    use std::sync::Arc;

    use super::Alike;

    #[test]
    fn equal_values_are_one_and_there_are_only_so_many() {
        let (alike, of) = (Alike::<str>::at_most(2), |text: &str| Arc::<str>::from(text));
        let (one, other) = (alike.one(&of("a")).unwrap(), alike.one(&of("b")).unwrap());
        assert!(Arc::ptr_eq(&one, &alike.one(&of("a")).unwrap()));
        assert_eq!(alike.one(&of("c")), None, "there is room for two");
        assert_eq!(&*alike.one_or_own(of("c")), "c");
        drop(other);
        assert_eq!(alike.one(&of("c")), None, "nobody tidied up");
        alike.tidy();
        assert_eq!(alike.one(&of("c")).as_deref(), Some("c"));
        assert!(Arc::ptr_eq(&one, &alike.one_or_own(of("a"))), "it is held");
    }
}
