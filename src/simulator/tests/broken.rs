//! Every fault, seen from the other end of the socket.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::{AUTHORIZATION, Bench};

/// Orders the fault for the next purchase and says how that went: bytes received, sales made.
async fn purchase(mut order: Value) -> (String, usize) {
    let bench = Bench::start().await;
    let number = bench.offer("US").await;
    order["operation"] = json!("buy");
    order["count"] = json!(1);
    bench.fault(order).await;
    let bytes = bench.raw_buy(&number).await;
    (bytes, bench.sales().await)
}

#[tokio::test]
async fn a_dropped_connection_gives_not_one_byte() {
    assert_eq!(purchase(json!({"fault": "drop_before_sale"})).await, (String::new(), 0));
    assert_eq!(purchase(json!({"fault": "drop_after_sale"})).await, (String::new(), 1));
}

#[tokio::test]
async fn a_dropped_request_is_in_the_journal_without_a_status() {
    let bench = Bench::start().await;
    bench.fault(json!({"operation": "list", "fault": "drop_before_sale"})).await;
    assert!(bench.send(Method::GET, "/v3/numbers", None).await.is_err());
    let request = bench.ledger("?wait_answered=1").await["requests"][0].clone();
    assert_eq!((&request["status"], &request["outcome"]), (&Value::Null, &json!("dropped")));
    assert_eq!(request["fault"], "drop_before_sale");
}

#[tokio::test]
async fn a_truncated_answer_is_really_short() {
    let (bytes, sales) = purchase(json!({"fault": "truncate"})).await;
    let (head, body) = bytes.split_once("\r\n\r\n").unwrap();
    let announced: usize =
        head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse().unwrap();
    assert!(head.starts_with("HTTP/1.1 200"));
    assert_eq!((body.len(), sales), (announced / 2, 1));
    assert!(body.starts_with("{\"http_code\":200"));
}

#[tokio::test]
async fn an_html_page_comes_before_or_after_the_sale() {
    for (fault, sales) in [("html_500_before_sale", 0), ("html_500_after_sale", 1)] {
        let bench = Bench::start().await;
        let number = bench.offer("US").await;
        bench.fault(json!({"operation": "buy", "fault": fault, "status": 502})).await;
        let answer = bench.send(Method::POST, &format!("/v3/numbers/buy/{number}"), None).await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["content-type"]),
            (502, &"text/html".parse().unwrap())
        );
        assert!(answer.text().await.unwrap().starts_with("<html>"));
        assert_eq!(bench.sales().await, sales);
    }
}

#[tokio::test]
async fn an_error_envelope_hides_in_a_200() {
    let bench = Bench::start().await;
    let number = bench.offer("US").await;
    let order =
        json!({"fault": "error_envelope_in_200", "http_code": 403, "response_code": "FORBIDDEN", "count": 1});
    bench.fault(order).await;
    let (status, body) = bench.buy(&number).await;
    assert_eq!((status, &body["http_code"], &body["response_code"]), (200, &json!(403), &json!("FORBIDDEN")));
    assert_eq!(bench.sales().await, 0);
    bench.fault(json!({"fault": "error_envelope_in_200", "at": "after_sale", "count": 1})).await;
    assert_eq!(bench.buy(&number).await.1["http_code"], 400);
    assert_eq!(bench.sales().await, 1);
}

