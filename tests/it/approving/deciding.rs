//! Who may decide, what a decision is bound to, and when it is too late for one.

use std::time::Duration;

use serde_json::{Value, json};

use super::{RULES, ben, dan};
use crate::stage::{Stage, ann, somebody};

#[tokio::test]
async fn a_request_waits_for_another_person_and_then_the_same_call_has_the_number() {
    let stage = Stage::with(RULES).await;
    let number = stage.numbers_on_sale("US").await[0].clone();
    let path = format!("/v3/numbers/buy/{}", number.replace('+', "%2B"));
    let buy = || {
        let request = stage.request(&ann(), reqwest::Method::POST, &path);
        crate::stage::send(request.header("X-Gateway-Reason", "for the spring campaign"))
    };
    let asked = buy().await;
    assert_eq!(asked.verdict(), "409 APPROVAL_REQUIRED");
    let location = asked.header("location").unwrap().to_owned();
    let again = buy().await;
    assert_eq!((again.verdict(), again.header("location")), (asked.verdict(), Some(location.as_str())));
    assert_eq!(stage.calls("buy").await, 0);

    let purchase = stage.get(&ben(), &location).await.json();
    assert_eq!(purchase["allowed_actions"], json!(["approve", "reject"]));
    assert_eq!((&purchase["requested_by"], &purchase["approvals_missing"]), (&json!("ann"), &json!(1)));
    assert_eq!(purchase["live_price"]["changed"], false);
    let [left, after] = ["left", "left_after"].map(|key| purchase["budget"][key]["amount"].as_str().unwrap());
    assert!(left.parse::<f64>().unwrap() > after.parse::<f64>().unwrap(), "{left} {after}");
    assert_eq!(stage.look(&ann(), &purchase).await["allowed_actions"], json!(["withdraw"]));

    let approved = stage.approve(&ben(), &purchase).await;
    assert_eq!((approved.status.as_u16(), &approved.json()["state"]), (200, &json!("bought")));
    assert_eq!(buy().await.verdict(), "200 SUCCESS");
    assert_eq!(stage.calls("buy").await, 1);
    stage.finish().await;
}

#[tokio::test]
async fn nobody_approves_what_they_asked_for_or_what_was_asked_for_them() {
    let stage = Stage::with(RULES).await;
    // An application asks for Ann, who approves for others.
    let application = somebody("crm-app", "growth", "application").with_roles(&["application", "approver"]);
    let ann_approves = somebody("ann", "growth", "approver").with_email("ann@example.com");
    let (_, purchase) =
        stage.pending_of(&application, "US", json!({"on_behalf_of": "Ann Lee <ann@example.com>"})).await;
    assert_eq!(stage.approve(&ann_approves, &purchase).await.verdict(), "403 FORBIDDEN");
    assert_eq!(stage.approve(&application, &purchase).await.verdict(), "403 FORBIDDEN");
    let through_the_application = ben().through("crm-app");
    assert_eq!(stage.approve(&through_the_application, &purchase).await.verdict(), "403 FORBIDDEN");
    assert_eq!(stage.refused_decisions(), 3);
    assert_eq!(stage.approve(&ben(), &purchase).await.json()["state"], "bought");

    // A token that says who acts for whom; the same human being under another subject.
    let acted = ann().through("crm-app").with_email("ann@example.com");
    let (_, purchase) = stage.pending_of(&acted, "GB", json!({})).await;
    for approver in [somebody("crm-app", "growth", "approver"), ann_approves] {
        assert_eq!(stage.approve(&approver, &purchase).await.verdict(), "403 FORBIDDEN");
    }
    let other_subject = somebody("a-lee", "growth", "approver").with_email("Ann@Example.com");
    assert_eq!(stage.approve(&other_subject, &purchase).await.verdict(), "403 FORBIDDEN");
    stage.finish().await;
}

