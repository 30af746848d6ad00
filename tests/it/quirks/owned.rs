//! `GET /v3/numbers` (clicksend.md §1.1, §4.3).

use serde_json::{Value, json};

use super::{AU, Row, but, error, page, play, row, success};

const PATH: &str = "/v3/numbers";
const FIRST: &str = "+61491570006";

fn owned() -> Value {
    json!({
        "dedicated_number": FIRST, "country": "AU", "price": "18.59", "_country_name": "Australia", "notes": null,
        "type": "sms", "number_type": "longcode", "number_category": null,
        "number_guid": "0B6D2C1E-4F3A-4C57-9E21-7A90D1F3C644", "form_submission_id": null,
        "status": status(json!(0)),
    })
}

fn status(value: Value) -> Value {
    json!({
        "value": value, "label": "REGISTRATION_NOT_REQUIRED", "description": "Your number is ready to go.",
        "name": "Ready to use",
    })
}

fn with_rows(name: &'static str, rows: Value) -> Row {
    row(name).answered("list", 200, success(page(rows))).get(PATH, "200 SUCCESS")
}

fn with_row(name: &'static str, changes: &[(&str, Value)]) -> Row {
    with_rows(name, json!([but(owned(), changes)]))
}

fn with_page(name: &'static str, changes: &[(&str, Value)], verdict: &'static str) -> Row {
    row(name).answered("list", 200, success(but(page(json!([owned()])), changes))).get(PATH, verdict)
}

fn nothing(row: Row) -> Row {
    row.fact("/data/total", 0)
        .fact("/data/last_page", 0)
        .fact("/data/data", json!([]))
        .fact("/data/from", Value::Null)
        .fact("/data/_currency", Value::Null)
}

fn shapes() -> Vec<Row> {
    vec![
        row("the message has upstream's typo")
            .owning("AU", 1)
            .get(PATH, "200 SUCCESS")
            .fact("/response_msg", "Here are you dedicated numbers.")
            .fact("/data/data/0/dedicated_number", AU)
            .fact("/data/data/0/price", "20.71")
            .fact("/data/data/0/_country_name", "Australia")
            .fact("/data/data/0/status/label", "REGISTRATION_NOT_INITIATED")
            .fact("/data/_currency/currency_name_short", "AUD")
            .sent("list", "/query", "page=1&limit=100"),
        nothing(row("an empty list: last_page 0, no inner data, no currency").get(PATH, "200 SUCCESS")),
        nothing(with_page(
            "an empty list: an empty inner data",
            &[("data", json!([])), ("total", json!(0)), ("last_page", json!(0)), ("_currency", Value::Null)],
            "200 SUCCESS",
        )),
        with_rows(
            "before 2021: four fields",
            json!([{"dedicated_number": FIRST, "country": "AU", "price": "18.59", "_country_name": "Australia"}]),
        )
        .fact("/data/data/0/price", "18.59")
        .fact("/data/data/0/type", Value::Null)
        .fact("/data/data/0/status", Value::Null),
        with_rows("the same row twice is twice there", json!([owned(), owned()])).fact("/data/total", 2),
        row("one number as an sms and an mms row")
            .control("settings", json!({"list_rows": "sms_and_mms"}))
            .owning("AU", 1)
            .get(PATH, "200 SUCCESS")
            .fact("/data/total", 2)
            .fact("/data/data/1/dedicated_number", AU)
            .fact("/data/data/1/type", "mms"),
        with_page(
            "a page link to somebody else's host is neither followed nor passed on",
            &[("next_page_url", json!("https://evil.example/v3/numbers/?page=2"))],
            "200 SUCCESS",
        )
        .fact("/data/next_page_url", Value::Null)
        .calls("list", 1),
        row("page links are relative, and lead on when they are followed")
            .owning("AU", 16)
            .get(PATH, "200 SUCCESS")
            .fact("/data/total", 16)
            .fact("/data/last_page", 2)
            .fact("/data/next_page_url", "/v3/numbers/?page=2")
            .get("/v3/numbers/?page=2", "200 SUCCESS")
            .fact("/data/from", 16)
            .fact("/data/to", 16)
            .fact("/data/prev_page_url", "/v3/numbers/?page=1")
            .fact("/data/next_page_url", Value::Null)
            .calls("list", 1),
        row("101 numbers are two upstream pages and one list")
            .owning("AU", 101)
            .get("/v3/numbers?limit=100", "200 SUCCESS")
            .fact("/data/total", 101)
            .get("/v3/numbers?limit=100&page=2", "200 SUCCESS")
            .fact("/data/from", 101)
            .calls("list", 2),
        with_page("a field that nobody has heard of, on the page", &[("surprise", json!(1))], "200 SUCCESS"),
        with_row("a field that nobody has heard of, in a row", &[("ai_enabled", json!(1))]),
        row("a number that was just bought is listed before upstream lists it")
            .fault("buy", "late_visibility", json!({}))
            .buy(AU, "200 SUCCESS")
            .get(PATH, "200 SUCCESS")
            .fact("/data/data/0/dedicated_number", AU),
    ]
}

