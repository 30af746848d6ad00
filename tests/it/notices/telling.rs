//! What is told, when, and in which words.

use std::time::Duration;

use serde_json::json;

use crate::notices::receiver::{Receiver, SOON};
use crate::notices::{REASON, administrator, ben, stage, told};
use crate::stage::{Stage, ann, somebody};

#[tokio::test]
async fn a_request_that_waits_is_told_within_two_seconds_with_all_that_deciding_needs() {
    let (stage, receiver) = stage().await;
    let purchase = stage.ask().await;
    let notice = receiver.first("approval_wanted", SOON).await;
    assert!(notice.is_signed);
    let body = notice.json();
    let data = &body["data"];
    assert_eq!(data["purchase"]["id"], purchase["id"]);
    assert_eq!(data["purchase"]["monthly"], purchase["quote"]["monthly"]);
    assert_eq!(data["may_decide"], json!([{"approvals": 1, "role": "approver", "team": "growth"}]));
    assert_eq!(data["budget_left"], json!({"amount": "1000.00", "currency": "AUD"}));
    assert_eq!(data["until"], purchase["approval"]["decide_by"]);
    let page = format!("https://numbers.example.com/console/purchases/{}", purchase["id"].as_str().unwrap());
    assert_eq!(data["link"], json!(page));
    let summary = data["summary"].as_str().unwrap();
    assert!(
        summary.starts_with("Ann Lee asks for +1") && summary.ends_with("waits for approval"),
        "{summary}"
    );
    assert!(!notice.body.contains(REASON), "what a person said stays inside: {}", notice.body);
    stage.finish().await;
}

#[tokio::test]
async fn a_decision_and_what_comes_of_it_are_told_once_each() {
    let (stage, receiver) = stage().await;
    let purchase = stage.ask().await;
    assert_eq!(stage.say(&ben(), &purchase, "approve").await["state"], "bought");
    let decided = receiver.first("decided", SOON).await.json();
    assert_eq!(decided["data"]["purchase"]["state"], "approved");
    assert!(decided["data"]["summary"].as_str().unwrap().contains("was approved by Ben Ray"), "{decided}");
    let bought = receiver.first("bought", SOON).await.json();
    assert!(bought["data"]["purchase"]["charged"]["amount"].is_string(), "{bought}");
    let kinds: Vec<String> = receiver.all().iter().map(super::receiver::Received::kind).collect();
    assert_eq!(kinds.len(), 3, "{kinds:?}");
    stage.until_delivered().await;
    stage.finish().await;
}

#[tokio::test]
async fn a_webhook_is_told_what_it_asked_for_and_slack_in_its_own_words() {
    let (slack, all) = (Receiver::start().await, Receiver::start().await);
    let configuration =
        told(&[slack.webhook("slack", "format = \"slack\"\nevents = [\"frozen\"]"), all.webhook("all", "")]);
    let stage = Stage::with(&configuration).await;
    stage.ask().await;
    let reason = json!({"scope": "growth", "reason": "<!channel> & all of it"});
    assert_eq!(stage.post(&administrator(), "/v1/freezes", &reason).await.status, 201);
    let frozen = all.first("frozen", SOON).await.json();
    assert_eq!(
        (&frozen["data"]["freeze"]["scope"], &frozen["data"]["link"]),
        (&json!("team growth"), &json!(null))
    );
    all.first("approval_wanted", SOON).await;
    let told = slack.until(SOON, |all| all.first().cloned()).await.json();
    let text = "Buying is frozen for the team growth: &lt;!channel&gt; &amp; all of it";
    assert_eq!(told["text"], text);
    assert_eq!(told["blocks"][0]["text"]["text"], format!("*{text}*"));
    assert_eq!(slack.all().len(), 1);
    stage.finish().await;
}

#[tokio::test]
async fn registrations_are_told_alike() {
    let (stage, receiver) = stage().await;
    let asked = stage.register("Acme").await;
    let wanted = receiver.first("approval_wanted", SOON).await.json();
    assert_eq!(wanted["data"]["registration"]["number_type"], "10dlc");
    assert_eq!(wanted["data"]["may_decide"], json!([{"approvals": 1, "role": "approver", "team": null}]));
    assert!(!wanted.to_string().contains("Acme"), "{wanted}");
    let path = format!("/v1/registrations/{}/reject", asked["id"].as_str().unwrap());
    let rejected = stage.post(&ben(), &path, &json!({"digest": asked["form_digest"]})).await;
    assert_eq!(rejected.status, 200, "{}", rejected.text);
    let decided = receiver.first("decided", SOON).await.json();
    assert!(decided["data"]["summary"].as_str().unwrap().contains("was rejected by Ben Ray"), "{decided}");
    stage.finish().await;
}

