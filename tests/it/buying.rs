//! Buying: once, decided, held against budgets, and found again.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use reqwest::Method;
use serde_json::{Value, json};

use crate::stage::{Answer, Stage, ann, send, somebody};

#[tokio::test]
async fn a_bought_number_is_bought_once_and_answers_the_same_for_ever() {
    let mut stage = Stage::new().await;
    let number = stage.numbers_on_sale("AU").await[0].clone();
    let first = stage.buy(&ann(), &number).await;
    assert_eq!(first.verdict(), "200 SUCCESS", "{}", first.text);
    assert_eq!(first.json()["data"]["dedicated_number"], json!(number));
    let again = stage.buy(&ann(), &number).await;
    assert_eq!(again.text, first.text);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    stage.restart().await;
    assert_eq!(stage.buy(&ann(), &number).await.text, first.text);
    assert_eq!(stage.calls("buy").await, 1);
    stage.finish().await;
}

#[tokio::test]
async fn a_bought_number_is_listed_at_once_and_no_longer_on_sale() {
    let stage = Stage::new().await;
    let number =
        stage.get(&ann(), "/v3/numbers/search/AU").await.json()["data"]["data"][0]["dedicated_number"]
            .clone();
    assert_eq!(stage.get(&ann(), "/v3/numbers").await.json()["data"]["total"], 0);
    assert_eq!(stage.buy(&ann(), number.as_str().unwrap()).await.verdict(), "200 SUCCESS");
    let owned = stage.get(&ann(), "/v3/numbers").await;
    assert_eq!(owned.json()["data"]["data"][0]["dedicated_number"], number);
    assert_eq!(owned.header("cache-status"), Some("numbers-gateway; hit"), "without asking upstream again");
    let on_sale = stage.get(&ann(), "/v3/numbers/search/AU").await;
    assert_eq!(on_sale.header("cache-status"), Some("numbers-gateway; hit"));
    assert!(!on_sale.text.contains(number.as_str().unwrap()), "a cached page offered a number that was sold");
    stage.finish().await;
}

/// What upstream does to the buy, and what the caller is told.
#[tokio::test]
async fn every_ambiguous_answer_leaves_the_purchase_unknown_and_nothing_is_sent_again() {
    let stage = Stage::new().await;
    let mut numbers = stage.numbers_on_sale("AU").await.into_iter();
    for fault in [
        json!({"fault": "drop_after_sale"}),
        json!({"fault": "drop_before_sale"}),
        json!({"fault": "truncate"}),
        json!({"fault": "html_500_after_sale"}),
        json!({"fault": "html_500_before_sale"}),
        json!({"fault": "redirect_302"}),
        json!({"fault": "other_number", "number": "+61491570999"}),
        json!({"fault": "empty_body"}),
        json!({"fault": "huge_body", "bytes": 10_000_000}),
        json!({"fault": "arbitrary", "status": 409, "body": {"http_code": 409, "response_code": "X", "response_msg": "x", "data": null}}),
        json!({"fault": "hold", "at": "after_sale"}),
    ] {
        let number = numbers.next().unwrap();
        let mut ordered = fault.clone();
        ordered["operation"] = json!("buy");
        ordered["count"] = json!(1);
        stage.fault(ordered).await;
        let before = stage.calls("buy").await;
        let lost = stage.buy(&ann(), &number).await;
        assert_eq!(lost.verdict(), "409 PURCHASE_OUTCOME_UNKNOWN", "{fault}: {}", lost.text);
        assert_eq!(lost.json()["data"], Value::Null);
        let location = lost.header("location").unwrap().to_owned();
        assert_eq!(location, format!("/v1/purchases/{}", lost.header("x-gateway-purchase").unwrap()));
        let again = stage.buy(&ann(), &number).await;
        assert_eq!(again.verdict(), "409 PURCHASE_OUTCOME_UNKNOWN", "{fault}");
        assert_eq!(again.header("location"), Some(location.as_str()), "the same purchase");
        assert_eq!(stage.calls("buy").await, before + 1, "{fault}: sent again");
        let purchase = stage.get(&ann(), &location).await.json();
        assert_eq!(
            (&purchase["state"], &purchase["done"], &purchase["bought"]),
            (&json!("unknown"), &json!(false), &json!(false))
        );
        assert_eq!(
            actions(&purchase),
            ["purchase.submitted", "purchase.reserved", "purchase.intent", "purchase.lost"]
        );
        stage.control("release", json!({})).await;
    }
    stage.finish().await;
}

