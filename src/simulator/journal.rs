//! Every request that arrived, in order, as it arrived.
//!
//! A request is written down before anything else happens to it, and its fate is filled in later: a test can
//! see a request that is being held, and one that was never answered.

use std::collections::{BTreeMap, VecDeque};

use axum::http::{HeaderMap, Method, Uri, header};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::credentials::Credentials;
use super::inventory::Number;

/// How many requests are kept. Counts go on when the oldest are forgotten.
const KEPT: usize = 20_000;

/// What a request asks for; also what a fault is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Operation {
    List,
    Search,
    Buy,
    Register,
    Account,
    /// No such path, or the wrong method for it.
    Unknown,
}

/// One request and what became of it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Record {
    pub(super) seq: u64,
    /// Simulated time.
    pub(super) at: Timestamp,
    pub(super) operation: Operation,
    pub(super) method: String,
    /// As received, percent signs and doubled slashes included.
    pub(super) path: String,
    pub(super) query: Option<String>,
    /// Names in lower case; values that repeat are joined by a comma. `authorization` says only valid, invalid
    /// or absent.
    pub(super) headers: BTreeMap<String, String>,
    /// The user name of the credentials, right or wrong.
    pub(super) user: Option<String>,
    pub(super) body: String,
    /// None while it is being worked on, and where the connection was dropped.
    pub(super) status: Option<u16>,
    /// Names of the faults that met it, joined by a plus.
    pub(super) fault: Option<String>,
    pub(super) outcome: Outcome,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    InProgress,
    Answered,
    /// The connection was closed without an answer, by a fault.
    Dropped,
    /// The body never came completely, or was above 1 MiB; nothing was done.
    BodyNotReceived,
}

/// What is known of a request when its head has arrived.
#[derive(Debug)]
pub(super) struct Arrival<'a> {
    pub(super) operation: Operation,
    pub(super) number: Option<Number>,
    pub(super) method: &'a Method,
    pub(super) uri: &'a Uri,
    pub(super) headers: &'a HeaderMap,
    pub(super) credentials: &'a Credentials,
}

/// All requests since the start or the last reset.
#[derive(Debug, Default)]
pub(super) struct Journal {
    records: VecDeque<Record>,
    /// The last number of an earlier journal: what is numbered up to there is none of this one's business.
    base_seq: u64,
    last_seq: u64,
    received: BTreeMap<Operation, u64>,
    finished: BTreeMap<Operation, u64>,
    asked: BTreeMap<Number, u64>,
}

impl Journal {
    /// An empty journal whose numbers go on, so that a request under way is not taken for a new one.
    pub(super) fn successor(&self) -> Self {
        Self { base_seq: self.last_seq, last_seq: self.last_seq, ..Self::default() }
    }

    /// Writes down a request and says its number. The first is 1, and a reset does not start anew.
    pub(super) fn open(&mut self, arrival: &Arrival<'_>, at: Timestamp) -> u64 {
        self.last_seq += 1;
        *self.received.entry(arrival.operation).or_default() += 1;
        if let Some(number) = &arrival.number {
            *self.asked.entry(number.clone()).or_default() += 1;
        }
        if self.records.len() == KEPT {
            self.records.pop_front();
        }
        self.records.push_back(Record {
            seq: self.last_seq,
            at,
            operation: arrival.operation,
            method: arrival.method.to_string(),
            path: arrival.uri.path().to_owned(),
            query: arrival.uri.query().map(ToOwned::to_owned),
            headers: shown(arrival.headers, arrival.credentials),
            user: arrival.credentials.user(),
            body: String::new(),
            status: None,
            fault: None,
            outcome: Outcome::InProgress,
        });
        self.last_seq
    }

    /// Changes a request that is still remembered.
    pub(super) fn amend(&mut self, seq: u64, change: impl FnOnce(&mut Record)) {
        let newest_first = self.records.iter_mut().rev();
        if let Some(record) = newest_first.take_while(|record| record.seq >= seq).find(|r| r.seq == seq) {
            change(record);
        }
    }

