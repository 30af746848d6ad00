//! What other programs hold on to, word by word: the API document, the problems and the metrics. A change shows in
//! the review as a change of a snapshot.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use numbers_gateway::http;
use numbers_gateway::service::Code;
use reqwest::Method;
use serde_json::Value;

use crate::stage::{Stage, ann, send, somebody};

/// Codes that never reach a service.
const OF_THE_EDGE: [&str; 8] = [
    "UNAUTHORIZED",
    "ISSUER_UNAVAILABLE",
    "NOT_SERVED_HERE",
    "METHOD_NOT_ALLOWED",
    "PAYLOAD_TOO_LARGE",
    "REQUEST_HEADER_FIELDS_TOO_LARGE",
    "UNSUPPORTED_MEDIA_TYPE",
    "INTERNAL_SERVER_ERROR",
];

#[tokio::test]
async fn the_api_document_describes_both_doors_and_is_the_committed_one() {
    let stage = Stage::new().await;
    let answer = send(stage.anonymous(Method::GET, "/openapi.json")).await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let document = answer.json();
    let printed: Value = serde_json::from_str(&http::openapi()).unwrap();
    assert_eq!(document, printed, "`numbers-gateway openapi` prints what is served");
    let paths: Vec<&String> = document["paths"].as_object().unwrap().keys().collect();
    for path in [
        "/v3/numbers",
        "/v3/numbers/search/{country}",
        "/v3/numbers/buy/{dedicated_number}",
        "/v3/numbers/registrations/number-types/{number_type}/country/{country_code}",
        "/v1/me",
        "/v1/purchases",
        "/v1/purchases/{id}",
        "/v1/registrations/{id}",
        "/problems/{code}",
    ] {
        assert!(paths.iter().any(|known| *known == path), "{path} is missing from {paths:?}");
    }
    every_reference_leads_somewhere(&document, &document);
    insta::assert_snapshot!("openapi", serde_json::to_string_pretty(&document).unwrap());
    stage.finish().await;
}

fn every_reference_leads_somewhere(document: &Value, part: &Value) {
    if let Some(reference) = part.get("$ref").and_then(Value::as_str) {
        let pointer = reference.trim_start_matches('#');
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
    let fields = part.as_object().into_iter().flat_map(|fields| fields.values());
    for inner in fields.chain(part.as_array().into_iter().flatten()) {
        every_reference_leads_somewhere(document, inner);
    }
}

#[tokio::test]
async fn every_problem_has_a_page_for_everybody() {
    let stage = Stage::new().await;
    let mut catalogue = String::new();
    for code in Code::ALL.map(Code::as_str).into_iter().chain(OF_THE_EDGE) {
        let page = send(stage.anonymous(Method::GET, &format!("/problems/{code}"))).await;
        assert_eq!(page.status, 200, "{code}");
        assert_eq!(page.header("content-type"), Some("text/plain; charset=utf-8"));
        writeln!(catalogue, "{}", page.text).unwrap();
    }
    insta::assert_snapshot!("problems", catalogue);
    stage.finish().await;
}

#[tokio::test]
async fn the_metrics_have_the_committed_names_and_labels() {
    // A receiver that nobody needs to reach: what is counted is there from the start.
    let webhook = "[[notifications.webhooks]]\nname = \"desk\"\nurl = \"https://hooks.example.com\"\nformat = \"slack\"\n\
                   events = [\"frozen\"]\n";
    let stage = Stage::with(webhook).await;
    let bob = somebody("bob", "support", "viewer");
    let uses: [(&_, Method, &str); 6] = [
        (&ann(), Method::GET, "/v3/numbers/search/AU"),
        (&ann(), Method::POST, "/v3/numbers/buy/+61491570000"),
        (&ann(), Method::POST, "/v3/numbers/buy/+447700900000"),
        (&ann(), Method::GET, "/v3/numbers"),
        (&bob, Method::GET, "/v1/me"),
        (&bob, Method::GET, "/nothing"),
    ];
    for (who, method, path) in uses {
        send(stage.request(who, method, path)).await;
    }
    send(stage.anonymous(Method::GET, "/v1/me")).await;
    let exposition = stage.ops("/metrics").await;
    assert_eq!(exposition.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let text = exposition.text;
    for secret in ["61491570000", "ann", "bob", "simulator-key"] {
        let labels = text.lines().filter(|line| !line.starts_with('#'));
        assert!(labels.into_iter().all(|line| !line.contains(secret)), "{secret} in a label");
    }
    insta::assert_snapshot!("metrics", families(&text));
    stage.finish().await;
}

/// One line a family: name, type, names of its labels.
fn families(text: &str) -> String {
    let mut kinds: BTreeMap<&str, &str> = BTreeMap::new();
    let mut labels: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for line in text.lines() {
        if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            kinds.insert(name, kind);
        } else if let Some((series, _)) = line.rsplit_once(' ').filter(|_| !line.starts_with('#')) {
            let (name, rest) = series.split_once('{').unwrap_or((series, ""));
            let pairs = rest.trim_end_matches('}').split("\",");
            let names = pairs.filter_map(|pair| pair.split_once('=')).map(|(name, _)| name);
            labels.insert(name, names.collect());
        }
    }
    let mut lines = String::new();
    for (name, kind) in kinds {
        let of = labels.get(name).or_else(|| labels.get(format!("{name}_count").as_str()));
        writeln!(lines, "{kind} {name}{{{}}}", of.unwrap().join(",")).unwrap();
    }
    lines
}
