//! Answers that are given again as they were, before anything is set up for a request.
//!
//! A search that finds everything fresh needs no route, no task and no span: its finished bytes are looked up by the
//! target as it was sent. Who asks, from where and how often is asked by the same functions as everywhere, and whatever
//! is not plainly fine is left to the layers behind, which know what to say about it. Nothing can be had here that they
//! would not give.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::body::{Body, HttpBody};
use axum::http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use futures_util::future::{BoxFuture, Either};
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use smallvec::SmallVec;
use tower::Service;

use crate::auth::Recalled;
use crate::domain::principal::TeamId;
use crate::http::authenticate;
use crate::http::client::{OfPeer, Peer};
use crate::http::limit::Charged;
use crate::http::observe::{self, Drawn};
use crate::http::state::{EdgeSettings, Public, PublicParts};
use crate::http::v3::envelope::{self, Tag};
use crate::http::v3::search;
use crate::http::woven::{Common, Woven};
use crate::http::{answer, head, host};
use crate::metrics::{CacheResult, WholeHits};
use crate::request_id::RequestId;
use crate::service::search::Standing;
use crate::telemetry;

/// A guess at how many answers there will be, by which the cache sizes itself at its beginning.
const USUALLY: usize = 1_000;

/// What an answer is kept by. Those of some filters lie in the table itself, so that a look has one place less to look at.
type Target = SmallVec<[u8; 48]>;

/// The routes, and in front of them what they answered last. Cheap to clone.
#[derive(Clone)]
pub struct Hits<S> {
    routes: S,
    shelf: Arc<Shelf>,
    /// Who asks through this one.
    peer: Option<Peer>,
}

struct Shelf {
    public: Public,
    /// The head of a hit. What differs stands in it empty, so that it has its place.
    head: HeaderMap,
    answers: Cache<Target, Arc<Finished>, ByBytes>,
    /// What answers have in common.
    common: Common,
    counts: WholeHits,
}

/// A finished answer: on the way out of a handler as an extension of its response, and then on the shelf. Lies in memory
/// as a whole, because what nobody has asked for in the last second has to be brought from far away place by place.
#[derive(Debug)]
pub(super) struct Finished {
    tag: Tag,
    standing: Standing,
    body: Woven,
}

impl Finished {
    pub(super) fn new(body: Woven, tag: Tag, standing: Standing) -> Self {
        Self { tag, standing, body }
    }
}

impl<S> Hits<S> {
    pub(super) fn new(routes: S, public: &Public) -> Self {
        let shelf = Shelf {
            public: Arc::clone(public),
            head: head_of_a_hit(&public.settings),
            answers: Cache::with_weighter(USUALLY, public.settings.answer_bytes, ByBytes),
            common: Common::new(),
            counts: public.metrics.whole_hits(search::ROUTE),
        };
        Self { routes, shelf: Arc::new(shelf), peer: None }
    }
}

impl<S> Hits<S> {
    /// Lets go of what no answer says any more; for a slow timer.
    pub(super) fn tidier(&self) -> impl Fn() + Send + 'static {
        let kept = Arc::clone(&self.shelf);
        move || kept.common.tidy()
    }
}

impl<S> OfPeer for Hits<S> {
    fn of_peer(self, peer: Peer) -> Self {
        Self { peer: Some(peer), ..self }
    }
}

impl<S, B> Service<Request<B>> for Hits<S>
where
    S: Service<Request<B>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
    B: HttpBody,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Either<
        Ready<Result<Response<Body>, Infallible>>,
        BoxFuture<'static, Result<Response<Body>, Infallible>>,
    >;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.routes.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let drawn = Drawn(telemetry::draws());
        match self.shelf.look(&request, self.peer, drawn) {
            Look::Answer(response) => return Either::Left(ready(Ok(response))),
            Look::Charged(charges) => drop(request.extensions_mut().insert(*charges)),
            Look::Nothing => {}
        }
        let extensions = request.extensions_mut();
        extensions.insert(drawn);
        if let Some(peer) = self.peer {
            extensions.insert(peer);
        }
        let (target, keeping) = (
            target_of(&request).map(|target| Target::from_slice(target.as_bytes())),
            Arc::clone(&self.shelf),
        );
        let answering = self.routes.call(request);
        Either::Right(Box::pin(async move {
            let mut response = answering.await?;
            if let Some(mut finished) = response.extensions_mut().remove::<Arc<Finished>>()
                && let Some(target) = target
            {
                // Nobody else has a new one.
                if let Some(finished) = Arc::get_mut(&mut finished) {
                    finished.body.share(&keeping.common);
                }
                keeping.answers.insert(target, finished);
            }
            Ok(response)
        }))
    }
}

