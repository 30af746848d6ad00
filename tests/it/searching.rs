//! Searching from the cache: one upstream call for all who wait, whoever hangs up.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;

use crate::stage::{Answer, Stage, ann, send, somebody};

const PATH: &str = "/v3/numbers/search/US?search=2025&limit=50";

#[tokio::test]
async fn sixty_four_equal_cold_searches_make_one_upstream_call() {
    let stage = Stage::new().await;
    stage.fault(json!({"operation": "search", "fault": "hold", "count": 1})).await;
    let who = ann();
    let all = join_all((0..64).map(|_| stage.get(&who, PATH)));
    let release = async {
        stage.ledger("operation=search&wait_held=1").await;
        // Everybody is in before anybody is answered.
        stage.until_active_requests_are(|active| active >= 64).await;
        stage.control("release", json!({})).await;
    };
    let (answers, ()) = tokio::join!(all, release);
    for answer in &answers {
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.text, answers[0].text);
    }
    assert_eq!(stage.calls("search").await, 1);
    let led = answers.iter().filter(|answer| cache_status(answer).ends_with("stored")).count();
    let joined = answers.iter().filter(|answer| cache_status(answer).ends_with("collapsed")).count();
    assert_eq!((led, joined), (1, 63));
    stage.finish().await;
}

#[tokio::test]
async fn a_client_that_hangs_up_does_not_restart_the_call() {
    let stage = Stage::new().await;
    stage.fault(json!({"operation": "search", "fault": "hold", "count": 1})).await;
    let hanging_up = tokio::task::spawn(stage.request(&ann(), Method::GET, PATH).send());
    stage.ledger("operation=search&wait_held=1").await;
    hanging_up.abort();
    assert!(hanging_up.await.unwrap_err().is_cancelled());
    stage.until_active_requests_are(|active| active == 0).await;
    let who = ann();
    let second = stage.get(&who, PATH);
    let release = async {
        stage.until_active_requests_are(|active| active >= 1).await;
        stage.control("release", json!({})).await;
    };
    let (second, ()) = tokio::join!(second, release);
    assert_eq!(second.status, 200, "{}", second.text);
    assert_eq!(cache_status(&second), "numbers-gateway; fwd=miss; collapsed");
    assert_eq!(stage.calls("search").await, 1);
    stage.finish().await;
}

#[tokio::test]
async fn six_pages_of_a_caller_cost_one_call() {
    let stage = Stage::new().await;
    let mut seen = Vec::new();
    for page in 1..=6 {
        let answer = stage.get(&ann(), &format!("/v3/numbers/search/US?page={page}&limit=15")).await;
        let data = answer.json()["data"].clone();
        assert_eq!((data["current_page"].as_u64(), data["per_page"].as_u64()), (Some(page), Some(15)));
        assert_eq!(data["from"].as_u64(), Some((page - 1) * 15 + 1));
        seen.extend(data["data"].as_array().unwrap().iter().map(|row| row["dedicated_number"].clone()));
    }
    assert_eq!(stage.calls("search").await, 1);
    let upstream = stage.numbers_on_sale("US").await;
    assert_eq!(seen, upstream[..90], "in upstream's order, none twice, none left out");
    stage.finish().await;
}

#[tokio::test]
async fn a_page_across_two_upstream_pages_is_whole() {
    let stage = Stage::new().await;
    let answer = stage.get(&ann(), "/v3/numbers/search/US?page=7&limit=15").await;
    let data = answer.json()["data"].clone();
    assert_eq!(data["data"].as_array().unwrap().len(), 15, "rows 91 to 105");
    assert_eq!(data["from"], 91);
    assert_eq!(stage.calls("search").await, 2);
    stage.finish().await;
}

#[tokio::test]
async fn equal_questions_are_one_question_however_they_are_spelled() {
    let stage = Stage::new().await;
    for path in [
        "/v3/numbers/search/US?search=%2B1%20202&search_type=0",
        "/v3/numbers/search/us?search_type=0&search=1-202",
    ] {
        assert_eq!(stage.get(&ann(), path).await.status, 200);
    }
    assert_eq!(stage.calls("search").await, 1);
    stage.finish().await;
}

#[tokio::test]
async fn what_is_known_is_not_sent_again() {
    let stage = Stage::new().await;
    let first = stage.get(&ann(), PATH).await;
    let tag = first.header("etag").unwrap().to_owned();
    let again = send(stage.request(&ann(), Method::GET, PATH).header("if-none-match", &tag)).await;
    assert_eq!((again.status.as_u16(), again.text.as_str()), (304, ""));
    assert_eq!(again.header("cache-status"), Some("numbers-gateway; hit"));
    assert_eq!(again.header("age"), Some("0"));
    stage.finish().await;
}

