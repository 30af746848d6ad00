//! Fetched key sets, against an issuer on a real socket and with a clock that the test moves.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::forge::{Door, ED, Files, OTHER_RSA, P256, RSA, claims, merge, options, set_of};
use super::server::{Answer, Server};
use crate::auth::{Algorithm, Denied, KeySource, KeyState, Reason, Refusal};

const SPACING: Duration = Duration::from_secs(30);
const UNAVAILABLE: Refusal = Refusal::IssuerUnavailable;

/// A server with this answer and a door that fetches from it.
async fn door_to(answer: Answer) -> (Server, Door) {
    let server = Server::start(answer).await;
    let source = KeySource::JwksUrl(format!("{}/keys", server.url));
    let door = Door::new(vec![options(source, &[Algorithm::RS256, Algorithm::ES256])]);
    (server, door)
}

fn rsa_set() -> Answer {
    Answer::Body(set_of(&[RSA.jwk("a")]))
}

/// A token that never ends within a test.
fn lasting(kid: &str) -> String {
    RSA.good(kid, &json!({"exp": super::forge::NOW + 25 * 3600}))
}

#[tokio::test]
async fn the_first_token_fetches_the_set_and_the_next_does_not() {
    let (server, door) = door_to(rsa_set()).await;
    assert_eq!(door.verifier.issuers_health()[0].state, KeyState::Missing);
    assert!(door.verifier.verify(&RSA.good("a", &json!({}))).await.is_ok());
    assert!(door.verifier.verify(&RSA.good("a", &json!({"sub": "bob"}))).await.is_ok());
    assert_eq!(server.hits(), 1);
    let health = &door.verifier.issuers_health()[0];
    assert_eq!((health.state, health.keys, health.age), (KeyState::Fresh, 1, Some(Duration::ZERO)));
}

#[tokio::test]
async fn the_request_carries_nothing_of_ours() {
    let (server, door) = door_to(rsa_set()).await;
    door.verifier.refresh_due().await;
    let request = server.requests().remove(0);
    assert!(request.starts_with("GET /keys {"), "{request}");
    for name in ["authorization", "cookie", "referer", "proxy"] {
        assert!(!request.contains(name), "{request}");
    }
}

#[tokio::test]
async fn many_unknown_keys_at_once_cost_one_fetch() {
    let (server, door) = door_to(rsa_set()).await;
    let door = Arc::new(door);
    let mut callers = JoinSet::new();
    for caller in 0..64 {
        let (door, token) = (Arc::clone(&door), RSA.good(&format!("k{caller}"), &json!({})));
        callers.spawn(async move { door.refusal(&token).await });
    }
    let refusals = callers.join_all().await;
    assert_eq!(refusals, [Refusal::Invalid(Reason::KeyUnknown); 64]);
    assert_eq!(server.hits(), 1);
}

#[tokio::test]
async fn ten_thousand_unknown_keys_cost_two_fetches_a_minute() {
    let (server, door) = door_to(rsa_set()).await;
    let good = lasting("a");
    let rest = RSA.good("KID", &json!({}));
    let (_, rest) = rest.split_once('.').unwrap();
    for caller in 0..10_000 {
        if caller % 1_000 == 0 {
            assert!(door.verifier.verify(&good).await.is_ok());
        }
        // The signature is never looked at: there is no key to look with.
        let header = RSA.header(&format!("k{caller}"));
        let header = base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, header);
        assert_eq!(door.reason(&format!("{header}.{rest}")).await, Some(Reason::KeyUnknown));
        door.hand.advance(Duration::from_millis(6));
    }
    assert_eq!(server.hits(), 2);
}

