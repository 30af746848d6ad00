//! `POST /v3/numbers/buy/{dedicated_number}` (clicksend.md §1.3, §2, §4).

use serde_json::{Value, json};

use super::{AU, Row, US, but, error, play, row, success};

const UNKNOWN: &str = "409 PURCHASE_OUTCOME_UNKNOWN";

fn path(number: &str) -> String {
    format!("/v3/numbers/buy/{}", number.replace('+', "%2B"))
}

fn receipt() -> Value {
    json!({
        "dedicated_number": US, "country": "US", "price_total": "8.98", "_price_setup": "22.22",
        "_price_monthly": "11.11",
        "_currency": {
            "currency_name_short": "AUD", "currency_prefix_d": "$", "currency_prefix_c": "¢",
            "currency_name_long": "US Dollar", "min_recharge_amount": "20", "max_recharge_amount": "10000",
        },
    })
}

fn registration_data() -> Value {
    json!({
        "business_name": "Acme", "business_address": "1 Example Street", "suburb": "Perth", "postcode": "6000",
        "state": "WA", "contact_name": "Ann Lee", "contact_number": "+61855501234", "country": "AU",
    })
}

/// Upstream sells, and then says this.
fn sold_but(name: &'static str, status: u16, body: Value) -> Row {
    row(name).fault("buy", "arbitrary", json!({ "status": status, "body": body, "at": "after_sale" }))
}

fn receipts() -> Vec<Row> {
    let sold = |name, changes: &[(&str, Value)]| {
        sold_but(name, 200, success(but(receipt(), changes))).buy(US, "200 SUCCESS").calls("buy", 1)
    };
    vec![
        row("today's receipt: names of its own, two decimals")
            .control("settings", json!({"first_charge": "quote"}))
            .buy(US, "200 SUCCESS")
            .fact("/response_msg", "Here is your new number.")
            .fact("/data/dedicated_number", US)
            .fact("/data/country", "US")
            .fact("/data/price_total", "6.49")
            .fact("/data/_price_setup", "1.50")
            .fact("/data/_price_monthly", "4.99")
            .fact("/data/_currency/currency_prefix_c", "¢")
            .sent("buy", "/path", path(US))
            .sent("buy", "/query", Value::Null)
            .sent("buy", "/body", json!({"dedicated_number": US, "type": "sms"})),
        sold("prices that do not add up, six keys of currency, US Dollar", &[])
            .fact("/data/price_total", "8.98")
            .fact("/data/_price_setup", "22.22")
            .fact(
                "/data/_currency",
                json!({
                    "currency_name_short": "AUD", "currency_prefix_d": "$", "currency_prefix_c": "¢",
                    "currency_name_long": "US Dollar",
                }),
            ),
        sold("US Dollars", &[("_currency", json!({"currency_name_long": "US Dollars"}))])
            .fact("/data/_currency/currency_name_long", "US Dollars"),
        sold("no currency", &[("_currency", json!("absent"))]).fact("/data/_currency", Value::Null),
        sold("a currency that is []", &[("_currency", json!([]))]).fact("/data/_currency", Value::Null),
        sold(
            "only the number",
            &[
                ("country", json!("absent")),
                ("price_total", json!("absent")),
                ("_price_setup", json!("absent")),
                ("_price_monthly", Value::Null),
            ],
        )
        .fact("/data/price_total", Value::Null),
        sold("a field that nobody has heard of", &[("number_guid", json!("0B6D2C1E"))]),
        row("prices as JSON numbers become strings")
            .control("settings", json!({"first_charge": "quote"}))
            .fault("buy", "number_typed_prices", json!({}))
            .buy(US, "200 SUCCESS")
            .fact("/data/price_total", "6.49"),
        row("http_code as a string")
            .fault("buy", "string_typed_counters", json!({}))
            .buy(US, "200 SUCCESS")
            .fact("/http_code", 200),
        row("the right answer under the wrong Content-Type is a sale")
            .fault("buy", "wrong_content_type", json!({}))
            .buy(US, "200 SUCCESS"),
        row("a charge other than the quote is a sale")
            .fault("buy", "price_drift", json!({"monthly": "9.99"}))
            .buy(US, "200 SUCCESS")
            .fact("/data/_price_monthly", "9.99"),
        row("a repeat answers the same without a call")
            .buy(US, "200 SUCCESS")
            .buy(US, "200 SUCCESS")
            .answers_header("idempotent-replayed", "true")
            .calls("buy", 1),
    ]
}

