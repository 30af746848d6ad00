//! A disk that is full, and one that fails: what is said, what is sent, and what comes back by itself.

use std::time::Duration;

use numbers_gateway::clock::Clock;
use numbers_gateway::domain::order::Sent;
use numbers_gateway::store::Store;
use numbers_gateway::store::emergency::Outcome;
use reqwest::Method;
use serde_json::{Value, json};

use crate::chaos::shim::{Act, Call, Plan, Shim, or_skip};
use crate::process::Process;
use crate::stage::{Answer, Stage, ann, send, somebody};

const REGISTER: &str = "/v3/numbers/registrations/number-types/10dlc/country/CA";

fn form() -> Value {
    json!({
        "full_name": "Ann Lee", "company_name": "Acme", "email": "ann@example.com",
        "website_url": "https://acme.example", "sample_message": "Your code is 1234.",
        "primary_use_case": "One-time codes",
    })
}

async fn numbers(stage: &Stage) -> Vec<String> {
    stage.numbers_on_sale("AU").await
}

/// Repeats a buy until it is answered like this; the tries of the gateway itself are seconds apart.
async fn buy_until(stage: &Stage, number: &str, verdict: &str) -> Answer {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    loop {
        let answer = stage.buy(&ann(), number).await;
        if answer.verdict() == verdict {
            return answer;
        }
        assert!(tokio::time::Instant::now() < deadline, "{number} is still {}", answer.text);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn sold(stage: &Stage) -> usize {
    stage.ledger("").await["sales"].as_array().unwrap().len()
}

#[tokio::test]
async fn on_a_full_disk_nothing_is_sent_searches_go_on_and_buying_comes_back_with_the_space() {
    let Some(shim) = or_skip() else { return };
    let mut stage = Stage::without_gateway().await;
    let process = Process::start_on(&mut stage, &shim).await;
    let numbers = numbers(&stage).await;
    assert_eq!(stage.buy(&ann(), &numbers[0]).await.verdict(), "200 SUCCESS");

    shim.set_full(true);
    assert_eq!(stage.buy(&ann(), &numbers[1]).await.verdict(), "503 AUDIT_UNAVAILABLE");
    let registering = send(stage.request(&ann(), Method::POST, REGISTER).json(&form())).await;
    assert_eq!(registering.verdict(), "503 AUDIT_UNAVAILABLE");
    assert_eq!(stage.get(&ann(), "/v3/numbers/search/AU").await.status, 200);
    assert_eq!(stage.get(&ann(), "/v1/purchases").await.status, 200);
    assert_eq!((stage.calls("buy").await, stage.calls("register").await), (1, 0), "sent on a full disk");

    shim.set_full(false);
    assert_eq!(stage.buy(&ann(), &numbers[1]).await.verdict(), "200 SUCCESS");
    assert_eq!((stage.calls("buy").await, sold(&stage).await), (2, 2));
    process.kill().await;
    stage.finish().await;
}

/// Canadian numbers that somebody else has to approve.
const APPROVED: &str = r#"
[[policy.rules]]
name = "somebody looks"
when = { action = "buy", countries = ["CA"] }
then = { approvals = 1, from_team = "any" }
"#;

/// After an approval the claim is a commit of its own: where it fails the approval stands, nothing is sent, and the
/// purchase waits to be asked for.
#[tokio::test]
async fn a_claim_that_cannot_be_written_is_told_at_once_and_not_sent() {
    let Some(shim) = or_skip() else { return };
    let mut stage = Stage::without_gateway_but(APPROVED, &[]).await;
    let process = Process::start_on(&mut stage, &shim).await;
    let number = stage.numbers_on_sale("CA").await.remove(0);
    let asked = stage.buy(&ann(), &number).await;
    assert_eq!(asked.verdict(), "409 APPROVAL_REQUIRED");
    let purchase = stage.get(&ann(), asked.header("location").unwrap()).await.json();

    shim.plan(&at(Act::FillAfter, "sync-wal", 1));
    let approving = format!("/v1/purchases/{}/approve", purchase["id"].as_str().unwrap());
    let digest = json!({"quote_digest": purchase["quote_digest"]});
    let kim = somebody("kim", "growth", "approver");
    let request = stage.request(&kim, Method::POST, &approving).header("prefer", "wait=10");
    let answer = send(request.json(&digest)).await;
    assert_eq!(answer.json()["state"], "approved", "the approval stands: {}", answer.text);
    assert_eq!(stage.calls("buy").await, 0, "sent without a claim");
    shim.forget_plan();
    shim.set_full(false);
    assert_eq!(stage.buy(&ann(), &number).await.verdict(), "200 SUCCESS");
    assert_eq!((stage.calls("buy").await, sold(&stage).await), (1, 1));
    let log = process.kill().await;
    assert!(log.contains("the store failed"), "{log}");
    stage.finish().await;
}

/// Buys until upstream has sold and not answered, fills the disk, and lets the answer come.
async fn sold_on_a_full_disk(stage: &Stage, shim: &Shim, process: &Process, number: &str) {
    stage.fault(json!({"operation": "buy", "fault": "hold", "at": "after_sale", "count": 1})).await;
    let path = format!("/v3/numbers/buy/{number}");
    let buying = stage.request(&ann(), Method::POST, &path).header("prefer", "wait=1").send();
    let buying = tokio::task::spawn(buying);
    stage.ledger("operation=buy&wait_held=1").await;
    shim.set_full(true);
    stage.control("release", json!({})).await;
    process.says("an outcome is in the emergency file alone").await;
    buying.abort();
}

#[tokio::test]
async fn a_sale_that_finds_the_disk_full_is_kept_stops_buying_and_is_booked_when_there_is_space() {
    let Some(shim) = or_skip() else { return };
    let mut stage = Stage::without_gateway().await;
    let process = Process::start_on(&mut stage, &shim).await;
    let numbers = numbers(&stage).await;
    sold_on_a_full_disk(&stage, &shim, &process, &numbers[0]).await;
    let record = emergency_file(&stage);
    assert!(record.contains(&numbers[0]) && record.contains("price_total"), "{record}");
    assert_eq!(stage.get(&ann(), "/v3/numbers/search/AU").await.status, 200);
    let refused = stage.buy(&ann(), &numbers[1]).await;
    assert_eq!(refused.verdict(), "503 AUDIT_UNAVAILABLE");
    assert_eq!(stage.calls("buy").await, 1, "sent while an outcome is owed");

    shim.set_full(false);
    buy_until(&stage, &numbers[1], "200 SUCCESS").await;
    assert_eq!(stage.buy(&ann(), &numbers[0]).await.verdict(), "200 SUCCESS");
    let (booked, claimed) =
        (event(&stage, &numbers[0], "purchase.bought"), event(&stage, &numbers[1], "purchase.intent"));
    assert!(booked < claimed, "event {claimed} sends while event {booked} is owed");
    assert_eq!(emergency_file(&stage), "", "blank again");
    assert_eq!((stage.calls("buy").await, sold(&stage).await), (2, 2));
    process.kill().await;
    stage.finish().await;
}

#[tokio::test]
async fn a_sale_kept_on_a_full_disk_is_booked_by_the_next_process() {
    let Some(shim) = or_skip() else { return };
    let mut stage = Stage::without_gateway().await;
    let process = Process::start_on(&mut stage, &shim).await;
    let numbers = numbers(&stage).await;
    sold_on_a_full_disk(&stage, &shim, &process, &numbers[0]).await;
    process.kill().await;
    shim.set_full(false);

    let process = Process::start_on(&mut stage, &shim).await;
    let again = stage.buy(&ann(), &numbers[0]).await;
    assert_eq!(again.verdict(), "200 SUCCESS");
    let purchase = stage.get(&ann(), again.header("location").unwrap()).await.json();
    let actions: Vec<_> =
        purchase["history"].as_array().unwrap().iter().map(|event| &event["action"]).collect();
    assert_eq!(actions.last().unwrap().as_str(), Some("purchase.bought"), "{actions:?}");
    assert_eq!((stage.calls("buy").await, sold(&stage).await), (1, 1));
    assert_eq!(emergency_file(&stage), "");
    process.kill().await;
    stage.finish().await;
}

/// A record that was settled may have stayed, where blanking it failed.
#[tokio::test]
async fn a_record_speaks_for_its_own_attempt_and_for_no_later_one() {
    for (attempt, becomes) in [(0, "unknown"), (1, "not_sent")] {
        let mut stage = killed_while_it_buys().await;
        let id = stage.only("SELECT id FROM purchases").parse().unwrap();
        let sent = Sent::NotSent("no connection".to_owned());
        keep(&stage, Outcome::Purchase { id, attempt, claim: None, sent }).await;
        Process::start(&mut stage).await.kill().await;
        let first = stage.only("SELECT outcome FROM attempts ORDER BY claimed_us LIMIT 1");
        assert_eq!(first, becomes, "by a record of attempt {attempt}");
        assert_eq!(emergency_file(&stage), "");
    }
}

/// The database was put back: what the record speaks of never happened in it.
#[tokio::test]
async fn a_record_of_an_attempt_that_the_database_does_not_know_keeps_buying_off() {
    for what in ["purchase", "registration"] {
        let mut stage = killed_while_it_buys().await;
        let purchase = stage.only("SELECT id FROM purchases").parse().unwrap();
        let registration = stage.only("SELECT id FROM registrations").parse().unwrap();
        let outcome = match what {
            "purchase" => Outcome::Purchase {
                id: purchase,
                attempt: 2,
                claim: None,
                sent: Sent::NotSent("x".to_owned()),
            },
            _ => Outcome::Registration { id: registration, claimed: 9, claim: None, sent: Sent::Done(()) },
        };
        keep(&stage, outcome).await;
        let process = Process::start(&mut stage).await;
        let refused = stage.buy(&ann(), &numbers(&stage).await[1]).await;
        assert_eq!(refused.verdict(), "503 AUDIT_UNAVAILABLE", "{what}: {}", refused.text);
        assert_eq!(stage.only("SELECT outcome FROM attempts"), "unknown", "{what}");
        assert!(emergency_file(&stage).contains(what), "{what}: it stays for people to look at");
        let log = process.kill().await;
        assert!(log.contains("buying stays off"), "{what}: {log}");
        assert_eq!(stage.calls("buy").await, 1, "{what}");
    }
}

/// A stage whose gateway has registered, and was killed while it bought.
async fn killed_while_it_buys() -> Stage {
    let mut stage = Stage::without_gateway().await;
    let process = Process::start(&mut stage).await;
    let registered = send(stage.request(&ann(), Method::POST, REGISTER).json(&form())).await;
    assert_eq!(registered.status, 200, "{}", registered.text);
    let number = numbers(&stage).await[0].clone();
    stage.fault(json!({"operation": "buy", "fault": "hold", "count": 1})).await;
    let path = format!("/v3/numbers/buy/{number}");
    let buying = tokio::task::spawn(stage.request(&ann(), Method::POST, &path).send());
    stage.ledger("operation=buy&wait_held=1").await;
    process.kill().await;
    assert!(buying.await.unwrap().is_err());
    stage
}

/// Writes a record into the emergency file, as a gateway would whose database does not take it.
async fn keep(stage: &Stage, outcome: Outcome) {
    let store = Store::open(&stage.database().as_path().into(), Clock::system()).unwrap();
    store.emergency().keep(outcome, Clock::system().now()).await;
}

#[tokio::test]
async fn a_registration_kept_on_a_full_disk_is_written_down_by_the_next_process() {
    let Some(shim) = or_skip() else { return };
    let mut stage = Stage::without_gateway().await;
    let process = Process::start_on(&mut stage, &shim).await;
    stage.fault(json!({"operation": "register", "fault": "hold", "at": "after_sale", "count": 1})).await;
    let registering = tokio::task::spawn(stage.request(&ann(), Method::POST, REGISTER).json(&form()).send());
    stage.ledger("operation=register&wait_held=1").await;
    shim.set_full(true);
    stage.control("release", json!({})).await;
    process.says("an outcome is in the emergency file alone").await;
    process.kill().await;
    registering.abort();
    shim.set_full(false);

    let process = Process::start_on(&mut stage, &shim).await;
    let again = send(stage.request(&ann(), Method::POST, REGISTER).json(&form())).await;
    assert_eq!(again.status, 200, "{}", again.text);
    assert_eq!(stage.calls("register").await, 1);
    assert_eq!(emergency_file(&stage), "");
    process.kill().await;
    stage.finish().await;
}

/// Whatever the moment: nothing is answered as done, the process is gone, and the next one sends nothing again.
#[tokio::test]
async fn a_failed_fsync_ends_the_process_and_the_next_one_finds_out_what_stands() {
    let Some(shim) = or_skip() else { return };
    for (commit, what, received) in [(1, "409 PURCHASE_OUTCOME_UNKNOWN", 0), (2, "200 SUCCESS", 1)] {
        let mut stage = Stage::without_gateway().await;
        let process = Process::start_on(&mut stage, &shim).await;
        let numbers = numbers(&stage).await;
        assert_eq!(stage.buy(&ann(), &numbers[0]).await.verdict(), "200 SUCCESS");

        shim.plan(&at(Act::Fail, "sync-wal", commit));
        let path = format!("/v3/numbers/buy/{}", numbers[1]);
        let answer = stage.request(&ann(), Method::POST, &path).send().await;
        assert!(answer.is_err() || answer.unwrap().status() == 503, "commit {commit}");
        let ended = process.ended().await;
        assert_eq!(ended.status.code(), Some(70), "commit {commit}: {}", ended.log);
        assert!(ended.log.contains("an fsync failed"), "{}", ended.log);
        assert_eq!(stage.calls("buy").await, 1 + received, "commit {commit}");

        shim.forget_plan();
        let process = Process::start_on(&mut stage, &shim).await;
        assert_eq!(stage.buy(&ann(), &numbers[1]).await.verdict(), what, "commit {commit}");
        let calls = stage.calls("buy").await;
        assert_eq!(calls, if what.starts_with("200") { 2 } else { 1 }, "commit {commit}: sent again");
        process.kill().await;
        stage.finish().await;
    }
}

/// The next start empties the write-ahead log, so its checkpoint has something to write.
#[tokio::test]
async fn a_failed_fsync_of_a_checkpoint_ends_the_process_as_well() {
    let Some(shim) = or_skip() else { return };
    let mut stage = Stage::without_gateway().await;
    let process = Process::start_on(&mut stage, &shim).await;
    let number = numbers(&stage).await[0].clone();
    assert_eq!(stage.buy(&ann(), &number).await.verdict(), "200 SUCCESS");
    process.kill().await;

    shim.plan(&at(Act::Fail, "sync-db", 1));
    let ended = match Process::try_start_on(&mut stage, &shim).await {
        Ok(process) => process.ended().await,
        Err(ended) => ended,
    };
    assert_eq!(ended.status.code(), Some(70), "{}", ended.log);
    assert!(ended.log.contains("an fsync failed"), "{}", ended.log);

    shim.forget_plan();
    let process = Process::start_on(&mut stage, &shim).await;
    assert_eq!(stage.buy(&ann(), &number).await.verdict(), "200 SUCCESS");
    process.kill().await;
    stage.finish().await;
}

fn at(act: Act, call: &str, count: usize) -> Plan {
    Plan { act, call: Call { name: call.to_owned(), count } }
}

/// The place in the evidence of what happened to the purchase of a number.
fn event(stage: &Stage, number: &str, action: &str) -> i64 {
    let connection = rusqlite::Connection::open(stage.database()).unwrap();
    let sql = "SELECT a.seq FROM audit_events a JOIN purchases p ON p.id = a.target_id
               WHERE p.number = ?1 AND a.action = ?2";
    connection.query_row(sql, [number, action], |row| row.get(0)).unwrap()
}

fn emergency_file(stage: &Stage) -> String {
    let text = std::fs::read_to_string(stage.folder.path().join("gateway.emergency")).unwrap();
    text.trim().to_owned()
}