#[tokio::test]
async fn attempts_keep_their_distance_even_when_they_fail() {
    let empty = Answer::Body(set_of(&[]));
    for answer in [Answer::Status(503), Answer::Body("{".to_owned()), empty] {
        let (server, door) = door_to(answer).await;
        for _ in 0..3 {
            assert_eq!(door.refusal(&lasting("a")).await, UNAVAILABLE);
            door.verifier.refresh_due().await;
        }
        door.hand.advance(Duration::from_millis(29_999));
        assert_eq!(door.refusal(&lasting("a")).await, UNAVAILABLE);
        assert_eq!(server.hits(), 1);
        server.answer(rsa_set());
        door.hand.advance(Duration::from_millis(1));
        let outcome = door.verifier.verify(&lasting("a")).await;
        // An empty set was an answer: the absent key is not looked for again before the set is due.
        assert_eq!(server.hits(), if outcome.is_ok() { 2 } else { 1 });
        door.hand.advance(Duration::from_mins(8));
        door.verifier.refresh_due().await;
        assert!(door.verifier.verify(&lasting("a")).await.is_ok());
    }
}

#[tokio::test]
async fn a_rotation_costs_one_fetch_and_ends_the_old_key() {
    let (server, door) = door_to(rsa_set()).await;
    let old = lasting("a");
    assert!(door.verifier.verify(&old).await.is_ok());
    server.answer(Answer::Body(set_of(&[OTHER_RSA.jwk("b")])));
    door.hand.advance(SPACING);
    for _ in 0..3 {
        let new = OTHER_RSA.good("b", &json!({}));
        assert!(door.verifier.verify(&new).await.is_ok());
    }
    assert_eq!(server.hits(), 2);
    assert_eq!(door.reason(&old).await, Some(Reason::KeyUnknown), "though it was remembered");
}

#[tokio::test]
async fn an_unknown_key_is_looked_for_once_per_set() {
    let (server, door) = door_to(rsa_set()).await;
    let unknown = lasting("b");
    for _ in 0..5 {
        assert_eq!(door.reason(&unknown).await, Some(Reason::KeyUnknown));
        door.hand.advance(SPACING);
    }
    assert_eq!(server.hits(), 1);
    server.answer(Answer::Body(set_of(&[RSA.jwk("b")])));
    door.hand.advance(Duration::from_mins(8));
    door.verifier.refresh_due().await;
    assert!(door.verifier.verify(&unknown).await.is_ok());
}

#[tokio::test]
async fn the_background_refreshes_before_the_set_is_stale() {
    let (server, door) = door_to(rsa_set()).await;
    door.verifier.refresh_due().await;
    door.hand.advance(Duration::from_secs(8 * 60 - 1));
    door.verifier.refresh_due().await;
    assert_eq!(server.hits(), 1);
    door.hand.advance(Duration::from_secs(1));
    door.verifier.refresh_due().await;
    assert_eq!(server.hits(), 2);
}

#[tokio::test]
async fn the_refresher_starts_at_once_and_stops_when_told() {
    let (server, door) = door_to(rsa_set()).await;
    let stop = CancellationToken::new();
    let (refresher, ()) = tokio::join!(door.verifier.keep_current(stop.clone()), async {
        server.asked.notified().await;
        stop.cancel();
    });
    let () = refresher;
    assert_eq!(server.hits(), 1);
}

#[tokio::test]
async fn an_issuer_that_is_down_at_the_start_closes_only_itself() {
    let files = Files::new();
    let local = KeySource::JwksFile(files.write("set", set_of(&[ED.jwk("k")])));
    let mut machines = options(local, &[Algorithm::EdDSA]);
    machines.issuer = "machines".to_owned();
    let gone = {
        let server = Server::start(rsa_set()).await;
        KeySource::JwksUrl(server.url.clone())
    };
    let door = Door::new(vec![options(gone, &[Algorithm::RS256]), machines]);
    assert_eq!(door.refusal(&RSA.good("a", &json!({}))).await, UNAVAILABLE);
    assert!(door.verifier.verify(&ED.good("k", &json!({"iss": "machines"}))).await.is_ok());
    // What no key could make good is refused without asking anybody.
    let hopeless = ED.good("a", &json!({}));
    assert_eq!(door.reason(&hopeless).await, Some(Reason::Algorithm));
    let health = door.verifier.issuers_health();
    assert_eq!((health[0].state, health[1].state), (KeyState::Missing, KeyState::Fresh));
    assert!(health[0].last_fault.as_deref().unwrap().contains("refused"), "{health:?}");
}

