//! Money and goods: what a sale takes, what a month takes, what is left to sell.

use reqwest::Method;
use serde_json::{Value, json};

use super::Bench;

#[tokio::test]
async fn a_sale_takes_the_number_off_the_shelf_and_the_charge_off_the_balance() {
    let bench = Bench::in_october().await;
    let number = bench.offer("US").await;
    let (status, bought) = bench.buy(&number).await;
    // 1.50 + 4.99 × 17/31 = 4.2364…
    assert_eq!((status, &bought["data"]["price_total"]), (200, &json!("4.24")));
    assert_eq!(bench.get("/v3/account").await.1["data"]["balance"], "995.760000");
    assert_ne!(bench.offer("US").await, number);
    assert_eq!(bench.list("").await["data"]["data"][0]["dedicated_number"], number);
    let ledger = bench.ledger("").await;
    assert_eq!(ledger["balance"], "995.760000");
    let sale = &ledger["sales"][0];
    assert_eq!((&sale["number"], &sale["price_total"]), (&json!(number), &json!("4.240000")));
    assert_eq!((&sale["attempts"], &sale["at"]), (&json!(1), &json!("2026-10-15T12:00:00Z")));
    assert_eq!(sale["registration_data_present"], false);
}

#[tokio::test]
async fn the_first_charge_follows_its_switch() {
    let bench = Bench::in_october().await;
    for (switch, charged) in
        [("quote", "20.71"), ("pro_rated_from_tomorrow", "10.69"), ("pro_rated", "11.36")]
    {
        bench.order("settings", json!({"first_charge": switch})).await;
        let (_, bought) = bench.buy(&bench.offer("AU").await).await;
        assert_eq!(bought["data"]["price_total"], charged, "{switch}");
    }
}

#[tokio::test]
async fn every_first_of_a_month_charges_what_is_owned() {
    let bench = Bench::in_october().await;
    let number = bench.offer("AU").await;
    bench.buy(&number).await;
    bench.order("clock", json!({"advance": "16d"})).await;
    assert_eq!(bench.ledger("").await["charges"].as_array().unwrap().len(), 1, "31 October");
    bench.order("clock", json!({"now": "2026-12-01T00:00:00Z"})).await;
    let invoice = async |month: &str| bench.get(&format!("/_simulator/invoice?month={month}")).await.1;
    assert_eq!(invoice("2026-10").await["total"], "11.360000");
    let november = invoice("2026-11").await;
    assert_eq!((&november["total"], &november["currency"]), (&json!("20.710000"), &json!("AUD")));
    assert_eq!(november["lines"][0]["at"], "2026-11-01T00:00:00Z");
    assert_eq!(november["lines"][0]["kind"], "renewal");
    bench.order("give_up", json!({"number": number})).await;
    bench.order("clock", json!({"now": "2027-01-01T00:00:00Z"})).await;
    assert_eq!(invoice("2026-12").await["total"], "20.710000");
    assert_eq!(invoice("2027-01").await["lines"], json!([]));
    assert_eq!(bench.ledger("").await["balance"], "947.220000");
}

#[tokio::test]
async fn a_charge_above_the_balance_is_refused_as_the_switch_says() {
    let bench = Bench::in_october().await;
    bench.order("balance", json!({"balance": "4.23"})).await;
    let number = bench.offer("US").await;
    let (status, refused) = bench.buy(&number).await;
    assert_eq!((status, &refused["response_msg"]), (400, &json!("Insufficient Balance.")));
    bench.order("settings", json!({"insufficient_balance": {"status": 402}})).await;
    assert_eq!(bench.buy(&number).await.0, 402);
    bench.order("balance", json!({"balance": "4.24"})).await;
    assert_eq!(bench.buy(&number).await.0, 200);
    assert_eq!(bench.ledger("").await["balance"], "0.000000");
}

#[tokio::test]
async fn a_number_is_sold_once_unless_the_switch_says_otherwise() {
    let bench = Bench::start().await;
    let number = bench.offer("US").await;
    assert_eq!(bench.buy(&number).await.0, 200);
    let (status, refused) = bench.buy(&number).await;
    assert_eq!((status, &refused["response_code"]), (400, &json!("ALREADY_EXISTS")));
    bench.order("settings", json!({"repeat_buy": "charge_again"})).await;
    assert_eq!(bench.buy(&number).await.0, 200);
    let ledger = bench.ledger("").await;
    assert_eq!((ledger["sales"].as_array().unwrap().len(), &ledger["sales"][1]["repeat"]), (2, &json!(true)));
    assert_eq!(ledger["sales"][0]["attempts"], 3);
    assert_eq!(bench.list("").await["data"]["total"], 1);
}

#[tokio::test]
async fn what_is_not_for_sale_is_not_found() {
    let bench = Bench::start().await;
    let number = bench.offer("US").await;
    bench.order("take", json!({"number": number})).await;
    for number in [number.as_str(), "+61299990000", "nonsense"] {
        let (status, refused) = bench.buy(number).await;
        assert_eq!((status, &refused["response_code"]), (404, &json!("NOT_FOUND")), "{number}");
    }
    assert_eq!(bench.sales().await, 0);
}

#[tokio::test]
async fn a_purchase_made_elsewhere_is_a_sale_without_a_request() {
    let bench = Bench::start().await;
    let sold = bench.order("sell", json!({"country": "GB"})).await["sale"].clone();
    assert!(sold["request"].is_null());
    assert_eq!(bench.list("").await["data"]["data"][0]["dedicated_number"], sold["number"]);
    let ledger = bench.ledger("").await;
    assert_eq!(ledger["sales"][0]["attempts"], 0);
}

#[tokio::test]
async fn the_other_switches_do_what_the_index_says() {
    let bench = Bench::start().await;
    let number = bench.offer("AU").await;
    let path = format!("/v3/numbers/buy/{number}");
    let buy = async |body: Value| bench.call(Method::POST, &path, Some(body)).await;
    bench.order("settings", json!({"body_number": "refuse", "au_registration": "required"})).await;
    assert!(buy(json!({"dedicated_number": "+12025550100"})).await.1["data"]["dedicated_number"].is_string());
    assert_eq!(buy(json!({"dedicated_number": number})).await.1["response_code"], "REGISTRATION_NEEDED");
    assert_eq!(buy(json!({"type": "voice"})).await.0, 400);
    let loose = json!({"body_number": "path_wins", "au_registration": "optional", "voice": "accept",
        "visibility_delay_ms": 5000, "list_rows": "sms_and_mms", "auto_recharge": "untouched",
        "search_price_decimals": 6, "currency": "USD", "currency_keys": "six", "small_limit": "honour", "user_id": 7});
    bench.order("clock", json!({"standing": true})).await;
    bench.order("settings", loose).await;
    assert_eq!(buy(json!({"dedicated_number": "+12025550100", "type": "voice"})).await.0, 200);
    assert_eq!(bench.list("").await["data"]["total"], 0);
    bench.order("clock", json!({"advance": "5s"})).await;
    let listed = bench.list("?limit=1").await["data"].clone();
    assert_eq!((&listed["total"], &listed["last_page"]), (&json!(2), &json!(2)));
    assert_eq!(listed["_currency"]["currency_name_short"], "USD");
    assert!(listed["_currency"]["min_recharge_amount"].is_string());
    let account = bench.get("/v3/account").await.1["data"].clone();
    assert_eq!((&account["user_id"], &account["auto_recharge"]), (&json!(7), &json!(0)));
    let (_, found) = bench.get("/v3/numbers/search/AU").await;
    assert_eq!(found["data"]["data"][0]["price_monthly"], "20.710000");
}