/// Quotes from searches of every shape.
fn quotes() -> Vec<Row> {
    let bought = |name, fault: &str| {
        row(name).fault("search", fault, json!({})).buy(AU, "200 SUCCESS").calls("buy", 1)
    };
    let old = json!([{"country": "AU", "currency": "AUD", "dedicated_number": AU, "price": "20.71"}]);
    vec![
        bought("a quote from a bare list", "bare_list_search"),
        bought("a quote from a page with the currency beside it", "top_currency_search"),
        bought("a quote with prices as JSON numbers", "number_typed_prices"),
        bought("a quote with counters as strings", "string_typed_counters"),
        bought("a search that does not know whole numbers", "full_digit_search_finds_nothing"),
        row("a quote with six decimals")
            .control("settings", json!({"search_price_decimals": 6}))
            .buy(AU, "200 SUCCESS"),
        row("a quote without a setup price is none: nothing is sent")
            .answered("search", 200, success(old))
            .buy(AU, "503 UPSTREAM_UNAVAILABLE")
            .calls("buy", 0),
        row("a quote in another currency than the budget's: nothing is sent")
            .control("settings", json!({"currency": "USD"}))
            .buy(AU, "409 CURRENCY_MISMATCH")
            .calls("buy", 0),
        row("a number that nobody sells: nothing is sent")
            .buy("+61491579999", "409 NUMBER_NOT_AVAILABLE")
            .calls("buy", 0),
        row("a number that the account has already: nothing is sent")
            .control("sell", json!({"number": AU}))
            .buy(AU, "409 ALREADY_OWNED")
            .calls("buy", 0),
    ]
}

/// Certain refusals: nothing was bought, and a repeat says the same.
fn refusals() -> Vec<Row> {
    let refused = |name, status, body: Value, verdict| {
        row(name).answered("buy", status, body).buy(US, verdict).calls("buy", 1)
    };
    let broke = error(400, "BAD_REQUEST", "Insufficient Balance.");
    let invalid =
        but(error(400, "BAD_REQUEST", "Invalid input."), &[("data", json!({"state": "Too short."}))]);
    vec![
        row("no credit").control("balance", json!({"balance": "1.00"})).buy(US, "402 UPSTREAM_BALANCE"),
        row("no credit as 402")
            .fault("buy", "insufficient_balance", json!({"status": 402}))
            .buy(US, "402 UPSTREAM_BALANCE"),
        row("no credit as 403")
            .fault("buy", "insufficient_balance", json!({"status": 403}))
            .buy(US, "402 UPSTREAM_BALANCE"),
        refused("no credit in a 200", 200, broke, "402 UPSTREAM_BALANCE"),
        refused("no credit by code", 400, error(400, "INSUFFICIENT_CREDIT", "No."), "402 UPSTREAM_BALANCE"),
        row("sold in the meantime")
            .fault("buy", "number_gone", json!({}))
            .buy(US, "409 NUMBER_NOT_AVAILABLE"),
        row("sold in the meantime, as 400")
            .control("settings", json!({"number_gone": {"status": 400, "response_code": "BAD_REQUEST"}}))
            .fault("buy", "number_gone", json!({}))
            .buy(US, "502 UPSTREAM_REFUSED")
            .fact("/response_msg", "ClickSend says: This number is no longer available."),
        row("registration data is wanted")
            .control("settings", json!({"au_registration": "required"}))
            .buy(AU, "502 UPSTREAM_REFUSED")
            .fact("/response_msg", "ClickSend says: Registration data is required."),
        refused("a map of fields", 400, invalid, "502 UPSTREAM_REFUSED").fact("/data", Value::Null),
        refused(
            "401",
            401,
            error(401, "UNAUTHORIZED", "Authorization failed."),
            "502 UPSTREAM_CREDENTIALS_REFUSED",
        ),
        refused("403", 403, error(403, "FORBIDDEN", "Your account is banned."), "502 UPSTREAM_REFUSED"),
        refused("422", 422, error(422, "UNPROCESSABLE", "No."), "502 UPSTREAM_REFUSED"),
        refused("a refusal in a 200", 200, error(400, "BAD_REQUEST", "No."), "502 UPSTREAM_REFUSED"),
        refused(
            "its http_code as a string",
            200,
            but(error(400, "BAD_REQUEST", "No."), &[("http_code", json!("400"))]),
            "502 UPSTREAM_REFUSED",
        ),
        row("429 as seen live").fault("buy", "throttle_429", json!({})).buy(US, "503 UPSTREAM_BUSY"),
        refused("429 as documented", 429, error(429, "TOO_MANY_REQUESTS", "No."), "503 UPSTREAM_BUSY"),
        row("the word for a person's line break does not break a header or a line")
            .answered("buy", 400, error(400, "BAD_REQUEST", "No.\r\nX-Forged: 1"))
            .buy(US, "502 UPSTREAM_REFUSED")
            .fact("/response_msg", "ClickSend says: No.  X-Forged: 1"),
    ]
}

