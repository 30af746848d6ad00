//! The edge: what a request passes on its way to a service, and how services' answers look outside.
//!
//! This file is the table of contents: the routes of all doors, and the layers around them from the outside in. In front of
//! them all, `hits` gives answers again that are still what they would be.

mod answer;
mod authenticate;
mod body;
mod client;
mod console;
mod context;
mod csv;
mod document;
mod door;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod head;
mod hits;
mod host;
mod limit;
mod observe;
pub mod ops;
mod paging;
mod path;
mod refusal;
mod state;
mod v1;
mod v3;
mod woven;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{OriginalUri, Request};
use axum::http::Response;
use axum::middleware;
use axum::routing::get;
use axum::{Json, Router};
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use door::Door;
use refusal::{HttpCode, HttpRefusal};
use state::Public;

use crate::service::limits::KeyedLimit;

pub use client::{Neighbourhood, OfPeer, Peer};
pub use document::openapi;
pub use hits::Hits;
pub use state::{EdgeSettings, PublicParts, SearchShape};

/// Everything that is served in public.
pub struct PublicRouter {
    /// The routes with their layers, and finished answers in front of them.
    pub router: Hits<Router>,
    reads: Arc<KeyedLimit>,
    addresses: Arc<KeyedLimit>,
}

impl PublicRouter {
    /// The routes around these services.
    pub fn new(parts: PublicParts) -> Self {
        let public: Public = Arc::new(parts);
        let (reads, addresses) = (Arc::clone(&public.reads), Arc::clone(&public.addresses));
        Self { router: Hits::new(layered(&public), &public), reads, addresses }
    }

    /// Lets go of what nobody uses; for a slow timer.
    pub fn tidier(&self) -> impl Fn() + Send + 'static {
        let (reads, addresses) = (Arc::clone(&self.reads), Arc::clone(&self.addresses));
        let tidy_hits = self.router.tidier();
        move || {
            addresses.forget_idle();
            reads.forget_idle();
            tidy_hits();
        }
    }
}

/// From the outside in: keep back what no answer may say, count and name the request, survive a panic, count it to its
/// address, read its head and its host, give its body a deadline, tidy the path, find the route; then who asks, then
/// how often, then the handler.
fn layered(public: &Public) -> Router {
    let (routes, document) = routes(public).split_for_parts();
    let document = Arc::new(document::completed(document));
    let routes = routes
        .route("/openapi.json", get(async move || Json(Arc::clone(&document))))
        .merge(console::routes(public))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(Arc::clone(public));
    let tidied = ServiceBuilder::new()
        .map_request(|mut request: Request| {
            if let Some(uri) = path::tidied(request.uri()) {
                *request.uri_mut() = uri;
            }
            request
        })
        .service(routes);
    Router::new().fallback_service(tidied).layer(
        ServiceBuilder::new()
            .layer(middleware::from_fn_with_state(Arc::clone(public), answer::allow))
            .layer(middleware::from_fn_with_state(Arc::clone(public), observe::observe))
            .layer(CatchPanicLayer::custom(|_| Door::ClickSend.refuse(&fault_of_ours())))
            .layer(middleware::from_fn_with_state(Arc::clone(public), limit::by_address))
            .layer(middleware::from_fn(head::check))
            .layer(middleware::from_fn_with_state(Arc::clone(public), host::check))
            .layer(middleware::from_fn_with_state(Arc::clone(public), body::in_time)),
    )
}

fn routes(public: &Public) -> OpenApiRouter<Public> {
    let guarded = |routes: OpenApiRouter<Public>, door: Door| {
        let authenticated = middleware::from_fn_with_state(Arc::clone(public), authenticate::authenticate);
        let limited = middleware::from_fn_with_state(Arc::clone(public), limit::by_person);
        let routes = routes.route_layer(limited);
        let routes = routes.route_layer(authenticated).route_layer(middleware::from_fn(observe::note_route));
        routes.layer(CatchPanicLayer::custom(move |_| door.refuse(&fault_of_ours())))
    };
    let clicksend =
        guarded(v3::routes(), Door::ClickSend).layer(middleware::from_fn(v3::spare_sdks_the_wait));
    let own = guarded(v1::routes(), Door::Gateway);
    let open = v1::open_routes().route_layer(middleware::from_fn(observe::note_route));
    OpenApiRouter::with_openapi(document::frame()).merge(clicksend).merge(own).merge(open)
}

/// The API document by itself, without services: for `numbers-gateway openapi`.
fn document_of_routes() -> OpenApi {
    let routes = OpenApiRouter::with_openapi(document::frame())
        .merge(v3::routes())
        .merge(v1::routes())
        .merge(v1::open_routes());
    document::completed(routes.into_openapi())
}

fn fault_of_ours() -> HttpRefusal {
    HttpRefusal::new(HttpCode::Internal, "a fault of the gateway's own; asking again is safe")
}

async fn not_found(OriginalUri(uri): OriginalUri) -> Response<Body> {
    match Door::of(uri.path()) {
        Door::ClickSend => v3::not_served_here(uri.path()),
        Door::Gateway => Door::Gateway
            .refuse(&HttpRefusal::new(HttpCode::NotFound, "there is nothing here; see /openapi.json")),
        Door::Console => {
            Door::Console.refuse(&HttpRefusal::new(HttpCode::NotFound, "the console has no such page"))
        }
    }
}

async fn method_not_allowed(OriginalUri(uri): OriginalUri) -> Response<Body> {
    let message = "this path does not know the method; the header Allow says which it knows";
    Door::of(uri.path()).refuse(&HttpRefusal::new(HttpCode::MethodNotAllowed, message))
}
