//! The line that a served request leaves in the log, where it needs no span.
//!
//! It has the keys of any other request's line (`json`), but goes through the log's queue as what it is made of, and becomes
//! text in the log's own thread: nobody waits for it.

use std::borrow::Cow;
use std::io::Write as _;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;

use super::Verbosity;
use super::lines::Lines;
use crate::clock::Clock;
use crate::request_id::RequestId;

/// The log, once it is installed and wants these lines.
static LOG: OnceLock<Lines> = OnceLock::new();

/// A request that was served. No text in it needs escaping in JSON: ids are sane, teams are keys of the configuration.
#[derive(Debug)]
pub struct Served {
    /// Its id.
    pub request_id: RequestId,
    /// Its method.
    pub method: &'static str,
    /// The pattern of its route.
    pub route: Cow<'static, str>,
    /// The team it was for.
    pub team: Option<Arc<str>>,
    /// What was answered.
    pub status: u16,
    /// How long it took.
    pub elapsed: Duration,
}

/// A line with its time.
#[derive(Debug)]
pub(super) struct ServedLine {
    at: Timestamp,
    served: Served,
}

/// Has lines written to this log from now on.
pub(super) fn go_to(lines: Lines, verbosity: Verbosity) {
    if verbosity == Verbosity::Usual {
        // A second log in one process is refused before this.
        let _ = LOG.set(lines);
    }
}

/// Logs that a request was served.
pub fn served(served: Served) {
    if let Some(lines) = LOG.get() {
        lines.served(ServedLine { at: Clock::system().now(), served });
        return;
    }
    let Served { request_id, method, route, team, status, elapsed } = served;
    let (request_id, route, team) = (request_id.to_string(), &*route, team.as_deref());
    tracing::info!(request_id, method, route, team, status, elapsed_ms = millis(elapsed), "request served");
}

impl ServedLine {
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        const SINCE: &str = concat!(
            r#"","level":"INFO","target":""#,
            module_path!(),
            r#"","message":"request served","otel.kind":"server","request_id":""#
        );
        let Self { at, served } = self;
        let Served { request_id, method, route, team, status, elapsed } = served;
        out.extend_from_slice(br#"{"timestamp":""#);
        // Writing to memory does not fail.
        let _ = DateTimePrinter::new().print_timestamp(at, &mut *out);
        let team = team.as_deref().map_or(["", "", ""], |team| [r#","team":""#, team, "\""]);
        let mut id = [0; 36];
        let texts =
            [SINCE, request_id.text(&mut id), r#"","method":""#, method, r#"","route":""#, route, "\""];
        for text in texts.into_iter().chain(team) {
            out.extend_from_slice(text.as_bytes());
        }
        let _ = writeln!(out, r#","status":{status},"elapsed_ms":{}}}"#, millis(*elapsed));
    }
}

/// As the log writes how long something took.
pub fn millis(elapsed: Duration) -> u64 {
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]

    use std::sync::Arc;
    use std::time::Duration;

    use super::{Served, ServedLine};
    use crate::request_id::RequestId;

    #[test]
    fn the_line_is_json_with_the_keys_of_any_request() {
        for team in [Some("growth"), None] {
            let served = Served {
                request_id: RequestId::Theirs("r-1".into()),
                method: "GET",
                route: "/v3/numbers/search/{country}".into(),
                team: team.map(Arc::from),
                status: 304,
                elapsed: Duration::from_micros(2_700),
            };
            let mut line = Vec::new();
            ServedLine { at: "2026-11-29T10:00:00Z".parse().unwrap(), served }.write(&mut line);
            assert_eq!(line.last(), Some(&b'\n'));
            let read: serde_json::Value = serde_json::from_slice(&line).unwrap();
            let team_key = team.map(|_| "team");
            let keys =
                ["timestamp", "level", "target", "message", "otel.kind", "request_id", "method", "route"];
            let keys = keys.into_iter().chain(team_key).chain(["status", "elapsed_ms"]);
            assert!(read.as_object().unwrap().keys().map(String::as_str).eq(keys), "{read}");
            assert_eq!((read.get("status"), read.get("elapsed_ms")), (Some(&304.into()), Some(&2.into())));
        }
    }
}
