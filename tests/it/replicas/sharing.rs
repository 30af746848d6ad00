//! What is shared: budgets, keys, caches, freezes.

use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use serde_json::json;

use super::{Fleet, hold_buys, root};
use crate::stage::{ann, send, somebody};

/// Growth may spend what ten numbers cost.
const TEN: (&str, &str) = (
    r#"[teams.growth]
budget = { spend_per_month = "1000.00", recurring_per_month = "1000.00" }"#,
    r#"[teams.growth]
budget = { spend_per_month = "207.10", recurring_per_month = "unlimited" }"#,
);

#[tokio::test]
async fn sixty_four_buys_through_three_replicas_against_money_for_ten_are_ten() {
    let Some(mut fleet) = Fleet::of(0, "").await else { return };
    fleet.stage.configure(TEN.0, TEN.1);
    for _ in 0..3 {
        fleet.add().await;
    }
    let numbers = fleet.stage.numbers_on_sale("AU").await;
    assert!(numbers.len() >= 64);
    // Nothing is answered before everybody was decided: a charge is smaller than its hold and would make room.
    hold_buys(&fleet.stage, 64).await;
    let buys = numbers.iter().take(64).map(|number| (number.clone(), None));
    let mut buys: FuturesUnordered<_> = fleet.requests_through_all(buys).into_iter().map(send).collect();
    for _ in 0..54 {
        let refused = buys.next().await.unwrap();
        assert_eq!(refused.verdict(), "403 BUDGET_EXCEEDED", "{}", refused.text);
    }
    let stage = &fleet.stage;
    let release = async {
        stage.ledger("operation=buy&wait_held=10").await;
        stage.control("release", json!({})).await
    };
    let (bought, _) = tokio::join!(buys.collect::<Vec<_>>(), release);
    for bought in &bought {
        assert_eq!(bought.verdict(), "200 SUCCESS", "{}", bought.text);
    }
    assert_eq!(fleet.stage.calls("buy").await, 10);
    fleet.finish().await;
}

#[tokio::test]
async fn fifty_equal_requests_spread_over_three_replicas_are_one_purchase() {
    let Some(mut fleet) = Fleet::of(3, "").await else { return };
    let number = fleet.stage.numbers_on_sale("AU").await[0].clone();
    let buys = std::iter::repeat_n((number, Some("the one")), 50);
    let answers = join_all(fleet.requests_through_all(buys).into_iter().map(send)).await;
    let purchases: std::collections::BTreeSet<_> =
        answers.iter().map(|answer| answer.header("location").unwrap_or_default().to_owned()).collect();
    assert_eq!(purchases.len(), 1, "{purchases:?}");
    for answer in &answers {
        assert_eq!(answer.verdict(), "200 SUCCESS", "{}", answer.text);
    }
    assert_eq!(fleet.stage.calls("buy").await, 1);
    fleet.finish().await;
}

#[tokio::test]
async fn what_one_replica_buys_is_offered_by_no_other_within_a_second() {
    let Some(mut fleet) = Fleet::of(3, "").await else { return };
    let number = fleet.stage.numbers_on_sale("AU").await[0].clone();
    let search = "/v3/numbers/search/AU?limit=100";
    for replica in 0..3 {
        assert!(fleet.at(replica).get(&ann(), search).await.text.contains(&number));
    }
    let answer = fleet.at(0).buy(&ann(), &number).await;
    assert_eq!(answer.verdict(), "200 SUCCESS", "{}", answer.text);
    let bought = Instant::now();
    for replica in [1, 2] {
        fleet.until(replica, search, |page| !page.to_string().contains(&number)).await;
    }
    assert!(bought.elapsed() < Duration::from_secs(1), "{:?}", bought.elapsed());
    fleet.finish().await;
}

#[tokio::test]
async fn a_freeze_stops_every_replica_and_so_does_its_end() {
    let Some(mut fleet) = Fleet::of(2, "").await else { return };
    let numbers = fleet.stage.numbers_on_sale("AU").await;
    let frozen = fleet.at(0).post(&root(), "/v1/freezes", &json!({"scope": "all", "reason": "a look"})).await;
    assert_eq!(frozen.status, 201, "{}", frozen.text);
    assert_eq!(fleet.at(1).buy(&ann(), &numbers[0]).await.verdict(), "503 BUYING_FROZEN");
    let id = frozen.json()["id"].as_str().unwrap().to_owned();
    let lifted = fleet.at(1).post(&root(), &format!("/v1/freezes/{id}/lift"), &json!({})).await;
    assert_eq!(lifted.status, 200, "{}", lifted.text);
    for replica in 0..2 {
        let deadline = Instant::now() + Duration::from_secs(2);
        loop {
            let verdict = fleet.at(replica).buy(&ann(), &numbers[1 + replica]).await.verdict();
            if verdict == "200 SUCCESS" {
                break;
            }
            assert_eq!(verdict, "503 BUYING_FROZEN");
            assert!(Instant::now() < deadline, "replica {replica} did not hear of it");
        }
    }
    fleet.finish().await;
}

