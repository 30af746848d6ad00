//! Forms that another site sends, and pages that another site shows.

use reqwest::Method;

use super::{Browser, FORM, RULES, ben, encoded, field, pending};
use crate::stage::{Stage, ann, send};

#[tokio::test]
async fn a_form_from_elsewhere_or_without_its_token_does_nothing() {
    let stage = Stage::with(RULES).await;
    let id = pending(&stage, &ann(), "r").await;
    let path = format!("/console/purchases/{id}/reject");
    let mut browser = Browser::signed_in(&stage, &ben()).await;
    let token = browser.cookies[FORM].clone();
    let body = encoded(&[("form_token", &token), ("comment", "no")]);
    let here = stage.api.clone();
    for (headers, body) in [
        (&[][..], body.as_str()),
        (&[("origin", "https://evil.example")], &body),
        (&[("origin", "null")], &body),
        (&[("origin", "https://evil.example"), ("sec-fetch-site", "same-origin")], &body),
        (&[("origin", here.as_str()), ("sec-fetch-site", "cross-site")], &body),
        (&[("sec-fetch-site", "cross-site")], &body),
        (&[("sec-fetch-site", "same-site")], &body),
        (&[("origin", here.as_str())], "comment=no"),
        (&[("origin", here.as_str())], "comment=no&form_token="),
        (&[("origin", here.as_str())], "comment=no&form_token=00000000000000000000000000000000"),
    ] {
        let answer = browser.send(Method::POST, &path, headers, body).await;
        assert_eq!(answer.status, 403, "{headers:?} {body}");
        assert!(answer.text.contains("data-code=\"FORBIDDEN\""), "{}", answer.text);
    }
    // The token of a browser that has another one, or none.
    let mut other = Browser::signed_in(&stage, &ben()).await;
    assert_ne!(other.cookies[FORM], token);
    assert_eq!(other.send(Method::POST, &path, &[("origin", here.as_str())], &body).await.status, 403);
    browser.cookies.remove(FORM);
    assert_eq!(browser.send(Method::POST, &path, &[("origin", here.as_str())], &body).await.status, 403);
    // Signing in and out are forms as well.
    for path in ["/console/sign-in", "/console/sign-out"] {
        let answer = other.send(Method::POST, path, &[("origin", "https://evil.example")], &body).await;
        assert_eq!(answer.status, 403, "{path}");
    }
    assert_eq!(super::state(&other.page(&format!("/console/purchases/{id}")).await), "pending_approval");
    stage.finish().await;
}

#[tokio::test]
async fn a_form_is_small_and_is_a_form() {
    let stage = Stage::new().await;
    let mut browser = Browser::signed_in(&stage, &ann()).await;
    let token = browser.cookies[FORM].clone();
    let large = "a".repeat(70_000);
    assert_eq!(browser.post("/console/request", &[("reason", &large)]).await.status, 413);
    let twice = browser.post("/console/request", &[("number", "1"), ("number", "2")]).await;
    assert_eq!(twice.status, 400);
    let cookies = browser.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>();
    let json = stage.anonymous(Method::POST, "/console/request").header("cookie", cookies.join("; "));
    let json = json.header("origin", &stage.api).json(&serde_json::json!({"form_token": token}));
    assert_eq!(send(json).await.status, 415);
    let put = send(stage.anonymous(Method::PUT, "/console/request")).await;
    assert_eq!((put.status.as_u16(), put.header("allow").is_some()), (405, true));
    assert!(put.text.starts_with("<!doctype html>"), "{}", put.text);
    // A signed-out browser's form is answered with where to go, and not lost in a redirect.
    let mut out = Browser::new(&stage);
    out.get("/console/sign-in").await;
    assert_eq!(out.post("/console/request", &[("number", "+12025550100")]).await.status, 401);
    stage.finish().await;
}

#[tokio::test]
async fn no_page_holds_anything_inline_or_may_stand_in_a_frame() {
    let stage = Stage::with(RULES).await;
    let id = pending(&stage, &ann(), "r").await;
    let mut browser = Browser::signed_in(&stage, &ben().with_roles(&["administrator"])).await;
    let purchase = format!("/console/purchases/{id}");
    let paths = [
        "/console/sign-in",
        "/console/waiting",
        "/console/requests",
        "/console/purchases",
        &purchase,
        "/console/search?country=US",
        "/console/request?number=%2B12025550123&country=US",
        "/console/numbers",
        "/console/registrations",
        "/console/budgets",
        "/console/audit",
        "/console/assets/console.css",
        "/console/assets/icon.svg",
        "/console/assets/nothing.css",
        "/console/assets/..%2ftemplates%2fbase.html",
        "/console/nothing",
        "/console/purchases/nothing",
    ];
    for path in paths {
        let answer = browser.get(path).await;
        let policy = answer.header("content-security-policy").unwrap_or_else(|| panic!("{path}"));
        assert!(
            policy.starts_with("default-src 'none'; ") && policy.contains("frame-ancestors 'none'"),
            "{path}"
        );
        assert!(
            !policy.contains("unsafe") && !policy.contains("script-src") && !policy.contains("http"),
            "{path}"
        );
        assert_eq!(answer.header("x-frame-options"), Some("DENY"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(answer.header("referrer-policy"), Some("same-origin"), "{path}");
        for inline in
            ["<script", "<style", " style=", " onclick=", "javascript:", "src=\"http", "href=\"http"]
        {
            assert!(!answer.text.contains(inline), "{path} has {inline}");
        }
    }
    assert!(!field(&browser.page(&purchase).await, "quote_digest").is_empty());
    stage.finish().await;
}

#[tokio::test]
async fn a_file_that_the_browser_has_is_not_sent_again() {
    let stage = Stage::new().await;
    let first = send(stage.anonymous(Method::GET, "/console/assets/console.css")).await;
    assert_eq!((first.status.as_u16(), first.header("content-type")), (200, Some("text/css; charset=utf-8")));
    let tag = first.header("etag").unwrap();
    let again = stage.anonymous(Method::GET, "/console/assets/console.css").header("if-none-match", tag);
    let again = send(again).await;
    assert_eq!((again.status.as_u16(), again.text.as_str()), (304, ""));
    stage.finish().await;
}
