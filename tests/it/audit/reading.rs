//! Who reads what of the evidence, and how it is found.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use super::{IN_THE_FORM, REASON, auditor, events};
use crate::stage::{Stage, ann, send, somebody};

#[tokio::test]
async fn the_evidence_is_for_auditors_and_administrators_and_the_rules_for_those_who_look_after_them() {
    let stage = Stage::new().await;
    for (role, evidence, rules) in [
        ("viewer", 403, 403),
        ("requester", 403, 403),
        ("application", 403, 403),
        ("approver", 403, 200),
        ("finance", 403, 200),
        ("auditor", 200, 200),
        ("administrator", 200, 200),
    ] {
        let who = somebody("eve", "growth", role);
        for (path, wanted) in [("/v1/audit", evidence), ("/v1/audit/export", evidence), ("/v1/policy", rules)]
        {
            let answer = stage.get(&who, path).await;
            assert_eq!(answer.status, wanted, "{role}: {path}");
            if wanted == 403 {
                assert_eq!(answer.verdict(), "403 FORBIDDEN");
            }
        }
    }
    assert_eq!(send(stage.anonymous(Method::GET, "/v1/audit/export")).await.verdict(), "401 UNAUTHORIZED");
    stage.finish().await;
}

#[tokio::test]
async fn events_are_found_by_what_happened_to_what_by_whom_and_when() {
    let stage = Stage::new().await;
    let ids = stage.a_little_of_everything().await;
    let found = async |query: &str| -> Vec<String> {
        let answer = stage.get(&auditor(), &format!("/v1/audit?{query}")).await;
        assert_eq!(answer.status, 200, "{query}: {}", answer.text);
        let items = answer.json()["items"].as_array().unwrap().clone();
        items.iter().map(|item| item["event"]["action"].as_str().unwrap().to_owned()).collect()
    };
    let of_the_first = ["purchase.bought", "purchase.intent", "purchase.reserved", "purchase.submitted"];
    assert_eq!(found(&format!("target={}", ids[0])).await, of_the_first, "newest first");
    assert_eq!(found(&format!("target=purchase:{}", ids[0])).await, of_the_first);
    assert_eq!(found(&format!("target=registration:{}", ids[0])).await, Vec::<String>::new());
    assert_eq!(found("target=%2B447700900000").await, ["purchase.refused"]);
    assert_eq!(found("action=purchase.lost").await, ["purchase.lost"]);
    assert_eq!(
        found("action=registration").await,
        ["registration.submitted", "registration.intent", "registration.requested"]
    );
    assert_eq!(found("action=regis").await, Vec::<String>::new(), "whole words only");
    assert_eq!(found("actor=gateway:start").await, ["policy.loaded"]);
    assert_eq!(found("actor=ann&action=purchase").await.len(), 5);
    assert_eq!(found("to=2000-01-01T00:00:00Z").await, Vec::<String>::new());
    assert_eq!(found("from=2000-01-01T00:00:00Z&limit=100").await.len(), 21);
    for query in ["from=yesterday", "to=2026", "cursor=x", "limit=many", "action=a&action=b"] {
        let answer = stage.get(&auditor(), &format!("/v1/audit?{query}")).await;
        assert_eq!(answer.verdict(), "400 BAD_REQUEST", "{query}");
    }
    stage.finish().await;
}

#[tokio::test]
async fn pages_lead_through_all_of_it_and_past_what_happens_meanwhile() {
    let stage = Stage::new().await;
    stage.a_little_of_everything().await;
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = stage.get(&auditor(), &format!("/v1/audit?limit=7&cursor={cursor}")).await.json();
        seen.extend(page["items"].as_array().unwrap().iter().map(|item| item["seq"].as_i64().unwrap()));
        stage.buy(&ann(), "+447700900000").await;
        match page["next_cursor"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }
    assert!(seen.is_sorted_by(|newer, older| *newer == older + 1), "{seen:?}");
    assert_eq!((seen.first(), seen.last()), (Some(&21), Some(&1)));
    stage.finish().await;
}

