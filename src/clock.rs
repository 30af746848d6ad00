//! Where time comes from, so that a test can own it.
//!
//! Two kinds of time are kept apart on purpose. [`Clock::now`] is the calendar: it may jump, so it is written
//! down and shown but decides neither a send nor an absence. [`Clock::boot`] only ever grows, sleep included,
//! and is what the purchase protocol measures with.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// A source of time. Cheap to clone; all clones of a manual clock share one hand.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Shifted(CalendarShift),
    Manual(ManualClock),
}

impl Clock {
    /// The machine's clocks.
    pub const fn system() -> Self {
        Self(Source::System)
    }

    /// The machine's clocks with another calendar: what an operator or a time server does to a running machine.
    pub const fn shifted(shift: CalendarShift) -> Self {
        Self(Source::Shifted(shift))
    }

    /// A clock that stands still until a test moves it.
    pub const fn manual(hand: ManualClock) -> Self {
        Self(Source::Manual(hand))
    }

    /// The calendar time, to the microsecond: what is stored, shown and put into tokens.
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System => system_now(),
            Source::Shifted(shift) => shift.shown(system_now()),
            Source::Manual(hand) => hand.now(),
        }
    }

    /// Time since the machine started, suspended time included (`CLOCK_BOOTTIME`): it never goes back.
    pub fn boot(&self) -> Duration {
        match &self.0 {
            Source::System | Source::Shifted(_) => boot_now(),
            Source::Manual(hand) => {
                Duration::from_micros(u64::try_from(hand.0.load(Ordering::SeqCst)).unwrap_or_default())
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place where the calendar is read")]
fn system_now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
}

fn boot_now() -> Duration {
    reading(rustix::time::ClockId::Boottime)
}

/// The machine's `CLOCK_MONOTONIC`: what a service manager compares with.
pub fn monotonic() -> Duration {
    reading(rustix::time::ClockId::Monotonic)
}

fn reading(clock: rustix::time::ClockId) -> Duration {
    let reading = rustix::time::clock_gettime(clock);
    Duration::new(
        u64::try_from(reading.tv_sec).unwrap_or_default(),
        u32::try_from(reading.tv_nsec).unwrap_or_default(),
    )
}

/// How far a calendar is off; the boot clock beside it stays true. Clones are one.
#[derive(Clone, Debug, Default)]
pub struct CalendarShift(Arc<AtomicI64>);

impl CalendarShift {
    /// From now on the calendar is off by this much, and no more by what it was before.
    pub fn set(&self, by: SignedDuration) {
        self.0.store(i64::try_from(by.as_micros()).unwrap_or(i64::MAX), Ordering::SeqCst);
    }

    fn shown(&self, now: Timestamp) -> Timestamp {
        now.saturating_add(SignedDuration::from_micros(self.0.load(Ordering::SeqCst))).unwrap_or(now)
    }
}

/// The hand of a clock that only moves when told to.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<AtomicI64>);

impl ManualClock {
    /// A clock that shows `start`.
    pub fn starting_at(start: Timestamp) -> Self {
        Self(Arc::new(AtomicI64::new(start.as_microsecond())))
    }

    /// Moves the hand forward.
    pub fn advance(&self, by: Duration) {
        let micros = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        self.0.fetch_add(micros, Ordering::SeqCst);
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_microsecond(self.0.load(Ordering::SeqCst)).unwrap_or(Timestamp::UNIX_EPOCH)
    }
}
