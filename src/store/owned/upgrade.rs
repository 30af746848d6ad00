//! A database from before the mirror: its ledger is taken over entry by entry, and what was bought owes on from its month.
#![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]

use rusqlite::Connection;

const BEFORE: [&str; 7] = [
    include_str!("../migrations/0001_first.sql"),
    include_str!("../migrations/0002_deciding.sql"),
    include_str!("../migrations/0003_evidence.sql"),
    include_str!("../migrations/0004_reserved_price.sql"),
    include_str!("../migrations/0005_covering.sql"),
    include_str!("../migrations/0006_notices.sql"),
    include_str!("../migrations/0007_console.sql"),
];
const MONEY: &str = include_str!("../migrations/0008_money.sql");

fn only(connection: &Connection, statement: &str) -> String {
    connection.query_row(&format!("SELECT CAST(({statement}) AS TEXT)"), [], |row| row.get(0)).unwrap()
}

#[test]
fn a_ledger_from_before_is_taken_over_and_what_was_bought_owes_on() {
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch("PRAGMA foreign_keys = ON").unwrap();
    for sql in BEFORE {
        connection.execute_batch(sql).unwrap();
    }
    for (id, number, state, holds, monthly) in [
        ("p1", "+61491570156", "bought", 1, 20_710_000),
        ("p2", "+61491570157", "bought_late", 1, 6_494_999),
        ("p3", "+61491570158", "unknown", 1, 1),
        ("p4", "+61491570159", "bought", 0, 1),
    ] {
        connection
            .execute(
                "INSERT INTO purchases (id, number, message_type, issuer, subject, team, quote, quote_digest, country,
                     currency, monthly_micros, rule, policy_digest, state, version, attempts, holds_number, created_us, updated_us)
                 VALUES (?1, ?2, 'sms', 'i', 's', 'growth', '{}', x'00', 'AU', 'AUD', ?5, 'r', x'00', ?3, 1, 1, ?4, 1, 1)",
                rusqlite::params![id, number, state, holds, monthly],
            )
            .unwrap();
    }
    connection
        .execute_batch(
            "INSERT INTO ledger (at_us, month, team, purchase_id, kind, amount_micros, currency, country) VALUES
                 (1, '2026-10', 'growth', 'p1', 'hold', 5, 'AUD', 'AU'), (2, '2026-10', 'growth', 'p1', 'release', -5, 'AUD', 'AU'),
                 (3, '2026-10', 'growth', 'p1', 'first_period', 4, 'AUD', 'AU');
             INSERT INTO known_numbers (number, origin, team, purchase_id, since_us) VALUES ('+61491570157', 'assigned', 'desk', 'p2', 1);",
        )
        .unwrap();
    connection.execute_batch(MONEY).unwrap();
    let rows = "SELECT group_concat(number || ' ' || team || ' ' || origin || ' ' || fee_micros || ' ' || paid_month, '; ')
                FROM (SELECT * FROM owned_rows ORDER BY number)";
    assert_eq!(
        only(&connection, rows),
        "+61491570156 growth bought 20710000 2026-10; +61491570157 desk assigned 6490000 2026-11"
    );
    let ledger =
        "SELECT group_concat(id || ' ' || kind || ' ' || amount_micros || ' ' || number, '; ') FROM ledger";
    let taken_over = "1 hold 5 +61491570156; 2 release -5 +61491570156; 3 first_period 4 +61491570156";
    assert_eq!(only(&connection, ledger), taken_over);
    let listing: crate::domain::owned::OwnedNumber =
        serde_json::from_str(&only(&connection, "SELECT listing FROM owned_rows LIMIT 1")).unwrap();
    assert_eq!((listing.dedicated_number.as_str(), listing.country.as_deref()), ("+61491570156", Some("AU")));
    for refused in [
        "UPDATE ledger SET amount_micros = 1",
        "DELETE FROM ledger",
        "REPLACE INTO ledger SELECT * FROM ledger WHERE id = 1",
        "INSERT INTO ledger (at_us, month, team, purchase_id, kind, amount_micros, currency, country)
             VALUES (1, '2026-10', 'growth', 'p9', 'hold', 5, 'AUD', 'AU')",
        "INSERT INTO ledger (at_us, month, team, kind, amount_micros, currency, country, number, message_type, guid) VALUES
             (1, '2026-11', 'growth', 'renewal', 1, 'AUD', 'AU', '+1', 'sms', ''),
             (1, '2026-11', 'desk', 'renewal', 1, 'AUD', 'AU', '+1', 'sms', '')",
    ] {
        assert!(connection.execute_batch(refused).is_err(), "{refused}");
    }
    connection
        .execute_batch(
            "INSERT INTO ledger (at_us, month, team, kind, amount_micros, currency, country, number, message_type, guid)
             VALUES (1, '2026-11', 'growth', 'renewal', 1, 'AUD', 'AU', '+1', 'sms', '')",
        )
        .unwrap();
    assert_eq!(only(&connection, "SELECT max(id) FROM ledger"), "4", "numbered on");
}
