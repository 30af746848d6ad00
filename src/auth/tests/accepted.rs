//! Who a good token stands for.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::forge::{AUDIENCE, Door, ED, Files, ISSUER, NOW, P256, RSA, claims, every_forge, options, set_of};
use crate::auth::{Algorithm, Denied, IssuerOptions, KeySource, Reason, Refusal};
use crate::domain::principal::{Person, Principal, Role, TeamId};

async fn principal_of(change: impl FnOnce(&mut IssuerOptions), claims: &Value) -> Principal {
    let door = Door::with(&ED, change);
    let principal = door.verifier.verify(&ED.good("k", claims)).await.unwrap();
    Principal::clone(&principal)
}

fn teams(words: &[&str]) -> Vec<TeamId> {
    words.iter().map(|word| word.parse().unwrap()).collect()
}

#[tokio::test]
async fn each_key_accepts_its_own_algorithm_and_no_other() {
    for forge in every_forge() {
        let door = Door::of(forge);
        assert!(door.verifier.verify(&forge.good("k", &json!({}))).await.is_ok(), "{}", forge.algorithm);
        for other in every_forge().into_iter().filter(|other| other.algorithm != forge.algorithm) {
            let refusal = door.refusal(&other.good("k", &json!({}))).await;
            assert_eq!(refusal, Refusal::Invalid(Reason::Algorithm), "{}", other.algorithm);
        }
    }
}

#[tokio::test]
async fn claims_become_a_principal() {
    let changes = json!({"name": "Ann Lee", "email": "ann@example.com", "team": ["growth", "ops", "growth"]});
    let expected = Principal {
        person: Person { issuer: ISSUER.to_owned(), subject: "ann".to_owned() },
        name: Some("Ann Lee".to_owned()),
        email: Some("ann@example.com".to_owned()),
        teams: teams(&["growth", "ops"]),
        roles: BTreeSet::from([Role::Requester]),
        actor: None,
        may_approve: true,
        expires_at: NOW + 600,
    };
    assert_eq!(principal_of(|_| {}, &changes).await, expected);
}

#[tokio::test]
async fn words_are_translated_and_unknown_ones_mean_nothing() {
    let maps = |options: &mut IssuerOptions| {
        options.role_map.insert("numbers-admins".to_owned(), Role::Administrator);
        options.role_map.insert("auditor".to_owned(), Role::Viewer);
        options.team_map.insert("CN=Growth,OU=Groups".to_owned(), "growth".parse().unwrap());
        options.team_map.insert("ops".to_owned(), "operations".parse().unwrap());
    };
    let changes = json!({
        "roles": ["numbers-admins", "auditor", "approver", "Finance", "", "offline_access"],
        "team": ["CN=Growth,OU=Groups", "ops", "design", "CN=Unknown", ""],
    });
    let principal = principal_of(maps, &changes).await;
    assert_eq!(principal.roles, BTreeSet::from([Role::Administrator, Role::Viewer, Role::Approver]));
    assert_eq!(principal.teams, teams(&["growth", "operations", "design"]));
}

#[tokio::test]
async fn one_role_is_one_word_and_none_is_none() {
    let one = principal_of(|_| {}, &json!({"roles": "viewer"})).await;
    assert_eq!(one.roles, BTreeSet::from([Role::Viewer]));
    let spaced = principal_of(|_| {}, &json!({"roles": "viewer administrator"})).await;
    assert_eq!(spaced.roles, BTreeSet::new());
    let none = principal_of(|_| {}, &json!({"roles": null, "team": null})).await;
    assert!(!none.may_read() && none.teams.is_empty());
}

#[tokio::test]
async fn claims_are_found_by_pointer_and_by_plain_name() {
    let names = |options: &mut IssuerOptions| {
        options.claims.roles = "/realm_access/roles".to_owned();
        options.claims.team = "https://example.com/team".to_owned();
        options.claims.subject = "/user/0/id".to_owned();
    };
    let changes = json!({
        "realm_access": {"roles": ["auditor"]}, "roles": ["administrator"],
        "https://example.com/team": "ops", "user": [{"id": "u-1"}],
    });
    let principal = principal_of(names, &changes).await;
    assert_eq!(principal.person.subject, "u-1");
    assert_eq!(principal.roles, BTreeSet::from([Role::Auditor]));
    assert_eq!(principal.teams, teams(&["ops"]));
}

#[tokio::test]
async fn an_issuer_gives_only_the_roles_it_may() {
    let limits = |options: &mut IssuerOptions| {
        options.roles_allowed = BTreeSet::from([Role::Application, Role::Viewer]);
        options.role_map.insert("boss".to_owned(), Role::Administrator);
        options.may_approve = false;
    };
    let changes = json!({"roles": ["application", "approver", "boss"]});
    let principal = principal_of(limits, &changes).await;
    assert_eq!(principal.roles, BTreeSet::from([Role::Application]));
    assert!(!principal.may_approve);
}

#[tokio::test]
async fn an_actor_is_of_the_same_issuer_unless_it_says_otherwise() {
    let own = principal_of(|_| {}, &json!({"act": {"sub": "crm-app", "act": {"sub": "earlier"}}})).await;
    assert_eq!(own.actor, Some(Person { issuer: ISSUER.to_owned(), subject: "crm-app".to_owned() }));
    let foreign = principal_of(|_| {}, &json!({"act": {"sub": "crm-app", "iss": "https://b.example"}})).await;
    assert_eq!(foreign.actor.unwrap().issuer, "https://b.example");
}

