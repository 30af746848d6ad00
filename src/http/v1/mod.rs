//! The gateway's own API: purchases with their money and history, and who one is.
//!
//! JSON whose unknown keys are refused, problems as RFC 9457, money as `{"amount","currency"}`, times as RFC 3339,
//! lists with cursors.

mod approval;
pub(super) mod audit;
mod budgets;
mod freezes;
mod idle;
mod me;
mod notices;
mod numbers;
mod policy;
pub(super) mod problem;
mod purchases;
mod registrations;
mod resolving;
mod rules;
mod spend;

use axum::Json;
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::domain::canonical::Digest;
use crate::domain::money::{Currency, Money};
use crate::http::door::Door;
use crate::http::refusal::HttpRefusal;
use crate::http::state::Public;
use crate::service::Refusal;

/// The routes that need a caller.
pub(super) fn routes() -> OpenApiRouter<Public> {
    OpenApiRouter::new()
        .routes(routes!(me::me))
        .routes(routes!(purchases::create, purchases::list))
        .routes(routes!(purchases::show))
        .routes(routes!(purchases::decisions::approve))
        .routes(routes!(purchases::decisions::reject))
        .routes(routes!(purchases::decisions::withdraw))
        .routes(routes!(policy::evaluate))
        .routes(routes!(budgets::list))
        .routes(routes!(freezes::create, freezes::list))
        .routes(routes!(freezes::lift))
        .routes(routes!(resolving::resolve))
        .routes(routes!(spend::list))
        .routes(routes!(spend::table))
        .routes(routes!(spend::forecast::show))
        .routes(routes!(spend::forecast::table))
        .routes(routes!(spend::adjusting::create))
        .routes(routes!(numbers::list))
        .routes(routes!(idle::list))
        .routes(routes!(idle::table))
        .routes(routes!(numbers::assign))
        .routes(routes!(registrations::create, registrations::list))
        .routes(routes!(registrations::show))
        .routes(routes!(registrations::decisions::approve))
        .routes(routes!(registrations::decisions::reject))
        .routes(routes!(registrations::decisions::withdraw))
        .routes(routes!(registrations::outcome::outcome))
        .routes(routes!(registrations::outcome::resolve))
        .routes(routes!(notices::list))
        .routes(routes!(notices::resend))
        .routes(routes!(audit::list))
        .routes(routes!(audit::export))
        .routes(routes!(rules::show))
}

/// The problem pages, for everybody.
pub(super) fn open_routes() -> OpenApiRouter<Public> {
    OpenApiRouter::new().routes(routes!(problem::page))
}

/// The answer of a route that makes something, or found what an equal request had made.
fn made(status: StatusCode, view: impl Serialize, location: &str, replayed: bool) -> Response<Body> {
    let mut response = (status, Json(view)).into_response();
    let headers = response.headers_mut();
    if let Ok(location) = HeaderValue::try_from(location) {
        headers.insert(header::LOCATION, location);
    }
    if replayed {
        headers.insert(HeaderName::from_static("idempotent-replayed"), HeaderValue::from_static("true"));
    }
    response
}

/// A digest that somebody was shown.
fn digest(field: &str, text: Option<String>) -> Result<Option<Digest>, Refusal> {
    let digest = text.map(|text| text.parse()).transpose();
    digest.map_err(|_| Refusal::field(field, "is 64 hexadecimal digits."))
}

/// A text for people of at most so many characters; one of spaces is none.
pub(super) fn bounded(field: &str, text: Option<String>, most: usize) -> Result<Option<String>, Refusal> {
    match text {
        Some(text) if text.chars().count() > most => {
            Err(Refusal::field(field, format!("must have at most {most} characters.")))
        }
        text => Ok(text.filter(|text| !text.trim().is_empty())),
    }
}

/// A field that is read by its type; the type's own error says what would be right.
pub(super) fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(
    field: &str,
    text: &str,
) -> Result<T, Refusal> {
    text.parse().map_err(|error: T::Err| Refusal::field(field, format!("{error}.")))
}

/// Any failure on this door.
pub(super) struct Failure(HttpRefusal);

impl<R: Into<HttpRefusal>> From<R> for Failure {
    fn from(refusal: R) -> Self {
        Self(refusal.into())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response<Body> {
        Door::Gateway.refuse(&self.0)
    }
}

/// An amount on the wire.
#[derive(Serialize, ToSchema)]
pub(super) struct Amount {
    /// A decimal of at least two places.
    #[schema(value_type = String, example = "20.71")]
    amount: Money,
    /// ISO 4217.
    #[schema(value_type = String, example = "AUD")]
    currency: Currency,
}

impl Amount {
    const fn new(amount: Money, currency: Currency) -> Self {
        Self { amount, currency }
    }
}
