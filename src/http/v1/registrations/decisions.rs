//! Approve, reject, withdraw.

use axum::Json;
use axum::extract::{Request, State};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{RegistrationView, registration_id};
use crate::http::body;
use crate::http::context::preferred_wait;
use crate::http::document::words;
use crate::http::path::PathParams;
use crate::http::state::{Caller, Public};
use crate::http::v1::{Failure, bounded, digest};
use crate::service::registrations::Deciding;

/// A decision about a registration.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::http::v1) struct RegistrationDecisionBody {
    /// The `form_digest` that the registration showed: approving needs it.
    #[schema(value_type = Option<words::Digest>)]
    digest: Option<String>,
    /// Why; at most 500 characters.
    #[schema(max_length = 500)]
    comment: Option<String>,
}

/// What is decided about the registration of a path.
async fn deciding(id: &str, request: Request) -> Result<Deciding, Failure> {
    let id = registration_id(id)?;
    let body: Option<RegistrationDecisionBody> = body::fields(request).await?;
    let body = body.unwrap_or_default();
    Ok(Deciding {
        id,
        form_digest: digest("digest", body.digest)?,
        comment: bounded("comment", body.comment, 500)?,
    })
}

/// Approves a registration for its form. With the last approval that the rule wants it is sent at once.
#[utoipa::path(post, path = "/v1/registrations/{id}/approve", tag = "Gateway",
    operation_id = "approve_registration",
    params(
        ("id" = String, Path, description = "The registration's id"),
        ("Prefer" = Option<String>, Header, description = "wait=N: how long the answer waits for the sending; 0 if absent"),
    ),
    request_body = words::RegistrationApproval,
    responses(
        (status = 200, description = "The approval counts", body = RegistrationView),
    ))]
pub(in crate::http::v1) async fn approve(
    State(public): State<Public>,
    caller: Caller,
    PathParams(id): PathParams<String>,
    request: Request,
) -> Result<Json<RegistrationView>, Failure> {
    let wait = preferred_wait(request.headers()).unwrap_or_default();
    let deciding = deciding(&id, request).await?;
    let registration = public.registrations.approve(&caller.0, deciding, wait).await?;
    Ok(Json(RegistrationView::of(&registration, &caller.0)))
}

/// Says no to a registration, for everybody.
#[utoipa::path(post, path = "/v1/registrations/{id}/reject", tag = "Gateway",
    operation_id = "reject_registration",
    params(("id" = String, Path, description = "The registration's id")),
    request_body = Option<RegistrationDecisionBody>,
    responses(
        (status = 200, description = "It is rejected", body = RegistrationView),
    ))]
pub(in crate::http::v1) async fn reject(
    State(public): State<Public>,
    caller: Caller,
    PathParams(id): PathParams<String>,
    request: Request,
) -> Result<Json<RegistrationView>, Failure> {
    let registration = public.registrations.reject(&caller.0, deciding(&id, request).await?).await?;
    Ok(Json(RegistrationView::of(&registration, &caller.0)))
}

/// Takes one's own registration back, as long as nothing of it was sent.
#[utoipa::path(post, path = "/v1/registrations/{id}/withdraw", tag = "Gateway",
    operation_id = "withdraw_registration",
    params(("id" = String, Path, description = "The registration's id")),
    request_body = Option<RegistrationDecisionBody>,
    responses(
        (status = 200, description = "It is withdrawn", body = RegistrationView),
    ))]
pub(in crate::http::v1) async fn withdraw(
    State(public): State<Public>,
    caller: Caller,
    PathParams(id): PathParams<String>,
    request: Request,
) -> Result<Json<RegistrationView>, Failure> {
    let registration = public.registrations.withdraw(&caller.0, deciding(&id, request).await?).await?;
    Ok(Json(RegistrationView::of(&registration, &caller.0)))
}
