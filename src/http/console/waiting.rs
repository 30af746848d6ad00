//! What waits for somebody's decision, oldest first.

use askama::Template;
use axum::body::Body;
use axum::extract::{OriginalUri, State};
use axum::http::{Response, StatusCode};

use super::page::{self, Failure, Frame, Place};
use super::purchases::Row;
use super::registrations;
use super::session::Visitor;
use crate::http::context::Params;
use crate::http::state::Public;
use crate::service::Refusal;

const ROWS: usize = 25;

#[derive(Template)]
#[template(path = "waiting.html", config = "src/http/console/askama.toml")]
struct WaitingPage {
    frame: Frame,
    purchases: Vec<Row>,
    /// On the first page only: there are few.
    registrations: Vec<registrations::Row>,
    is_first: bool,
    next: Option<String>,
}

/// The start of everybody who decides.
pub(super) async fn list(
    State(public): State<Public>,
    visitor: Visitor,
    OriginalUri(uri): OriginalUri,
) -> Result<Response<Body>, Failure> {
    let params = Params::of(&uri)?;
    let after = params.find("cursor").map(str::parse).transpose();
    let after = after.map_err(|_| Refusal::field("cursor", "is not one of ours."))?;
    let waiting = public.purchasing.waiting(&visitor.principal, after, ROWS).await?;
    let registrations = match after {
        None => registrations::waiting(&public, &visitor).await?,
        Some(_) => Vec::new(),
    };
    let page = WaitingPage {
        registrations,
        frame: Frame::new(&visitor, "Waiting for you", Place::Waiting),
        purchases: waiting.purchases.iter().map(|purchase| Row::of(purchase, &public)).collect(),
        is_first: after.is_none(),
        next: waiting.next.map(|next| format!("/console/waiting?cursor={next}")),
    };
    Ok(page::html(StatusCode::OK, &page))
}
