//! What an answer may say in its head: a list. Whatever else a layer, a library or a later handler adds stays here.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, header};
use axum::middleware::Next;

use crate::http::state::{EdgeSettings, Public};

/// Headers that leave the gateway, besides those that begin with [`OWN`]. Hyper adds `Date`, `Content-Length`,
/// `Transfer-Encoding` and `Connection`.
const ALLOWED: &[&str] = &[
    "age",
    "allow",
    "cache-control",
    "cache-status",
    "connection",
    "content-disposition",
    "content-length",
    "content-security-policy",
    "content-type",
    "cross-origin-opener-policy",
    "cross-origin-resource-policy",
    "etag",
    "idempotent-replayed",
    "location",
    "ratelimit",
    "ratelimit-policy",
    "referrer-policy",
    "retry-after",
    "set-cookie",
    "strict-transport-security",
    "www-authenticate",
    "x-content-type-options",
    "x-frame-options",
    "x-request-id",
];

/// Our own.
const OWN: &str = "x-gateway-";

/// A year, as browsers want to hear it before they believe it.
const ENCRYPTED_ONLY: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// Outside of everything: takes out what is not on the list, and says what holds for every answer.
pub(super) async fn allow(State(public): State<Public>, request: Request, next: Next) -> Response<Body> {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let strangers: Vec<HeaderName> = headers.keys().filter(|name| !is_allowed(name)).cloned().collect();
    for name in strangers {
        headers.remove(name);
    }
    // Money, numbers and names: for whoever asked, and for no cache on the way.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    complete(headers, &public.settings);
    response
}

/// Says what holds for every answer.
pub(super) fn complete(headers: &mut HeaderMap, settings: &EdgeSettings) {
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if settings.is_encrypted {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, ENCRYPTED_ONLY);
    }
}

fn is_allowed(name: &HeaderName) -> bool {
    let name = name.as_str();
    name.starts_with(OWN) || ALLOWED.binary_search(&name).is_ok()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderName;

    use super::{ALLOWED, is_allowed};

    #[test]
    fn what_is_on_the_list_may_leave_and_nothing_else() {
        assert!(ALLOWED.is_sorted(), "it is searched");
        for name in ["x-gateway-purchase", "etag", "x-request-id", "set-cookie"] {
            assert!(is_allowed(&HeaderName::from_static(name)), "{name}");
        }
        for name in ["server", "x-powered-by", "authorization", "x-ratelimit-limit", "x-internal", "via"] {
            assert!(!is_allowed(&HeaderName::from_static(name)), "{name}");
        }
    }
}
