//! `GET /v1/me`

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::principal::Role;
use crate::http::state::{Caller, Public};

/// Who the token says one is, and what that allows.
#[derive(Serialize, ToSchema)]
pub(super) struct Me {
    /// The issuer that vouches for the subject.
    issuer: String,
    /// The subject.
    subject: String,
    /// The name to show.
    name: Option<String>,
    /// The teams of the token.
    teams: Vec<MyTeam>,
    /// The roles that count here.
    #[schema(value_type = Vec<String>)]
    roles: BTreeSet<Role>,
    /// Whether searches and lists are open.
    may_search: bool,
    /// Whether purchases and registrations may be requested.
    may_request: bool,
    /// Whether all teams are visible.
    sees_all_teams: bool,
    /// When the token ends, in seconds since 1970.
    token_expires_at: i64,
}

/// A team of the token.
#[derive(Serialize, ToSchema)]
pub(super) struct MyTeam {
    /// Its key.
    id: String,
    /// Its name, where it is configured.
    name: Option<String>,
    /// Whether it is configured here: only then may it buy.
    configured: bool,
}

/// Who the token says I am, and what I may do.
#[utoipa::path(get, path = "/v1/me", tag = "Gateway",
    responses((status = 200, description = "The caller", body = Me)))]
pub(super) async fn me(State(public): State<Public>, caller: Caller) -> Json<Me> {
    let principal = &caller.0;
    let teams = principal.teams.iter().map(|id| {
        let team = public.teams.find(id);
        MyTeam { id: id.to_string(), name: team.map(|team| team.name.clone()), configured: team.is_some() }
    });
    Json(Me {
        issuer: principal.person.issuer.clone(),
        subject: principal.person.subject.clone(),
        name: principal.name.clone(),
        teams: teams.collect(),
        roles: principal.roles.clone(),
        may_search: principal.may_read(),
        may_request: principal.may_request(),
        sees_all_teams: principal.sees_all_teams(),
        token_expires_at: principal.expires_at,
    })
}
