//! `POST /v1/purchases/{id}/resolve`: people settle what no list can.

use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Response, StatusCode};
use axum::response::IntoResponse as _;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::body;
use crate::http::path::PathParams;
use crate::http::state::{Caller, Public};
use crate::http::v1::purchases::{PurchaseView, purchase_id};
use crate::http::v1::{Failure, bounded};
use crate::service::reconciling::Resolution;

/// What became of a purchase.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ResolveBody {
    /// Whether ClickSend has sold it.
    outcome: Outcome,
    /// How one knows.
    #[schema(max_length = 500)]
    comment: Option<String>,
}

#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    Bought,
    NotBought,
}

/// A purchase, and how many more people have to say the same.
#[derive(Serialize, ToSchema)]
pub(super) struct ResolvedView {
    #[serde(flatten)]
    purchase: PurchaseView,
    /// 0 once it is settled.
    people_wanted: usize,
}

/// Says what became of a purchase that needs attention: administrators, `purchases.resolve_people` of them, none of
/// whom asked for it. 200 once it is settled, 202 while more people are wanted.
#[utoipa::path(post, path = "/v1/purchases/{id}/resolve", tag = "Gateway", operation_id = "resolve_purchase",
    params(("id" = String, Path, description = "The purchase's id")),
    request_body = ResolveBody,
    responses(
        (status = 200, description = "Settled", body = ResolvedView),
        (status = 202, description = "More people have to say the same", body = ResolvedView),
    ))]
pub(super) async fn resolve(
    State(public): State<Public>,
    caller: Caller,
    PathParams(id): PathParams<String>,
    request: Request,
) -> Result<Response<Body>, Failure> {
    let id = purchase_id(&id)?;
    let fields: ResolveBody = body::fields(request).await?;
    let comment = bounded("comment", fields.comment, 500)?;
    let outcome = match fields.outcome {
        Outcome::Bought => Resolution::Bought,
        Outcome::NotBought => Resolution::NotBought,
    };
    let resolved = public.reconciling.resolve(&caller.0, id, outcome, comment).await?;
    let status = if resolved.wanted == 0 { StatusCode::OK } else { StatusCode::ACCEPTED };
    let view = ResolvedView {
        purchase: PurchaseView::of(&resolved.purchase, &caller.0),
        people_wanted: resolved.wanted,
    };
    Ok((status, Json(view)).into_response())
}
