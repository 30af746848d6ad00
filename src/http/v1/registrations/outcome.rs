//! What people say came of it: ClickSend's answer by mail, and what became of a registration that nobody knows about.

use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Response, StatusCode};
use axum::response::IntoResponse as _;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{RegistrationView, registration_id};
use crate::http::body;
use crate::http::path::PathParams;
use crate::http::state::{Caller, Public};
use crate::http::v1::{Failure, bounded};
use crate::service::registrations::{MailedAnswer, Reporting, Resolving, Whereabouts};

/// What ClickSend's mail said.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::v1) struct OutcomeBody {
    outcome: MailedAnswerWord,
    /// More of what it said; at most 500 characters.
    #[schema(max_length = 500)]
    comment: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum MailedAnswerWord {
    Accepted,
    Declined,
}

/// What became of a registration that nobody knew about.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::v1) struct ResolutionBody {
    outcome: WhereaboutsWord,
    /// How you know; at most 500 characters.
    #[schema(max_length = 500)]
    comment: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum WhereaboutsWord {
    /// ClickSend has it.
    Submitted,
    /// It never arrived.
    Failed,
}

/// A registration, and how many more people have to say the same.
#[derive(Serialize, ToSchema)]
pub(in crate::http::v1) struct ResolvedRegistrationView {
    #[serde(flatten)]
    registration: RegistrationView,
    /// 0 once it is settled.
    people_wanted: usize,
}

/// Passes on what ClickSend's mail said about a submitted registration. For approvers of the requester's team and
/// administrators; ClickSend tells nobody else, and has no list to read it from.
#[utoipa::path(post, path = "/v1/registrations/{id}/outcome", tag = "Gateway",
    operation_id = "report_registration_outcome",
    params(("id" = String, Path, description = "The registration's id")),
    request_body = OutcomeBody,
    responses(
        (status = 200, description = "It is accepted or declined", body = RegistrationView),
    ))]
pub(in crate::http::v1) async fn outcome(
    State(public): State<Public>,
    caller: Caller,
    PathParams(id): PathParams<String>,
    request: Request,
) -> Result<Json<RegistrationView>, Failure> {
    let id = registration_id(&id)?;
    let fields: OutcomeBody = body::fields(request).await?;
    let answer = match fields.outcome {
        MailedAnswerWord::Accepted => MailedAnswer::Accepted,
        MailedAnswerWord::Declined => MailedAnswer::Declined,
    };
    let reporting = Reporting { id, answer, comment: bounded("comment", fields.comment, 500)? };
    let registration = public.registrations.report(&caller.0, reporting).await?;
    Ok(Json(RegistrationView::of(&registration, &caller.0)))
}

/// Says what became of a registration that needs attention: administrators, `purchases.resolve_people` of them, none
/// of whom asked for it. 200 once it is settled, 202 while more people are wanted.
#[utoipa::path(post, path = "/v1/registrations/{id}/resolve", tag = "Gateway",
    operation_id = "resolve_registration",
    params(("id" = String, Path, description = "The registration's id")),
    request_body = ResolutionBody,
    responses(
        (status = 200, description = "Settled", body = ResolvedRegistrationView),
        (status = 202, description = "More people have to say the same", body = ResolvedRegistrationView),
    ))]
pub(in crate::http::v1) async fn resolve(
    State(public): State<Public>,
    caller: Caller,
    PathParams(id): PathParams<String>,
    request: Request,
) -> Result<Response<Body>, Failure> {
    let id = registration_id(&id)?;
    let fields: ResolutionBody = body::fields(request).await?;
    let outcome = match fields.outcome {
        WhereaboutsWord::Submitted => Whereabouts::Submitted,
        WhereaboutsWord::Failed => Whereabouts::Failed,
    };
    let resolving = Resolving { id, outcome, comment: bounded("comment", fields.comment, 500)? };
    let resolved = public.registrations.resolve(&caller.0, resolving).await?;
    let status = if resolved.wanted == 0 { StatusCode::OK } else { StatusCode::ACCEPTED };
    let view = ResolvedRegistrationView {
        registration: RegistrationView::of(&resolved.registration, &caller.0),
        people_wanted: resolved.wanted,
    };
    Ok((status, Json(view)).into_response())
}
