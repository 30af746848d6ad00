//! Lost answers: whatever upstream did, it is known in the end.

use serde_json::{Value, json};
use std::time::{Duration, Instant};

use crate::reconciling::actions;
use crate::stage::{Stage, ann};

/// Everything that upstream can do to a buy without a certain answer.
fn ambiguous() -> Vec<Value> {
    vec![
        json!({"fault": "drop_after_sale"}),
        json!({"fault": "drop_before_sale"}),
        json!({"fault": "truncate"}),
        json!({"fault": "html_500_after_sale"}),
        json!({"fault": "html_500_before_sale"}),
        json!({"fault": "redirect_302"}),
        json!({"fault": "other_number", "number": "+61491570999"}),
        json!({"fault": "empty_body"}),
        json!({"fault": "huge_body", "bytes": 10_000_000}),
        json!({"fault": "wrong_content_type"}),
        json!({"fault": "arbitrary", "status": 503, "body": {}, "at": "after_sale"}),
        json!({"fault": "arbitrary", "status": 409, "body": {"http_code": 409, "response_code": "X", "response_msg": "x", "data": null}}),
        json!({"fault": "error_envelope_in_200", "http_code": 500, "at": "after_sale"}),
        json!({"fault": "error_envelope_in_200", "http_code": 500, "at": "before_sale"}),
        json!({"fault": "hold", "at": "after_sale"}),
        json!({"fault": "hold", "at": "before_sale"}),
    ]
}

#[tokio::test]
async fn every_fault_of_a_buy_ends_in_what_upstream_really_did() {
    let stage = Stage::looking("").await;
    let mut numbers = stage.numbers_on_sale("AU").await.into_iter();
    let mut lost = Vec::new();
    for fault in ambiguous() {
        let number = numbers.next().unwrap();
        let mut ordered = fault.clone();
        ordered["operation"] = json!("buy");
        ordered["count"] = json!(1);
        stage.fault(ordered).await;
        let answer = stage.buy(&ann(), &number).await;
        if answer.verdict() == "200 SUCCESS" {
            assert_eq!(fault["fault"], "wrong_content_type", "only its type was wrong");
            continue;
        }
        assert_eq!(answer.verdict(), "409 PURCHASE_OUTCOME_UNKNOWN", "{fault}: {}", answer.text);
        lost.push((fault, number, answer.header("location").unwrap().to_owned()));
    }
    stage.control("release", json!({})).await;
    for (fault, number, location) in &lost {
        let settled = stage.await_state(location, &["bought", "not_bought", "bought_late"]).await;
        // What was held before the sale is sold after the end of the faults, perhaps after the window.
        let sold = stage.sold().await.contains(number);
        assert_eq!(settled["bought"], json!(sold), "{fault}: {}", settled["state"]);
        let ends = actions(&settled).last().copied().map(ToOwned::to_owned);
        let wanted = if sold { "purchase.bought" } else { "purchase.not_bought" };
        assert_eq!(ends.as_deref(), Some(wanted), "{fault}");
        let again = stage.buy(&ann(), number).await;
        assert_eq!(again.verdict(), "200 SUCCESS", "{fault}: what was not bought may be bought anew");
    }
    stage.all_is_explained().await;
    stage.finish().await;
}

#[tokio::test]
async fn a_certain_refusal_is_final_and_its_hold_is_back() {
    let stage = Stage::looking("").await;
    let mut numbers = stage.numbers_on_sale("AU").await.into_iter();
    for fault in [
        json!({"operation": "buy", "count": 1, "fault": "number_gone"}),
        json!({"operation": "buy", "count": 1, "fault": "insufficient_balance"}),
        json!({"operation": "buy", "count": 1, "fault": "error_envelope_in_200"}),
    ] {
        let number = numbers.next().unwrap();
        stage.fault(fault.clone()).await;
        let refused = stage.buy(&ann(), &number).await;
        let purchase = stage.get(&ann(), refused.header("location").unwrap()).await.json();
        assert_eq!(purchase["state"], "failed", "{fault}");
        let entries = stage.entries(refused.header("location").unwrap());
        assert_eq!(entries.iter().map(|(_, amount)| amount).sum::<i64>(), 0, "{fault}");
    }
    stage.finish().await;
}

#[tokio::test]
async fn a_found_sale_is_charged_by_the_days_that_its_month_has_left_and_says_that_this_is_an_estimate() {
    let stage = Stage::looking("").await;
    let number = stage.numbers_on_sale("CA").await[0].clone();
    let location = stage.lose(&ann(), &number, json!({"fault": "drop_after_sale"})).await;
    let bought = stage.await_state(&location, &["bought"]).await;
    let event = bought["history"].as_array().unwrap().last().unwrap()["details"].clone();
    assert_eq!(
        (&event["basis"], &event["found"], &event["by"], &event["above_hold"]),
        (&json!("estimated"), &json!(true), &json!("list"), &json!(false))
    );
    // The simulator charges by the same formula, rounded to cents.
    let charged: f64 = event["charged"].as_str().unwrap().parse().unwrap();
    let sale = stage.ledger("").await["sales"][0]["price_total"].clone();
    let sale: f64 = sale.as_str().map_or_else(|| sale.as_f64().unwrap(), |text| text.parse().unwrap());
    assert!((charged - sale).abs() <= 0.005, "{charged} {sale}");
    let entries = stage.entries(&location);
    let kinds: Vec<&str> = entries.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(kinds, ["hold", "release", "setup", "first_period"]);
    let held: i64 = entries.iter().take(2).map(|(_, amount)| amount).sum();
    assert_eq!(held, 0);
    assert_eq!(stage.series("numbers_gateway_bookings_total{basis=\"estimated\",by=\"list\"}").await, 1);
    let again = stage.buy(&ann(), &number).await;
    assert_eq!(again.verdict(), "200 SUCCESS", "who asks again gets the success of a buy");
    assert_eq!(again.json()["data"]["dedicated_number"], json!(number));
    assert_eq!(stage.calls("buy").await, 1);
    stage.finish().await;
}