#[tokio::test]
async fn whoever_is_acted_for_does_not_decide() {
    let approves = |options: &mut IssuerOptions| options.may_approve = true;
    for (claims, may) in [(json!({}), true), (json!({"act": {"sub": "crm-app"}}), false)] {
        assert_eq!(principal_of(approves, &claims).await.may_approve, may, "{claims}");
    }
}

#[tokio::test]
async fn an_empty_name_is_no_name() {
    let principal = principal_of(|_| {}, &json!({"name": "", "email": ""})).await;
    assert_eq!((principal.name, principal.email), (None, None));
}

#[tokio::test]
async fn the_audience_may_be_one_of_a_list() {
    let door = Door::of(&ED);
    let mut thirty_two: Vec<String> = (0..31).map(|n| format!("a{n}")).collect();
    thirty_two.push(AUDIENCE.to_owned());
    assert!(door.verifier.verify(&ED.good("k", &json!({"aud": thirty_two}))).await.is_ok());
}

#[tokio::test]
async fn clocks_may_be_half_a_minute_apart() {
    let door = Door::of(&ED);
    for changes in [
        json!({"exp": NOW - 29}),
        json!({"nbf": NOW + 30}),
        json!({"iat": NOW + 30}),
        json!({"exp": NOW + 25 * 3600 + 30, "iat": null}),
        json!({"exp": NOW + 24 * 3600, "iat": NOW - 3600}),
    ] {
        assert!(door.verifier.verify(&ED.good("k", &changes)).await.is_ok(), "{changes}");
    }
}

#[tokio::test]
async fn a_token_without_kid_needs_exactly_one_key_that_fits() {
    let files = Files::new();
    let header = r#"{"alg":"RS256"}"#;
    let set = |keys: &[Value]| KeySource::JwksFile(files.write("set", set_of(keys)));
    let algorithms = [Algorithm::RS256, Algorithm::ES256];

    let single = Door::new(vec![options(set(&[RSA.jwk("a"), P256.jwk("b")]), &algorithms)]);
    assert!(single.verifier.verify(&RSA.token(header, &claims(&json!({})).to_string())).await.is_ok());

    let two = Door::new(vec![options(set(&[RSA.jwk("a"), super::forge::OTHER_RSA.jwk("b")]), &algorithms)]);
    let token = RSA.token(header, &claims(&json!({})).to_string());
    assert_eq!(two.reason(&token).await, Some(Reason::KeyId));

    let none = Door::new(vec![options(set(&[P256.jwk("b")]), &algorithms)]);
    assert_eq!(none.reason(&token).await, Some(Reason::KeyUnknown));
}

#[tokio::test]
async fn a_remembered_token_ends_when_it_ends() {
    let door = Door::of(&ED);
    let token = ED.good("k", &json!({}));
    assert!(door.verifier.recall(&token).is_none());
    let first = door.verifier.verify(&token).await.unwrap();
    assert_eq!(door.verifier.verify(&token).await.unwrap(), first);
    assert_eq!(door.verifier.recall(&token).unwrap().person(), first.person.borrowed());
    door.hand.advance(Duration::from_secs(629));
    assert!(door.verifier.verify(&token).await.is_ok() && door.verifier.recall(&token).is_some());
    door.hand.advance(Duration::from_secs(1));
    assert!(door.verifier.recall(&token).is_none());
    assert_eq!(door.reason(&token).await, Some(Reason::Expired));
}

#[tokio::test]
async fn the_denied_stay_outside() {
    let denied = Denied {
        ids: BTreeSet::from(["stolen".to_owned()]),
        subjects: BTreeSet::from(["mallory".to_owned()]),
    };
    let files = Files::new();
    let source = KeySource::JwksFile(files.write("set", set_of(&[ED.jwk("k")])));
    let mut company = options(source, &[Algorithm::EdDSA]);
    company.claims.subject = "upn".to_owned();
    let door = Door::denying(vec![company], denied);
    assert!(door.verifier.verify(&ED.good("k", &json!({"upn": "ann", "jti": "fine"}))).await.is_ok());
    for changes in [
        json!({"upn": "ann", "jti": "stolen"}),
        json!({"upn": "mallory"}),
        json!({"upn": "ann", "sub": "mallory"}),
        json!({"upn": "ann", "act": {"sub": "mallory"}}),
    ] {
        assert_eq!(door.reason(&ED.good("k", &changes)).await, Some(Reason::Denied), "{changes}");
    }
}

#[tokio::test]
async fn issuers_that_share_a_name_are_tried_in_order() {
    let files = Files::new();
    let source = |name: &str, key: Value| KeySource::JwksFile(files.write(name, set_of(&[key])));
    let people = options(source("people", RSA.jwk("p")), &[Algorithm::RS256]);
    let mut machines = options(source("machines", ED.jwk("m")), &[Algorithm::EdDSA]);
    machines.may_approve = false;
    machines.audiences = vec!["machines".to_owned()];
    let door = Door::new(vec![people, machines]);

    assert!(door.verifier.verify(&RSA.good("p", &json!({}))).await.unwrap().may_approve);
    let machine = door.verifier.verify(&ED.good("m", &json!({"aud": "machines"}))).await.unwrap();
    assert!(!machine.may_approve);
    // They come as far as the audience with their own issuer; the other's algorithm is not the news.
    let elsewhere = json!({"aud": "elsewhere"});
    for token in [RSA.good("p", &elsewhere), ED.good("m", &elsewhere)] {
        assert_eq!(door.reason(&token).await, Some(Reason::Audience));
    }
}
