//! Heads of requests: tokens, methods, hosts, sizes, ids.

use reqwest::Method;

use super::{ROUTES, SEARCH, assert_form, assert_upstream_heard_nothing};
use crate::stage::{Stage, ann, send};

#[tokio::test]
async fn nobody_without_a_token_passes_and_nobody_learns_why() {
    let stage = Stage::new().await;
    let token = stage.token(&ann());
    let (head, claims_and_signature) = token.split_once('.').unwrap();
    let (claims, signature) = claims_and_signature.split_once('.').unwrap();
    let tokens = [
        String::new(),
        "x".into(),
        format!("{head}.{claims}."),
        format!("{head}.{claims}"),
        format!("{head}.{claims}.{}", signature.chars().rev().collect::<String>()),
        format!("{token}="),
        format!("eyJhbGciOiJub25lIn0.{claims}."),
        "a".repeat(17 * 1024),
    ];
    for (path, methods) in ROUTES {
        if path.starts_with("/problems") {
            continue;
        }
        let method = if methods.contains("GET") { Method::GET } else { Method::POST };
        let mut bodies = vec![send(stage.anonymous(method.clone(), path)).await];
        for token in &tokens {
            bodies.push(send(stage.anonymous(method.clone(), path).bearer_auth(token)).await);
        }
        let twice = stage.request(&ann(), method, path).header("authorization", "Bearer x");
        bodies.push(send(twice).await);
        for answer in &bodies {
            assert_eq!(answer.verdict(), "401 UNAUTHORIZED", "{path}");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"), "{path}");
            assert_eq!(answer.text, bodies[0].text, "{path}");
            assert_form(path, answer);
        }
    }
    assert_upstream_heard_nothing(&stage).await;
    stage.finish().await;
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_ones() {
    let stage = Stage::new().await;
    for (path, allowed) in ROUTES {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"] {
            if allowed.split(',').any(|one| one == method) {
                continue;
            }
            let answer = send(stage.request(&ann(), method.parse().unwrap(), path)).await;
            let is_own = path.starts_with("/v1") || path.starts_with("/problems");
            let code = if is_own { "METHOD_NOT_ALLOWED" } else { "NOT_FOUND" };
            assert_eq!(answer.verdict(), format!("405 {code}"), "{method} {path}");
            let mut told: Vec<&str> = answer.header("allow").unwrap().split(',').collect();
            told.sort_unstable();
            assert_eq!(told.join(","), allowed, "{method} {path}");
            assert_form(path, &answer);
        }
    }
    assert_upstream_heard_nothing(&stage).await;
    stage.finish().await;
}

#[tokio::test]
async fn a_request_names_one_host() {
    let stage = Stage::new().await;
    let token = stage.token(&ann());
    for (what, target, hosts, verdict) in [
        ("one", "/v1/me", "Host: gateway\r\n", "200"),
        ("one with a port", "/v1/me", "Host: gateway:8080\r\n", "200"),
        ("an address", "/v1/me", "Host: 127.0.0.1\r\n", "200"),
        ("an IPv6 address", "/v1/me", "Host: [::1]\r\n", "200"),
        ("an IPv6 address with a port", "/v1/me", "Host: [::1]:8080\r\n", "200"),
        ("the same in the target", "http://gateway/v1/me", "Host: gateway\r\n", "200"),
        ("none", "/v1/me", "", "400"),
        ("an empty one", "/v1/me", "Host:\r\n", "400"),
        ("two", "/v1/me", "Host: gateway\r\nHost: gateway\r\n", "400"),
        ("two others", "/v1/me", "Host: gateway\r\nHost: evil.example\r\n", "400"),
        ("a list", "/v1/me", "Host: gateway, evil.example\r\n", "400"),
        ("a path", "/v1/me", "Host: gateway/v1\r\n", "400"),
        ("a user", "/v1/me", "Host: gateway@evil.example\r\n", "400"),
        ("a space", "/v1/me", "Host: gate way\r\n", "400"),
        ("a scheme", "/v1/me", "Host: http://gateway\r\n", "400"),
        ("a port that is none", "/v1/me", "Host: gateway:http\r\n", "400"),
        ("half an address", "/v1/me", "Host: [::1\r\n", "400"),
        ("not ASCII", "/v1/me", "Host: g\u{e4}teway\r\n", "400"),
        ("another in the target", "http://evil.example/v1/me", "Host: gateway\r\n", "400"),
        ("only in the target", "http://gateway/v1/me", "", "400"),
    ] {
        let request = format!("GET {target} HTTP/1.1\r\n{hosts}Authorization: Bearer {token}\r\n");
        // Whoever is refused is sent away; the others ask for it.
        let end = if verdict == "200" { "Connection: close\r\n\r\n" } else { "\r\n" };
        let answer = stage.raw(format!("{request}{end}")).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {verdict} ")), "{what}: {answer}");
    }
    stage.finish().await;
}

#[tokio::test]
async fn only_configured_hosts_are_answered() {
    let stage = Stage::changed("", &[("[ops]", "hosts = [\"numbers.example\", \"[::1]\"]\n[ops]")]).await;
    for (host, verdict) in [
        ("numbers.example", "401"),
        ("NUMBERS.example:443", "401"),
        ("[::1]", "401"),
        ("[::1]:8080", "401"),
        ("numbers.example.evil.example", "400"),
        ("127.0.0.1", "400"),
    ] {
        let answer =
            stage.raw(format!("GET {SEARCH} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {verdict} ")), "{host}: {answer}");
    }
    stage.finish().await;
}

#[tokio::test]
async fn a_head_has_at_most_64_lines_and_32_kib() {
    let stage = Stage::new().await;
    let lines = |count: usize| "X-More: 1\r\n".repeat(count);
    let long = |bytes: usize| format!("X-Long: {}\r\n", "a".repeat(bytes));
    for (what, more, verdict) in [
        ("62 more", lines(62), "401"),
        ("63 more", lines(63), "431"),
        ("31 KiB", long(31 * 1024), "401"),
        ("33 KiB", long(33 * 1024), "431"),
    ] {
        let request = format!("GET {SEARCH} HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n{more}\r\n");
        let answer = stage.raw(request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {verdict} ")), "{what}: {answer}");
    }
    stage.finish().await;
}

#[tokio::test]
async fn a_request_keeps_its_id_if_it_is_sane_and_gets_one_if_not() {
    let stage = Stage::new().await;
    let longest = "i".repeat(128);
    for id in ["a", "01J9Z-req_1.2:3", &longest] {
        for path in ["/v1/me", SEARCH, "/nothing", "/v3/sms/send"] {
            let answer = send(stage.request(&ann(), Method::GET, path).header("x-request-id", id)).await;
            assert_eq!(answer.header("x-request-id"), Some(id), "{path}");
        }
    }
    let too_long = "i".repeat(129);
    let mut seen = Vec::new();
    for id in ["", "a b", "a\"b", "<script>", "a,b", &too_long] {
        let answer = send(stage.anonymous(Method::GET, "/v1/me").header("x-request-id", id)).await;
        let own = answer.header("x-request-id").unwrap().to_owned();
        assert!(own != id && own.len() == 36, "{id}: {own}");
        seen.push(own);
    }
    seen.push(stage.get(&ann(), "/v1/me").await.header("x-request-id").unwrap().to_owned());
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 7, "every id is new: {seen:?}");
    stage.finish().await;
}
