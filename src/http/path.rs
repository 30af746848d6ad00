//! Spellings of a path that ClickSend's SDKs produce by themselves: a base URL that ends in a slash, or in `/v3`
//! where the SDK adds its own.
//!
//! They are set right in place. A redirect would be wrong: one SDK answers a 302 with a second POST.

use axum::body::Body;
use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use axum::http::uri::PathAndQuery;
use axum::http::{Response, Uri};
use serde::de::DeserializeOwned;

use crate::http::door::Door;
use crate::service::{Code, Refusal};

/// The parameters of a path. What is no text (`%ff`) is refused in the form of the door; axum's own extractor would
/// answer in plain text.
pub(super) struct PathParams<T>(pub(super) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for PathParams<T> {
    type Rejection = Response<Body>;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let door = Door::of(parts.uri.path());
        let texts = Path::from_request_parts(parts, state).await;
        let refusal = Refusal::new(Code::BadRequest, "the path cannot be read: what it encodes is not UTF-8");
        texts.map(|Path(texts)| Self(texts)).map_err(|_| door.refuse(&refusal.into()))
    }
}

/// The address with duplicate slashes, a trailing slash and a doubled `/v3` taken out, on ClickSend's door only.
pub(super) fn tidied(uri: &Uri) -> Option<Uri> {
    let tidy = tidy_path(uri.path())?;
    let target = match uri.query() {
        Some(query) => format!("{tidy}?{query}"),
        None => tidy,
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(target).ok()?);
    Uri::from_parts(parts).ok()
}

/// `None` where there is nothing to do.
fn tidy_path(path: &str) -> Option<String> {
    let mut segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    if segments.first() != Some(&"v3") {
        return None;
    }
    while segments.get(1) == Some(&"v3") {
        segments.remove(1);
    }
    let tidy = format!("/{}", segments.join("/"));
    (tidy != path).then_some(tidy)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]

    use super::tidied;

    #[test]
    fn what_sdks_make_of_a_base_url_is_set_right() {
        for (spelled, wanted) in [
            ("/v3/numbers", None),
            ("//v3/numbers", Some("/v3/numbers")),
            ("/v3//numbers", Some("/v3/numbers")),
            ("/v3/v3/numbers", Some("/v3/numbers")),
            ("/v3/numbers/?page=2", Some("/v3/numbers?page=2")),
            ("/v3/numbers/buy/%2B61491570156/", Some("/v3/numbers/buy/%2B61491570156")),
            ("/v3/numbers/search/..%2f..%2faccount", None),
            ("/v1//purchases", None),
            ("/numbers", None),
        ] {
            let tidy = tidied(&spelled.parse().unwrap()).map(|uri| uri.to_string());
            assert_eq!(tidy.as_deref(), wanted, "{spelled}");
        }
    }
}
