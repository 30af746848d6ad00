//! `/v1/purchases`: asking for a number, and where one's request stands.

pub(super) mod decisions;
mod view;

use axum::Json;
use axum::body::Body;
use axum::extract::{OriginalUri, Request, State};
use axum::http::{Response, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::domain::country::Country;
use crate::domain::purchase::{MessageType, PurchaseId, State as PurchaseState};
use crate::http::body;
use crate::http::context::{self, Params};
use crate::http::document::words;
use crate::http::paging::PageAsked;
use crate::http::path::PathParams;
use crate::http::state::{Caller, Public};
use crate::http::v1::{Failure, bounded, made, parsed};
use crate::http::v3::registration_data;
use crate::service::purchasing::{Filter, PurchaseRequest};
use crate::service::{Code, Refusal};
use view::PurchaseInFull;
pub(super) use view::PurchaseView;

const ROUTE: &str = "POST /v1/purchases";

/// What to buy.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PurchaseBody {
    /// E.164.
    #[schema(value_type = words::Number)]
    number: String,
    /// sms (default), mms or voice.
    #[schema(value_type = Option<words::MessageType>)]
    #[serde(rename = "type")]
    message_type: Option<String>,
    /// Where the number is sold, ISO 3166-1 alpha-2; found out where it is absent.
    #[schema(value_type = Option<words::Country>)]
    country: Option<String>,
    /// Why, for whoever looks at it later.
    #[schema(max_length = 500)]
    reason: Option<String>,
    /// The caller's own reference.
    #[schema(max_length = 100)]
    reference: Option<String>,
    /// For whom an application asks.
    #[schema(max_length = 200)]
    on_behalf_of: Option<String>,
    /// Setup and one month at most; a decimal in the budgets' currency.
    #[schema(value_type = Option<words::Decimal>)]
    max_price: Option<String>,
    /// For Australian SMS and MMS numbers: ClickSend's eight fields.
    #[schema(value_type = Option<words::RegistrationData>)]
    registration_data: Option<Value>,
}

/// A page of purchases.
#[derive(Serialize, ToSchema)]
pub(super) struct PurchaseList {
    /// Newest first.
    items: Vec<PurchaseView>,
    /// For the next page; null on the last.
    next_cursor: Option<String>,
}

/// Asks for a number. 201 when it was bought within `Prefer: wait=N` seconds (20 if absent, at most 60), else 202.
#[utoipa::path(post, path = "/v1/purchases", tag = "Gateway", operation_id = "create_purchase",
    params(
        ("Idempotency-Key" = String, Header, description = "1 to 255 printable ASCII characters"),
        ("Prefer" = Option<String>, Header, description = "wait=N"),
        ("X-Gateway-Team" = Option<String>, Header, description = "The team that pays, where the token names several"),
    ),
    request_body = PurchaseBody,
    responses(
        (status = 201, description = "Bought", body = PurchaseView, headers(
            ("Location" = String, description = "Where it stands"),
            ("Idempotent-Replayed" = words::Flag, description = "Only where an equal request was answered before"),
        )),
        (status = 202, description = "Under way, or ended without a number: look at `done` and `code`", body = PurchaseView, headers(
            ("Location" = String, description = "Where it stands"),
            ("Idempotent-Replayed" = words::Flag, description = "Only where an equal request was answered before"),
        )),
    ))]
pub(super) async fn create(
    State(public): State<Public>,
    caller: Caller,
    OriginalUri(uri): OriginalUri,
    request: Request,
) -> Result<Response<Body>, Failure> {
    let (parts, body) = request.into_parts();
    let body = body::json(&parts.headers, body).await?.unwrap_or(Value::Null);
    let params = Params::of(&uri)?;
    let idempotency = context::required_idempotency(&parts.headers, ROUTE, "/v1/purchases", &params, &body)?;
    let request = PurchaseRequest {
        idempotency: Some(idempotency),
        team: context::team_header(&parts.headers)?,
        wait: Some(context::preferred_wait(&parts.headers).unwrap_or(context::WAIT)),
        ..purchase_request(body::read(body)?)?
    };
    let answered = public.purchasing.request(&caller.0, request).await?;
    let purchase = &answered.purchase;
    let status = if purchase.is_bought() { StatusCode::CREATED } else { StatusCode::ACCEPTED };
    let location = format!("/v1/purchases/{}", purchase.id);
    Ok(made(status, PurchaseView::of(purchase, &caller.0), &location, answered.replayed))
}

