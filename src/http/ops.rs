//! The operators' listener: whether the process turns, whether it is ready, and its metrics. Never public.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;

use crate::auth::Verifier;
use crate::metrics::{BuyingFigure, CircuitFigure, Metrics, ProcessFigure};
use crate::service::buying::{Buying, BuyingState};
use crate::service::figures::FigureReader;
use crate::service::search::Searches;
use crate::telemetry::{self, Losses};

/// What the operators' listener looks at.
pub struct OpsParts {
    /// Counters.
    pub metrics: Metrics,
    /// Figures of the store.
    pub figures: FigureReader,
    /// Issuers and their keys.
    pub verifier: Arc<Verifier>,
    /// Whether buying is on, or why not.
    pub buying: Buying,
    /// Whether upstream accepts our credentials, as far as is known.
    pub credentials_refused: Box<dyn Fn() -> bool + Send + Sync>,
    /// Which operations of upstream's are asked, and which are left alone.
    pub circuits: Box<dyn Fn() -> [(&'static str, CircuitFigure); 3] + Send + Sync>,
    /// The pages that are kept.
    pub searches: Searches,
    /// Set once start-up is complete, unset while draining.
    pub ready: Readiness,
}

/// Whether requests are wanted. Cheap to clone; all clones are one.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// From now on.
    pub fn set(&self, ready: bool) {
        self.0.store(ready, Ordering::Release);
    }

    fn is_ready(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// The three routes.
pub fn router(parts: OpsParts) -> Router {
    Router::new()
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(Arc::new(parts))
}

/// 503 only before start-up is complete and while draining. A dependency that is down shows in the JSON: taking the
/// gateway out of service would not bring it back.
async fn readyz(State(parts): State<Arc<OpsParts>>) -> Response<Body> {
    let ready = parts.ready.is_ready();
    let database =
        parts.figures.check_store().await.map_or_else(|error| error.to_string(), |()| "ok".to_owned());
    let issuers: Vec<_> = parts
        .verifier
        .issuers_health()
        .into_iter()
        .map(|issuer| json!({ "name": issuer.name, "state": issuer.state.as_str(), "keys": issuer.keys }))
        .collect();
    let buying = match parts.buying.state() {
        BuyingState::On => json!({ "state": "on" }),
        BuyingState::Rehearsing => {
            json!({ "state": "rehearsal", "reason": "everything but the send is done" })
        }
        BuyingState::Off(why) => json!({ "state": "off", "reason": why }),
        BuyingState::Frozen(why) => json!({ "state": "frozen", "reason": why }),
    };
    let credentials = if (parts.credentials_refused)() { "refused" } else { "not refused" };
    let circuits: BTreeMap<_, _> =
        (parts.circuits)().into_iter().map(|(operation, state)| (operation, state.as_str())).collect();
    let body = Json(json!({
        "ready": ready,
        "database": database,
        "buying": buying,
        "upstream": { "credentials": credentials, "circuits": circuits },
        "issuers": issuers,
    }));
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    axum::response::IntoResponse::into_response((status, body))
}

async fn metrics(State(parts): State<Arc<OpsParts>>) -> Response<Body> {
    let figures = parts.figures.read().await;
    if let Err(error) = &figures {
        tracing::error!(%error, "the figures for the metrics could not be read; they are left out");
    }
    parts.metrics.catch_up_with(process(&parts.searches));
    parts.metrics.database_is(parts.figures.database());
    for (operation, state) in (parts.circuits)() {
        parts.metrics.circuit_is(operation, state);
    }
    parts.metrics.buying_is(match parts.buying.state() {
        BuyingState::On => BuyingFigure::On,
        BuyingState::Rehearsing => BuyingFigure::Rehearsal,
        BuyingState::Off(_) => BuyingFigure::Off,
        BuyingState::Frozen(_) => BuyingFigure::Frozen,
    });
    let mut response = match parts.metrics.exposition(figures.as_ref().ok()) {
        Ok(text) => Response::new(Body::from(text)),
        Err(error) => {
            let mut response = Response::new(Body::from(error.to_string()));
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            response
        }
    };
    let content_type = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}

/// What this process keeps in memory, and what its telemetry lost.
fn process(searches: &Searches) -> ProcessFigure {
    let (cached_pages, cached_bytes) = searches.kept();
    let Losses { log_lines, spans_sent, spans_not_taken, spans_queue_full } = telemetry::losses();
    ProcessFigure {
        cached_pages,
        cached_bytes,
        log_lines_lost: log_lines,
        spans_sent,
        spans_not_taken,
        spans_queue_full,
    }
}
