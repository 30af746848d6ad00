//! What takes the place of a required value that is wrong or missing, so that the reading goes on to the next
//! fault. It is never seen: a load with a fault returns the faults and no configuration.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use jiff::tz::TimeZone;

/// A type that required keys have.
pub(super) trait StandIn {
    fn stand_in() -> Self;
}

impl StandIn for bool {
    fn stand_in() -> Self {
        false
    }
}

impl StandIn for u64 {
    fn stand_in() -> Self {
        0
    }
}

impl StandIn for NonZeroU32 {
    fn stand_in() -> Self {
        Self::MIN
    }
}

impl StandIn for String {
    fn stand_in() -> Self {
        Self::new()
    }
}

impl StandIn for PathBuf {
    fn stand_in() -> Self {
        Self::new()
    }
}

impl StandIn for Duration {
    fn stand_in() -> Self {
        Self::ZERO
    }
}

impl StandIn for SocketAddr {
    fn stand_in() -> Self {
        Self::from((Ipv4Addr::LOCALHOST, 0))
    }
}

impl StandIn for TimeZone {
    fn stand_in() -> Self {
        Self::UTC
    }
}