#[tokio::test]
async fn an_outage_is_covered_for_a_day_and_then_closed() {
    let (server, door) = door_to(rsa_set()).await;
    let token = lasting("a");
    assert!(door.verifier.verify(&token).await.is_ok());
    server.answer(Answer::Status(500));
    door.hand.advance(Duration::from_hours(24) - Duration::from_secs(1));
    door.verifier.refresh_due().await;
    assert_eq!(door.verifier.issuers_health()[0].state, KeyState::Stale);
    assert!(door.verifier.verify(&token).await.is_ok());
    let fresh = RSA.good("a", &json!({"sub": "bob", "iat": null, "exp": super::forge::NOW + 25 * 3600}));
    assert!(door.verifier.verify(&fresh).await.is_ok());
    assert_eq!(door.refusal(&lasting("b")).await, UNAVAILABLE, "it may be new, and nobody can be asked");
    door.hand.advance(Duration::from_secs(1));
    assert_eq!(door.refusal(&token).await, UNAVAILABLE, "though it was remembered");
    assert_eq!(door.verifier.issuers_health()[0].state, KeyState::Missing);
    server.answer(rsa_set());
    door.hand.advance(SPACING);
    assert!(door.verifier.verify(&token).await.is_ok());
}

#[tokio::test]
async fn a_set_that_cannot_be_meant_does_not_replace_a_good_one() {
    let mut twin = P256.jwk("a");
    merge(&mut twin, &json!({"use": "enc"}));
    let sixty_five: Vec<_> = (0..65).map(|n| RSA.jwk(&n.to_string())).collect();
    let padding = " ".repeat(256 * 1024);
    for (answer, fault) in [
        (Answer::Body(set_of(&[OTHER_RSA.jwk("a"), json!({"kty": "oct", "k": "AAAA"})])), "symmetric"),
        (Answer::Body(set_of(&[OTHER_RSA.jwk("a"), twin])), "kid \"a\""),
        (Answer::Body(set_of(&sixty_five)), "65 keys"),
        (Answer::Body(format!("{padding}{}", set_of(&[OTHER_RSA.jwk("a")]))), "answer is larger"),
        (Answer::Redirect(set_of(&[OTHER_RSA.jwk("a")])), "status 302"),
        (Answer::Status(204), "status 204"),
    ] {
        let (server, door) = door_to(rsa_set()).await;
        door.verifier.refresh_due().await;
        server.answer(answer);
        door.hand.advance(Duration::from_mins(8));
        door.verifier.refresh_due().await;
        assert_eq!(server.hits(), 2, "asked once more, followed nowhere");
        assert!(door.verifier.verify(&lasting("a")).await.is_ok());
        let last_fault = door.verifier.issuers_health()[0].last_fault.clone().unwrap();
        assert!(last_fault.contains(fault), "{last_fault}");
    }
}

#[tokio::test]
async fn a_caller_who_hangs_up_does_not_stop_the_fetch() {
    let allowed = Arc::new(Notify::new());
    let (server, door) = door_to(Answer::Held(set_of(&[RSA.jwk("a")]), Arc::clone(&allowed))).await;
    let token = lasting("a");
    tokio::select! {
        outcome = door.verifier.verify(&token) => panic!("{outcome:?}"),
        () = server.asked.notified() => {}
    }
    allowed.notify_one();
    assert!(door.verifier.verify(&token).await.is_ok());
    assert_eq!(server.hits(), 1);
}

#[tokio::test]
async fn a_fetch_that_hangs_delays_nobody_who_is_known() {
    let (server, door) = door_to(rsa_set()).await;
    door.verifier.refresh_due().await;
    server.asked.notified().await;
    server.answer(Answer::Held(String::new(), Arc::new(Notify::new())));
    door.hand.advance(Duration::from_mins(8));
    tokio::select! {
        () = door.verifier.refresh_due() => panic!("nothing was answered"),
        () = async {
            server.asked.notified().await;
            assert!(door.verifier.verify(&lasting("a")).await.is_ok());
        } => {}
    }
}