fn values() -> Vec<Row> {
    let with_status = |name, status: Value| with_row(name, &[("status", status)]);
    let no_status =
        |row: Row| row.fact("/data/data/0/status", Value::Null).fact("/data/data/0/dedicated_number", FIRST);
    let label = json!({"label": "REGISTERED"});
    vec![
        row("a status that is none of the six becomes null, and the list stays")
            .owning("AU", 2)
            .fault("list", "unknown_status_value", json!({"value": 9}))
            .get(PATH, "200 SUCCESS")
            .fact("/data/total", 2)
            .fact("/data/data/0/status", Value::Null)
            .fact("/data/data/1/status", Value::Null),
        row("no status")
            .owning("AU", 1)
            .fault("list", "status_null", json!({}))
            .get(PATH, "200 SUCCESS")
            .fact("/data/data/0/status", Value::Null),
        no_status(with_status("a status that is []", json!([]))),
        no_status(with_status("a status that is a word", json!("ready"))),
        no_status(with_status("a status value below the six", status(json!(-1)))),
        with_status("a status value as a string", status(json!("3"))).fact("/data/data/0/status/value", 3),
        with_status("a status that is only a label", label).fact("/data/data/0/status/value", 5),
        with_status(
            "a status with another label counts by its value",
            but(status(json!(4)), &[("label", json!("NEW"))]),
        )
        .fact("/data/data/0/status/label", "REGISTRATION_SUBMITTED")
        .fact("/data/data/0/status/name", "Limited Availability"),
        row("prices as JSON numbers become strings")
            .owning("AU", 1)
            .fault("list", "number_typed_prices", json!({}))
            .get(PATH, "200 SUCCESS")
            .fact("/data/data/0/price", "20.71"),
        row("counters and http_code as strings become integers")
            .owning("AU", 1)
            .fault("list", "string_typed_counters", json!({}))
            .get(PATH, "200 SUCCESS")
            .fact("/data/total", 1)
            .fact("/data/last_page", 1)
            .fact("/data/from", 1),
        with_row(
            "ids as JSON numbers become strings",
            &[("form_submission_id", json!(77)), ("number_guid", json!(8))],
        )
        .fact("/data/data/0/form_submission_id", "77")
        .fact("/data/data/0/number_guid", "8"),
        with_row("a text that is an object costs the field", &[("notes", json!({"a": 1}))])
            .fact("/data/data/0/notes", Value::Null),
        with_row(
            "a kind of number that nobody has heard of is passed on",
            &[("number_type", json!("alphanumeric"))],
        )
        .fact("/data/data/0/number_type", "alphanumeric"),
    ]
}