#[tokio::test]
async fn role_team_digest_and_token_decide_who_may_approve() {
    let stage = Stage::with(RULES).await;
    let (_, purchase) = stage.pending("US").await;
    for (who, wanted) in [
        (somebody("vic", "growth", "viewer"), "403 FORBIDDEN"),
        (somebody("req", "growth", "requester"), "403 FORBIDDEN"),
        (somebody("fin", "growth", "finance"), "403 FORBIDDEN"),
        (somebody("aud", "growth", "auditor"), "403 FORBIDDEN"),
        (somebody("sup", "support", "approver"), "404 NOT_FOUND"),
        // Whoever is acted for would be two people with two tokens.
        (ben().through("desk-app"), "403 FORBIDDEN"),
    ] {
        assert_eq!(stage.approve(&who, &purchase).await.verdict(), wanted, "{who:?}");
    }
    let old = json!({"id": purchase["id"], "quote_digest": "00".repeat(32)});
    assert_eq!(stage.approve(&ben(), &old).await.verdict(), "409 PRICE_CHANGED");
    let none = json!({"id": purchase["id"], "quote_digest": null});
    assert_eq!(stage.approve(&ben(), &none).await.verdict(), "400 BAD_REQUEST");
    assert_eq!(stage.look(&ben(), &purchase).await["state"], "pending_approval");
    assert_eq!(stage.calls("buy").await, 0);
    let administrator = somebody("root", "support", "administrator");
    assert_eq!(stage.approve(&administrator, &purchase).await.json()["state"], "bought");
    assert_eq!(stage.approve(&ben(), &purchase).await.verdict(), "409 ALREADY_DECIDED");
    stage.finish().await;
}

#[tokio::test]
async fn tokens_of_an_issuer_that_may_not_approve_do_not() {
    // With no issuer that may approve, a rule that wants approvals is a fault of the configuration.
    let other = "[[auth.issuers]]\nname = \"people\"\nissuer = \"https://people.example\"\n\
         audience = \"numbers-gateway\"\nsecret_file = \"%folder%/secret\"\nalgorithms = [\"HS256\"]\n\
         may_approve = true\n";
    let stage = Stage::changed(
        &format!("{RULES}{other}"),
        &[("algorithms = [\"HS256\"]\nmay_approve = true\n[budget]", "algorithms = [\"HS256\"]\n[budget]")],
    )
    .await;
    let (_, purchase) = stage.pending("US").await;
    assert_eq!(stage.approve(&ben(), &purchase).await.verdict(), "403 FORBIDDEN");
    stage.finish().await;
}

#[tokio::test]
async fn a_rule_that_wants_two_gets_two_and_counts_each_once() {
    let stage = Stage::with(RULES).await;
    let (_, purchase) = stage.pending("GB").await;
    let first = stage.approve(&ben(), &purchase).await;
    assert_eq!((first.status.as_u16(), &first.json()["state"]), (200, &json!("pending_approval")));
    let twice = stage.approve(&ben(), &purchase).await;
    assert_eq!((twice.status.as_u16(), &twice.json()["state"]), (200, &json!("pending_approval")));
    let seen = stage.look(&dan(), &purchase).await;
    assert_eq!((&seen["approvals_missing"], &seen["approvals"][0]["by"]), (&json!(1), &json!("Ben Ray")));
    assert_eq!(seen["approvals"].as_array().unwrap().len(), 1);
    assert_eq!(stage.calls("buy").await, 0);
    // Of another team, and yet wanted: the rule says any.
    let sup = somebody("sup", "support", "approver");
    let listed = stage.get(&sup, "/v1/purchases?state=pending_approval").await.json();
    assert_eq!(listed["items"][0]["id"], purchase["id"]);
    assert_eq!(stage.approve(&sup, &purchase).await.json()["state"], "bought");
    assert_eq!(stage.calls("buy").await, 1);
    stage.finish().await;
}

#[tokio::test]
async fn a_rule_with_stages_wants_somebody_of_each() {
    let stage = Stage::with(RULES).await;
    let (_, purchase) = stage.pending("CA").await;
    assert_eq!(stage.approve(&ben(), &purchase).await.json()["state"], "pending_approval");
    assert_eq!(stage.approve(&dan(), &purchase).await.verdict(), "403 FORBIDDEN", "that place is filled");
    let sup = somebody("sup", "support", "approver");
    assert_eq!(stage.approve(&sup, &purchase).await.json()["state"], "bought");
    stage.finish().await;
}

