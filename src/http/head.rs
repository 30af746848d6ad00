//! What hyper lets pass of a head and we do not: codings of transfer other than the one everybody reads alike, targets
//! that are no path, and more fields than anybody needs, which over HTTP/2 nobody else counts.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{self, HeaderValue, Method, Response, header};
use axum::middleware::Next;

use crate::http::door::Door;
use crate::http::refusal::{HttpCode, HttpRefusal};
use crate::service::{Code, Refusal};

/// Fields of a head, over either HTTP.
const FIELDS: usize = 64;

/// Lets a request through whose head can be read in one way only. Whoever is refused is sent away: what follows on
/// the connection may not be what it seems.
pub(super) async fn check(request: Request, next: Next) -> Response<Body> {
    let Some(refusal) = fault(&request) else { return next.run(request).await };
    let mut response = Door::of(request.uri().path()).refuse(&refusal);
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

pub(super) fn fault<B>(request: &http::Request<B>) -> Option<HttpRefusal> {
    if request.headers().len() > FIELDS {
        return Some(HttpRefusal::new(HttpCode::HeadTooLarge, "a head here has at most 64 fields"));
    }
    let mut codings = request.headers().get_all(header::TRANSFER_ENCODING).iter();
    let is_plain = match (codings.next(), codings.next()) {
        (None, _) => true,
        (Some(only), None) => only.as_bytes().eq_ignore_ascii_case(b"chunked"),
        (Some(_), Some(_)) => false,
    };
    if !is_plain {
        let message =
            "a body is sent with Content-Length, or with Transfer-Encoding: chunked and nothing else";
        return Some(Refusal::new(Code::BadRequest, message).into());
    }
    if request.method() == Method::CONNECT || !request.uri().path().starts_with('/') {
        return Some(Refusal::new(Code::BadRequest, "the target must be a path").into());
    }
    None
}
