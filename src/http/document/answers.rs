//! What every operation of a kind may be refused with, and the headers that answers carry.
//!
//! An operation is asked for its traits (a path parameter, a body, a key of its own …), so that a new route is described
//! without anybody thinking of it. Each refusal stands in the document once per door, and operations refer to it.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::Type;
use utoipa::openapi::{ContentBuilder, Header, ObjectBuilder, Ref, RefOr, Response, ResponseBuilder};

use crate::http::door::Door;

/// A refusal's status, and what it means.
type Refusal = (StatusCode, &'static str);

const BAD_REQUEST: Refusal =
    (StatusCode::BAD_REQUEST, "The request cannot be understood; the fields say where");
const UNAUTHORIZED: Refusal = (StatusCode::UNAUTHORIZED, "No token, or one that is not accepted here");
const PAYMENT: Refusal = (StatusCode::PAYMENT_REQUIRED, "The ClickSend account has no money");
const FORBIDDEN: Refusal = (StatusCode::FORBIDDEN, "Roles, team, rules, budgets or limits of the day say no");
const NOT_FOUND: Refusal =
    (StatusCode::NOT_FOUND, "There is no such thing, or it is not the caller's to see");
const CONFLICT: Refusal = (StatusCode::CONFLICT, "Not as things stand: the code says what would change that");
const TOO_LARGE: Refusal = (StatusCode::PAYLOAD_TOO_LARGE, "A body of more than 64 KiB");
const WRONG_TYPE: Refusal =
    (StatusCode::UNSUPPORTED_MEDIA_TYPE, "A body of another Content-Type, or one with a Content-Encoding");
const KEY_REUSED: Refusal =
    (StatusCode::UNPROCESSABLE_ENTITY, "The idempotency key came with another request before");
const TOO_MANY: Refusal = (StatusCode::TOO_MANY_REQUESTS, "A limit of the gateway is used up");
const INTERNAL: Refusal = (StatusCode::INTERNAL_SERVER_ERROR, "A fault of the gateway's own");
const UPSTREAM: Refusal =
    (StatusCode::BAD_GATEWAY, "ClickSend refused, or does not accept the gateway's credentials");
const UNAVAILABLE: Refusal = (
    StatusCode::SERVICE_UNAVAILABLE,
    "ClickSend, the token's issuer or the database cannot be asked now; or buying is frozen",
);

const ALL: [Refusal; 13] = [
    BAD_REQUEST,
    UNAUTHORIZED,
    PAYMENT,
    FORBIDDEN,
    NOT_FOUND,
    CONFLICT,
    TOO_LARGE,
    WRONG_TYPE,
    KEY_REUSED,
    TOO_MANY,
    INTERNAL,
    UPSTREAM,
    UNAVAILABLE,
];

/// Of version 7, as all ids of ours are.
const UUID: &str = "^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$";

/// Operations on the gateway's own door that ask ClickSend before they answer.
const ASKS_UPSTREAM: [&str; 3] = ["create_purchase", "approve_purchase", "evaluate_policy"];

/// Operations that change nothing which somebody else could have changed meanwhile.
const WITHOUT_CONFLICT: [&str; 3] = ["create_freeze", "assign_numbers", "resend_notice"];

/// Reads that need a currency of the budgets, and are refused where none is configured.
const IN_CURRENCY: [&str; 4] = ["list_spend", "export_spend", "forecast_spend", "export_forecast"];

/// Every refusal of both doors, by the name that operations know it by.
pub(super) fn refusals() -> BTreeMap<String, RefOr<Response>> {
    let of_door =
        |door| ALL.into_iter().map(move |refusal| (name(door, refusal), response(door, refusal).into()));
    [Door::ClickSend, Door::Gateway].into_iter().flat_map(of_door).collect()
}

/// Adds to an operation what it may be refused with, and to each of its answers what all answers have.
pub(super) fn add(path: &str, operation: &mut Operation) {
    for answer in operation.responses.responses.values_mut() {
        if let RefOr::T(response) = answer {
            response.headers.extend(of_every_answer());
        }
    }
    let door = Door::of(path);
    for refusal in refusals_of(door, path, operation) {
        let reference = Ref::from_response_name(name(door, refusal));
        operation.responses.responses.insert(refusal.0.as_str().to_owned(), RefOr::Ref(reference));
    }
}

fn refusals_of(door: Door, path: &str, operation: &Operation) -> Vec<Refusal> {
    let id = operation.operation_id.as_deref().unwrap_or_default();
    let to_clicksend = door == Door::ClickSend;
    let has_body = operation.request_body.is_some();
    // Everything that is posted may find its thing in another state, but for a few.
    let changes = (has_body || id == "lift_freeze") && !WITHOUT_CONFLICT.contains(&id);
    let conflicts = changes || IN_CURRENCY.contains(&id);
    let has_key = operation.parameters.iter().flatten().any(|parameter| {
        matches!(parameter, RefOr::T(parameter) if parameter.name.eq_ignore_ascii_case("idempotency-key"))
    });
    let is_open = operation.security.as_ref().is_some_and(|schemes| !schemes.is_empty());
    let mut refusals = vec![BAD_REQUEST, INTERNAL];
    let mut may = |so: bool, these: &[Refusal]| {
        if so {
            refusals.extend(these);
        }
    };
    may(!is_open, &[UNAUTHORIZED, FORBIDDEN, TOO_MANY, UNAVAILABLE]);
    may(path.contains('{') || id == "show_policy", &[NOT_FOUND]);
    may(has_body, &[TOO_LARGE, WRONG_TYPE]);
    may(conflicts, &[CONFLICT]);
    may(has_key, &[KEY_REUSED]);
    may(has_key && to_clicksend, &[PAYMENT]);
    may(to_clicksend || ASKS_UPSTREAM.contains(&id), &[UPSTREAM]);
    refusals
}

fn name(door: Door, (status, _): Refusal) -> String {
    let form = if door == Door::ClickSend { "Envelope" } else { "Problem" };
    format!("{form}{}", status.as_u16())
}

fn response(door: Door, refusal: Refusal) -> Response {
    let (_, meaning) = refusal;
    let (content_type, schema) = match door {
        Door::ClickSend => ("application/json", "RefusedEnvelope"),
        Door::Gateway | Door::Console => ("application/problem+json", "Problem"),
    };
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(schema))).build();
    let mut response = ResponseBuilder::new().description(meaning).content(content_type, content).build();
    response.headers.extend(of_every_answer());
    response.headers.extend(of_refusal(refusal));
    response
}

