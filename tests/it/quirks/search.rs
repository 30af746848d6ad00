//! `GET /v3/numbers/search/{country}` (clicksend.md §1.2, §2, §4.3).

use serde_json::{Value, json};

use super::{AU, Row, but, error, page, play, row, success};
use crate::stage::{Stage, ann};

const PATH: &str = "/v3/numbers/search/AU";

fn offer() -> Value {
    json!({
        "country": "AU", "country_name": "Australia", "dedicated_number": "+61491570156",
        "price_setup": "0.0000", "price_monthly": "20.7100", "price_total": "20.7100",
        "address_requirement": "local",
    })
}

/// A search whose only row, or whose page, differs from today's.
fn with_row(name: &'static str, changes: &[(&str, Value)]) -> Row {
    row(name).answered("search", 200, success(page(json!([but(offer(), changes)])))).get(PATH, "200 SUCCESS")
}

fn with_page(name: &'static str, changes: &[(&str, Value)]) -> Row {
    row(name)
        .answered("search", 200, success(but(page(json!([offer()])), changes)))
        .get(PATH, "200 SUCCESS")
        .calls("search", 1)
}

fn nothing(row: Row) -> Row {
    row.fact("/data/total", 0)
        .fact("/data/last_page", 0)
        .fact("/data/data", json!([]))
        .fact("/data/from", Value::Null)
        .fact("/data/to", Value::Null)
        .fact("/data/next_page_url", Value::Null)
}

fn shapes() -> Vec<Row> {
    let own_currency = json!({
        "currency_name_short": "AUD", "currency_prefix_d": "$", "currency_prefix_c": "c",
        "currency_name_long": "Australian Dollars",
    });
    let first_page = |row: Row| {
        row.get(PATH, "200 SUCCESS")
            .fact("/response_msg", "Here are some numbers.")
            .fact("/data/per_page", 15)
            .fact("/data/current_page", 1)
            .fact("/data/from", 1)
            .fact("/data/to", 15)
            .fact("/data/next_page_url", "/?page=2")
            .fact("/data/prev_page_url", Value::Null)
            .fact("/data/data/0/dedicated_number", AU)
            .fact("/data/data/0/price_monthly", "20.7100")
            .fact("/data/data/0/address_requirement", "local")
            .fact("/data/_currency", own_currency.clone())
            .calls("search", 1)
    };
    let old_row = json!({
        "country": "AU", "country_name": "Australia", "currency": "AUD", "dedicated_number": "+61491570156",
        "price": "20.71",
    });
    let old = but(success(page(json!([old_row]))), &[("response_msg", json!("Here are your data."))]);
    let old = but(old.clone(), &[("data", but(old["data"].clone(), &[("_currency", json!("absent"))]))]);
    vec![
        first_page(row("today's shape: a page with the currency inside")),
        first_page(row("July's shape: a page with the currency beside it").fault(
            "search",
            "top_currency_search",
            json!({}),
        )),
        first_page(row("the page's text: a bare list with the currency beside it").fault(
            "search",
            "bare_list_search",
            json!({}),
        ))
        .fact("/data/total", 100),
        row("before 2021: one price, the currency in the row, another message")
            .answered("search", 200, old)
            .get(PATH, "200 SUCCESS")
            .fact("/response_msg", "Here are some numbers.")
            .fact("/data/data/0/price_monthly", "20.71")
            .fact("/data/data/0/price_setup", Value::Null)
            .fact("/data/data/0/address_requirement", Value::Null)
            .fact("/data/_currency/currency_name_short", "AUD"),
        nothing(row("data is null").answered("search", 200, success(Value::Null)).get(PATH, "200 SUCCESS")),
        nothing(row("data is []").answered("search", 200, success(json!([]))).get(PATH, "200 SUCCESS")),
        nothing(
            row("data is absent")
                .answered("search", 200, but(success(Value::Null), &[("data", json!("absent"))]))
                .get(PATH, "200 SUCCESS"),
        ),
        nothing(with_page(
            "no rows: the inner data absent, last_page 0, the currency null",
            &[
                ("data", json!("absent")),
                ("total", json!(0)),
                ("last_page", json!(0)),
                ("_currency", Value::Null),
            ],
        ))
        .fact("/data/_currency", Value::Null),
        nothing(with_page("no rows: an empty inner data", &[("data", json!([])), ("total", json!(0))])),
        nothing(with_page("no rows: the inner data null", &[("data", Value::Null), ("total", json!(0))])),
        nothing(row("a country where nobody sells").get("/v3/numbers/search/FR", "200 SUCCESS")),
        with_page("the currency is []", &[("_currency", json!([]))]).fact("/data/_currency", Value::Null),
        row("the currency has six keys")
            .control("settings", json!({"currency_keys": "six"}))
            .get(PATH, "200 SUCCESS")
            .fact("/data/_currency", own_currency.clone()),
        with_page("a field that nobody has heard of, on the page", &[("surprise", json!({"a": 1}))]),
        with_row("a field that nobody has heard of, in a row", &[("surprise", json!([1]))]),
        row("an envelope with a field that nobody has heard of")
            .answered("search", 200, but(success(page(json!([offer()]))), &[("took_ms", json!(7))]))
            .get(PATH, "200 SUCCESS"),
    ]
}

