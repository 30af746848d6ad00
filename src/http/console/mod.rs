//! `/console/`: the page for people, on a phone as on a desk, with script off as with script on.
//!
//! Every page is made here from its own files and from what the API's services answer; a form is parsed into the same
//! typed request as a JSON body and goes to the same service method. There are no second rules.

mod assets;
mod audit;
mod bar;
mod budgets;
mod form;
mod history;
mod line;
mod numbers;
mod page;
mod purchase;
mod purchases;
mod registration;
mod registrations;
mod request;
mod search;
mod session;
mod sign_in;
mod start;
mod waiting;
mod words;

use std::sync::Arc;

use axum::Router;
use axum::middleware;
use axum::response::Redirect;
use axum::routing::{get, post};
use tower_http::catch_panic::CatchPanicLayer;

use crate::http::door::Door;
use crate::http::fault_of_ours;
use crate::http::state::Public;
use crate::http::{limit, observe};

pub(super) use page::refusal;

/// The console's routes with their layers.
pub(super) fn routes(public: &Public) -> Router<Public> {
    let limited = middleware::from_fn_with_state(Arc::clone(public), limit::by_person);
    let guarded = guarded().route_layer(limited);
    let entered = middleware::from_fn_with_state(Arc::clone(public), session::enter);
    guarded
        .route_layer(entered)
        .merge(open())
        .route_layer(middleware::from_fn(session::with_form_token))
        .merge(files())
        .route_layer(middleware::from_fn(observe::note_route))
        .layer(CatchPanicLayer::custom(|_| Door::Console.refuse(&fault_of_ours())))
}

/// What somebody must be signed in for.
fn guarded() -> Router<Public> {
    Router::new()
        .route("/console/", get(start::start))
        .route("/console/waiting", get(waiting::list))
        .route("/console/requests", get(purchases::mine))
        .route("/console/purchases", get(purchases::all))
        .route("/console/purchases/{id}", get(purchase::show))
        .route("/console/purchases/{id}/approve", post(purchase::approve))
        .route("/console/purchases/{id}/reject", post(purchase::reject))
        .route("/console/purchases/{id}/withdraw", post(purchase::withdraw))
        .route("/console/search", get(search::search))
        .route("/console/request", get(request::show).post(request::send))
        .route("/console/numbers", get(numbers::list))
        .route("/console/registrations", get(registrations::list))
        .route("/console/registrations/{id}", get(registration::show))
        .route("/console/registrations/{id}/approve", post(registration::approve))
        .route("/console/registrations/{id}/reject", post(registration::reject))
        .route("/console/registrations/{id}/withdraw", post(registration::withdraw))
        .route("/console/budgets", get(budgets::show))
        .route("/console/audit", get(audit::list))
}

fn open() -> Router<Public> {
    Router::new()
        .route("/console/sign-in", get(sign_in::show).post(sign_in::sign_in))
        .route("/console/sign-out", post(sign_in::sign_out))
}

fn files() -> Router<Public> {
    Router::new()
        .route("/console", get(async || Redirect::permanent("/console/")))
        .route("/console/assets/{file}", get(assets::file))
}
