//! `POST /v1/spend/adjustments`: an administrator puts the ledger right, or books money that came back.

use axum::body::Body;
use axum::extract::{OriginalUri, Request, State};
use axum::http::{Response, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::http::body;
use crate::http::context::{self, Params};
use crate::http::document::words;
use crate::http::state::{Caller, Public};
use crate::http::v1::{Amount, Failure, bounded, made, parsed};
use crate::service::Refusal;
use crate::service::spend::{Adjusted, Kind, NewAdjustment};

const PATH: &str = "/v1/spend/adjustments";
const ROUTE: &str = "POST /v1/spend/adjustments";

/// What to write into the ledger.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::v1) struct AdjustmentBody {
    /// What the spend differs by (adjustment), or what came back (refund).
    kind: AdjustmentKind,
    /// By how much the spend changes, in the currency of the budgets: a decimal. Below zero it becomes less; a refund
    /// always is.
    #[schema(value_type = words::Change)]
    amount: String,
    /// Whose spend: a team's key, or `(suspense)`. That of the purchase or the number if absent.
    #[schema(value_type = Option<words::Payer>)]
    team: Option<String>,
    /// In which month, like 2026-11; the one that runs if absent.
    #[schema(value_type = Option<words::Month>)]
    month: Option<String>,
    /// About this purchase.
    #[schema(value_type = Option<words::Id>)]
    purchase: Option<String>,
    /// About this number.
    #[schema(value_type = Option<words::OwnedNumber>)]
    number: Option<String>,
    /// Why: it stands in the evidence. At most 500 characters.
    #[schema(min_length = 1, max_length = 500, pattern = r"\S")]
    reason: String,
}

#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::http::v1) enum AdjustmentKind {
    Adjustment,
    Refund,
}

/// An entry of the ledger.
#[derive(Serialize, ToSchema)]
pub(in crate::http::v1) struct AdjustmentView {
    /// A UUID: the target `adjustment:…` of its event.
    id: String,
    /// adjustment or refund.
    kind: &'static str,
    /// When it was written, RFC 3339.
    at: String,
    /// The month that it counts in.
    month: String,
    /// Whose spend: a team, or `(suspense)`.
    team: String,
    /// By how much the spend changed.
    amount: Amount,
    /// About which purchase.
    purchase: Option<String>,
    /// About which number.
    number: Option<String>,
}

impl From<&Adjusted> for AdjustmentView {
    fn from(adjusted: &Adjusted) -> Self {
        let adjustment = &adjusted.adjustment;
        Self {
            id: adjustment.id.0.to_string(),
            kind: adjustment.kind.as_str(),
            at: adjustment.at.to_string(),
            month: adjustment.month.clone(),
            team: adjustment.payer.to_string(),
            amount: Amount::new(adjustment.amount, adjustment.currency),
            purchase: adjustment.purchase.map(|id| id.to_string()),
            number: adjustment.number.clone(),
        }
    }
}

/// Writes an adjustment or a refund into the ledger, with its event. Administrators only; nobody makes room in a budget
/// by an amount below zero about their own purchase.
#[utoipa::path(post, path = "/v1/spend/adjustments", tag = "Gateway", operation_id = "adjust_spend",
    params(("Idempotency-Key" = String, Header, description = "1 to 255 printable ASCII characters")),
    request_body = AdjustmentBody,
    responses(
        (status = 201, description = "It is written, or was by an equal request", body = AdjustmentView),
    ))]
pub(in crate::http::v1) async fn create(
    State(public): State<Public>,
    caller: Caller,
    OriginalUri(uri): OriginalUri,
    request: Request,
) -> Result<Response<Body>, Failure> {
    let (parts, body) = request.into_parts();
    let body = body::json(&parts.headers, body).await?.unwrap_or(Value::Null);
    let params = Params::of(&uri)?;
    let idempotency = context::required_idempotency(&parts.headers, ROUTE, PATH, &params, &body)?;
    let fields: AdjustmentBody = body::read(body)?;
    let reason = bounded("reason", Some(fields.reason), 500)?
        .ok_or_else(|| Refusal::field("reason", "is required: it stands in the evidence."))?;
    let new = NewAdjustment {
        kind: match fields.kind {
            AdjustmentKind::Adjustment => Kind::Adjustment,
            AdjustmentKind::Refund => Kind::Refund,
        },
        amount: parsed("amount", &fields.amount)?,
        payer: fields.team.map(|text| parsed("team", &text)).transpose()?,
        month: fields.month.map(|text| parsed("month", &text)).transpose()?,
        purchase: fields.purchase.map(|text| parsed("purchase", &text)).transpose()?,
        number: fields.number,
        reason,
        idempotency,
    };
    let adjusted = public.spend.adjust(&caller.0, new).await?;
    let location = format!("/v1/audit?target=adjustment:{}", adjusted.adjustment.id.0);
    Ok(made(StatusCode::CREATED, AdjustmentView::from(&adjusted), &location, adjusted.replayed))
}
