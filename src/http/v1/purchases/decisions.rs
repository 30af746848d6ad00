//! Approve, reject, withdraw.

use axum::Json;
use axum::extract::{Request, State};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{PurchaseView, purchase_id};
use crate::http::body;
use crate::http::context::preferred_wait;
use crate::http::document::words;
use crate::http::path::PathParams;
use crate::http::state::{Caller, Public};
use crate::http::v1::{Failure, bounded, digest};
use crate::service::purchasing::Deciding;

/// A decision.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::http::v1) struct DecisionBody {
    /// The `quote_digest` that the purchase showed: approving needs it.
    #[schema(value_type = Option<words::Digest>)]
    quote_digest: Option<String>,
    /// Why; at most 500 characters.
    #[schema(max_length = 500)]
    comment: Option<String>,
}

/// What is decided about the purchase of a path.
async fn deciding(id: &str, request: Request) -> Result<Deciding, Failure> {
    let id = purchase_id(id)?;
    let body: Option<DecisionBody> = body::fields(request).await?;
    let DecisionBody { quote_digest, comment } = body.unwrap_or_default();
    Ok(Deciding {
        id,
        quote_digest: digest("quote_digest", quote_digest)?,
        comment: bounded("comment", comment, 500)?,
    })
}

/// Approves a purchase for its price. With the last approval that the rule wants it is sent at once.
#[utoipa::path(post, path = "/v1/purchases/{id}/approve", tag = "Gateway", operation_id = "approve_purchase",
    params(
        ("id" = String, Path, description = "The purchase's id"),
        ("Prefer" = Option<String>, Header, description = "wait=N: how long the answer waits for the purchase; 0 if absent"),
    ),
    request_body = words::Approval,
    responses(
        (status = 200, description = "The approval counts", body = PurchaseView),
    ))]
pub(in crate::http::v1) async fn approve(
    State(public): State<Public>,
    caller: Caller,
    PathParams(id): PathParams<String>,
    request: Request,
) -> Result<Json<PurchaseView>, Failure> {
    let wait = preferred_wait(request.headers()).unwrap_or_default();
    let deciding = deciding(&id, request).await?;
    let purchase = public.purchasing.approve(&caller.0, deciding, wait).await?;
    Ok(Json(PurchaseView::of(&purchase, &caller.0)))
}

/// Says no to a purchase, for everybody.
#[utoipa::path(post, path = "/v1/purchases/{id}/reject", tag = "Gateway", operation_id = "reject_purchase",
    params(("id" = String, Path, description = "The purchase's id")),
    request_body = Option<DecisionBody>,
    responses(
        (status = 200, description = "It is rejected", body = PurchaseView),
    ))]
pub(in crate::http::v1) async fn reject(
    State(public): State<Public>,
    caller: Caller,
    PathParams(id): PathParams<String>,
    request: Request,
) -> Result<Json<PurchaseView>, Failure> {
    let purchase = public.purchasing.reject(&caller.0, deciding(&id, request).await?).await?;
    Ok(Json(PurchaseView::of(&purchase, &caller.0)))
}

/// Takes one's own request back, as long as nothing of it was sent.
#[utoipa::path(post, path = "/v1/purchases/{id}/withdraw", tag = "Gateway", operation_id = "withdraw_purchase",
    params(("id" = String, Path, description = "The purchase's id")),
    request_body = Option<DecisionBody>,
    responses(
        (status = 200, description = "It is withdrawn", body = PurchaseView),
    ))]
pub(in crate::http::v1) async fn withdraw(
    State(public): State<Public>,
    caller: Caller,
    PathParams(id): PathParams<String>,
    request: Request,
) -> Result<Json<PurchaseView>, Failure> {
    let purchase = public.purchasing.withdraw(&caller.0, deciding(&id, request).await?).await?;
    Ok(Json(PurchaseView::of(&purchase, &caller.0)))
}
