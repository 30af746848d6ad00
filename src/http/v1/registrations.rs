//! `GET /v1/registrations/{id}`: where a registration stands.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::registration::RegistrationId;
use crate::http::path::PathParams;
use crate::http::state::{Caller, Public};
use crate::http::v1::Failure;
use crate::http::v1::audit::PersonalView;
use crate::service::{Code, Refusal};

/// A registration; its form is personal data.
#[derive(Serialize, ToSchema)]
pub(super) struct RegistrationView {
    /// A UUID.
    id: String,
    /// For which kind of number.
    number_type: &'static str,
    /// Where.
    country: String,
    /// Where it stands.
    state: &'static str,
    /// Why it was not submitted.
    code: Option<String>,
    /// The same as a sentence.
    explanation: Option<String>,
    /// The team that asked.
    team: String,
    /// Who asked: name, or subject.
    requested_by: String,
    /// The caller's own reference.
    reference: Option<String>,
    /// RFC 3339.
    created_at: String,
    /// RFC 3339.
    updated_at: String,
    /// What it was sent with, for the requester, who may decide, and who audits; absent for everybody else.
    #[serde(skip_serializing_if = "Option::is_none")]
    personal: Option<Vec<PersonalView>>,
}

/// One registration.
#[utoipa::path(get, path = "/v1/registrations/{id}", tag = "Gateway",
    params(("id" = String, Path, description = "The registration's id")),
    responses(
        (status = 200, description = "The registration", body = RegistrationView),
        (status = 404, description = "None, or another team's", body = super::problem::Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn show(
    State(public): State<Public>,
    caller: Caller,
    PathParams(id): PathParams<String>,
) -> Result<Json<RegistrationView>, Failure> {
    let not_found = |_| Refusal::new(Code::NotFound, "there is no such registration");
    let id: RegistrationId = id.parse().map_err(not_found)?;
    let registration = public.registrations.show(&caller.0, id).await?;
    let said = public.evidence.personal_of_registration(&caller.0, &registration).await?;
    let requester = &registration.requester;
    Ok(Json(RegistrationView {
        id: registration.id.to_string(),
        number_type: registration.number_type.as_str(),
        country: registration.country.to_string(),
        state: registration.state.as_str(),
        code: registration.code.clone(),
        explanation: registration.explanation.clone(),
        team: requester.team.to_string(),
        requested_by: requester.name.clone().unwrap_or_else(|| requester.person.subject.clone()),
        reference: registration.reference.clone(),
        created_at: registration.created_at.to_string(),
        updated_at: registration.updated_at.to_string(),
        personal: said.map(|said| said.into_iter().map(PersonalView::of).collect()),
    }))
}