/// Nobody knows: nothing is sent again, and no SDK takes it for a success.
fn doubts() -> Vec<Row> {
    let doubted = |row: Row| row.buy(US, UNKNOWN).buy(US, UNKNOWN).calls("buy", 1);
    let broken = |name, fault: &str, parameters: Value| doubted(row(name).fault("buy", fault, parameters));
    let answered = |name, status, body: Value| doubted(sold_but(name, status, body));
    vec![
        broken("HTML 500 after the sale", "html_500_after_sale", json!({})),
        broken("HTML 500 before the sale", "html_500_before_sale", json!({})),
        broken("HTML 502", "html_500_after_sale", json!({"status": 502})),
        broken("HTML 400", "html_500_before_sale", json!({"status": 400})),
        broken("the connection drops before the sale", "drop_before_sale", json!({})),
        broken("the connection drops after the sale", "drop_after_sale", json!({})),
        broken("half a body", "truncate", json!({})),
        broken("an empty body", "empty_body", json!({})),
        broken("3 MiB", "huge_body", json!({"bytes": 3 << 20})),
        broken("a redirect is not followed", "redirect_302", json!({})),
        broken("another number", "other_number", json!({})),
        answered("201", 201, success(receipt())),
        answered("201 in the envelope too", 201, but(success(receipt()), &[("http_code", json!(201))])),
        answered("202", 202, success(receipt())),
        answered("204", 204, json!("")),
        answered("data is null", 200, success(Value::Null)),
        answered("data is []", 200, success(json!([]))),
        answered("data is a list", 200, success(json!([receipt()]))),
        answered("no envelope", 200, receipt()),
        answered(
            "a refusal around a receipt",
            200,
            but(error(400, "BAD_REQUEST", "No."), &[("data", receipt())]),
        ),
        answered("405 says NOT_FOUND", 405, error(405, "NOT_FOUND", "No.")),
        answered("409", 409, error(409, "ALREADY_EXISTS", "No.")),
        answered("500 in a 200", 200, error(500, "INTERNAL_SERVER_ERROR", "Oh.")),
        answered("status and envelope disagree", 400, error(404, "NOT_FOUND", "No.")),
    ]
}

fn bought(name: &'static str, number: &str) -> Row {
    row(name).post(path(number), "200 SUCCESS").calls("buy", 1)
}

fn json_type(row: Row) -> Row {
    row.header("content-type", "application/json")
}

/// A body that is refused before anything is asked of upstream.
fn refused_at_once(name: &'static str, body: Value, field: &'static str) -> Row {
    json_type(row(name).post(path(US), "400 BAD_REQUEST"))
        .body(body)
        .has_field(field)
        .calls("buy", 0)
        .calls("search", 0)
}

fn bodies() -> Vec<Row> {
    vec![
        json_type(bought("Python 6: the number and its type", US))
            .body(json!({"dedicated_number": US, "type": "sms"})),
        json_type(bought("Python 5 and axios: {}", US)).body("{}"),
        bought("Node: nothing, Content-Length 0, no type", US).header("content-length", "0"),
        json_type(bought("Ruby and PHP: a type without a body", US)),
        bought("null", US).body("null"),
        bought("a body without a Content-Type is JSON", US).body(json!({"type": "mms"})).sent(
            "buy",
            "/body/type",
            "mms",
        ),
        json_type(bought("keys that nobody knows are ignored and not passed on", US))
            .body(json!({"list_id": 7, "type": "sms", "api_key": "x"}))
            .sent("buy", "/body", json!({"dedicated_number": US, "type": "sms"})),
        json_type(bought("the number in the body without its plus, with spaces", US))
            .body(json!({"dedicated_number": "1 202-555 0100"})),
        json_type(bought("a type in capitals", US)).body(json!({"type": "MMS"})).sent(
            "buy",
            "/body/type",
            "mms",
        ),
        bought("a body of another JSON type, with parameters", US)
            .header("content-type", "application/vnd.api+json; charset=utf-8")
            .body("{}"),
        refused_at_once(
            "another number in the body than in the path",
            json!({"dedicated_number": "+12025550101"}),
            "dedicated_number",
        ),
        refused_at_once("a type that there is not", json!({"type": "fax"}), "type"),
    ]
}

