//! The control API itself: what it shows, how it waits, and how it complains.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::{AUTHORIZATION, Bench, Options, Simulator};

#[tokio::test]
async fn the_journal_keeps_every_request_as_it_came() {
    let bench = Bench::start().await;
    bench.call(Method::POST, "/v3/numbers/buy/%2B19995550100?type=sms", Some(json!({"x": 1}))).await;
    bench.get("//v3/unheard?of=1%202").await;
    bench.client.get(bench.url("/v3/account")).basic_auth("who", Some("secret")).send().await.unwrap();
    let ledger = bench.ledger("").await;
    let requests = ledger["requests"].as_array().unwrap();
    assert_eq!(requests.len(), 3, "control calls are no requests");
    let (buy, unknown, refused) = (&requests[0], &requests[1], &requests[2]);
    assert_eq!((&buy["path"], &buy["query"]), (&json!("/v3/numbers/buy/%2B19995550100"), &json!("type=sms")));
    assert_eq!((&buy["seq"], &buy["status"], &buy["body"]), (&json!(1), &json!(404), &json!("{\"x\":1}")));
    assert_eq!(
        (&buy["operation"], &buy["method"], &buy["fault"]),
        (&json!("buy"), &json!("POST"), &Value::Null)
    );
    assert_eq!((&buy["user"], &buy["headers"]["authorization"]), (&json!("simulator"), &json!("valid")));
    assert_eq!(buy["headers"]["content-type"], "application/json");
    assert_eq!((&unknown["path"], &unknown["query"]), (&json!("//v3/unheard"), &json!("of=1%202")));
    assert_eq!((&unknown["operation"], &unknown["status"]), (&json!("unknown"), &json!(404)));
    assert_eq!((&refused["user"], &refused["headers"]["authorization"]), (&json!("who"), &json!("invalid")));
    let text = ledger.to_string();
    assert!(!text.contains("secret") && !text.contains("c2ltdWxhdG9y"));
    assert_eq!(bench.ledger("?operation=account&after=1").await["requests"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_ledger_waits_for_what_is_asked_and_says_when_it_did_not_come() {
    let bench = Bench::start().await;
    let number = bench.offer("US").await;
    let (waited, _) =
        tokio::join!(bench.ledger("?operation=buy&wait_answered=1&wait_sales=1"), bench.buy(&number));
    assert_eq!((&waited["timed_out"], &waited["requests"][0]["status"]), (&json!(false), &json!(200)));
    let in_vain = bench.ledger("?wait_sales=2&timeout_ms=20").await;
    assert_eq!((&in_vain["timed_out"], in_vain["sales"].as_array().unwrap().len()), (&json!(true), 1));
    assert_eq!(bench.ledger("?operation=buy&wait_requests=2&timeout_ms=20").await["timed_out"], true);
}

#[tokio::test]
async fn wrong_orders_are_answered_with_the_field_and_the_remedy() {
    let bench = Bench::start().await;
    for (control, body, field, remedy) in [
        ("faults", json!({"fault": "explode"}), "fault", "drop_after_sale"),
        ("faults", json!({"fault": "delay", "ms": -1}), "ms", "expected u64"),
        ("faults", json!({"fault": "delay", "ms": 1, "operation": 3}), "operation", "search"),
        ("clock", json!({"advance": "1w"}), "advance", "like \"1d\""),
        ("clock", json!({"now": "yesterday"}), "now", "2026-10-31T23:59:00Z"),
        ("clock", json!({"now": "2100-01-01T00:00:00Z"}), "now", "2099"),
        ("sell", json!({}), "number", "number or country"),
        ("sell", json!({"country": "XX"}), "country", "AU"),
        ("sell", json!({"number": "+12025559999"}), "number", "search"),
        ("take", json!({"number": "12"}), "number", "+61491570006"),
        ("give_up", json!({"number": "+12025559999"}), "number", "not owned"),
        ("status", json!({"number": "+12025559999", "value": 6}), "value", "0 to 5"),
        ("balance", json!({"balance": "a lot"}), "balance", "20.71"),
        ("key", json!({"api_key": ""}), "api_key", "empty"),
        ("key", json!({"api_key": "new", "grace": "soon"}), "grace", "1m"),
        ("settings", json!({"voice": "loud"}), "voice", "accept"),
        ("reset", json!({"sead": 1}), "sead", "expected `seed`"),
    ] {
        let (status, answer) = bench.call(Method::POST, &format!("/_simulator/{control}"), Some(body)).await;
        assert_eq!((status, answer["field"].as_str().unwrap()), (400, field), "{answer}");
        assert!(answer["error"].as_str().unwrap().contains(remedy), "{answer}");
    }
    for path in ["ledger?wait=1", "invoice", "invoice?month=October"] {
        let (status, answer) = bench.get(&format!("/_simulator/{path}")).await;
        assert!(
            status == 400 && answer["error"].as_str().unwrap().contains("month") || path.contains("wait"),
            "{answer}"
        );
    }
    assert_eq!(bench.get("/_simulator/nothing").await.0, 404);
    assert_eq!(bench.get("/_simulator/sell").await.0, 405);
}

#[tokio::test]
async fn the_index_tells_a_stranger_everything() {
    let bench = Bench::start().await;
    for path in ["/_simulator", "/_simulator/"] {
        let index = bench.send(Method::GET, path, None).await.unwrap().text().await.unwrap();
        for word in ["POST   faults", "drop_after_sale", "first_charge", "nocredit", "wait_requests"] {
            assert!(index.contains(word), "{word}");
        }
    }
    let (_, settings) = bench.get("/_simulator/settings").await;
    assert_eq!(settings["settings"]["first_charge"], "pro_rated");
}

#[tokio::test]
async fn a_reset_forgets_everything_and_may_change_the_seed() {
    let bench = Bench::in_october().await;
    let number = bench.offer("AU").await;
    bench.buy(&number).await;
    bench.fault(json!({"fault": "empty_body"})).await;
    bench.order("settings", json!({"currency": "USD"})).await;
    bench.order("reset", json!({})).await;
    let ledger = bench.ledger("").await;
    assert_eq!((&ledger["sales"], &ledger["requests"]), (&json!([]), &json!([])));
    assert_eq!(bench.get("/_simulator/faults").await.1, json!({"faults": []}));
    assert_eq!(bench.get("/_simulator/clock").await.1["standing"], false);
    assert_eq!(bench.offer("AU").await, number, "the same shop");
    bench.order("reset", json!({"seed": 99})).await;
    let (_, found) = bench.get("/v3/numbers/search/AU?limit=100").await;
    let first = Simulator::new(Options { seed: 99, ..Options::default() });
    let other = Bench::serving(&first, CancellationToken::new()).await;
    assert_eq!(other.get("/v3/numbers/search/AU?limit=100").await.1, found);
}

#[tokio::test]
async fn a_request_that_a_reset_overtakes_is_not_in_the_new_journal() {
    let bench = Bench::start().await;
    bench.fault(json!({"operation": "list", "fault": "hold"})).await;
    let overtake = async {
        bench.ledger("?wait_held=1").await;
        bench.order("reset", json!({})).await;
    };
    let (answered, ()) = tokio::join!(bench.get("/v3/numbers"), overtake);
    assert_eq!(answered.0, 200);
    bench.get("/v3/account").await;
    let ledger = bench.ledger("").await;
    assert_eq!((&ledger["held"], &ledger["requests_received"]), (&json!(0), &json!(1)));
    assert_eq!(
        (&ledger["requests"][0]["operation"], &ledger["requests"][0]["seq"]),
        (&json!("account"), &json!(2))
    );
    assert_eq!(bench.ledger("?wait_answered=2&timeout_ms=20").await["timed_out"], true);
}

#[tokio::test]
async fn a_stopped_simulator_cuts_its_connections_and_goes_on_where_it_was() {
    let simulator = Simulator::new(Options::default());
    let stop = CancellationToken::new();
    let mut bench = Bench::serving(&simulator, stop.clone()).await;
    bench.buy(&bench.offer("US").await).await;
    bench.fault(json!({"operation": "list", "fault": "hold"})).await;
    let mut idle = TcpStream::connect(bench.address).await.unwrap();
    idle.write_all(format!("GET /v3/numbers HTTP/1.1\r\nHost: x\r\n{AUTHORIZATION}\r\n\r\n").as_bytes())
        .await
        .unwrap();
    assert_eq!(bench.ledger("?wait_held=1").await["held"], 1);
    stop.cancel();
    bench.server.join_next().await.unwrap().unwrap();
    let mut bytes = Vec::new();
    let _ = timeout(Duration::from_secs(5), idle.read_to_end(&mut bytes)).await.unwrap();
    assert!(bytes.is_empty(), "the held request was never answered");
    assert!(bench.send(Method::GET, "/v3/account", None).await.unwrap_err().is_connect());
    let again = Bench::serving(&simulator, CancellationToken::new()).await;
    assert_eq!(again.sales().await, 1);
}
