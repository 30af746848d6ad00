//! The database itself refuses to change evidence, from whichever connection and however it is worded.

use rusqlite::Connection;

use super::LeftBehind;

#[tokio::test]
async fn what_is_evidence_can_be_neither_updated_nor_deleted_nor_replaced() {
    let left = LeftBehind::by_a_run().await;
    // As anybody opens it: without recursive_triggers, and so without triggers of DELETE for what is replaced.
    let connection = Connection::open(left.database()).unwrap();
    for (statement, refusal) in [
        ("UPDATE audit_events SET body = '{}' WHERE seq = 3", "audit events are never changed"),
        ("UPDATE OR REPLACE audit_events SET seq = 4 WHERE seq = 3", "audit events are never changed"),
        ("DELETE FROM audit_events WHERE seq = 21", "audit events are never deleted"),
        ("REPLACE INTO audit_events SELECT * FROM audit_events WHERE seq = 3", "audit events are only appended"),
        (
            "INSERT OR REPLACE INTO audit_events SELECT 21, at_us, action, target_kind, target_id, '{}', hash, hash, ''
             FROM audit_events WHERE seq = 21",
            "audit events are only appended",
        ),
        (
            "INSERT INTO audit_events SELECT 23, at_us, action, target_kind, target_id, '{}', hash, hash, ''
             FROM audit_events WHERE seq = 21",
            "audit events are only appended",
        ),
        ("UPDATE ledger SET amount_micros = 0", "ledger entries are never changed"),
        ("DELETE FROM ledger WHERE id = 1", "ledger entries are never deleted"),
        ("REPLACE INTO ledger SELECT * FROM ledger WHERE id = 1", "ledger entries are only appended"),
        ("UPDATE personal_values SET value = ''", "personal values are never changed"),
        ("REPLACE INTO personal_values SELECT * FROM personal_values", "personal values are never changed"),
        (
            "REPLACE INTO personal_values (rowid, seq, field, salt, value) VALUES (1, 3, 'x', x'', '')",
            "personal values are never changed",
        ),
        ("UPDATE policies SET rules = '[]'", "policies are never changed"),
        ("DELETE FROM policies", "policies are never deleted"),
        ("REPLACE INTO policies SELECT digest, '[]', 0 FROM policies", "policies are never changed"),
        (
            "REPLACE INTO policies (rowid, digest, rules, loaded_us) VALUES (1, x'00', '[]', 0)",
            "policies are never changed",
        ),
        ("UPDATE gateway SET database_id = 'x'", "a database keeps its identity"),
        ("DELETE FROM gateway", "a database keeps its identity"),
        ("REPLACE INTO gateway VALUES (1, 'x', 0)", "a database keeps its identity"),
    ] {
        let refused = connection.execute(statement, []).unwrap_err().to_string();
        assert_eq!(refused, refusal, "{statement}");
    }
    assert!(super::verified(&left.database(), Some(&left.head())).whole);
}
