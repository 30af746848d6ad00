//! Asking, and being found again.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    ONE_LOOKS, OWN_PATH, SWEPT, actions, approve, ask, ask_clicksend, ask_with, ben, form, form_of, look,
    pending, root, said, until,
};
use crate::stage::{Stage, ann, send, somebody};

#[tokio::test]
async fn what_a_rule_allows_is_sent_once_and_found_through_either_door() {
    let stage = Stage::new().await;
    let first = ask(&stage, &ann(), "first", &form()).await;
    assert_eq!(first.status, 201, "{}", first.text);
    let registration = first.json();
    assert_eq!((&registration["state"], &registration["code"]), (&json!("submitted"), &Value::Null));
    assert_eq!((&registration["done"], &registration["submitted"]), (&json!(true), &json!(true)));
    let location = first.header("location").unwrap();
    let seen = stage.get(&ann(), location).await.json();
    assert_eq!(actions(&seen), ["registration.requested", "registration.intent", "registration.submitted"]);
    assert!(said(&seen, "form").unwrap().contains("Acme"));
    assert_eq!(said(&seen, "reason").as_deref(), Some("for the spring campaign"));
    assert!(!seen["history"].to_string().contains("Acme"), "the form stands in the evidence as a commitment");

    let again = ask(&stage, &ann(), "first", &form()).await;
    assert_eq!((again.status.as_u16(), again.header("idempotent-replayed")), (201, Some("true")));
    let colleague = somebody("bob", "growth", "requester");
    let found = ask_clicksend(&stage, &colleague, &form()).await;
    assert_eq!((found.verdict().as_str(), found.header("location")), ("200 SUCCESS", Some(location)));
    assert_eq!(found.header("x-gateway-registration"), registration["id"].as_str());
    let other_key = ask(&stage, &ann(), "second", &form()).await;
    assert_eq!(other_key.header("location"), Some(location));
    let reused = ask(&stage, &ann(), "second", &form_of("Other")).await;
    assert_eq!(reused.verdict(), "422 IDEMPOTENCY_KEY_REUSED");
    assert_eq!(stage.calls("register").await, 1);

    let sam = somebody("sam", "support", "requester");
    assert_eq!(stage.get(&sam, location).await.verdict(), "404 NOT_FOUND");
    assert_eq!(ask(&stage, &sam, "first", &form()).await.status, 201, "another team's is its own");
    assert_eq!(stage.calls("register").await, 2);
    stage.finish().await;
}

#[tokio::test]
async fn the_same_content_is_new_after_a_day_and_never_under_a_key_that_was_used() {
    let (stage, hand) = Stage::with_hand("").await;
    let first = ask(&stage, &ann(), "first", &form()).await.json();
    assert_eq!(ask(&stage, &ann(), "second", &form()).await.json()["id"], first["id"]);
    hand.advance(Duration::from_hours(23));
    assert_eq!(ask_clicksend(&stage, &ann(), &form()).await.verdict(), "200 SUCCESS");
    hand.advance(Duration::from_hours(2));
    for key in ["first", "second"] {
        assert_eq!(ask(&stage, &ann(), key, &form()).await.json()["id"], first["id"], "{key}");
    }
    assert_eq!(stage.calls("register").await, 1);
    assert_ne!(ask(&stage, &ann(), "third", &form()).await.json()["id"], first["id"]);
    assert_eq!(stage.calls("register").await, 2);
    stage.finish().await;
}

#[tokio::test]
async fn two_who_ask_for_the_same_at_once_send_one() {
    let stage = Stage::new().await;
    let (who, form) = (ann(), form());
    let asking = (0..8).map(|_| ask_clicksend(&stage, &who, &form));
    let answers = join_all(asking).await;
    let location = answers[0].header("location");
    for answer in &answers {
        assert_eq!((answer.verdict().as_str(), answer.header("location")), ("200 SUCCESS", location));
    }
    assert_eq!(stage.calls("register").await, 1);
    stage.finish().await;
}