#[tokio::test]
async fn a_buy_that_takes_longer_than_promised_is_answered_and_goes_on() {
    let stage = Stage::with("[purchases]\nanswer_within = \"1s\"\n").await;
    let number = stage.numbers_on_sale("AU").await[0].clone();
    stage.fault(json!({"operation": "buy", "fault": "hold", "at": "after_sale", "count": 1})).await;
    let early = stage.buy(&ann(), &number).await;
    assert_eq!(early.verdict(), "409 PURCHASE_IN_PROGRESS");
    let location = early.header("location").unwrap().to_owned();
    stage.control("release", json!({})).await;
    let bought = stage.settled(&ann(), &location).await;
    assert_eq!(bought["state"], "bought");
    assert_eq!(stage.buy(&ann(), &number).await.verdict(), "200 SUCCESS");
    assert_eq!(stage.calls("buy").await, 1);
    stage.finish().await;
}

#[tokio::test]
async fn a_client_that_hangs_up_stops_no_buy() {
    let stage = Stage::new().await;
    let number = stage.numbers_on_sale("AU").await[0].clone();
    stage.fault(json!({"operation": "buy", "fault": "hold", "count": 1})).await;
    let path = format!("/v3/numbers/buy/{number}");
    let hanging_up = tokio::task::spawn(stage.request(&ann(), Method::POST, &path).send());
    stage.ledger("operation=buy&wait_held=1").await;
    hanging_up.abort();
    assert!(hanging_up.await.unwrap_err().is_cancelled());
    stage.control("release", json!({})).await;
    stage.ledger("wait_sales=1").await;
    assert_eq!(stage.buy(&ann(), &number).await.verdict(), "200 SUCCESS");
    assert_eq!(stage.calls("buy").await, 1);
    stage.finish().await;
}

#[tokio::test]
async fn certain_refusals_fail_the_purchase_and_give_the_money_back() {
    let stage = Stage::new().await;
    let mut numbers = stage.numbers_on_sale("AU").await.into_iter();
    let said = json!({"fault": "error_envelope_in_200", "http_code": 400, "response_code": "BAD_REQUEST",
        "response_msg": "Not today."});
    for (fault, verdict) in [
        (json!({"fault": "insufficient_balance"}), "402 UPSTREAM_BALANCE"),
        (json!({"fault": "number_gone"}), "409 NUMBER_NOT_AVAILABLE"),
        (said, "502 UPSTREAM_REFUSED"),
        (json!({"fault": "throttle_429", "retry_after_seconds": 1}), "503 UPSTREAM_BUSY"),
    ] {
        let number = numbers.next().unwrap();
        let mut ordered = fault.clone();
        ordered["operation"] = json!("buy");
        ordered["count"] = json!(1);
        stage.fault(ordered).await;
        let refused = stage.buy(&ann(), &number).await;
        assert_eq!(refused.verdict(), verdict, "{fault}: {}", refused.text);
        let purchase = stage.get(&ann(), refused.header("location").unwrap()).await.json();
        assert_eq!(purchase["state"], "failed");
        assert_eq!(purchase["code"].as_str(), verdict.split_once(' ').map(|(_, code)| code));
        if verdict != "409 NUMBER_NOT_AVAILABLE" {
            let bought = stage.buy_when_allowed(&ann(), &number).await;
            assert_eq!(bought.verdict(), "200 SUCCESS", "what failed is not in the way: {}", bought.text);
        }
    }
    stage.finish().await;
}

#[tokio::test]
async fn what_never_left_this_machine_is_tried_again_and_then_said_so() {
    let stage = Stage::new().await;
    let numbers = stage.numbers_on_sale("AU").await;
    // Everything that is read before a buy is there; then upstream's port closes.
    assert_eq!(stage.buy(&ann(), &numbers[0]).await.verdict(), "200 SUCCESS");
    stage.stop_upstream();
    let refused = stage.buy(&ann(), &numbers[1]).await;
    assert_eq!(refused.verdict(), "503 UPSTREAM_UNAVAILABLE", "{}", refused.text);
    stage.finish_without_upstream().await;
}

#[tokio::test]
async fn fifty_equal_buys_at_once_are_one() {
    let stage = Stage::new().await;
    let number = stage.numbers_on_sale("AU").await[0].clone();
    let who = ann();
    let answers = join_all((0..50).map(|_| stage.buy(&who, &number))).await;
    for answer in &answers {
        assert_eq!(answer.verdict(), "200 SUCCESS", "{}", answer.text);
        assert_eq!(answer.text, answers[0].text);
    }
    assert_eq!(stage.calls("buy").await, 1);
    stage.finish().await;
}

