//! What only somebody who has met ClickSend would write.

use reqwest::Method;
use serde_json::{Value, json};

use super::Bench;

#[tokio::test]
async fn an_empty_list_has_no_rows_key_no_currency_and_no_last_page() {
    let bench = Bench::start().await;
    let empty = bench.list("").await;
    assert_eq!(empty["response_msg"], "Here are you dedicated numbers.");
    assert_eq!(empty["data"]["last_page"], 0);
    assert!(empty["data"].get("data").is_none());
    assert!(empty["data"].get("_currency").unwrap().is_null());
}

#[tokio::test]
async fn every_list_writes_its_page_links_in_its_own_style() {
    let bench = Bench::start().await;
    for _ in 0..16 {
        bench.order("sell", json!({"country": "US"})).await;
    }
    let own = bench.list("/?limit=10").await;
    assert_eq!(own["data"]["next_page_url"], "https://rest.clicksend.com/v3/numbers/?page=2");
    assert_eq!((&own["data"]["per_page"], &own["data"]["last_page"]), (&json!(15), &json!(2)));
    let (_, found) = bench.get("/v3/numbers/search/us/?page=2&limit=500").await;
    assert_eq!(found["data"]["next_page_url"], "/?page=3");
    assert_eq!(found["data"]["prev_page_url"], "/?page=1");
    assert_eq!((&found["data"]["per_page"], &found["data"]["from"]), (&json!(100), &json!(101)));
}

#[tokio::test]
async fn prices_have_four_decimals_in_search_and_two_and_other_names_in_a_purchase() {
    let bench = Bench::in_october().await;
    let (_, found) = bench.get("/v3/numbers/search/AU").await;
    let row = &found["data"]["data"][0];
    assert_eq!((&row["price_setup"], &row["price_monthly"]), (&json!("0.0000"), &json!("20.7100")));
    assert_eq!((&row["price_total"], &row["address_requirement"]), (&json!("20.7100"), &json!("local")));
    assert_eq!(found["data"]["_currency"]["currency_prefix_c"], "c");
    let (status, bought) = bench.buy(row["dedicated_number"].as_str().unwrap()).await;
    assert_eq!((status, &bought["response_msg"]), (200, &json!("Here is your new number.")));
    let bought = &bought["data"];
    assert_eq!((&bought["_price_setup"], &bought["_price_monthly"]), (&json!("0.00"), &json!("20.71")));
    assert_eq!(bought["price_total"], "11.36", "17 of 31 days");
    assert_eq!(bought["_currency"]["currency_prefix_c"], "¢");
    assert_eq!(bench.list("").await["data"]["data"][0]["price"], "20.71");
}

#[tokio::test]
async fn an_owned_number_shows_status_and_an_upper_case_guid() {
    let bench = Bench::start().await;
    let number = bench.offer("AU").await;
    bench.buy(&number).await;
    let row = bench.list("").await["data"]["data"][0].clone();
    assert_eq!(row["status"]["label"], "REGISTRATION_NOT_INITIATED");
    let guid = row["number_guid"].as_str().unwrap();
    assert_eq!((guid.len(), guid.to_uppercase().as_str()), (36, guid));
    for (value, name) in [(0, "Ready to use"), (3, "Action Required"), (5, "Registered")] {
        bench.order("status", json!({"number": number, "value": value})).await;
        let status = bench.list("").await["data"]["data"][0]["status"].clone();
        assert_eq!((&status["value"], &status["name"]), (&json!(value), &json!(name)));
    }
}

#[tokio::test]
async fn own_numbers_are_filtered_by_either_question_and_by_exclusions() {
    let bench = Bench::start().await;
    for (country, kind) in [("AU", "sms"), ("US", "mms"), ("GB", "sms")] {
        bench.order("sell", json!({"country": country, "type": kind})).await;
    }
    let (_, canadian) = bench.get("/v3/numbers/search/CA?search=1416&search_type=0").await;
    let number = canadian["data"]["data"][0]["dedicated_number"].as_str().unwrap();
    bench.order("sell", json!({"number": number})).await;
    for (query, total) in [
        ("", 4),
        ("?q=type%3Asms", 3),
        ("?q=type:SMS,country:au", 1),
        ("?q=type:sms,country:AU&q2=type:mms", 2),
        ("?q=number_type:10dlc", 1),
        ("?excluding_number_type=10DLC,shortcode", 3),
        ("?excluding_number_type=longcode", 1),
        ("?exclude_10dlc_campaign=true", 3),
        ("?exclude_10dlc_campaign=false", 4),
        ("?q=country:NZ", 0),
    ] {
        assert_eq!(bench.list(query).await["data"]["total"], total, "{query}");
    }
}