#[tokio::test]
async fn a_set_that_drips_in_is_given_up_after_five_seconds_and_asked_for_no_sooner_than_any_other() {
    let (server, door) = door_to(rsa_set()).await;
    door.verifier.refresh_due().await;
    server.answer(Answer::Drip);
    door.hand.advance(Duration::from_mins(8));
    let refreshed = tokio::time::timeout(Duration::from_secs(6), door.verifier.refresh_due()).await;
    assert!(refreshed.is_ok(), "it waits on");
    assert_eq!(door.verifier.issuers_health()[0].last_fault.as_deref(), Some("no answer within 5 s"));
    assert!(door.verifier.verify(&lasting("a")).await.is_ok());
    door.verifier.refresh_due().await;
    assert_eq!(server.hits(), 2);
}

#[tokio::test]
async fn names_that_are_missing_stay_known_when_the_set_is_fetched_again() {
    let (server, door) = door_to(rsa_set()).await;
    for _ in 0..3 {
        for kid in ["b", "c", "d"] {
            door.hand.advance(SPACING);
            assert_eq!(door.reason(&lasting(kid)).await, Some(Reason::KeyUnknown));
        }
    }
    assert_eq!(server.hits(), 3, "each name once");
    server.answer(Answer::Body(set_of(&[RSA.jwk("c")])));
    door.hand.advance(Duration::from_mins(8));
    door.verifier.refresh_due().await;
    assert!(door.verifier.verify(&lasting("c")).await.is_ok());
}

#[tokio::test]
async fn a_reload_keeps_the_sets_of_issuers_that_stay() {
    let (server, door) = door_to(rsa_set()).await;
    let token = lasting("a");
    assert!(door.verifier.verify(&token).await.is_ok());
    server.answer(Answer::Status(500));
    let source = KeySource::JwksUrl(format!("{}/keys", server.url));
    let mut same = options(source, &[Algorithm::RS256, Algorithm::ES256]);
    same.may_approve = false;
    let denied = Denied { subjects: ["bob".to_owned()].into(), ..Denied::default() };
    door.verifier.trust(door.verifier.load(vec![same.clone()], denied).unwrap());
    assert!(!door.verifier.verify(&token).await.unwrap().may_approve);
    let bob = RSA.good("a", &json!({"sub": "bob"}));
    assert_eq!(door.reason(&bob).await, Some(Reason::Denied));
    assert_eq!(server.hits(), 1);

    same.algorithms = vec![Algorithm::RS256];
    door.verifier.trust(door.verifier.load(vec![same], Denied::default()).unwrap());
    assert_eq!(door.refusal(&token).await, UNAVAILABLE, "another issuer: its set is fetched anew");
}

#[tokio::test]
async fn discovery_believes_only_the_issuer_itself() {
    let server = Server::start(Answer::Status(404)).await;
    let set = set_of(&[RSA.jwk("a")]);
    let describe = |issuer: &str, jwks_uri: &str| Answer::Discovery {
        document: json!({"issuer": issuer, "jwks_uri": jwks_uri, "scopes_supported": ["openid"]}).to_string(),
        set: set.clone(),
    };
    let mut company = options(KeySource::Discover, &[Algorithm::RS256]);
    company.issuer = format!("{}/", server.url);
    let token = RSA.token(&RSA.header("a"), &claims(&json!({"iss": company.issuer})).to_string());
    let keys = format!("{}/keys", server.url);

    for (issuer, jwks_uri) in [
        (server.url.as_str(), keys.as_str()),
        ("https://login.example.com/", keys.as_str()),
        (company.issuer.as_str(), "http://login.example.com/keys"),
        (company.issuer.as_str(), "file:///etc/passwd"),
    ] {
        server.answer(describe(issuer, jwks_uri));
        let door = Door::new(vec![company.clone()]);
        assert_eq!(door.refusal(&token).await, UNAVAILABLE, "{issuer} {jwks_uri}");
    }
    assert_eq!(server.hits(), 4, "no set was asked for");

    server.answer(describe(&company.issuer, &keys));
    let door = Door::new(vec![company]);
    assert!(door.verifier.verify(&token).await.is_ok());
    assert_eq!(server.hits(), 6);
}
