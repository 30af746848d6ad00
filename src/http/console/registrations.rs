//! Lists of registrations.

use askama::Template;
use axum::body::Body;
use axum::extract::{OriginalUri, State};
use axum::http::{Response, StatusCode};

use super::page::{self, Failure, Frame, Place};
use super::session::Visitor;
use super::words::{self, Badge, When};
use crate::domain::registration::{Registration, RegistrationState};
use crate::http::context::Params;
use crate::http::paging::PageAsked;
use crate::http::state::Public;
use crate::service::Refusal;
use crate::service::registrations::{AllowedAction, Filter};

const ROWS: u32 = 25;

/// A registration in a list.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) id: String,
    pub(super) kind: String,
    pub(super) badge: Badge,
    pub(super) asked_by: String,
    pub(super) team: String,
    pub(super) created: When,
    pub(super) decide_by: Option<When>,
    pub(super) next: Option<&'static str>,
    pub(super) explanation: Option<String>,
}

impl Row {
    pub(super) fn of(registration: &Registration, public: &Public) -> Self {
        let zone = &public.settings.time_zone;
        let waits = registration.state == RegistrationState::PendingApproval;
        Self {
            id: registration.id.to_string(),
            kind: format!("{} in {}", registration.number_type.as_str(), registration.country),
            badge: registration.state.into(),
            asked_by: words::asked_by(&registration.requester),
            team: words::team(&registration.requester.team, &public.teams.now()),
            created: When::new(registration.created_at, zone),
            decide_by: registration.decide_by.filter(|_| waits).map(|until| When::new(until, zone)),
            next: words::next_of_registration(registration.state),
            explanation: registration.explanation.as_deref().map(page::as_sentence),
        }
    }
}

#[derive(Template)]
#[template(path = "registrations.html", config = "src/http/console/askama.toml")]
struct RegistrationsPage {
    frame: Frame,
    is_first: bool,
    registrations: Vec<Row>,
    next: Option<String>,
}

/// Those that somebody may see, newest first.
pub(super) async fn list(
    State(public): State<Public>,
    visitor: Visitor,
    OriginalUri(uri): OriginalUri,
) -> Result<Response<Body>, Failure> {
    let asked = PageAsked::of_rows(&Params::of(&uri)?, ROWS)?;
    let filter = Filter { before: asked.before, ..Filter::default() };
    let found = public.registrations.list(&visitor.principal, filter, asked.wanted()).await?;
    let (found, cursor) = asked.cut(found, |last| last.id.to_string());
    let page = RegistrationsPage {
        frame: Frame::new(&visitor, "Registrations", Place::Registrations),
        is_first: asked.before.is_none(),
        next: cursor.map(|cursor| format!("/console/registrations?cursor={cursor}")),
        registrations: found.iter().map(|registration| Row::of(registration, &public)).collect(),
    };
    Ok(page::html(StatusCode::OK, &page))
}

/// The newest of those that wait for somebody's decision.
pub(super) async fn waiting(public: &Public, visitor: &Visitor) -> Result<Vec<Row>, Refusal> {
    let principal = &visitor.principal;
    let filter = Filter { state: Some(RegistrationState::PendingApproval), ..Filter::default() };
    let found = public.registrations.list(principal, filter, i64::from(ROWS)).await?;
    let is_for_them = |registration: &&Registration| {
        AllowedAction::of(principal, registration, &[]).contains(&AllowedAction::Approve)
    };
    Ok(found.iter().filter(is_for_them).map(|registration| Row::of(registration, public)).collect())
}
