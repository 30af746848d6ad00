//! `GET /v1/me`

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::principal::{Role, TeamId};
use crate::http::document::words;
use crate::http::state::{Caller, Public};
use crate::http::v1::Failure;
use crate::http::v1::budgets::BudgetView;

/// Who the token says one is, and what that allows.
#[derive(Serialize, ToSchema)]
#[expect(clippy::struct_excessive_bools, reason = "programs read one right at a time by its name")]
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
    #[schema(value_type = Vec<words::Role>)]
    roles: BTreeSet<Role>,
    /// Whether searches and lists are open.
    may_search: bool,
    /// Whether purchases and registrations may be requested.
    may_request: bool,
    /// Whether requests of others may be decided: an approver or administrator, whose issuer stands for people.
    may_decide: bool,
    /// Whether all teams are visible.
    sees_all_teams: bool,
    /// How many more purchases the day allows the caller, with the limit of the team yet to come.
    purchases_left_today: i64,
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
    /// What is left of its budget this month.
    budget: Option<BudgetView>,
}

/// Who the token says I am, and what I may do.
#[utoipa::path(get, path = "/v1/me", tag = "Gateway",
    responses((status = 200, description = "The caller", body = Me)))]
pub(super) async fn me(State(public): State<Public>, caller: Caller) -> Result<Json<Me>, Failure> {
    let principal = &caller.0;
    let budgets = if principal.may_read() { Some(public.budgets.list(principal).await?) } else { None };
    let budget = |id: &TeamId| {
        let budgets = budgets.as_ref()?;
        let position = budgets.positions.iter().find(|position| position.team.as_ref() == Some(id))?;
        Some(BudgetView::of(position, budgets.currency?))
    };
    let configured = public.teams.now();
    let teams = principal.teams.iter().map(|id| {
        let team = configured.find(id);
        MyTeam {
            id: id.to_string(),
            name: team.map(|team| team.name.clone()),
            configured: team.is_some(),
            budget: budget(id),
        }
    });
    Ok(Json(Me {
        issuer: principal.person.issuer.clone(),
        subject: principal.person.subject.clone(),
        name: principal.name.clone(),
        teams: teams.collect(),
        roles: principal.roles.clone(),
        may_search: principal.may_read(),
        may_request: principal.may_request(),
        may_decide: principal.may_decide(),
        sees_all_teams: principal.sees_all_teams(),
        purchases_left_today: public.purchasing.left_today(principal).await?,
        token_expires_at: principal.expires_at,
    }))
}
