//! Numbers on sale, from the same cache as the API's.

use askama::Template;
use axum::body::Body;
use axum::extract::{OriginalUri, State};
use axum::http::{Response, StatusCode};

use super::page::{self, Failure, Frame, Notice, Place};
use super::session::Visitor;
use crate::domain::country::Country;
use crate::domain::search::{Offer, SearchMode, SearchQuery};
use crate::http::context::{Params, escaped};
use crate::http::refusal::HttpRefusal;
use crate::http::state::Public;
use crate::http::v1::parsed;
use crate::service::Refusal;
use crate::service::search::{SearchAnswer, SearchRequest};

const ROWS: u32 = 25;
/// Nobody turns more pages than this; a pattern finds a number sooner.
const LAST_PAGE: u32 = 1_000;

#[derive(Template)]
#[template(path = "search.html", config = "src/http/console/askama.toml")]
struct SearchPage {
    frame: Frame,
    notice: Option<Notice>,
    country: String,
    contains: String,
    position: String,
    may_request: bool,
    found: Option<Found>,
}

/// A page of offers.
struct Found {
    total: u64,
    offers: Vec<Row>,
    previous: Option<String>,
    next: Option<String>,
}

struct Row {
    number: String,
    monthly: String,
    setup: String,
    request: String,
}

/// The search, and what it finds.
pub(super) async fn search(
    State(public): State<Public>,
    visitor: Visitor,
    OriginalUri(uri): OriginalUri,
) -> Result<Response<Body>, Failure> {
    let params = Params::of(&uri)?;
    let text = |name: &str| params.find(name).unwrap_or_default().to_owned();
    let mut page = SearchPage {
        frame: Frame::new(&visitor, "Find a number", Place::Search),
        notice: None,
        country: text("country"),
        contains: text("contains"),
        position: text("position"),
        may_request: visitor.principal.may_request(),
        found: None,
    };
    if page.country.is_empty() {
        return Ok(page::html(StatusCode::OK, &page));
    }
    let status = match find(&public, &visitor, &params).await {
        Ok(found) => {
            page.found = Some(found);
            StatusCode::OK
        }
        Err(refusal) => {
            let refusal = HttpRefusal::from(refusal);
            page.notice = Some(Notice::refused(&refusal));
            refusal.code.status()
        }
    };
    Ok(page::html(status, &page))
}

async fn find(public: &Public, visitor: &Visitor, params: &Params) -> Result<Found, Refusal> {
    let country: Country = parsed("country", params.find("country").unwrap_or_default())?;
    let mode = match params.find("position") {
        None | Some("anywhere") => SearchMode::Anywhere,
        Some("start") => SearchMode::StartsWith,
        Some("end") => SearchMode::EndsWith,
        Some(_) => return Err(Refusal::field("position", "is anywhere, start or end.")),
    };
    let page = params.clamped("page", 1, LAST_PAGE, 1)?;
    let request = SearchRequest {
        query: SearchQuery::new(country, params.find("contains").unwrap_or_default(), mode),
        page,
        limit: ROWS,
        insist: false,
    };
    let answer = public.searches.search(&visitor.principal, &request).await?;
    let link = |page: u32| format!("/console/search?{}", params.at_page(page));
    let is_last = u64::from(page) * u64::from(ROWS) >= answer.total;
    Ok(Found {
        total: answer.total,
        previous: (page > 1).then(|| link(page - 1)),
        next: (!is_last).then(|| link(page + 1)),
        offers: rows(&answer, country),
    })
}

fn rows(answer: &SearchAnswer, country: Country) -> Vec<Row> {
    let currency = answer.currency.as_ref().and_then(|block| block.currency_name_short.as_deref());
    // Upstream's own decimals: the exact price is asked for when somebody asks for the number.
    let price = |amount: Option<&String>| match amount {
        Some(amount) => format!("{} {}", currency.unwrap_or_default(), shortened(amount)),
        None => "?".to_owned(),
    };
    let row = |offer: &Offer| Row {
        number: offer.dedicated_number.clone(),
        monthly: price(offer.terms.price_monthly.as_ref()),
        setup: price(offer.terms.price_setup.as_ref()),
        request: format!("/console/request?number={}&country={country}", escaped(&offer.dedicated_number)),
    };
    answer.offers.iter().map(row).collect()
}

/// `20.7100` as `20.71`, where it is an amount.
fn shortened(amount: &str) -> String {
    amount
        .parse::<crate::domain::money::Money>()
        .map_or_else(|_| amount.to_owned(), |money| money.to_string())
}
