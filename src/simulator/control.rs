//! The control API under `/_simulator/`: what happened, and what shall happen.
//!
//! It needs no credentials: the simulator belongs on a loopback address. An order that cannot be followed is
//! answered 400 with the field at fault, and changes nothing.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Query, State, rejection::QueryRejection};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::clock::{parse_span, within_bounds};
use super::complaint::Complaint;
use super::fault::FAULTS;
use super::faults::Rule;
use super::settings::SWITCHES;
use super::state::{Shared, World};
use super::{elsewhere, evidence};

pub(super) type Simulation = State<Arc<Shared>>;
pub(super) type Answer = Result<Json<Value>, Complaint>;

/// A path, and what the index says about it.
const CONTROLS: &[(&str, &str)] = &[
    (
        "GET    ledger",
        "sales, requests, registrations, charges, balance. ?operation= &after=SEQ choose requests; \
         ?wait_requests=N, wait_answered=N, wait_sales=N, wait_held=N answer when that many are there, \
         timeout_ms (5000) at the latest, with timed_out saying which",
    ),
    ("GET    invoice?month=YYYY-MM", "what that month was charged, line by line"),
    ("GET    clock", "the simulated time"),
    (
        "POST   clock",
        "{\"now\": RFC 3339} or {\"advance\": \"1d\" | \"12h\" | \"5m\" | \"30s\"}, and {\"standing\": true} to stop it. \
         Every 1st that it passes charges renewals",
    ),
    ("GET    faults", "the standing rules"),
    (
        "POST   faults",
        "{\"operation\": any | list | search | buy | register | account | unknown, \"fault\": …, \
         \"count\": n or \"probability\": p or neither, parameters}",
    ),
    ("DELETE faults", "removes all rules"),
    ("POST   release", "lets held requests go on, shows numbers whose visibility waits for it"),
    (
        "POST   sell",
        "{\"number\"} or {\"country\"}, \"type\": a purchase made elsewhere, in the dashboard perhaps; \"count\": so many \
         of the country, invented ones once it is sold out",
    ),
    ("POST   take", "{\"number\"}: somebody else buys it"),
    (
        "POST   give_up",
        "{\"number\", \"offered_again\": false}: an owned number is given up in the dashboard, and may be on sale again",
    ),
    ("POST   status", "{\"number\", \"value\": 0 to 5}: how its registration goes"),
    (
        "POST   key",
        "{\"api_key\", \"grace\": \"5s\"}: another API key from now on; the one before is taken until the grace is over, \
         at once when it is left out; the same key once more ends it",
    ),
    (
        "POST   reprice",
        "{\"number\", \"monthly\": \"22.50\"}: what an owned number costs from the next 1st on",
    ),
    ("POST   balance", "{\"balance\": \"12.50\"}"),
    ("GET    settings", "the switches"),
    ("POST   settings", "any of the switches; the others stay"),
    ("POST   reset", "{\"seed\": n} or nothing: everything as at the start"),
];

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/_simulator", get(index))
        .route("/_simulator/", get(index))
        .route("/_simulator/ledger", get(evidence::ledger))
        .route("/_simulator/invoice", get(evidence::invoice))
        .route("/_simulator/clock", get(clock).post(set_clock))
        .route("/_simulator/faults", get(faults).post(add_fault).delete(clear_faults))
        .route("/_simulator/release", post(release))
        .route("/_simulator/sell", post(elsewhere::sell))
        .route("/_simulator/take", post(elsewhere::take))
        .route("/_simulator/give_up", post(elsewhere::give_up))
        .route("/_simulator/status", post(elsewhere::set_status))
        .route("/_simulator/reprice", post(elsewhere::reprice))
        .route("/_simulator/balance", post(elsewhere::set_balance))
        .route("/_simulator/key", post(rotate_key))
        .route("/_simulator/settings", get(settings).post(change_settings))
        .route("/_simulator/reset", post(reset))
        .method_not_allowed_fallback(wrong_method)
        .route("/_simulator/{*rest}", axum::routing::any(no_such_control))
}

async fn index() -> Response {
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], index_text()).into_response()
}

fn index_text() -> String {
    let mut text = String::from("A look-alike of ClickSend's Numbers API. Controls under /_simulator/:\n\n");
    for (control, about) in CONTROLS {
        let _ = writeln!(text, "  {control:<30} {about}");
    }
    text.push_str("\nFaults (parameters that may be left out show their default, or stand in brackets):\n\n");
    for (name, parameters, about) in FAULTS {
        let _ = writeln!(text, "  {name:<32} {about}");
        if !parameters.is_empty() {
            let _ = writeln!(text, "  {:<32} with {parameters}", "");
        }
    }
    text.push_str(
        "\nSwitches of POST settings. Nobody outside ClickSend knows; every default is a guess:\n\n",
    );
    for (name, about) in SWITCHES {
        let _ = writeln!(text, "  {name:<24} {about}");
    }
    text.push_str("\nUsers nocredit, notactive and banned come with the account's key.\n");
    text
}

