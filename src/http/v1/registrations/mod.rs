//! `/v1/registrations`: asking for a kind of number, and where one's request stands.

pub(super) mod decisions;
pub(super) mod outcome;
mod view;

use axum::Json;
use axum::body::Body;
use axum::extract::{OriginalUri, Request, State};
use axum::http::{Response, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::domain::country::Country;
use crate::domain::registration::{FieldFaults, RegistrationForm, RegistrationId, RegistrationState};
use crate::http::body;
use crate::http::context::{self, Params};
use crate::http::document::words;
use crate::http::paging::PageAsked;
use crate::http::path::PathParams;
use crate::http::state::{Caller, Public};
use crate::http::v1::{Failure, bounded, made, parsed};
use crate::http::v3::FormBody;
use crate::service::registrations::{Filter, RegistrationRequest};
use crate::service::{Code, Refusal};
use view::{RegistrationInFull, RegistrationView};

const ROUTE: &str = "POST /v1/registrations";

/// What to register.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RegistrationBody {
    /// 10dlc, in any case.
    #[schema(value_type = words::NumberType, example = "10dlc")]
    number_type: String,
    /// ISO 3166-1 alpha-2.
    #[schema(value_type = words::Country, example = "CA")]
    country: String,
    /// What ClickSend wants to know.
    #[schema(value_type = words::StrictForm)]
    form: Value,
    /// Why, for whoever looks at it later.
    #[schema(max_length = 500)]
    reason: Option<String>,
    /// The caller's own reference.
    #[schema(max_length = 100)]
    reference: Option<String>,
    /// For whom an application asks.
    #[schema(max_length = 200)]
    on_behalf_of: Option<String>,
}

/// A page of registrations.
#[derive(Serialize, ToSchema)]
pub(super) struct RegistrationList {
    /// Newest first.
    items: Vec<RegistrationView>,
    /// For the next page; null on the last.
    next_cursor: Option<String>,
}

/// Registers for a kind of number. 201 when ClickSend took it within `Prefer: wait=N` seconds (20 if absent, at most
/// 60), else 202.
#[utoipa::path(post, path = "/v1/registrations", tag = "Gateway",
    operation_id = "create_registration",
    params(
        ("Idempotency-Key" = String, Header, description = "1 to 255 printable ASCII characters"),
        ("Prefer" = Option<String>, Header, description = "wait=N"),
        ("X-Gateway-Team" = Option<String>, Header, description = "The team that asks, where the token names several"),
    ),
    request_body = RegistrationBody,
    responses(
        (status = 201, description = "ClickSend took it", body = RegistrationView, headers(
            ("Location" = String, description = "Where it stands"),
            ("Idempotent-Replayed" = words::Flag, description = "Only where an equal request was answered before"),
        )),
        (status = 202, description = "Under way, or ended without being sent: look at `done` and `code`", body = RegistrationView, headers(
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
    let idempotency =
        context::required_idempotency(&parts.headers, ROUTE, "/v1/registrations", &params, &body)?;
    let request = RegistrationRequest {
        idempotency: Some(idempotency),
        team: context::team_header(&parts.headers)?,
        wait: Some(context::preferred_wait(&parts.headers).unwrap_or(context::WAIT)),
        ..registration_request(body::read(body)?)?
    };
    let answered = public.registrations.request(&caller.0, request).await?;
    let registration = &answered.registration;
    let status = if registration.state.has_arrived() { StatusCode::CREATED } else { StatusCode::ACCEPTED };
    let location = format!("/v1/registrations/{}", registration.id);
    Ok(made(status, RegistrationView::of(registration, &caller.0), &location, answered.replayed))
}

/// One registration with everything that deciding about it needs, and its history.
#[utoipa::path(get, path = "/v1/registrations/{id}", tag = "Gateway",
    operation_id = "show_registration",
    params(("id" = String, Path, description = "The registration's id")),
    responses(
        (status = 200, description = "The registration", body = RegistrationInFull),
    ))]
pub(super) async fn show(
    State(public): State<Public>,
    caller: Caller,
    PathParams(id): PathParams<String>,
) -> Result<Json<RegistrationInFull>, Failure> {
    let id = registration_id(&id)?;
    let registration = public.registrations.show(&caller.0, id).await?;
    let events = public.registrations.history(&caller.0, id).await?;
    let briefing = public.registrations.brief(&caller.0, &registration).await?;
    let said = public.evidence.personal_of_registration(&caller.0, &registration).await?;
    Ok(Json(RegistrationInFull::of(&registration, briefing, &events, said)))
}

/// Registrations of the caller's teams, and those for the caller to decide; of all with a role that sees all teams.
/// Newest first.
#[utoipa::path(get, path = "/v1/registrations", tag = "Gateway",
    operation_id = "list_registrations",
    params(
        ("state" = Option<String>, Query, description = "Only in this state"),
        ("team" = Option<String>, Query, description = "Only of this team"),
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before"),
        ("limit" = Option<i64>, Query, description = "1 to 100, 50 if absent"),
    ),
    responses(
        (status = 200, description = "A page", body = RegistrationList),
    ))]
pub(super) async fn list(
    State(public): State<Public>,
    caller: Caller,
    OriginalUri(uri): OriginalUri,
) -> Result<Json<RegistrationList>, Failure> {
    let params = Params::of(&uri)?;
    let state = params.find("state").map(|text| parsed::<RegistrationState>("state", text)).transpose()?;
    let team = params.find("team").map(|text| parsed("team", text)).transpose()?;
    let page = PageAsked::of(&params)?;
    let filter = Filter { team, state, before: page.before, ..Filter::default() };
    let found = public.registrations.list(&caller.0, filter, page.wanted()).await?;
    let (found, next_cursor) = page.cut(found, |last| last.id.to_string());
    let items = found.iter().map(|registration| RegistrationView::of(registration, &caller.0)).collect();
    Ok(Json(RegistrationList { items, next_cursor }))
}

fn registration_id(text: &str) -> Result<RegistrationId, Refusal> {
    text.parse().map_err(|_| Refusal::new(Code::NotFound, "there is no such registration"))
}

fn registration_request(fields: RegistrationBody) -> Result<RegistrationRequest, Refusal> {
    Ok(RegistrationRequest {
        number_type: parsed("number_type", &fields.number_type)?,
        country: parsed::<Country>("country", &fields.country)?,
        form: form(fields.form)?,
        team: None,
        reason: bounded("reason", fields.reason, 500)?,
        reference: bounded("reference", fields.reference, 100)?,
        on_behalf_of: bounded("on_behalf_of", fields.on_behalf_of, 200)?,
        idempotency: None,
        wait: None,
    })
}

/// What is missing is said field by field later; what nobody knows is refused here, other than on ClickSend's door.
fn form(value: Value) -> Result<RegistrationForm, Refusal> {
    let Value::Object(fields) = &value else {
        return Err(Refusal::field("form", "must be an object with ClickSend's fields."));
    };
    let unknown = fields.keys().filter(|key| !RegistrationForm::FIELDS.contains(&key.as_str()));
    let faults: FieldFaults =
        unknown.map(|key| (format!("form.{key}"), "is not a field of the form.".to_owned())).collect();
    if !faults.is_empty() {
        return Err(Refusal::fields(faults));
    }
    let body: FormBody = serde_json::from_value(value)
        .map_err(|error| Refusal::field("form", format!("cannot be read: {error}.")))?;
    Ok(body.into())
}
