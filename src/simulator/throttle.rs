//! ClickSend's rate limit as one outsider measured it: a window of about a minute per endpoint and source
//! address, whoever is calling, with its state in the headers of 200 and 401 alike.

use std::collections::BTreeMap;
use std::net::IpAddr;

use axum::http::{HeaderName, HeaderValue, header};
use jiff::{SignedDuration, Timestamp};

use super::journal::Operation;
use super::settings::Throttle;

/// Addresses remembered at once; above this all windows start afresh.
const MOST_WINDOWS: usize = 4_096;

/// The windows that are open.
#[derive(Debug, Default)]
pub(super) struct Windows(BTreeMap<(Operation, IpAddr), Window>);

#[derive(Debug)]
struct Window {
    since: Timestamp,
    used: u32,
}

/// What a request finds: shown in the headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Allowance {
    pub(super) exceeded: bool,
    limit: u32,
    remaining: u32,
    reset_seconds: i64,
}

impl Windows {
    /// Counts one request, in simulated time.
    pub(super) fn count(
        &mut self,
        rule: Throttle,
        operation: Operation,
        peer: IpAddr,
        now: Timestamp,
    ) -> Allowance {
        if self.0.len() >= MOST_WINDOWS {
            self.0.clear();
        }
        let length = SignedDuration::from_secs(i64::from(rule.window_seconds));
        let window = self.0.entry((operation, peer)).or_insert(Window { since: now, used: 0 });
        let age = now.duration_since(window.since);
        if age >= length || age.is_negative() {
            *window = Window { since: now, used: 0 };
        }
        let exceeded = window.used >= rule.limit;
        if !exceeded {
            window.used += 1;
        }
        Allowance {
            exceeded,
            limit: rule.limit,
            remaining: rule.limit.saturating_sub(window.used),
            reset_seconds: (length - now.duration_since(window.since)).as_secs().max(1),
        }
    }
}

impl Allowance {
    /// A window in which nothing was used: what a 401 shows while the limit is switched off.
    pub(super) fn unused(rule: Throttle) -> Self {
        Self {
            exceeded: false,
            limit: rule.limit,
            remaining: rule.limit,
            reset_seconds: i64::from(rule.window_seconds),
        }
    }

    /// Nothing left for this many seconds.
    pub(super) fn used_up(rule: Throttle, seconds: u32) -> Self {
        Self { exceeded: true, limit: rule.limit, remaining: 0, reset_seconds: i64::from(seconds) }
    }

    pub(super) fn headers(self) -> Vec<(HeaderName, HeaderValue)> {
        let mut headers = vec![
            (HeaderName::from_static("x-ratelimit-limit"), HeaderValue::from(self.limit)),
            (HeaderName::from_static("x-ratelimit-remaining"), HeaderValue::from(self.remaining)),
            (HeaderName::from_static("ratelimit-reset"), HeaderValue::from(self.reset_seconds)),
        ];
        if self.exceeded {
            headers.push((header::RETRY_AFTER, HeaderValue::from(self.reset_seconds)));
        }
        headers
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]

    use std::net::{IpAddr, Ipv4Addr};

    use jiff::{SignedDuration, Timestamp};

    use super::{Operation, Throttle, Windows};

    const RULE: Throttle = Throttle { enabled: true, limit: 2, window_seconds: 60 };

    #[test]
    fn a_window_is_used_up_and_opens_again_when_it_is_over() {
        let mut windows = Windows::default();
        let home = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let start = Timestamp::UNIX_EPOCH;
        let mut at = |seconds, operation| {
            windows.count(
                RULE,
                operation,
                home,
                start.checked_add(SignedDuration::from_secs(seconds)).unwrap(),
            )
        };
        assert_eq!(at(0, Operation::List).remaining, 1);
        assert_eq!(at(1, Operation::List).remaining, 0);
        let third = at(21, Operation::List);
        assert!(third.exceeded && third.reset_seconds == 39);
        assert!(!at(21, Operation::Search).exceeded, "another endpoint has a budget of its own");
        assert!(!at(60, Operation::List).exceeded);
    }

    #[test]
    fn every_address_has_its_own_window() {
        let mut windows = Windows::default();
        let mut used_up = |last| {
            let peer = IpAddr::V4(Ipv4Addr::new(127, 0, 0, last));
            windows.count(RULE, Operation::Buy, peer, Timestamp::UNIX_EPOCH).exceeded
        };
        assert!(!used_up(1) && !used_up(1) && used_up(1) && !used_up(2));
    }
}
