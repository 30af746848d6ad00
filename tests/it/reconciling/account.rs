//! Another account behind the credentials: nothing is bought, and its list proves nothing.

use serde_json::{Value, json};

use crate::reconciling::root;
use crate::stage::{Stage, ann};

async fn await_buying(stage: &Stage, wanted: &str) -> Value {
    stage
        .await_some(wanted, async |stage: &Stage| {
            let ready = stage.ops("/readyz").await.json();
            (ready["buying"]["state"] == wanted).then_some(ready)
        })
        .await
}

#[tokio::test]
async fn another_account_freezes_everything_and_its_list_is_ignored_until_it_is_ours_again() {
    let mut stage = Stage::looking("").await;
    let numbers = stage.numbers_on_sale("AU").await;
    assert_eq!(stage.buy(&ann(), &numbers[0]).await.verdict(), "200 SUCCESS");
    stage.await_number(&numbers[0], |row| row["first_seen"].is_string()).await;
    stage.control("settings", json!({"user_id": 200_002})).await;
    let ready = await_buying(&stage, "frozen").await;
    assert_eq!(ready["ready"], json!(true));
    assert!(ready["buying"]["reason"].as_str().unwrap().contains("200002"), "{ready}");
    assert_eq!(stage.buy(&ann(), &numbers[1]).await.verdict(), "503 BUYING_FROZEN");
    // Whatever that account lists: nothing of ours is gone, and nothing is an orphan.
    stage.control("sell", json!({"number": numbers[2]})).await;
    stage.control("give_up", json!({"number": numbers[0]})).await;
    let ignored = "numbers_gateway_scans_total{outcome=\"ignored\"}";
    let before = stage.series(ignored).await;
    stage
        .await_some("scans", async |stage: &Stage| (stage.series(ignored).await > before + 2).then_some(()))
        .await;
    assert_eq!((stage.events("number.orphaned").len(), stage.events("number.gone").len()), (0, 0));

    stage.restart().await;
    await_buying(&stage, "frozen").await;
    stage.control("settings", json!({"user_id": 100_001})).await;
    let freezes = stage.get(&root(), "/v1/freezes").await.json();
    assert_eq!(
        (&freezes["items"][0]["cause"], freezes["items"].as_array().unwrap().len()),
        (&json!("another_account"), 1)
    );
    stage
        .await_some("a list of ours", async |stage: &Stage| {
            (stage.series("numbers_gateway_scans_total{outcome=\"complete\"}").await > 0).then_some(())
        })
        .await;
    assert_eq!(
        stage.buy(&ann(), &numbers[1]).await.verdict(),
        "503 BUYING_FROZEN",
        "until somebody lifts it"
    );
    let id = freezes["items"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(stage.post(&root(), &format!("/v1/freezes/{id}/lift"), &json!({})).await.status, 200);
    assert_eq!(stage.buy(&ann(), &numbers[1]).await.verdict(), "200 SUCCESS");
    stage.finish().await;
}

#[tokio::test]
async fn upstream_that_does_not_answer_stops_no_start_and_is_asked_again() {
    let mut stage = Stage::looking_later("").await;
    stage.fault(json!({"operation": "account", "fault": "html_500_before_sale"})).await;
    stage.start_gateway().await;
    assert_eq!(stage.events("account.remembered").len(), 0);
    stage.end_faults().await;
    stage
        .await_some("the account", async |stage: &Stage| {
            (stage.events("account.remembered").len() == 1).then_some(())
        })
        .await;
    stage.finish().await;
}
