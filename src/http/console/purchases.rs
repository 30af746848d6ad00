//! Lists of purchases: one's own, and all that one may see.

use askama::Template;
use axum::body::Body;
use axum::extract::{OriginalUri, State};
use axum::http::{Response, StatusCode, Uri};

use super::page::{self, Failure, Frame, Place};
use super::session::Visitor;
use super::words::{self, Badge, When};
use crate::domain::principal::Person;
use crate::domain::purchase::{Purchase, State as PurchaseState};
use crate::http::context::Params;
use crate::http::paging::PageAsked;
use crate::http::state::Public;
use crate::http::v1::parsed;
use crate::service::purchasing::Filter;

const ROWS: u32 = 25;

/// A purchase in a list.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) id: String,
    pub(super) number: String,
    pub(super) country: String,
    pub(super) badge: Badge,
    pub(super) asked_by: String,
    pub(super) team: String,
    pub(super) setup: String,
    pub(super) monthly: String,
    pub(super) created: When,
    pub(super) decide_by: Option<When>,
    pub(super) next: Option<&'static str>,
    /// Why it ended as it did, where there is more to say than the state.
    pub(super) explanation: Option<String>,
}

impl Row {
    pub(super) fn of(purchase: &Purchase, public: &Public) -> Self {
        let zone = &public.settings.time_zone;
        let quote = &purchase.quote;
        Self {
            id: purchase.id.to_string(),
            number: purchase.number.to_string(),
            country: quote.country_name.clone().unwrap_or_else(|| quote.country.to_string()),
            badge: purchase.state.into(),
            asked_by: words::asked_by(&purchase.requester),
            team: words::team(&purchase.requester.team, &public.teams.now()),
            setup: words::money(quote.setup, quote.currency),
            monthly: words::money(quote.monthly, quote.currency),
            created: When::new(purchase.created_at, zone),
            decide_by: purchase
                .decide_by
                .filter(|_| purchase.state == PurchaseState::PendingApproval)
                .map(|until| When::new(until, zone)),
            next: words::next(purchase),
            explanation: purchase.explanation.as_deref().map(page::as_sentence),
        }
    }
}

/// A state to choose in the filter.
#[derive(Clone, Debug)]
struct Choice {
    value: &'static str,
    word: &'static str,
    is_chosen: bool,
}

#[derive(Template)]
#[template(path = "purchases.html", config = "src/http/console/askama.toml")]
struct PurchasesPage {
    frame: Frame,
    is_mine: bool,
    may_request: bool,
    purchases: Vec<Row>,
    states: Vec<Choice>,
    is_narrowed: bool,
    path: &'static str,
    next: Option<String>,
}

/// One's own requests.
pub(super) async fn mine(
    State(public): State<Public>,
    visitor: Visitor,
    OriginalUri(uri): OriginalUri,
) -> Result<Response<Body>, Failure> {
    let person = visitor.principal.person.clone();
    list(&public, &visitor, &uri, Some(person)).await
}

/// All that somebody may see.
pub(super) async fn all(
    State(public): State<Public>,
    visitor: Visitor,
    OriginalUri(uri): OriginalUri,
) -> Result<Response<Body>, Failure> {
    list(&public, &visitor, &uri, None).await
}

async fn list(
    public: &Public,
    visitor: &Visitor,
    uri: &Uri,
    requester: Option<Person>,
) -> Result<Response<Body>, Failure> {
    let params = Params::of(uri)?;
    let state = params.find("state").map(|text| parsed::<PurchaseState>("state", text)).transpose()?;
    let asked = PageAsked::of_rows(&params, ROWS)?;
    let before = asked.before;
    let is_mine = requester.is_some();
    let filter = Filter { state, requester, before, ..Filter::default() };
    let found = public.purchasing.list(&visitor.principal, filter, asked.wanted()).await?;
    let (found, cursor) = asked.cut(found, |last| last.id.to_string());
    let path = if is_mine { "/console/requests" } else { "/console/purchases" };
    let narrowed = state.map(|state| format!("&state={state}")).unwrap_or_default();
    let next = cursor.map(|cursor| format!("{path}?cursor={cursor}{narrowed}"));
    let choice = |of: PurchaseState| {
        let Badge { state: value, word, .. } = Badge::from(of);
        Choice { value, word, is_chosen: state == Some(of) }
    };
    let title = if is_mine { "My requests" } else { "All requests" };
    let page = PurchasesPage {
        frame: Frame::new(visitor, title, Place::Requests),
        is_mine,
        may_request: visitor.principal.may_request(),
        purchases: found.iter().map(|purchase| Row::of(purchase, public)).collect(),
        states: PurchaseState::ALL.into_iter().map(choice).collect(),
        is_narrowed: state.is_some() || before.is_some(),
        path,
        next,
    };
    Ok(page::html(StatusCode::OK, &page))
}
