//! What a request says beside its path and body: query parameters, and the headers that carry for SDKs what their
//! bodies cannot.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::http::{HeaderMap, Uri};

use crate::domain::canonical;
use crate::domain::principal::TeamId;
use crate::service::purchasing::Idempotency;
use crate::service::{Code, Refusal};

/// How long a request waits for its outcome without `Prefer`, and at most.
pub(super) const WAIT: Duration = Duration::from_secs(20);
const LONGEST_WAIT: u64 = 60;

/// Query parameters, each at most once.
#[derive(Clone, Debug, Default)]
pub(super) struct Params(BTreeMap<String, String>);

impl Params {
    pub(super) fn of(uri: &Uri) -> Result<Self, Refusal> {
        let pairs: Vec<(String, String)> = axum::extract::Query::try_from_uri(uri)
            .map(|query| query.0)
            .map_err(|_| Refusal::new(Code::BadRequest, "the query string cannot be read"))?;
        let mut params = BTreeMap::new();
        for (name, value) in pairs {
            if params.insert(name.clone(), value).is_some() {
                return Err(Refusal::field(&name, "is given twice."));
            }
        }
        Ok(Self(params))
    }

    /// These parameters as a query again, with other pages: for links.
    pub(super) fn at_page(&self, page: u32) -> String {
        let others = self.0.iter().filter(|(name, _)| *name != "page");
        let others = others.map(|(name, value)| format!("&{}={}", escaped(name), escaped(value)));
        format!("page={page}{}", others.collect::<String>())
    }

    /// A parameter; an empty one is none.
    pub(super) fn find(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// A whole number, clamped into its bounds: SDKs send what ClickSend's page forbids, and get an answer.
    pub(super) fn clamped(&self, name: &str, least: u32, most: u32, default: u32) -> Result<u32, Refusal> {
        let Some(text) = self.find(name) else { return Ok(default) };
        let digits = text.strip_prefix('-').unwrap_or(text);
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Refusal::field(name, format!("must be a whole number from {least} to {most}.")));
        }
        // All digits: what does not parse is beyond the largest number, on its side of zero.
        let beyond = if text.starts_with('-') { i64::MIN } else { i64::MAX };
        let number = text.parse::<i64>().unwrap_or(beyond);
        Ok(u32::try_from(number.clamp(i64::from(least), i64::from(most))).unwrap_or(most))
    }
}

/// Percent-encoded but for what no query needs encoded (RFC 3986 §2.3, and the `:` and `,` of ClickSend's filters).
pub(super) fn escaped(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:,".contains(&byte);
    let escape = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(escape).collect()
}

/// A header of ours with a text for people: trimmed, at most `most` characters.
pub(super) fn text_header(headers: &HeaderMap, name: &str, most: usize) -> Result<Option<String>, Refusal> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    let text = str::from_utf8(value.as_bytes()).map_err(|_| Refusal::field(name, "must be UTF-8."))?.trim();
    if text.chars().count() > most || text.chars().any(char::is_control) {
        return Err(Refusal::field(name, format!("must have at most {most} printable characters.")));
    }
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

/// `Prefer: wait=N` (RFC 7240 §4.3).
pub(super) fn preferred_wait(headers: &HeaderMap) -> Option<Duration> {
    let values = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    let mut waits = values
        .flat_map(|list| list.split([',', ';']))
        .filter_map(|preference| preference.trim().strip_prefix("wait="))
        .filter_map(|seconds| seconds.parse::<u64>().ok());
    waits.next().map(|seconds| Duration::from_secs(seconds.min(LONGEST_WAIT)))
}

/// `X-Gateway-Team`.
pub(super) fn team_header(headers: &HeaderMap) -> Result<Option<TeamId>, Refusal> {
    let Some(text) = text_header(headers, "x-gateway-team", 63)? else { return Ok(None) };
    text.parse().map(Some).map_err(|error| Refusal::field("x-gateway-team", format!("{error}.")))
}

