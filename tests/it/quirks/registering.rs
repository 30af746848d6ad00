//! `POST /v3/numbers/registrations/number-types/{number_type}/country/{country_code}` (clicksend.md §1.4).

use serde_json::{Value, json};

use super::{Row, but, error, play, row, success};

const PATH: &str = "/v3/numbers/registrations/number-types/10dlc/country/CA";

/// The six fields that page and specification agree on.
fn form() -> Value {
    json!({
        "full_name": "Ann Lee", "company_name": "Acme", "email": "ann@example.com",
        "website_url": "https://acme.example", "sample_message": "Your code is 1234. ",
        "primary_use_case": "One-time codes",
    })
}

fn eight() -> Value {
    but(form(), &[("company_number", json!("+1-800-555-0199")), ("area_code", json!("416, 647, 905"))])
}

fn registered(name: &'static str, form: &Value) -> Row {
    row(name).post(PATH, "200 SUCCESS").body(form)
}

fn answers() -> Vec<Row> {
    let answered = |name, status, body: Value, verdict| {
        row(name).answered("register", status, body).post(PATH, verdict).body(form()).calls("register", 1)
    };
    let said = "Number registration notification sent successfully.";
    let other = but(success(Value::Null), &[("response_msg", json!("10DLC number registration sent."))]);
    let unknown = "409 PURCHASE_OUTCOME_UNKNOWN";
    vec![
        registered("today's answer", &form()).fact("/response_msg", said).fact("/data", Value::Null),
        answered("another message, data {}", 200, but(other, &[("data", json!({}))]), "200 SUCCESS")
            .fact("/response_msg", said),
        answered("data is []", 200, success(json!([])), "200 SUCCESS"),
        answered(
            "a map of fields",
            400,
            but(
                error(400, "BAD_REQUEST", "Invalid input."),
                &[("data", json!({"email": "Email field is required."}))],
            ),
            "502 UPSTREAM_REFUSED",
        ),
        answered("404", 404, error(404, "NOT_FOUND", "No."), "502 UPSTREAM_REFUSED"),
        answered("401", 401, error(401, "UNAUTHORIZED", "No."), "502 UPSTREAM_CREDENTIALS_REFUSED"),
        answered("429", 429, error(429, "TOO_MANY_REQUESTS", "No."), "503 UPSTREAM_BUSY"),
        answered("500", 500, error(500, "INTERNAL_SERVER_ERROR", "No."), unknown),
        answered("204", 204, json!(""), unknown),
        row("HTML after it was sent")
            .fault("register", "html_500_after_sale", json!({}))
            .post(PATH, unknown)
            .body(form())
            .post(PATH, unknown)
            .body(form())
            .calls("register", 1),
        registered("the same content is sent once", &form())
            .post(PATH, "200 SUCCESS")
            .body(form())
            .calls("register", 1),
    ]
}

fn requests() -> Vec<Row> {
    let refused = |name, path: &str, body: &Value, field| {
        row(name).post(path, "400 BAD_REQUEST").body(body).has_field(field).calls("register", 0)
    };
    let warning = "ClickSend's newest description also wants company_number and area_code";
    let elsewhere = |kind: &str, country: &str| PATH.replace("10dlc", kind).replace("CA", country);
    vec![
        registered("six fields, as the page says: sent, with a warning", &form())
            .answers_header("x-gateway-warning", warning)
            .sent("register", "/path", PATH)
            .sent("register", "/body", form()),
        registered("eight fields, as Python 6 wants, kept to the letter", &eight()).sent(
            "register",
            "/body",
            eight(),
        ),
        registered("keys that nobody knows are ignored", &but(form(), &[("colour", json!("red"))])).sent(
            "register",
            "/body",
            form(),
        ),
        row("10DLC in capitals, the country in small letters")
            .post(elsewhere("10DLC", "ca"), "200 SUCCESS")
            .body(form())
            .sent("register", "/path", PATH),
        row("Python 6 without a body")
            .post(PATH, "400 BAD_REQUEST")
            .fact("/data/email", "Email field is required.")
            .has_field("primary_use_case")
            .calls("register", 0),
        refused("a field that is missing", PATH, &but(form(), &[("email", json!("absent"))]), "email"),
        refused("a field that is blank", PATH, &but(form(), &[("website_url", json!(" "))]), "website_url"),
        refused(
            "a person with the company's name",
            PATH,
            &but(form(), &[("full_name", json!("Acme"))]),
            "full_name",
        ),
        refused("a kind of number that there is not", &elsewhere("satellite", "CA"), &form(), "number_type"),
        refused("a country that there is not", &elsewhere("10dlc", "XX"), &form(), "country_code"),
        row("a country without a rule")
            .post(elsewhere("10dlc", "US"), "403 POLICY_DENIED")
            .body(form())
            .calls("register", 0),
        row("six fields, where eight are configured")
            .configured("[compat]\nstrict_registration = true\n")
            .post(PATH, "400 BAD_REQUEST")
            .body(form())
            .has_field("area_code")
            .calls("register", 0),
    ]
}

#[tokio::test]
async fn a_registration_is_sent_once_and_answered_in_one_shape() {
    play(answers()).await;
}

#[tokio::test]
async fn a_registration_is_understood_from_page_and_sdk_alike() {
    play(requests()).await;
}
