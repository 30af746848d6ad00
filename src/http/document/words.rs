//! What a word in the document may be: closed lists, patterns and bounds that Rust's types do not show.
//!
//! The document may be narrower than the code (which takes a country in lower case, or a quoted key), never wider.
#![expect(dead_code, reason = "these types stand for texts in the API document only")]

use serde::Deserialize;
use utoipa::openapi::schema::{AdditionalProperties, Object, Schema, Type};
use utoipa::openapi::{ObjectBuilder, RefOr};
use utoipa::{PartialSchema, ToSchema};

use crate::domain::{country, notice, principal, purchase, registration};
use crate::http::refusal::HttpCode;
use crate::http::v3::FormBody;

/// A number in E.164.
#[derive(ToSchema)]
#[schema(pattern = r"^\+[1-9][0-9]{6,14}$", example = "+61491570156")]
pub(in crate::http) struct Number(String);

/// The key of a team.
#[derive(ToSchema)]
#[schema(pattern = "^[a-z0-9][a-z0-9_-]{0,62}$", example = "growth")]
pub(in crate::http) struct Team(String);

/// `all`, or the key of a team.
#[derive(ToSchema)]
#[schema(pattern = "^[a-z0-9][a-z0-9_-]{0,62}$", example = "all")]
pub(in crate::http) struct Scope(String);

/// SHA-256 in hexadecimal.
#[derive(Deserialize, ToSchema)]
#[schema(pattern = "^[0-9a-f]{64}$")]
pub(in crate::http) struct Digest(String);

/// A decimal, in the currency of the budgets.
#[derive(ToSchema)]
#[schema(pattern = r"^-?[0-9]{1,12}(\.[0-9]{1,6})?$", example = "25.00")]
pub(in crate::http) struct Decimal(String);

/// A calendar month.
#[derive(ToSchema)]
#[schema(pattern = "^[0-9]{4}-(0[1-9]|1[0-2])$", example = "2026-11")]
pub(in crate::http) struct Month(String);

/// How sums are cut: each word at most once. Any order is taken; here it is always the same.
#[derive(ToSchema)]
#[schema(
    pattern = "^(team(,country)?(,type)?(,month)?(,requester)?(,kind)?|country(,type)?(,month)?(,requester)?(,kind)?|type(,month)?(,requester)?(,kind)?|month(,requester)?(,kind)?|requester(,kind)?|kind)$",
    example = "team,month"
)]
pub(in crate::http) struct Dimensions(String);

/// How many rows come before.
#[derive(ToSchema)]
#[schema(pattern = "^[0-9]{1,9}$")]
pub(in crate::http) struct Offset(String);

/// A decimal that is not zero, in the currency of the budgets.
#[derive(ToSchema)]
#[schema(pattern = r"^-?([1-9][0-9]{0,8}(\.[0-9]{1,6})?|0\.[0-9]{0,5}[1-9])$", example = "-5.00")]
pub(in crate::http) struct Change(String);

/// A number of the account: E.164, or a short code.
#[derive(ToSchema)]
#[schema(pattern = r"^\+?[0-9]{3,15}$", example = "+61491570156")]
pub(in crate::http) struct OwnedNumber(String);

/// The last number of the page before.
#[derive(ToSchema)]
#[schema(pattern = "^[ -~]{1,64}$", example = "+61491570156")]
pub(in crate::http) struct NumberCursor(String);

/// The key of a team, or `(suspense)`.
#[derive(ToSchema)]
#[schema(pattern = r"^([a-z0-9][a-z0-9_-]{0,62}|\(suspense\))$", example = "growth")]
pub(in crate::http) struct Payer(String);

/// A UUID.
#[derive(ToSchema)]
#[schema(pattern = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")]
pub(in crate::http) struct Id(String);

/// The number of an event, a colon and a webhook.
#[derive(ToSchema)]
#[schema(pattern = "^[0-9]{1,18}:[^/:]+$", example = "4711:approvals")]
pub(in crate::http) struct NoticeId(String);

/// The number of an event.
#[derive(ToSchema)]
#[schema(pattern = "^[0-9]{1,18}$")]
pub(in crate::http) struct EventNumber(String);

/// 1 to 255 printable ASCII characters; a quoted string (RFC 9651) is taken as well.
#[derive(ToSchema)]
#[schema(pattern = r"^[!#-~]([ -~]{0,253}[!-~])?$")]
pub(in crate::http) struct Key(String);

/// `key:value` pairs of `type`, `number_type` and `country`, joined by commas.
#[derive(ToSchema)]
#[schema(pattern = "^((type|number_type|country):[^,:]*(,(type|number_type|country):[^,:]*)*)?$")]
pub(in crate::http) struct Pairs(String);

/// `type:value` pairs, joined by commas.
#[derive(ToSchema)]
#[schema(pattern = "^(type:[^,:]*(,type:[^,:]*)*)?$")]
pub(in crate::http) struct TypePairs(String);

/// Lines of `number,team`; a first line `number,team` is a heading.
#[derive(ToSchema)]
#[schema(
    pattern = r"^(number,team\n)?([+0-9]{3,16},[a-z0-9][a-z0-9_-]{0,62}\n)*$",
    example = "+61491570156,growth\n"
)]
pub(in crate::http) struct Lines(String);

