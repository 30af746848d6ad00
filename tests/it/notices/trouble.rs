//! A receiver that is dead, slow, refusing or hostile; a process that dies between commit and send.

use std::time::{Duration, Instant};

use axum::http::StatusCode;
use serde_json::json;

use crate::chaos::shim::{Act, Call, Plan, or_skip};
use crate::notices::receiver::{Manner, Received, Receiver, SOON};
use crate::notices::{RULES, administrator, auditor, ben, stage, told};
use crate::process::Process;
use crate::stage::{Stage, ann};

/// After the hand was moved: a look into the outbox, and the attempt.
const LOOK: Duration = Duration::from_secs(5);

#[tokio::test]
async fn what_a_webhook_misses_for_ten_minutes_it_gets_afterwards_under_the_same_id() {
    let receiver = Receiver::start().await;
    let (stage, hand) = Stage::with_hand(&told(&[receiver.webhook("desk", "")])).await;
    receiver.behave(Manner::Refuse(StatusCode::SERVICE_UNAVAILABLE));
    let purchase = stage.ask().await;
    let first = receiver.first("approval_wanted", SOON).await;
    assert_eq!(stage.say(&ben(), &purchase, "approve").await["state"], "bought");
    receiver.first("bought", SOON).await;
    for _ in 0..5 {
        stage.until_all_refused(3).await;
        let so_far = receiver.all().len();
        hand.advance(Duration::from_mins(2));
        receiver.until(LOOK, |all| (all.len() > so_far).then_some(())).await;
    }
    stage.until_all_refused(3).await;
    let waiting = stage.undelivered("state=waiting").await;
    let kinds: Vec<&str> = waiting.iter().map(|notice| notice["event"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["bought", "decided", "approval_wanted"]);
    assert_eq!(waiting[0]["last_error"], "the receiver answered 503");

    receiver.behave(Manner::Take);
    let before = receiver.all().len();
    hand.advance(Duration::from_mins(30));
    let all = receiver.until(LOOK, |all| (all.len() == before + 3).then(|| all.to_vec())).await;
    let last = all[before..].iter().find(|one| one.kind() == "approval_wanted").unwrap();
    assert_eq!((&last.id, &last.body), (&first.id, &first.body), "the same message");
    assert!(all.iter().all(|one| one.is_signed));
    stage.until_delivered().await;
    stage.finish().await;
}

#[tokio::test]
async fn a_slow_webhook_delays_no_other_and_no_request() {
    let (slow, quick) = (Receiver::start().await, Receiver::start().await);
    slow.behave(Manner::Hang);
    let stage = Stage::with(&told(&[slow.webhook("slow", ""), quick.webhook("quick", "")])).await;
    let begun = Instant::now();
    let purchase = stage.ask().await;
    quick.first("approval_wanted", SOON).await;
    slow.first("approval_wanted", SOON).await;
    assert_eq!(stage.say(&ben(), &purchase, "approve").await["state"], "bought");
    quick.first("bought", SOON).await;
    assert!(begun.elapsed() < Duration::from_secs(8), "before the slow one's time was over");
    stage.finish().await;
}

#[tokio::test]
async fn a_redirect_leads_nowhere() {
    let (receiver, inner) = (Receiver::start().await, Receiver::start().await);
    let stage = Stage::with(&told(&[receiver.webhook("desk", "")])).await;
    receiver.behave(Manner::Redirect(format!("http://{}/latest/meta-data", inner.address)));
    stage.ask().await;
    let waiting = stage.until_refused().await;
    assert_eq!(waiting["last_error"], "the receiver answered 307, and redirects are not followed");
    assert_eq!(inner.all().len(), 0);
    stage.finish().await;
}

#[tokio::test]
async fn a_name_that_points_inside_is_not_connected_to() {
    let receiver = Receiver::start().await;
    let webhook = receiver.webhook("desk", "").replace("127.0.0.1", "localhost");
    let stage = Stage::with(&format!("{}{webhook}", RULES.replace("\"127.0.0.0/8\"", ""))).await;
    stage.ask().await;
    let waiting = stage.until_refused().await;
    let error = waiting["last_error"].as_str().unwrap();
    assert!(error.contains("is not a public address"), "{error}");
    assert_eq!(receiver.all().len(), 0);
    stage.finish().await;
}

#[tokio::test]
async fn what_no_attempt_of_a_day_delivers_shows_as_dead_and_can_be_sent_again() {
    let receiver = Receiver::start().await;
    let only = "events = [\"approval_wanted\"]";
    let (mut stage, hand) = Stage::with_hand(&told(&[receiver.webhook("desk", only)])).await;
    receiver.behave(Manner::Refuse(StatusCode::GONE));
    stage.ask().await;
    let first = receiver.first("approval_wanted", SOON).await;
    stage.until_all_refused(1).await;
    hand.advance(Duration::from_hours(25));
    receiver.until(LOOK, |all| (all.len() == 2).then_some(())).await;
    let dead = stage.until_counted("dead").await;
    assert_eq!(dead, r#"numbers_gateway_notices{state="dead",webhook="desk"} 1"#);
    assert!(
        stage
            .ops("/metrics")
            .await
            .text
            .contains(r#"numbers_gateway_notice_attempts_total{outcome="dead",webhook="desk"} 1"#)
    );
    let listed = stage.undelivered("state=dead").await;
    assert_eq!((&listed[0]["attempts"], &listed[0]["next_attempt_at"]), (&json!(2), &json!(null)));

    stage.restart().await;
    hand.advance(Duration::from_hours(1));
    assert_eq!(stage.undelivered("state=dead").await.len(), 1, "it is not tried any more");
    receiver.behave(Manner::Take);
    let path = format!("/v1/notices/{}/resend", listed[0]["id"].as_str().unwrap());
    assert_eq!(stage.post(&auditor(), &path, &json!({})).await.verdict(), "403 FORBIDDEN");
    assert_eq!(stage.post(&administrator(), &path, &json!({})).await.status, 202);
    let again = receiver.until(LOOK, |all| all.get(2).cloned()).await;
    assert_eq!((again.id, again.body), (first.id, first.body));
    stage.until_delivered().await;
    assert_eq!(stage.post(&administrator(), &path, &json!({})).await.verdict(), "404 NOT_FOUND");
    stage.finish().await;
}

#[tokio::test]
async fn undelivered_notices_are_for_auditors_and_administrators_and_paged() {
    let receiver = Receiver::start().await;
    receiver.behave(Manner::Hang);
    let webhooks = ["one", "two", "three"].map(|name| receiver.webhook(name, ""));
    let stage = Stage::with(&told(&webhooks)).await;
    for who in [ann(), ben()] {
        assert_eq!(stage.get(&who, "/v1/notices").await.verdict(), "403 FORBIDDEN");
    }
    assert_eq!(stage.get(&auditor(), "/v1/notices?state=lost").await.verdict(), "400 BAD_REQUEST");
    stage.ask().await;
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = stage.get(&administrator(), &format!("/v1/notices?limit=1{cursor}")).await.json();
        seen.push(page["items"][0]["webhook"].as_str().unwrap().to_owned());
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen, ["one", "three", "two"]);
    assert_eq!(stage.undelivered("webhook=two").await.len(), 1);
    stage.finish().await;
}

#[tokio::test]
async fn a_notice_whose_process_was_killed_between_commit_and_send_is_sent_by_the_next() {
    let Some(shim) = or_skip() else { return };
    let receiver = Receiver::start().await;
    let mut stage = Stage::without_gateway_but(&told(&[receiver.webhook("desk", "")]), &[]).await;
    let numbers = stage.numbers_on_sale("US").await;
    receiver.behave(Manner::Hang);
    let mut killed_in_between = None;
    // What was told and not answered writes nothing, so the next commit is the request's own; but now and then the list of
    // owned numbers is written as well: a kill at that one does not count, and another is tried.
    for pair in numbers.chunks_exact(2).take(5) {
        let (warm, number) = (&pair[0], &pair[1]);
        let process = Process::start_on(&mut stage, &shim).await;
        let ask = async |number: &str| {
            let request = stage.request(&ann(), reqwest::Method::POST, &format!("/v3/numbers/buy/{number}"));
            request.header("X-Gateway-Reason", "for Ann").send().await
        };
        ask(warm).await.unwrap();
        shim.plan(&Plan { act: Act::KillAfter, call: Call { name: "sync-wal".to_owned(), count: 1 } });
        let answer = ask(number).await;
        process.kill().await;
        shim.forget_plan();
        let purchases = stage.only(&format!("SELECT count(*) FROM purchases WHERE number = '{number}'"));
        if answer.is_err() && purchases == "1" && !receiver.all().iter().any(|one| is_about(one, number)) {
            killed_in_between = Some(number);
            break;
        }
    }
    let number = killed_in_between.expect("one of five is killed right after its commit");

    receiver.behave(Manner::Take);
    let process = Process::start(&mut stage).await;
    let told = |all: &[Received]| all.iter().find(|one| is_about(one, number)).cloned();
    assert!(receiver.until(LOOK, told).await.is_signed);
    process.kill().await;
    stage.finish().await;
}

fn is_about(received: &Received, number: &str) -> bool {
    received.json()["data"]["purchase"]["number"] == json!(number)
}

#[tokio::test]
async fn a_notice_whose_process_was_killed_before_the_answer_is_sent_again() {
    let receiver = Receiver::start().await;
    let mut stage = Stage::without_gateway_but(&told(&[receiver.webhook("desk", "")]), &[]).await;
    let process = Process::start(&mut stage).await;
    receiver.behave(Manner::Hang);
    stage.ask().await;
    let first = receiver.first("approval_wanted", SOON).await;
    process.kill().await;
    receiver.behave(Manner::Take);
    let process = Process::start(&mut stage).await;
    let again = receiver.until(LOOK, |all| all.get(1).cloned()).await;
    assert_eq!(again.id, first.id, "receivers tell by it what they have");
    process.kill().await;
    stage.finish().await;
}

#[tokio::test]
async fn a_stop_waits_for_no_webhook() {
    let (mut stage, receiver) = stage().await;
    receiver.behave(Manner::Hang);
    stage.ask().await;
    receiver.first("approval_wanted", SOON).await;
    let begun = Instant::now();
    stage.stop_gateway().await;
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    stage.finish().await;
}

impl Stage {
    /// The one notice that waits, once an attempt has failed.
    async fn until_refused(&self) -> serde_json::Value {
        self.until_all_refused(1).await.remove(0)
    }

    /// So many notices that wait, once an attempt has failed for each and its failure is written down.
    async fn until_all_refused(&self, count: usize) -> Vec<serde_json::Value> {
        let waiting = tokio::time::timeout(LOOK, async {
            loop {
                let waiting = self.undelivered("state=waiting").await;
                let is_due = |notice: &serde_json::Value| {
                    notice["next_attempt_at"].as_str().unwrap() <= self.clock.now().to_string().as_str()
                };
                if waiting.len() == count && !waiting.iter().any(is_due) {
                    return waiting;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
        waiting.await.expect("an attempt fails")
    }

    pub(super) async fn until_delivered(&self) {
        let waiting = tokio::time::timeout(LOOK, async {
            while !self.undelivered("").await.is_empty() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
        waiting.await.expect("everything is delivered");
    }

    /// The figure of a state, once it is not zero.
    async fn until_counted(&self, state: &str) -> String {
        let figure = format!("numbers_gateway_notices{{state=\"{state}\"");
        let waiting = tokio::time::timeout(LOOK, async {
            loop {
                let text = self.ops("/metrics").await.text;
                let line = text.lines().find(|line| line.starts_with(&figure) && !line.ends_with(" 0"));
                if let Some(line) = line {
                    return line.to_owned();
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
        waiting.await.expect("it is counted")
    }
}
