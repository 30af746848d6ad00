//! The registered claims (RFC 7519 §4.1): required where we rely on them, and of one type only.
//!
//! A claim of the wrong type is never skipped: a reader that ignores an `nbf` it cannot parse has no `nbf`.

use std::time::Duration;

use serde_json::Value;

use super::options::IssuerOptions;
use super::refusal::Reason;
use super::trace::Trace;

/// How far clocks may be apart, in seconds.
pub(super) const LEEWAY: i64 = 30;
const MAX_AUDIENCES: usize = 32;
const MAX_TEXT: usize = 255;

/// The `iss` that a token claims; before the signature was checked it only says where to look for the key.
pub(super) fn issuer(claims: &Value) -> Result<&str, Reason> {
    claims.get("iss").and_then(Value::as_str).ok_or(Reason::Issuer)
}

/// Checks audience and times, and gives `exp`. `now` is in seconds since 1970.
pub(super) fn check(
    claims: &Value,
    issuer: &IssuerOptions,
    now: i64,
    trace: &mut Trace,
) -> Result<i64, Reason> {
    check_audience(claims, &issuer.audiences)?;
    trace.saw("audience", || format!("aud {}", claims.get("aud").unwrap_or(&Value::Null)));
    let expires = check_times(claims, issuer.max_lifetime, now)?;
    trace.saw("times", || format!("expires in {} s", expires.saturating_sub(now)));
    Ok(expires)
}

fn check_audience(claims: &Value, ours: &[String]) -> Result<(), Reason> {
    let is_ours = |audience: &str| ours.iter().any(|our| our == audience);
    let addressed = match claims.get("aud") {
        Some(Value::String(audience)) => is_ours(audience),
        Some(Value::Array(audiences)) if audiences.len() <= MAX_AUDIENCES => {
            let texts = audiences.iter().map(Value::as_str).collect::<Option<Vec<_>>>();
            texts.ok_or(Reason::Audience)?.into_iter().any(is_ours)
        }
        Some(_) | None => false,
    };
    if addressed { Ok(()) } else { Err(Reason::Audience) }
}

fn check_times(claims: &Value, max_lifetime: Duration, now: i64) -> Result<i64, Reason> {
    let max_lifetime = i64::try_from(max_lifetime.as_secs()).unwrap_or(i64::MAX);
    let expires = seconds(claims, "exp", Reason::Expiry)?.ok_or(Reason::Expiry)?;
    let not_before = seconds(claims, "nbf", Reason::NotBefore)?;
    let issued_at = seconds(claims, "iat", Reason::IssuedAt)?;
    let to_come = |time: Option<i64>| time.is_some_and(|time| time > now.saturating_add(LEEWAY));
    if has_passed(expires, now) {
        return Err(Reason::Expired);
    }
    if expires.saturating_sub(now) > max_lifetime.saturating_add(LEEWAY)
        || issued_at.is_some_and(|issued| expires.saturating_sub(issued) > max_lifetime)
    {
        return Err(Reason::Lifetime);
    }
    if to_come(not_before) {
        return Err(Reason::NotBefore);
    }
    if to_come(issued_at) {
        return Err(Reason::IssuedAt);
    }
    Ok(expires)
}

/// Whether a token that ends at `expires` is over, leeway included.
pub(super) const fn has_passed(expires: i64, now: i64) -> bool {
    now >= expires.saturating_add(LEEWAY)
}

fn seconds(claims: &Value, name: &str, reason: Reason) -> Result<Option<i64>, Reason> {
    match claims.get(name) {
        None => Ok(None),
        Some(value) => value.as_i64().map(Some).ok_or(reason),
    }
}

/// A text of 1–255 characters that shows what it is: nothing that moves the cursor, hides or turns the line.
pub(super) fn is_printable(text: &str) -> bool {
    let invisible = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    (1..=MAX_TEXT).contains(&text.chars().count()) && !text.chars().any(invisible)
}
