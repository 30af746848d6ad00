//! Answers that were kept whole: the same as any other, for the same people, within the same limits, and gone with the first
//! number of them that is sold.

use reqwest::Method;
use reqwest::header::{AUTHORIZATION, IF_NONE_MATCH};

use crate::stage::{Answer, Stage, ann, send, somebody};

const PATH: &str = "/v3/numbers/search/US?search=2025&limit=50";
/// The same question in other letters: its answer is cut anew from the same page.
const OTHERWISE: &str = "/v3/numbers/search/US?limit=50&search=2025";

fn says(answer: &Answer) -> Vec<(String, String)> {
    let own = ["x-request-id", "date", "age", "content-length"];
    let headers = answer.headers.iter().filter(|(name, _)| !own.contains(&name.as_str()));
    let mut headers: Vec<_> =
        headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
    headers.sort();
    headers
}

#[tokio::test]
async fn an_answer_that_was_kept_whole_is_the_one_that_would_be_made() {
    for shape in ["", "[compat]\nsearch_shape = \"list\""] {
        let stage = Stage::with(shape).await;
        let made = stage.get(&ann(), PATH).await;
        let kept = stage.get(&ann(), PATH).await;
        let made_again = stage.get(&ann(), OTHERWISE).await;
        assert!([&made, &kept, &made_again].iter().all(|answer| answer.status == 200));
        assert_eq!((&kept.text, &made_again.text), (&made.text, &made.text));
        assert_eq!(says(&kept), says(&made_again), "header by header");
        assert_eq!(kept.header("cache-status"), Some("numbers-gateway; hit"));
        assert_eq!(kept.header("x-request-id").unwrap().len(), 36);
        assert_ne!(kept.header("x-request-id"), made.header("x-request-id"));
        let tag = kept.header("etag").unwrap().to_owned();
        let unchanged = send(stage.request(&ann(), Method::GET, PATH).header(IF_NONE_MATCH, &tag)).await;
        assert_eq!((unchanged.status.as_u16(), unchanged.text.as_str()), (304, ""));
        let own = send(stage.request(&ann(), Method::GET, PATH).header("x-request-id", "my-own")).await;
        assert_eq!(own.header("x-request-id"), Some("my-own"));
        let route = "http_route=\"/v3/numbers/search/{country}\"";
        let served = |status| {
            format!(
                "http_server_request_duration_seconds_count{{http_request_method=\"GET\",http_response_status_code=\"{status}\",{route}}}"
            )
        };
        let metrics = stage.ops("/metrics").await.text;
        let count =
            |series: &str| metrics.lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok());
        assert_eq!((count(&served(200)), count(&served(304))), (Some(4), Some(1)));
        let looks = |result| {
            count(&format!("numbers_gateway_cache_requests_total{{cache=\"search\",result=\"{result}\"}}"))
        };
        assert_eq!((looks("miss"), looks("hit")), (Some(1), Some(4)));
        assert_eq!(stage.calls("search").await, 1);
        stage.finish().await;
    }
}

#[tokio::test]
async fn what_is_kept_whole_is_for_whoever_may_search_and_nobody_else() {
    let stage = Stage::new().await;
    for _ in 0..2 {
        assert_eq!(stage.get(&ann(), PATH).await.status, 200);
    }
    let with = |token: &str| stage.anonymous(Method::GET, PATH).header(AUTHORIZATION, token.to_owned());
    assert_eq!(send(stage.anonymous(Method::GET, PATH)).await.status, 401);
    assert_eq!(send(with("Bearer a.b.c")).await.status, 401);
    let stranger = somebody("stranger", "growth", "viewer").with_roles(&[]);
    for _ in 0..2 {
        assert_eq!(stage.get(&stranger, PATH).await.status, 403);
    }
    let token = stage.token(&ann());
    assert_eq!(send(with(&format!("Bearer {token}"))).await.status, 200);
    let (head, signature) = token.rsplit_once('.').unwrap();
    let turned: String = signature.chars().rev().collect();
    assert_eq!(send(with(&format!("Bearer {head}.{turned}"))).await.status, 401);
    let post = send(stage.request(&ann(), Method::POST, PATH)).await;
    assert_eq!(post.status, 405, "{}", post.text);
    stage.finish().await;
}

#[tokio::test]
async fn what_is_kept_whole_counts_to_the_limits_like_anything_else_and_once() {
    let usual = "reads = { per_second = 1000, burst = 1000 }";
    let stage = Stage::changed("", &[(usual, "reads = { per_second = 1, burst = 5 }")]).await;
    let mut statuses = Vec::new();
    for _ in 0..12 {
        statuses.push(stage.get(&ann(), PATH).await.status);
    }
    let passed = statuses.iter().filter(|status| **status == 200).count();
    assert!((5..=8).contains(&passed), "five at once and one a second: {statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 12 - passed);
    let metrics = stage.ops("/metrics").await.text;
    let decisions = |limit, decision| {
        let series =
            format!("numbers_gateway_limit_decisions_total{{decision=\"{decision}\",limit=\"{limit}\"}}");
        metrics.lines().find_map(|line| line.strip_prefix(&series)?.trim().parse::<usize>().ok()).unwrap()
    };
    assert_eq!((decisions("reads", "allowed"), decisions("reads", "rejected")), (passed, 12 - passed));
    assert_eq!((decisions("addresses", "allowed"), decisions("addresses", "rejected")), (12, 0));
    stage.finish().await;
}

#[tokio::test]
async fn what_is_kept_whole_ends_with_the_first_number_of_it_that_is_sold() {
    let stage = Stage::new().await;
    for _ in 0..2 {
        assert_eq!(stage.get(&ann(), PATH).await.status, 200);
    }
    let number = stage.get(&ann(), PATH).await.json()["data"]["data"][0]["dedicated_number"].clone();
    let number = number.as_str().unwrap();
    assert_eq!(stage.buy(&ann(), number).await.status, 200);
    for _ in 0..3 {
        let after = stage.get(&ann(), PATH).await;
        assert!(!after.text.contains(number), "{}", after.text);
        assert_eq!(after.header("cache-status"), Some("numbers-gateway; hit"));
    }
    assert_eq!(stage.calls("search").await, 2, "one for people, one for the price");
    stage.finish().await;
}

#[tokio::test]
async fn whoever_insists_changes_the_answer_for_everybody() {
    let (stage, hand) = Stage::with_hand("").await;
    for _ in 0..2 {
        assert_eq!(stage.get(&ann(), PATH).await.status, 200);
    }
    hand.advance(std::time::Duration::from_secs(6));
    let fresh = send(stage.request(&ann(), Method::GET, PATH).header("cache-control", "no-cache")).await;
    let after = stage.get(&ann(), PATH).await;
    assert_eq!((fresh.status.as_u16(), after.status.as_u16()), (200, 200));
    assert_eq!(after.header("age"), Some("0"));
    stage.finish().await;
}
