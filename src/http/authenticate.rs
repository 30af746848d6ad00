//! Who is asking: the token out of its header, verified, as an extension of the request.

use std::borrow::Cow;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Response, header};
use axum::middleware::Next;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::auth;
use crate::http::door::Door;
use crate::http::observe;
use crate::http::refusal::{HttpCode, HttpRefusal};
use crate::http::state::{Caller, EdgeSettings, Public};

/// Lets a request through with its caller, or answers 401: the same to everybody, whatever was wrong.
pub(super) async fn authenticate(
    State(public): State<Public>,
    mut request: Request,
    next: Next,
) -> Response<Body> {
    let door = Door::of(request.uri().path());
    let Some(token) = token(request.headers(), &public.settings).map(Cow::into_owned) else {
        public.metrics.token_refused("missing");
        return door.refuse(&HttpRefusal::unauthorized());
    };
    match public.verifier.verify(&token).await {
        Ok(principal) => {
            request.extensions_mut().insert(Caller(Arc::clone(&principal)));
            observe::for_team_of(&principal, next.run(request)).await
        }
        Err(auth::Refusal::Invalid(reason)) => {
            public.metrics.token_refused(reason.as_str());
            tracing::info!(reason = reason.as_str(), "token refused");
            door.refuse(&HttpRefusal::unauthorized())
        }
        Err(auth::Refusal::IssuerUnavailable) => {
            public.metrics.token_refused("issuer_unavailable");
            let message = "the keys of the token's issuer cannot be had now; ask again shortly";
            door.refuse(&HttpRefusal::new(HttpCode::IssuerUnavailable, message))
        }
    }
}

/// The token: in the configured proxy's header, as `Bearer`, or as the password of `Basic`, whose user name may be
/// anything, so that ClickSend's SDKs can carry it. A header that stands there twice counts as none.
pub(super) fn token<'h>(headers: &'h HeaderMap, settings: &EdgeSettings) -> Option<Cow<'h, str>> {
    if let Some(name) = &settings.token_header
        && let Some(value) = only(headers, name)
    {
        return Some(value.into());
    }
    let (scheme, credentials) = only(headers, &header::AUTHORIZATION)?.split_once(' ')?;
    let credentials = credentials.trim_start_matches(' ');
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(credentials.into());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = STANDARD.decode(credentials).ok()?;
    let colon = pair.iter().position(|byte| *byte == b':')?;
    // Only the password is text: ClickSend's Python SDK encodes user names as Latin-1.
    let password = str::from_utf8(pair.get(colon + 1..)?).ok()?;
    (!password.is_empty()).then(|| Cow::Owned(password.to_owned()))
}

/// The value of a header that stands there once.
pub(super) fn only<'h>(headers: &'h HeaderMap, name: &header::HeaderName) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    if values.next().is_some() { None } else { value.to_str().ok() }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Response<Body>;

    /// A route without authentication in front of it has no caller, and says so instead of serving.
    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        let door = Door::of(parts.uri.path());
        parts.extensions.get::<Self>().cloned().ok_or_else(|| door.refuse(&HttpRefusal::unauthorized()))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]

    use std::borrow::Cow;
    use std::time::Duration;

    use axum::http::{HeaderMap, HeaderName, HeaderValue};

    use super::token;
    use crate::http::state::{EdgeSettings, SearchShape};

    fn found(lines: &[(&str, &str)]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(HeaderName::try_from(*name).unwrap(), HeaderValue::try_from(*value).unwrap());
        }
        let settings = EdgeSettings {
            token_header: Some(HeaderName::from_static("x-token")),
            hosts: Vec::new(),
            trusted_proxies: Vec::new(),
            body_timeout: Duration::from_secs(1),
            is_encrypted: false,
            time_zone: jiff::tz::TimeZone::UTC,
            search_shape: SearchShape::Page,
            answer_bytes: 0,
        };
        token(&headers, &settings).map(Cow::into_owned)
    }

    #[test]
    fn a_token_is_found_where_people_and_sdks_put_it() {
        for (lines, wanted) in [
            (&[("authorization", "Bearer a.b.c")][..], Some("a.b.c")),
            (&[("authorization", "bearer  a.b.c")], Some("a.b.c")),
            (&[("authorization", "Basic dXNlcjphLmIuYw==")], Some("a.b.c")),
            (&[("authorization", "Basic OmE6Yg==")], Some("a:b")),
            (&[("authorization", "Basic bfxsbGVyOmEuYi5j")], Some("a.b.c")),
            (&[("authorization", "Basic Og==")], None),
            (&[("authorization", "Basic !!")], None),
            (&[("authorization", "Digest x")], None),
            (&[("authorization", "Bearer a"), ("authorization", "Bearer b")], None),
            (&[("x-token", "p"), ("authorization", "Bearer a")], Some("p")),
            (&[], None),
        ] {
            assert_eq!(found(lines).as_deref(), wanted, "{lines:?}");
        }
    }
}
