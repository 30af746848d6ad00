//! ClickSend's own paths, for programs that speak ClickSend today.
//!
//! Same paths, parameters, envelope and JSON types as upstream, so that an unmodified SDK works. Nothing is added
//! to the JSON, because two of the SDKs refuse unknown fields: what the gateway has to say travels in headers.

mod buy;
pub(super) mod envelope;
mod numbers;
mod register;
mod rows;
pub(super) mod search;
mod shapes;

use axum::body::Body;
use axum::http::{HeaderValue, Method, Request, Response, header};
use axum::middleware::Next;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::door::Door;
use crate::http::refusal::{HttpCode, HttpRefusal};
use crate::http::state::Public;

pub(in crate::http) use buy::registration_data;
#[cfg(any(test, fuzzing))]
pub(in crate::http) use numbers::filter as owned_filter;
pub(in crate::http) use register::FormBody;
pub(in crate::http) use shapes::Currency;

/// The four operations.
pub(super) fn routes() -> OpenApiRouter<Public> {
    OpenApiRouter::new()
        .routes(routes!(numbers::numbers))
        .routes(routes!(search::search))
        .routes(routes!(buy::buy))
        .routes(routes!(register::register))
}

/// Any failure on this door.
pub(super) struct Failure(HttpRefusal);

impl<R: Into<HttpRefusal>> From<R> for Failure {
    fn from(refusal: R) -> Self {
        Self(refusal.into())
    }
}

impl axum::response::IntoResponse for Failure {
    fn into_response(self) -> Response<Body> {
        Door::ClickSend.refuse(&self.0)
    }
}

/// Every other path: what would be right.
pub(super) fn not_served_here(path: &str) -> Response<Body> {
    // The path as it was sent: doubled slashes may stand before its first segment.
    let first = path.split('/').find(|segment| !segment.is_empty());
    let refusal = match first {
        Some("numbers") => HttpRefusal::new(HttpCode::NotServedHere, "add /v3 to the base URL"),
        Some("v3") => HttpRefusal::new(HttpCode::NotServedHere, "this gateway serves Numbers only"),
        Some(_) | None => HttpRefusal::new(HttpCode::NotFound, "there is nothing here"),
    };
    Door::ClickSend.refuse(&refusal)
}

/// ClickSend's Python SDK sleeps for as long as a GET's `Retry-After` says, three times, without a word; so a GET is
/// never told more than this.
const LONGEST_WAIT_OF_A_GET: u64 = 2;

/// Around this door: shortens what a GET is told to wait.
pub(super) async fn spare_sdks_the_wait(request: Request<Body>, next: Next) -> Response<Body> {
    let is_get = request.method() == Method::GET;
    let mut response = next.run(request).await;
    if is_get && let Some(wait) = response.headers_mut().get_mut(header::RETRY_AFTER) {
        let seconds = wait.to_str().ok().and_then(|text| text.parse::<u64>().ok());
        if seconds.is_none_or(|seconds| seconds > LONGEST_WAIT_OF_A_GET) {
            *wait = HeaderValue::from(LONGEST_WAIT_OF_A_GET);
        }
    }
    response
}
