//! What parameters may be, by their names: a name means the same wherever it stands, but for the few that are found by
//! their operation as well.

use utoipa::openapi::path::{Operation, Parameter, ParameterIn};
use utoipa::openapi::schema::{AnyOfBuilder, KnownFormat, Object, Schema, SchemaFormat, Type};
use utoipa::openapi::{ComponentsBuilder, ObjectBuilder, Ref, RefOr};
use utoipa::{PartialSchema as _, ToSchema};

use super::words;

/// Header texts are UTF-8; what every client can send of it is written here.
const LINE: &str = "^[ -~]*$";

/// The words that parameters refer to.
pub(super) fn components(components: ComponentsBuilder) -> ComponentsBuilder {
    components
        .schema_from::<words::Code>()
        .schema_from::<words::Country>()
        .schema_from::<words::Flag>()
        .schema_from::<words::Id>()
        .schema_from::<words::MessageType>()
        .schema_from::<words::Number>()
        .schema_from::<words::NumberType>()
        .schema_from::<words::PurchaseState>()
        .schema_from::<words::RegistrationState>()
        .schema_from::<words::Team>()
}

/// Gives each parameter of an operation its shape.
pub(super) fn sharpen(operation: &mut Operation) {
    let id = operation.operation_id.clone().unwrap_or_default();
    for parameter in operation.parameters.iter_mut().flatten() {
        if let RefOr::T(parameter) = parameter
            && let Some(shape) = shape(&id, parameter)
        {
            parameter.schema = Some(if may_be_empty(parameter) { or_empty(shape) } else { shape });
        }
    }
}

/// An empty query parameter counts as absent, and so does an empty team.
fn may_be_empty(parameter: &Parameter) -> bool {
    parameter.parameter_in == ParameterIn::Query || parameter.name == "X-Gateway-Team"
}

fn or_empty(shape: RefOr<Schema>) -> RefOr<Schema> {
    let empty: Object = ObjectBuilder::new().schema_type(Type::String).max_length(Some(0)).build();
    RefOr::T(AnyOfBuilder::new().item(shape).item(empty).build().into())
}

fn shape(id: &str, parameter: &Parameter) -> Option<RefOr<Schema>> {
    Some(match (parameter.name.as_str(), id) {
        ("code", _) => known::<words::Code>(),
        ("id", "resend_notice") | ("cursor", "list_notices") => words::NoticeId::schema(),
        ("id", _) | ("cursor", "list_purchases" | "list_registrations") => known::<words::Id>(),
        ("cursor", "list_events") => words::EventNumber::schema(),
        ("from", "export_events") => {
            formatted(Type::Integer, KnownFormat::Int64).minimum(Some(1_usize)).build().into()
        }
        ("from" | "to", "list_spend" | "export_spend") => words::Month::schema(),
        ("group_by", _) => words::Dimensions::schema(),
        ("cursor", "list_spend") => words::Offset::schema(),
        ("cursor", "list_numbers" | "list_idle_numbers") => words::NumberCursor::schema(),
        ("from" | "to", _) => formatted(Type::String, KnownFormat::DateTime).build().into(),
        // Of any size: SDKs send what ClickSend's page forbids, and it is clamped.
        ("page" | "limit" | "days", _) => ObjectBuilder::new().schema_type(Type::Integer).build().into(),
        ("state", "list_purchases") => known::<words::PurchaseState>(),
        ("state", "list_registrations") => known::<words::RegistrationState>(),
        ("state", "list_notices") => words::NoticeState::schema(),
        ("team" | "X-Gateway-Team", _) => known::<words::Team>(),
        ("digest", _) => words::Digest::schema(),
        ("country" | "country_code", _) => known::<words::Country>(),
        ("dedicated_number", _) => known::<words::Number>(),
        ("number_type", _) => known::<words::NumberType>(),
        ("type", _) => known::<words::MessageType>(),
        ("q", _) => words::Pairs::schema(),
        ("q2", _) => words::TypePairs::schema(),
        ("exclude_10dlc_campaign", _) => known::<words::Flag>(),
        ("Idempotency-Key", _) => words::Key::schema(),
        ("personal", _) => ObjectBuilder::new().schema_type(Type::Boolean).build().into(),
        // What is not understood of it is ignored, whatever it is (RFC 7240, section 2).
        ("Prefer", _) => ObjectBuilder::new().schema_type(Type::String).build().into(),
        ("X-Gateway-Reason", _) => line(500),
        ("X-Gateway-Reference", _) => line(100),
        ("X-Gateway-On-Behalf-Of", _) => line(200),
        _ if parameter.parameter_in == ParameterIn::Header => line(1000),
        _ => return None,
    })
}

fn known<T: ToSchema>() -> RefOr<Schema> {
    RefOr::Ref(Ref::from_schema_name(T::name()))
}

fn formatted(of: Type, format: KnownFormat) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(of).format(Some(SchemaFormat::KnownFormat(format)))
}

fn line(longest: usize) -> RefOr<Schema> {
    let line: Object =
        ObjectBuilder::new().schema_type(Type::String).pattern(Some(LINE)).max_length(Some(longest)).build();
    line.into()
}
