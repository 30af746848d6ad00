//! A thousand lost answers in one run: half of them sold.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use serde_json::json;

use crate::reconciling::root;
use crate::stage::{Stage, somebody};

/// Buying a thousand changes the list all the time, so a list has to last for longer than elsewhere.
const CONFIGURATION: &str = r#"
[purchases]
absence_window = "3s"
scan_spacing = "1s"
sweep_every = "10s"
[limits.purchases_per_day]
subject = 100000
team = 100000
[teams.many]
budget = { spend_per_month = "unlimited", recurring_per_month = "unlimited" }
"#;
const BUYERS: [&str; 4] = ["ada", "ben", "cleo", "dan"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_thousand_lost_answers_every_sale_is_booked_once_and_nothing_else_is() {
    let stage = Stage::with(CONFIGURATION).await;
    stage.end_faults().await;
    let complete = "numbers_gateway_scans_total{outcome=\"complete\"}";
    stage.await_some("a list", async |stage: &Stage| (stage.series(complete).await > 0).then_some(())).await;
    stage.control("balance", json!({"balance": "1000000.00"})).await;
    let mut numbers = Vec::new();
    for page in 1..=10 {
        numbers.extend(stage.page_on_sale("US", page).await);
    }
    assert_eq!(numbers.len(), 1_000);
    stage.fault(json!({"operation": "buy", "fault": "drop_before_sale", "probability": 0.5})).await;
    stage.fault(json!({"operation": "buy", "fault": "drop_after_sale"})).await;
    let buying = futures_util::stream::iter(numbers.iter().enumerate()).map(async |(index, number)| {
        let who = somebody(BUYERS[index % BUYERS.len()], "many", "requester");
        let lost = stage.buy(&who, number).await;
        assert_eq!(lost.verdict(), "409 PURCHASE_OUTCOME_UNKNOWN", "{}", lost.text);
    });
    buying.buffer_unordered(24).collect::<Vec<()>>().await;
    stage.end_faults().await;
    let begun = Instant::now();
    let unknown = "numbers_gateway_purchases_in_state{state=\"unknown\"}";
    while stage.series(unknown).await > 0 {
        assert!(begun.elapsed() < Duration::from_mins(1), "{} left", stage.series(unknown).await);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let sold = stage.sold().await;
    assert!((300..700).contains(&sold.len()), "{}", sold.len());
    let mut bought = Vec::new();
    let mut cursor = String::new();
    loop {
        let page =
            stage.get(&root(), &format!("/v1/purchases?state=bought&limit=100&cursor={cursor}")).await.json();
        let items = page["items"].as_array().unwrap();
        bought.extend(items.iter().map(|item| item["number"].as_str().unwrap().to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    assert_eq!(bought.len(), sold.len(), "none twice");
    assert_eq!(bought.into_iter().collect::<BTreeSet<_>>(), sold, "none false, none forgotten");
    assert_eq!(stage.calls("buy").await, 1_000);
    assert_eq!(stage.series("numbers_gateway_alarms_total{alarm=\"late_sale\"}").await, 0);
    stage.all_is_explained().await;
    stage.finish().await;
}