#[tokio::test]
async fn a_rejection_answers_the_same_request_for_a_while_and_a_withdrawal_does_not() {
    let (stage, hand) = Stage::with_hand(RULES).await;
    let (number, purchase) = stage.pending("US").await;
    assert_eq!(stage.decide(&ann(), &purchase, "reject").await.verdict(), "403 FORBIDDEN");
    let rejected = stage.decide(&ben(), &purchase, "reject").await.json();
    assert_eq!((&rejected["state"], &rejected["code"]), (&json!("rejected"), &json!("APPROVAL_REJECTED")));
    assert_eq!(stage.approve(&dan(), &purchase).await.verdict(), "409 ALREADY_DECIDED");
    let again = stage.buy(&ann(), &number).await;
    assert_eq!(again.verdict(), "409 APPROVAL_REJECTED");
    assert!(again.header("location").unwrap().ends_with(purchase["id"].as_str().unwrap()));
    hand.advance(Duration::from_hours(25));
    assert_eq!(stage.buy(&ann(), &number).await.verdict(), "400 BAD_REQUEST", "the rule asks for a reason");

    let (_, purchase) = stage.pending_of(&ann(), "US", json!({"reference": "anew"})).await;
    assert_eq!(stage.decide(&ben(), &purchase, "withdraw").await.verdict(), "403 FORBIDDEN");
    let withdrawn = stage.decide(&ann(), &purchase, "withdraw").await.json();
    assert_eq!((&withdrawn["state"], &withdrawn["code"]), (&json!("withdrawn"), &Value::Null));
    assert_eq!(stage.decide(&ann(), &purchase, "withdraw").await.verdict(), "409 ALREADY_DECIDED");
    stage.pending_of(&ann(), "US", json!({"reference": "once more"})).await;
    assert_eq!(stage.calls("buy").await, 0);
    stage.finish().await;
}

#[tokio::test]
async fn the_request_and_the_approval_each_have_their_own_clock() {
    let (stage, hand) = Stage::with_hand(RULES).await;
    let (_, purchase) = stage.pending("US").await;
    hand.advance(Duration::from_mins(119));
    let (_, later) = stage.pending("GB").await;
    hand.advance(Duration::from_mins(2));
    assert_eq!(stage.approve(&ben(), &purchase).await.verdict(), "409 APPROVAL_EXPIRED");
    let expired = stage.look(&ann(), &purchase).await;
    assert_eq!((&expired["state"], &expired["code"]), (&json!("expired"), &json!("APPROVAL_EXPIRED")));

    // Approved while nothing can be sent: the approval ends by itself, and nothing is bought with it afterwards.
    let administrator = somebody("root", "growth", "administrator");
    let frozen = stage.post(&administrator, "/v1/freezes", &json!({"scope": "all", "reason": "audit"})).await;
    assert_eq!(frozen.status, 201);
    assert_eq!(stage.approve(&ben(), &later).await.json()["state"], "pending_approval");
    assert_eq!(stage.approve(&dan(), &later).await.json()["state"], "approved");
    hand.advance(Duration::from_hours(25));
    let lift = format!("/v1/freezes/{}/lift", frozen.json()["id"].as_str().unwrap());
    assert_eq!(stage.post(&administrator, &lift, &json!({})).await.status, 200);
    let number = later["number"].as_str().unwrap();
    assert_eq!(stage.buy(&ann(), number).await.verdict(), "409 APPROVAL_EXPIRED");
    assert_eq!(stage.look(&ann(), &later).await["state"], "cancelled");
    assert_eq!(stage.calls("buy").await, 0);
    stage.finish().await;
}

#[tokio::test]
async fn a_rejection_is_not_forgotten_over_a_later_request() {
    let stage = Stage::with(RULES).await;
    let (number, rejected) = stage.pending_of(&ann(), "US", json!({"reference": "first"})).await;
    let (_, withdrawn) = stage.pending_of(&ann(), "US", json!({"reference": "second"})).await;
    assert_eq!(stage.decide(&ben(), &rejected, "reject").await.json()["state"], "rejected");
    assert_eq!(stage.decide(&ann(), &withdrawn, "withdraw").await.json()["state"], "withdrawn");
    assert_eq!(stage.buy(&ann(), &number).await.verdict(), "409 APPROVAL_REJECTED");
    stage.finish().await;
}