fn values() -> Vec<Row> {
    vec![
        row("prices with six decimals keep them")
            .control("settings", json!({"search_price_decimals": 6}))
            .get(PATH, "200 SUCCESS")
            .fact("/data/data/0/price_monthly", "20.710000"),
        row("prices as JSON numbers become strings")
            .fault("search", "number_typed_prices", json!({}))
            .get(PATH, "200 SUCCESS")
            .fact("/data/data/0/price_monthly", "20.71"),
        with_row("a price that is a whole JSON number", &[("price_monthly", json!(20))])
            .fact("/data/data/0/price_monthly", "20"),
        with_row("a price that is null", &[("price_total", Value::Null)])
            .fact("/data/data/0/price_total", Value::Null),
        with_row("a price that is an object costs the field, not the page", &[("price_setup", json!({}))])
            .fact("/data/data/0/price_setup", Value::Null)
            .fact("/data/data/0/price_monthly", "20.7100"),
        with_row("no address requirement", &[("address_requirement", Value::Null)])
            .fact("/data/data/0/address_requirement", Value::Null),
        row("counters and http_code as strings become integers")
            .fault("search", "string_typed_counters", json!({}))
            .get(PATH, "200 SUCCESS")
            .fact("/data/per_page", 15)
            .fact("/http_code", 200),
        with_page(
            "a page link to somebody else's host is neither followed nor passed on",
            &[
                ("next_page_url", json!("https://evil.example/?page=2")),
                ("prev_page_url", json!("//evil.example")),
                ("total", json!(200)),
                ("last_page", json!(2)),
            ],
        )
        .fact("/data/next_page_url", "/?page=2")
        .fact("/data/prev_page_url", Value::Null),
        row("a row without a number is left out")
            .answered("search", 200, success(page(json!([{"country": "AU"}, offer(), 7]))))
            .get(PATH, "200 SUCCESS")
            .fact("/data/data/0/dedicated_number", "+61491570156")
            .fact("/data/to", 1),
        with_page("the total is nonsense: the rows count", &[("total", json!("many"))])
            .fact("/data/total", 1),
    ]
}