/// `Idempotency-Key`: 1–255 printable ASCII characters, as they are or as a quoted string (RFC 9651 §3.3.3). `path`
/// is the one canonical spelling: the same request must not differ from itself by a slash or a `%2B`.
pub(super) fn idempotency(
    headers: &HeaderMap,
    route: &'static str,
    path: &str,
    params: &Params,
    body: Option<&serde_json::Value>,
) -> Result<Option<Idempotency>, Refusal> {
    let mut values = headers.get_all("idempotency-key").iter();
    let Some(value) = values.next() else { return Ok(None) };
    let fault = "must be one key of 1 to 255 printable ASCII characters.";
    let key = value.to_str().ok().and_then(unquoted).filter(|_| values.next().is_none());
    let key = key.ok_or_else(|| Refusal::field("idempotency-key", fault))?;
    let request = serde_json::json!({ "path": path, "query": params.0, "body": body });
    Ok(Some(Idempotency { route, key, fingerprint: canonical::digest(&request)? }))
}

/// The same where a request must have one: our own routes that make something.
pub(super) fn required_idempotency(
    headers: &HeaderMap,
    route: &'static str,
    path: &str,
    params: &Params,
    body: &serde_json::Value,
) -> Result<Idempotency, Refusal> {
    let missing = "is required: a key of your own for this request.";
    idempotency(headers, route, path, params, Some(body))?
        .ok_or_else(|| Refusal::field("idempotency-key", missing))
}

fn unquoted(text: &str) -> Option<String> {
    let key = match text.strip_prefix('"') {
        None => text.to_owned(),
        Some(rest) => unescaped(rest.strip_suffix('"')?)?,
    };
    let printable = key.bytes().all(|byte| (0x20..=0x7e).contains(&byte));
    ((1..=255).contains(&key.len()) && printable).then_some(key)
}

/// Only `\"` and `\\` are escapes; a bare quote ends the string, so it cannot stand inside.
fn unescaped(inner: &str) -> Option<String> {
    let mut key = String::new();
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => key.push(characters.next().filter(|next| matches!(next, '"' | '\\'))?),
            '"' => return None,
            other => key.push(other),
        }
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]

    use super::{Params, unquoted};

    fn limit(query: &str) -> Option<u32> {
        let params = Params::of(&format!("/v3/numbers?{query}").parse().unwrap()).unwrap();
        params.clamped("limit", 15, 100, 15).ok()
    }

    #[test]
    fn numbers_are_clamped_and_other_texts_refused() {
        for (query, wanted) in [
            ("", Some(15)),
            ("limit=", Some(15)),
            ("limit=10", Some(15)),
            ("limit=50", Some(50)),
            ("limit=500", Some(100)),
            ("limit=-3", Some(15)),
            ("limit=99999999999999999999999", Some(100)),
            ("limit=ten", None),
            ("limit=1.5", None),
            ("limit=-", None),
        ] {
            assert_eq!(limit(query), wanted, "{query}");
        }
    }

    #[test]
    fn a_parameter_that_is_given_twice_is_ambiguous() {
        assert!(Params::of(&"/v3/numbers?page=1&page=2".parse().unwrap()).is_err());
    }

    #[test]
    fn a_link_to_another_page_asks_for_the_same() {
        let uri = "/v3/numbers?limit=50&q=type%3Asms%2Ccountry%3AAU&page=2&x=a%20b".parse().unwrap();
        let params = Params::of(&uri).unwrap();
        assert_eq!(params.at_page(3), "page=3&limit=50&q=type:sms,country:AU&x=a%20b");
    }

    #[test]
    fn keys_may_be_quoted() {
        for (text, wanted) in [
            ("abc", Some("abc")),
            ("\"abc\"", Some("abc")),
            (r#""a\"b\\c""#, Some(r#"a"b\c"#)),
            ("\"abc", None),
            ("\"a\"b\"", None),
            (r#""a\x""#, None),
            ("", None),
            ("\"\"", None),
        ] {
            assert_eq!(unquoted(text).as_deref(), wanted, "{text}");
        }
        assert!(unquoted(&"k".repeat(255)).is_some());
        assert!(unquoted(&"k".repeat(256)).is_none());
    }
}
