//! Somebody with the file and without triggers in the way: each thing they may do, and what verification says of it.

use numbers_gateway::domain::canonical::Digest;
use rusqlite::{Connection, params};

use super::{LeftBehind, told, verified};
use crate::database;

/// What is changed, and every fault that must be told. `%0` to `%3` stand for the ids of the purchases; a fault that
/// ends with `…` is told with more.
struct Tampering {
    statements: &'static str,
    faults: &'static [&'static str],
}

impl LeftBehind {
    fn filled(&self, text: &str) -> String {
        let ids = self.purchases.iter().enumerate();
        ids.fold(text.to_owned(), |text, (n, id)| text.replace(&format!("%{n}"), id))
    }

    fn check(&self, tampering: &Tampering) {
        if database::is_postgres() && tampering.statements.contains(NO_TEXT) {
            return;
        }
        let statements = self.filled(tampering.statements);
        let changed = self.changed(|connection| connection.execute_batch(&statements).unwrap());
        let told = told(&verified(&changed, None));
        let same = |told: &String, wanted: &String| match wanted.strip_suffix('…') {
            Some(beginning) => told.starts_with(beginning),
            None => told == wanted,
        };
        let wanted: Vec<String> = tampering.faults.iter().map(|fault| self.filled(fault)).collect();
        let agrees =
            told.len() == wanted.len() && told.iter().zip(&wanted).all(|(told, wanted)| same(told, wanted));
        assert!(agrees, "{statements}\ntold {told:#?}\nwanted {wanted:#?}");
    }
}

/// A text that is none: PostgreSQL keeps only what is UTF-8.
const NO_TEXT: &str = "CAST(x'ff' AS TEXT)";

