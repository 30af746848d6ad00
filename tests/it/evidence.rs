//! The invariants of the protocol, checked on the database and on what upstream saw, after every test.

use std::collections::BTreeMap;
use std::path::Path;

use numbers_gateway::app::{EvidenceSource, verify_evidence};
use numbers_gateway::domain::canonical::Digest;
use rusqlite::Connection;
use serde_json::Value;

/// Panics with the first invariant that does not hold.
pub fn check(database: &Path, upstream: &Value) {
    audit_verify_finds_no_fault(database);
    let connection = Connection::open(database).unwrap();
    chain_is_whole(&connection);
    every_transition_has_its_event(&connection);
    one_active_purchase_per_number(&connection);
    holds_are_posted_or_released_once_or_their_purchase_is_open(&connection);
    no_buy_without_an_attempt(&connection, upstream);
}

fn rows<T>(
    connection: &Connection,
    sql: &str,
    read: impl Fn(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
) -> Vec<T> {
    let mut statement = connection.prepare(sql).unwrap();
    statement.query_map([], |row| read(row)).unwrap().map(Result::unwrap).collect()
}

/// I7, by the gateway's own eyes; the other checks are made by eyes that share nothing with it.
fn audit_verify_finds_no_fault(database: &Path) {
    let head = Some(database.with_file_name("audit-head")).filter(|head| head.is_file());
    let report = verify_evidence(EvidenceSource::Database(database), head.as_deref()).unwrap();
    assert!(report.whole, "{report}");
}

/// I7, first half: no gap, every link follows from the one before.
fn chain_is_whole(connection: &Connection) {
    let mut previous = vec![0; 32];
    let links = rows(connection, "SELECT seq, body, hash FROM audit_events ORDER BY seq", |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, Vec<u8>>(2)?))
    });
    for (expected, (sequence, body, hash)) in (1..).zip(links) {
        assert_eq!(sequence, expected, "a gap in the evidence");
        assert_eq!(Digest::of(&[&previous, body.as_bytes()]).as_bytes(), hash.as_slice(), "event {sequence}");
        previous = hash;
    }
}

/// I7, second half: as many events about a purchase as it has versions.
fn every_transition_has_its_event(connection: &Connection) {
    let counted = rows(
        connection,
        "SELECT p.id, p.version, (SELECT count(*) FROM audit_events a WHERE a.target_kind = 'purchase' AND a.target_id = p.id) FROM purchases p",
        |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?)),
    );
    for (purchase, version, events) in counted {
        assert_eq!(version, events, "purchase {purchase}");
    }
}

/// I6.
fn one_active_purchase_per_number(connection: &Connection) {
    let taken = rows(
        connection,
        "SELECT number FROM purchases
         WHERE state IN ('reserved', 'dispatching', 'unknown', 'needs_attention', 'bought', 'bought_late')",
        |row| row.get::<_, String>(0),
    );
    let mut once = taken.clone();
    once.sort();
    once.dedup();
    assert_eq!(once.len(), taken.len(), "{taken:?}");
}

/// I5.
fn holds_are_posted_or_released_once_or_their_purchase_is_open(connection: &Connection) {
    let holds = rows(
        connection,
        "SELECT l.purchase_id, p.state, sum(l.amount_micros) FROM ledger l JOIN purchases p ON p.id = l.purchase_id
         WHERE l.kind IN ('hold', 'release') GROUP BY l.purchase_id",
        |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, i64>(2)?)),
    );
    for (purchase, state, held) in holds {
        let open = ["dispatching", "unknown", "needs_attention"].contains(&state.as_str());
        assert_eq!(held > 0, open, "purchase {purchase} is {state} and holds {held}");
        assert!(held >= 0, "purchase {purchase} gave back more than it held");
    }
}

/// I1 and I2: upstream received at most one buy for each attempt row, and none without.
fn no_buy_without_an_attempt(connection: &Connection, upstream: &Value) {
    let mut attempts: BTreeMap<String, i64> = BTreeMap::new();
    for number in rows(
        connection,
        "SELECT p.number FROM attempts a JOIN purchases p ON p.id = a.purchase_id
         WHERE a.outcome IS NULL OR a.outcome <> 'not_sent'",
        |row| row.get::<_, String>(0),
    ) {
        *attempts.entry(number).or_default() += 1;
    }
    for request in upstream["requests"].as_array().unwrap() {
        if request["operation"] != "buy" {
            continue;
        }
        let path = request["path"].as_str().unwrap();
        let number = path.rsplit('/').next().unwrap().replace("%2B", "+");
        let left = attempts.entry(number.clone()).or_default();
        *left -= 1;
        assert!(*left >= 0, "upstream received more buys of {number} than were claimed");
    }
}