fn questions() -> Vec<Row> {
    let asked = |name, query: &str, sent: &'static str| {
        row(name).get(format!("{PATH}?{query}"), "200 SUCCESS").sent("search", "/query", sent)
    };
    let refused = |name, query: &str, field: &'static str| {
        row(name).get(format!("{PATH}?{query}"), "400 BAD_REQUEST").calls("search", 0).has_field(field)
    };
    vec![
        asked("no pattern: none is sent", "", "page=1&limit=100"),
        asked("an empty pattern, as official samples have it", "search=&search_type=56", "page=1&limit=100"),
        asked(
            "a pattern as Node encodes it: only digits go on",
            "search=%2B1%20228",
            "page=1&limit=100&search=1228&search_type=1",
        ),
        asked(
            "a raw plus is a space: no digit",
            "search=+1+228",
            "page=1&limit=100&search=1228&search_type=1",
        ),
        asked("search_type 0", "search=61&search_type=0", "page=1&limit=100&search=61&search_type=0"),
        asked("search_type 2", "search=61&search_type=2", "page=1&limit=100&search=61&search_type=2"),
        asked(
            "search_type 56 acts as 1",
            "search=61&search_type=56",
            "page=1&limit=100&search=61&search_type=1",
        ),
        asked(
            "search_type of letters acts as 1",
            "search=61&search_type=x",
            "page=1&limit=100&search=61&search_type=1",
        ),
        asked("a parameter that nobody knows is not passed on", "country=US&api_key=x", "page=1&limit=100"),
        asked("a limit below 15 is clamped", "limit=10", "page=1&limit=100").fact("/data/per_page", 15),
        asked("a limit above 100 is clamped", "limit=500", "page=1&limit=100").fact("/data/per_page", 100),
        asked("a negative limit is clamped", "limit=-1", "page=1&limit=100").fact("/data/per_page", 15),
        asked("page 0 is page 1", "page=0", "page=1&limit=100").fact("/data/current_page", 1),
        asked("an empty limit is none", "limit=&page=", "page=1&limit=100").fact("/data/per_page", 15),
        refused("a limit that is no number", "limit=abc", "limit"),
        refused("a page that is no number", "page=1.5", "page"),
        refused("a parameter that is given twice", "page=1&page=2", "page"),
        row("a country in small letters")
            .get("/v3/numbers/search/au", "200 SUCCESS")
            .sent("search", "/path", PATH),
        row("a country that there is not")
            .get("/v3/numbers/search/XX", "400 BAD_REQUEST")
            .has_field("country"),
        row("pages are cut from one upstream page")
            .get(format!("{PATH}?page=1"), "200 SUCCESS")
            .get(format!("{PATH}?page=2"), "200 SUCCESS")
            .fact("/data/from", 16)
            .fact("/data/prev_page_url", "/?page=1")
            .get(format!("{PATH}?page=6"), "200 SUCCESS")
            .fact("/data/to", 90)
            .calls("search", 1),
        row("a page that lies across two upstream pages")
            .get(format!("{PATH}?page=7"), "200 SUCCESS")
            .fact("/data/from", 91)
            .fact("/data/to", 105)
            .calls("search", 2),
        row("a country with thousands of numbers costs one call")
            .get("/v3/numbers/search/US", "200 SUCCESS")
            .fact("/data/data/14/country", "US")
            .calls("search", 1),
        row("a page beyond the last")
            .get(format!("{PATH}?page=9999"), "200 SUCCESS")
            .fact("/data/data", json!([]))
            .fact("/data/from", Value::Null)
            .fact("/data/next_page_url", Value::Null),
    ]
}

