//! The account's numbers, as the table of owned numbers has them.

use askama::Template;
use axum::body::Body;
use axum::extract::{OriginalUri, State};
use axum::http::{Response, StatusCode};

use super::page::{self, Failure, Frame, Place};
use super::session::Visitor;
use super::words::{self, When};
use crate::domain::owned::{Origin, RegistrationStatus};
use crate::http::context::{Params, escaped};
use crate::http::paging::number_cursor;
use crate::http::state::Public;
use crate::service::reconciling::NumberRow;

const ROWS: usize = 50;

#[derive(Template)]
#[template(path = "numbers.html", config = "src/http/console/askama.toml")]
struct NumbersPage {
    frame: Frame,
    may_request: bool,
    is_first: bool,
    numbers: Vec<Row>,
    next: Option<String>,
}

struct Row {
    number: String,
    country: String,
    kind: String,
    team: Option<String>,
    origin: &'static str,
    purchase: Option<String>,
    monthly: Option<String>,
    registration: Option<(&'static str, &'static str, &'static str)>,
    standing_since: Option<When>,
    since: Option<When>,
}

impl Row {
    fn of(row: NumberRow, public: &Public) -> Self {
        let kinds = row.number_type.into_iter().chain(row.message_types);
        Self {
            country: row.country.unwrap_or_default(),
            kind: kinds.collect::<Vec<_>>().join(", "),
            team: row.team.as_ref().map(|team| words::team(team, &public.teams.now())),
            origin: match row.origin {
                Origin::Bought => "Bought here",
                Origin::Preexisting => "From before the gateway",
                Origin::Orphan => "Bought elsewhere",
                Origin::Assigned => "Assigned",
            },
            purchase: row.purchase.map(|id| id.to_string()),
            monthly: row.price.map(|price| words::money(price.monthly, price.currency)),
            registration: row.registration.map(|status| (status.name(), tone(status), status.description())),
            standing_since: row.registration_since.map(|at| When::new(at, &public.settings.time_zone)),
            since: row.first_seen.map(|at| When::new(at, &public.settings.time_zone)),
            number: row.number,
        }
    }
}

const fn tone(status: RegistrationStatus) -> &'static str {
    match status {
        RegistrationStatus::RegistrationNotRequired | RegistrationStatus::Registered => "good",
        RegistrationStatus::RegistrationInitiated | RegistrationStatus::RegistrationSubmitted => "busy",
        RegistrationStatus::CustActionRequired => "alarm",
        RegistrationStatus::RegistrationNotInitiated => "wait",
    }
}

/// A page of them, in the order of their digits.
pub(super) async fn list(
    State(public): State<Public>,
    visitor: Visitor,
    OriginalUri(uri): OriginalUri,
) -> Result<Response<Body>, Failure> {
    let params = Params::of(&uri)?;
    let after = number_cursor(&params)?.map(ToOwned::to_owned);
    let is_first = after.is_none();
    let found = public.reconciling.numbers(&visitor.principal, after, ROWS).await?;
    let last = found.numbers.last().filter(|_| found.has_more);
    let next = last.map(|last| format!("/console/numbers?cursor={}", escaped(&last.number)));
    let page = NumbersPage {
        frame: Frame::new(&visitor, "Numbers", Place::Numbers),
        may_request: visitor.principal.may_request(),
        is_first,
        next,
        numbers: found.numbers.into_iter().map(|row| Row::of(row, &public)).collect(),
    };
    Ok(page::html(StatusCode::OK, &page))
}
