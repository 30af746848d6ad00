//! What people say came of it: ClickSend's mail, and what nobody knows.

use serde_json::{Value, json};

use super::{SWEPT, actions, ask, ask_clicksend, ben, form, form_of, look, pending, root, say, until};
use crate::stage::{Somebody, Stage, ann, somebody};

fn zoe() -> Somebody {
    somebody("zoe", "growth", "administrator")
}

#[tokio::test]
async fn clicksends_mail_is_passed_on_once_by_who_answers_for_the_team() {
    let stage = Stage::new().await;
    let registration = ask(&stage, &ann(), "k", &form()).await.json();
    for (who, wanted) in [
        (ann(), "403 FORBIDDEN"),
        (somebody("vic", "growth", "viewer"), "403 FORBIDDEN"),
        (somebody("aud", "support", "auditor"), "403 FORBIDDEN"),
        (somebody("sup", "support", "approver"), "404 NOT_FOUND"),
    ] {
        assert_eq!(
            say(&stage, &who, &registration, "outcome", "accepted").await.verdict(),
            wanted,
            "{who:?}"
        );
    }
    assert_eq!(say(&stage, &ben(), &registration, "outcome", "perhaps").await.verdict(), "400 BAD_REQUEST");
    assert_eq!(look(&stage, &ben(), &registration).await["allowed_actions"], json!(["outcome"]));
    let accepted = say(&stage, &ben(), &registration, "outcome", "accepted").await.json();
    assert_eq!((&accepted["state"], &accepted["code"]), (&json!("accepted"), &Value::Null));
    assert_eq!(
        say(&stage, &root(), &registration, "outcome", "declined").await.verdict(),
        "409 ALREADY_DECIDED"
    );
    assert_eq!(ask_clicksend(&stage, &ann(), &form()).await.verdict(), "200 SUCCESS");

    let other = ask(&stage, &ann(), "other", &form_of("Other")).await.json();
    let declined = say(&stage, &root(), &other, "outcome", "declined").await.json();
    assert_eq!((&declined["state"], &declined["submitted"]), (&json!("declined"), &json!(true)));
    let again = ask_clicksend(&stage, &ann(), &form_of("Other")).await;
    assert_eq!(again.verdict(), "502 UPSTREAM_REFUSED", "the same form is not mailed again");
    assert_eq!(stage.calls("register").await, 2);
    stage.finish().await;
}

/// Whether a personal value is there to be read.
fn said_in_full(registration: &Value, words: &str) -> bool {
    registration["personal"].as_array().unwrap().iter().any(|value| value["value"] == words)
}

/// A registration of which nobody knows whether it arrived.
async fn lost(stage: &Stage, company: &str) -> Value {
    stage.fault(json!({"operation": "register", "fault": "drop_after_sale", "count": 1})).await;
    let form = form_of(company);
    let answer = ask(stage, &ann(), company, &form).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    assert_eq!(answer.json()["code"], "PURCHASE_OUTCOME_UNKNOWN");
    answer.json()
}

#[tokio::test]
async fn what_nobody_knows_is_left_to_people_and_two_of_them_settle_it() {
    let stage = Stage::with(SWEPT).await;
    let registration = lost(&stage, "Acme").await;
    let seen = until(&stage, &registration, "needs_attention").await;
    assert_eq!(
        actions(&seen),
        ["registration.requested", "registration.intent", "registration.lost", "registration.stalled"]
    );
    assert_eq!(ask_clicksend(&stage, &ann(), &form()).await.verdict(), "409 PURCHASE_OUTCOME_UNKNOWN");
    for who in [ann(), ben(), somebody("aud", "growth", "auditor")] {
        let refused = say(&stage, &who, &registration, "resolve", "submitted").await;
        assert_eq!(refused.verdict(), "403 FORBIDDEN", "{who:?}");
    }
    assert_eq!(
        say(&stage, &ben(), &registration, "outcome", "accepted").await.verdict(),
        "409 ALREADY_DECIDED"
    );
    // One word, however often and by whatever name; and another that disagrees.
    let other_subject = somebody("zoe-2", "growth", "administrator").with_email("Zoe@Example.com");
    for who in
        [zoe().with_email("zoe@example.com"), zoe(), zoe().with_email("zoe@example.com"), other_subject]
    {
        let said = say(&stage, &who, &registration, "resolve", "submitted").await;
        let settled = said.json();
        assert_eq!((said.status.as_u16(), &settled["people_wanted"]), (202, &json!(1)), "{who:?}");
        assert_eq!(settled["state"], "needs_attention");
    }
    let said = say(&stage, &root(), &registration, "resolve", "failed").await.json();
    assert_eq!(said["state"], "needs_attention");
    let said = say(&stage, &root(), &registration, "resolve", "submitted").await.json();
    assert_eq!(said["state"], "submitted", "root has looked again");
    let history = look(&stage, &root(), &registration).await;
    let voices = actions(&history).into_iter().filter(|action| *action == "registration.resolution").count();
    assert_eq!((voices, actions(&history).last()), (6, Some(&"registration.submitted")));
    assert!(said_in_full(&history, "the mail of Monday"));
    assert_eq!(ask_clicksend(&stage, &ann(), &form()).await.verdict(), "200 SUCCESS");
    assert_eq!(
        say(&stage, &root(), &registration, "resolve", "failed").await.verdict(),
        "409 ALREADY_DECIDED"
    );
    assert_eq!(stage.calls("register").await, 1);
    stage.finish().await;
}

#[tokio::test]
async fn what_did_not_arrive_may_be_asked_for_anew() {
    let stage = Stage::with(SWEPT).await;
    let registration = lost(&stage, "Acme").await;
    until(&stage, &registration, "needs_attention").await;
    assert_eq!(say(&stage, &zoe(), &registration, "resolve", "failed").await.status, 202);
    let failed = say(&stage, &root(), &registration, "resolve", "failed").await.json();
    assert_eq!((&failed["state"], &failed["submitted"]), (&json!("failed"), &json!(false)));
    assert_eq!(ask_clicksend(&stage, &ann(), &form()).await.verdict(), "200 SUCCESS");
    assert_eq!(stage.calls("register").await, 2);
    stage.finish().await;
}

#[tokio::test]
async fn who_asked_is_not_one_of_those_who_settle_it() {
    let stage = Stage::with(&format!("{SWEPT}resolve_people = 1\n")).await;
    let own = zoe();
    stage.fault(json!({"operation": "register", "fault": "drop_before_sale", "count": 1})).await;
    let registration = ask(&stage, &own, "k", &form()).await.json();
    until(&stage, &registration, "needs_attention").await;
    assert_eq!(say(&stage, &own, &registration, "resolve", "failed").await.verdict(), "403 FORBIDDEN");
    assert_eq!(say(&stage, &root(), &registration, "resolve", "failed").await.json()["state"], "failed");
    stage.finish().await;
}

#[tokio::test]
async fn what_waits_has_no_outcome_yet() {
    let stage = Stage::with(super::ONE_LOOKS).await;
    let registration = pending(&stage, &ann(), &form()).await;
    for (verb, outcome) in [("outcome", "accepted"), ("resolve", "submitted")] {
        let refused = say(&stage, &root(), &registration, verb, outcome).await;
        assert_eq!(refused.verdict(), "409 ALREADY_DECIDED", "{verb}");
    }
    stage.finish().await;
}