/// One purchase with everything that deciding about it needs, and its history.
#[utoipa::path(get, path = "/v1/purchases/{id}", tag = "Gateway", operation_id = "show_purchase",
    params(("id" = String, Path, description = "The purchase's id")),
    responses(
        (status = 200, description = "The purchase", body = PurchaseInFull),
    ))]
pub(super) async fn show(
    State(public): State<Public>,
    caller: Caller,
    PathParams(id): PathParams<String>,
) -> Result<Json<PurchaseInFull>, Failure> {
    let id = purchase_id(&id)?;
    let purchase = public.purchasing.show(&caller.0, id).await?;
    let events = public.purchasing.history(&caller.0, id).await?;
    let briefing = public.purchasing.brief(&caller.0, &purchase).await?;
    let said = public.evidence.personal_of_purchase(&caller.0, &purchase).await?;
    Ok(Json(PurchaseInFull::of(&purchase, &briefing, &events, said)))
}

pub(super) fn purchase_id(text: &str) -> Result<PurchaseId, Refusal> {
    text.parse().map_err(|_| Refusal::new(Code::NotFound, "there is no such purchase"))
}

/// Purchases of the caller's teams, or of all with a role that sees all teams; newest first.
#[utoipa::path(get, path = "/v1/purchases", tag = "Gateway", operation_id = "list_purchases",
    params(
        ("state" = Option<String>, Query, description = "Only in this state"),
        ("team" = Option<String>, Query, description = "Only of this team"),
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before"),
        ("limit" = Option<i64>, Query, description = "1 to 100, 50 if absent"),
    ),
    responses(
        (status = 200, description = "A page", body = PurchaseList),
    ))]
pub(super) async fn list(
    State(public): State<Public>,
    caller: Caller,
    OriginalUri(uri): OriginalUri,
) -> Result<Json<PurchaseList>, Failure> {
    let params = Params::of(&uri)?;
    let state = params.find("state").map(|text| parsed::<PurchaseState>("state", text)).transpose()?;
    let team = params.find("team").map(|text| parsed("team", text)).transpose()?;
    let page = PageAsked::of(&params)?;
    let filter = Filter { team, state, before: page.before, ..Filter::default() };
    let found = public.purchasing.list(&caller.0, filter, page.wanted()).await?;
    let (found, next_cursor) = page.cut(found, |last| last.id.to_string());
    let items = found.iter().map(|purchase| PurchaseView::of(purchase, &caller.0)).collect();
    Ok(Json(PurchaseList { items, next_cursor }))
}

fn purchase_request(fields: PurchaseBody) -> Result<PurchaseRequest, Refusal> {
    Ok(PurchaseRequest {
        number: parsed("number", &fields.number)?,
        message_type: fields.message_type.map_or(Ok(MessageType::Sms), |text| parsed("type", &text))?,
        country: fields.country.map(|text| parsed::<Country>("country", &text)).transpose()?,
        team: None,
        reason: bounded("reason", fields.reason, 500)?,
        reference: bounded("reference", fields.reference, 100)?,
        on_behalf_of: bounded("on_behalf_of", fields.on_behalf_of, 200)?,
        max_price: fields.max_price.map(|text| parsed("max_price", &text)).transpose()?,
        registration_data: fields.registration_data.map(registration_data).transpose()?,
        idempotency: None,
        wait: None,
    })
}
