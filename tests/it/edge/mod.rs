//! The edge: what is refused before it reaches a service, in which form, and that none of it reaches upstream.

mod bodies;
mod connections;
mod heads;
mod limits;
mod lines;
mod paths;
mod smuggling;
mod tls;
mod traversal;
mod wire;

use serde_json::json;

use crate::stage::{Answer, Stage};

const SEARCH: &str = "/v3/numbers/search/AU";
const BUY: &str = "/v3/numbers/buy/%2B61491570000";
const REGISTER: &str = "/v3/numbers/registrations/number-types/10dlc/country/CA";

/// Every route with its methods.
const ROUTES: [(&str, &str); 9] = [
    ("/v3/numbers", "GET,HEAD"),
    (SEARCH, "GET,HEAD"),
    (BUY, "POST"),
    (REGISTER, "POST"),
    ("/v1/me", "GET,HEAD"),
    ("/v1/purchases", "GET,HEAD,POST"),
    ("/v1/purchases/x", "GET,HEAD"),
    ("/v1/registrations/x", "GET,HEAD"),
    ("/problems/NOT_FOUND", "GET,HEAD"),
];

/// The form of an error depends on the door alone.
fn assert_form(path: &str, answer: &Answer) {
    let json = answer.json();
    if path.starts_with("/v1") || path.starts_with("/problems") {
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{path}");
        assert_eq!(json["status"], answer.status.as_u16(), "{path}");
        assert_eq!(json["type"], format!("/problems/{}", json["code"].as_str().unwrap()), "{path}");
        assert!(json["title"].is_string() && json["detail"].is_string(), "{path} {json}");
    } else {
        assert_eq!(answer.header("content-type"), Some("application/json; charset=utf-8"), "{path}");
        let fields: Vec<&String> = json.as_object().unwrap().keys().collect();
        assert_eq!(fields, ["http_code", "response_code", "response_msg", "data"], "{path}");
        assert_eq!(json["http_code"], answer.status.as_u16(), "{path}");
    }
}

async fn assert_upstream_heard_nothing(stage: &Stage) {
    assert_eq!(stage.ledger("").await["requests"], json!([]));
}