/// What is wanted of an approval.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Approval {
    /// The `quote_digest` that the purchase showed.
    quote_digest: Digest,
    /// Why.
    #[schema(max_length = 500)]
    comment: Option<String>,
}

/// What is wanted of an approval of a registration.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct RegistrationApproval {
    /// The `form_digest` that the registration showed.
    digest: Digest,
    /// Why.
    #[schema(max_length = 500)]
    comment: Option<String>,
}

/// What an Australian SMS or MMS number is registered with; every field is required.
#[derive(ToSchema)]
pub(in crate::http) struct RegistrationData {
    #[schema(min_length = 2, max_length = 100, example = "Acme Pty Ltd")]
    business_name: String,
    #[schema(min_length = 5, max_length = 150, example = "1 Example Street")]
    business_address: String,
    #[schema(min_length = 2, max_length = 50, example = "Perth")]
    suburb: String,
    #[schema(min_length = 2, max_length = 20, example = "6000")]
    postcode: String,
    #[schema(min_length = 2, max_length = 50, example = "WA")]
    state: String,
    #[schema(min_length = 2, max_length = 100, example = "Ann Lee")]
    contact_name: String,
    #[schema(
        pattern = r"^[ +()-]*[0-9][0-9 +()-]*$",
        min_length = 6,
        max_length = 20,
        example = "+61491570156"
    )]
    contact_number: String,
    #[schema(pattern = "^[A-Z]{2}$", example = "AU")]
    country: String,
}

/// ClickSend's form, without any other field.
pub(in crate::http) struct StrictForm;

/// ISO 3166-1 alpha-2; lower case is taken as well.
pub(in crate::http) struct Country;

/// What a number is bought for; any case is taken on ClickSend's door.
pub(in crate::http) struct MessageType;

/// A kind of number that is registered for; any case is taken.
pub(in crate::http) struct NumberType;

/// A flag as ClickSend writes it.
pub(in crate::http) struct Flag;

/// What a rule decides about.
pub(in crate::http) struct Action;

/// What a token lets one do.
pub(in crate::http) struct Role;

/// Where a purchase stands.
pub(in crate::http) struct PurchaseState;

/// Where a registration stands.
pub(in crate::http) struct RegistrationState;

/// Whether a notice is still tried.
pub(in crate::http) struct NoticeState;

/// What a notice is about.
pub(in crate::http) struct NoticeKind;

/// Why not: the same words on both doors.
pub(in crate::http) struct Code;

impl PartialSchema for StrictForm {
    fn schema() -> RefOr<Schema> {
        let mut form = FormBody::schema();
        if let RefOr::T(Schema::Object(fields)) = &mut form {
            fields.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
        }
        form
    }
}
impl ToSchema for StrictForm {}

impl PartialSchema for Country {
    fn schema() -> RefOr<Schema> {
        let countries: Vec<String> = country::Country::all().map(|country| country.to_string()).collect();
        one_of(countries.iter().map(String::as_str))
    }
}
impl ToSchema for Country {}

impl PartialSchema for MessageType {
    fn schema() -> RefOr<Schema> {
        one_of(["sms", "mms", "voice"])
    }
}
impl ToSchema for MessageType {}

impl PartialSchema for NumberType {
    fn schema() -> RefOr<Schema> {
        one_of(["10dlc", "tollfree", "shortcode", "longcode"])
    }
}
impl ToSchema for NumberType {}

impl PartialSchema for Flag {
    fn schema() -> RefOr<Schema> {
        one_of(["true", "false", "1", "0"])
    }
}
impl ToSchema for Flag {}

impl PartialSchema for Action {
    fn schema() -> RefOr<Schema> {
        one_of(["buy", "register"])
    }
}
impl ToSchema for Action {}

impl PartialSchema for Role {
    fn schema() -> RefOr<Schema> {
        one_of(principal::Role::ALL.map(principal::Role::as_str))
    }
}
impl ToSchema for Role {}

impl PartialSchema for PurchaseState {
    fn schema() -> RefOr<Schema> {
        one_of(purchase::State::ALL.map(purchase::State::as_str))
    }
}
impl ToSchema for PurchaseState {}

impl PartialSchema for RegistrationState {
    fn schema() -> RefOr<Schema> {
        one_of(registration::RegistrationState::ALL.map(registration::RegistrationState::as_str))
    }
}
impl ToSchema for RegistrationState {}

impl PartialSchema for NoticeState {
    fn schema() -> RefOr<Schema> {
        one_of(["waiting", "dead"])
    }
}
impl ToSchema for NoticeState {}

impl PartialSchema for NoticeKind {
    fn schema() -> RefOr<Schema> {
        one_of(notice::Kind::ALL.map(notice::Kind::as_str))
    }
}
impl ToSchema for NoticeKind {}

impl PartialSchema for Code {
    fn schema() -> RefOr<Schema> {
        one_of(HttpCode::all().map(HttpCode::as_str))
    }
}
impl ToSchema for Code {}

fn one_of<'w>(words: impl IntoIterator<Item = &'w str>) -> RefOr<Schema> {
    let text: Object = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words)).build();
    text.into()
}
