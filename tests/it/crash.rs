//! kill −9 and SIGTERM of the real binary, at the moments that count.

use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::process::{self, Process};
use crate::stage::{Stage, ann};

/// Begins to buy a number, and waits until upstream holds what the fault says.
async fn begin_buy(
    stage: &Stage,
    mut fault: Value,
) -> (String, JoinHandle<Result<reqwest::Response, reqwest::Error>>) {
    let number = stage.numbers_on_sale("AU").await[0].clone();
    let held = format!("operation={}&wait_held=1", fault["operation"].as_str().unwrap());
    fault["count"] = json!(1);
    stage.fault(fault).await;
    let path = format!("/v3/numbers/buy/{number}");
    let buying = tokio::task::spawn(stage.request(&ann(), reqwest::Method::POST, &path).send());
    stage.ledger(&held).await;
    (number, buying)
}

#[tokio::test]
async fn a_buy_that_was_claimed_is_never_sent_again_by_the_next_process() {
    for at in ["before_sale", "after_sale"] {
        let mut stage = Stage::without_gateway().await;
        let process = Process::start(&mut stage).await;
        let (number, buying) =
            begin_buy(&stage, json!({"operation": "buy", "fault": "hold", "at": at})).await;
        process.kill().await;
        assert!(buying.await.unwrap().is_err(), "the answer is lost");
        stage.control("release", json!({})).await;

        let process = Process::start(&mut stage).await;
        let again = stage.buy(&ann(), &number).await;
        assert_eq!(again.verdict(), "409 PURCHASE_OUTCOME_UNKNOWN", "{at}: {}", again.text);
        let purchase = stage.get(&ann(), again.header("location").unwrap()).await.json();
        let last = purchase["history"].as_array().unwrap().last().unwrap();
        assert_eq!((&purchase["state"], &last["action"]), (&json!("unknown"), &json!("purchase.lost")));
        assert_eq!(stage.calls("buy").await, 1, "{at}: sent again");
        let log = process.kill().await;
        assert!(log.contains("its outcome is unknown and it is not sent again"), "{log}");
        for secret in ["simulator-key", "a secret of the tests"] {
            assert!(!log.contains(secret), "a log line carries a secret");
        }
        stage.finish().await;
    }
}

#[tokio::test]
async fn a_request_that_was_not_claimed_is_sent_once_when_it_is_asked_for_again() {
    let mut stage = Stage::without_gateway().await;
    let process = Process::start(&mut stage).await;
    let (number, buying) = begin_buy(&stage, json!({"operation": "search", "fault": "hold"})).await;
    process.kill().await;
    assert!(buying.await.unwrap().is_err());
    stage.control("release", json!({})).await;
    let process = Process::start(&mut stage).await;
    assert_eq!(stage.buy(&ann(), &number).await.verdict(), "200 SUCCESS");
    assert_eq!(stage.calls("buy").await, 1);
    process.kill().await;
    stage.finish().await;
}

/// Who waits is answered, and who has gone finds it booked.
#[tokio::test]
async fn a_stop_in_the_middle_of_a_slow_buy_waits_for_it_and_books_it() {
    for stays in [true, false] {
        let mut stage = Stage::without_gateway().await;
        let process = Process::start(&mut stage).await;
        let (_, buying) = begin_buy(&stage, json!({"operation": "buy", "fault": "hold"})).await;
        if !stays {
            buying.abort();
        }
        process.terminate();
        process.says("draining").await;
        stage.control("release", json!({})).await;
        let ended = process.ended().await;
        assert!(ended.status.success(), "{}", ended.log);
        assert_eq!(buying.await.is_ok_and(|answer| answer.unwrap().status() == 200), stays);
        assert_eq!(stage.only("SELECT state FROM purchases"), "bought", "who asked stays: {stays}");
        assert_eq!(stage.calls("buy").await, 1);
        stage.finish().await;
    }
}

#[tokio::test]
async fn a_second_serving_process_on_one_database_refuses_to_start() {
    let mut stage = Stage::without_gateway().await;
    let first = Process::start(&mut stage).await;
    let second = process::serve(&stage.folder.path().join("gateway.toml")).output().unwrap();
    assert_eq!(second.status.code(), Some(69));
    assert!(String::from_utf8_lossy(&second.stderr).contains("another gateway serves"));
    first.kill().await;
    stage.finish().await;
}
