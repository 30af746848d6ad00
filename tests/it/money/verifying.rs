//! `audit verify` knows recurring money: entries without their event, and events without their entry.

use numbers_gateway::app::{EvidenceSource, verify_evidence};
use serde_json::json;

use super::{Years, root};
use crate::database;
use crate::stage::ann;

#[tokio::test]
async fn money_that_recurs_stands_in_the_evidence_or_verification_says_where_not() {
    let mut years = Years::start("2027-11-15T09:00:00Z", &[]).await;
    let number = years.stage.numbers_on_sale("AU").await[0].clone();
    assert_eq!(years.stage.buy(&ann(), &number).await.verdict(), "200 SUCCESS");
    let body = json!({"kind": "adjustment", "amount": "1.00", "team": "growth", "reason": "a try"});
    assert_eq!(years.adjust(&root(), "one", &body).await.status, 201);
    years.looked().await;
    years.go_to("2028-01-01T00:00:00Z").await;
    years.looked().await;
    years.stage.stop_gateway().await;
    let database = years.stage.database();
    let faults = |statement: &str| -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("gateway.db");
        database::copy_to(&database, &copy);
        database::tamper(&copy, |connection| connection.execute_batch(statement).unwrap());
        let location = database::location(&copy);
        let verify = || verify_evidence(EvidenceSource::Database(&location), None).unwrap();
        let report = std::thread::scope(|scope| scope.spawn(verify).join()).unwrap();
        database::drop(&copy);
        report.faults.iter().map(ToString::to_string).collect()
    };
    assert!(faults("SELECT 1").is_empty());
    let insert = "INSERT INTO ledger (at_us, month, team, kind, amount_micros, currency, country, number, message_type, guid)
                  VALUES (1, '2028-02', 'growth', 'renewal', 20710000, 'AUD', 'AU', '+61491570000', 'sms', 'X')";
    for (statement, wanted) in [
        (insert, vec!["is a renewal that no event tells of"]),
        (
            "UPDATE ledger SET amount_micros = 1 WHERE kind = 'renewal' AND month = '2027-12'",
            vec!["is a renewal that no event tells of", "tells of a renewal that the ledger does not have"],
        ),
        (
            "UPDATE ledger SET team = 'support' WHERE kind = 'renewal' AND month = '2028-01'",
            vec!["is a renewal that no event tells of", "tells of a renewal that the ledger does not have"],
        ),
        (
            "DELETE FROM ledger WHERE kind = 'renewal'",
            vec!["tells of a renewal that the ledger does not have"; 2],
        ),
        (
            "UPDATE ledger SET amount_micros = 2 WHERE kind = 'adjustment'",
            vec!["is an adjustment that no event tells of"],
        ),
        (
            "DELETE FROM ledger WHERE kind = 'adjustment'",
            vec!["tells of an adjustment that the ledger does not have"],
        ),
        (
            "UPDATE ledger SET kind = 'gift' WHERE kind = 'adjustment'",
            vec!["belongs to no purchase", "is an adjustment that no event tells of"],
        ),
    ] {
        let found = faults(statement);
        assert_eq!(found.len(), wanted.len(), "{statement}: {found:?}");
        assert!(
            found.iter().zip(&wanted).all(|(found, wanted)| found.ends_with(wanted)),
            "{statement}: {found:?}"
        );
    }
    years.stage.finish_without_upstream().await;
}