/// What upstream may answer to a read that is no answer. None of it is a success, none is cached.
fn refusals() -> Vec<Row> {
    // What is no answer is asked for again, twice; what is one, be it a no, is not.
    let unavailable = "503 UPSTREAM_UNAVAILABLE";
    let answered = |name, status, body: Value, verdict| {
        let calls = if verdict == unavailable { 3 } else { 1 };
        row(name).answered("search", status, body).get(PATH, verdict).calls("search", calls)
    };
    let broken = |name, fault: &str, parameters: Value| {
        row(name)
            .fault("search", fault, parameters)
            .get(PATH, unavailable)
            .calls("search", 3)
            .calls("account", 0)
    };
    let credentials = "502 UPSTREAM_CREDENTIALS_REFUSED";
    vec![
        answered("401", 401, error(401, "UNAUTHORIZED", "Authorization failed."), credentials),
        answered("403", 403, error(403, "FORBIDDEN", "No."), credentials),
        answered("404", 404, error(404, "NOT_FOUND", "No such country."), "502 UPSTREAM_REFUSED")
            .fact("/response_msg", "ClickSend says: No such country."),
        answered("405 says NOT_FOUND", 405, error(405, "NOT_FOUND", "No."), "502 UPSTREAM_REFUSED"),
        answered("409", 409, error(409, "ALREADY_EXISTS", "No."), "502 UPSTREAM_REFUSED"),
        answered(
            "500 in the envelope",
            500,
            error(500, "INTERNAL_SERVER_ERROR", "Oh."),
            "503 UPSTREAM_UNAVAILABLE",
        ),
        answered("201", 201, success(page(json!([offer()]))), "503 UPSTREAM_UNAVAILABLE"),
        answered(
            "another 2xx in the envelope",
            200,
            but(success(Value::Null), &[("http_code", json!(201))]),
            "503 UPSTREAM_UNAVAILABLE",
        ),
        answered("400 in a 200", 200, error(400, "BAD_REQUEST", "No."), "502 UPSTREAM_REFUSED"),
        answered(
            "400 in a 200, as a string",
            200,
            but(error(400, "BAD_REQUEST", "No."), &[("http_code", json!("400"))]),
            "502 UPSTREAM_REFUSED",
        ),
        answered("401 in a 200", 200, error(401, "UNAUTHORIZED", "No."), credentials),
        answered("429 in a 200", 200, error(429, "TOO_MANY_REQUESTS", "No."), "503 UPSTREAM_BUSY"),
        answered("500 in a 200", 200, error(500, "ERROR", "No."), "503 UPSTREAM_UNAVAILABLE"),
        answered(
            "a code that nobody has heard of, in a 200",
            200,
            but(success(Value::Null), &[("response_code", json!("COUNTRY_NOT_ENABLED"))]),
            "502 UPSTREAM_REFUSED",
        ),
        answered("429 as documented", 429, error(429, "TOO_MANY_REQUESTS", "No."), "503 UPSTREAM_BUSY")
            .answers_header("retry-after", "2"),
        answered("429 as HTML", 429, json!("<html>429</html>"), "503 UPSTREAM_BUSY")
            .answers_header("retry-after", "2"),
        row("429 as seen live: the wait is kept from Python's SDK, which would sleep it out thrice")
            .fault("search", "throttle_429", json!({"retry_after_seconds": 39}))
            .get(PATH, "503 UPSTREAM_BUSY")
            .answers_header("retry-after", "2"),
        row("no envelope at all, as /v3/own-numbers answers")
            .answered("search", 200, json!({"own_numbers": [], "_metadata": {}}))
            .get(PATH, "503 UPSTREAM_UNAVAILABLE"),
        row("the rows are no array")
            .answered("search", 200, success(but(page(json!([])), &[("data", json!({"0": {}}))])))
            .get(PATH, "503 UPSTREAM_UNAVAILABLE"),
        broken("HTML 500", "html_500_before_sale", json!({})),
        broken("HTML 502", "html_500_before_sale", json!({"status": 502})),
        broken("a redirect elsewhere is not followed", "redirect_302", json!({"location": "/v3/account"})),
        broken("3 MiB", "huge_body", json!({"bytes": 3 << 20})),
        broken("an empty body", "empty_body", json!({})),
        broken("half a body", "truncate", json!({})),
        row("the right answer under the wrong Content-Type is an answer")
            .fault("search", "wrong_content_type", json!({}))
            .get(PATH, "200 SUCCESS"),
        row("an error is not kept: the next caller gets an answer")
            .fault("search", "html_500_before_sale", json!({"count": 3}))
            .get(PATH, "503 UPSTREAM_UNAVAILABLE")
            .get(PATH, "200 SUCCESS")
            .calls("search", 4),
        row("one broken answer is noticed by nobody")
            .fault("search", "html_500_before_sale", json!({"count": 1}))
            .get(PATH, "200 SUCCESS")
            .calls("search", 2),
    ]
}

#[tokio::test]
async fn a_search_has_one_shape_whatever_upstream_sends() {
    play(shapes()).await;
}

#[tokio::test]
async fn a_search_has_the_types_that_sdks_want() {
    play(values()).await;
}

#[tokio::test]
async fn a_search_is_asked_for_in_every_way_that_sdks_know() {
    play(questions()).await;
}

#[tokio::test]
async fn a_search_that_upstream_does_not_answer_is_an_error_in_the_envelope() {
    play(refusals()).await;
}

/// For programs that were written to the page's old text.
#[tokio::test]
async fn a_search_may_have_the_old_shape_where_it_is_configured() {
    let stage = Stage::with("[compat]\nsearch_shape = \"list\"\n").await;
    let json = stage.get(&ann(), PATH).await.json();
    let fields: Vec<&String> = json.as_object().unwrap().keys().collect();
    assert_eq!(fields, ["http_code", "response_code", "response_msg", "data", "_currency"]);
    assert_eq!(json["data"].as_array().unwrap().len(), 15);
    assert_eq!(json["data"][0]["dedicated_number"], AU);
    assert_eq!(json["_currency"]["currency_name_short"], "AUD");
    let refused = stage.get(&ann(), "/v3/numbers/search/XX").await.json();
    assert_eq!(refused.get("_currency"), None);
    stage.finish().await;
}