    /// Notes how a request ended.
    pub(super) fn close(&mut self, seq: u64, operation: Operation, status: Option<u16>, outcome: Outcome) {
        if seq <= self.base_seq {
            return;
        }
        *self.finished.entry(operation).or_default() += 1;
        self.amend(seq, |record| {
            record.status = status;
            record.outcome = outcome;
        });
    }

    /// Requests received, of one operation or of all, forgotten ones too.
    pub(super) fn received(&self, operation: Option<Operation>) -> u64 {
        count(&self.received, operation)
    }

    /// Requests that were answered, dropped or given up.
    pub(super) fn finished(&self, operation: Option<Operation>) -> u64 {
        count(&self.finished, operation)
    }

    /// How many buy requests named this number.
    pub(super) fn attempts(&self, number: &Number) -> u64 {
        self.asked.get(number).copied().unwrap_or_default()
    }

    /// The remembered requests after `seq`, oldest first.
    pub(super) fn after(&self, seq: u64, operation: Option<Operation>) -> Vec<&Record> {
        let wanted = |record: &&Record| {
            record.seq > seq && operation.is_none_or(|operation| record.operation == operation)
        };
        self.records.iter().filter(wanted).collect()
    }

    pub(super) fn forgotten(&self) -> u64 {
        self.records.front().map_or(0, |oldest| oldest.seq - self.base_seq - 1)
    }
}

fn count(counts: &BTreeMap<Operation, u64>, operation: Option<Operation>) -> u64 {
    match operation {
        Some(operation) => counts.get(&operation).copied().unwrap_or_default(),
        None => counts.values().sum(),
    }
}

fn shown(headers: &HeaderMap, credentials: &Credentials) -> BTreeMap<String, String> {
    let mut shown: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        shown
            .entry(name.as_str().to_owned())
            .and_modify(|joined| {
                joined.push_str(", ");
                joined.push_str(&value);
            })
            .or_insert_with(|| value.clone().into_owned());
    }
    shown.insert(header::AUTHORIZATION.as_str().to_owned(), credentials.word().to_owned());
    shown
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]

    use axum::http::{HeaderMap, HeaderValue, Method, Uri, header};
    use jiff::Timestamp;

    use super::super::credentials::AccountKey;
    use super::{Arrival, Credentials, Journal, KEPT, Operation, Outcome, shown};

    #[test]
    fn a_key_is_never_shown() {
        let secret = HeaderValue::from_static("Basic bWU6c2VjcmV0LWtleQ==");
        let headers = HeaderMap::from_iter([(header::AUTHORIZATION, secret)]);
        let key = AccountKey::new("secret-key".to_owned());
        let shown = shown(&headers, &Credentials::of(&headers, "me", &key, Timestamp::UNIX_EPOCH));
        assert_eq!(shown.get("authorization").unwrap(), "valid");
        assert_eq!(shown.len(), 1);
    }

    #[test]
    fn the_oldest_requests_are_forgotten_and_still_counted() {
        let mut journal = Journal::default();
        let (uri, headers) = (Uri::from_static("/v3/numbers"), HeaderMap::new());
        for _ in 0..=KEPT {
            let arrival = Arrival {
                operation: Operation::List,
                number: None,
                method: &Method::GET,
                uri: &uri,
                headers: &headers,
                credentials: &Credentials::Absent,
            };
            let seq = journal.open(&arrival, Timestamp::UNIX_EPOCH);
            journal.close(seq, Operation::List, Some(200), Outcome::Answered);
        }
        let received = u64::try_from(KEPT).unwrap() + 1;
        assert_eq!(journal.received(Some(Operation::List)), received);
        assert_eq!((journal.received(Some(Operation::Buy)), journal.finished(None)), (0, received));
        assert_eq!(journal.forgotten(), 1);
        assert_eq!(journal.after(received - 1, None).len(), 1);
    }
}
