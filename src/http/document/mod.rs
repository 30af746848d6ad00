//! The OpenAPI document, from the code that serves.
//!
//! A handler describes what only it knows: its successes, its body. What it shares with others is added here once, by
//! [`completed`]: the refusals ([`answers`]), and what parameters may be ([`parameters`], in [`words`]).

mod answers;
mod parameters;
pub(super) mod words;

use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, OpenApi, OpenApiBuilder};

/// The document as pretty JSON.
pub fn openapi() -> String {
    super::document_of_routes().to_pretty_json().unwrap_or_default()
}

/// The document of all routes with what they share.
pub(super) fn completed(mut document: OpenApi) -> OpenApi {
    let components = document.components.get_or_insert_default();
    components.responses.extend(answers::refusals());
    for (path, item) in &mut document.paths.paths {
        for operation in [&mut item.get, &mut item.post].into_iter().flatten() {
            parameters::sharpen(operation);
            answers::add(path, operation);
        }
    }
    document
}

/// Everything but paths and schemas.
pub(super) fn frame() -> OpenApi {
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some("A token of a configured issuer."))
        .build();
    let basic = HttpBuilder::new()
        .scheme(HttpAuthScheme::Basic)
        .description(Some("Any user name, and the token as password: for ClickSend's SDKs."))
        .build();
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("Numbers Gateway")
                .version(env!("CARGO_PKG_VERSION"))
                .description(Some(
                    "ClickSend's Numbers paths for programs that speak them, and the gateway's own API for purchases.",
                ))
                .build(),
        )
        .components(Some(
            parameters::components(ComponentsBuilder::new())
                .security_scheme("bearer", SecurityScheme::Http(bearer))
                .security_scheme("basic", SecurityScheme::Http(basic))
                .schema_from::<super::v3::Currency>()
                .schema_from::<super::v1::problem::Problem>()
                .schema_from::<super::v3::envelope::RefusedEnvelope>()
                .build(),
        ))
        .security(Some([
            SecurityRequirement::new("bearer", Vec::<String>::new()),
            SecurityRequirement::new("basic", Vec::<String>::new()),
        ]))
        .build()
}
