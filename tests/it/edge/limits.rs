//! The limits of one caller, and what a caller is told about them.

use super::{SEARCH, assert_form, assert_upstream_heard_nothing};
use crate::stage::{Stage, ann, somebody};

#[tokio::test]
async fn a_limit_that_is_used_up_says_which_and_for_how_long() {
    let reads = ("reads = { per_second = 1000, burst = 1000 }", "reads = { per_second = 1, burst = 3 }");
    let stage = Stage::changed("", &[reads]).await;
    let mut last = Vec::new();
    for _ in 0..3 {
        last.push(stage.get(&ann(), "/v1/me").await.status.as_u16());
    }
    assert_eq!(last, [200; 3]);
    for path in ["/v1/me", SEARCH, "/v3/numbers"] {
        let answer = stage.get(&ann(), path).await;
        assert_eq!(answer.verdict(), "429 TOO_MANY_REQUESTS", "{path}");
        assert_form(path, &answer);
        let wait: u32 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=2).contains(&wait), "{path} {wait}");
        assert!(answer.header("ratelimit").unwrap().starts_with("\"reads\";r=0;t="), "{:?}", answer.headers);
        assert_eq!(answer.header("ratelimit-policy"), Some("\"reads\";q=3;w=3"), "{path}");
    }
    let other = somebody("bob", "growth", "viewer");
    assert_eq!(stage.get(&other, "/v1/me").await.status, 200, "a limit is a person's own");
    assert_upstream_heard_nothing(&stage).await;
    stage.finish().await;
}

#[tokio::test]
async fn searches_that_go_upstream_and_writes_have_limits_of_their_own() {
    let misses = ("misses = { per_minute = 1000, burst = 1000 }", "misses = { per_minute = 1, burst = 1 }");
    let writes = ("writes = { per_minute = 1000, burst = 1000 }", "writes = { per_minute = 1, burst = 1 }");
    let stage = Stage::changed("", &[misses, writes]).await;
    assert_eq!(stage.get(&ann(), SEARCH).await.status, 200);
    assert_eq!(stage.get(&ann(), SEARCH).await.status, 200, "what is kept costs nothing");
    let miss = stage.get(&ann(), "/v3/numbers/search/US").await;
    assert_eq!(miss.verdict(), "429 TOO_MANY_REQUESTS");
    assert_eq!(miss.header("retry-after"), Some("2"), "Python's SDK sleeps that long, three times");
    assert_eq!(miss.header("ratelimit-policy"), Some("\"misses\";q=1;w=60"));
    assert_eq!(stage.buy(&ann(), "+61491570000").await.verdict(), "200 SUCCESS");
    assert_eq!(stage.buy(&ann(), "+61491570000").await.verdict(), "200 SUCCESS", "a repeat costs nothing");
    let write = stage.buy(&ann(), "+61491570001").await;
    assert_eq!(write.verdict(), "429 TOO_MANY_REQUESTS");
    assert_eq!(write.header("ratelimit-policy"), Some("\"writes\";q=1;w=60"));
    let wait: u32 = write.header("retry-after").unwrap().parse().unwrap();
    assert!((50..=60).contains(&wait), "no SDK repeats a POST, so it is told the truth: {wait}");
    assert_eq!(stage.calls("buy").await, 1);
    stage.finish().await;
}
