//! Rate limits for more callers than there is memory for.
//!
//! A caller's bucket is named by a hash that nobody outside can compute, so a bucket takes a few bytes whatever the
//! caller's name is. Every caller has one of his own until there are `OWN` of them at once; then all share `SHARED`
//! buckets. So memory stays below a number whoever calls, somebody who calls under a million names gains nothing by
//! it, and with the next tidying everybody has his own again.

use std::hash::{BuildHasher as _, Hash, RandomState};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// Buckets of single callers, some twenty bytes each: more than a company has people and programs.
const OWN: usize = 200_000;
/// Buckets for all where there are more.
const SHARED: u64 = 16_384;
/// Never more than so many, whoever calls.
#[cfg(test)]
pub(super) const MOST: usize = OWN + 16_384 + 64;

/// Whose bucket a caller is charged to. Two callers with one hash share a bucket; of 200,000 callers that happens to
/// two with a chance of one in a thousand million.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Bucket(u64);

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
    pub fn bucket(&self, caller: impl Hash, count: impl FnOnce() -> usize) -> Bucket {
        if self.calls.fetch_add(1, Ordering::Relaxed).is_multiple_of(LOOK_EVERY) {
            self.is_crowded.store(count() >= OWN, Ordering::Relaxed);
        }
        let hash = self.hasher.hash_one(caller);
        // Shared ones are the smallest numbers, all others somebody's own.
        let is_crowded = self.is_crowded.load(Ordering::Relaxed);
        Bucket(if is_crowded { hash % SHARED } else { hash.max(SHARED) })
    }
}
