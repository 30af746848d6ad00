//! `GET /v3/numbers/search/{country}`

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{OriginalUri, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, header};

use crate::domain::country::Country;
use crate::domain::search::{SearchMode, SearchQuery};
use crate::http::context::Params;
use crate::http::hits::Finished;
use crate::http::path::PathParams;
use crate::http::state::{Caller, Public, SearchShape};
use crate::http::v3::envelope::{self, Envelope, Tag};
use crate::http::v3::shapes::{OfferRow, Page};
use crate::http::v3::{Failure, rows};
use crate::http::woven::Woven;
use crate::metrics::CacheResult;
use crate::service::Refusal;
use crate::service::search::{SearchAnswer, SearchRequest};

/// The pattern of the route, as metrics and the log have it.
pub(in crate::http) const ROUTE: &str = "/v3/numbers/search/{country}";
/// What every target of it begins with.
pub(in crate::http) const BEFORE_COUNTRY: &str = "/v3/numbers/search/";

/// Beyond this, pages are empty for every country.
const LAST_PAGE: u32 = 1_000_000;

/// Numbers on sale in a country, from the gateway's cache.
///
/// `search` keeps its digits only. `search_type` is 0 (starts with), 1 (anywhere) or 2 (ends with); any other acts
/// as 1. `page` and `limit` (15 to 100) are clamped. `Cache-Control: no-cache` asks ClickSend if the answer is
/// older than 5 s.
#[utoipa::path(get, path = "/v3/numbers/search/{country}", tag = "ClickSend", operation_id = "search_numbers",
    params(
        ("country" = String, Path, description = "ISO 3166-1 alpha-2"),
        ("search" = Option<String>, Query, description = "Digits to look for"),
        ("search_type" = Option<String>, Query, description = "0 starts with, 1 anywhere, 2 ends with"),
        ("page" = Option<i64>, Query, description = "From 1"),
        ("limit" = Option<i64>, Query, description = "15 to 100"),
    ),
    responses(
        (status = 200, description = "One page of numbers", body = Envelope<Page<OfferRow<'static>>>, headers(
            ("Age" = u64, description = "Seconds since ClickSend was asked"),
            ("Cache-Status" = String, description = "Where it came from, RFC 9211"),
            ("ETag" = String, description = "For If-None-Match"),
        )),
        (status = 304, description = "The page that `If-None-Match` names"),
    ))]
pub(super) async fn search(
    State(public): State<Public>,
    caller: Caller,
    PathParams(country): PathParams<String>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response<Body>, Failure> {
    let country: Country = country.parse().map_err(|error| Refusal::field("country", format!("{error}.")))?;
    let params = Params::of(&uri)?;
    let mode = match params.find("search_type") {
        None => SearchMode::Anywhere,
        Some(text) => SearchMode::from_search_type(text.parse().unwrap_or(1)),
    };
    let request = SearchRequest {
        query: SearchQuery::new(country, params.find("search").unwrap_or_default(), mode),
        page: params.clamped("page", 1, LAST_PAGE, 1)?,
        limit: params.clamped("limit", 15, 100, 15)?,
        insist: insists(&headers),
    };
    let answer = public.searches.search(&caller.0, &request).await?;
    let (age, cache, standing) = (answer.age, answer.cache, answer.standing.clone());
    let Some((body, tag)) = render(answer, &request, public.settings.search_shape) else {
        return Ok(envelope::unwritten());
    };
    let mut response = envelope::cached(&headers, &tag, || body.clone());
    // What is stale already has to be refreshed first.
    if standing.age().is_some()
        && let Some(body) = Woven::of(&body)
    {
        response.extensions_mut().insert(Arc::new(Finished::new(body, tag, standing)));
    }
    describe_freshness(response.headers_mut(), age, cache);
    Ok(response)
}

/// The finished body with its tag.
fn render(answer: SearchAnswer, request: &SearchRequest, shape: SearchShape) -> Option<(Bytes, Tag)> {
    const MESSAGE: &str = "Here are some numbers.";
    let around = match shape {
        SearchShape::List => {
            let rows = Vec::<OfferRow<'_>>::new();
            Envelope::success(MESSAGE, Some(rows)).with_currency(answer.currency).text()?
        }
        SearchShape::Page => {
            let (paging, count) = ((request.page, request.limit), answer.offers.len());
            // ClickSend's own links here are relative and say no more than this.
            let link = |page| format!("/?page={page}");
            let page = Page::<OfferRow<'_>>::around(answer.total, paging, count, answer.currency, link);
            Envelope::success(MESSAGE, Some(page)).text()?
        }
    };
    let body = rows::filled(&around, &answer.offers)?;
    let tag = Tag::of(&body);
    Some((body.into(), tag))
}

fn insists(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|list| list.split(',')).any(|directive| directive.trim().eq_ignore_ascii_case("no-cache"))
}

/// `Age` (RFC 9111 §5.1) and `Cache-Status` (RFC 9211).
pub(in crate::http) fn describe_freshness(
    headers: &mut HeaderMap,
    age: std::time::Duration,
    cache: CacheResult,
) {
    let status = match cache {
        CacheResult::Hit => "numbers-gateway; hit",
        CacheResult::Stale => "numbers-gateway; hit; detail=stale",
        CacheResult::Coalesced => "numbers-gateway; fwd=miss; collapsed",
        CacheResult::Miss => "numbers-gateway; fwd=miss; stored",
    };
    headers.insert(header::AGE, HeaderValue::from(age.as_secs()));
    headers.insert(HeaderName::from_static("cache-status"), HeaderValue::from_static(status));
}