fn questions() -> Vec<Row> {
    let both = json!([
        owned(),
        but(
            owned(),
            &[
                ("dedicated_number", json!("+12025550143")),
                ("country", json!("US")),
                ("type", json!("mms")),
                ("number_type", json!("10DLC"))
            ]
        )
    ]);
    let found = |name, query: &str, numbers: &[&str]| {
        let row = row(name)
            .answered("list", 200, success(page(both.clone())))
            .get(format!("{PATH}?{query}"), "200 SUCCESS")
            .fact("/data/total", numbers.len());
        numbers.first().into_iter().fold(row, |row, first| row.fact("/data/data/0/dedicated_number", *first))
    };
    let refused = |name, query: &str, field| {
        row(name).get(format!("{PATH}?{query}"), "400 BAD_REQUEST").has_field(field).calls("list", 0)
    };
    let us = "+12025550143";
    vec![
        found("no filter", "", &[FIRST, us]),
        found("q as Python encodes it", "q=type%3Asms%2Cnumber_type%3Alongcode%2Ccountry%3AAU", &[FIRST]),
        found("q as it is, in other letters", "q=COUNTRY:us", &[us]),
        found("q joins with and", "q=country:US,type:sms", &[]),
        found("q2 adds a type", "q=type:sms&q2=type:mms", &[FIRST, us]),
        found("an empty q is none", "q=&q2=", &[FIRST, us]),
        found("excluding one kind, in other letters", "excluding_number_type=10dlc", &[FIRST]),
        found("excluding a list", "excluding_number_type=10DLC,longcode", &[]),
        found("a parameter that nobody knows", "order_by=price:asc&operator=OR", &[FIRST, us]),
        found("a limit below 15 is clamped", "limit=10", &[FIRST, us]).fact("/data/per_page", 15),
        found("a limit above 100 is clamped", "limit=500", &[FIRST, us]).fact("/data/per_page", 100),
        found("page 0 is page 1", "page=0", &[FIRST, us]).fact("/data/current_page", 1),
        row("a page beyond the last")
            .owning("AU", 1)
            .get(format!("{PATH}?page=9"), "200 SUCCESS")
            .fact("/data/total", 1)
            .fact("/data/data", json!([]))
            .fact("/data/from", Value::Null),
        row("exclude_10dlc_campaign is asked of upstream")
            .owning("AU", 1)
            .get(format!("{PATH}?exclude_10dlc_campaign=true"), "200 SUCCESS")
            .fact("/data/total", 1)
            .sent("list", "/query", "page=1&limit=100&exclude_10dlc_campaign=true")
            .calls("list", 2),
        refused("a key of q that there is not", "q=colour:red", "q"),
        refused("a q without a colon", "q=sms", "q"),
        refused("q2 knows the type only", "q2=country:AU", "q2"),
        refused("a limit that is no number", "limit=abc", "limit"),
        refused("neither true nor false", "exclude_10dlc_campaign=maybe", "exclude_10dlc_campaign"),
    ]
}

/// What cannot be believed is no list: purchases are written off by it.
fn refusals() -> Vec<Row> {
    let answered =
        |name, status, body: Value, verdict| row(name).answered("list", status, body).get(PATH, verdict);
    let broken = |name, fault: &str, parameters: Value| {
        row(name)
            .owning("AU", 1)
            .fault("list", fault, parameters)
            .get(PATH, "503 UPSTREAM_UNAVAILABLE")
            .calls("account", 0)
    };
    let unavailable = "503 UPSTREAM_UNAVAILABLE";
    vec![
        answered("data is []", 200, success(json!([])), unavailable),
        answered("data is null", 200, success(Value::Null), unavailable),
        with_page("no total", &[("total", json!("absent"))], unavailable),
        with_page("more rows announced than there are", &[("total", json!(2))], unavailable).calls("list", 3),
        broken("a page that leaves a row out", "list_page_lies", json!({"omit": 1})),
        broken("a total that is one off", "list_page_lies", json!({"omit": 0, "total_off": 1})),
        broken("HTML 500", "html_500_before_sale", json!({})),
        broken("a redirect elsewhere is not followed", "redirect_302", json!({"location": "/v3/account"})),
        broken("3 MiB", "huge_body", json!({"bytes": 3 << 20})),
        broken("an empty body", "empty_body", json!({})),
        broken("half a body", "truncate", json!({})),
        answered("401", 401, error(401, "UNAUTHORIZED", "No."), "502 UPSTREAM_CREDENTIALS_REFUSED"),
        answered("400 in a 200", 200, error(400, "BAD_REQUEST", "No."), "502 UPSTREAM_REFUSED"),
        row("429 as seen live")
            .fault("list", "throttle_429", json!({}))
            .get(PATH, "503 UPSTREAM_BUSY")
            .answers_header("retry-after", "2"),
    ]
}

#[tokio::test]
async fn the_own_list_has_one_shape_whatever_upstream_sends() {
    play(shapes()).await;
}

#[tokio::test]
async fn the_own_list_has_the_types_that_sdks_want() {
    play(values()).await;
}

#[tokio::test]
async fn the_own_list_is_filtered_in_every_way_that_sdks_know() {
    play(questions()).await;
}

#[tokio::test]
async fn a_list_that_cannot_be_believed_is_an_error_in_the_envelope() {
    play(refusals()).await;
}
