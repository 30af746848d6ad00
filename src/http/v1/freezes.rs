//! `/v1/freezes`: the stop button.

use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Response, StatusCode};
use axum::response::IntoResponse as _;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::freeze::{Freeze, FreezeId, Scope};
use crate::http::body;
use crate::http::document::words;
use crate::http::path::PathParams;
use crate::http::state::{Caller, Public};
use crate::http::v1::{Failure, bounded};
use crate::service::Refusal;
use crate::service::freezes::unknown_freeze;

/// What to stop.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FreezeBody {
    /// `all`, or the key of a team.
    #[schema(value_type = words::Scope)]
    scope: String,
    /// Why: everybody who wants to buy reads it. At most 500 characters.
    #[schema(min_length = 1, max_length = 500, pattern = r"\S")]
    reason: String,
}

/// Buying stopped.
#[derive(Serialize, ToSchema)]
pub(super) struct FreezeView {
    /// A UUID.
    #[schema(format = Uuid)]
    id: String,
    /// `all`, or the key of a team.
    scope: String,
    /// `by_hand`, `went_back`, `another_account`, `late_sale` or `overcharge`.
    cause: &'static str,
    /// Why.
    reason: String,
    /// Whose doing: a subject, or `gateway`.
    created_by: String,
    /// RFC 3339.
    #[schema(format = DateTime)]
    created_at: String,
    /// Who lifted it; null while it is in force.
    lifted_by: Option<String>,
    /// RFC 3339.
    #[schema(format = DateTime)]
    lifted_at: Option<String>,
}

/// Freezes.
#[derive(Serialize, ToSchema)]
pub(super) struct FreezeList {
    /// Newest first, at most 200, lifted ones included.
    items: Vec<FreezeView>,
}

impl FreezeView {
    fn of(freeze: &Freeze) -> Self {
        Self {
            id: freeze.id.to_string(),
            scope: match &freeze.scope {
                Scope::All => "all".to_owned(),
                Scope::Team(team) => team.to_string(),
            },
            cause: freeze.cause.as_str(),
            reason: freeze.reason.clone(),
            created_by: freeze.created_by.clone(),
            created_at: freeze.created_at.to_string(),
            lifted_by: freeze.lifted.as_ref().map(|(by, _)| by.clone()),
            lifted_at: freeze.lifted.as_ref().map(|(_, at)| at.to_string()),
        }
    }
}

/// Freezes, for finance, auditors and administrators.
#[utoipa::path(get, path = "/v1/freezes", tag = "Gateway", operation_id = "list_freezes",
    responses(
        (status = 200, description = "Freezes", body = FreezeList),
    ))]
pub(super) async fn list(State(public): State<Public>, caller: Caller) -> Result<Json<FreezeList>, Failure> {
    let freezes = public.freezes.list(&caller.0).await?;
    Ok(Json(FreezeList { items: freezes.iter().map(FreezeView::of).collect() }))
}

/// Stops the buying of all or of a team. What was sent already is settled all the same.
#[utoipa::path(post, path = "/v1/freezes", tag = "Gateway", operation_id = "create_freeze",
    request_body = FreezeBody,
    responses(
        (status = 201, description = "Buying is frozen", body = FreezeView),
    ))]
pub(super) async fn create(
    State(public): State<Public>,
    caller: Caller,
    request: Request,
) -> Result<Response<Body>, Failure> {
    let fields: FreezeBody = body::fields(request).await?;
    let scope = match fields.scope.as_str() {
        "all" => Scope::All,
        team => {
            Scope::Team(team.parse().map_err(|_| Refusal::field("scope", "is all or the key of a team."))?)
        }
    };
    let reason = bounded("reason", Some(fields.reason), 500)?
        .ok_or_else(|| Refusal::field("reason", "is required: whoever wants to buy reads it."))?;
    let freeze = public.freezes.freeze(&caller.0, scope, reason).await?;
    Ok((StatusCode::CREATED, Json(FreezeView::of(&freeze))).into_response())
}

/// Lets buying go on.
#[utoipa::path(post, path = "/v1/freezes/{id}/lift", tag = "Gateway", operation_id = "lift_freeze",
    params(("id" = String, Path, description = "The freeze's id")),
    responses(
        (status = 200, description = "It is lifted", body = FreezeView),
    ))]
pub(super) async fn lift(
    State(public): State<Public>,
    caller: Caller,
    PathParams(id): PathParams<String>,
) -> Result<Json<FreezeView>, Failure> {
    let id: FreezeId = id.parse().map_err(|_| unknown_freeze())?;
    Ok(Json(FreezeView::of(&public.freezes.lift(&caller.0, id).await?)))
}