#[tokio::test]
async fn a_429_a_redirect_and_anything_else_can_be_ordered() {
    let bench = Bench::start().await;
    bench.fault(json!({"fault": "throttle_429", "retry_after_seconds": 39, "count": 1})).await;
    let answer = bench.send(Method::GET, "/v3/account", None).await.unwrap();
    assert_eq!((answer.status().as_u16(), &answer.headers()["retry-after"]), (429, &"39".parse().unwrap()));
    assert_eq!(answer.headers()["x-ratelimit-remaining"], "0");
    bench.fault(json!({"fault": "redirect_302", "count": 1})).await;
    let answer = bench.send(Method::GET, "/v3/account", None).await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["location"]),
        (302, &"/v3/account".parse().unwrap())
    );
    bench
        .fault(
            json!({"fault": "arbitrary", "status": 418, "body": "tea", "content_type": "text/x", "count": 1}),
        )
        .await;
    let answer = bench.send(Method::GET, "/v3/account", None).await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["content-type"]),
        (418, &"text/x".parse().unwrap())
    );
    assert_eq!(answer.text().await.unwrap(), "tea");
    assert_eq!(bench.get("/v3/account").await.0, 200, "counts are spent");
}

#[tokio::test]
async fn a_held_request_waits_before_or_after_the_sale_until_it_is_released() {
    for (at, sales) in [("before_sale", 0), ("after_sale", 1)] {
        let bench = Bench::start().await;
        let number = bench.offer("US").await;
        bench.fault(json!({"operation": "buy", "fault": "hold", "at": at, "count": 1})).await;
        let watch = async {
            let held = bench.ledger("?operation=buy&wait_held=1").await;
            assert_eq!(held["requests"][0]["outcome"], "in_progress");
            assert_eq!(held["sales"].as_array().unwrap().len(), sales);
            bench.order("release", json!({})).await
        };
        let ((status, _), released) = tokio::join!(bench.buy(&number), watch);
        assert_eq!((status, &released["released"]), (200, &json!(1)));
        let after = bench.ledger("").await;
        assert_eq!((&after["held"], after["sales"].as_array().unwrap().len()), (&json!(0), 1));
    }
}