#[tokio::test]
async fn what_did_not_happen_is_given_back_after_window_and_spacing_and_not_before() {
    // The second one is as old as the window when its socket is closed: the window begins then, not at its claim.
    for fault in [json!({"fault": "drop_before_sale"}), json!({"fault": "hold", "at": "before_sale"})] {
        let stage = Stage::looking("").await;
        let number = stage.numbers_on_sale("AU").await[0].clone();
        let location = stage.lose(&ann(), &number, fault.clone()).await;
        let lost = Instant::now();
        let given_back = stage.await_state(&location, &["not_bought"]).await;
        // The answer took its way back to us after the loss was known.
        let took = lost.elapsed();
        assert!(took >= Duration::from_millis(2_900), "{fault}: window and spacing were over after {took:?}");
        assert_eq!((&given_back["done"], &given_back["bought"]), (&json!(true), &json!(false)));
        let kinds: Vec<String> = stage.entries(&location).into_iter().map(|(kind, _)| kind).collect();
        assert_eq!(kinds, ["hold", "release"]);
        let again = stage.buy(&ann(), &number).await;
        assert_eq!(again.verdict(), "200 SUCCESS");
        assert_ne!(again.header("location"), Some(location.as_str()), "another purchase");
        stage.finish().await;
    }
}

#[tokio::test]
async fn one_sighting_in_a_torn_list_is_enough_and_a_torn_list_proves_no_absence() {
    let stage = Stage::looking("").await;
    let numbers = stage.numbers_on_sale("AU").await;
    stage.await_young_list().await;
    stage.fault(json!({"operation": "list", "fault": "list_page_lies", "omit": 0, "total_off": 1})).await;
    let absent = stage.lose(&ann(), &numbers[0], json!({"fault": "drop_before_sale"})).await;
    let lost = Instant::now();
    let sold = stage.lose(&ann(), &numbers[1], json!({"fault": "drop_after_sale"})).await;
    stage.await_state(&sold, &["bought"]).await;
    // A list that contradicts itself is read three times.
    stage.await_pages_after(lost, Duration::from_secs(5), 6).await;
    assert_eq!(stage.get(&ann(), &absent).await.json()["state"], "unknown");
    assert_eq!(stage.entries(&absent).len(), 1, "the hold stays");
    stage.end_faults().await;
    stage.await_state(&absent, &["not_bought"]).await;
    stage.finish().await;
}

#[tokio::test]
async fn a_list_that_lies_once_voids_nothing() {
    let stage =
        Stage::with("[purchases]\nabsence_window = \"2s\"\nscan_spacing = \"8s\"\nsweep_every = \"1s\"\n")
            .await;
    stage.end_faults().await;
    let number = stage.numbers_on_sale("AU").await[0].clone();
    stage.fault(json!({"operation": "list", "fault": "list_page_lies", "omit": 100, "total_off": -1})).await;
    let location = stage.lose(&ann(), &number, json!({"fault": "drop_after_sale"})).await;
    let lost = Instant::now();
    // The window has passed, and a complete list that lies was read after it.
    stage.await_pages_after(lost, Duration::from_millis(2_200), 2).await;
    assert_eq!(stage.get(&ann(), &location).await.json()["state"], "unknown");
    stage.end_faults().await;
    stage.await_state(&location, &["bought"]).await;
    stage.finish().await;
}

#[tokio::test]
async fn a_restart_forgets_no_lost_purchase_and_begins_its_window_anew() {
    let mut stage = Stage::looking("").await;
    let numbers = stage.numbers_on_sale("AU").await;
    stage.await_young_list().await;
    stage.refuse_lists().await;
    let absent = stage.lose(&ann(), &numbers[0], json!({"fault": "drop_before_sale"})).await;
    let sold = stage.lose(&ann(), &numbers[1], json!({"fault": "drop_after_sale"})).await;
    stage.stop_gateway().await;
    stage.end_faults().await;
    let begun = Instant::now();
    stage.start_gateway().await;
    stage.await_state(&sold, &["bought"]).await;
    stage.await_state(&absent, &["not_bought"]).await;
    assert!(begun.elapsed() >= Duration::from_secs(3), "{:?}", begun.elapsed());
    stage.all_is_explained().await;
    stage.finish().await;
}
