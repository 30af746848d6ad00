//! What is shared: budgets, keys, caches, freezes.

use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use serde_json::json;

use super::{Fleet, hold_buys};
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
    let root = somebody("root", "growth", "administrator");
    let frozen = fleet.at(0).post(&root, "/v1/freezes", &json!({"scope": "all", "reason": "a look"})).await;
    assert_eq!(frozen.status, 201, "{}", frozen.text);
    assert_eq!(fleet.at(1).buy(&ann(), &numbers[0]).await.verdict(), "503 BUYING_FROZEN");
    let id = frozen.json()["id"].as_str().unwrap().to_owned();
    let lifted = fleet.at(1).post(&root, &format!("/v1/freezes/{id}/lift"), &json!({})).await;
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