#[tokio::test]
async fn while_upstream_is_down_an_old_answer_is_served_and_a_new_question_is_refused() {
    let (stage, hand) = Stage::with_hand("[cache]\nfresh_for = \"1s\"\nstale_for = \"10m\"\n").await;
    // So many good answers that the bad ones stay the smaller part: it is asked all the time.
    for digits in 10..20 {
        let path = format!("/v3/numbers/search/CA?search={digits}");
        assert_eq!(stage.get(&ann(), &path).await.status, 200);
    }
    let first = stage.get(&ann(), PATH).await;
    stage.fault(json!({"operation": "search", "fault": "html_500_before_sale"})).await;
    hand.advance(Duration::from_secs(2));
    let old = stage.get(&ann(), PATH).await;
    assert_eq!(cache_status(&old), "numbers-gateway; hit; detail=stale");
    assert_eq!((old.status, old.text), (first.status, first.text));
    let new = stage.get(&ann(), "/v3/numbers/search/AU").await;
    assert_eq!(new.verdict(), "503 UPSTREAM_UNAVAILABLE");
    stage.end_faults().await;
    assert_eq!(stage.get(&ann(), "/v3/numbers/search/AU").await.status, 200, "an error is never kept");
    stage.finish().await;
}

#[tokio::test]
async fn searches_that_go_upstream_are_limited_and_hits_are_not() {
    let stage = Stage::changed(
        "",
        &[("misses = { per_minute = 1000, burst = 1000 }", "misses = { per_minute = 2, burst = 2 }")],
    )
    .await;
    let viewer = somebody("vic", "growth", "viewer");
    for country in ["AU", "US"] {
        assert_eq!(stage.get(&viewer, &format!("/v3/numbers/search/{country}")).await.status, 200);
    }
    let third = stage.get(&viewer, "/v3/numbers/search/CA").await;
    assert_eq!(third.verdict(), "429 TOO_MANY_REQUESTS");
    assert_eq!(
        third.header("retry-after"),
        Some("2"),
        "an SDK sleeps that long three times, so a GET hears no more"
    );
    assert_eq!(third.header("ratelimit-policy"), Some("\"misses\";q=2;w=60"));
    assert_eq!(stage.get(&viewer, "/v3/numbers/search/AU").await.status, 200, "a hit costs nothing");
    assert_eq!(stage.get(&ann(), "/v3/numbers/search/CA").await.status, 200, "a limit is one person's");
    stage.finish().await;
}

#[tokio::test]
async fn people_who_search_never_use_what_is_reserved_for_buying() {
    let stage = Stage::changed("", &[("requests_per_minute = 6000", "requests_per_minute = 9")]).await;
    let number = stage.numbers_on_sale("AU").await[0].clone();
    let mut busy = None;
    for digits in 10..30 {
        let answer = stage.get(&ann(), &format!("/v3/numbers/search/US?search={digits}")).await;
        if answer.status != 200 {
            busy = Some(answer);
            break;
        }
    }
    let busy = busy.expect("twenty searches are more than nine a minute");
    assert_eq!(busy.verdict(), "503 UPSTREAM_BUSY");
    assert_eq!(stage.calls("search").await, 1 + 6, "ours, and six of nine");
    assert_eq!(stage.buy(&ann(), &number).await.verdict(), "200 SUCCESS");
    stage.finish().await;
}

fn cache_status(answer: &Answer) -> &str {
    answer.header("cache-status").unwrap_or_default()
}

impl Stage {
    /// Looks at what the gateway says about itself until it serves as many requests as wanted, for a while.
    pub async fn until_active_requests_are(&self, wanted: impl Fn(usize) -> bool) {
        let mut active = 0;
        let looking = async {
            loop {
                active = usize::try_from(self.metric("http_server_active_requests").await).unwrap();
                if wanted(active) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let in_time = tokio::time::timeout(Duration::from_mins(3), looking).await;
        assert!(in_time.is_ok(), "never as many as wanted; now there are {active}");
    }
}

#[tokio::test]
async fn a_list_of_more_pages_than_a_minute_allows_is_read_on_and_nobody_waits_for_ever() {
    let stage = Stage::changed("", &[("requests_per_minute = 6000", "requests_per_minute = 1")]).await;
    for number in stage.numbers_on_sale("AU").await.into_iter().chain(stage.numbers_on_sale("US").await) {
        stage.control("sell", json!({"number": number})).await;
    }
    for _ in 0..2 {
        let answer = stage.get(&ann(), "/v3/numbers").await;
        assert_eq!(answer.verdict(), "503 UPSTREAM_BUSY", "{}", answer.text);
        assert!(answer.text.contains("is being read"), "{}", answer.text);
    }
    assert_eq!(stage.calls("list").await, 1, "the second caller joined the first one's reading");
    stage.finish().await;
}
