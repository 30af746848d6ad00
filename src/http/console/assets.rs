//! The console's own files: style and icon. Nothing is fetched from anywhere else.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use rust_embed::{EmbeddedFile, RustEmbed};

use super::page::{Failure, seal};
use crate::http::path::PathParams;
use crate::http::refusal::{HttpCode, HttpRefusal};

#[derive(RustEmbed)]
#[folder = "src/http/console/assets"]
struct Files;

/// One file, by its name. It may be kept and is asked about each time, so that an update shows at once.
pub(super) async fn file(
    PathParams(name): PathParams<String>,
    headers: HeaderMap,
) -> Result<Response<Body>, Failure> {
    let missing = || HttpRefusal::new(HttpCode::NotFound, "the console has no such file");
    let file = Files::get(&name).ok_or_else(missing)?;
    let content_type = content_type(&name).ok_or_else(missing)?;
    let tag = tag(&file);
    let is_known = headers.get(header::IF_NONE_MATCH).is_some_and(|known| *known == tag);
    let mut response = Response::new(if is_known { Body::empty() } else { Body::from(file.data) });
    if is_known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let headers = response.headers_mut();
    headers.insert(header::ETAG, tag);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    seal(headers);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(response)
}

fn tag(file: &EmbeddedFile) -> HeaderValue {
    let hash = file.metadata.sha256_hash();
    let digits = hash.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(u32::from);
    let digits: String = digits.filter_map(|digit| char::from_digit(digit, 16)).collect();
    HeaderValue::try_from(format!("\"{digits}\"")).unwrap_or(HeaderValue::from_static("\"\""))
}

fn content_type(name: &str) -> Option<&'static str> {
    match name.rsplit_once('.')?.1 {
        "css" => Some("text/css; charset=utf-8"),
        "svg" => Some("image/svg+xml"),
        _ => None,
    }
}
