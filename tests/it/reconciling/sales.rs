//! Sales that come late, or cost more than they should: booked, told, and stopped where money is at stake.

use serde_json::json;

use crate::reconciling::root;
use crate::stage::{Stage, ann, somebody};

#[tokio::test]
async fn a_sale_that_shows_after_the_window_is_booked_late_and_stops_its_team_only() {
    let mut stage = Stage::looking("").await;
    let numbers = stage.numbers_on_sale("AU").await;
    stage.fault(json!({"operation": "buy", "fault": "late_visibility", "count": 1})).await;
    let location = stage.lose(&ann(), &numbers[0], json!({"fault": "drop_after_sale"})).await;
    stage.await_state(&location, &["not_bought"]).await;
    stage.restart().await;
    stage.control("release", json!({})).await;
    let late = stage.await_state(&location, &["bought_late"]).await;
    assert_eq!((&late["done"], &late["bought"]), (&json!(true), &json!(true)));
    let event = late["history"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(
        (&event["action"], &event["details"]["basis"]),
        (&json!("purchase.bought_late"), &json!("estimated"))
    );
    let kinds: Vec<String> = stage.entries(&location).into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, ["hold", "release", "first_period"]);
    let stopped = stage.buy(&ann(), &numbers[1]).await;
    assert_eq!(stopped.verdict(), "503 BUYING_FROZEN", "{}", stopped.text);
    let bob = somebody("bob", "support", "requester");
    assert_eq!(stage.buy(&bob, &numbers[1]).await.verdict(), "200 SUCCESS", "another team goes on");
    assert_eq!(stage.series("numbers_gateway_alarms_total{alarm=\"late_sale\"}").await, 1);
    let freezes = stage.get(&root(), "/v1/freezes").await.json();
    assert_eq!(freezes["items"][0]["cause"], "late_sale", "{freezes}");
    stage.restart().await;
    assert_eq!(stage.buy(&ann(), &numbers[2]).await.verdict(), "503 BUYING_FROZEN", "also after a restart");
    stage.all_is_explained().await;
    stage.finish().await;
}

#[tokio::test]
async fn a_refusal_that_was_a_sale_is_found_by_a_later_list() {
    let stage = Stage::looking("").await;
    let number = stage.numbers_on_sale("AU").await[0].clone();
    // A definite refusal, by every rule, of something that was done.
    stage
        .fault(json!({"operation": "buy", "fault": "error_envelope_in_200", "http_code": 400, "at": "after_sale", "count": 1}))
        .await;
    let refused = stage.buy(&ann(), &number).await;
    let location = refused.header("location").unwrap().to_owned();
    assert_eq!(refused.status, 502, "{}", refused.text);
    stage.await_state(&location, &["bought_late"]).await;
    stage.all_is_explained().await;
    stage.finish().await;
}

#[tokio::test]
async fn a_sale_is_no_attempts_from_before_the_number_had_left_the_account() {
    let mut stage = Stage::looking("").await;
    let number = stage.numbers_on_sale("AU").await[0].clone();
    let refuse =
        |at: &str| json!({"operation": "buy", "fault": "error_envelope_in_200", "at": at, "count": 1});
    stage.fault(refuse("before_sale")).await;
    let early = stage.buy(&ann(), &number).await.header("location").unwrap().to_owned();
    assert_eq!(stage.buy(&ann(), &number).await.verdict(), "200 SUCCESS");
    stage.await_number(&number, |row| row["first_seen"].is_string()).await;
    stage.restart().await;
    let leave = async |stage: &Stage, times: usize| {
        stage.control("give_up", json!({"number": number, "offered_again": true})).await;
        let is_gone = async |stage: &Stage| (stage.events("number.gone").len() == times).then_some(());
        stage.await_some("number.gone", is_gone).await;
    };
    leave(&stage, 1).await;
    stage.control("sell", json!({"number": number})).await;
    stage.await_number(&number, |row| row["origin"] == "orphan" && row["first_seen"].is_string()).await;
    assert_eq!(stage.get(&ann(), &early).await.json()["state"], "failed");

    // One from afterwards explains it.
    leave(&stage, 2).await;
    stage.restart().await;
    stage.fault(refuse("after_sale")).await;
    let late = stage.buy(&ann(), &number).await.header("location").unwrap().to_owned();
    stage.await_state(&late, &["bought_late"]).await;
    assert_eq!(stage.get(&ann(), &early).await.json()["state"], "failed");
    stage.finish().await;
}

#[tokio::test]
async fn a_charge_above_its_hold_is_told_and_stops_the_team_only_where_it_breaks_a_budget() {
    for (budget, verdict) in [("1000.00", "200 SUCCESS"), ("25.00", "503 BUYING_FROZEN")] {
        let teams = format!(
            "[teams.small]\nbudget = {{ spend_per_month = \"{budget}\", recurring_per_month = \"unlimited\" }}\n"
        );
        let stage = Stage::looking(&teams).await;
        let numbers = stage.numbers_on_sale("AU").await;
        stage.control("settings", json!({"first_charge": "quote"})).await;
        let dear = json!({"operation": "buy", "fault": "price_drift", "monthly": "30.00", "count": 1});
        stage.fault(dear).await;
        let sam = somebody("sam", "small", "requester");
        let bought = stage.buy(&sam, &numbers[0]).await;
        assert_eq!(bought.verdict(), "200 SUCCESS", "{}", bought.text);
        let event = stage.events("purchase.bought")[0]["details"].clone();
        assert_eq!((&event["above_hold"], &event["difference"]), (&json!(true), &json!("9.29")), "{event}");
        assert_eq!(stage.series("numbers_gateway_alarms_total{alarm=\"overcharge\"}").await, 1);
        let cheap = stage.numbers_on_sale("US").await[0].clone();
        assert_eq!(stage.buy(&sam, &cheap).await.verdict(), verdict, "{budget}");
        assert_eq!(stage.buy(&ann(), &numbers[1]).await.verdict(), "200 SUCCESS");
        stage.finish().await;
    }
}
