//! ClickSend's envelope: `{http_code, response_code, response_msg, data}` around every answer, errors included.

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::canonical::Digest;
use crate::domain::registration::FieldFaults;
use crate::domain::search::CurrencyBlock;
use crate::http::document::words;
use crate::http::refusal::{HttpCode, HttpRefusal};

/// Of JSON, as every answer here says.
pub(in crate::http) const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");
/// Of an answer that the caller may keep if it asks whether it still holds.
pub(in crate::http) const FOR_THE_CALLER: HeaderValue = HeaderValue::from_static("private, no-cache");

/// As many as an answer has in the end, so that its table of them is made once.
const HEADERS: usize = 12;

/// What an `ETag` has of a body's digest: 128 bits of it, in quotes.
const TAG: usize = 34;

/// Stands for a body, as its `ETag`.
#[derive(Clone, Copy, Debug)]
pub(in crate::http) struct Tag([u8; TAG]);

impl Tag {
    pub(super) fn of(body: &[u8]) -> Self {
        let digest = Digest::of(&[body]).to_string();
        let mut tag = [b'"'; TAG];
        for (place, digit) in tag.iter_mut().skip(1).zip(digest.bytes().take(TAG - 2)) {
            *place = digit;
        }
        Self(tag)
    }

    /// As a header says it.
    pub(in crate::http) fn value(&self) -> HeaderValue {
        // Hexadecimal digits in quotes are fine.
        HeaderValue::from_bytes(&self.0).unwrap_or(HeaderValue::from_static("\"\""))
    }
}

/// What stands around every answer.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Envelope<T> {
    /// The HTTP status once more.
    http_code: u16,
    /// SUCCESS, or why not.
    response_code: &'static str,
    /// For people.
    response_msg: String,
    /// The answer.
    data: Option<T>,
    /// Only in the old shape of a search.
    #[serde(rename = "_currency", skip_serializing_if = "Option::is_none")]
    #[schema(ignore)]
    currency: Option<CurrencyBlock>,
}

/// The envelope around a refusal, as the document describes it.
#[derive(ToSchema)]
#[expect(dead_code, reason = "stands in the API document for what `refusal` writes")]
pub(in crate::http) struct RefusedEnvelope {
    /// The HTTP status once more.
    http_code: u16,
    /// Why not.
    #[schema(value_type = words::Code)]
    response_code: String,
    /// For people.
    response_msg: String,
    /// Null, or a map from field to what is wrong with it.
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    data: Option<FieldFaults>,
}

impl<T: Serialize> Envelope<T> {
    /// A success, which is exactly 200: one SDK takes every other 2xx for nothing at all.
    pub(super) fn success(message: &str, data: Option<T>) -> Self {
        Self {
            http_code: 200,
            response_code: "SUCCESS",
            response_msg: message.to_owned(),
            data,
            currency: None,
        }
    }

    /// With the currency beside the data, as the old shape had it.
    pub(super) fn with_currency(self, currency: Option<CurrencyBlock>) -> Self {
        Self { currency, ..self }
    }

    /// The response.
    pub(super) fn into_response(self) -> Response<Body> {
        match serde_json::to_vec(&self) {
            Ok(body) => json(StatusCode::from_u16(self.http_code).unwrap_or(StatusCode::OK), body),
            Err(_) => unwritten(),
        }
    }

    /// The response with an `ETag`, or 304 for who has it already.
    pub(super) fn into_cacheable(self, request: &HeaderMap) -> Response<Body> {
        match self.text() {
            Some(body) => cached(request, &Tag::of(&body), || body.into()),
            None => unwritten(),
        }
    }

    /// As JSON.
    pub(super) fn text(&self) -> Option<Vec<u8>> {
        serde_json::to_vec(self).ok()
    }
}

/// Serialising plain texts and numbers cannot fail; if it does, that is a fault of ours.
pub(super) fn unwritten() -> Response<Body> {
    refusal(&HttpRefusal::new(HttpCode::Internal, "the answer could not be written"))
}

/// An answer that the caller may keep: its body, or 304 for who has it already.
pub(in crate::http) fn cached(
    request: &HeaderMap,
    tag: &Tag,
    body: impl FnOnce() -> Bytes,
) -> Response<Body> {
    let is_known = is_known(request, tag);
    let mut response = if is_known { empty(StatusCode::NOT_MODIFIED) } else { json(StatusCode::OK, body()) };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, FOR_THE_CALLER);
    headers.insert(header::ETAG, tag.value());
    response
}

/// Whether the caller says that it has what this tag stands for.
pub(in crate::http) fn is_known(request: &HeaderMap, tag: &Tag) -> bool {
    let known = request.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    known.flat_map(|list| list.split(',')).any(|one| {
        let one = one.trim();
        one == "*" || one.strip_prefix("W/").unwrap_or(one).as_bytes() == tag.0
    })
}

/// A refusal in the envelope: `data` is null, or a map from field to fault.
pub(in crate::http) fn refusal(refusal: &HttpRefusal) -> Response<Body> {
    let status = refusal.code.status();
    // ClickSend answers a wrong method with this very code.
    let code = if refusal.code == HttpCode::MethodNotAllowed { HttpCode::NotFound } else { refusal.code };
    let body = serde_json::json!({
        "http_code": status.as_u16(),
        "response_code": code.as_str(),
        "response_msg": refusal.message,
        "data": (!refusal.fields.is_empty()).then_some(&refusal.fields),
    });
    json(status, body.to_string().into_bytes())
}

fn json(status: StatusCode, body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    response.headers_mut().reserve(HEADERS);
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    response
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}
