//! What every request leaves behind: an id, a span, a line in the log, a count.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Response};
use axum::middleware::Next;
use tracing::{Instrument as _, Span};

use crate::domain::principal::{Principal, TeamId};
use crate::http::authenticate::only;
use crate::http::client::Peer;
use crate::http::state::{EdgeSettings, Public};
use crate::request_id::{self, RequestId};
use crate::telemetry::{self, Served};

pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Around everything: gives the request its id (the caller's own, if it is sane), makes it part of the trace that a trusted
/// proxy began, and measures the answer.
pub(super) async fn observe(State(public): State<Public>, request: Request, next: Next) -> Response<Body> {
    let id = request_id(request.headers());
    let id_text: Arc<str> = id.to_string().into();
    let method = method_label(request.method());
    let is_sampled = request.extensions().get::<Drawn>().is_some_and(|drawn| drawn.0);
    let span = span(&id_text, method, is_sampled);
    let traceparent = traceparent(request.headers(), Peer::of(&request), &public.settings);
    let is_traced = is_sampled || traceparent.is_some();
    if let Some(traceparent) = traceparent {
        telemetry::continue_trace(&span, traceparent);
    }
    let begun = Instant::now();
    let active = public.metrics.request_begun();
    let answered = request_id::on_behalf_of(id_text, next.run(request));
    let mut response = answered.instrument(span.clone()).await;
    drop(active);
    let Route(route) = response.extensions_mut().remove().unwrap_or(Route(Cow::Borrowed("_unmatched")));
    let (status, elapsed) = (response.status().as_u16(), begun.elapsed());
    public.metrics.request_served(method, &route, status, elapsed);
    if let Some(id) = told(&id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    if is_traced {
        served(&span, &route, status, elapsed);
    } else {
        let team = response.extensions_mut().remove::<Team>().map(|team| team.0.shared());
        telemetry::served(Served { request_id: id, method, route, team, status, elapsed });
    }
    response
}

/// What goes on for a request happens in it.
pub(super) fn span(id: &str, method: &'static str, is_sampled: bool) -> Span {
    tracing::info_span!(
        "request",
        otel.kind = "server",
        request_id = id,
        method,
        sampled = is_sampled.then_some(true),
        route = tracing::field::Empty,
        team = tracing::field::Empty,
        status = tracing::field::Empty,
    )
}

/// Notes how a request ended in its span, and logs that it was served. One that is not traced leaves its line to the log's
/// thread ([`telemetry::served`]).
pub(super) fn served(span: &Span, route: &str, status: u16, elapsed: Duration) {
    // At once, because each time the fields are written anew. The status is a number, as OpenTelemetry has it; an unsigned
    // one would arrive as text.
    tracing::record_all!(span, route = route, status = i64::from(status));
    span.in_scope(|| tracing::info!(elapsed_ms = telemetry::millis(elapsed), "request served"));
}

/// Whether a request is one of those whose traces are sent, unless a proxy of ours has decided about that: on the request.
#[derive(Clone, Copy)]
pub(super) struct Drawn(pub(super) bool);

/// Whether a request is part of a trace that a trusted proxy began.
pub(super) fn is_traced(headers: &HeaderMap, peer: Option<Peer>, settings: &EdgeSettings) -> bool {
    traceparent(headers, peer, settings).is_some()
}

fn traceparent<'h>(headers: &'h HeaderMap, peer: Option<Peer>, settings: &EdgeSettings) -> Option<&'h str> {
    let traceparent = only(headers, &TRACEPARENT)?;
    peer?.is_proxy(&settings.trusted_proxies).then_some(traceparent)
}

/// The caller's own id of a request, if it is sane, or a new one.
pub(super) fn request_id(headers: &HeaderMap) -> RequestId {
    let own = headers.get(&REQUEST_ID).filter(|id| is_sane(id)).and_then(|id| id.to_str().ok());
    own.map_or_else(RequestId::next, |id| RequestId::Theirs(id.into()))
}

/// The header that tells the caller.
pub(super) fn told(id: &RequestId) -> Option<HeaderValue> {
    HeaderValue::from_str(id.text(&mut [0; 36])).ok()
}

/// The team of a request, carried out on the answer.
#[derive(Clone)]
struct Team(TeamId);

/// Notes for whom a request is answered: the team, and not who in it; that stands in the evidence, where it can be erased.
pub(super) async fn for_team_of(
    principal: &Principal,
    answering: impl Future<Output = Response<Body>>,
) -> Response<Body> {
    let Some(team) = principal.teams.first() else { return answering.await };
    Span::current().record("team", team.as_str());
    let mut response = answering.await;
    response.extensions_mut().insert(Team(team.clone()));
    response
}

/// The pattern that matched, carried out on the answer: the layers outside of the router cannot see it.
#[derive(Clone)]
struct Route(Cow<'static, str>);

/// Inside the router: notes which pattern matched.
pub(super) async fn note_route(request: Request, next: Next) -> Response<Body> {
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let mut response = next.run(request).await;
    if let Some(route) = route {
        response.extensions_mut().insert(Route(Cow::Owned(route)));
    }
    response
}

fn is_sane(id: &HeaderValue) -> bool {
    let bytes = id.as_bytes();
    (1..=128).contains(&bytes.len())
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(byte))
}

/// A label from a closed set, whatever callers invent.
const fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        Method::PATCH => "PATCH",
        _ => "_OTHER",
    }
}
