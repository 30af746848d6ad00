//! Personal data goes when its time is over: from the answers, from the tables and from the files.

use std::path::Path;
use std::time::Duration;

use serde_json::json;

use super::{IN_THE_FORM, OPEN_REASON, REASON, auditor, events, told, verified};
use crate::database as db;
use crate::stage::{Stage, ann};

/// A day more than the usual `retention.personal_data`.
const LONG: Duration = Duration::from_hours(91 * 24);

/// Waits until a text is gone from the database of a gateway that goes on running.
async fn gone_from(database: &Path, text: &str) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while db::occurrences(database, text) > 0 {
        assert!(tokio::time::Instant::now() < deadline, "{text} is still there");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn what_ended_long_ago_loses_its_personal_data_and_the_chain_stays_whole() {
    let (mut stage, hand) = Stage::with_hand("").await;
    let ids = stage.a_little_of_everything().await;
    let database = stage.database();
    for text in [REASON, OPEN_REASON, IN_THE_FORM] {
        assert!(db::occurrences(&database, text) > 0, "{text}");
    }
    stage.stop_gateway().await;
    assert_eq!(verified(&database, Some(&stage.head_file())).personal_values_erased, 0);

    hand.advance(LONG);
    stage.restart().await;
    gone_from(&database, REASON).await;
    gone_from(&database, IN_THE_FORM).await;
    assert!(db::occurrences(&database, OPEN_REASON) > 0, "nobody knows yet how that one ends");
    let report = verified(&database, Some(&stage.head_file()));
    assert_eq!(told(&report), Vec::<String>::new(), "while the gateway runs");
    assert_eq!((report.personal_values, report.personal_values_erased), (1, 4));

    let shown = stage.get(&ann(), &format!("/v1/purchases/{}", ids[0])).await.json();
    assert_eq!(shown["personal"], json!([{"seq": 2, "field": "reason", "value": "[erased]"}]));
    let still_there = stage.get(&ann(), &format!("/v1/purchases/{}", ids[3])).await.json();
    assert_eq!(still_there["personal"][0]["value"], OPEN_REASON);
    let erased = events(&stage, "personal_data.erased").await;
    assert_eq!(erased.len(), 1);
    let details = &erased[0]["event"]["details"];
    assert_eq!(
        (&details["purchases"], &details["registrations"], &details["values"]),
        (&json!(3), &json!(1), &json!(4))
    );
    let exported = stage.get(&auditor(), "/v1/audit/export?personal=true").await.text;
    assert!(exported.contains(OPEN_REASON) && !exported.contains(REASON));
    let file = stage.folder.path().join("export.ndjson");
    std::fs::write(&file, exported).unwrap();
    let source = numbers_gateway::app::EvidenceSource::Export(&file);
    assert!(numbers_gateway::app::verify_evidence(source, None).unwrap().whole);
    stage.finish().await;
}

#[tokio::test]
async fn what_is_younger_stays_and_what_is_erased_once_is_not_erased_again() {
    let (mut stage, hand) = Stage::with_hand("").await;
    stage.a_little_of_everything().await;
    hand.advance(Duration::from_hours(89 * 24));
    stage.restart().await;
    stage.restart().await;
    assert_eq!(events(&stage, "personal_data.erased").await.len(), 0);
    assert!(db::occurrences(&stage.database(), REASON) > 0);
    hand.advance(Duration::from_hours(2 * 24));
    for _ in 0..2 {
        stage.restart().await;
        gone_from(&stage.database(), REASON).await;
    }
    stage.restart().await;
    assert_eq!(events(&stage, "personal_data.erased").await.len(), 1);
    stage.finish().await;
}

/// Rows move from page to page as tables grow and shrink, and leave copies behind if nobody takes care.
#[tokio::test]
async fn nothing_is_left_in_pages_that_rows_have_moved_through() {
    let (mut stage, hand) = Stage::with_hand("").await;
    for number in 0..300 {
        let registered = stage.register_company(&format!("{IN_THE_FORM} {}", "x".repeat(number % 90))).await;
        assert_eq!(registered.verdict(), "200 SUCCESS");
        stage.register_company(&format!("{IN_THE_FORM} {number} {}", "y".repeat(number % 70))).await;
    }
    stage.stop_gateway().await;
    let database = stage.database();
    assert!(db::occurrences(&database, IN_THE_FORM) > 600);
    // Some ended long before the others.
    let erasing = if db::is_postgres() { "" } else { "PRAGMA secure_delete = ON;" };
    for every in ["'3', 'b'", "'5', 'd', 'f'", "'0', '2', '4', '6', '8'"] {
        let old = format!("UPDATE registrations SET updated_us = 1 WHERE substr(id, 36, 1) IN ({every})");
        db::batch(&database, &format!("{erasing} {old}"));
        stage.restart().await;
        stage.stop_gateway().await;
    }
    assert!(db::occurrences(&database, IN_THE_FORM) > 0);
    hand.advance(LONG);
    stage.restart().await;
    gone_from(&database, IN_THE_FORM).await;
    assert!(verified(&database, None).whole);
    stage.finish().await;
}