#[tokio::test]
async fn search_ignores_everything_but_digits_and_knows_three_places() {
    let bench = Bench::start().await;
    let number = bench.offer("US").await;
    let total = async |query: &str| {
        bench.get(&format!("/v3/numbers/search/US?{query}")).await.1["data"]["total"].clone()
    };
    assert_eq!(total(&format!("search={}", number.replace('+', "%2B"))).await, 1);
    assert_eq!(total("search=%2B1%20202&search_type=0").await, total("search=1202&search_type=0").await);
    assert_eq!(total("search=202&search_type=0").await, 0);
    assert_eq!(total(&format!("search={}&search_type=2", &number[2..])).await, 1);
    assert_eq!(total("search=202&search_type=56").await, total("search=202").await);
    let (status, nowhere) = bench.get("/v3/numbers/search/XX").await;
    assert_eq!((status, &nowhere["data"]["total"], &nowhere["data"]["data"]), (200, &json!(0), &json!([])));
}

#[tokio::test]
async fn a_purchase_needs_no_body_and_takes_the_number_plain_or_encoded() {
    let bench = Bench::start().await;
    let bodies = [None, Some(json!({})), Some(json!({"type": "mms", "more": 1}))];
    for (body, kind) in bodies.into_iter().zip(["sms", "sms", "mms"]) {
        let number = bench.offer("US").await.replace('+', "%2B");
        let (status, _) = bench.call(Method::POST, &format!("/v3/numbers/buy/{number}/"), body).await;
        assert_eq!(status, 200);
        let ledger = bench.ledger("").await;
        assert_eq!(ledger["sales"].as_array().unwrap().last().unwrap()["type"], kind);
    }
    let number = bench.offer("GB").await;
    bench.call(Method::POST, &format!("/v3/numbers/buy/{number}?type=mms"), None).await;
    assert_eq!(bench.list("?q=country:GB").await["data"]["data"][0]["type"], "mms");
}

fn registration() -> Value {
    json!({
        "business_name": "Example", "business_address": "1 Long Street", "suburb": "Carlton",
        "postcode": "3053", "state": "VIC", "contact_name": "Sam Example",
        "contact_number": "+61491570006", "country": "AU",
    })
}

#[tokio::test]
async fn registration_data_is_checked_field_by_field() {
    let bench = Bench::start().await;
    let path = format!("/v3/numbers/buy/{}", bench.offer("AU").await);
    let mut local = registration();
    local["contact_number"] = json!("0412345678");
    let body = json!({"type": "fax", "registration_data": local});
    let (status, refused) = bench.call(Method::POST, &path, Some(body)).await;
    assert_eq!((status, &refused["response_msg"]), (400, &json!("Invalid input.")));
    let fields: Vec<&String> = refused["data"].as_object().unwrap().keys().collect();
    assert_eq!(
        fields,
        ["registration_data.contact_number", "type"].map(String::from).iter().rev().collect::<Vec<_>>()
    );
    assert_eq!(bench.sales().await, 0);
    let body = json!({"type": "sms", "registration_data": registration()});
    assert_eq!(bench.call(Method::POST, &path, Some(body)).await.0, 200);
    assert_eq!(bench.ledger("").await["sales"][0]["registration_data_present"], true);
    assert_eq!(bench.list("").await["data"]["data"][0]["status"]["value"], 2);
}

#[tokio::test]
async fn a_canadian_registration_is_taken_and_leaves_nothing_but_a_status() {
    let bench = Bench::start().await;
    let (_, found) = bench.get("/v3/numbers/search/CA?search=1514&search_type=0").await;
    bench.buy(found["data"]["data"][0]["dedicated_number"].as_str().unwrap()).await;
    let path = "/v3/numbers/registrations/number-types/10dlc/country/CA";
    let (status, refused) = bench.call(Method::POST, path, None).await;
    assert_eq!((status, &refused["data"]["email"]), (400, &json!("Email field is required.")));
    let body = json!({
        "full_name": "Sam", "company_name": "Example", "email": "sam@example.com",
        "sample_message": "Hello", "primary_use_case": "support", "website_url": "https://example.com",
    });
    let (status, taken) = bench.call(Method::POST, path, Some(body.clone())).await;
    assert_eq!((status, &taken["data"]), (200, &Value::Null));
    assert_eq!(bench.list("").await["data"]["data"][0]["status"]["value"], 2);
    assert_eq!(bench.ledger("").await["registrations"][0]["body"], body);
    bench.order("settings", json!({"register_fields": "eight"})).await;
    assert_eq!(bench.call(Method::POST, path, Some(body)).await.0, 400);
}

