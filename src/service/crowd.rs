//! Rate limits for more callers than there is memory for.
//!
//! Every caller has a bucket of his own until there are `OWN` of them at once; then all share `SHARED` buckets,
//! told apart by a hash that nobody outside can compute. So memory stays below a number whoever calls, somebody who
//! calls under a million names gains nothing by it, and with the next tidying everybody has his own again.

use std::hash::{BuildHasher as _, Hash, RandomState};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// Buckets of single callers, some hundred bytes each: more than a company has people and programs.
const OWN: usize = 50_000;
/// Buckets for all where there are more.
const SHARED: u64 = 16_384;
/// Never more than so many, whoever calls.
#[cfg(test)]
pub(super) const MOST: usize = OWN + 16_384 + 64;

/// Whose bucket a caller is charged to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Bucket<K> {
    /// His own.
    Own(K),
    /// One of the shared ones.
    Shared(u64),
}

/// Calls between two looks at how many buckets there are: counting them stops all who use them for a moment.
const LOOK_EVERY: u32 = 64;

/// Tells callers their buckets.
#[derive(Debug, Default)]
pub struct Crowd {
    hasher: RandomState,
    calls: AtomicU32,
    is_crowded: AtomicBool,
}

impl Crowd {
    /// The bucket of a caller; `count` counts those in use.
    pub fn bucket<K: Clone + Hash>(&self, caller: &K, count: impl FnOnce() -> usize) -> Bucket<K> {
        if self.calls.fetch_add(1, Ordering::Relaxed).is_multiple_of(LOOK_EVERY) {
            self.is_crowded.store(count() >= OWN, Ordering::Relaxed);
        }
        if self.is_crowded.load(Ordering::Relaxed) {
            Bucket::Shared(self.hasher.hash_one(caller) % SHARED)
        } else {
            Bucket::Own(caller.clone())
        }
    }
}
