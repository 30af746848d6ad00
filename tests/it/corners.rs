//! Corners where a rule of the protocol is easily lost: another team's or another country's
//! question, lists that are old or quicker than the booking.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use crate::stage::{Stage, ann, send, somebody};

#[tokio::test]
async fn asking_in_the_wrong_country_hides_a_number_from_nobody() {
    let stage = Stage::new().await;
    let number = stage.numbers_on_sale("AU").await[0].clone();
    assert!(stage.get(&ann(), "/v3/numbers/search/AU").await.text.contains(&number));
    let body = json!({"number": number, "country": "US"});
    let eve = somebody("eve", "support", "requester");
    let request =
        stage.request(&eve, Method::POST, "/v1/purchases").header("idempotency-key", "k").json(&body);
    assert_eq!(send(request).await.verdict(), "409 NUMBER_NOT_AVAILABLE");
    assert!(stage.get(&ann(), "/v3/numbers/search/AU").await.text.contains(&number), "still on sale");
    assert_eq!(stage.buy(&ann(), &number).await.verdict(), "200 SUCCESS");
    stage.finish().await;
}

#[tokio::test]
async fn no_buy_rests_on_an_old_list_however_long_people_may_see_it() {
    let old = "[cache]\nlist_fresh_for = \"1h\"\n[purchases]\nsweep_every = \"1s\"\n";
    let stage = Stage::with(old).await;
    let numbers = stage.numbers_on_sale("AU").await;
    assert_eq!(stage.buy(&ann(), &numbers[0]).await.verdict(), "200 SUCCESS");
    stage.fault(json!({"operation": "list", "fault": "arbitrary", "status": 500, "body": {}})).await;
    tokio::time::sleep(Duration::from_millis(2100)).await;
    assert_eq!(stage.buy(&ann(), &numbers[1]).await.verdict(), "503 UPSTREAM_UNAVAILABLE");
    assert_eq!(stage.get(&ann(), "/v3/numbers").await.json()["data"]["total"], 1, "people see the old one");
    assert_eq!(stage.calls("buy").await, 1);
    stage.finish().await;
}

#[tokio::test]
async fn the_slower_of_two_teams_learns_nothing_of_the_faster() {
    let stage = Stage::new().await;
    let number = stage.numbers_on_sale("AU").await[0].clone();
    stage.fault(json!({"operation": "search", "fault": "hold", "count": 2})).await;
    let (ann, eve) = (ann(), somebody("eve", "support", "requester"));
    let release = async {
        stage.ledger("operation=search&wait_held=2").await;
        stage.control("release", json!({})).await;
    };
    let (one, other, ()) = tokio::join!(stage.buy(&ann, &number), stage.buy(&eve, &number), release);
    let mut verdicts = [one.verdict(), other.verdict()];
    verdicts.sort();
    assert_eq!(verdicts, ["200 SUCCESS", "409 NUMBER_NOT_AVAILABLE"], "{} {}", one.text, other.text);
    stage.finish().await;
}

#[tokio::test]
async fn what_the_other_teams_have_spent_is_told_to_no_requester() {
    let stage =
        Stage::changed("", &[("currency = \"AUD\"", "currency = \"AUD\"\nspend_per_month = \"20.70\"")])
            .await;
    let number = stage.numbers_on_sale("AU").await[0].clone();
    let refused = stage.buy(&ann(), &number).await;
    assert_eq!(refused.verdict(), "403 BUDGET_EXCEEDED");
    assert!(refused.text.contains("organisation") && !refused.text.contains("are used"), "{}", refused.text);
    stage.finish().await;
}

#[tokio::test]
async fn equal_registrations_of_two_teams_are_two() {
    let stage = Stage::new().await;
    let form = json!({
        "full_name": "Ann Lee", "company_name": "Acme", "email": "ann@example.com",
        "website_url": "https://acme.example", "sample_message": "Your parcel is here.", "primary_use_case": "Parcels",
    });
    let path = "/v3/numbers/registrations/number-types/10dlc/country/CA";
    let mut ids = Vec::new();
    for who in [ann(), somebody("eve", "support", "requester")] {
        let done = send(stage.request(&who, Method::POST, path).json(&form)).await;
        assert_eq!(done.verdict(), "200 SUCCESS", "{}", done.text);
        let location = done.header("location").unwrap().to_owned();
        assert_eq!(stage.get(&who, &location).await.status, 200, "a registration of one's own");
        ids.push(location);
    }
    assert_ne!(ids[0], ids[1]);
    stage.finish().await;
}