#[tokio::test]
async fn a_sale_goes_on_when_its_client_has_hung_up() {
    let bench = Bench::start().await;
    let number = bench.offer("US").await;
    bench.fault(json!({"operation": "buy", "fault": "hold", "count": 1})).await;
    let mut stream = TcpStream::connect(bench.address).await.unwrap();
    let request = format!("POST /v3/numbers/buy/{number} HTTP/1.1\r\nHost: x\r\n{AUTHORIZATION}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    bench.ledger("?wait_held=1").await;
    drop(stream);
    bench.order("release", json!({})).await;
    assert_eq!(bench.ledger("?wait_sales=1").await["timed_out"], false);
}

#[tokio::test]
async fn a_body_that_never_comes_is_in_the_journal_and_does_nothing() {
    let bench = Bench::start().await;
    let number = bench.offer("US").await;
    let mut stream = TcpStream::connect(bench.address).await.unwrap();
    let request = format!(
        "POST /v3/numbers/buy/{number} HTTP/1.1\r\nHost: x\r\n{AUTHORIZATION}\r\nContent-Length: 9\r\n\r\n{{"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    bench.ledger("?operation=buy&wait_requests=1").await;
    drop(stream);
    let ledger = bench.ledger("?operation=buy&wait_answered=1").await;
    assert_eq!(ledger["requests"][0]["outcome"], "body_not_received");
    assert_eq!(ledger["sales"], json!([]));
}

#[tokio::test]
async fn a_delay_delays_and_a_drip_drips() {
    let bench = Bench::start().await;
    for order in
        [json!({"fault": "delay", "ms": 120}), json!({"fault": "drip", "bytes": 100, "every_ms": 40})]
    {
        bench.fault(order).await;
        let start = Instant::now();
        assert_eq!(bench.get("/v3/account").await.0, 200);
        assert!(start.elapsed() >= Duration::from_millis(120));
        bench.call(Method::DELETE, "/_simulator/faults", None).await;
    }
}

#[tokio::test]
async fn bodies_can_be_huge_empty_or_called_something_else() {
    let bench = Bench::start().await;
    bench.fault(json!({"fault": "huge_body", "bytes": 3_000_000, "count": 1})).await;
    let huge = bench.send(Method::GET, "/v3/account", None).await.unwrap().text().await.unwrap();
    assert_eq!(huge.len(), 3_000_000);
    assert_eq!(serde_json::from_str::<Value>(&huge).unwrap()["http_code"], 200);
    bench.fault(json!({"fault": "empty_body", "count": 1})).await;
    let empty = bench.send(Method::GET, "/v3/account", None).await.unwrap();
    assert_eq!((empty.status().as_u16(), empty.text().await.unwrap().len()), (200, 0));
    bench.fault(json!({"fault": "wrong_content_type", "count": 1})).await;
    let odd = bench.send(Method::GET, "/v3/account", None).await.unwrap();
    assert_eq!(odd.headers()["content-type"], "text/html");
    assert!(odd.json::<Value>().await.is_ok());
}

#[tokio::test]
async fn a_purchase_can_find_its_number_gone_or_the_balance_short() {
    let bench = Bench::start().await;
    let number = bench.offer("US").await;
    bench
        .fault(json!({"operation": "buy", "fault": "insufficient_balance", "status": 402, "count": 1}))
        .await;
    let (status, refused) = bench.buy(&number).await;
    assert_eq!((status, &refused["response_msg"]), (402, &json!("Insufficient Balance.")));
    bench.fault(json!({"operation": "buy", "fault": "number_gone", "count": 1})).await;
    assert_eq!(bench.buy(&number).await.0, 404);
    assert_ne!(bench.offer("US").await, number, "somebody else has it");
    assert_eq!(bench.sales().await, 0);
}

#[tokio::test]
async fn prices_drift_between_search_and_purchase() {
    let bench = Bench::in_october().await;
    bench.order("settings", json!({"first_charge": "quote"})).await;
    bench.fault(json!({"operation": "buy", "fault": "price_drift", "percent": 10, "count": 1})).await;
    let (_, dearer) = bench.buy(&bench.offer("AU").await).await;
    assert_eq!(
        (&dearer["data"]["_price_monthly"], &dearer["data"]["price_total"]),
        (&json!("22.78"), &json!("22.78"))
    );
    bench.fault(json!({"operation": "search", "fault": "price_drift", "monthly": "1.25"})).await;
    let (_, found) = bench.get("/v3/numbers/search/AU").await;
    assert_eq!(found["data"]["data"][0]["price_monthly"], "1.2500");
}

#[tokio::test]
async fn a_sale_can_stay_out_of_the_list_for_a_while_or_until_it_is_released() {
    let bench = Bench::in_october().await;
    bench.fault(json!({"operation": "buy", "fault": "late_visibility", "ms": 3000, "count": 1})).await;
    bench.buy(&bench.offer("US").await).await;
    bench.fault(json!({"operation": "buy", "fault": "late_visibility", "count": 1})).await;
    bench.buy(&bench.offer("US").await).await;
    assert_eq!((bench.sales().await, &bench.list("").await["data"]["total"]), (2, &json!(0)));
    bench.order("clock", json!({"advance": "3s"})).await;
    assert_eq!(bench.list("").await["data"]["total"], 1);
    assert_eq!(bench.order("release", json!({})).await["revealed"], 1);
    assert_eq!(bench.list("").await["data"]["total"], 2);
}

#[tokio::test]
async fn a_repeated_purchase_can_be_charged_again_or_name_another_number() {
    let bench = Bench::start().await;
    let number = bench.offer("US").await;
    bench.buy(&number).await;
    bench.fault(json!({"operation": "buy", "fault": "repeat_buy_charges_again", "count": 1})).await;
    assert_eq!(bench.buy(&number).await.0, 200);
    assert_eq!((bench.sales().await, bench.buy(&number).await.0), (2, 400));
    let next = bench.offer("US").await;
    bench.fault(json!({"operation": "buy", "fault": "other_number", "count": 1})).await;
    let (status, answer) = bench.buy(&next).await;
    assert_eq!(status, 200);
    assert_ne!(answer["data"]["dedicated_number"], next);
    assert_eq!(bench.ledger("").await["sales"][2]["number"], next);
}

#[tokio::test]
async fn a_search_answer_has_three_shapes_and_may_not_know_full_numbers() {
    let bench = Bench::start().await;
    let number = bench.offer("US").await;
    let search = async |query: &str| bench.get(&format!("/v3/numbers/search/US?search={query}")).await.1;
    bench.fault(json!({"operation": "search", "fault": "bare_list_search", "count": 1})).await;
    let bare = search("").await;
    assert!(bare["data"].is_array() && bare["_currency"].is_object());
    bench.fault(json!({"operation": "search", "fault": "top_currency_search", "count": 1})).await;
    let top = search("").await;
    assert!(
        top["data"]["data"].is_array()
            && top["_currency"].is_object()
            && top["data"].get("_currency").is_none()
    );
    bench.fault(json!({"operation": "search", "fault": "full_digit_search_finds_nothing"})).await;
    assert_eq!(search(&number[1..]).await["data"]["total"], 0);
    assert_eq!(search(&number[2..]).await["data"]["total"], 1);
}

#[tokio::test]
async fn a_list_can_lie_and_show_statuses_that_nobody_knows() {
    let bench = Bench::start().await;
    for _ in 0..3 {
        bench.order("sell", json!({"country": "US"})).await;
    }
    let rows = |list: &Value| list["data"]["data"].as_array().unwrap().len();
    bench.fault(json!({"operation": "list", "fault": "list_page_lies", "count": 1})).await;
    let short = bench.list("").await;
    assert_eq!((rows(&short), &short["data"]["total"]), (2, &json!(3)));
    bench.fault(json!({"operation": "list", "fault": "list_page_lies", "total_off": -1, "count": 1})).await;
    let wrong = bench.list("").await;
    assert_eq!((rows(&wrong), &wrong["data"]["total"]), (3, &json!(2)));
    bench.fault(json!({"operation": "list", "fault": "unknown_status_value", "count": 1})).await;
    assert_eq!(bench.list("").await["data"]["data"][0]["status"]["value"], 9);
    bench.fault(json!({"operation": "list", "fault": "status_null", "count": 1})).await;
    assert!(bench.list("").await["data"]["data"][0]["status"].is_null());
}

#[tokio::test]
async fn prices_and_counters_can_change_their_json_types() {
    let bench = Bench::start().await;
    bench.fault(json!({"fault": "number_typed_prices", "operation": "search", "count": 1})).await;
    let (_, found) = bench.get("/v3/numbers/search/AU").await;
    assert_eq!(found["data"]["data"][0]["price_monthly"], json!(20.71));
    bench.fault(json!({"fault": "string_typed_counters", "operation": "search", "count": 1})).await;
    let (_, found) = bench.get("/v3/numbers/search/AU").await;
    assert_eq!((&found["http_code"], &found["data"]["per_page"]), (&json!("200"), &json!("15")));
    assert_eq!(found["data"]["data"][0]["price_monthly"], "20.7100");
}

#[tokio::test]
async fn faults_add_up() {
    let bench = Bench::start().await;
    let number = bench.offer("US").await;
    bench.fault(json!({"operation": "buy", "fault": "hold", "at": "after_sale", "count": 1})).await;
    bench.fault(json!({"operation": "buy", "fault": "drop_after_sale", "count": 1})).await;
    let watch = async {
        assert_eq!(bench.ledger("?wait_held=1").await["sales"].as_array().unwrap().len(), 1);
        bench.order("release", json!({})).await;
    };
    let (bytes, ()) = tokio::join!(bench.raw_buy(&number), watch);
    assert_eq!(bytes, "");
    let request = &bench.ledger("?operation=buy").await["requests"][0];
    assert_eq!(request["fault"], "hold+drop_after_sale");
}
