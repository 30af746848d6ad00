//! What ClickSend's strictest SDKs accept: in every object only the fields they know, each with its type.
//!
//! Python's newest refuses a wrong type, Java's and Go's an unknown field; the tables below are what all of them
//! take. A page always has its rows, because programs ask for `data.data.length`.

use serde_json::Value;

use crate::stage::Answer;

type Model = [(&'static str, Kind)];

enum Kind {
    Int,
    MaybeInt,
    Text,
    MaybeText,
    Maybe(&'static Model),
    Rows(&'static Model),
}

const CURRENCY: &Model = &[
    ("currency_name_short", Kind::MaybeText),
    ("currency_prefix_d", Kind::MaybeText),
    ("currency_prefix_c", Kind::MaybeText),
    ("currency_name_long", Kind::MaybeText),
];

const OFFER: &Model = &[
    ("country", Kind::MaybeText),
    ("country_name", Kind::MaybeText),
    ("dedicated_number", Kind::Text),
    ("price_setup", Kind::MaybeText),
    ("price_monthly", Kind::MaybeText),
    ("price_total", Kind::MaybeText),
    ("address_requirement", Kind::MaybeText),
];

const STATUS: &Model =
    &[("value", Kind::Int), ("label", Kind::Text), ("description", Kind::Text), ("name", Kind::Text)];

const OWNED: &Model = &[
    ("dedicated_number", Kind::Text),
    ("country", Kind::MaybeText),
    ("price", Kind::MaybeText),
    ("_country_name", Kind::MaybeText),
    ("notes", Kind::MaybeText),
    ("type", Kind::MaybeText),
    ("number_type", Kind::MaybeText),
    ("number_category", Kind::MaybeText),
    ("number_guid", Kind::MaybeText),
    ("form_submission_id", Kind::MaybeText),
    ("status", Kind::Maybe(STATUS)),
];

const BOUGHT: &Model = &[
    ("dedicated_number", Kind::Text),
    ("country", Kind::MaybeText),
    ("price_total", Kind::MaybeText),
    ("_price_setup", Kind::MaybeText),
    ("_price_monthly", Kind::MaybeText),
    ("_currency", Kind::Maybe(CURRENCY)),
];

const SEARCH_PAGE: &Model = &page(OFFER);
const OWNED_PAGE: &Model = &page(OWNED);

const fn page(row: &'static Model) -> [(&'static str, Kind); 10] {
    [
        ("total", Kind::Int),
        ("per_page", Kind::Int),
        ("current_page", Kind::Int),
        ("last_page", Kind::Int),
        ("next_page_url", Kind::MaybeText),
        ("prev_page_url", Kind::MaybeText),
        ("from", Kind::MaybeInt),
        ("to", Kind::MaybeInt),
        ("data", Kind::Rows(row)),
        ("_currency", Kind::Maybe(CURRENCY)),
    ]
}

/// Panics unless an answer to `path` is one that every SDK reads: the envelope, its `data`, the headers.
pub(super) fn check(path: &str, answer: &Answer) {
    let json = answer.json();
    let status = answer.status.as_u16();
    assert!(status == 200 || status >= 400, "an SDK takes {status} for nothing, or follows it");
    assert_eq!(answer.header("content-type"), Some("application/json; charset=utf-8"));
    assert_eq!(answer.header("content-encoding"), None);
    assert!(!answer.text.contains("://"), "an address, maybe upstream's: {}", answer.text);
    assert!(
        answer.headers.keys().all(|name| !name.as_str().starts_with("x-ratelimit")),
        "{:?}",
        answer.headers
    );
    let envelope = json.as_object().unwrap();
    assert_eq!(envelope.keys().collect::<Vec<_>>(), ["http_code", "response_code", "response_msg", "data"]);
    assert_eq!(json["http_code"], status);
    assert!(json["response_code"].is_string() && json["response_msg"].is_string(), "{json}");
    assert_eq!(json["response_code"] == "SUCCESS", status == 200, "{json}");
    let data = &json["data"];
    match (status, model(path)) {
        (200, Some(model)) => object("data", data, model),
        (200, None) => assert!(data.is_null(), "a registration has no data: {data}"),
        _ => assert!(data.is_null() || is_field_map(data), "an error has a map of fields or nothing: {data}"),
    }
}

fn model(path: &str) -> Option<&'static Model> {
    if path.contains("/search/") {
        Some(SEARCH_PAGE)
    } else if path.contains("/buy/") {
        Some(BOUGHT)
    } else if path.contains("/registrations/") {
        None
    } else {
        Some(OWNED_PAGE)
    }
}

fn object(at: &str, value: &Value, model: &Model) {
    let fields = value.as_object().unwrap_or_else(|| panic!("{at} is no object: {value}"));
    for name in fields.keys() {
        assert!(model.iter().any(|(known, _)| known == name), "{at}.{name} is in no SDK's model");
    }
    for (name, kind) in model {
        let (at, value) = (format!("{at}.{name}"), value.get(name));
        let is_nothing = value.is_none_or(Value::is_null);
        let fits = match kind {
            Kind::Int => value.is_some_and(Value::is_u64),
            Kind::MaybeInt => is_nothing || value.is_some_and(Value::is_u64),
            Kind::Text => value.is_some_and(Value::is_string),
            Kind::MaybeText => is_nothing || value.is_some_and(Value::is_string),
            Kind::Maybe(_) => is_nothing || value.is_some_and(Value::is_object),
            Kind::Rows(_) => value.is_some_and(Value::is_array),
        };
        assert!(fits, "{at} has the wrong type: {value:?}");
        match (kind, value) {
            (Kind::Maybe(model), Some(value)) if value.is_object() => object(&at, value, model),
            (Kind::Rows(model), Some(rows)) => {
                for (index, row) in rows.as_array().unwrap().iter().enumerate() {
                    object(&format!("{at}[{index}]"), row, model);
                }
            }
            _ => {}
        }
    }
}

fn is_field_map(data: &Value) -> bool {
    data.as_object().is_some_and(|fields| !fields.is_empty() && fields.values().all(Value::is_string))
}
