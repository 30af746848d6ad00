//! Where fuzzers come in: a token as it arrives, or as two lines of JSON, which are its header and its claims. Only in
//! tests and in `tests/fuzz`.
//!
//! No signature is made right here; what is tried is everything that is read before and after it, as
//! [`Verifier`](super::Verifier) reads it.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::compact::Compact;
use super::trace::Trace;
use super::{ClaimNames, Denied, IssuerOptions, KeySource, Reason, claims, mapping};
use crate::domain::principal::Principal;

const NOW: i64 = 1_790_000_000;
const ISSUER: &str = "https://login.example.com";
const AUDIENCE: &str = "numbers-gateway";
const LIFETIME: Duration = Duration::from_hours(25);

/// Reads it, and checks what must be true of whoever would be let in.
///
/// # Panics
/// When one of those is not true.
pub fn token(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let _ = judge(text);
    let Some((header, claims)) = text.split_once('\n') else { return };
    let encode = |part: &str| URL_SAFE_NO_PAD.encode(part);
    let token = format!("{}.{}.AAAA", encode(header), encode(claims));
    if let Ok(principal) = judge(&token) {
        check(&principal, claims);
    }
}

fn judge(token: &str) -> Result<Principal, Reason> {
    let compact = Compact::split(token)?;
    compact.header()?;
    let claims = compact.claims()?;
    if claims::issuer(&claims)? != ISSUER {
        return Err(Reason::Issuer);
    }
    let options = options();
    let expires_at = claims::check(&claims, &options, NOW, &mut Trace::On(Vec::new()))?;
    let principal = mapping::principal(&claims, &options, expires_at)?;
    let denied = Denied { ids: ["denied".to_owned()].into(), subjects: ["denied".to_owned()].into() };
    mapping::check_denied(&claims, &principal, &denied)?;
    Ok(principal)
}

/// The same by an ordinary reader, which takes anything.
fn check(principal: &Principal, claims: &str) {
    let claims: Value = serde_json::from_str(claims).unwrap_or_default();
    assert_eq!(claims.get("iss"), Some(&Value::from(ISSUER)));
    let audience = claims.get("aud").cloned().unwrap_or_default();
    let is_ours =
        audience == AUDIENCE || audience.as_array().is_some_and(|all| all.contains(&AUDIENCE.into()));
    assert!(is_ours, "another audience was let in");
    let lifetime = i64::try_from(LIFETIME.as_secs()).unwrap_or_default();
    let left = principal.expires_at - NOW;
    assert!((-claims::LEEWAY..=lifetime + claims::LEEWAY).contains(&left), "{left} s are left");
    let subject = &principal.person.subject;
    assert!((1..=255).contains(&subject.len()) && subject != "denied", "{subject:?}");
    assert!(!subject.chars().any(char::is_control), "{subject:?}");
    assert!(principal.may_approve == principal.actor.is_none(), "whoever is acted for does not decide");
}

fn options() -> IssuerOptions {
    IssuerOptions {
        name: "fuzzed".to_owned(),
        issuer: ISSUER.to_owned(),
        audiences: vec![AUDIENCE.to_owned()],
        keys: KeySource::Discover,
        key_id: None,
        token_type: None,
        algorithms: Vec::new(),
        max_lifetime: LIFETIME,
        claims: ClaimNames {
            subject: "sub".to_owned(),
            team: "team".to_owned(),
            roles: "/realm_access/roles".to_owned(),
            name: "name".to_owned(),
            email: "email".to_owned(),
        },
        role_map: BTreeMap::new(),
        team_map: BTreeMap::new(),
        roles_allowed: [].into(),
        may_approve: true,
        ca_file: None,
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_fuzzers_found_is_still_read_as_it_should_be() {
        crate::domain::corpus::replay("token", super::token);
    }
}
