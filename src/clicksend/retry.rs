//! How often a read that had no usable answer is asked again, and how long after.
//!
//! A retry hides one lost packet and multiplies an outage. So it has a budget: what is asked for the first time earns a
//! fifth of a retry, and where everything fails there soon are none.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use uuid::Uuid;

/// Calls for one read, the first included.
pub(super) const TRIES: u32 = 3;
/// The longest pause before the second one; doubled before each further one.
const PAUSE: Duration = Duration::from_millis(100);

/// In fifths of a retry: what one costs and what a first call earns.
const COST: u32 = 5;
const EARNED: u32 = 1;
/// What can be saved: ten retries.
const MOST: u32 = 10 * COST;
/// What a process begins with: three, because its first reads decide whether it can start.
const AT_FIRST: u32 = 3 * COST;

/// The retries that one operation can afford.
pub(super) struct Budget(AtomicU32);

impl Budget {
    pub(super) const fn new() -> Self {
        Self(AtomicU32::new(AT_FIRST))
    }

    /// Something was asked for the first time.
    pub(super) fn earn(&self) {
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |saved| {
            Some(saved.saturating_add(EARNED).min(MOST))
        });
    }

    /// Pays for one retry, if there is enough. What is paid and then not used is lost: then there is no room for retries.
    pub(super) fn pay(&self) -> bool {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |saved| saved.checked_sub(COST)).is_ok()
    }
}

/// How long to wait before asking again, after so many tries: anything up to the whole pause, so that those who failed
/// together do not come back together.
pub(super) fn pause(tries: u32) -> Duration {
    let [first, second, third, fourth, ..] = Uuid::new_v4().into_bytes();
    part_of(tries, u32::from_be_bytes([first, second, third, fourth]))
}

fn part_of(tries: u32, dice: u32) -> Duration {
    PAUSE * 2_u32.saturating_pow(tries.saturating_sub(1)) * (dice >> 16) / (u32::MAX >> 16)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::{any, prop_assert, proptest};

    use super::{Budget, TRIES, part_of, pause};

    #[test]
    fn a_start_can_retry_and_five_first_calls_pay_for_one() {
        let budget = Budget::new();
        assert_eq!([(); 4].map(|()| budget.pay()), [true, true, true, false]);
        for _ in 0..4 {
            budget.earn();
            assert!(!budget.pay());
        }
        budget.earn();
        assert!(budget.pay() && !budget.pay());
    }

    #[test]
    fn ten_are_saved_however_much_was_asked() {
        let budget = Budget::new();
        for _ in 0..1_000 {
            budget.earn();
        }
        assert_eq!((0..20).filter(|_| budget.pay()).count(), 10);
    }

    #[test]
    fn the_pause_is_anything_up_to_a_whole_that_doubles() {
        assert_eq!([1, 2].map(|tries| part_of(tries, 0)), [Duration::ZERO; 2]);
        assert_eq!([1, 2].map(|tries| part_of(tries, u32::MAX).as_millis()), [100, 200]);
        let drawn: std::collections::BTreeSet<_> = (0..20).map(|_| pause(TRIES)).collect();
        assert!(drawn.len() > 1, "it is drawn");
    }

    proptest! {
        /// Of all that was asked, at most a fifth and what was there at first is asked again.
        #[test]
        fn retries_are_a_fifth_of_the_traffic(deeds in proptest::collection::vec(any::<bool>(), 0..500)) {
            let budget = Budget::new();
            let (mut first, mut again) = (0, 0);
            for is_first in deeds {
                if is_first {
                    budget.earn();
                    first += 1;
                } else {
                    again += u32::from(budget.pay());
                }
                prop_assert!(again <= 3 + first / 5);
            }
        }
    }
}
