//! A price that moves between request, approval and buy.

use std::time::Duration;

use serde_json::json;

use super::{RULES, ben, dan};
use crate::stage::{Stage, ann, send, somebody};

/// What upstream asks for every month from now on.
async fn drift(stage: &Stage, monthly: &str) {
    for operation in ["search", "buy"] {
        let fault = json!({"operation": operation, "fault": "price_drift", "monthly": monthly});
        stage.fault(fault).await;
    }
}

#[tokio::test]
async fn a_price_that_moves_voids_the_approvals_and_asks_again() {
    let (stage, hand) = Stage::with_hand(RULES).await;
    let (_, purchase) = stage.pending("GB").await;
    assert_eq!(stage.approve(&ben(), &purchase).await.json()["state"], "pending_approval");
    // While Dan looks: what he approves is not the price any more.
    hand.advance(Duration::from_mins(1));
    stage.fault(json!({"operation": "search", "fault": "price_drift", "percent": 10})).await;
    let moved = stage.approve(&dan(), &purchase).await;
    assert_eq!(moved.verdict(), "409 PRICE_CHANGED", "{}", moved.text);
    let anew = stage.look(&dan(), &purchase).await;
    assert_eq!(anew["state"], "pending_approval");
    assert_eq!((&anew["approvals"], &anew["approvals_missing"]), (&json!([]), &json!(2)));
    assert_ne!(anew["quote_digest"], purchase["quote_digest"]);
    assert_eq!(stage.approve(&dan(), &purchase).await.verdict(), "409 PRICE_CHANGED", "the old digest");
    assert_eq!(stage.approve(&dan(), &anew).await.json()["state"], "pending_approval");
    assert_eq!(stage.calls("buy").await, 0);
    assert_eq!(stage.approve(&ben(), &anew).await.json()["state"], "bought");
    stage.end_faults().await;
    stage.finish().await;
}

#[tokio::test]
async fn a_price_that_moves_between_approval_and_buy_is_not_paid() {
    let (stage, hand) = Stage::with_hand(RULES).await;
    let (number, purchase) = stage.pending("US").await;
    let administrator = somebody("root", "growth", "administrator");
    let frozen = stage.post(&administrator, "/v1/freezes", &json!({"scope": "growth", "reason": "x"})).await;
    assert_eq!(stage.approve(&ben(), &purchase).await.json()["state"], "approved");
    hand.advance(Duration::from_mins(1));
    stage.fault(json!({"operation": "search", "fault": "price_drift", "percent": 10})).await;
    let lift = format!("/v1/freezes/{}/lift", frozen.json()["id"].as_str().unwrap());
    assert_eq!(stage.post(&administrator, &lift, &json!({})).await.status, 200);
    assert_eq!(stage.buy(&ann(), &number).await.verdict(), "409 APPROVAL_REQUIRED");
    let again = stage.look(&ben(), &purchase).await;
    assert_eq!((&again["state"], &again["approval"]["round"]), (&json!("pending_approval"), &json!(2)));
    assert_eq!(stage.calls("buy").await, 0);
    assert_eq!(stage.approve(&ben(), &again).await.json()["state"], "bought");
    stage.end_faults().await;
    stage.finish().await;
}

#[tokio::test]
async fn a_price_that_moves_to_where_a_rule_allows_it_is_told_to_the_approver_and_bought() {
    let suspicious = r#"
[[policy.rules]]
name = "suspiciously cheap"
when = { action = "buy", countries = ["US"], max_monthly = "5.00" }
then = { approvals = 1 }
"#;
    let (stage, hand) = Stage::with_hand(suspicious).await;
    let (_, purchase) = stage.pending("US").await;
    hand.advance(Duration::from_mins(1));
    drift(&stage, "6.00").await;
    let told = stage.approve(&ben(), &purchase).await;
    assert_eq!(told.verdict(), "409 PRICE_CHANGED");
    assert!(told.text.contains("needs no approval any more"), "{}", told.text);
    let bought = stage.until(&purchase, "bought").await;
    assert_eq!((&bought["rule"], &bought["approvals"]), (&json!("up to 25"), &json!([])));
    stage.end_faults().await;
    stage.finish().await;
}

#[tokio::test]
async fn a_price_that_moves_under_a_rule_that_wants_more_ends_what_does_not_bring_it() {
    let rules = r#"
[[policy.rules]]
name = "one looks"
when = { action = "buy", countries = ["GB"], max_monthly = "15.00" }
then = { approvals = 1 }
[[policy.rules]]
name = "the dear ones"
when = { action = "buy", countries = ["GB"] }
then = { approvals = 1, require = ["reason", "reference"] }
"#;
    let (stage, hand) = Stage::with_hand(rules).await;
    let numbers = stage.numbers_on_sale("GB").await;
    let mut asked = Vec::new();
    for (number, (more, state, missing)) in numbers.iter().zip([
        (json!({}), "cancelled", "wants reason and reference now"),
        (json!({"reason": "why"}), "cancelled", "wants reference now"),
        (json!({"reason": "why", "reference": "7"}), "pending_approval", "nothing was approved"),
    ]) {
        let mut body = more;
        body["number"] = json!(number);
        let request = stage.request(&ann(), reqwest::Method::POST, "/v1/purchases").json(&body);
        let purchase = send(request.header("Idempotency-Key", number)).await.json();
        assert_eq!(purchase["rule"], "one looks", "{purchase}");
        asked.push((purchase, state, missing));
    }
    hand.advance(Duration::from_mins(1));
    drift(&stage, "16.00").await;
    for (purchase, state, missing) in asked {
        let told = stage.approve(&ben(), &purchase).await;
        assert_eq!(told.verdict(), "409 PRICE_CHANGED");
        assert!(told.text.contains(missing), "{}", told.text);
        assert_eq!(stage.look(&ben(), &purchase).await["state"], state);
    }
    assert_eq!(stage.calls("buy").await, 0);
    stage.end_faults().await;
    stage.finish().await;
}

#[tokio::test]
async fn what_is_held_and_compared_is_the_price_that_was_asked_for_last() {
    let tolerance = "[purchases]\nprice_tolerance = \"10%\"\n";
    let (stage, hand) = Stage::with_hand(&format!("{tolerance}{RULES}")).await;
    let (_, purchase) = stage.pending("US").await;
    hand.advance(Duration::from_mins(1));
    drift(&stage, "5.20").await;
    let bought = stage.approve(&ben(), &purchase).await.json();
    assert_eq!((&bought["state"], &bought["quote"]["monthly"]["amount"]), (&json!("bought"), &json!("4.99")));
    let [quote, hold] =
        ["SELECT quote FROM attempts", "SELECT amount_micros FROM ledger WHERE kind = 'hold'"]
            .map(|statement| stage.only(statement));
    assert!(quote.contains(r#""monthly":"5.20""#), "{quote}");
    assert_eq!(hold, "6700000");
    stage.end_faults().await;
    stage.finish().await;
}