#[tokio::test]
async fn two_people_who_want_one_number_get_one_purchase() {
    let stage = Stage::new().await;
    let number = stage.numbers_on_sale("AU").await[0].clone();
    let (ann, ben, eve) =
        (ann(), somebody("ben", "growth", "requester"), somebody("eve", "support", "requester"));
    stage.fault(json!({"operation": "buy", "fault": "hold", "count": 1})).await;
    let others = async {
        stage.ledger("operation=buy&wait_held=1").await;
        let (colleague, stranger) = (stage.buy(&ben, &number).await, stage.buy(&eve, &number).await);
        stage.control("release", json!({})).await;
        (colleague, stranger)
    };
    let (first, (colleague, stranger)) = tokio::join!(stage.buy(&ann, &number), others);
    assert_eq!(first.verdict(), "200 SUCCESS");
    assert_eq!(colleague.verdict(), "409 PURCHASE_IN_PROGRESS");
    assert_eq!(stranger.verdict(), "409 NUMBER_NOT_AVAILABLE");
    assert_eq!(stranger.header("x-gateway-purchase"), None, "another team learns no id");
    assert_eq!(stage.buy(&ben, &number).await.verdict(), "409 ALREADY_OWNED");
    assert_eq!(stage.buy(&eve, &number).await.verdict(), "409 NUMBER_NOT_AVAILABLE");
    stage.finish().await;
}

#[tokio::test]
async fn sixty_four_buys_against_a_budget_for_ten_are_exactly_ten() {
    let stage = Stage::new().await;
    let numbers = stage.numbers_on_sale("AU").await;
    assert!(numbers.len() >= 64);
    // Nothing is answered before everybody was decided: a charge is smaller than its hold and would make room.
    stage.fault(json!({"operation": "buy", "fault": "hold", "count": 64})).await;
    let eve = somebody("eve", "support", "requester");
    let buys = numbers.iter().take(64).map(|number| stage.buy(&eve, number));
    let mut buys: FuturesUnordered<_> = buys.collect();
    for _ in 0..54 {
        let refused = buys.next().await.unwrap();
        assert_eq!(refused.verdict(), "403 BUDGET_EXCEEDED", "{}", refused.text);
    }
    let release = async {
        stage.ledger("operation=buy&wait_held=10").await;
        stage.control("release", json!({})).await
    };
    let (bought, _) = tokio::join!(buys.collect::<Vec<_>>(), release);
    for bought in &bought {
        assert_eq!(bought.verdict(), "200 SUCCESS", "{}", bought.text);
    }
    assert_eq!((bought.len(), stage.calls("buy").await), (10, 10), "207.10 hold ten of 20.71");
    stage.finish().await;
}

#[tokio::test]
async fn the_day_limit_counts_what_may_have_been_bought_and_gives_back_what_was_not() {
    let stage = Stage::with("[limits.purchases_per_day]\nsubject = 2\nteam = 50\n").await;
    let numbers = stage.numbers_on_sale("AU").await;
    stage.fault(json!({"operation": "buy", "fault": "number_gone", "count": 1})).await;
    assert_eq!(stage.buy(&ann(), &numbers[0]).await.verdict(), "409 NUMBER_NOT_AVAILABLE");
    stage.fault(json!({"operation": "buy", "fault": "drop_after_sale", "count": 1})).await;
    assert_eq!(stage.buy(&ann(), &numbers[1]).await.verdict(), "409 PURCHASE_OUTCOME_UNKNOWN");
    assert_eq!(stage.buy(&ann(), &numbers[2]).await.verdict(), "200 SUCCESS");
    assert_eq!(stage.buy(&ann(), &numbers[3]).await.verdict(), "403 DAY_LIMIT_REACHED");
    assert_eq!(
        stage.buy(&somebody("ben", "growth", "requester"), &numbers[3]).await.verdict(),
        "200 SUCCESS"
    );
    stage.finish().await;
}

#[tokio::test]
async fn policy_refuses_without_a_call_where_it_can_and_by_the_live_price_where_it_must() {
    let stage = Stage::new().await;
    let (dear, british) =
        (stage.numbers_on_sale("JP").await[0].clone(), stage.numbers_on_sale("GB").await[0].clone());
    let denied = stage.buy(&ann(), &dear).await;
    assert_eq!(denied.verdict(), "403 POLICY_DENIED");
    let denied = stage.buy(&ann(), &british).await;
    assert_eq!(denied.verdict(), "403 POLICY_DENIED");
    assert!(
        denied.text.contains("we do not buy in GB") && denied.text.contains("not in GB"),
        "{}",
        denied.text
    );
    let before = stage.calls("search").await;
    let body = json!({"number": british, "country": "GB"});
    let certain = stage.purchase(&ann(), "k1", &body).await;
    assert_eq!(certain.verdict(), "403 POLICY_DENIED");
    assert_eq!(stage.calls("search").await, before, "a country that is refused needs no price");
    assert_eq!(stage.calls("buy").await, 0);
    stage.finish().await;
}

