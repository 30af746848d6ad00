//! Upstream that stumbles, that is away, and that comes back: who notices, what is sent meanwhile, and who finds out.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use crate::stage::{Answer, Stage, ann, send, somebody};

const SEARCH: &str = "/v3/numbers/search/US?search=2025";
const REGISTER: &str = "/v3/numbers/registrations/number-types/10dlc/country/CA";

/// Another question each time, so that none is answered from memory.
async fn search(stage: &Stage, digits: usize) -> Answer {
    stage.get(&ann(), &format!("/v3/numbers/search/AU?search={digits}")).await
}

/// Asks until upstream is left alone.
async fn searches_fail(stage: &Stage) {
    stage.fault(json!({"operation": "search", "fault": "html_500_before_sale"})).await;
    for digits in 10..14 {
        assert_eq!(search(stage, digits).await.verdict(), "503 UPSTREAM_UNAVAILABLE");
    }
    stage.until_circuit_is("search", "open").await;
}

/// Buys until it is bought, while no other answer comes than that upstream cannot be asked.
async fn until_bought(stage: &Stage, number: &str) -> Answer {
    let buying = async {
        loop {
            let answer = stage.buy(&ann(), number).await;
            if answer.status == 200 {
                return answer;
            }
            assert_eq!(answer.verdict(), "503 UPSTREAM_UNAVAILABLE", "{}", answer.text);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), buying).await.expect("buying comes back")
}

#[tokio::test]
async fn an_answer_that_breaks_is_asked_for_again_and_nobody_notices() {
    let stage = Stage::new().await;
    // So many good answers that the bad ones stay the smaller part.
    for digits in 30..34 {
        assert_eq!(search(&stage, digits).await.status, 200);
    }
    for (turn, fault) in ["html_500_before_sale", "drop_before_sale", "truncate"].into_iter().enumerate() {
        stage.fault(json!({"operation": "search", "fault": fault, "count": 1})).await;
        let answer = search(&stage, 40 + turn).await;
        assert_eq!(answer.verdict(), "200 SUCCESS", "{fault}: {}", answer.text);
    }
    assert_eq!(stage.calls("search").await, 4 + 6);
    let metrics = stage.ops("/metrics").await.text;
    for (reason, count) in [("unusable_answer", 2), ("no_answer", 1), ("no_connection", 0)] {
        let series = format!(
            "numbers_gateway_upstream_retries_total{{operation=\"search\",reason=\"{reason}\"}} {count}\n"
        );
        assert!(metrics.contains(&series), "{series} in {metrics}");
    }
    stage.finish().await;
}

#[tokio::test]
async fn upstream_that_is_away_is_not_asked_for_everybody_and_buying_comes_back_with_it() {
    let stage = Stage::new().await;
    let numbers = stage.numbers_on_sale("AU").await;
    assert_eq!(stage.get(&ann(), SEARCH).await.status, 200);
    searches_fail(&stage).await;
    let asked = stage.calls("search").await;
    let refused = search(&stage, 20).await;
    assert_eq!(refused.verdict(), "503 UPSTREAM_UNAVAILABLE");
    assert!(refused.text.contains("search failed too often; it is asked again in "), "{}", refused.text);
    assert_eq!(stage.buy(&ann(), &numbers[0]).await.verdict(), "503 UPSTREAM_UNAVAILABLE");
    assert_eq!(stage.calls("search").await, asked, "neither was passed on");
    assert_eq!(stage.get(&ann(), SEARCH).await.status, 200, "what is in memory is answered");
    assert_eq!(stage.get(&ann(), "/v3/numbers").await.status, 200, "and so is what does not fail");
    let ready = stage.ops("/readyz").await;
    assert_eq!(ready.status, 200, "{}", ready.text);
    let circuits = json!({"account": "closed", "list": "closed", "search": "open"});
    assert_eq!(ready.json()["upstream"]["circuits"], circuits, "{}", ready.text);
    assert_eq!(stage.only("SELECT count(*) FROM purchases"), "0", "without a price there is no purchase");

    // Nobody searches meanwhile.
    stage.end_faults().await;
    until_bought(&stage, &numbers[0]).await;
    assert_eq!((stage.calls("buy").await, stage.only("SELECT count(*) FROM purchases")), (1, "1".to_owned()));
    stage.finish().await;
}

#[tokio::test]
async fn while_lists_fail_what_is_approved_waits_with_nothing_claimed_held_or_sent() {
    let stage = Stage::new().await;
    let numbers = stage.numbers_on_sale("AU").await;
    assert_eq!(stage.buy(&ann(), &numbers[0]).await.verdict(), "200 SUCCESS");
    stage.fault(json!({"operation": "list", "fault": "html_500_before_sale"})).await;
    for _ in 0..2 {
        let list = stage.get(&ann(), "/v3/numbers?exclude_10dlc_campaign=true").await;
        assert_eq!(list.verdict(), "503 UPSTREAM_UNAVAILABLE", "{}", list.text);
    }
    stage.until_circuit_is("list", "open").await;

    // The list that is known is young enough, and the price is there: only what would be sent is not.
    let waiting = stage.buy(&ann(), &numbers[1]).await;
    assert_eq!(waiting.verdict(), "503 UPSTREAM_UNAVAILABLE", "{}", waiting.text);
    let purchase = stage.get(&ann(), waiting.header("location").unwrap()).await.json();
    assert_eq!((&purchase["state"], &purchase["done"]), (&json!("approved"), &json!(false)));
    let form = json!({
        "full_name": "Ann Lee", "company_name": "Acme", "email": "ann@example.com",
        "website_url": "https://acme.example", "sample_message": "Your parcel is here.", "primary_use_case": "Parcels",
    });
    let register = || async { send(stage.request(&ann(), Method::POST, REGISTER).json(&form)).await };
    let registering = register().await;
    assert_eq!(registering.verdict(), "503 UPSTREAM_UNAVAILABLE", "{}", registering.text);
    let registration = stage.get(&ann(), registering.header("location").unwrap()).await.json();
    assert_eq!(registration["state"], "approved", "{registration}");
    assert_eq!((stage.calls("buy").await, stage.calls("register").await), (1, 0));
    assert_eq!(stage.only("SELECT count(*) FROM attempts"), "1", "of the first purchase");
    let finance = somebody("fay", "growth", "finance");
    let budgets = stage.get(&finance, "/v1/budgets").await.json();
    let team = budgets["items"].as_array().unwrap().iter().find(|budget| budget["team"] == "growth").unwrap();
    assert_eq!(team["held"]["amount"], "0.00", "{budgets}");

    // Nobody reads a list meanwhile, the reconciler least of all: it does not know whose that would be.
    stage.end_faults().await;
    stage.refuse("account").await;
    stage.until_circuit_is("list", "closed").await;
    let bought = until_bought(&stage, &numbers[1]).await;
    assert_eq!(bought.header("location"), waiting.header("location"), "the same purchase");
    assert_eq!(register().await.verdict(), "200 SUCCESS");
    assert_eq!((stage.calls("buy").await, stage.calls("register").await), (2, 1));
    stage.finish().await;
}
