//! `POST /v3/numbers/registrations/number-types/{number_type}/country/{country_code}`

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Response, header};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::domain::country::Country;
use crate::domain::registration::{NumberType, RegistrationForm, RegistrationState};
use crate::http::path::PathParams;
use crate::http::state::{Caller, Public};
use crate::http::v3::Failure;
use crate::http::v3::envelope::Envelope;
use crate::http::{body, context};
use crate::service::registrations::{RegistrationRequest, refusal_for};
use crate::service::{Code, Refusal};

/// The form as it arrives; what is missing is reported field by field.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default)]
pub(super) struct FormBody {
    full_name: Option<String>,
    company_name: Option<String>,
    email: Option<String>,
    website_url: Option<String>,
    sample_message: Option<String>,
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

/// Registers for a kind of number. Sent to ClickSend once: the same content within a day finds the first.
#[utoipa::path(post, path = "/v3/numbers/registrations/number-types/{number_type}/country/{country_code}",
    tag = "ClickSend",
    params(
        ("number_type" = String, Path, description = "10dlc, in any case"),
        ("country_code" = String, Path, description = "ISO 3166-1 alpha-2"),
    ),
    request_body = FormBody,
    responses(
        (status = 200, description = "ClickSend took it", body = Envelope<Object>),
        (status = "4XX", description = "ClickSend's envelope with a code", body = Envelope<Object>),
        (status = "5XX", description = "ClickSend's envelope with a code", body = Envelope<Object>),
    ))]
pub(super) async fn register(
    State(public): State<Public>,
    caller: Caller,
    PathParams((number_type, country)): PathParams<(String, String)>,
    request: Request,
) -> Result<Response<Body>, Failure> {
    let number_type: NumberType =
        number_type.parse().map_err(|error| Refusal::field("number_type", format!("{error}.")))?;
    let country: Country =
        country.parse().map_err(|error| Refusal::field("country_code", format!("{error}.")))?;
    let (parts, body) = request.into_parts();
    let body = body::json(&parts.headers, body).await?;
    let form: RegistrationForm = form(body)?.into();
    let missing = form.missing_newest();
    let registration = public
        .registrations
        .request(
            &caller.0,
            RegistrationRequest {
                number_type,
                country,
                form,
                team: context::team_header(&parts.headers)?,
                reference: context::text_header(&parts.headers, "x-gateway-reference", 100)?,
                on_behalf_of: context::text_header(&parts.headers, "x-gateway-on-behalf-of", 200)?,
            },
        )
        .await?;
    if registration.state != RegistrationState::Submitted {
        return Err(refusal_for(&registration).into());
    }
    let message = "Number registration notification sent successfully.";
    let mut response = Envelope::success(message, None::<Value>).into_response();
    let id = registration.id;
    let mut set = |name: HeaderName, value: String| {
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers_mut().insert(name, value);
        }
    };
    set(HeaderName::from_static("x-gateway-registration"), id.to_string());
    set(header::LOCATION, format!("/v1/registrations/{id}"));
    if !missing.is_empty() {
        let warning = format!("ClickSend's newest description also wants {}", missing.join(" and "));
        set(HeaderName::from_static("x-gateway-warning"), warning);
    }
    Ok(response)
}

fn form(body: Option<Value>) -> Result<FormBody, Refusal> {
    match body {
        None => Ok(FormBody::default()),
        Some(body) => serde_json::from_value(body)
            .map_err(|error| Refusal::new(Code::BadRequest, format!("the body cannot be read: {error}"))),
    }
}
