//! The head outside of the database: written as it grows, and what a database that does not agree with it may do.

use std::fs;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};

use super::{events, verified};
use crate::database;
use crate::stage::{Stage, ann};

const REFUSED: &str = "+447700900000";
const AU: &str = "+61491570000";

fn head(stage: &Stage) -> Value {
    let text = fs::read_to_string(stage.head_file()).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    serde_json::from_str(&text).unwrap()
}

impl Stage {
    async fn refusals(&self, count: usize) {
        let ann = ann();
        let refusing = stream::iter(0..count).map(|_| self.buy(&ann, REFUSED));
        refusing.buffer_unordered(32).for_each(|_| async {}).await;
    }
}

#[tokio::test]
async fn the_head_is_written_at_the_start_after_256_events_and_at_the_end() {
    let mut stage = Stage::new().await;
    let first = head(&stage);
    assert_eq!(first["sequence"], 0, "before anything was written");
    assert!(first["at"].is_string() && first["database_id"].as_str().unwrap().len() == 36, "{first}");
    stage.refusals(300).await;
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while head(&stage)["sequence"].as_i64().unwrap() < 256 {
        assert!(tokio::time::Instant::now() < deadline, "{}", head(&stage));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    stage.refusals(3).await;
    stage.stop_gateway().await;
    let last = head(&stage);
    let report = verified(&stage.database(), Some(&stage.head_file()));
    assert_eq!(last["sequence"], report.events);
    assert_eq!(last["hash"], report.head.hash.to_string());
    assert!(report.whole && report.events >= 304, "{report}");
    stage.finish().await;
}

#[tokio::test]
async fn an_old_database_put_back_freezes_buying() {
    let mut stage = Stage::new().await;
    stage.refusals(5).await;
    stage.stop_gateway().await;
    let backup = stage.folder.path().join("backup");
    database::copy_to(&stage.database(), &backup);
    stage.restart().await;
    stage.refusals(5).await;
    stage.stop_gateway().await;
    let witnessed = head(&stage);

    database::copy_to(&backup, &stage.database());
    for start in ["the first", "the next, whose head file agrees again"] {
        stage.restart().await;
        assert_eq!(stage.buy(&ann(), AU).await.verdict(), "503 BUYING_FROZEN", "{start}");
        assert_eq!(stage.get(&ann(), "/v3/numbers/search/AU").await.status, 200, "searches go on");
        let ready = stage.ops("/readyz").await;
        assert_eq!(ready.status, 200, "frozen is a state of buying, not of the service");
        assert!(ready.text.contains("went back in time"), "{}", ready.text);
        let metrics = stage.ops("/metrics").await.text;
        assert!(metrics.contains(r#"numbers_gateway_buying{state="frozen"} 1"#), "{metrics}");
        assert!(metrics.contains(r#"numbers_gateway_buying{state="on"} 0"#), "{metrics}");
    }
    let told = events(&stage, "evidence.went_back").await;
    assert_eq!(told.len(), 1, "once is enough");
    let details = &told[0]["event"]["details"];
    assert_eq!(
        (&details["witnessed_sequence"], &details["witnessed_hash"]),
        (&witnessed["sequence"], &witnessed["hash"])
    );
    assert_eq!(events(&stage, "buying.frozen").await[0]["event"]["details"]["cause"], "went_back");
    assert_eq!(stage.calls("buy").await, 0);
    stage.stop_gateway().await;
    assert!(verified(&stage.database(), Some(&stage.head_file())).whole);
    stage.finish().await;
}

#[tokio::test]
async fn another_database_freezes_buying() {
    let mut stage = Stage::new().await;
    let mut other = Stage::new().await;
    other.refusals(20).await;
    other.stop_gateway().await;
    stage.stop_gateway().await;
    database::copy_to(&other.database(), &stage.database());
    stage.restart().await;
    assert_eq!(stage.buy(&ann(), AU).await.verdict(), "503 BUYING_FROZEN");
    let why = events(&stage, "evidence.went_back").await[0]["event"]["details"]["why"].clone();
    assert!(why.as_str().unwrap().contains(" was witnessed, and this is "), "{why}");
    stage.finish().await;
    other.finish().await;
}

#[tokio::test]
async fn without_a_head_file_nothing_can_be_told_and_one_is_written() {
    let mut stage = Stage::new().await;
    for damage in [None, Some("{\"database_id\":")] {
        stage.refusals(2).await;
        stage.stop_gateway().await;
        fs::remove_file(stage.head_file()).unwrap();
        if let Some(damage) = damage {
            fs::write(stage.head_file(), damage).unwrap();
        }
        stage.restart().await;
        assert!(head(&stage)["sequence"].as_i64().unwrap() > 0, "{damage:?}");
        assert_eq!(events(&stage, "evidence.went_back").await, Vec::<Value>::new(), "{damage:?}");
    }
    assert_eq!(stage.buy(&ann(), AU).await.verdict(), "200 SUCCESS");
    stage.finish().await;
}

#[tokio::test]
async fn a_head_that_cannot_be_written_is_counted_and_stops_nobody() {
    let folder =
        ["head_file = \"%folder%/audit-head\""].map(|usual| (usual, "head_file = \"%folder%/secret/head\""));
    let stage = Stage::changed("", &folder).await;
    assert_eq!(stage.metric("numbers_gateway_audit_head_write_failures_total").await, 1);
    assert_eq!(stage.buy(&ann(), AU).await.verdict(), "200 SUCCESS");
    let policy = events(&stage, "policy.loaded").await;
    assert_eq!(policy[0]["event"]["details"], json!({"rules": 3}));
    stage.finish().await;
}
