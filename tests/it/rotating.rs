//! ClickSend's API key is rotated under a running gateway: nobody notices.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use crate::process::Process;
use crate::stage::{Stage, ann, send};

/// Who searches at the same time; one more buys.
const SEARCHERS: usize = 5;
const BUYS: usize = 20;
const PATIENCE: Duration = Duration::from_mins(1);

/// What the callers saw.
#[derive(Default)]
struct Seen {
    /// Answers by caller; the buyer is the last.
    answered: [AtomicUsize; SEARCHERS + 1],
    failed: Mutex<Vec<String>>,
    stop: AtomicBool,
}

impl Seen {
    async fn count(&self, caller: usize, request: reqwest::RequestBuilder) {
        let answer = send(request).await;
        if answer.status != 200 {
            self.failed.lock().unwrap().push(format!("{caller}: {}", answer.text));
        }
        self.answered[caller].fetch_add(1, Ordering::SeqCst);
    }

    /// Waits until every caller has had so many more answers: with 2, what was under way has ended.
    async fn rounds(&self, count: usize) {
        let of = |caller: &AtomicUsize| caller.load(Ordering::SeqCst);
        let wanted: Vec<usize> =
            self.answered.iter().map(|caller| of(caller).saturating_add(count)).collect();
        let turn = async {
            while self.answered.iter().zip(&wanted).any(|(caller, wanted)| of(caller) < *wanted) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, turn).await.expect("the callers go on");
    }
}

/// Searches that no cache answers, one after the other.
async fn searching(stage: &Stage, seen: &Seen, caller: usize) {
    let mut digits = caller;
    while !seen.stop.load(Ordering::SeqCst) {
        let path = format!("/v3/numbers/search/AU?search={digits}&search_type=1");
        seen.count(caller, stage.request(&ann(), Method::GET, &path)).await;
        digits += SEARCHERS;
    }
}

async fn buying(stage: &Stage, seen: &Seen, numbers: &[String]) {
    for number in numbers {
        let path = format!("/v3/numbers/buy/{}", number.replace('+', "%2B"));
        seen.count(SEARCHERS, stage.request(&ann(), Method::POST, &path)).await;
    }
    // Who is done is waited for no more.
    seen.answered[SEARCHERS].store(usize::MAX, Ordering::SeqCst);
}

/// As operators do it: a new key in the dashboard, then its file, then the old key is revoked.
async fn rotation(stage: &Stage, process: &Process, seen: &Seen) {
    seen.rounds(3).await;
    stage.control("key", json!({"api_key": "the-new-key", "grace": "1h"})).await;
    seen.rounds(2).await;
    let folder = stage.folder.path();
    std::fs::write(folder.join("api-key.new"), "the-new-key\n").unwrap();
    std::fs::rename(folder.join("api-key.new"), folder.join("api-key")).unwrap();
    process.says("ClickSend is asked with other credentials from now on").await;
    seen.rounds(2).await;
    stage.control("key", json!({"api_key": "the-new-key"})).await;
    seen.rounds(4).await;
    seen.stop.store(true, Ordering::SeqCst);
}

#[tokio::test]
async fn a_new_api_key_is_used_without_a_restart_and_without_a_failed_request() {
    // However fast this machine searches.
    let boundless = "misses = { per_minute = 1000000, burst = 1000000 }";
    let changes = [
        ("api_key = \"simulator-key\"", "api_key_file = \"%folder%/api-key\""),
        ("misses = { per_minute = 1000, burst = 1000 }", boundless),
        ("reads = { per_second = 1000, burst = 1000 }", "reads = { per_second = 100000, burst = 100000 }"),
    ];
    let mut stage = Stage::without_gateway_but("", &changes).await;
    std::fs::write(stage.folder.path().join("api-key"), "simulator-key\n").unwrap();
    let process = Process::start(&mut stage).await;
    let numbers = stage.numbers_on_sale("AU").await;
    let seen = Seen::default();
    let searches = (0..SEARCHERS).map(|caller| searching(&stage, &seen, caller));
    let callers = futures_util::future::join_all(searches);
    let buys = buying(&stage, &seen, &numbers[..BUYS]);
    tokio::join!(callers, buys, rotation(&stage, &process, &seen));
    assert_eq!(seen.failed.into_inner().unwrap(), Vec::<String>::new());
    let ledger = stage.ledger("").await;
    let refused = ledger["requests"].as_array().unwrap().iter().filter(|request| request["status"] == 401);
    assert_eq!(refused.count(), 0);
    assert_eq!(ledger["sales"].as_array().unwrap().len(), BUYS);
    // The old key is nobody's any more: without the reload every request above would have failed.
    let old = reqwest::Client::new().get(format!("{}/v3/numbers", stage.upstream));
    assert_eq!(old.basic_auth("simulator", Some("simulator-key")).send().await.unwrap().status(), 401);
    process.kill().await;
    stage.finish().await;
}

#[tokio::test]
async fn an_empty_key_file_changes_nothing() {
    let changes = [("api_key = \"simulator-key\"", "api_key_file = \"%folder%/api-key\"")];
    let mut stage = Stage::without_gateway_but("", &changes).await;
    std::fs::write(stage.folder.path().join("api-key"), "simulator-key\n").unwrap();
    let process = Process::start(&mut stage).await;
    std::fs::write(stage.folder.path().join("api-key"), "").unwrap();
    process.says("upstream.api_key").await;
    assert_eq!(stage.metric("numbers_gateway_config_reload_success").await, 0);
    assert_eq!(stage.get(&ann(), "/v3/numbers/search/AU?search=570").await.status, 200);
    process.kill().await;
    stage.finish().await;
}
