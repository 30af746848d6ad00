//! The simulated calendar: a test moves it over the end of a month instead of waiting for it.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// Runs along with the machine's clock, some time ahead or behind, or stands still.
#[derive(Clone, Copy, Debug)]
pub(super) enum Clock {
    Running { ahead: SignedDuration },
    Standing(Timestamp),
}

impl Clock {
    pub(super) const fn real() -> Self {
        Self::Running { ahead: SignedDuration::ZERO }
    }

    pub(super) fn now(self) -> Timestamp {
        match self {
            Self::Running { ahead } => machine_time().saturating_add(ahead).unwrap_or(Timestamp::MAX),
            Self::Standing(at) => at,
        }
    }

    pub(super) const fn is_standing(self) -> bool {
        matches!(self, Self::Standing(_))
    }

    /// The same kind of clock, showing `now`.
    pub(super) fn set_to(self, now: Timestamp) -> Self {
        match self {
            Self::Running { .. } => Self::Running { ahead: now.duration_since(machine_time()) },
            Self::Standing(_) => Self::Standing(now),
        }
    }

    /// The same time on a clock that stands, or runs again.
    pub(super) fn standing(self, still: bool) -> Self {
        let now = self.now();
        if still { Self::Standing(now) } else { Self::real().set_to(now) }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the simulator shares no code with the gateway, its clock neither"
)]
fn machine_time() -> Timestamp {
    Timestamp::now()
}

/// Reads `90s`, `15m`, `36h`, `1d`: how far a clock is moved.
pub(super) fn parse_span(text: &str) -> Option<SignedDuration> {
    let unit = text.chars().last()?;
    let seconds: i64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return None,
    };
    let amount: u32 = text.strip_suffix(unit)?.parse().ok()?;
    Some(SignedDuration::from_secs(i64::from(amount).checked_mul(seconds)?))
}

/// A calendar month in UTC. When ClickSend's month really turns is not known; UTC is a guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Month(Date);

impl Month {
    pub(super) fn of(at: Timestamp) -> Self {
        Self(day_of(at).first_of_month())
    }

    pub(super) fn next(self) -> Self {
        Self(self.0.last_of_month().tomorrow().unwrap_or(Date::MAX))
    }

    /// Midnight of its first day.
    pub(super) fn start(self) -> Timestamp {
        self.0.to_zoned_datetime(TimeZone::UTC).map_or(Timestamp::MAX, |midnight| midnight.timestamp())
    }
}

impl fmt::Display for Month {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:04}-{:02}", self.0.year(), self.0.month())
    }
}

impl FromStr for Month {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not a month; write it like \"2026-10\"");
        if text.len() != 7 {
            return Err(wrong());
        }
        format!("{text}-01").parse().map(Self).map_err(|_| wrong())
    }
}

/// How much of the month of `at` is left: days after that day, and days in the whole month.
pub(super) fn days_after(at: Timestamp) -> (i64, i64) {
    let day = day_of(at);
    let whole = i64::from(day.days_in_month());
    (whole - i64::from(day.day()), whole)
}

fn day_of(at: Timestamp) -> Date {
    at.to_zoned_datetime(TimeZone::UTC).date()
}

/// Dates outside these bounds are refused, so that no call has to charge a thousand years of renewals.
pub(super) fn within_bounds(at: Timestamp) -> bool {
    let day = day_of(at);
    (date(2000, 1, 1)..=date(2099, 12, 31)).contains(&day)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]

    use super::{Clock, Month, SignedDuration, days_after, parse_span, within_bounds};

    #[test]
    fn months_know_their_neighbours_and_their_length() {
        let at = "2028-02-10T23:59:59Z".parse().unwrap();
        assert_eq!(days_after(at), (19, 29));
        assert_eq!(Month::of(at).next().to_string(), "2028-03");
        assert_eq!(Month::of("2026-12-31T00:00:00Z".parse().unwrap()).next().to_string(), "2027-01");
        assert_eq!("2028-02".parse::<Month>().unwrap(), Month::of(at));
        assert!("2028-2".parse::<Month>().is_err() && "2028-13".parse::<Month>().is_err());
    }

    #[test]
    fn spans_are_a_number_and_a_unit() {
        assert_eq!(parse_span("1d"), Some(SignedDuration::from_hours(24)));
        assert_eq!(parse_span("90s"), Some(SignedDuration::from_secs(90)));
        for text in ["", "s", "1", "1w", "-1d", "1.5h"] {
            assert_eq!(parse_span(text), None, "{text}");
        }
    }

    #[test]
    fn a_standing_clock_stands_and_a_running_one_runs_on_from_where_it_was_put() {
        let at = "2026-10-31T12:00:00Z".parse().unwrap();
        assert_eq!(Clock::real().set_to(at).standing(true).set_to(at).now(), at);
        let running = Clock::real().set_to(at);
        assert!(running.now() >= at && running.now().duration_since(at) < SignedDuration::from_mins(1));
        assert!(within_bounds(at) && !within_bounds("2100-01-01T00:00:00Z".parse().unwrap()));
    }
}