#[tokio::test]
async fn a_list_that_is_quicker_than_the_booking_doubles_no_number() {
    let stage = Stage::with("[cache]\nlist_fresh_for = \"1s\"\n").await;
    let number = stage.numbers_on_sale("AU").await[0].clone();
    stage.fault(json!({"operation": "buy", "fault": "hold", "at": "after_sale", "count": 1})).await;
    let list = async {
        stage.ledger("operation=buy&wait_held=1").await;
        tokio::time::sleep(Duration::from_millis(1100)).await;
        assert_eq!(stage.get(&ann(), "/v3/numbers").await.json()["data"]["total"], 1, "listed before booked");
        stage.control("release", json!({})).await;
    };
    let who = ann();
    let (bought, ()) = tokio::join!(stage.buy(&who, &number), list);
    assert_eq!(bought.verdict(), "200 SUCCESS", "{}", bought.text);
    assert_eq!(stage.get(&who, "/v3/numbers").await.json()["data"]["total"], 1);
    stage.finish().await;
}

#[tokio::test]
async fn a_purchase_that_cannot_be_sent_yet_says_why_and_is_sent_when_asked_for_again() {
    let stage = Stage::new().await;
    let numbers = stage.numbers_on_sale("AU").await;
    stage
        .fault(json!({"operation": "buy", "fault": "throttle_429", "retry_after_seconds": 12, "count": 1}))
        .await;
    assert_eq!(stage.buy(&ann(), &numbers[0]).await.verdict(), "503 UPSTREAM_BUSY");
    // Upstream wants a pause that is longer than a buy waits for its turn.
    let waiting = stage.buy(&ann(), &numbers[1]).await;
    assert_eq!(waiting.verdict(), "503 UPSTREAM_BUSY", "{}", waiting.text);
    let location = waiting.header("location").unwrap();
    assert_eq!(stage.get(&ann(), location).await.json()["state"], "approved");
    assert_eq!(stage.calls("buy").await, 1);
    let again = async {
        loop {
            let answer = stage.buy(&ann(), &numbers[1]).await;
            if answer.status == 200 {
                return answer;
            }
        }
    };
    let bought = tokio::time::timeout(Duration::from_secs(20), again).await.expect("the pause ends");
    assert_eq!(bought.header("location"), Some(location), "the same purchase");
    stage.finish().await;
}

#[tokio::test]
async fn a_price_that_does_not_come_is_not_waited_for_longer_than_promised() {
    let stage = Stage::with("[purchases]\nanswer_within = \"1s\"\n").await;
    let number = stage.numbers_on_sale("AU").await[0].clone();
    stage.fault(json!({"operation": "search", "fault": "hold", "count": 1})).await;
    let refused = stage.buy(&ann(), &number).await;
    assert_eq!(refused.verdict(), "503 UPSTREAM_UNAVAILABLE", "{}", refused.text);
    stage.control("release", json!({})).await;
    assert_eq!(stage.buy(&ann(), &number).await.verdict(), "200 SUCCESS");
    assert_eq!(stage.calls("buy").await, 1);
    stage.finish().await;
}

#[tokio::test]
async fn a_buy_that_was_not_claimed_when_the_gateway_began_to_stop_is_not_sent() {
    let mut stage = Stage::new().await;
    let number = stage.numbers_on_sale("AU").await[0].clone();
    stage.fault(json!({"operation": "search", "fault": "hold", "count": 1})).await;
    let path = format!("/v3/numbers/buy/{number}");
    let buying = tokio::task::spawn(send(stage.request(&ann(), Method::POST, &path)));
    stage.ledger("operation=search&wait_held=1").await;
    stage.begin_stop();
    let stopping = async {
        while stage.ops("/readyz").await.status != 503 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), stopping).await.expect("readiness goes first");
    stage.control("release", json!({})).await;
    assert_eq!(buying.await.unwrap().verdict(), "503 BUYING_FROZEN");
    assert_eq!(stage.calls("buy").await, 0);
    stage.restart().await;
    assert_eq!(stage.buy(&ann(), &number).await.verdict(), "200 SUCCESS");
    stage.finish().await;
}

#[tokio::test]
async fn buying_and_registering_share_one_limit_of_writes() {
    let usual = "writes = { per_minute = 1000, burst = 1000 }";
    let stage = Stage::changed("", &[(usual, "writes = { per_minute = 1, burst = 1 }")]).await;
    let number = stage.numbers_on_sale("AU").await[0].clone();
    assert_eq!(stage.buy(&ann(), &number).await.verdict(), "200 SUCCESS");
    let path = "/v3/numbers/registrations/number-types/10dlc/country/CA";
    let form = json!({
        "full_name": "Ann Lee", "company_name": "Acme", "email": "ann@example.com",
        "website_url": "https://acme.example", "sample_message": "Hello.", "primary_use_case": "Parcels",
    });
    let limited = send(stage.request(&ann(), Method::POST, path).json(&form)).await;
    assert_eq!(limited.verdict(), "429 TOO_MANY_REQUESTS", "{}", limited.text);
    assert_eq!(stage.buy(&ann(), &number).await.verdict(), "200 SUCCESS", "a repeat is no write");
    assert_eq!(stage.calls("register").await, 0);
    stage.finish().await;
}
