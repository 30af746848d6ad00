//! Signing in and out, and what a cookie opens.

use reqwest::Method;

use super::{Browser, FORM, SESSION, ben};
use crate::stage::{Stage, ann, send};

#[tokio::test]
async fn a_pasted_token_becomes_a_cookie_until_its_end_and_signing_out_forgets_it() {
    let stage = Stage::new().await;
    let mut browser = Browser::new(&stage);
    let shown = browser.get("/console/purchases?state=bought").await;
    assert_eq!(
        (shown.status.as_u16(), shown.header("location")),
        (303, Some("/console/sign-in?to=%2Fconsole%2Fpurchases%3Fstate%3Dbought"))
    );
    let page = browser.page(shown.header("location").unwrap()).await;
    let to = super::field(&page, "to");
    assert_eq!(super::field(&page, "form_token"), browser.cookies[FORM]);

    let token = stage.token(&ann());
    let entered =
        browser.post("/console/sign-in", &[("token", &format!("  Bearer {token}\n")), ("to", &to)]).await;
    assert_eq!(
        (entered.status.as_u16(), entered.header("location")),
        (303, Some("/console/purchases?state=bought"))
    );
    let cookie = entered.header("set-cookie").unwrap();
    let (pair, attributes) = cookie.split_once("; ").unwrap();
    assert_eq!(pair, format!("{SESSION}={token}"));
    let (attributes, end) = attributes.split_once("; Expires=").unwrap();
    assert_eq!(attributes, "Path=/; Secure; HttpOnly; SameSite=Strict");
    let end = jiff::Timestamp::strptime("%a, %d %b %Y %H:%M:%S %z", end.replace("GMT", "+0000")).unwrap();
    let seconds = end.duration_since(stage.clock.now()).as_secs();
    assert!((540..=600).contains(&seconds), "{seconds}");
    browser.page("/console/requests").await;

    let left = browser.post("/console/sign-out", &[]).await;
    assert_eq!(
        (left.status.as_u16(), left.header("location")),
        (303, Some("/console/sign-in?note=signed-out"))
    );
    assert!(!browser.cookies.contains_key(SESSION));
    assert_eq!(browser.get("/console/requests").await.status, 303);
    stage.finish().await;
}

#[tokio::test]
async fn what_is_no_token_lets_nobody_in_and_says_what_to_do() {
    let stage = Stage::new().await;
    let mut browser = Browser::new(&stage);
    browser.get("/console/sign-in").await;
    let forged = format!("{}x", stage.token(&ann()));
    for (token, told) in [
        ("", "Paste a token first"),
        ("Bearer ", "is not accepted here"),
        ("not a token", "is not accepted here"),
        (forged.as_str(), "is not accepted here"),
        (&"a".repeat(4000), "longer than a browser keeps"),
    ] {
        let answer = browser.post("/console/sign-in", &[("token", token)]).await;
        assert_eq!(answer.status, 401, "{token}");
        assert!(
            answer.text.contains(told) && answer.text.contains("id=\"sign-in\""),
            "{token}: {}",
            answer.text
        );
        assert!(!browser.cookies.contains_key(SESSION));
    }
    browser.cookies.insert(SESSION.to_owned(), forged);
    assert_eq!(browser.get("/console/requests").await.status, 303);
    stage.finish().await;
}

#[tokio::test]
async fn after_signing_in_nobody_is_sent_to_another_host() {
    let stage = Stage::new().await;
    for to in [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "/console//evil.example",
        "/v1/me",
        "javascript:x",
    ] {
        let mut browser = Browser::new(&stage);
        browser.get("/console/sign-in").await;
        let entered = browser.post("/console/sign-in", &[("token", &stage.token(&ann())), ("to", to)]).await;
        assert_eq!((entered.status.as_u16(), entered.header("location")), (303, Some("/console/")), "{to}");
    }
    stage.finish().await;
}

#[tokio::test]
async fn the_cookie_opens_no_api_and_a_token_in_a_header_opens_no_page() {
    let stage = Stage::new().await;
    let mut browser = Browser::signed_in(&stage, &ann()).await;
    for path in ["/v1/me", "/v1/purchases", "/v3/numbers"] {
        assert_eq!(browser.get(path).await.status, 401, "{path}");
    }
    let bearer = stage.get(&ann(), "/console/requests").await;
    assert_eq!(bearer.status, 303);
    let basic =
        stage.anonymous(Method::GET, "/console/requests").basic_auth("ann", Some(stage.token(&ann())));
    assert_eq!(send(basic).await.status, 303);
    stage.finish().await;
}

#[tokio::test]
async fn a_proxys_header_signs_in_by_itself_and_counts_before_a_cookie() {
    let stage = Stage::with("[auth]\ntoken_header = \"X-Proxy-Token\"").await;
    let mut browser = Browser::signed_in(&stage, &ann()).await;
    let token = stage.token(&ben());
    let page = browser.send(Method::GET, "/console/waiting", &[("x-proxy-token", token.as_str())], "").await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("Ben Ray") && !page.text.contains("id=\"sign-out\""), "{}", page.text);
    let refused = browser.send(Method::GET, "/console/requests", &[("x-proxy-token", "none")], "").await;
    assert_eq!(refused.status, 303);
    stage.finish().await;
}

#[tokio::test]
async fn a_link_from_another_site_is_followed_through_a_page_of_ours() {
    let stage = Stage::new().await;
    let mut browser = Browser::new(&stage);
    // A strict cookie does not come along with it.
    let path = "/console/purchases/x?note=%22%3E";
    let onward = browser.send(Method::GET, path, &[("sec-fetch-site", "cross-site")], "").await;
    assert_eq!(onward.status, 200);
    assert!(onward.text.contains("content=\"0; url=/console/purchases/x?note=%22%3E\""), "{}", onward.text);
    assert!(onward.header("location").is_none());
    assert_eq!(browser.get(path).await.status, 303);
    stage.finish().await;
}