#[tokio::test]
async fn a_request_waits_for_another_person_and_then_the_same_call_is_answered() {
    let stage = Stage::with(ONE_LOOKS).await;
    let asked = ask_clicksend(&stage, &ann(), &form()).await;
    assert_eq!(asked.verdict(), "409 APPROVAL_REQUIRED");
    let location = asked.header("location").unwrap().to_owned();
    assert!(location.ends_with(asked.header("x-gateway-registration").unwrap()), "{location}");
    let again = ask_clicksend(&stage, &ann(), &form()).await;
    assert_eq!((again.verdict(), again.header("location")), (asked.verdict(), Some(location.as_str())));

    let registration = stage.get(&ben(), &location).await.json();
    assert_eq!(registration["allowed_actions"], json!(["approve", "reject"]));
    let form_shown = said(&registration, "form").expect("who decides sees what goes out");
    assert!(form_shown.contains("ann@example.com"));
    assert!(said(&registration, "reason").is_some());
    assert_eq!(
        (&registration["rule"], &registration["requested_by"]),
        (&json!("somebody looks"), &json!("ann"))
    );
    assert_eq!(registration["next_action"]["who"], "approver");
    assert_eq!(registration["next_action"]["until"], registration["approval"]["decide_by"]);
    let viewer = somebody("vic", "growth", "viewer");
    assert_eq!(look(&stage, &viewer, &registration).await.get("personal"), None);
    assert_eq!(look(&stage, &ann(), &registration).await["allowed_actions"], json!(["withdraw"]));
    assert_eq!(stage.calls("register").await, 0);

    let approved = approve(&stage, &ben(), &registration).await;
    assert_eq!((approved.status.as_u16(), &approved.json()["state"]), (200, &json!("submitted")));
    assert_eq!(ask_clicksend(&stage, &ann(), &form()).await.verdict(), "200 SUCCESS");
    let seen = look(&stage, &ann(), &registration).await;
    assert_eq!(
        actions(&seen),
        ["registration.requested", "registration.approved", "registration.intent", "registration.submitted"]
    );
    assert_eq!(seen["approvals"][0]["by"], "Ben Ray");
    assert_eq!(stage.calls("register").await, 1);
    stage.finish().await;
}

#[tokio::test]
async fn what_cannot_be_is_refused_with_the_field_that_is_wrong() {
    let stage = Stage::with(ONE_LOOKS).await;
    let body = json!({"number_type": "10dlc", "country": "CA", "form": form(), "reason": "why"});
    let but = |field: &str, value: Value| {
        let mut body = body.clone();
        body[field] = value;
        body
    };
    let mut colourful = form();
    colourful["colour"] = json!("red");
    for (wrong, field) in [
        (but("number_type", json!("satellite")), "number_type"),
        (but("country", json!("XX")), "country"),
        (but("reason", json!(null)), "reason"),
        (but("reason", json!("x".repeat(501))), "reason"),
        (but("form", json!("a text")), "form"),
        (but("form", colourful), "form.colour"),
        (but("form", json!({})), "email"),
    ] {
        let refused = ask_with(&stage, &ann(), "k", &wrong).await;
        assert_eq!(refused.verdict(), "400 BAD_REQUEST", "{wrong}");
        assert!(refused.json()["fields"][field].is_string(), "{field}: {}", refused.text);
    }
    assert_eq!(ask_with(&stage, &ann(), "k", &but("colour", json!(1))).await.verdict(), "400 BAD_REQUEST");
    let no_key = send(stage.request(&ann(), Method::POST, OWN_PATH).json(&body)).await;
    assert!(no_key.json()["fields"]["idempotency-key"].is_string(), "{}", no_key.text);
    let viewer = somebody("vic", "growth", "viewer");
    assert_eq!(ask(&stage, &viewer, "k", &form()).await.verdict(), "403 FORBIDDEN");
    let machine = somebody("crm-app", "growth", "application");
    assert!(ask(&stage, &machine, "k", &form()).await.json()["fields"]["on_behalf_of"].is_string());
    assert_eq!(ask(&stage, &ann().of_teams(&[]), "k", &form()).await.verdict(), "403 TEAM_REQUIRED");
    assert_eq!(stage.get(&ann(), &format!("{OWN_PATH}?state=asleep")).await.verdict(), "400 BAD_REQUEST");
    assert_eq!(stage.get(&ann(), &format!("{OWN_PATH}/seven")).await.verdict(), "404 NOT_FOUND");
    assert_eq!(stage.calls("register").await, 0);
    stage.finish().await;
}

#[tokio::test]
async fn a_country_without_a_rule_is_denied_and_makes_no_registration() {
    let stage = Stage::new().await;
    let body = json!({"number_type": "10dlc", "country": "US", "form": form()});
    assert_eq!(ask_with(&stage, &ann(), "k", &body).await.verdict(), "403 POLICY_DENIED");
    assert_eq!(stage.get(&ann(), OWN_PATH).await.json()["items"], json!([]));
    stage.finish().await;
}