/// What a look at the shelf comes to.
enum Look {
    Answer(Response<Body>),
    /// The caller has to be told that a limit is reached, by the layer that would have charged it.
    Charged(Box<Charged>),
    Nothing,
}

impl Shelf {
    fn look<B: HttpBody>(&self, request: &Request<B>, peer: Option<Peer>, drawn: Drawn) -> Look {
        let begun = Instant::now();
        let Some((finished, age, caller)) = self.find(request, peer) else { return Look::Nothing };
        if let Err(charges) = Charged::both(&self.public, request.headers(), peer, caller.person()) {
            return Look::Charged(charges);
        }
        let id = observe::request_id(request.headers());
        let active = self.counts.begun();
        let response = self.answer(request, &finished, age, &id);
        drop(active);
        let (status, elapsed) = (response.status(), begun.elapsed());
        self.counts.served(status == StatusCode::OK, elapsed);
        log(id, drawn, &caller, status.as_u16(), elapsed);
        Look::Answer(response)
    }

    fn answer<B>(
        &self,
        request: &Request<B>,
        finished: &Finished,
        age: Duration,
        id: &RequestId,
    ) -> Response<Body> {
        let mut headers = self.head.clone();
        headers.insert(header::ETAG, finished.tag.value());
        headers.insert(header::AGE, HeaderValue::from(age.as_secs()));
        if let Some(id) = observe::told(id) {
            headers.insert(observe::REQUEST_ID, id);
        }
        let is_known = envelope::is_known(request.headers(), &finished.tag);
        let body = if is_known { Body::empty() } else { Body::from(finished.body.bytes()) };
        let mut response = Response::new(body);
        if is_known {
            headers.remove(header::CONTENT_TYPE);
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        }
        *response.headers_mut() = headers;
        response
    }

    /// The answer to a request that is plainly fine, how old it is, and who asks: what costs least is asked first.
    fn find<B: HttpBody>(
        &self,
        request: &Request<B>,
        peer: Option<Peer>,
    ) -> Option<(Arc<Finished>, Duration, Recalled)> {
        let finished = self.answers.get(target_of(request)?.as_bytes())?;
        let age = finished.standing.age()?;
        let PublicParts { settings, verifier, .. } = &*self.public;
        let is_plain = request.body().is_end_stream()
            && !request.headers().contains_key(header::CACHE_CONTROL)
            && head::fault(request).is_none()
            && host::is_ours(request, settings)
            && !observe::is_traced(request.headers(), peer, settings);
        let token = if is_plain { authenticate::token(request.headers(), settings)? } else { return None };
        let caller = verifier.recall(&token)?;
        caller.may_read().then_some((finished, age, caller))
    }
}

fn head_of_a_hit(settings: &EdgeSettings) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, envelope::JSON);
    headers.insert(header::CACHE_CONTROL, envelope::FOR_THE_CALLER);
    search::describe_freshness(&mut headers, Duration::ZERO, CacheResult::Hit);
    answer::complete(&mut headers, settings);
    for name in [header::ETAG, observe::REQUEST_ID] {
        headers.insert(name, HeaderValue::from_static(""));
    }
    headers
}

/// As every request is logged. One whose trace is sent has its span for that, which is all that there is to see of it.
fn log(request_id: RequestId, drawn: Drawn, caller: &Recalled, status: u16, elapsed: Duration) {
    let (method, route, team) = ("GET", search::ROUTE, caller.team());
    if drawn.0 {
        let span = observe::span(&request_id.to_string(), method, true);
        if let Some(team) = team {
            span.record("team", team.as_str());
        }
        observe::served(&span, route, status, elapsed);
    } else {
        let team = team.map(TeamId::shared);
        let route = route.into();
        telemetry::served(telemetry::Served { request_id, method, route, team, status, elapsed });
    }
}

/// What answers are kept by: what a GET asks for, letter by letter after what they all begin with.
fn target_of<B>(request: &Request<B>) -> Option<&str> {
    let target = request.uri().path_and_query()?.as_str().strip_prefix(search::BEFORE_COUNTRY)?;
    (request.method() == Method::GET).then_some(target)
}

#[derive(Clone)]
struct ByBytes;

impl Weighter<Target, Arc<Finished>> for ByBytes {
    fn weight(&self, target: &Target, finished: &Arc<Finished>) -> u64 {
        /// Its place in the table, when it was fetched, and what the allocator needs for each.
        const HELD: usize = 160;
        let target = if target.spilled() { target.len() } else { 0 };
        u64::try_from(HELD + size_of::<Finished>() + target + finished.body.size()).unwrap_or(u64::MAX)
    }
}
