//! Where numbers come from and where they go: preexisting, orphans, assigned, gone.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::reconciling::root;
use crate::stage::{Stage, ann, send, somebody};

const ORPHANS: &str = "numbers_gateway_numbers_unassigned{origin=\"orphan\"}";
const PREEXISTING: &str = "numbers_gateway_numbers_unassigned{origin=\"preexisting\"}";

async fn listed(stage: &Stage, who: &crate::stage::Somebody) -> Vec<Value> {
    let page = stage.get(who, "/v3/numbers?limit=100").await.json();
    let rows = page["data"]["data"].as_array().cloned().unwrap_or_default();
    rows.into_iter().map(|row| row["dedicated_number"].clone()).collect()
}

#[tokio::test]
async fn what_was_there_before_the_gateway_is_no_alarm_and_is_assigned_in_bulk() {
    let mut stage = Stage::looking_later("").await;
    let mut before = Vec::new();
    for country in ["NZ", "NZ", "AU"] {
        let sale = stage.control("sell", json!({"country": country})).await;
        before.push(sale["sale"]["number"].as_str().unwrap().to_owned());
    }
    stage.start_gateway().await;
    let row = stage.await_number(&before[2], |row| row["origin"] == "preexisting").await;
    assert_eq!((&row["team"], &row["monthly"]["amount"]), (&Value::Null, &json!("20.71")));
    assert_eq!(stage.series(PREEXISTING).await, 3);
    let refused = stage.post(&ann(), "/v1/numbers/assign", &json!({"all": true, "team": "growth"})).await;
    assert_eq!(refused.verdict(), "403 FORBIDDEN");
    let some = stage.post(&root(), "/v1/numbers/assign", &json!({"country": "NZ", "team": "support"})).await;
    assert_eq!(some.json(), json!({"assigned": 2, "unchanged": 0}));
    stage.restart().await;
    let rest = stage.post(&root(), "/v1/numbers/assign", &json!({"all": true, "team": "growth"})).await;
    assert_eq!(rest.json(), json!({"assigned": 1, "unchanged": 0}), "what a team has is not taken from it");
    assert_eq!(listed(&stage, &ann()).await, [json!(before[2])]);
    assert_eq!((stage.series(PREEXISTING).await, stage.events("number.orphaned").len()), (0, 0));
    stage.all_is_explained().await;
    stage.finish().await;
}

#[tokio::test]
async fn a_sale_behind_the_gateways_back_is_an_alarm_until_somebody_assigns_it() {
    let mut stage = Stage::looking("").await;
    let own = stage.numbers_on_sale("AU").await[0].clone();
    assert_eq!(stage.buy(&ann(), &own).await.verdict(), "200 SUCCESS");
    stage.await_number(&own, |row| row["origin"] == "bought" && row["first_seen"].is_string()).await;
    let sale = stage.control("sell", json!({"country": "NZ"})).await;
    let number = sale["sale"]["number"].as_str().unwrap().to_owned();
    stage.await_number(&number, |row| row["origin"] == "orphan" && row["first_seen"].is_string()).await;
    assert_eq!(stage.events("number.orphaned").len(), 1);
    assert_eq!(stage.series("numbers_gateway_alarms_total{alarm=\"orphaned\"}").await, 1);
    assert_eq!(stage.series(ORPHANS).await, 1);
    stage.restart().await;
    stage.ledger(&format!("operation=list&wait_answered={}", stage.calls("list").await + 2)).await;
    assert_eq!((stage.series(ORPHANS).await, stage.events("number.orphaned").len()), (1, 1), "told once");

    for (body, verdict) in [
        (json!({"numbers": ["+61491579999"], "team": "growth"}), "400 BAD_REQUEST"),
        (json!({"numbers": [number], "team": "nobody"}), "400 BAD_REQUEST"),
        (json!({"numbers": [number], "all": true, "team": "growth"}), "400 BAD_REQUEST"),
        (json!({"team": "growth"}), "400 BAD_REQUEST"),
    ] {
        assert_eq!(stage.post(&root(), "/v1/numbers/assign", &body).await.verdict(), verdict, "{body}");
    }
    let lines = format!("number,team\n{number},support\n{own},support\n");
    let request = stage.request(&root(), Method::POST, "/v1/numbers/assign");
    let moved = send(request.header("content-type", "text/csv").body(lines)).await;
    assert_eq!(moved.json(), json!({"assigned": 2, "unchanged": 0}), "{}", moved.text);
    assert_eq!(stage.series(ORPHANS).await, 0);
    assert_eq!(stage.events("number.assigned").len(), 2);
    let bob = somebody("bob", "support", "viewer");
    assert_eq!(listed(&stage, &bob).await.len(), 2);
    assert!(listed(&stage, &ann()).await.is_empty(), "moved away from growth");
    let text = stage.ops("/metrics").await.text;
    let recurring = text.lines().find(|line| line.starts_with("numbers_gateway_recurring_monthly{")).unwrap();
    assert!(recurring.contains("team=\"support\"") && recurring.ends_with(" 20.71"), "{recurring}");
    stage.all_is_explained().await;
    stage.finish().await;
}

