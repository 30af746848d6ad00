//! Ten thousand searches at once: what is missing is asked for once, however many wait for it and whoever hangs up.

use futures_util::future::join_all;
use reqwest::Client;
use reqwest::header::AUTHORIZATION;
use serde_json::json;
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use crate::stage::{Answer, Somebody, Stage, ann, send, somebody};

const CONNECTIONS: usize = 100;
/// As many as the gateway serves at once on one connection.
const STREAMS: usize = 100;
const ALL: usize = CONNECTIONS * STREAMS;
/// Different questions of the ten thousand; upstream serves no more connections than some more.
const QUESTIONS: usize = 1_000;
const PATH: &str = "/v3/numbers/search/US?search=2025&limit=15";
/// Upstream's own waits end after this long.
const HELD_WITHIN: &str = "timeout_ms=60000";

/// One of these at a time: each takes all that this machine has.
static ALONE: Mutex<()> = Mutex::const_new(());

/// Limits that ten thousand at once fit into, and deadlines that do not measure this machine.
async fn stage() -> Stage {
    let changes = [
        ("connect_timeout = \"1s\"", "connect_timeout = \"60s\""),
        ("read_timeout = \"3s\"", "read_timeout = \"2m\""),
        // Both sides are this process: clients have as little time as the gateway.
        ("[ops]", "header_timeout = \"2m\"\n[ops]"),
        ("per_second = 10000, burst = 10000", "per_second = 100000, burst = 100000"),
        ("per_second = 1000, burst = 1000", "per_second = 100000, burst = 100000"),
    ];
    Stage::changed("[cache]\nfresh_for = \"1h\"\nstale_for = \"1h\"\n", &changes).await
}

/// HTTP/2 without TLS; all requests of one of these share a connection.
fn client() -> Client {
    let builder = Client::builder().no_proxy().tls_certs_only([]).http2_prior_knowledge();
    builder.build().unwrap()
}

/// Begins ten thousand searches; the answers come connection by connection, in any order.
fn begin(stage: &Stage, who: &Somebody, path: impl Fn(usize) -> String) -> JoinSet<Vec<Answer>> {
    let token = format!("Bearer {}", stage.token(who));
    let mut all = JoinSet::new();
    for connection in 0..CONNECTIONS {
        let client = client();
        let request = |stream| {
            let path = path(connection * STREAMS + stream);
            client.get(format!("{}{path}", stage.api)).header(AUTHORIZATION, &token)
        };
        let requests: Vec<_> = (0..STREAMS).map(request).collect();
        all.spawn(async move { join_all(requests.into_iter().map(send)).await });
    }
    all
}