fn business_data() -> Vec<Row> {
    let short = but(registration_data(), &[("suburb", json!("absent"))]);
    let local = but(registration_data(), &[("contact_number", json!("(08) 5550 1234"))]);
    vec![
        refused_at_once("registration data that is empty", json!({"registration_data": {}}), "suburb"),
        refused_at_once(
            "registration data that is no object",
            json!({"registration_data": "Acme"}),
            "suburb",
        ),
        refused_at_once("registration data that lacks one", json!({"registration_data": short}), "suburb"),
        refused_at_once(
            "registration data out of bounds",
            json!({"registration_data": but(registration_data(), &[("country", json!("Australia"))])}),
            "country",
        ),
        json_type(row("registration data for another country").post(path(US), "400 BAD_REQUEST"))
            .body(json!({"registration_data": registration_data()}))
            .has_field("registration_data")
            .calls("buy", 0),
        json_type(bought("registration data for Australia goes on as given", AU))
            .body(json!({"registration_data": registration_data(), "type": "sms"}))
            .sent("buy", "/body/registration_data", registration_data()),
        json_type(
            row("a local contact number, as the prose allows, goes on as given")
                .post(path(AU), "502 UPSTREAM_REFUSED"),
        )
        .body(json!({"registration_data": local}))
        .sent("buy", "/body/registration_data/contact_number", "(08) 5550 1234"),
        row("a team's profile stands in for what Node's SDK drops")
            .configured(PROFILE)
            .changed(&[("[teams.growth]\n", "[teams.growth]\nregistration_profile = \"acme\"\n")])
            .buy(AU, "200 SUCCESS")
            .sent("buy", "/body/registration_data/business_name", "Acme"),
    ]
}

fn message_types() -> Vec<Row> {
    let typed = |name, kind: &str, sent: &'static str| {
        row(name)
            .control("settings", json!({"voice": "accept"}))
            .post(format!("{}?type={kind}", path(US)), "200 SUCCESS")
            .sent("buy", "/body/type", sent)
            .sent("buy", "/query", Value::Null)
    };
    vec![
        typed("type as a query parameter", "mms", "mms"),
        typed("type in capitals as a query parameter", "SMS", "sms"),
        typed("the body's type before the query's", "mms", "sms").body(json!({"type": "sms"})),
        typed("an empty type is none", "", "sms"),
        typed("voice, where upstream takes it", "voice", "voice"),
        row("voice, where upstream does not take it")
            .post(format!("{}?type=voice", path(US)), "502 UPSTREAM_REFUSED"),
        row("voice, where it is not configured")
            .configured("[purchases]\ntypes = [\"sms\", \"mms\"]\n")
            .post(format!("{}?type=voice", path(US)), "400 BAD_REQUEST")
            .has_field("type")
            .calls("buy", 0),
    ]
}

fn addresses() -> Vec<Row> {
    let address =
        |name, spelled: &str, verdict| row(name).post(format!("/v3/numbers/buy/{spelled}"), verdict);
    vec![
        address("a raw plus, as Ruby and curl send it", US, "200 SUCCESS").sent("buy", "/path", path(US)),
        address("a plus in small letters", &US.replace('+', "%2b"), "200 SUCCESS").sent(
            "buy",
            "/path",
            path(US),
        ),
        address("a slash at the end", &format!("{US}/"), "200 SUCCESS"),
        address("no plus", US.trim_start_matches('+'), "400 BAD_REQUEST").has_field("dedicated_number"),
        address("a plus that is encoded twice", "%252B12025550100", "400 BAD_REQUEST")
            .has_field("dedicated_number"),
        address("a space for a plus", "%2012025550100", "400 BAD_REQUEST").has_field("dedicated_number"),
        address("letters", "%2B1202CALLME", "400 BAD_REQUEST")
            .has_field("dedicated_number")
            .calls("search", 0),
    ]
}

const PROFILE: &str = r#"
[registration_profiles.acme]
business_name = "Acme"
business_address = "1 Example Street"
suburb = "Perth"
postcode = "6000"
state = "WA"
contact_name = "Ann Lee"
contact_number = "+61855501234"
country = "AU"
"#;

#[tokio::test]
async fn a_sale_is_answered_in_one_shape_whatever_upstream_sends() {
    play(receipts()).await;
}

#[tokio::test]
async fn a_quote_is_found_in_every_shape_of_a_search() {
    play(quotes()).await;
}

#[tokio::test]
async fn a_refused_buy_raises_in_every_sdk_and_says_why() {
    play(refusals()).await;
}

#[tokio::test]
async fn a_lost_answer_is_never_sent_again_and_never_a_success() {
    play(doubts()).await;
}

#[tokio::test]
async fn a_buy_is_understood_from_every_sdk() {
    play(bodies()).await;
    play(addresses()).await;
}

#[tokio::test]
async fn a_buy_carries_its_message_type_and_only_for_australia_a_business() {
    play(message_types()).await;
    play(business_data()).await;
}