#[tokio::test]
async fn metrics_tell_how_many_replicas_there_are_and_that_one_leads() {
    let Some(mut fleet) = three_that_know_each_other(&[]).await else { return };
    let mut leading = 0;
    for replica in 0..3 {
        let metrics = fleet.ops(replica, "/metrics").await;
        let says = |line: &str| metrics.lines().any(|said| said == line);
        assert!(says("numbers_gateway_replicas 3"), "{metrics}");
        assert!(says(r#"numbers_gateway_db_pool_connections{state="max"} 8"#), "{metrics}");
        leading += usize::from(says("numbers_gateway_leads 1"));
    }
    assert_eq!(leading, 1);
    fleet.finish().await;
}

const WRITES: &str = "writes = { per_minute = 1000, burst = 1000 }";
const READS: &str = "reads = { per_second = 1000, burst = 1000 }";

/// A request of reading costs as much as there are replicas, so each has to know of the others first.
async fn three_that_know_each_other(limits: &[(&str, &str)]) -> Option<Fleet> {
    let mut fleet = Fleet::of(0, "").await?;
    for (usual, other) in limits {
        fleet.stage.configure(usual, other);
    }
    for _ in 0..3 {
        fleet.add().await;
    }
    for replica in 0..3 {
        fleet.process(replica).says(r#""replicas":3"#).await;
    }
    Some(fleet)
}

#[tokio::test]
async fn three_replicas_let_as_many_writes_through_as_one_would() {
    let Some(mut fleet) =
        three_that_know_each_other(&[(WRITES, "writes = { per_minute = 1, burst = 5 }")]).await
    else {
        return;
    };
    let numbers = fleet.stage.numbers_on_sale("AU").await;
    let buys = numbers.iter().take(12).map(|number| (number.clone(), None));
    let answers = join_all(fleet.requests_through_all(buys).into_iter().map(send)).await;
    let count = |verdict: &str| answers.iter().filter(|answer| answer.verdict() == verdict).count();
    assert_eq!((count("200 SUCCESS"), count("429 TOO_MANY_REQUESTS")), (5, 7), "{answers:?}");
    let limited = answers.iter().find(|answer| answer.status == 429).unwrap();
    let wait: u64 = limited.header("retry-after").unwrap().parse().unwrap();
    assert!((30..=61).contains(&wait), "one comes back each minute: {wait} s");
    let somebody_else = fleet.at(1).buy(&somebody("ben", "growth", "requester"), &numbers[20]).await;
    assert_eq!(somebody_else.verdict(), "200 SUCCESS", "{}", somebody_else.text);
    fleet.finish().await;
}

#[tokio::test]
async fn three_replicas_share_what_may_be_read() {
    let Some(mut fleet) =
        three_that_know_each_other(&[(READS, "reads = { per_second = 1, burst = 30 }")]).await
    else {
        return;
    };
    let began = Instant::now();
    for replica in 0..3 {
        let mut passed = 0;
        while fleet.at(replica).get(&ann(), "/v1/me").await.status == 200 {
            passed += 1;
        }
        // One comes back in three seconds.
        let came_back = 1 + began.elapsed().as_secs() / 3;
        assert!((10..=10 + came_back).contains(&passed), "{passed} through replica {replica}");
    }
    fleet.finish().await;
}

/// The list that one has read is everybody's.
#[tokio::test]
async fn what_one_replica_lists_the_others_show_without_asking_clicksend() {
    let Some(mut fleet) = Fleet::of(0, "").await else { return };
    fleet.stage.configure("sweep_every = \"2s\"", "sweep_every = \"15m\"");
    fleet.add().await;
    // It leads, and has looked by itself.
    let looked = r#"numbers_gateway_scans_total{outcome="complete"} 1"#;
    while !fleet.stage.ops("/metrics").await.text.contains(looked) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let number = fleet.stage.numbers_on_sale("AU").await[0].clone();
    let read = fleet.stage.calls("list").await;
    assert!(read > 0);
    for _ in 0..2 {
        fleet.add().await;
    }
    let bought = fleet.at(2).buy(&ann(), &number).await;
    assert_eq!(bought.verdict(), "200 SUCCESS", "{}", bought.text);
    for replica in 0..3 {
        fleet.until(replica, "/v3/numbers", |list| list.to_string().contains(&number)).await;
    }
    assert_eq!(fleet.stage.calls("list").await, read);
    fleet.finish().await;
}

#[tokio::test]
async fn who_asks_again_elsewhere_waits_for_the_replica_that_sends() {
    let Some(mut fleet) = Fleet::of(2, "").await else { return };
    let number = fleet.stage.numbers_on_sale("AU").await[0].clone();
    hold_buys(&fleet.stage, 1).await;
    let path = format!("/v3/numbers/buy/{}", number.replace('+', "%2B"));
    let first = fleet.at(0).request(&ann(), reqwest::Method::POST, &path);
    let first = tokio::task::spawn(send(first));
    fleet.stage.ledger("operation=buy&wait_held=1").await;
    let second = fleet.at(1).request(&ann(), reqwest::Method::POST, &path);
    let second = tokio::task::spawn(send(second));
    fleet.at(1).get(&ann(), "/v1/me").await;
    fleet.stage.control("release", json!({})).await;
    for answer in [first.await.unwrap(), second.await.unwrap()] {
        assert_eq!(answer.verdict(), "200 SUCCESS", "{}", answer.text);
    }
    assert_eq!(fleet.stage.calls("buy").await, 1);
    fleet.finish().await;
}
