//! Bodies: small, JSON, not compressed, every key once.
//!
//! A missing body and a missing Content-Type are fine where ClickSend's SDKs leave them out; a wrong one is not.

use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Response, header};
use axum::middleware::Next;
use futures_util::{StreamExt as _, stream};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use crate::domain::strict_json;
use crate::http::refusal::{HttpCode, HttpRefusal};
use crate::http::state::Public;
use crate::service::{Code, Refusal};

/// Nothing that is asked for here needs more.
const MAX_BYTES: usize = 64 * 1024;
/// Deeper than any body of ours.
const MAX_DEPTH: usize = 16;

/// A body that arrives too slowly breaks off, whoever reads it.
pub(super) async fn in_time(State(public): State<Public>, request: Request, next: Next) -> Response<Body> {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    let deadline = Instant::now() + public.settings.body_timeout;
    let bounded = request.map(|body| {
        let arriving = stream::unfold(Some(body.into_data_stream()), move |arriving| async move {
            let mut arriving = arriving?;
            match timeout_at(deadline, arriving.next()).await {
                Ok(piece) => piece.map(|piece| (piece, Some(arriving))),
                Err(late) => Some((Err(axum::Error::new(late)), None)),
            }
        });
        Body::from_stream(arriving)
    });
    next.run(bounded).await
}

/// The body as a JSON object; nothing where it is empty or null. A list is refused here, because serde would take it
/// for the fields in their order.
pub(super) async fn json(headers: &HeaderMap, body: Body) -> Result<Option<Value>, HttpRefusal> {
    let bytes = bytes(body).await?;
    if bytes.is_empty() {
        return Ok(None);
    }
    if headers.contains_key(header::CONTENT_ENCODING) {
        return Err(HttpRefusal::new(
            HttpCode::UnsupportedMediaType,
            "send the body without Content-Encoding",
        ));
    }
    if headers.get(header::CONTENT_TYPE).is_some_and(|kind| !is_json(kind.as_bytes())) {
        return Err(HttpRefusal::new(HttpCode::UnsupportedMediaType, "send the body as application/json"));
    }
    let limits = strict_json::Limits { bytes: MAX_BYTES, depth: MAX_DEPTH };
    let value = strict_json::parse(&bytes, limits).map_err(|error| {
        Refusal::new(Code::BadRequest, format!("the body is not JSON as it should be: {error}"))
    })?;
    match value {
        Value::Null => Ok(None),
        Value::Object(_) => Ok(Some(value)),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err(Refusal::new(Code::BadRequest, "the body must be a JSON object").into())
        }
    }
}

/// The fields of a request's body. A missing body is null: an `Option` reads it as none.
pub(super) async fn fields<T: DeserializeOwned>(request: Request) -> Result<T, HttpRefusal> {
    let (parts, body) = request.into_parts();
    Ok(read(json(&parts.headers, body).await?.unwrap_or(Value::Null))?)
}

/// The fields of a body that was read.
pub(super) fn read<T: DeserializeOwned>(body: Value) -> Result<T, Refusal> {
    serde_json::from_value(body)
        .map_err(|error| Refusal::new(Code::BadRequest, format!("the body cannot be read: {error}")))
}

/// The whole body, within its bounds.
pub(super) async fn bytes(body: Body) -> Result<Bytes, HttpRefusal> {
    match Limited::new(body, MAX_BYTES).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.downcast_ref::<LengthLimitError>().is_some() => {
            Err(HttpRefusal::new(HttpCode::PayloadTooLarge, "a body here has at most 64 KiB"))
        }
        Err(_) => Err(Refusal::new(Code::BadRequest, "the body did not arrive whole").into()),
    }
}

/// A body that is either lines or a JSON object.
pub(super) enum Lines {
    /// The text of a `text/csv`.
    Csv(String),
    /// Anything else, not yet read.
    Other(Body),
}

/// The body as lines, where it says that it is `text/csv`.
pub(super) async fn csv(headers: &HeaderMap, body: Body) -> Result<Lines, HttpRefusal> {
    let kind = headers.get(header::CONTENT_TYPE).map(|kind| essence(kind.as_bytes()));
    if kind.as_deref() != Some("text/csv") {
        return Ok(Lines::Other(body));
    }
    let text = String::from_utf8(bytes(body).await?.to_vec());
    text.map(Lines::Csv).map_err(|_| Refusal::new(Code::BadRequest, "the list is not UTF-8").into())
}

/// `application/json` and `application/…+json`, whatever parameters follow.
fn is_json(content_type: &[u8]) -> bool {
    let essence = essence(content_type);
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// The type without its parameters, in lower case.
pub(super) fn essence_of(content_type: &str) -> String {
    essence(content_type.as_bytes())
}

fn essence(content_type: &[u8]) -> String {
    let text = str::from_utf8(content_type).unwrap_or_default();
    text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::is_json;

    #[test]
    fn json_is_told_by_its_type() {
        for kind in ["application/json", "Application/JSON; charset=utf-8", "application/problem+json"] {
            assert!(is_json(kind.as_bytes()), "{kind}");
        }
        for kind in
            ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", "", "text/x+json"]
        {
            assert!(!is_json(kind.as_bytes()), "{kind}");
        }
    }
}