#[tokio::test]
async fn the_account_shows_its_key_and_what_nobody_documented() {
    let bench = Bench::start().await;
    let (_, account) = bench.get("/v3/account").await;
    assert_eq!(account["data"]["_subaccount"]["api_key"], "simulator-key");
    assert_eq!(account["data"]["balance"], "1000.000000");
    assert_eq!((&account["data"]["ai_enabled"], &account["data"]["auto_recharge"]), (&json!(0), &json!(0)));
    bench.buy(&bench.offer("US").await).await;
    assert_eq!(bench.get("/v3/account").await.1["data"]["auto_recharge"], 1, "a purchase turns it on");
}

#[tokio::test]
async fn without_the_right_key_there_is_only_a_401_with_rate_limit_headers() {
    let bench = Bench::start().await;
    for path in ["/v3/numbers", "/v3/account", "/v3/numbers/search/AU"] {
        let response =
            bench.client.get(bench.url(path)).basic_auth("simulator", Some("no")).send().await.unwrap();
        assert_eq!(response.headers()["x-ratelimit-limit"], "20");
        assert!(response.headers().contains_key("ratelimit-reset"));
        let body: Value = response.json().await.unwrap();
        let wanted = json!({"http_code": 401, "response_code": "UNAUTHORIZED",
            "response_msg": "Authorization failed.", "data": null});
        assert_eq!(body, wanted);
    }
}

#[tokio::test]
async fn other_paths_are_404_and_other_methods_405_with_the_code_of_a_404() {
    let bench = Bench::start().await;
    for path in ["/v3/sms/send", "/numbers", "/v3/v3/numbers", "//v3/numbers"] {
        let (status, body) = bench.get(path).await;
        assert_eq!((status, &body["response_code"]), (404, &json!("NOT_FOUND")), "{path}");
    }
    let (status, body) = bench.call(Method::PUT, "/v3/numbers", None).await;
    assert_eq!((status, &body["http_code"]), (405, &json!(405)));
    assert_eq!(body["response_code"], "NOT_FOUND");
}

#[tokio::test]
async fn the_special_users_may_read_and_not_buy() {
    let mut bench = Bench::start().await;
    let number = bench.offer("US").await;
    bench.buy(&bench.offer("AU").await).await;
    for (user, status, code) in [
        ("nocredit", 400, "BAD_REQUEST"),
        ("notactive", 403, "ACCOUNT_NOT_ACTIVATED"),
        ("banned", 403, "FORBIDDEN"),
    ] {
        bench.user = user;
        let (refused, body) = bench.buy(&number).await;
        assert_eq!((refused, &body["response_code"]), (status, &json!(code)));
        assert_eq!(bench.list("").await["data"]["total"], 0);
    }
    assert_eq!(bench.get("/v3/account").await.1["data"]["banned"], 1);
    assert_eq!(bench.sales().await, 1);
}

#[tokio::test]
async fn the_limit_is_off_until_it_is_switched_on() {
    let bench = Bench::start().await;
    assert!(
        !bench
            .send(Method::GET, "/v3/numbers", None)
            .await
            .unwrap()
            .headers()
            .contains_key("x-ratelimit-limit")
    );
    bench.order("clock", json!({"standing": true})).await;
    bench.order("settings", json!({"throttle": {"enabled": true, "limit": 2}})).await;
    for left in ["1", "0"] {
        let answer = bench.send(Method::GET, "/v3/numbers", None).await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["x-ratelimit-remaining"]),
            (200, &left.parse().unwrap())
        );
    }
    let refused = bench.send(Method::GET, "/v3/numbers", None).await.unwrap();
    assert_eq!((refused.status().as_u16(), &refused.headers()["retry-after"]), (429, &"60".parse().unwrap()));
    assert_eq!(refused.json::<Value>().await.unwrap()["response_code"], "HTTP_TOO_MANY_REQUESTS");
    assert_eq!(bench.get("/v3/account").await.0, 200, "another endpoint");
    bench.order("clock", json!({"advance": "60s"})).await;
    assert_eq!(bench.get("/v3/numbers").await.0, 200);
}
