//! Between a look and a write: what has moved meanwhile counts, and one row that fails holds up no other.

use std::time::Duration;

use numbers_gateway::clock::ManualClock;
use reqwest::Method;
use serde_json::{Value, json};

use super::{RULES, ben};
use crate::stage::{Answer, Stage, ann, send, somebody};

/// What is answered to somebody for whom upstream holds its price until `meanwhile` has happened.
async fn held_at_the_price(
    stage: &Stage,
    asking: impl Future<Output = Answer>,
    meanwhile: impl Future<Output = ()>,
) -> Answer {
    stage.fault(json!({"operation": "search", "fault": "hold", "count": 1})).await;
    let happening = async {
        stage.ledger("operation=search&wait_held=1").await;
        meanwhile.await;
        stage.control("release", json!({})).await;
    };
    tokio::join!(asking, happening).0
}

/// Approved while its team was frozen, so that nothing of it was sent; and its price has to be asked for again.
async fn approved_and_not_sent(stage: &Stage, hand: &ManualClock) -> (String, Value) {
    let (number, purchase) = stage.pending("US").await;
    let root = somebody("root", "growth", "administrator");
    let frozen = stage.post(&root, "/v1/freezes", &json!({"scope": "growth", "reason": "x"})).await.json();
    assert_eq!(stage.approve(&ben(), &purchase).await.json()["state"], "approved");
    hand.advance(Duration::from_mins(1));
    let lift = format!("/v1/freezes/{}/lift", frozen["id"].as_str().unwrap());
    assert_eq!(stage.post(&root, &lift, &json!({})).await.status, 200);
    (number, purchase)
}

#[tokio::test]
async fn an_approval_that_ends_while_the_price_is_asked_for_buys_nothing() {
    let (stage, hand) = Stage::with_hand(RULES).await;
    let (number, purchase) = approved_and_not_sent(&stage, &hand).await;
    let meanwhile = async { hand.advance(Duration::from_hours(25)) };
    let answer = held_at_the_price(&stage, stage.buy(&ann(), &number), meanwhile).await;
    assert_eq!(answer.verdict(), "409 APPROVAL_EXPIRED");
    assert_eq!(stage.look(&ann(), &purchase).await["state"], "cancelled");
    assert_eq!(stage.calls("buy").await, 0);
    stage.finish().await;
}

#[tokio::test]
async fn a_decision_that_is_overtaken_by_its_end_is_none() {
    let (stage, hand) = Stage::with_hand(RULES).await;
    let (_, purchase) = stage.pending("US").await;
    hand.advance(Duration::from_mins(1));
    let meanwhile = async { hand.advance(Duration::from_hours(2)) };
    let answer = held_at_the_price(&stage, stage.approve(&ben(), &purchase), meanwhile).await;
    assert_eq!(answer.verdict(), "409 APPROVAL_EXPIRED");
    let expired = stage.look(&ben(), &purchase).await;
    assert_eq!((&expired["state"], &expired["approvals"]), (&json!("expired"), &json!([])));
    assert_eq!((stage.refused_decisions(), stage.calls("buy").await), (1, 0));
    stage.finish().await;
}

#[tokio::test]
async fn a_request_that_waits_for_its_price_does_not_outrun_a_rejection() {
    let stage = Stage::with(RULES).await;
    let number = stage.numbers_on_sale("US").await[0].clone();
    let body = json!({"number": number, "reason": "for the spring campaign"});
    let request = stage.request(&ann(), Method::POST, "/v1/purchases").json(&body);
    let asking = send(request.header("Idempotency-Key", "slow"));
    let meanwhile = async {
        let (_, faster) = stage.pending("US").await;
        assert_eq!(stage.decide(&ben(), &faster, "reject").await.json()["state"], "rejected");
    };
    let answer = held_at_the_price(&stage, asking, meanwhile).await;
    assert_eq!(answer.verdict(), "409 APPROVAL_REJECTED", "{}", answer.text);
    stage.finish().await;
}

#[tokio::test]
async fn what_was_taken_back_while_its_price_was_asked_for_stays_so() {
    let (stage, hand) = Stage::with_hand(RULES).await;
    let (number, purchase) = approved_and_not_sent(&stage, &hand).await;
    let meanwhile = async {
        assert_eq!(stage.decide(&ann(), &purchase, "withdraw").await.json()["state"], "withdrawn");
        stage.control("take", json!({"number": number})).await;
    };
    let answer = held_at_the_price(&stage, stage.buy(&ann(), &number), meanwhile).await;
    assert_eq!(answer.verdict(), "409 NUMBER_NOT_AVAILABLE", "{}", answer.text);
    let withdrawn = stage.look(&ann(), &purchase).await;
    assert_eq!((&withdrawn["state"], &withdrawn["code"]), (&json!("withdrawn"), &Value::Null));
    stage.finish().await;
}

#[tokio::test]
async fn a_row_that_cannot_be_swept_holds_up_no_other() {
    let often = "[purchases]\nabsence_window = \"2s\"\nsweep_every = \"1s\"\n";
    let (stage, hand) = Stage::with_hand(&format!("{often}{RULES}")).await;
    let (_, stuck) = stage.pending_of(&ann(), "US", json!({"reference": "stuck"})).await;
    let (_, later) = stage.pending_of(&ann(), "US", json!({"reference": "later"})).await;
    stage.stick("purchases", &stuck);
    hand.advance(Duration::from_hours(2));
    stage.until(&later, "expired").await;
    assert_eq!(stage.look(&ben(), &stuck).await["state"], "pending_approval");
    stage.unstick();
    hand.advance(Duration::from_secs(1));
    stage.until(&stuck, "expired").await;
    stage.finish().await;
}