#[tokio::test]
async fn a_budget_that_is_nearly_used_is_told_once() {
    let receiver = Receiver::start().await;
    let configuration = told(&[receiver.webhook("desk", "events = [\"budget\"]")]);
    // Of monthly fees, because what the first month costs depends on the day.
    let budget = ("recurring_per_month = \"1000.00\"", "recurring_per_month = \"46.00\"");
    let mut stage = Stage::changed(&configuration, &[budget]).await;
    let numbers = stage.numbers_on_sale("AU").await;
    for number in &numbers[..2] {
        assert_eq!(stage.buy(&ann(), number).await.verdict(), "200 SUCCESS");
    }
    let notice = receiver.first("budget", Duration::from_secs(5)).await.json();
    let told = &notice["data"]["budget"];
    assert_eq!(
        (&told["team"], &told["kind"], &told["percent"]),
        (&json!("growth"), &json!("recurring"), &json!(80))
    );
    stage.restart().await;
    let support = somebody("sue", "support", "requester");
    assert_eq!(stage.buy(&support, &numbers[2]).await.verdict(), "200 SUCCESS");
    stage.look_around(&receiver).await;
    assert_eq!(receiver.all().len(), 1, "{:?}", receiver.all());
    stage.finish().await;
}

#[tokio::test]
async fn a_request_whose_time_runs_out_is_told_once() {
    let receiver = Receiver::start().await;
    let configuration = told(&[receiver.webhook("desk", "events = [\"expires_soon\"]")]);
    let (stage, hand) = Stage::with_hand(&configuration).await;
    stage.ask().await;
    // Of two hours, a quarter is left.
    hand.advance(Duration::from_mins(91));
    let notice = receiver.first("expires_soon", Duration::from_secs(5)).await.json();
    assert_eq!(notice["data"]["may_decide"][0]["team"], "growth");
    hand.advance(Duration::from_mins(1));
    stage.look_around(&receiver).await;
    assert_eq!(receiver.all().len(), 1, "{:?}", receiver.all());
    stage.finish().await;
}

#[tokio::test]
async fn who_wants_what_is_evidence_and_nobody_is_told_who_is_not_configured_any_more() {
    let receiver = Receiver::start().await;
    let webhook = receiver.webhook("desk", "events = [\"approval_wanted\"]");
    let mut stage = Stage::changed(&told(std::slice::from_ref(&webhook)), &[]).await;
    receiver.behave(super::receiver::Manner::Refuse(axum::http::StatusCode::BAD_GATEWAY));
    stage.ask().await;
    receiver.first("approval_wanted", SOON).await;
    stage.stop_gateway().await;
    stage.configure(&webhook, "");
    stage.start_gateway().await;
    let dead = stage.undelivered("state=dead").await;
    assert_eq!(dead.len(), 1, "{dead:?}");
    assert_eq!(dead[0]["last_error"], "the webhook is not configured any more");
    let events = stage.get(&super::auditor(), "/v1/audit?action=notices.subscribed").await.json();
    assert_eq!(events["items"][1]["event"]["details"], json!({"desk": ["approval_wanted"]}));
    assert_eq!(events["items"][0]["event"]["details"], json!({}));
    stage.finish().await;
}

impl Stage {
    /// Waits until everything that was there to be told is told: what comes after it was.
    async fn look_around(&self, receiver: &Receiver) {
        let before = receiver.all().len();
        tokio::time::sleep(Duration::from_millis(2_500)).await;
        assert_eq!(receiver.all().len(), before, "{:?}", receiver.all());
    }

    async fn register(&self, company: &str) -> serde_json::Value {
        let form = json!({
            "number_type": "10dlc",
            "country": "US",
            "form": {
                "full_name": "Ann Lee", "company_name": company, "email": "ann@example.com",
                "website_url": "https://acme.example", "sample_message": "Your code is 1234.",
                "primary_use_case": "One-time codes",
            },
        });
        let request = self.request(&ann(), reqwest::Method::POST, "/v1/registrations");
        let asked = crate::stage::send(request.json(&form).header("Idempotency-Key", "register")).await;
        assert_eq!(asked.status, 202, "{}", asked.text);
        asked.json()
    }
}
