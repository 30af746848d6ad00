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
use axum::http::{HeaderValue, Method, Request, Response, StatusCode, header};
use futures_util::future::{BoxFuture, Either};
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use tower::Service;

use crate::auth::Recalled;
use crate::http::authenticate;
use crate::http::limit::Charged;
use crate::http::observe::{self, Drawn};
use crate::http::state::{Public, PublicParts};
use crate::http::v3::{envelope, search};
use crate::http::woven::Woven;
use crate::http::{answer, head, host};
use crate::metrics::{CacheResult, WholeHits};
use crate::service::search::Standing;
use crate::telemetry;

/// A guess at how many answers there will be, by which the cache sizes itself at its beginning.
const USUALLY: usize = 1_000;

/// The routes, and in front of them what they answered last. Cheap to clone.
#[derive(Clone)]
pub struct Hits<S> {
    routes: S,
    shelf: Arc<Shelf>,
}

struct Shelf {
    public: Public,
    answers: Cache<Box<str>, Arc<Finished>, ByBytes>,
    counts: WholeHits,
}

/// A finished answer: on the way out of a handler as an extension of its response, and then on the shelf.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) body: Woven,
    pub(super) tag: HeaderValue,
    pub(super) standing: Standing,
}

impl<S> Hits<S> {
    pub(super) fn new(routes: S, public: &Public) -> Self {
        let shelf = Shelf {
            public: Arc::clone(public),
            answers: Cache::with_weighter(USUALLY, public.settings.answer_bytes, ByBytes),
            counts: public.metrics.whole_hits(search::ROUTE),
        };
        Self { routes, shelf: Arc::new(shelf) }
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
        if !drawn.0 {
            match self.shelf.look(&request) {
                Look::Answer(response) => return Either::Left(ready(Ok(response))),
                Look::Charged(charges) => drop(request.extensions_mut().insert(*charges)),
                Look::Nothing => {}
            }
        }
        request.extensions_mut().insert(drawn);
        let (target, keeping) = (target_of(&request).map(Box::from), Arc::clone(&self.shelf));
        let answering = self.routes.call(request);
        Either::Right(Box::pin(async move {
            let mut response = answering.await?;
            if let Some(finished) = response.extensions_mut().remove::<Arc<Finished>>()
                && let Some(target) = target
            {
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
    fn look<B: HttpBody>(&self, request: &Request<B>) -> Look {
        let begun = Instant::now();
        let Some((finished, age, caller)) = self.find(request) else { return Look::Nothing };
        if let Err(charges) = Charged::both(&self.public, request, caller.person()) {
            return Look::Charged(charges);
        }
        let active = self.counts.begun();
        let mut response = envelope::cached(request.headers(), &finished.tag, || finished.body.bytes());
        search::describe_freshness(&mut response, age, CacheResult::Hit);
        answer::complete(response.headers_mut(), &self.public.settings);
        let id = observe::request_id(request.headers());
        drop(active);
        let (status, elapsed) = (response.status(), begun.elapsed());
        self.counts.served(status == StatusCode::OK, elapsed);
        if let Some(id) = id {
            telemetry::served(telemetry::Served {
                request_id: id.to_str().unwrap_or_default().into(),
                method: "GET",
                route: search::ROUTE,
                team: caller.team().map(Box::from),
                status: status.as_u16(),
                elapsed,
            });
            response.headers_mut().insert(observe::REQUEST_ID, id);
        }
        Look::Answer(response)
    }

    /// The answer to a request that is plainly fine, how old it is, and who asks: what costs least is asked first.
    fn find<B: HttpBody>(&self, request: &Request<B>) -> Option<(Arc<Finished>, Duration, Recalled)> {
        let finished = self.answers.get(target_of(request)?)?;
        let age = finished.standing.age()?;
        let PublicParts { settings, verifier, .. } = &*self.public;
        let is_plain = request.body().is_end_stream()
            && !request.headers().contains_key(header::CACHE_CONTROL)
            && head::fault(request).is_none()
            && host::is_ours(request, settings)
            && !observe::is_traced(request, settings);
        let token = if is_plain { authenticate::token(request.headers(), settings)? } else { return None };
        let caller = verifier.recall(&token)?;
        caller.may_read().then_some((finished, age, caller))
    }
}

/// What answers are kept by: what a GET asks for, letter by letter.
fn target_of<B>(request: &Request<B>) -> Option<&str> {
    let target = request.uri().path_and_query()?.as_str();
    (request.method() == Method::GET).then_some(target)
}

#[derive(Clone)]
struct ByBytes;

impl Weighter<Box<str>, Arc<Finished>> for ByBytes {
    fn weight(&self, target: &Box<str>, finished: &Arc<Finished>) -> u64 {
        /// The entry itself, the tag, when it was fetched, and what the allocator needs for each.
        const HELD: usize = 400;
        u64::try_from(HELD + target.len() + finished.body.size()).unwrap_or(u64::MAX)
    }
}