#[tokio::test]
async fn a_number_that_search_does_not_find_whole_is_found_by_its_end() {
    let stage = Stage::new().await;
    let number = stage.numbers_on_sale("AU").await[0].clone();
    stage.fault(json!({"operation": "search", "fault": "full_digit_search_finds_nothing"})).await;
    assert_eq!(stage.buy(&ann(), &number).await.verdict(), "200 SUCCESS");
    stage.finish().await;
}

#[tokio::test]
async fn what_nobody_sells_is_refused_and_not_asked_for_again_at_once() {
    let stage = Stage::new().await;
    assert_eq!(stage.buy(&ann(), "+4930555010").await.verdict(), "409 NUMBER_NOT_AVAILABLE");
    let calls = stage.calls("search").await;
    assert_eq!(stage.buy(&ann(), "+4930555010").await.verdict(), "409 NUMBER_NOT_AVAILABLE");
    assert_eq!(stage.calls("search").await, calls);
    stage.finish().await;
}

#[tokio::test]
async fn the_own_api_tells_the_whole_story_of_a_purchase() {
    let stage = Stage::new().await;
    let number = stage.numbers_on_sale("AU").await[0].clone();
    let body =
        json!({"number": number, "reason": "a line for Ann", "reference": "T-1", "max_price": "25.00"});
    let created = stage.purchase(&ann(), "key-1", &body).await;
    assert_eq!(created.status, 201, "{}", created.text);
    let purchase = created.json();
    assert_eq!(
        (&purchase["done"], &purchase["bought"], &purchase["code"]),
        (&json!(true), &json!(true), &Value::Null)
    );
    assert_eq!(purchase["quote"]["monthly"], json!({"amount": "20.71", "currency": "AUD"}));
    let shown = stage.get(&ann(), created.header("location").unwrap()).await;
    let events = actions(&shown.json());
    assert_eq!(events, ["purchase.submitted", "purchase.reserved", "purchase.intent", "purchase.bought"]);
    let history = shown.json()["history"].to_string();
    assert!(!history.contains("a line for Ann"), "a reason is personal: the evidence has its commitment");
    let listed = stage.get(&ann(), "/v1/purchases?state=bought").await.json();
    assert_eq!(listed["items"][0]["id"], purchase["id"]);
    let eve = somebody("eve", "support", "requester");
    let other = stage.get(&eve, created.header("location").unwrap()).await;
    let absent = stage.get(&eve, "/v1/purchases/00000000-0000-7000-8000-000000000000").await;
    assert_eq!((other.verdict(), &other.text), (absent.verdict(), &absent.text));
    assert_eq!(other.verdict(), "404 NOT_FOUND");
    stage.finish().await;
}

#[tokio::test]
async fn a_key_finds_its_request_and_refuses_another_one() {
    let mut stage = Stage::new().await;
    let numbers = stage.numbers_on_sale("AU").await;
    let body = json!({"number": numbers[0]});
    let (who, first) = (ann(), stage.purchase(&ann(), "once", &body).await);
    assert_eq!(first.status, 201, "{}", first.text);
    let all = join_all((0..20).map(|_| stage.purchase(&who, "once", &body))).await;
    for again in &all {
        assert_eq!((again.status.as_u16(), again.json()["id"].clone()), (201, first.json()["id"].clone()));
        assert_eq!(again.header("idempotent-replayed"), Some("true"));
    }
    let other = stage.purchase(&ann(), "once", &json!({"number": numbers[1]})).await;
    assert_eq!(other.verdict(), "422 IDEMPOTENCY_KEY_REUSED");
    stage.restart().await;
    assert_eq!(stage.purchase(&ann(), "once", &body).await.json()["id"], first.json()["id"]);
    assert_eq!(stage.calls("buy").await, 1);
    let without = send(stage.request(&ann(), Method::POST, "/v1/purchases").json(&body)).await;
    assert_eq!(without.verdict(), "400 BAD_REQUEST");
    assert!(without.text.contains("idempotency-key"), "{}", without.text);
    stage.finish().await;
}