#[tokio::test]
async fn a_number_that_has_left_the_account_can_be_bought_again_and_is_an_orphan_if_it_comes_back_by_itself()
{
    let mut stage = Stage::looking("").await;
    let number = stage.numbers_on_sale("AU").await[0].clone();
    let first = stage.buy(&ann(), &number).await;
    assert_eq!(first.verdict(), "200 SUCCESS");
    stage.await_number(&number, |row| row["first_seen"].is_string()).await;
    stage.restart().await;
    stage.control("give_up", json!({"number": number, "offered_again": true})).await;
    let gone = stage
        .await_some("number.gone", async |stage: &Stage| stage.events("number.gone").first().cloned())
        .await;
    assert_eq!(gone["details"]["team"], "growth");
    assert!(
        !stage.ops("/metrics").await.text.contains("numbers_gateway_recurring_monthly{"),
        "it costs no more"
    );
    stage.restart().await;
    let second = stage.buy(&ann(), &number).await;
    assert_eq!(second.verdict(), "200 SUCCESS", "{}", second.text);
    assert_ne!(second.header("x-gateway-purchase"), first.header("x-gateway-purchase"));
    stage
        .await_number(&number, |row| {
            row["purchase"] == second.header("x-gateway-purchase").unwrap() && row["first_seen"].is_string()
        })
        .await;
    assert_eq!(stage.events("number.orphaned").len(), 0);

    stage.control("give_up", json!({"number": number, "offered_again": true})).await;
    stage
        .await_some("number.gone", async |stage: &Stage| {
            (stage.events("number.gone").len() == 2).then_some(())
        })
        .await;
    stage.control("sell", json!({"number": number})).await;
    stage.await_number(&number, |row| row["origin"] == "orphan" && row["first_seen"].is_string()).await;
    stage.finish().await;
}

#[tokio::test]
async fn one_complete_list_that_lacks_a_number_frees_nothing() {
    let stage =
        Stage::with("[purchases]\nabsence_window = \"2s\"\nscan_spacing = \"1h\"\nsweep_every = \"1s\"\n")
            .await;
    stage.end_faults().await;
    let number = stage.numbers_on_sale("AU").await[0].clone();
    assert_eq!(stage.buy(&ann(), &number).await.verdict(), "200 SUCCESS");
    stage.await_number(&number, |row| row["first_seen"].is_string()).await;
    stage.fault(json!({"operation": "list", "fault": "list_page_lies", "omit": 1, "total_off": -1})).await;
    stage.ledger(&format!("operation=list&wait_answered={}", stage.calls("list").await + 3)).await;
    assert_eq!(stage.events("number.gone").len(), 0);
    stage.end_faults().await;
    assert_eq!(stage.buy(&ann(), &number).await.verdict(), "200 SUCCESS", "still the same purchase");
    assert_eq!(stage.calls("buy").await, 1);
    stage.finish().await;
}

#[tokio::test]
async fn the_number_of_a_purchase_under_way_is_its_teams() {
    let (stage, hand) = Stage::with_hand("").await;
    let number = stage.numbers_on_sale("AU").await[0].clone();
    let location = stage.lose(&ann(), &number, json!({"fault": "drop_after_sale"})).await;
    hand.advance(Duration::from_mins(10));
    // The list shows it already, and nobody has concluded anything from that yet.
    assert_eq!(listed(&stage, &ann()).await, [json!(number)]);
    let rest = stage.post(&root(), "/v1/numbers/assign", &json!({"all": true, "team": "support"})).await;
    assert_eq!(rest.json(), json!({"assigned": 0, "unchanged": 0}));
    assert!(listed(&stage, &somebody("bob", "support", "viewer")).await.is_empty());
    assert_eq!(stage.get(&ann(), &location).await.json()["state"], "unknown");
    stage.finish().await;
}