async fn no_such_control() -> Response {
    let body = json!({ "error": "there is no such control", "help": "GET /_simulator/" });
    (StatusCode::NOT_FOUND, Json(body)).into_response()
}

async fn wrong_method() -> Response {
    let body = json!({ "error": "this control knows another method", "help": "GET /_simulator/" });
    (StatusCode::METHOD_NOT_ALLOWED, Json(body)).into_response()
}

async fn clock(State(shared): Simulation) -> Json<Value> {
    Json(shared.with(|world| shown_clock(world)))
}

fn shown_clock(world: &World) -> Value {
    json!({ "now": world.clock.now(), "standing": world.clock.is_standing() })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockOrder {
    now: Option<String>,
    advance: Option<String>,
    standing: Option<bool>,
}

impl ClockOrder {
    /// The time to show, on a clock that shows `shown`.
    fn target(&self, shown: Timestamp) -> Result<Timestamp, Complaint> {
        let target = match (&self.now, &self.advance) {
            (None, None) => shown,
            (Some(_), Some(_)) => return Err(Complaint::new("advance", "give now or advance, not both")),
            (Some(now), None) => now
                .parse()
                .map_err(|_| Complaint::new("now", "write a time like \"2026-10-31T23:59:00Z\""))?,
            (None, Some(span)) => {
                parse_span(span).map(|span| shown.saturating_add(span).unwrap_or(Timestamp::MAX)).ok_or_else(
                    || Complaint::new("advance", "write a whole number and s, m, h or d, like \"1d\""),
                )?
            }
        };
        if within_bounds(target) {
            return Ok(target);
        }
        Err(Complaint::new("now", "the simulated time lies in the years 2000 to 2099"))
    }
}

async fn set_clock(State(shared): Simulation, body: Bytes) -> Answer {
    let order: ClockOrder = read(&body)?;
    shared.with(|world| {
        let target = order.target(world.clock.now())?;
        world.clock =
            world.clock.standing(order.standing.unwrap_or(world.clock.is_standing())).set_to(target);
        world.account.renew(world.clock.now());
        Ok(Json(shown_clock(world)))
    })
}

async fn faults(State(shared): Simulation) -> Json<Value> {
    Json(shared.with(|world| json!({ "faults": world.faults.standing() })))
}

async fn add_fault(State(shared): Simulation, body: Bytes) -> Answer {
    let rule = Rule::parse(&read(&body)?)?;
    shared.with(|world| {
        world.faults.add(rule)?;
        Ok(Json(json!({ "faults": world.faults.standing() })))
    })
}

async fn clear_faults(State(shared): Simulation) -> Json<Value> {
    shared.with(|world| world.faults.clear());
    Json(json!({ "faults": [] }))
}

async fn release(State(shared): Simulation) -> Json<Value> {
    let (held, revealed) = shared.with(|world| {
        let now = world.clock.now();
        (world.held, world.account.reveal(now))
    });
    shared.release();
    Json(json!({ "released": held, "revealed": revealed }))
}

async fn settings(State(shared): Simulation) -> Json<Value> {
    Json(shared.with(|world| json!({ "settings": world.settings })))
}

async fn change_settings(State(shared): Simulation, body: Bytes) -> Answer {
    let patch: Value = read(&body)?;
    shared.with(|world| {
        world.settings = world.settings.patched(&patch)?;
        Ok(Json(json!({ "settings": world.settings })))
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyOrder {
    api_key: String,
    grace: Option<String>,
}

async fn rotate_key(State(shared): Simulation, body: Bytes) -> Answer {
    let KeyOrder { api_key, grace } = read(&body)?;
    if api_key.is_empty() {
        return Err(Complaint::new("api_key", "must not be empty"));
    }
    let grace = grace.map(|text| parse_span(&text).ok_or(text)).transpose();
    let grace = grace.map_err(|_| Complaint::new("grace", "write it like 5s, 1m or 1h"))?.unwrap_or_default();
    shared.with(|world| {
        let until = world.clock.now().saturating_add(grace).unwrap_or(Timestamp::MAX);
        world.key.rotate(api_key, until);
        Ok(Json(json!({ "taken_until": until.to_string() })))
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ResetOrder {
    seed: Option<u64>,
}

/// Held requests go on, into the new world.
async fn reset(State(shared): Simulation, body: Bytes) -> Answer {
    let order: ResetOrder = if body.is_empty() { ResetOrder { seed: None } } else { read(&body)? };
    let seed = order.seed.unwrap_or(shared.options.seed);
    shared.with(|world| world.reset(seed, shared.options.api_key.clone()));
    shared.release();
    Ok(Json(json!({ "seed": seed })))
}

/// An order, or what is wrong with it.
pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Complaint> {
    let mut json = serde_json::Deserializer::from_slice(body);
    Ok(serde_path_to_error::deserialize(&mut json)?)
}

/// The parameters of a control, or what is wrong with them.
pub(super) fn parameters<T>(query: Result<Query<T>, QueryRejection>) -> Result<T, Complaint> {
    query.map(|Query(parameters)| parameters).map_err(|rejection| Complaint::new("", rejection.body_text()))
}
