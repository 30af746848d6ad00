//! `POST /v3/numbers/registrations/number-types/{number_type}/country/{country_code}`

use axum::body::Body;
use axum::extract::{OriginalUri, Request, State};
use axum::http::{HeaderName, HeaderValue, Response, header};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::domain::country::Country;
use crate::domain::registration::{NumberType, RegistrationForm, RegistrationState};
use crate::http::body;
use crate::http::context::{self, Params};
use crate::http::document::words;
use crate::http::path::PathParams;
use crate::http::state::{Caller, Public};
use crate::http::v3::Failure;
use crate::http::v3::envelope::Envelope;
use crate::service::registrations::{RegistrationRequest, refusal_for};
use crate::service::{Code, Refusal};

/// The route's name in idempotency keys.
const ROUTE: &str = "POST /v3/numbers/registrations";

/// The form as it arrives; what is missing is reported field by field.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default)]
pub(in crate::http) struct FormBody {
    /// Another than the company's.
    #[schema(required, value_type = String, pattern = r"\S", example = "Ann Lee")]
    full_name: Option<String>,
    #[schema(required, value_type = String, pattern = r"\S", example = "Acme")]
    company_name: Option<String>,
    #[schema(required, value_type = String, pattern = r"\S", example = "ann@acme.example")]
    email: Option<String>,
    #[schema(required, value_type = String, pattern = r"\S", example = "https://acme.example")]
    website_url: Option<String>,
    #[schema(required, value_type = String, pattern = r"\S", example = "Your order is ready.")]
    sample_message: Option<String>,
    #[schema(required, value_type = String, pattern = r"\S", example = "Notifications")]
    primary_use_case: Option<String>,
    company_number: Option<String>,
    area_code: Option<String>,
}

impl From<FormBody> for RegistrationForm {
    fn from(body: FormBody) -> Self {
        Self {
            full_name: body.full_name.unwrap_or_default(),
            company_name: body.company_name.unwrap_or_default(),
            email: body.email.unwrap_or_default(),
            website_url: body.website_url.unwrap_or_default(),
            sample_message: body.sample_message.unwrap_or_default(),
            primary_use_case: body.primary_use_case.unwrap_or_default(),
            company_number: body.company_number,
            area_code: body.area_code,
        }
    }
}

/// Registers for a kind of number.
///
/// 200 only when ClickSend took it. Sent once: the same content of the same team finds the first, as long as it is under
/// way and for a day after it arrived. `X-Gateway-Registration` and `Location` name the registration.
#[utoipa::path(post, path = "/v3/numbers/registrations/number-types/{number_type}/country/{country_code}",
    tag = "ClickSend", operation_id = "register_number",
    params(
        ("number_type" = String, Path, description = "10dlc, in any case"),
        ("country_code" = String, Path, description = "ISO 3166-1 alpha-2"),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 printable ASCII characters"),
        ("X-Gateway-Team" = Option<String>, Header, description = "The team that asks, where the token names several"),
        ("X-Gateway-Reason" = Option<String>, Header, description = "Why"),
        ("X-Gateway-Reference" = Option<String>, Header, description = "The caller's own reference"),
        ("X-Gateway-On-Behalf-Of" = Option<String>, Header, description = "For whom an application asks"),
    ),
    request_body = FormBody,
    responses(
        (status = 200, description = "ClickSend took it", body = Envelope<Object>, headers(
            ("X-Gateway-Registration" = words::Id, description = "The registration's id"),
            ("Location" = String, description = "The registration"),
            ("Idempotent-Replayed" = words::Flag, description = "Only where an equal request was answered before"),
            ("X-Gateway-Warning" = String, description = "Fields that ClickSend's newest description also wants"),
        )),
    ))]
pub(super) async fn register(
    State(public): State<Public>,
    caller: Caller,
    PathParams((number_type, country)): PathParams<(String, String)>,
    OriginalUri(uri): OriginalUri,
    request: Request,
) -> Result<Response<Body>, Failure> {
    let number_type: NumberType =
        number_type.parse().map_err(|error| Refusal::field("number_type", format!("{error}.")))?;
    let country: Country =
        country.parse().map_err(|error| Refusal::field("country_code", format!("{error}.")))?;
    let (parts, body) = request.into_parts();
    let body = body::json(&parts.headers, body).await?;
    let form: RegistrationForm = form(body.as_ref())?.into();
    let missing = form.missing_newest();
    let path = format!("/v3/numbers/registrations/number-types/{number_type}/country/{country}");
    let registering = RegistrationRequest {
        number_type,
        country,
        form,
        team: context::team_header(&parts.headers)?,
        reason: context::text_header(&parts.headers, "x-gateway-reason", 500)?,
        reference: context::text_header(&parts.headers, "x-gateway-reference", 100)?,
        on_behalf_of: context::text_header(&parts.headers, "x-gateway-on-behalf-of", 200)?,
        idempotency: context::idempotency(&parts.headers, ROUTE, &path, &Params::of(&uri)?, body.as_ref())?,
        wait: None,
    };
    let answered = public.registrations.request(&caller.0, registering).await?;
    if !matches!(answered.registration.state, RegistrationState::Submitted | RegistrationState::Accepted) {
        return Err(refusal_for(&answered.registration).into());
    }
    let message = "Number registration notification sent successfully.";
    let mut response = Envelope::success(message, None::<Value>).into_response();
    let id = answered.registration.id;
    let mut set = |name: HeaderName, value: String| {
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers_mut().insert(name, value);
        }
    };
    set(HeaderName::from_static("x-gateway-registration"), id.to_string());
    set(header::LOCATION, format!("/v1/registrations/{id}"));
    if answered.replayed {
        set(HeaderName::from_static("idempotent-replayed"), "true".to_owned());
    }
    if !missing.is_empty() {
        let warning = format!("ClickSend's newest description also wants {}", missing.join(" and "));
        set(HeaderName::from_static("x-gateway-warning"), warning);
    }
    Ok(response)
}

fn form(body: Option<&Value>) -> Result<FormBody, Refusal> {
    match body {
        None => Ok(FormBody::default()),
        Some(body) => FormBody::deserialize(body)
            .map_err(|error| Refusal::new(Code::BadRequest, format!("the body cannot be read: {error}"))),
    }
}