fn of_every_answer() -> [(String, RefOr<Header>); 1] {
    [text("X-Request-Id", "The caller's own, if it was sane, or a new one", "^[A-Za-z0-9_.:-]{1,128}$")]
}

fn of_refusal((status, _): Refusal) -> Vec<(String, RefOr<Header>)> {
    let retry_after = || number("Retry-After", "Seconds until asking again has a chance");
    match status {
        StatusCode::UNAUTHORIZED => vec![text("WWW-Authenticate", "How to bring a token", "^Bearer$")],
        StatusCode::TOO_MANY_REQUESTS => vec![
            retry_after(),
            text(
                "RateLimit",
                "What is left of the limit, and when there is more",
                "^\"[a-z_]+\";r=0;t=[0-9]+$",
            ),
            text("RateLimit-Policy", "The limit", "^\"[a-z_]+\";q=[0-9]+;w=[0-9]+$"),
        ],
        StatusCode::SERVICE_UNAVAILABLE => vec![retry_after()],
        StatusCode::CONFLICT
        | StatusCode::FORBIDDEN
        | StatusCode::PAYMENT_REQUIRED
        | StatusCode::BAD_GATEWAY => vec![
            text(
                "Location",
                "The purchase or registration that it is about",
                "^/v1/(purchases|registrations)/",
            ),
            text("X-Gateway-Purchase", "The purchase's id", UUID),
            text("X-Gateway-Registration", "The registration's id", UUID),
        ],
        _ => Vec::new(),
    }
}

fn text(name: &str, meaning: &str, pattern: &str) -> (String, RefOr<Header>) {
    let schema = ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern));
    header(name, meaning, schema)
}

fn number(name: &str, meaning: &str) -> (String, RefOr<Header>) {
    header(name, meaning, ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)))
}

fn header(name: &str, meaning: &str, schema: ObjectBuilder) -> (String, RefOr<Header>) {
    let schema: RefOr<utoipa::openapi::Schema> = schema.build().into();
    (name.to_owned(), HeaderBuilder::new().schema(Some(schema)).description(Some(meaning)).build().into())
}
