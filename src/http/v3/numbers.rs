//! `GET /v3/numbers`

use axum::body::Body;
use axum::extract::{OriginalUri, State};
use axum::http::{HeaderMap, Response};

use crate::http::context::Params;
use crate::http::state::{Caller, Public};
use crate::http::v3::Failure;
use crate::http::v3::envelope::Envelope;
use crate::http::v3::search::describe_freshness;
use crate::http::v3::shapes::{OwnedRow, Page};
use crate::service::Refusal;
use crate::service::owned::{FilterKey, OwnedFilter};

const LAST_PAGE: u32 = 1_000_000;

/// The account's numbers that the caller may see: the own teams', or all with a role that sees all teams.
///
/// `q` joins `key:value` pairs of `type`, `number_type` and `country`; `q2` adds message types;
/// `excluding_number_type` takes one or a comma list; all compare without regard to case. `page` and `limit` (15 to
/// 100) are clamped.
#[utoipa::path(get, path = "/v3/numbers", tag = "ClickSend",
    params(
        ("page" = Option<i64>, Query, description = "From 1"),
        ("limit" = Option<i64>, Query, description = "15 to 100"),
        ("q" = Option<String>, Query, description = "type:sms,number_type:longcode,country:AU"),
        ("q2" = Option<String>, Query, description = "type:mms"),
        ("excluding_number_type" = Option<String>, Query, description = "shortcode, tollfree, 10DLC"),
        ("exclude_10dlc_campaign" = Option<String>, Query, description = "true or false"),
    ),
    responses(
        (status = 200, description = "One page of owned numbers", body = Envelope<Page<OwnedRow>>, headers(
            ("Age" = u64, description = "Seconds since ClickSend was asked"),
            ("Cache-Status" = String, description = "Where it came from, RFC 9211"),
            ("ETag" = String, description = "For If-None-Match"),
        )),
        (status = 304, description = "The page that `If-None-Match` names"),
    ))]
pub(super) async fn numbers(
    State(public): State<Public>,
    caller: Caller,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response<Body>, Failure> {
    let params = Params::of(&uri)?;
    let filter = filter(&params)?;
    let page = params.clamped("page", 1, LAST_PAGE, 1)?;
    let limit = params.clamped("limit", 15, 100, 15)?;
    let answer = public.owned.list(&caller.0, &filter, page, limit).await?;
    let rows: Vec<OwnedRow> = answer.numbers.into_iter().map(OwnedRow::from).collect();
    let total = u64::try_from(answer.total).unwrap_or(u64::MAX);
    // Relative: an absolute link would have to trust the caller's Host header.
    let link = |page| format!("/v3/numbers/?{}", params.at_page(page));
    let page = Page::new(total, (page, limit), rows, answer.currency, link);
    let mut response =
        Envelope::success("Here are you dedicated numbers.", Some(page)).into_cacheable(&headers);
    describe_freshness(response.headers_mut(), answer.age, answer.cache);
    Ok(response)
}

pub(in crate::http) fn filter(params: &Params) -> Result<OwnedFilter, Refusal> {
    let exclude_10dlc_campaign = match params.find("exclude_10dlc_campaign") {
        None => false,
        Some(text) if text.eq_ignore_ascii_case("true") || text == "1" => true,
        Some(text) if text.eq_ignore_ascii_case("false") || text == "0" => false,
        Some(_) => return Err(Refusal::field("exclude_10dlc_campaign", "must be true or false.")),
    };
    let or_types = pairs("q2", params.find("q2"))?.into_iter().map(|(key, value)| match key {
        FilterKey::MessageType => Ok(value),
        FilterKey::NumberType | FilterKey::Country => Err(Refusal::field("q2", "knows the key type only.")),
    });
    let without = params.find("excluding_number_type").unwrap_or_default().split(',').map(str::trim);
    Ok(OwnedFilter {
        all: pairs("q", params.find("q"))?,
        or_types: or_types.collect::<Result<_, _>>()?,
        without_number_types: without.filter(|kind| !kind.is_empty()).map(ToOwned::to_owned).collect(),
        exclude_10dlc_campaign,
    })
}

fn pairs(name: &str, text: Option<&str>) -> Result<Vec<(FilterKey, String)>, Refusal> {
    let texts = text.unwrap_or_default().split(',').map(str::trim).filter(|pair| !pair.is_empty());
    texts.map(|pair| pair_of(name, pair)).collect()
}

fn pair_of(name: &str, pair: &str) -> Result<(FilterKey, String), Refusal> {
    let Some((key, value)) = pair.split_once(':') else {
        return Err(Refusal::field(
            name,
            "must be key:value pairs joined by commas, like type:sms,country:AU.",
        ));
    };
    let key = match key.trim().to_ascii_lowercase().as_str() {
        "type" => FilterKey::MessageType,
        "number_type" => FilterKey::NumberType,
        "country" => FilterKey::Country,
        other => {
            let fault = format!("does not know the key {other}; it knows type, number_type and country.");
            return Err(Refusal::field(name, fault));
        }
    };
    Ok((key, value.trim().to_owned()))
}