#[tokio::test]
async fn lists_show_what_is_theirs_to_see_a_page_at_a_time() {
    let stage = Stage::with(ONE_LOOKS).await;
    let sam = somebody("sam", "support", "requester");
    for company in ["One", "Two", "Three"] {
        pending(&stage, &ann(), &form_of(company)).await;
    }
    let theirs = pending(&stage, &sam, &form()).await;
    let ids = |answer: &crate::stage::Answer| {
        let items = answer.json()["items"].clone();
        items.as_array().unwrap().iter().map(|item| item["id"].clone()).collect::<Vec<_>>()
    };
    let first = stage.get(&ann(), &format!("{OWN_PATH}?limit=2")).await;
    let cursor = first.json()["next_cursor"].as_str().unwrap().to_owned();
    let second = stage.get(&ann(), &format!("{OWN_PATH}?limit=2&cursor={cursor}")).await;
    assert_eq!((ids(&first).len(), ids(&second).len()), (2, 1));
    assert_eq!(second.json()["next_cursor"], Value::Null);
    assert!(!ids(&second).contains(&theirs["id"]));
    assert_eq!(ids(&stage.get(&root(), OWN_PATH).await).len(), 4);
    assert_eq!(ids(&stage.get(&root(), &format!("{OWN_PATH}?team=support")).await), [theirs["id"].clone()]);
    assert_eq!(ids(&stage.get(&root(), &format!("{OWN_PATH}?state=submitted")).await), [Value::Null; 0]);
    let row = stage.get(&root(), &format!("{OWN_PATH}?team=support")).await.json()["items"][0].clone();
    assert_eq!(row.get("personal"), None, "a list shows no form");
    stage.finish().await;
}

#[tokio::test]
async fn while_buying_is_frozen_nothing_is_sent_and_the_sweep_sends_it_afterwards() {
    let stage = Stage::with(&format!("{SWEPT}{ONE_LOOKS}")).await;
    let registration = pending(&stage, &ann(), &form()).await;
    let frozen = stage.post(&root(), "/v1/freezes", &json!({"scope": "growth", "reason": "audit"})).await;
    let approved = approve(&stage, &ben(), &registration).await;
    assert_eq!(approved.verdict(), "503 BUYING_FROZEN", "{}", approved.text);
    assert_eq!(look(&stage, &ann(), &registration).await["state"], "approved");
    let refused = ask(&stage, &ann(), "other", &form_of("Other")).await;
    assert_eq!(refused.verdict(), "503 BUYING_FROZEN");
    assert_eq!(stage.calls("register").await, 0);
    let lift = format!("/v1/freezes/{}/lift", frozen.json()["id"].as_str().unwrap());
    assert_eq!(stage.post(&root(), &lift, &json!({})).await.status, 200);
    until(&stage, &registration, "submitted").await;
    assert_eq!(stage.calls("register").await, 1);
    stage.finish().await;
}

#[tokio::test]
async fn a_rehearsal_registers_nothing() {
    let stage =
        Stage::changed("", &[("[teams.growth]", "[purchases]\nmode = \"rehearsal\"\n[teams.growth]")]).await;
    let rehearsed = ask_clicksend(&stage, &ann(), &form()).await;
    assert_eq!(rehearsed.verdict(), "503 BUYING_FROZEN");
    let registration = stage.get(&ann(), rehearsed.header("location").unwrap()).await.json();
    assert_eq!(registration["state"], "cancelled");
    assert_eq!(
        actions(&registration),
        ["registration.requested", "registration.intent", "registration.not_sent", "registration.cancelled"]
    );
    assert_eq!(stage.calls("register").await, 0);
    stage.finish().await;
}

#[tokio::test]
async fn what_certainly_did_not_leave_stays_approved_and_what_was_refused_may_be_asked_anew() {
    let stage = Stage::new().await;
    let refusal =
        json!({"http_code": 400, "response_code": "BAD_REQUEST", "response_msg": "No.", "data": null});
    stage
        .fault(json!({"operation": "register", "fault": "arbitrary", "status": 400, "body": refusal, "count": 1}))
        .await;
    let failed = ask(&stage, &ann(), "k", &form()).await;
    assert_eq!(
        (failed.status.as_u16(), &failed.json()["state"], &failed.json()["code"]),
        (202, &json!("failed"), &json!("UPSTREAM_REFUSED"))
    );
    assert_eq!(ask(&stage, &ann(), "k", &form()).await.json()["id"], failed.json()["id"]);
    assert_eq!(ask_clicksend(&stage, &ann(), &form()).await.verdict(), "200 SUCCESS");
    assert_eq!(stage.calls("register").await, 2);

    stage.stop_upstream();
    let unreachable = ask_clicksend(&stage, &ann(), &form_of("Other")).await;
    assert_eq!(unreachable.verdict(), "503 UPSTREAM_UNAVAILABLE", "{}", unreachable.text);
    let registration = stage.get(&ann(), unreachable.header("location").unwrap()).await.json();
    assert_eq!(registration["state"], "approved");
    let tries = actions(&registration);
    assert_eq!(tries.iter().filter(|action| **action == "registration.not_sent").count(), 3, "{tries:?}");
    stage.finish_without_upstream().await;
}
