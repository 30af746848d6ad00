//! Stopped and killed at every step: what was claimed is never sent again, what was not is not lost.

use serde_json::json;

use super::{
    ONE_LOOKS, PATH, SWEPT, actions, approve, ask, ask_clicksend, ben, form, look, path_of, pending, root,
    until,
};
use crate::process::Process;
use crate::stage::{Stage, ann};

#[tokio::test]
async fn a_registration_that_was_claimed_is_never_sent_again_by_the_next_process() {
    for at in ["before_sale", "after_sale"] {
        let mut stage = Stage::without_gateway().await;
        let process = Process::start(&mut stage).await;
        stage.fault(json!({"operation": "register", "fault": "hold", "at": at, "count": 1})).await;
        let asking = {
            let who = ann();
            tokio::task::spawn(stage.request(&who, reqwest::Method::POST, PATH).json(&form()).send())
        };
        stage.ledger("operation=register&wait_held=1").await;
        process.kill().await;
        assert!(asking.await.unwrap().is_err(), "the answer is lost");
        stage.control("release", json!({})).await;

        let process = Process::start(&mut stage).await;
        let again = ask_clicksend(&stage, &ann(), &form()).await;
        assert_eq!(again.verdict(), "409 PURCHASE_OUTCOME_UNKNOWN", "{at}: {}", again.text);
        let registration = stage.get(&ann(), again.header("location").unwrap()).await.json();
        assert_eq!(
            actions(&registration),
            ["registration.requested", "registration.intent", "registration.lost"]
        );
        assert_eq!(stage.calls("register").await, 1, "{at}: sent again");
        process.kill().await;
        stage.finish().await;
    }
}

#[tokio::test]
async fn a_gateway_that_stops_while_it_sends_waits_for_the_answer_and_knows_it_afterwards() {
    let mut stage = Stage::new().await;
    stage.fault(json!({"operation": "register", "fault": "hold", "at": "after_sale", "count": 1})).await;
    let asking = {
        let who = ann();
        tokio::task::spawn(stage.request(&who, reqwest::Method::POST, PATH).json(&form()).send())
    };
    stage.ledger("operation=register&wait_held=1").await;
    stage.begin_stop();
    stage.control("release", json!({})).await;
    assert_eq!(asking.await.unwrap().unwrap().status(), 200);
    stage.restart().await;
    assert_eq!(ask_clicksend(&stage, &ann(), &form()).await.verdict(), "200 SUCCESS");
    assert_eq!(stage.calls("register").await, 1);
    stage.finish().await;
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_not_sent_again_after_a_restart_either() {
    let mut stage = Stage::with(SWEPT).await;
    stage.fault(json!({"operation": "register", "fault": "hold", "at": "before_sale", "count": 1})).await;
    let lost = ask(&stage, &ann(), "k", &form()).await.json();
    assert_eq!(lost["code"], "PURCHASE_OUTCOME_UNKNOWN");
    stage.restart().await;
    until(&stage, &lost, "needs_attention").await;
    assert_eq!(ask(&stage, &ann(), "other", &form()).await.json()["id"], lost["id"]);
    stage.control("release", json!({})).await;
    assert_eq!(stage.calls("register").await, 1);
    stage.finish().await;
}

#[tokio::test]
async fn what_waits_for_people_or_for_its_turn_survives_and_is_sent_once() {
    let mut stage = Stage::with(&format!("{SWEPT}{ONE_LOOKS}")).await;
    let registration = pending(&stage, &ann(), &form()).await;
    stage.restart().await;
    assert_eq!(look(&stage, &ann(), &registration).await["state"], "pending_approval");
    let frozen = stage.post(&root(), "/v1/freezes", &json!({"scope": "all", "reason": "audit"})).await;
    assert_eq!(approve(&stage, &ben(), &registration).await.verdict(), "503 BUYING_FROZEN");
    stage.restart().await;
    assert_eq!(look(&stage, &ann(), &registration).await["state"], "approved");
    assert_eq!(stage.calls("register").await, 0);
    let lift = format!("/v1/freezes/{}/lift", frozen.json()["id"].as_str().unwrap());
    assert_eq!(stage.post(&root(), &lift, &json!({})).await.status, 200);
    until(&stage, &registration, "submitted").await;
    stage.restart().await;
    assert_eq!(stage.get(&ann(), &path_of(&registration)).await.json()["state"], "submitted");
    assert_eq!(stage.calls("register").await, 1);
    stage.finish().await;
}
