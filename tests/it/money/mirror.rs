//! Ten thousand owned numbers: read in a hundred calls, within the limit of calls, and paged.

use serde_json::json;

use super::{Years, root};
use crate::stage::{ann, somebody};

const NUMBERS: usize = 10_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_numbers_are_a_hundred_calls_within_the_limit_and_every_page_of_them_is_right() {
    let changes = [
        ("requests_per_minute = 6000", "requests_per_minute = 110"),
        ("sweep_every = \"1s\"", "sweep_every = \"1h\""),
    ];
    let mut years = Years::begin("2027-11-15T09:00:00Z", "", &changes).await;
    let sold = years.stage.control("sell", json!({"country": "US", "count": NUMBERS})).await;
    assert_eq!(sold["sold"], NUMBERS);
    let throttle = json!({"throttle": {"enabled": true, "limit": 120, "window_seconds": 60}});
    years.stage.control("settings", throttle).await;
    years.stage.start_gateway().await;
    let complete = "numbers_gateway_scans_total{outcome=\"complete\"}";
    years.until("the list", async || (years.series(complete).await > 0).then_some(())).await;
    assert_eq!(years.stage.calls("list").await, NUMBERS / 100);
    let ledger = years.stage.ledger("operation=list").await;
    let requests = ledger["requests"].as_array().unwrap();
    assert!(requests.iter().all(|request| request["status"] != 429), "none above the limit");

    let (mut seen, mut cursor, mut pages) = (0, String::new(), 0);
    let mut last = String::new();
    loop {
        let path = format!("/v1/numbers?limit=500&cursor={}", cursor.replace('+', "%2B"));
        let page = years.stage.get(&ann(), &path).await.json();
        for row in page["items"].as_array().unwrap() {
            let number = row["number"].as_str().unwrap();
            assert!(number > last.as_str(), "{number} after {last}");
            number.clone_into(&mut last);
            seen += 1;
        }
        pages += 1;
        match page["next_cursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    assert_eq!((seen, pages), (NUMBERS, NUMBERS / 500), "what no team has is everybody's to see");
    assert_eq!(years.stage.calls("list").await, NUMBERS / 100, "from the table");

    // A team with few among many.
    let few = json!({"numbers": [last], "team": "support"});
    assert_eq!(years.stage.post(&root(), "/v1/numbers/assign", &few).await.json()["assigned"], 1);
    let seen = years
        .stage
        .get(&ann(), &format!("/v1/numbers?cursor={}", super::before(&last).replace('+', "%2B")))
        .await;
    assert_eq!(seen.json()["items"], json!([]), "another team's");
    let bob = somebody("bob", "support", "viewer");
    let path = format!("/v1/numbers?cursor={}", super::before(&last).replace('+', "%2B"));
    let own = years.stage.get(&bob, &path).await;
    assert_eq!(own.json()["items"][0]["number"], json!(last));
    years.stage.finish().await;
}