#[tokio::test]
async fn a_price_above_what_was_asked_for_is_refused() {
    let stage = Stage::new().await;
    let number = stage.numbers_on_sale("AU").await[0].clone();
    let refused = stage.purchase(&ann(), "k", &json!({"number": number, "max_price": "20.70"})).await;
    assert_eq!(refused.verdict(), "409 PRICE_CHANGED");
    let unknown_key = stage.purchase(&ann(), "k", &json!({"number": number, "max": "20.70"})).await;
    assert_eq!(unknown_key.verdict(), "400 BAD_REQUEST");
    assert_eq!(
        stage.purchase(&ann(), "k", &json!({"number": number, "max_price": "20.71"})).await.status,
        201
    );
    stage.finish().await;
}

#[tokio::test]
async fn a_number_bought_behind_the_gateways_back_is_not_bought_again() {
    let stage = Stage::new().await;
    let number = stage.numbers_on_sale("AU").await[0].clone();
    stage.control("sell", json!({"number": number})).await;
    let refused = stage.buy(&ann(), &number).await;
    assert_eq!(refused.verdict(), "409 ALREADY_OWNED", "{}", refused.text);
    assert_eq!(stage.calls("buy").await, 0);
    stage.finish().await;
}

#[tokio::test]
async fn a_registration_is_sent_once() {
    let stage = Stage::new().await;
    let path = "/v3/numbers/registrations/number-types/10dlc/country/CA";
    let form = json!({
        "full_name": "Ann Lee", "company_name": "Acme", "email": "ann@example.com",
        "website_url": "https://acme.example", "sample_message": "Your parcel is here.", "primary_use_case": "Parcels",
    });
    let who = ann();
    let register = || send(stage.request(&who, Method::POST, path).json(&form));
    let answers = join_all((0..10).map(|_| register())).await;
    let done = answers.iter().find(|answer| answer.status == 200).expect("one of them led");
    assert_eq!(done.json()["data"], Value::Null);
    assert_eq!(done.header("x-gateway-warning").map(|text| text.contains("area_code")), Some(true));
    assert_eq!(register().await.verdict(), "200 SUCCESS");
    assert_eq!(stage.calls("register").await, 1);
    stage.fault(json!({"operation": "register", "fault": "drop_after_sale", "count": 1})).await;
    let mut other = form.clone();
    other["email"] = json!("ben@example.com");
    for _ in 0..2 {
        let lost = send(stage.request(&who, Method::POST, path).json(&other)).await;
        assert_eq!(lost.verdict(), "409 PURCHASE_OUTCOME_UNKNOWN");
    }
    assert_eq!(stage.calls("register").await, 2, "what was lost is not sent again");
    stage.finish().await;
}

#[tokio::test]
async fn a_stop_waits_for_the_buy_that_is_under_way() {
    let mut stage = Stage::new().await;
    let number = stage.numbers_on_sale("AU").await[0].clone();
    stage.fault(json!({"operation": "buy", "fault": "delay", "ms": 700, "count": 1})).await;
    let path = format!("/v3/numbers/buy/{number}");
    let buying = tokio::task::spawn(stage.request(&ann(), Method::POST, &path).send());
    stage.ledger("operation=buy&wait_requests=1").await;
    stage.restart().await;
    assert_eq!(buying.await.unwrap().unwrap().status(), 200, "the answer came before the end");
    assert_eq!(stage.buy(&ann(), &number).await.verdict(), "200 SUCCESS");
    assert_eq!(stage.calls("buy").await, 1);
    stage.finish().await;
}

fn actions(purchase: &Value) -> Vec<String> {
    let history = purchase["history"].as_array().unwrap();
    history.iter().map(|event| event["action"].as_str().unwrap().to_owned()).collect()
}

impl Stage {
    /// Asks for a number through the own API.
    async fn purchase(&self, who: &crate::stage::Somebody, key: &str, body: &Value) -> Answer {
        send(self.request(who, Method::POST, "/v1/purchases").header("idempotency-key", key).json(body)).await
    }

    /// A purchase once nothing more happens to it.
    async fn settled(&self, who: &crate::stage::Somebody, location: &str) -> Value {
        loop {
            let purchase = self.get(who, location).await.json();
            if purchase["done"] == json!(true) {
                return purchase;
            }
            tokio::task::yield_now().await;
        }
    }

    /// Buys as soon as upstream's pause after a 429 is over.
    async fn buy_when_allowed(&self, who: &crate::stage::Somebody, number: &str) -> Answer {
        let patience = tokio::time::timeout(Duration::from_secs(20), async {
            loop {
                let answer = self.buy(who, number).await;
                if answer.verdict() != "503 UPSTREAM_BUSY" {
                    return answer;
                }
            }
        });
        patience.await.expect("a pause of one second ends")
    }
}
