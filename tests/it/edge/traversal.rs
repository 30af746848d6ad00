//! Every path parameter of every route, as the API document lists them, made to hold what would lead elsewhere if any
//! of it were ever pasted into a URL. Upstream must see the shapes it always sees, or nothing.

use futures_util::future::join_all;
use serde_json::Value;

use super::assert_upstream_heard_nothing;
use super::wire::{Then, exchange};
use crate::stage::Stage;

/// Spellings of "somewhere else", and of "an end before the end".
const FORMS: [&str; 48] = [
    "..",
    "...",
    ".",
    "%2e",
    "%2e%2e",
    ".%2e",
    "%2E.",
    "..%2faccount",
    "..%2f..%2faccount",
    "..%2F..%2Faccount",
    "%2e%2e%2f%2e%2e%2faccount",
    "%2e%2e/%2e%2e/account",
    "../../account",
    "..%5caccount",
    "..%5c..%5caccount",
    "..%252f..%252faccount",
    "%252e%252e%252faccount",
    "..%25252faccount",
    "..;/account",
    "..;%2faccount",
    "%c0%ae%c0%ae%c0%afaccount",
    "..%c0%afaccount",
    "..%e0%80%afaccount",
    "..%u2215account",
    "%u002e%u002e%u002f",
    "..%ef%bc%8faccount",
    "%ef%bc%8e%ef%bc%8e%2faccount",
    "AU%2f..%2f..%2f..%2faccount",
    "AU/../../../account",
    "%2b61491570000%2f..%2f..%2faccount",
    "%2faccount",
    "%2f%2fevil.example",
    "%00",
    "AU%00",
    "AU%00.json",
    "AU%0d%0aHost:%20evil.example",
    "AU%0a",
    "AU%20HTTP/1.1",
    "AU;x=1",
    "AU%3fapi_key=1",
    "AU%3Fq=1%26x",
    "AU%23fragment",
    "%ff",
    "%",
    "%2",
    "%zz",
    "http:%2f%2fevil.example%2f",
    "@evil.example",
];

/// Good values, so that only one of them leads elsewhere.
fn usual(parameter: &str) -> &'static str {
    match parameter {
        "country" | "country_code" => "CA",
        "number_type" => "10dlc",
        "dedicated_number" => "%2B61491570000",
        "code" => "NOT_FOUND",
        _ => "019a0000-0000-7000-8000-000000000000",
    }
}

/// `(METHOD, path with all parameters but one filled in, name of that one)`.
fn places() -> Vec<(String, String, String)> {
    let document: Value = serde_json::from_str(&numbers_gateway::http::openapi()).unwrap();
    let mut places = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let names: Vec<&str> = path.split('{').skip(1).map(|rest| rest.split_once('}').unwrap().0).collect();
        for name in &names {
            let others = names.iter().filter(|other| *other != name);
            let filled =
                others.fold(path.clone(), |path, other| path.replace(&format!("{{{other}}}"), usual(other)));
            for method in methods.as_object().unwrap().keys() {
                places.push((method.to_uppercase(), filled.clone(), (*name).to_owned()));
            }
        }
    }
    places
}

#[tokio::test]
async fn no_path_parameter_leads_out_of_its_place() {
    let stage = Stage::new().await;
    let places = places();
    assert!(places.len() >= 15, "{places:?}");
    for (method, path, name) in &places {
        let asked = FORMS.map(|form| {
            let target = path.replace(&format!("{{{name}}}"), form);
            // As whoever may buy: a refusal must not be one of rights alone.
            format!(
                "{method} {target} HTTP/1.1\r\n%H%%A%%X%Idempotency-Key: k\r\nContent-Length: 2\r\n\r\n{{}}"
            )
        });
        let answered = join_all(asked.iter().map(|ask| exchange(&stage, ask, Then::Waits))).await;
        for (ask, answers) in asked.iter().zip(answered) {
            let [answer] = &answers[..] else { panic!("{ask}: {answers:?}") };
            let is_refused = ["400", "403", "404", "405"].contains(&answer.status.as_str());
            assert!(is_refused, "{ask}: {answer:?}");
            assert!(
                answer.body.is_empty() || serde_json::from_str::<Value>(&answer.body).is_ok(),
                "{ask}: {answer:?}"
            );
        }
    }
    assert_upstream_heard_nothing(&stage).await;
    stage.finish().await;
}

/// Other spellings of a good value are that value, and go out in the one spelling that is ours.
#[tokio::test]
async fn a_good_value_in_another_spelling_goes_out_in_ours() {
    let stage = Stage::new().await;
    for target in [
        "GET /v3/numbers/search/%41%55",
        "GET /v3/numbers/search/a%55",
        "GET /v3//numbers/./search/AU",
        "POST /v3/numbers/buy/%2b%36%31491570000",
        "POST /v3/numbers/buy/+61491570000",
        "GET /v3/numbers?page=1&q=../../account",
        "GET /v3/numbers/search/AU?search=../../account",
        "GET /v3/numbers/search/AU?search=1%26page=9%23",
    ] {
        let ask = format!("{target} HTTP/1.1\r\n%H%%A%%X%Content-Length: 0\r\n\r\n");
        let answers = exchange(&stage, &ask, Then::Waits).await;
        assert_eq!(answers.len(), 1, "{target}");
    }
    let ledger = stage.ledger("").await;
    let requests = ledger["requests"].as_array().unwrap();
    assert!(requests.len() >= 2, "{requests:?}");
    for request in requests {
        let (method, path) = (request["method"].as_str().unwrap(), request["path"].as_str().unwrap());
        let shape = match path.strip_prefix("/v3/numbers").unwrap() {
            "" => "list",
            "/search/AU" => "search",
            "/buy/%2B61491570000" => "buy",
            rest => panic!("{method} {rest}"),
        };
        assert_eq!(method, if shape == "buy" { "POST" } else { "GET" });
        let query = request["query"].as_str().unwrap_or_default();
        assert!(!query.contains("account") && !query.contains("..") && !query.contains("page=9"), "{query}");
    }
    stage.finish().await;
}
