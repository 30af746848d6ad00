//! Who may decide, what a decision is bound to, and when it is too late for one.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    ONE_LOOKS, SWEPT, TWO_LOOK, actions, approve, ask, ask_clicksend, ask_with, ben, dan, decide, form,
    form_of, look, path_of, pending, root, until,
};
use crate::stage::{Stage, ann, somebody};

fn refused_decisions(stage: &Stage) -> i64 {
    let connection = crate::database::open(&stage.database());
    let count = "SELECT count(*) FROM audit_events
                 WHERE action = 'decision.refused' AND target_kind = 'registration_decision'";
    connection.query_row(count, [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn nobody_decides_about_what_they_asked_for_or_what_was_asked_for_them() {
    let stage = Stage::with(ONE_LOOKS).await;
    let application = somebody("crm-app", "growth", "application").with_roles(&["application", "approver"]);
    let body = json!({"number_type": "10dlc", "country": "CA", "form": form(), "reason": "why",
        "on_behalf_of": "Ann Lee <ann@example.com>"});
    let registration = ask_with(&stage, &application, "k", &body).await.json();
    assert_eq!(registration["on_behalf_of"], "Ann Lee <ann@example.com>");
    let ann_approves = somebody("ann", "growth", "approver").with_email("ann@example.com");
    for who in [&ann_approves, &application, &ben().through("crm-app")] {
        for verb in ["approve", "reject"] {
            assert_eq!(decide(&stage, who, &registration, verb).await.verdict(), "403 FORBIDDEN", "{who:?}");
        }
    }
    assert_eq!(refused_decisions(&stage), 6);
    assert_eq!(look(&stage, &ann_approves, &registration).await["allowed_actions"], json!(["withdraw"]));
    assert_eq!(approve(&stage, &ben(), &registration).await.json()["state"], "submitted");

    let acted = ann().through("crm-app").with_email("ann@example.com");
    let registration = pending(&stage, &acted, &form_of("Other")).await;
    let other_subject = somebody("a-lee", "growth", "approver").with_email("Ann@Example.com");
    for who in [somebody("crm-app", "growth", "approver"), ann_approves, other_subject] {
        assert_eq!(approve(&stage, &who, &registration).await.verdict(), "403 FORBIDDEN", "{who:?}");
    }
    assert_eq!(stage.calls("register").await, 1);
    stage.finish().await;
}

#[tokio::test]
async fn role_team_and_digest_decide_who_may_approve() {
    let stage = Stage::with(ONE_LOOKS).await;
    let registration = pending(&stage, &ann(), &form()).await;
    for (who, wanted) in [
        (somebody("vic", "growth", "viewer"), "403 FORBIDDEN"),
        (somebody("req", "growth", "requester"), "403 FORBIDDEN"),
        (somebody("fin", "growth", "finance"), "403 FORBIDDEN"),
        (somebody("aud", "growth", "auditor"), "403 FORBIDDEN"),
        (somebody("sup", "support", "approver"), "404 NOT_FOUND"),
    ] {
        for verb in ["approve", "reject"] {
            assert_eq!(decide(&stage, &who, &registration, verb).await.verdict(), wanted, "{who:?}");
        }
    }
    for digest in [json!("00".repeat(32)), json!("not one"), Value::Null] {
        let unseen = json!({"id": registration["id"], "form_digest": digest});
        let refused = approve(&stage, &ben(), &unseen).await;
        assert_eq!(refused.verdict(), "400 BAD_REQUEST");
        assert!(refused.json()["fields"]["digest"].is_string(), "{}", refused.text);
    }
    let path = format!("{}/approve", path_of(&registration));
    let unknown = json!({"digest": registration["form_digest"], "colour": "red"});
    assert_eq!(stage.post(&ben(), &path, &unknown).await.verdict(), "400 BAD_REQUEST");
    assert_eq!(look(&stage, &ben(), &registration).await["state"], "pending_approval");
    assert_eq!(stage.calls("register").await, 0);
    assert_eq!(approve(&stage, &root(), &registration).await.json()["state"], "submitted");
    assert_eq!(approve(&stage, &ben(), &registration).await.verdict(), "409 ALREADY_DECIDED");
    stage.finish().await;
}

#[tokio::test]
async fn tokens_of_an_issuer_that_may_not_approve_do_not() {
    let other = "[[auth.issuers]]\nname = \"people\"\nissuer = \"https://people.example\"\n\
         audience = \"numbers-gateway\"\nsecret_file = \"%folder%/secret\"\nalgorithms = [\"HS256\"]\n\
         may_approve = true\n";
    let stage = Stage::changed(
        &format!("{ONE_LOOKS}{other}"),
        &[("algorithms = [\"HS256\"]\nmay_approve = true\n[budget]", "algorithms = [\"HS256\"]\n[budget]")],
    )
    .await;
    let registration = pending(&stage, &ann(), &form()).await;
    assert_eq!(approve(&stage, &ben(), &registration).await.verdict(), "403 FORBIDDEN");
    assert_eq!(look(&stage, &ben(), &registration).await.get("personal"), None);
    stage.finish().await;
}

#[tokio::test]
async fn a_rule_that_wants_two_gets_two_and_counts_each_once() {
    let stage = Stage::with(TWO_LOOK).await;
    let registration = pending(&stage, &ann(), &form()).await;
    for _ in ["first", "again"] {
        let counted = approve(&stage, &ben(), &registration).await;
        assert_eq!((counted.status.as_u16(), &counted.json()["state"]), (200, &json!("pending_approval")));
    }
    let seen = look(&stage, &dan(), &registration).await;
    assert_eq!((&seen["approvals_missing"], &seen["approvals"][0]["by"]), (&json!(1), &json!("Ben Ray")));
    assert_eq!(seen["approvals"].as_array().unwrap().len(), 1);
    assert_eq!(stage.calls("register").await, 0);
    let sup = somebody("sup", "support", "approver");
    let listed = stage.get(&sup, "/v1/registrations?state=pending_approval").await.json();
    assert_eq!(listed["items"][0]["id"], registration["id"], "theirs to decide, so theirs to see");
    assert_eq!(approve(&stage, &sup, &registration).await.json()["state"], "submitted");
    let late = approve(&stage, &ben(), &registration).await;
    assert_eq!((late.status.as_u16(), &late.json()["state"]), (200, &json!("submitted")), "as it stands");
    assert_eq!(stage.calls("register").await, 1);
    stage.finish().await;
}

#[tokio::test]
async fn a_rejection_answers_the_same_content_for_a_while_and_a_withdrawal_does_not() {
    let (stage, hand) = Stage::with_hand(ONE_LOOKS).await;
    let registration = pending(&stage, &ann(), &form()).await;
    let rejected = decide(&stage, &ben(), &registration, "reject").await.json();
    assert_eq!((&rejected["state"], &rejected["code"]), (&json!("rejected"), &json!("APPROVAL_REJECTED")));
    assert_eq!(approve(&stage, &dan(), &registration).await.verdict(), "409 ALREADY_DECIDED");
    assert_eq!(decide(&stage, &ann(), &registration, "withdraw").await.verdict(), "409 ALREADY_DECIDED");
    for who in [ann(), somebody("bob", "growth", "requester")] {
        let again = ask_clicksend(&stage, &who, &form()).await;
        assert_eq!(again.verdict(), "409 APPROVAL_REJECTED");
        assert!(again.header("location").unwrap().ends_with(registration["id"].as_str().unwrap()));
    }
    let history = look(&stage, &ann(), &registration).await;
    assert_eq!(actions(&history), ["registration.requested", "registration.rejected"]);
    assert!(!history["history"].to_string().contains("as we said"), "a comment is personal");
    hand.advance(Duration::from_hours(25));

    let anew = ask(&stage, &ann(), "anew", &form()).await.json();
    assert_eq!(anew["state"], "pending_approval");
    assert_eq!(decide(&stage, &ben(), &anew, "withdraw").await.verdict(), "403 FORBIDDEN");
    let withdrawn = decide(&stage, &ann(), &anew, "withdraw").await.json();
    assert_eq!((&withdrawn["state"], &withdrawn["code"]), (&json!("withdrawn"), &Value::Null));
    let once_more = ask(&stage, &ann(), "once more", &form()).await.json();
    assert_eq!(once_more["state"], "pending_approval");
    assert_ne!(once_more["id"], anew["id"]);
    assert_eq!(stage.calls("register").await, 0);
    stage.finish().await;
}

#[tokio::test]
async fn what_was_sent_is_not_taken_back() {
    let stage = Stage::new().await;
    let registration = ask(&stage, &ann(), "k", &form()).await.json();
    assert_eq!(decide(&stage, &ann(), &registration, "withdraw").await.verdict(), "409 ALREADY_DECIDED");
    assert_eq!(decide(&stage, &root(), &registration, "reject").await.verdict(), "409 ALREADY_DECIDED");
    stage.finish().await;
}

#[tokio::test]
async fn a_decision_that_comes_too_late_is_none() {
    let (stage, hand) = Stage::with_hand(ONE_LOOKS).await;
    let registration = pending(&stage, &ann(), &form()).await;
    hand.advance(Duration::from_mins(121));
    assert_eq!(approve(&stage, &ben(), &registration).await.verdict(), "409 APPROVAL_EXPIRED");
    assert_eq!(approve(&stage, &ben(), &registration).await.verdict(), "409 APPROVAL_EXPIRED");
    let expired = look(&stage, &ann(), &registration).await;
    assert_eq!((&expired["state"], &expired["code"]), (&json!("expired"), &json!("APPROVAL_EXPIRED")));
    assert_eq!(ask_clicksend(&stage, &ann(), &form()).await.verdict(), "409 APPROVAL_REQUIRED", "asked anew");
    assert_eq!(stage.calls("register").await, 0);
    stage.finish().await;
}

#[tokio::test]
async fn the_sweep_ends_what_nobody_decided_and_what_was_not_sent_in_time() {
    let (stage, hand) = Stage::with_hand(&format!("{SWEPT}{ONE_LOOKS}")).await;
    let undecided = pending(&stage, &ann(), &form()).await;
    let unsent = pending(&stage, &ann(), &form_of("Other")).await;
    let freeze = json!({"scope": "all", "reason": "audit"});
    assert_eq!(stage.post(&root(), "/v1/freezes", &freeze).await.status, 201);
    assert_eq!(approve(&stage, &ben(), &unsent).await.verdict(), "503 BUYING_FROZEN");
    hand.advance(Duration::from_hours(25));
    let expired = until(&stage, &undecided, "expired").await;
    assert_eq!(actions(&expired), ["registration.requested", "registration.expired"]);
    let cancelled = until(&stage, &unsent, "cancelled").await;
    assert_eq!(cancelled["code"], "APPROVAL_EXPIRED");
    assert_eq!(stage.calls("register").await, 0);
    stage.finish().await;
}

#[tokio::test]
async fn decisions_have_a_limit_and_what_it_refuses_is_evidence() {
    let limit = "[limits.decisions]\nper_minute = 1\nburst = 2\n";
    let stage = Stage::with(&format!("{ONE_LOOKS}{limit}")).await;
    let registration = pending(&stage, &ann(), &form()).await;
    let unseen = json!({"id": registration["id"], "form_digest": "00".repeat(32)});
    for wanted in ["400 BAD_REQUEST", "400 BAD_REQUEST", "429 TOO_MANY_REQUESTS"] {
        assert_eq!(approve(&stage, &ben(), &unseen).await.verdict(), wanted);
    }
    assert_eq!(refused_decisions(&stage), 3);
    assert_eq!(approve(&stage, &dan(), &registration).await.json()["state"], "submitted", "each their own");
    stage.finish().await;
}

#[tokio::test]
async fn an_approval_that_ends_while_a_slot_is_waited_for_sends_nothing() {
    let (stage, hand) = Stage::with_hand(ONE_LOOKS).await;
    let throttled = pending(&stage, &ann(), &form()).await;
    let waiting = pending(&stage, &ann(), &form_of("Other")).await;
    // ClickSend wants to be left alone for longer than the approval lasts.
    let fault =
        json!({"operation": "register", "fault": "throttle_429", "retry_after_seconds": 2, "count": 1});
    stage.fault(fault).await;
    assert_eq!(approve(&stage, &ben(), &throttled).await.json()["state"], "failed");
    let happening = async {
        until(&stage, &waiting, "approved").await;
        hand.advance(Duration::from_hours(25));
    };
    let approver = ben();
    let (late, ()) = tokio::join!(approve(&stage, &approver, &waiting), happening);
    let late = late.json();
    assert_eq!((&late["state"], &late["code"]), (&json!("cancelled"), &json!("APPROVAL_EXPIRED")));
    assert_eq!(stage.calls("register").await, 1);
    stage.finish().await;
}

#[tokio::test]
async fn a_row_that_cannot_be_swept_holds_up_no_other() {
    let (stage, hand) = Stage::with_hand(&format!("{SWEPT}{ONE_LOOKS}")).await;
    let stuck = pending(&stage, &ann(), &form()).await;
    let later = pending(&stage, &ann(), &form_of("Other")).await;
    stage.stick("registrations", &stuck);
    hand.advance(Duration::from_hours(2));
    until(&stage, &later, "expired").await;
    assert_eq!(look(&stage, &ben(), &stuck).await["state"], "pending_approval");
    stage.unstick();
    until(&stage, &stuck, "expired").await;
    stage.finish().await;
}