async fn all_are_answered(searches: JoinSet<Vec<Answer>>) -> Vec<Answer> {
    let answers: Vec<_> = searches.join_all().await.into_iter().flatten().collect();
    assert_eq!(answers.len(), ALL);
    for answer in &answers {
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    answers
}

fn count(answers: &[Answer], part: &str) -> usize {
    let says = |answer: &&Answer| answer.header("cache-status").is_some_and(|status| status.ends_with(part));
    answers.iter().filter(says).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_equal_cold_searches_make_one_upstream_call() {
    let _alone = ALONE.lock().await;
    let stage = stage().await;
    stage.fault(json!({"operation": "search", "fault": "hold"})).await;
    let searches = begin(&stage, &ann(), |_| PATH.to_owned());
    // Everybody is in before anybody is answered.
    stage.until_active_requests_are(|active| active == ALL).await;
    stage.control("release", json!({})).await;
    let answers = all_are_answered(searches).await;
    assert!(answers.iter().all(|answer| answer.text == answers[0].text));
    assert_eq!((count(&answers, "stored"), count(&answers, "collapsed")), (1, ALL - 1));
    assert_eq!(stage.calls("search").await, 1);
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_one_who_leads_may_hang_up_and_ten_thousand_others_are_answered_by_the_same_call() {
    let _alone = ALONE.lock().await;
    let stage = stage().await;
    stage.fault(json!({"operation": "search", "fault": "hold"})).await;
    let (leader, token) = (client(), stage.token(&ann()));
    let leading = leader.get(format!("{}{PATH}", stage.api)).bearer_auth(token);
    let leading = tokio::task::spawn(leading.send());
    stage.ledger(&format!("operation=search&wait_held=1&{HELD_WITHIN}")).await;
    let searches = begin(&stage, &ann(), |_| PATH.to_owned());
    stage.until_active_requests_are(|active| active == 1 + ALL).await;
    leading.abort();
    assert!(leading.await.unwrap_err().is_cancelled());
    // The last of its owners: its connection goes with it.
    drop(leader);
    stage.until_active_requests_are(|active| active == ALL).await;
    stage.control("release", json!({})).await;
    let answers = all_are_answered(searches).await;
    assert_eq!(count(&answers, "collapsed"), ALL, "nobody began again");
    assert_eq!(stage.calls("search").await, 1);
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_searches_for_a_thousand_things_make_a_thousand_upstream_calls() {
    let _alone = ALONE.lock().await;
    let stage = stage().await;
    let questions = questions(&stage, 1).await;
    let asked = stage.calls("search").await;
    stage.fault(json!({"operation": "search", "fault": "hold"})).await;
    let searches = begin(&stage, &ann(), |index| path(&questions[index % QUESTIONS]));
    stage.until_active_requests_are(|active| active == ALL).await;
    stage.ledger(&format!("operation=search&wait_held={QUESTIONS}&{HELD_WITHIN}")).await;
    stage.end_faults().await;
    stage.control("release", json!({})).await;
    let answers = all_are_answered(searches).await;
    assert_eq!((count(&answers, "stored"), count(&answers, "collapsed")), (QUESTIONS, ALL - QUESTIONS));
    each_was_answered(&answers, &questions);
    assert_eq!(stage.calls("search").await - asked, QUESTIONS);
    stage.finish().await;
}

/// Who comes when upstream has just answered looks at the cache before that answer is in it, and asks for a call after the
/// one that brought it is over: not even then is there a second one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nor_do_they_make_one_more_where_upstream_answers_while_they_come() {
    let _alone = ALONE.lock().await;
    let stage = stage().await;
    let questions = questions(&stage, 11).await;
    let asked = stage.calls("search").await;
    let searches =
        begin(&stage, &somebody("ben", "growth", "viewer"), |index| path(&questions[index % QUESTIONS]));
    let answers = all_are_answered(searches).await;
    each_was_answered(&answers, &questions);
    assert_eq!(stage.calls("search").await - asked, QUESTIONS);
    stage.finish().await;
}

/// Whole numbers, from upstream's pages beginning with this one.
async fn questions(stage: &Stage, page: usize) -> Vec<String> {
    let mut numbers = Vec::new();
    for page in page..page + QUESTIONS / 100 {
        numbers.extend(stage.page_on_sale("US", page).await);
    }
    assert_eq!(numbers.len(), QUESTIONS);
    numbers
}

fn path(number: &str) -> String {
    format!("/v3/numbers/search/US?search={}&limit=15", number.trim_start_matches('+'))
}

/// Each question ten times, by the one number that is its answer.
fn each_was_answered(answers: &[Answer], questions: &[String]) {
    let mut numbers: Vec<_> = answers
        .iter()
        .map(|answer| {
            let page = answer.json();
            assert_eq!(page["data"]["total"], 1, "{page}");
            page["data"]["data"][0]["dedicated_number"].as_str().unwrap().to_owned()
        })
        .collect();
    numbers.sort();
    let mut asked: Vec<_> =
        questions.iter().flat_map(|number| std::iter::repeat_n(number, ALL / QUESTIONS)).collect();
    asked.sort();
    assert!(numbers.iter().eq(asked));
}