const fn tampering(statements: &'static str, faults: &'static [&'static str]) -> Tampering {
    Tampering { statements, faults }
}

#[tokio::test]
async fn what_nobody_touched_is_whole() {
    let left = LeftBehind::by_a_run().await;
    let report = verified(&left.database(), Some(&left.head()));
    assert_eq!(told(&report), Vec::<String>::new());
    assert_eq!((report.events, report.purchases, report.registrations, report.policies), (21, 4, 1, 1));
    assert_eq!(
        report.ledger_entries, 9,
        "three for each of two sales, two for a failure, one for what is unknown"
    );
    assert_eq!((report.personal_values, report.personal_values_erased), (5, 0), "four reasons and a form");
    assert!(report.to_string().ends_with("whole: no fault was found\n"), "{report}");
    assert_eq!(told(&verified(&left.changed(|_| ()), Some(&left.head()))), Vec::<String>::new());
}

#[tokio::test]
async fn an_event_that_was_changed_deleted_swapped_or_inserted_is_found_and_named() {
    const CHANGED: &str = "event 2: its hash is not the SHA-256 of its previous hash and its body";
    let left = LeftBehind::by_a_run().await;
    for case in [
        tampering("UPDATE audit_events SET body = replace(body, 'up to 25', 'up to 26') WHERE seq = 2", &[CHANGED]),
        tampering("UPDATE audit_events SET hash = x'00' WHERE seq = 21", &["event 21: its hash is not…"]),
        tampering(
            "UPDATE audit_events SET hash = zeroblob(32) WHERE seq = 4",
            &["event 4: its hash is not…", "event 5: its previous hash is not the hash of 4"],
        ),
        tampering("DELETE FROM audit_events WHERE seq = 18", &["event 19: missing: 18 is not there"]),
        tampering(
            "DELETE FROM audit_events WHERE seq = 16",
            &[
                "event 17: missing: 16 is not there",
                "purchase %3: event 17: purchase.lost leads from reserved to \"unknown\": there is no such step",
            ],
        ),
        tampering(
            "UPDATE audit_events SET seq = 99 WHERE seq = 18; UPDATE audit_events SET seq = 18 WHERE seq = 17;
             UPDATE audit_events SET seq = 17 WHERE seq = 99",
            &[
                "event 17: its previous hash is not the hash of 16",
                "event 17: its body says that it is 18",
                "event 18: its previous hash is not the hash of 17",
                "event 18: its body says that it is 17",
                "event 19: its previous hash is not the hash of 18",
            ],
        ),
        tampering(
            "INSERT INTO audit_events SELECT 22, at_us, action, target_kind, target_id, body, hash, zeroblob(32), actor
             FROM audit_events WHERE seq = 18",
            &[
                "event 22: its previous hash is not the hash of 21",
                "event 22: its hash is not…",
                "event 22: its body says that it is 18",
            ],
        ),
        tampering(
            "INSERT INTO audit_events SELECT -7, at_us, action, target_kind, target_id, body, previous_hash, hash, actor
             FROM audit_events WHERE seq = 18",
            &[
                "event -7: out of order: 1 was to come",
                "event -7: its body says that it is 18",
                "event 1: missing: -6 to 0 are not there",
            ],
        ),
        tampering(
            "UPDATE audit_events SET body = '{}', hash = x'' WHERE seq = 18",
            &["event 18: its hash is not…", "event 18: its body is no event: missing field…"],
        ),
        tampering(
            "UPDATE audit_events SET body = CAST(x'ff' AS TEXT) WHERE seq = 18",
            &["event 18: its hash is not…", "event 18: its body is not JSON…"],
        ),
        tampering(
            "UPDATE audit_events SET actor = 'bob', action = 'purchase.bought', at_us = 1 WHERE seq = 18",
            &[
                "event 18: its column action has \"purchase.bought\", its body \"purchase.refused\"",
                "event 18: its column actor has \"bob\", its body \"ann\"",
                "event 18: its column at_us has \"1\", its body…",
            ],
        ),
    ] {
        left.check(&case);
    }
}

#[tokio::test]
async fn a_purchase_that_does_not_agree_with_its_events_is_found_and_named() {
    let left = LeftBehind::by_a_run().await;
    for case in [
        tampering(
            "UPDATE purchases SET state = 'failed' WHERE id = '%3'",
            &["purchase %3: its state is failed, its events make it unknown"],
        ),
        tampering(
            "UPDATE purchases SET version = 9, attempts = 0 WHERE id = '%0'",
            &[
                "purchase %0: its version is 9, its events make it 4",
                "purchase %0: its attempts is 0, its events make it 1",
            ],
        ),
        tampering(
            "UPDATE purchases SET number = '+61491570099', subject = 'bob' WHERE id = '%0'",
            &[
                "purchase %0: its number is +61491570099, event 2 says +61491570000",
                "purchase %0: its subject is bob, event 2 says ann",
            ],
        ),
        tampering(
            "DELETE FROM purchases WHERE id = '%3'",
            &[
                "purchase %3: events tell of it, and its row is not there",
                "ledger entry 9: belongs to no purchase",
            ],
        ),
        tampering(
            "UPDATE purchases SET id = '' WHERE id = '%3'",
            &[
                "purchase : no event tells of it",
                "purchase %3: events tell of it, and its row is not there",
                "ledger entry 9: belongs to no purchase",
            ],
        ),
        tampering(
            "UPDATE registrations SET state = 'failed', version = 1",
            &["registration …", "registration …"],
        ),
        tampering("UPDATE policies SET rules = replace(rules, '25.00', '99.00')", &["policy …"]),
    ] {
        left.check(&case);
    }
}

#[tokio::test]
async fn a_ledger_that_does_not_agree_with_the_events_is_found_and_named() {
    let left = LeftBehind::by_a_run().await;
    for case in [
        tampering(
            "UPDATE ledger SET amount_micros = 1000000 WHERE id = 9",
            &["purchase %3: the ledger has 1.00 held, its events 20.71"],
        ),
        tampering(
            "UPDATE ledger SET amount_micros = amount_micros + 1 WHERE id = 6",
            &["purchase %1: the ledger has …"],
        ),
        tampering(
            "INSERT INTO ledger (id, at_us, month, team, purchase_id, kind, amount_micros, currency, country)
             SELECT 10, at_us, month, team, purchase_id, 'release', -20710000, currency, country
             FROM ledger WHERE id = 9",
            &["purchase %3: the ledger has 20.71 released, its events 0.00"],
        ),
        tampering(
            "INSERT INTO ledger (id, at_us, month, team, purchase_id, kind, amount_micros, currency, country)
             SELECT -1, at_us, month, team, purchase_id, 'setup', 1, currency, country
             FROM ledger WHERE id = 9",
            &["purchase %3: the ledger has 0.000001 charged, its events 0.00"],
        ),
        tampering(
            "DELETE FROM ledger WHERE id = 8",
            &["purchase %2: the ledger has 0.00 released, its events 20.71"],
        ),
        tampering(
            "UPDATE ledger SET month = '1999-01', team = 'support' WHERE id = 9",
            &[
                "purchase %3: ledger entry 9 is of the team \"support\"",
                "purchase %3: ledger entry 9 counts in \"1999-01\", its events say 2…",
            ],
        ),
        tampering(
            "UPDATE ledger SET kind = 'gift' WHERE id = 9",
            &[
                "purchase %3: ledger entry 9 is of no known kind",
                "purchase %3: the ledger has 0.00 held, its events 20.71",
            ],
        ),
    ] {
        left.check(&case);
    }
}

#[tokio::test]
async fn a_personal_value_that_is_not_the_one_committed_to_is_found_and_named() {
    let left = LeftBehind::by_a_run().await;
    for case in [
        tampering(
            "UPDATE personal_values SET value = 'for Bob' WHERE seq = 2",
            &["event 2: the personal value reason is not the one it commits to"],
        ),
        tampering(
            "UPDATE personal_values SET salt = zeroblob(32) WHERE seq = 2",
            &["event 2: the personal value reason is not the one it commits to"],
        ),
        tampering(
            "DELETE FROM personal_values WHERE seq = 2",
            &["personal values: 1 are gone, and events tell of 0 that were erased"],
        ),
        tampering(
            "INSERT INTO personal_values VALUES (3, 'reason', zeroblob(32), 'for Bob'), (99, 'x', x'', '')",
            &[
                "event 3: a personal value reason that it does not commit to",
                "event 99: a personal value x of an event that is not there",
            ],
        ),
    ] {
        left.check(&case);
    }
}

#[tokio::test]
async fn what_is_consistent_in_itself_is_found_against_the_head() {
    let left = LeftBehind::by_a_run().await;
    let cut = left.changed(|connection| {
        let cut = "DELETE FROM registrations; DELETE FROM personal_values WHERE seq > 18;
            DELETE FROM audit_events WHERE seq > 18";
        connection.execute_batch(cut).unwrap();
    });
    let without_head = told(&verified(&cut, None));
    assert_eq!(without_head, Vec::<String>::new(), "nothing in the file shows it");
    assert_eq!(
        told(&verified(&cut, Some(&left.head()))),
        [
            "head: event 21 was witnessed and the chain ends at 18: its end was cut off, or this is an older copy"
        ]
    );

    let rewritten = left.changed(|connection| rewrite(connection, "we do not buy in GB", "nobody minds GB"));
    assert_eq!(told(&verified(&rewritten, None)), Vec::<String>::new(), "nothing in the file shows it");
    assert_eq!(
        told(&verified(&rewritten, Some(&left.head()))),
        [
            "head: event 21 has another hash than was witnessed: the chain was written again from there or before"
        ]
    );

    let other = LeftBehind::by_a_run().await;
    let told = told(&verified(&other.database(), Some(&left.head())));
    assert!(matches!(told.as_slice(), [told] if told.starts_with("head: database ")), "{told:?}");
}

/// Writes history anew, as somebody does who has read how it is written.
fn rewrite(connection: &Connection, from: &str, to: &str) {
    let mut previous = vec![0; 32];
    let mut changed = 0;
    for sequence in 1..=21 {
        let body: String = connection
            .query_row("SELECT body FROM audit_events WHERE seq = ?1", [sequence], |row| row.get(0))
            .unwrap();
        changed += usize::from(body.contains(from));
        let body = body.replace(from, to);
        let hash = Digest::of(&[&previous, body.as_bytes()]).as_bytes().to_vec();
        connection
            .execute(
                "UPDATE audit_events SET body = ?1, previous_hash = ?2, hash = ?3 WHERE seq = ?4",
                params![body, previous, hash, sequence],
            )
            .unwrap();
        previous = hash;
    }
    assert_eq!(changed, 1, "{from}");
}
