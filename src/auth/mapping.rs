//! From an issuer's words to ours: claims become a [`Principal`].

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::claims;
use super::options::{Denied, IssuerOptions};
use super::refusal::Reason;
use crate::domain::principal::{Person, Principal, Role};

/// The principal of verified claims; `expires_at` is their `exp`.
pub(super) fn principal(
    claims: &Value,
    issuer: &IssuerOptions,
    expires_at: i64,
) -> Result<Principal, Reason> {
    let subject =
        printable(claim(claims, &issuer.claims.subject), Reason::Subject)?.ok_or(Reason::Subject)?;
    let mut teams = Vec::new();
    for word in words(claim(claims, &issuer.claims.team), Reason::Team)? {
        if let Some(team) = translate(word, &issuer.team_map)
            && !teams.contains(&team)
        {
            teams.push(team);
        }
    }
    let allowed = |role: &Role| issuer.roles_allowed.is_empty() || issuer.roles_allowed.contains(role);
    let roles: BTreeSet<Role> = words(claim(claims, &issuer.claims.roles), Reason::Roles)?
        .into_iter()
        .filter_map(|word| translate(word, &issuer.role_map))
        .filter(allowed)
        .collect();
    let actor = actor(claims, &issuer.issuer)?;
    Ok(Principal {
        person: Person { issuer: issuer.issuer.clone(), subject },
        name: profile(claim(claims, &issuer.claims.name))?,
        email: profile(claim(claims, &issuer.claims.email))?,
        teams,
        roles,
        // Whoever is acted for does not decide: two tokens of one human being would be two people.
        may_approve: issuer.may_approve && actor.is_none(),
        actor,
        expires_at,
    })
}

/// Refuses what the operator has denied: this token, its subject (mapped or as `sub`), or who acts for it.
pub(super) fn check_denied(claims: &Value, principal: &Principal, denied: &Denied) -> Result<(), Reason> {
    let id = printable(claims.get("jti"), Reason::TokenId)?;
    let sub = claims.get("sub").and_then(Value::as_str);
    let actor = principal.actor.as_ref().map(|actor| actor.subject.as_str());
    let mut subjects = [Some(principal.person.subject.as_str()), sub, actor].into_iter().flatten();
    if id.is_some_and(|id| denied.ids.contains(&id))
        || subjects.any(|subject| denied.subjects.contains(subject))
    {
        return Err(Reason::Denied);
    }
    Ok(())
}

fn claim<'a>(claims: &'a Value, name: &str) -> Option<&'a Value> {
    if name.starts_with('/') { claims.pointer(name) } else { claims.get(name) }
}

/// The issuer's map first; a word it does not mention may be one of ours; anything else means nothing.
fn translate<T: Clone + std::str::FromStr>(word: &str, map: &BTreeMap<String, T>) -> Option<T> {
    map.get(word).cloned().or_else(|| word.parse().ok())
}

fn words(claim: Option<&Value>, reason: Reason) -> Result<Vec<&str>, Reason> {
    match claim {
        None => Ok(Vec::new()),
        Some(Value::String(word)) => Ok(vec![word]),
        Some(Value::Array(words)) => {
            words.iter().map(Value::as_str).collect::<Option<Vec<_>>>().ok_or(reason)
        }
        Some(_) => Err(reason),
    }
}

/// RFC 8693 §4.1: whoever `act` names acts for the subject. Earlier actors nested in it only inform.
fn actor(claims: &Value, issuer: &str) -> Result<Option<Person>, Reason> {
    let act = match claims.get("act") {
        None => return Ok(None),
        Some(Value::Object(act)) => act,
        Some(_) => return Err(Reason::Actor),
    };
    let subject = printable(act.get("sub"), Reason::Actor)?.ok_or(Reason::Actor)?;
    let issuer = printable(act.get("iss"), Reason::Actor)?.unwrap_or_else(|| issuer.to_owned());
    Ok(Some(Person { issuer, subject }))
}

/// Keycloak writes an empty name where it knows none.
fn profile(claim: Option<&Value>) -> Result<Option<String>, Reason> {
    printable(claim.filter(|value| value.as_str() != Some("")), Reason::Profile)
}

fn printable(claim: Option<&Value>, reason: Reason) -> Result<Option<String>, Reason> {
    match claim {
        None => Ok(None),
        Some(Value::String(text)) if claims::is_printable(text) => Ok(Some(text.clone())),
        Some(_) => Err(reason),
    }
}
