//! Who is looking: an identity-aware proxy's header, or the cookie that a pasted token became.
//!
//! The cookie is the token itself, so that a restart signs nobody out and a denied token is out at once. It counts here
//! and nowhere else: the API reads headers that no browser sends by itself, and the console does not read those.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Redirect};
use jiff::Timestamp;
use uuid::Uuid;

use super::page::{self, Failure, Refused};
use super::sign_in;
use crate::auth;
use crate::domain::principal::Principal;
use crate::http::authenticate::only;
use crate::http::context::escaped;
use crate::http::door::Door;
use crate::http::observe;
use crate::http::refusal::{HttpCode, HttpRefusal};
use crate::http::state::{Caller, Public};

const SESSION: &str = "__Host-numbers-gateway";
const FORM: &str = "__Host-numbers-gateway-form";
/// Outlives the session, so that who comes back after their token's end hears why they must sign in.
const ENTERED: &str = "__Host-numbers-gateway-entered";
/// Browsers keep 4,096 bytes a cookie: name, value and attributes together.
pub(super) const LONGEST_TOKEN: usize = 3_800;

/// Somebody who is signed in.
#[derive(Clone, Debug)]
pub(super) struct Visitor {
    pub(super) principal: Arc<Principal>,
    pub(super) form_token: String,
    /// Whether there is a cookie to sign out from; a proxy's header comes back with the next request.
    pub(super) by_cookie: bool,
}

/// What a form must bring along: the value of a cookie that no other site can read or set.
#[derive(Clone, Debug)]
pub(super) struct FormToken {
    pub(super) value: String,
    /// The browser brought none, so no form of ours can have been in it.
    pub(super) is_new: bool,
}

/// Gives every browser a form token.
pub(super) async fn with_form_token(mut request: Request, next: Next) -> Response<Body> {
    let brought = cookie(request.headers(), FORM).and_then(|value| Uuid::try_parse(value).ok());
    let value = brought.unwrap_or_else(Uuid::new_v4).simple().to_string();
    let token = FormToken { value, is_new: brought.is_none() };
    request.extensions_mut().insert(token.clone());
    let mut response = next.run(request).await;
    if token.is_new {
        keep(&mut response, FORM, &token.value, "");
    }
    response
}

/// Lets in who is signed in, and shows the others where to do that.
pub(super) async fn enter(State(public): State<Public>, mut request: Request, next: Next) -> Response<Body> {
    let form_token = request.extensions().get::<FormToken>().map(|token| token.value.clone());
    let Some((token, by_cookie)) = token(request.headers(), &public) else {
        return show_the_way(&request);
    };
    match public.verifier.verify(&token).await {
        Ok(principal) => {
            let form_token = form_token.unwrap_or_default();
            let visitor = Visitor { principal: Arc::clone(&principal), form_token, by_cookie };
            request.extensions_mut().insert(Caller(Arc::clone(&principal)));
            request.extensions_mut().insert(visitor.clone());
            let answering = async {
                let mut response = next.run(request).await;
                match response.extensions_mut().remove::<Refused>() {
                    Some(Refused(refusal)) => page::refused_inside(&visitor, &refusal, response),
                    None => response,
                }
            };
            observe::for_team_of(&principal, answering).await
        }
        Err(auth::Refusal::Invalid(reason)) => {
            public.metrics.token_refused(reason.as_str());
            tracing::info!(reason = reason.as_str(), "token refused");
            show_the_way(&request)
        }
        Err(auth::Refusal::IssuerUnavailable) => {
            public.metrics.token_refused("issuer_unavailable");
            Door::Console.refuse(&issuer_unavailable())
        }
    }
}

pub(super) fn issuer_unavailable() -> HttpRefusal {
    let message = "the keys of the token's issuer cannot be had now; try again shortly";
    HttpRefusal::new(HttpCode::IssuerUnavailable, message)
}

/// A proxy's header counts alone where it is there: whoever stands behind a proxy is who the proxy says.
fn token(headers: &HeaderMap, public: &Public) -> Option<(String, bool)> {
    if let Some(name) = &public.settings.token_header
        && let Some(value) = only(headers, name)
    {
        return Some((value.to_owned(), false));
    }
    cookie(headers, SESSION).map(|token| (token.to_owned(), true))
}

/// To the sign-in page and back. Who follows a link from another site comes without their `SameSite=Strict` cookie: they
/// are sent on from a page of ours, and then have it.
fn show_the_way(request: &Request) -> Response<Body> {
    if request.method() != Method::GET {
        let message = "you are signed out, so nothing was done; sign in and send the form again";
        return Door::Console.refuse(&HttpRefusal::new(HttpCode::Unauthorized, message));
    }
    let target = request.uri().path_and_query().map_or("/console/", |target| target.as_str());
    let is_from_elsewhere = request
        .headers()
        .get("sec-fetch-site")
        .is_some_and(|site| site == "cross-site" || site == "same-site");
    if is_from_elsewhere {
        return page::html(StatusCode::OK, &sign_in::Onward { target: target.to_owned() });
    }
    let was_signed_in = cookie(request.headers(), ENTERED).is_some();
    let note = if was_signed_in { "note=ended&" } else { "" };
    Redirect::to(&format!("/console/sign-in?{note}to={}", escaped(target))).into_response()
}

/// Signs in: until the token's own end.
pub(super) fn begin(response: &mut Response<Body>, token: &str, principal: &Principal) {
    let end = Timestamp::from_second(principal.expires_at).unwrap_or(Timestamp::MAX);
    keep(response, SESSION, token, &format!("; Expires={}", end.strftime("%a, %d %b %Y %H:%M:%S GMT")));
    keep(response, ENTERED, "1", "");
}

/// Signs out.
pub(super) fn end(response: &mut Response<Body>) {
    for name in [SESSION, ENTERED] {
        keep(response, name, "", "; Max-Age=0");
    }
}

/// `__Host-` binds a cookie to this host, its root and TLS (or loopback): no sister host can set it.
fn keep(response: &mut Response<Body>, name: &str, value: &str, until: &str) {
    let cookie = format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Strict{until}");
    if let Ok(cookie) = HeaderValue::try_from(cookie) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}

/// The value of a cookie; one that stands there twice counts as none.
fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut values = pairs.filter(|(found, _)| *found == name).map(|(_, value)| value);
    let value = values.next().filter(|value| !value.is_empty())?;
    if values.next().is_some() { None } else { Some(value) }
}

impl<S: Send + Sync> FromRequestParts<S> for Visitor {
    type Rejection = Failure;

    /// A route without [`enter`] in front of it has no visitor, and says so instead of serving.
    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Failure> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| HttpRefusal::unauthorized().into())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]

    use axum::http::{HeaderMap, HeaderValue, header};

    use super::{SESSION, cookie};

    #[test]
    fn a_cookie_is_found_by_its_whole_name_and_counts_once() {
        for (lines, wanted) in [
            (&["a=1; __Host-numbers-gateway=t.o.k; b=2"][..], Some("t.o.k")),
            (&["a=1", "__Host-numbers-gateway=t"], Some("t")),
            (&["__Host-numbers-gateway=t; __Host-numbers-gateway=u"], None),
            (&["__Host-numbers-gateway=t", "__Host-numbers-gateway=u"], None),
            (&["x__Host-numbers-gateway=t; __Host-numbers-gateway-form=f"], None),
            (&["__Host-numbers-gateway="], None),
            (&[], None),
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(header::COOKIE, HeaderValue::try_from(*line).unwrap());
            }
            assert_eq!(cookie(&headers, SESSION), wanted, "{lines:?}");
        }
    }
}
