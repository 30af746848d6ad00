//! How much one caller may ask, and how long answers are kept.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::config::kinds::COUNT;
use crate::config::section::Section;
use crate::config::units::{DURATION, SIZE};

/// `[cache]`
#[derive(Clone, Debug)]
pub struct Cache {
    /// How long a search result is served without asking, 1 s to 1 h. Default 60 s.
    pub fresh_for: Duration,
    /// How long it is served while it is refreshed, or while upstream is down, `fresh_for` to 24 h.
    /// Default 10 min.
    pub stale_for: Duration,
    /// Bound of the search cache in bytes, 1 MiB to 16 GiB. Default 64 MiB.
    pub max_bytes: u64,
    /// How long the table of owned numbers is fresh, 1 s to 24 h. Default 5 min.
    pub list_fresh_for: Duration,
}

/// `[limits]`: per authenticated subject, unless said otherwise.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Requests of any kind, of one address, before their tokens are looked at. Default 500 a second, bursts of 1000.
    pub addresses: Rate,
    /// Searches and lists. Default 20 a second, bursts of 40.
    pub reads: Rate,
    /// Searches that go upstream. Default 6 a minute, bursts of 6.
    pub misses: Rate,
    /// Buying and registering. Default 10 a minute, bursts of 5.
    pub writes: Rate,
    /// Approvals and rejections. Default 60 a minute, bursts of 30.
    pub decisions: Rate,
    /// Exact, per day of `budget.time_zone`.
    pub purchases_per_day: PurchasesPerDay,
}

/// A token bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Requests that come back in each `period`.
    pub requests: NonZeroU32,
    /// A second or a minute, as the key says.
    pub period: Duration,
    /// Requests at once.
    pub burst: NonZeroU32,
}

/// `limits.purchases_per_day`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PurchasesPerDay {
    /// Of one subject. Default 20.
    pub subject: NonZeroU32,
    /// Of one team. Default 50.
    pub team: NonZeroU32,
}

impl Cache {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        Self {
            fresh_for: section.within("fresh_for", &DURATION, "1s", "1h"),
            stale_for: section.within("stale_for", &DURATION, "1s", "24h"),
            max_bytes: section.within("max_bytes", &SIZE, "1MiB", "16GiB"),
            list_fresh_for: section.within("list_fresh_for", &DURATION, "1s", "24h"),
        }
    }
}

impl Limits {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        Self {
            addresses: section.table("addresses", |rate| Rate::read(rate, "per_second", SECOND)),
            reads: section.table("reads", |rate| Rate::read(rate, "per_second", SECOND)),
            misses: section.table("misses", |rate| Rate::read(rate, "per_minute", MINUTE)),
            writes: section.table("writes", |rate| Rate::read(rate, "per_minute", MINUTE)),
            decisions: section.table("decisions", |rate| Rate::read(rate, "per_minute", MINUTE)),
            purchases_per_day: section.table("purchases_per_day", PurchasesPerDay::read),
        }
    }
}

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);

impl Rate {
    fn read(section: &mut Section<'_>, key: &'static str, period: Duration) -> Self {
        Self { requests: section.required(key, &COUNT), period, burst: section.required("burst", &COUNT) }
    }
}

impl PurchasesPerDay {
    fn read(section: &mut Section<'_>) -> Self {
        Self { subject: section.required("subject", &COUNT), team: section.required("team", &COUNT) }
    }
}