#[tokio::test]
async fn what_a_person_said_is_read_by_them_by_who_may_decide_and_by_who_audits() {
    let stage = Stage::new().await;
    let asked = stage.ask_for(&ann(), "+61491570000").await;
    let path = asked.header("location").unwrap().to_owned();
    let administrator = somebody("adam", "support", "administrator");
    for who in [ann(), auditor(), administrator] {
        let purchase = stage.get(&who, &path).await.json();
        assert_eq!(purchase["personal"], json!([{"seq": 2, "field": "reason", "value": REASON}]), "{who:?}");
    }
    // A rule allowed it, so there is nobody who decides about it.
    for (subject, role) in
        [("vera", "viewer"), ("rob", "requester"), ("ben", "approver"), ("finn", "finance")]
    {
        let answer = stage.get(&somebody(subject, "growth", role), &path).await;
        assert_eq!((answer.status.as_u16(), answer.json().get("personal")), (200, None), "{role}");
        assert!(!answer.text.contains(REASON), "{role}");
    }
    let listed = stage.get(&ann(), "/v1/purchases").await;
    assert!(!listed.text.contains(REASON), "a list shows no personal value");
    let submitted = events(&stage, "purchase.submitted").await;
    assert_eq!(submitted[0]["personal"][0]["value"], REASON);
    assert!(!submitted[0]["event"].to_string().contains(REASON));
    stage.finish().await;
}

#[tokio::test]
async fn who_may_decide_reads_what_was_said_and_what_they_answered() {
    let usual = "max_monthly = \"25.00\" }\nthen = \"allow\"";
    let asks =
        "max_monthly = \"25.00\" }\nthen = { approvals = 1, from_role = \"approver\", from_team = \"same\" }";
    let stage = Stage::changed("", &[(usual, asks)]).await;
    let asked = stage.ask_for(&ann(), "+61491570000").await;
    let path = asked.header("location").unwrap().to_owned();
    let ben = somebody("ben", "growth", "approver");
    assert!(stage.get(&ben, &path).await.text.contains(REASON));
    let vera = stage.get(&somebody("vera", "growth", "viewer"), &path).await;
    assert!(vera.status == 200 && !vera.text.contains(REASON));
    assert_eq!(stage.get(&somebody("bob", "support", "approver"), &path).await.status, 404);

    let said = "looks good, go on";
    let decision = json!({"quote_digest": asked.json()["quote_digest"], "comment": said});
    let approved = stage.post(&ben, &format!("{path}/approve"), &decision).await;
    assert_eq!(approved.status, 200, "{}", approved.text);
    for who in [ann(), ben, auditor()] {
        let personal = stage.get(&who, &path).await.json()["personal"].clone();
        let values: Vec<&Value> = personal.as_array().unwrap().iter().map(|said| &said["value"]).collect();
        assert_eq!(values, [&json!(REASON), &json!(said)], "{who:?}");
    }
    stage.finish().await;
}

#[tokio::test]
async fn a_form_is_read_by_who_sent_it_and_by_who_audits() {
    let stage = Stage::new().await;
    stage.a_little_of_everything().await;
    let id = events(&stage, "registration.intent").await[0]["event"]["target"]["id"].clone();
    let path = format!("/v1/registrations/{}", id.as_str().unwrap());
    for (who, reads) in [(ann(), true), (auditor(), true), (somebody("vera", "growth", "viewer"), false)] {
        let answer = stage.get(&who, &path).await;
        assert_eq!((answer.status.as_u16(), answer.text.contains(IN_THE_FORM)), (200, reads), "{who:?}");
    }
    stage.finish().await;
}

#[tokio::test]
async fn the_rules_are_read_as_they_are_and_as_they_were() {
    let mut stage = Stage::new().await;
    let auditor = auditor();
    let first = stage.get(&auditor, "/v1/policy").await.json();
    let names = |policy: &Value| -> Vec<String> {
        let rules = policy["rules"].as_array().unwrap();
        rules.iter().map(|rule| rule["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&first), ["not in GB", "up to 25", "10DLC"]);
    let purchase = stage.ask_for(&ann(), "+61491570000").await.json();
    assert_eq!(purchase["policy_digest"], first["digest"], "a decision leads to its rules");

    stage.stop_gateway().await;
    stage.configure("name = \"not in GB\"", "name = \"never in GB\"");
    stage.restart().await;
    let second = stage.get(&auditor, "/v1/policy").await.json();
    assert_eq!(names(&second), ["never in GB", "up to 25", "10DLC"]);
    let digest = first["digest"].as_str().unwrap();
    assert_eq!(stage.get(&auditor, &format!("/v1/policy?digest={digest}")).await.json(), first);
    let digests: BTreeSet<&str> = [&first, &second].map(|policy| policy["digest"].as_str().unwrap()).into();
    assert_eq!(digests.len(), 2);
    let unknown = "0".repeat(64);
    assert_eq!(stage.get(&auditor, &format!("/v1/policy?digest={unknown}")).await.verdict(), "404 NOT_FOUND");
    assert_eq!(stage.get(&auditor, "/v1/policy?digest=abc").await.verdict(), "400 BAD_REQUEST");
    stage.finish().await;
}
