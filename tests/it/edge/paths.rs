//! Paths and parameters: what is none of ours, what leads out of its place, and that nothing of it goes upstream.

use std::fmt::Write as _;

use reqwest::Method;
use serde_json::json;

use super::{BUY, assert_form, assert_upstream_heard_nothing};
use crate::stage::{Stage, ann, send};

#[tokio::test]
async fn a_path_that_there_is_not_is_a_404_in_the_form_of_its_door() {
    let stage = Stage::new().await;
    for (path, code) in [
        ("/", "NOT_FOUND"),
        ("/livez", "NOT_FOUND"),
        ("/readyz", "NOT_FOUND"),
        ("/metrics", "NOT_FOUND"),
        ("/_simulator/ledger", "NOT_FOUND"),
        ("/docs", "NOT_FOUND"),
        ("/v1", "NOT_FOUND"),
        ("/v1/", "NOT_FOUND"),
        ("/v1/nothing", "NOT_FOUND"),
        ("/v1/purchases/", "NOT_FOUND"),
        ("/v1//purchases", "NOT_FOUND"),
        ("/v2/numbers", "NOT_FOUND"),
        ("/V3/numbers", "NOT_FOUND"),
        ("/v3", "NOT_SERVED_HERE"),
        ("/v3/numbers/search", "NOT_SERVED_HERE"),
        ("/v3/numbers/search/AU/1", "NOT_SERVED_HERE"),
        ("/v3/numbers/release/1", "NOT_SERVED_HERE"),
    ] {
        for answer in [
            send(stage.request(&ann(), Method::GET, path)).await,
            send(stage.anonymous(Method::POST, path).body("{}")).await,
        ] {
            assert_eq!(answer.verdict(), format!("404 {code}"), "{path}");
            let is_own = ["/v1", "/docs"].iter().any(|prefix| path.starts_with(prefix));
            assert_form(if is_own { "/v1" } else { path }, &answer);
        }
    }
    let problem = stage.get(&ann(), "/problems/NO_SUCH_CODE").await;
    assert_eq!(problem.verdict(), "404 NOT_FOUND");
    assert_upstream_heard_nothing(&stage).await;
    stage.finish().await;
}

#[tokio::test]
async fn parameters_that_are_none_are_refused_with_their_name() {
    let stage = Stage::new().await;
    for (path, field) in [
        ("/v3/numbers/search/XX", "country"),
        ("/v3/numbers/search/AUS", "country"),
        ("/v3/numbers/search/A%20", "country"),
        ("/v3/numbers?q=type%3Asms%0d%0aX%3A1%3A2&page=x", "page"),
        ("/v3/numbers?page=%00", "page"),
        ("/v1/purchases?state=sold", "state"),
        ("/v1/purchases?team=UPPER", "team"),
        ("/v1/purchases?cursor=x", "cursor"),
        ("/v1/purchases?limit=x", "limit"),
        ("/v1/purchases?limit=1&limit=2", "limit"),
    ] {
        let answer = stage.get(&ann(), path).await;
        assert_eq!(answer.verdict(), "400 BAD_REQUEST", "{path}");
        let json = answer.json();
        let faults = json.get("fields").unwrap_or(&json["data"]);
        assert!(faults[field].is_string(), "{path} {json}");
    }
    for name in [
        "x-gateway-team",
        "x-gateway-reason",
        "x-gateway-reference",
        "x-gateway-on-behalf-of",
        "idempotency-key",
    ] {
        for value in [&b"\xff"[..], &[b'a'; 600], b"a\tb"] {
            let answer = send(stage.request(&ann(), Method::POST, BUY).header(name, value)).await;
            assert_eq!(answer.verdict(), "400 BAD_REQUEST", "{name} {}", value.escape_ascii());
            assert!(answer.json()["data"][name].is_string(), "{}", answer.text);
        }
    }
    assert_upstream_heard_nothing(&stage).await;
    stage.finish().await;
}

/// Whatever the caller sends along, upstream sees the four operations and our own headers.
#[tokio::test]
async fn nothing_of_the_callers_request_goes_upstream() {
    let stage = Stage::new().await;
    let form = json!({
        "full_name": "Ann Lee", "company_name": "Acme", "email": "ann@example.com", "website_url": "x",
        "sample_message": "x", "primary_use_case": "x",
    });
    for (method, path, body) in [
        (Method::GET, "//v3/v3/numbers/search/us/?search=555&canary=1&api_key=canary", None),
        (Method::GET, "/v3/numbers/?page=2&limit=77&q=country:canary&canary=1", None),
        (Method::GET, "/v3/numbers?exclude_10dlc_campaign=1&order_by=canary:asc", None),
        (Method::POST, "/v3/numbers/buy/+61491570000?type=MMS&canary=1", Some(json!({"canary": 1}))),
        (Method::POST, "/v3/numbers/registrations/number-types/10DLC/country/ca?canary=1", Some(form)),
        (Method::GET, "/v3/account?canary=1", None),
        (Method::DELETE, "/v3/numbers?canary=1", None),
    ] {
        let request = stage.request(&ann(), method, path);
        let request = [
            "cookie",
            "x-forwarded-for",
            "x-canary",
            "user-agent",
            "traceparent",
            "accept-language",
            "referer",
        ]
        .into_iter()
        .fold(request, |request, name| request.header(name, "canary"));
        let request = body.into_iter().fold(request, |request, body| request.json(&body));
        send(request.header("x-request-id", "canary").header("x-gateway-reference", "canary")).await;
    }
    let ledger = stage.ledger("").await;
    let mut shapes = String::new();
    for request in ledger["requests"].as_array().unwrap() {
        assert!(!request.to_string().contains("canary"), "{request}");
        let (method, path) = (request["method"].as_str().unwrap(), request["path"].as_str().unwrap());
        let query = request["query"].as_str().map(|query| format!("?{query}")).unwrap_or_default();
        writeln!(shapes, "{method} {path}{query}").unwrap();
        let names: Vec<&String> = request["headers"].as_object().unwrap().keys().collect();
        let expected: &[&str] = match method {
            "GET" => &["accept", "authorization", "host", "user-agent"],
            _ => &["accept", "authorization", "content-length", "content-type", "host", "user-agent"],
        };
        assert_eq!(names, expected, "{request}");
        assert_eq!(request["headers"]["authorization"], "valid");
    }
    insta::assert_snapshot!(shapes, @r"
    GET /v3/numbers/search/US?page=1&limit=100&search=555&search_type=1
    GET /v3/numbers?page=1&limit=100
    GET /v3/numbers?page=1&limit=100&exclude_10dlc_campaign=true
    GET /v3/numbers/search/AU?page=1&limit=100&search=61491570000&search_type=1
    POST /v3/numbers/buy/%2B61491570000
    POST /v3/numbers/registrations/number-types/10dlc/country/CA
    ");
    stage.finish().await;
}
