//! What holds for a while: so many values, each for so long and no longer.
//!
//! How long a value has been here is looked at where it is met, by the gateway's own clock. Where there are too many,
//! those go that were not asked for.

use std::hash::Hash;
use std::time::Duration;

use quick_cache::Equivalent;
use quick_cache::sync::Cache;

use crate::clock::Clock;

/// Values by their keys.
#[derive(Debug)]
pub struct Lasting<K, V> {
    /// With the time since which they hold.
    kept: Cache<K, (Duration, V)>,
    lasts: Duration,
    clock: Clock,
}

impl<K: Eq + Hash, V: Clone> Lasting<K, V> {
    /// None yet, at most so many, and each for so long.
    pub fn new(most: usize, lasts: Duration, clock: Clock) -> Self {
        Self { kept: Cache::new(most), lasts, clock }
    }

    /// It holds from now on.
    pub fn keep(&self, key: K, value: V) {
        self.kept.insert(key, (self.clock.boot(), value));
    }

    /// The value, as long as it holds.
    pub fn get<Q: Hash + Equivalent<K> + ?Sized>(&self, key: &Q) -> Option<V> {
        let (since, value) = self.kept.get(key)?;
        self.holds_since(since).then_some(value)
    }

    /// Whether there is a value that holds.
    pub fn has<Q: Hash + Equivalent<K> + ?Sized>(&self, key: &Q) -> bool {
        self.get(key).is_some()
    }

    /// It holds no more.
    pub fn forget<Q: Hash + Equivalent<K> + ?Sized>(&self, key: &Q) {
        self.kept.remove(key);
    }

    /// Lets go of what holds no more; for a slow timer.
    pub fn tidy(&self) {
        self.kept.retain(|_, (since, _)| self.holds_since(*since));
    }

    fn holds_since(&self, since: Duration) -> bool {
        self.clock.boot().saturating_sub(since) < self.lasts
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;

    use super::Lasting;
    use crate::clock::{Clock, ManualClock};

    const LASTS: Duration = Duration::from_secs(30);

    #[test]
    fn a_value_holds_for_so_long_and_no_longer() {
        let hand = ManualClock::starting_at(Timestamp::UNIX_EPOCH);
        let lasting = Lasting::<String, u8>::new(100, LASTS, Clock::manual(hand.clone()));
        lasting.keep("one".to_owned(), 1);
        hand.advance(LASTS / 2);
        lasting.keep("other".to_owned(), 2);
        assert_eq!(
            (lasting.get("one"), lasting.get("other"), lasting.get("third")),
            (Some(1), Some(2), None)
        );
        hand.advance(LASTS / 2);
        assert_eq!((lasting.has("one"), lasting.has("other")), (false, true));
        lasting.tidy();
        assert_eq!(lasting.kept.len(), 1);
        lasting.keep("one".to_owned(), 3);
        lasting.forget("other");
        assert_eq!((lasting.get("one"), lasting.get("other")), (Some(3), None));
    }

    #[test]
    fn there_are_never_more_than_so_many() {
        let lasting = Lasting::new(1_000, LASTS, Clock::system());
        for key in 0..10_000 {
            lasting.keep(key, ());
        }
        // Each part of the cache has room for its share, rounded up.
        assert!((900..1_100).contains(&lasting.kept.len()), "{}", lasting.kept.len());
    }
}
