//! `POST /v3/numbers/buy/{dedicated_number}`

use axum::body::Body;
use axum::extract::{OriginalUri, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, Uri, header};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::domain::number::DedicatedNumber;
use crate::domain::purchase::MessageType;
use crate::domain::registration::RegistrationData;
use crate::http::body;
use crate::http::context::{self, Params};
use crate::http::document::words;
use crate::http::path::PathParams;
use crate::http::state::{Caller, Public};
use crate::http::v3::Failure;
use crate::http::v3::envelope::Envelope;
use crate::http::v3::shapes::BoughtNumber;
use crate::service::purchasing::{PurchaseRequest, refusal_for};
use crate::service::{Code, Refusal};

/// The route's name in idempotency keys.
const ROUTE: &str = "POST /v3/numbers/buy";

/// The keys of a body that count; every other is ignored, as ClickSend does.
#[derive(Default, Deserialize, ToSchema)]
struct BuyBody {
    /// The number of the path once more; no other.
    dedicated_number: Option<String>,
    /// sms (default), mms or voice.
    #[serde(rename = "type")]
    #[schema(value_type = Option<words::MessageType>)]
    message_type: Option<String>,
    /// For Australian SMS and MMS numbers.
    #[schema(value_type = Option<words::RegistrationData>)]
    registration_data: Option<Value>,
}

/// Buys a number.
///
/// 200 only when it is bought. Calling again is safe: the same person and number find the same purchase. The path
/// names the number; the body may be absent. `X-Gateway-Purchase` and `Location` name the purchase.
#[utoipa::path(post, path = "/v3/numbers/buy/{dedicated_number}", tag = "ClickSend", operation_id = "buy_number",
    params(
        ("dedicated_number" = String, Path, description = "E.164"),
        ("type" = Option<String>, Query, description = "sms (default), mms or voice"),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 printable ASCII characters"),
        ("X-Gateway-Team" = Option<String>, Header, description = "The team that pays, where the token names several"),
        ("X-Gateway-Reason" = Option<String>, Header, description = "Why"),
        ("X-Gateway-Reference" = Option<String>, Header, description = "The caller's own reference"),
        ("X-Gateway-On-Behalf-Of" = Option<String>, Header, description = "For whom an application asks"),
    ),
    request_body(content = Option<BuyBody>, description = "May be absent"),
    responses(
        (status = 200, description = "Bought", body = Envelope<BoughtNumber>, headers(
            ("X-Gateway-Purchase" = words::Id, description = "The purchase's id"),
            ("Location" = String, description = "The purchase"),
            ("Idempotent-Replayed" = words::Flag, description = "Only where an equal request was answered before"),
        )),
    ))]
pub(super) async fn buy(
    State(public): State<Public>,
    caller: Caller,
    PathParams(number): PathParams<String>,
    OriginalUri(uri): OriginalUri,
    request: Request,
) -> Result<Response<Body>, Failure> {
    let (parts, body) = request.into_parts();
    let body = body::json(&parts.headers, body).await?;
    let request = purchase_request(&number, &uri, &parts.headers, body.as_ref())?;
    let answered = public.purchasing.request(&caller.0, request).await?;
    if !answered.purchase.is_bought() {
        return Err(refusal_for(&answered.purchase).into());
    }
    let data = BoughtNumber::of(&answered.purchase);
    let mut response = Envelope::success("Here is your new number.", Some(data)).into_response();
    let headers = response.headers_mut();
    let id = answered.purchase.id;
    if let (Ok(name), Ok(location)) =
        (HeaderValue::try_from(id.to_string()), HeaderValue::try_from(format!("/v1/purchases/{id}")))
    {
        headers.insert(HeaderName::from_static("x-gateway-purchase"), name);
        headers.insert(header::LOCATION, location);
    }
    if answered.replayed {
        headers.insert(HeaderName::from_static("idempotent-replayed"), HeaderValue::from_static("true"));
    }
    Ok(response)
}

fn purchase_request(
    number: &str,
    uri: &Uri,
    headers: &HeaderMap,
    body: Option<&Value>,
) -> Result<PurchaseRequest, Refusal> {
    let fields = fields(body)?;
    let number: DedicatedNumber =
        number.parse().map_err(|error| Refusal::field("dedicated_number", format!("{error}.")))?;
    if fields.dedicated_number.is_some_and(|named| !is_same_number(&named, &number)) {
        let fault = "differs from the number in the path; nothing was bought.";
        return Err(Refusal::field("dedicated_number", fault));
    }
    let path = format!("/v3/numbers/buy/{number}");
    let params = Params::of(uri)?;
    let message_type = match fields.message_type.as_deref().or_else(|| params.find("type")) {
        None => MessageType::Sms,
        Some(text) => {
            text.to_ascii_lowercase().parse().map_err(|error| Refusal::field("type", format!("{error}.")))?
        }
    };
    Ok(PurchaseRequest {
        number,
        message_type,
        country: None,
        team: context::team_header(headers)?,
        reason: context::text_header(headers, "x-gateway-reason", 500)?,
        reference: context::text_header(headers, "x-gateway-reference", 100)?,
        on_behalf_of: context::text_header(headers, "x-gateway-on-behalf-of", 200)?,
        max_price: None,
        registration_data: fields.registration_data.map(registration_data).transpose()?,
        idempotency: context::idempotency(headers, ROUTE, &path, &params, body)?,
        wait: None,
    })
}

fn fields(body: Option<&Value>) -> Result<BuyBody, Refusal> {
    match body {
        None => Ok(BuyBody::default()),
        Some(body) => BuyBody::deserialize(body)
            .map_err(|error| Refusal::new(Code::BadRequest, format!("the body cannot be read: {error}"))),
    }
}

/// Written with spaces or without a plus, it still is the same number.
fn is_same_number(named: &str, number: &DedicatedNumber) -> bool {
    named.chars().filter(char::is_ascii_digit).eq(number.digits().chars())
}

/// All eight fields, or a map that says which are missing.
pub(in crate::http) fn registration_data(value: Value) -> Result<RegistrationData, Refusal> {
    const FIELDS: [&str; 8] = [
        "business_name",
        "business_address",
        "suburb",
        "postcode",
        "state",
        "contact_name",
        "contact_number",
        "country",
    ];
    let missing = FIELDS.iter().filter(|field| !value.get(**field).is_some_and(Value::is_string));
    let faults: crate::domain::registration::FieldFaults =
        missing.map(|field| ((*field).to_owned(), format!("{field} field is required."))).collect();
    if !faults.is_empty() {
        return Err(Refusal::fields(faults));
    }
    let data: RegistrationData = serde_json::from_value(value)
        .map_err(|error| Refusal::field("registration_data", format!("cannot be read: {error}.")))?;
    let faults = data.faults();
    if faults.is_empty() { Ok(data) } else { Err(Refusal::fields(faults)) }
}
