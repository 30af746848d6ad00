//! Where fuzzers come in: a request's target, read as every handler reads it, without a service behind. Only in tests
//! and in `tests/fuzz`.

use axum::http::{HeaderMap, HeaderValue, Uri};

use super::context::{Params, escaped, idempotency, preferred_wait, team_header, text_header};
use super::door::Door;
use super::{path, v1, v3};
use crate::domain::country::Country;
use crate::domain::number::DedicatedNumber;
use crate::domain::purchase::PurchaseId;
use crate::domain::registration::NumberType;
use crate::domain::search::{SearchMode, SearchQuery};

/// Reads the first line as a target and the second as the text of every header of ours; checks what must be true of
/// what comes out.
///
/// # Panics
/// When one of those is not true.
pub fn target(data: &[u8]) {
    let mut lines = data.splitn(2, |byte| *byte == b'\n');
    let (target, header) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    headers(header);
    let Ok(uri) = Uri::try_from(target) else { return };
    let tidied = path::tidied(&uri).unwrap_or_else(|| uri.clone());
    assert!(path::tidied(&tidied).is_none(), "tidied twice: {uri} and {tidied}");
    assert_eq!(tidied.query(), uri.query(), "a query that changed");
    for segment in tidied.path().split('/') {
        parameter(segment);
    }
    assert!(!tidied.path().starts_with("/v3/") || Door::of(tidied.path()) == Door::ClickSend);
    if let Ok(params) = Params::of(&tidied) {
        query(&params);
    }
}

/// What a handler takes from a path, decoded as axum does.
fn parameter(segment: &str) {
    let Some(text) = percent_decoded(segment) else { return };
    if let Ok(number) = text.parse::<DedicatedNumber>() {
        let digits = number.digits();
        assert!(
            (7..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()),
            "{digits}"
        );
        assert!(Country::candidates(&number).len() <= 3);
    }
    if let Ok(country) = text.parse::<Country>() {
        assert!(country.as_str().bytes().all(|byte| byte.is_ascii_uppercase()), "{country}");
    }
    let _ = (text.parse::<NumberType>(), text.parse::<PurchaseId>());
}

fn query(params: &Params) {
    let page = params.clamped("page", 1, 1_000_000, 1);
    assert!(page.is_ok_and(|page| (1..=1_000_000).contains(&page)) || params.find("page").is_some());
    let link = format!("/v3/numbers?{}", params.at_page(3));
    let again = link.parse().ok().and_then(|uri| Params::of(&uri).ok());
    assert!(again.is_some_and(|again| again.at_page(3) == params.at_page(3)), "no link: {link}");
    let _ = (v3::owned_filter(params), v1::audit::filter(params));
    let Ok(country) = "AU".parse() else { return };
    let pattern = params.find("search").unwrap_or_default();
    let asked = SearchQuery::new(country, pattern, SearchMode::Anywhere);
    assert!(asked.digits().bytes().all(|byte| byte.is_ascii_digit()), "{:?}", asked.digits());
}

fn headers(text: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(text) else { return };
    let names = ["idempotency-key", "prefer", "x-gateway-team", "x-gateway-reason"];
    let headers: HeaderMap =
        names.into_iter().map(|name| (axum::http::HeaderName::from_static(name), value.clone())).collect();
    let _ = (preferred_wait(&headers), team_header(&headers));
    if let Ok(Some(text)) = text_header(&headers, "x-gateway-reason", 500) {
        assert!(text.chars().count() <= 500 && !text.chars().any(char::is_control), "{text:?}");
    }
    if let Ok(Some(found)) = idempotency(&headers, "fuzzed", "/", &Params::default(), None) {
        assert!((1..=255).contains(&found.key.len()) && found.key.is_ascii(), "{:?}", found.key);
    }
}

fn percent_decoded(segment: &str) -> Option<String> {
    // A query is decoded by the same rules but for the plus.
    let uri: Uri = format!("/?x={}", segment.replace('+', "%2B").replace('&', "%26")).parse().ok()?;
    let params = Params::of(&uri).ok()?;
    let text = params.find("x")?.to_owned();
    assert!(escaped(&text).is_ascii());
    Some(text)
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_fuzzers_found_is_still_read_as_it_should_be() {
        crate::domain::corpus::replay("target", super::target);
    }
}
