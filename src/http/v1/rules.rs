//! `GET /v1/policy`: the rules, as they are and as they were.

use axum::Json;
use axum::extract::{OriginalUri, State};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::domain::canonical::Digest;
use crate::http::context::Params;
use crate::http::document::words;
use crate::http::refusal::{HttpCode, HttpRefusal};
use crate::http::state::{Caller, Public};
use crate::http::v1::Failure;
use crate::service::Refusal;

/// A policy.
#[derive(Serialize, ToSchema)]
pub(super) struct PolicyView {
    /// What decisions name it by: SHA-256 over the RFC 8785 form of `rules`.
    #[schema(value_type = words::Digest)]
    digest: String,
    /// When it was in force for the first time, RFC 3339.
    #[schema(format = DateTime)]
    loaded_at: String,
    /// The rules in their order, in their RFC 8785 form.
    #[schema(value_type = Vec<Object>)]
    rules: Box<RawValue>,
}

/// The rules in force, or those that a digest names, as they were. For approvers, finance, auditors and
/// administrators.
#[utoipa::path(get, path = "/v1/policy", tag = "Gateway", operation_id = "show_policy",
    params(("digest" = Option<String>, Query, description = "A `policy_digest`; the rules in force if absent")),
    responses(
        (status = 200, description = "The rules", body = PolicyView),
    ))]
pub(super) async fn show(
    State(public): State<Public>,
    caller: Caller,
    OriginalUri(uri): OriginalUri,
) -> Result<Json<PolicyView>, Failure> {
    let digest = Params::of(&uri)?.find("digest").map(str::parse::<Digest>).transpose();
    let digest = digest.map_err(|error| Refusal::field("digest", format!("{error}.")))?;
    let kept = public.evidence.policy(&caller.0, digest).await?;
    let unreadable = |_| HttpRefusal::new(HttpCode::Internal, "the kept rules cannot be read");
    Ok(Json(PolicyView {
        digest: kept.digest.to_string(),
        loaded_at: kept.loaded_at.to_string(),
        rules: RawValue::from_string(kept.rules).map_err(unreadable)?,
    }))
}
