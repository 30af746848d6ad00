//! Searches, lists and the account.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::{Act, Client, Upstream, envelope, json, options, with_headers};
use crate::clicksend::{Call, ClickSend, Credentials, ListFilter, Options, Outcome, Purpose, ReadError};
use crate::clock::Clock;
use crate::domain::search::{SearchMode, SearchQuery};

const OFFERS: &str = r#"{"total":1,"per_page":100,"current_page":1,"last_page":1,
    "next_page_url":"https://evil.example/?page=2","prev_page_url":null,"from":1,"to":1,
    "data":[{"country":"AU","country_name":"Australia","dedicated_number":"+61491570156","price_setup":"0.0000",
        "price_monthly":"20.7100","price_total":"20.7100","address_requirement":null}],
    "_currency":{"currency_name_short":"AUD","currency_prefix_d":"$","currency_prefix_c":"c",
        "currency_name_long":"Australian Dollars"}}"#;

fn query(pattern: &str) -> SearchQuery {
    SearchQuery::new("AU".parse().unwrap(), pattern, SearchMode::EndsWith)
}

async fn search(upstream: &Upstream) -> Result<u64, ReadError> {
    let client = Client::of(&upstream.base_url());
    client.clicksend.search(&query("0156"), 1, Purpose::People).await.map(|page| page.total)
}

#[tokio::test]
async fn a_search_sends_typed_parameters_and_returns_offers() {
    let mut upstream = Upstream::playing([Act::Reply(json(200, &envelope(200, "SUCCESS", OFFERS)))]).await;
    let client = Client::of(&upstream.base_url());
    let page = client.clicksend.search(&query("0156"), 3, Purpose::People).await.unwrap();
    assert_eq!(page.total, 1);
    assert_eq!(page.offers.first().unwrap().terms.price_monthly.as_deref(), Some("20.7100"));
    assert_eq!(page.currency.unwrap().currency_name_short.as_deref(), Some("AUD"));
    assert_eq!(client.outcomes(), [(Outcome::Success, Some(200))]);

    let request = upstream.request().await;
    assert!(
        request
            .starts_with("GET /v3/numbers/search/AU?page=3&limit=100&search=0156&search_type=2 HTTP/1.1\r\n"),
        "{request}"
    );
    let agent = concat!("user-agent: numbers-gateway/", env!("CARGO_PKG_VERSION"));
    let mut names: Vec<_> = request.lines().skip(1).filter_map(|line| line.split_once(':')).collect();
    names.sort_unstable();
    assert_eq!(
        names.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
        ["accept", "authorization", "host", "user-agent"]
    );
    let credentials = BASE64.encode("acme:open:sesame");
    assert!(request.contains(&format!("\r\nauthorization: Basic {credentials}\r\n")), "{request}");
    assert!(request.contains(agent), "{request}");
}

#[tokio::test]
async fn an_empty_pattern_is_not_sent() {
    let mut upstream = Upstream::playing([Act::Reply(json(200, &envelope(200, "SUCCESS", OFFERS)))]).await;
    let client = Client::of(&upstream.base_url());
    client.clicksend.search(&query(""), 1, Purpose::Buying).await.unwrap();
    assert!(upstream.request().await.starts_with("GET /v3/numbers/search/AU?page=1&limit=100 HTTP/1.1\r\n"));
}

#[tokio::test]
async fn a_list_asks_for_a_hundred_rows_and_one_filter() {
    let empty = r#"{"total":0,"current_page":1,"last_page":0,"next_page_url":null,"_currency":null}"#;
    let reply = || Act::ReplyAndClose(json(200, &envelope(200, "SUCCESS", empty)));
    let mut upstream = Upstream::playing([reply(), reply()]).await;
    let client = Client::of(&upstream.base_url());
    let page = client.clicksend.owned_page(1, ListFilter::default(), Purpose::Buying).await.unwrap();
    assert_eq!((page.total, page.last_page, page.numbers.len()), (0, 0, 0));
    assert!(upstream.request().await.starts_with("GET /v3/numbers?page=1&limit=100 HTTP/1.1\r\n"));
    let filter = ListFilter { exclude_10dlc_campaign: true };
    client.clicksend.owned_page(2, filter, Purpose::People).await.unwrap();
    let request = upstream.request().await;
    assert!(
        request.starts_with("GET /v3/numbers?page=2&limit=100&exclude_10dlc_campaign=true HTTP/1.1\r\n"),
        "{request}"
    );
}

#[tokio::test]
async fn links_in_an_answer_are_never_followed() {
    let mut elsewhere = Upstream::playing([Act::Silence]).await;
    let page = OFFERS
        .replace("https://evil.example", &elsewhere.base_url())
        .replace("\"last_page\":1", "\"last_page\":9");
    let redirect = format!("Location: {}/v3/numbers\r\n", elsewhere.base_url());
    let redirect = || Act::ReplyAndClose(with_headers(302, &redirect, &envelope(200, "SUCCESS", &page)));
    let upstream = Upstream::playing([
        Act::ReplyAndClose(json(200, &envelope(200, "SUCCESS", &page))),
        redirect(),
        redirect(),
        redirect(),
    ])
    .await;
    let client = Client::of(&upstream.base_url());
    client.clicksend.search(&query("1"), 1, Purpose::People).await.unwrap();
    let redirected = client.clicksend.search(&query("1"), 2, Purpose::People).await;
    assert!(matches!(redirected, Err(ReadError::Unavailable(_))), "{redirected:?}");
    assert!(elsewhere.was_left_alone());
}

#[tokio::test]
async fn a_configured_proxy_is_asked_instead_of_the_name_service() {
    let account = r#"{"user_id":1,"balance":"1","_currency":{"currency_name_short":"AUD"}}"#;
    let mut proxy = Upstream::playing([Act::Reply(json(200, &envelope(200, "SUCCESS", account)))]).await;
    let options = Options { proxy_url: Some(proxy.base_url().into()), ..options("http://upstream.invalid") };
    Client::with(&options, Clock::system()).clicksend.account().await.unwrap();
    let request = proxy.request().await;
    assert!(request.starts_with("GET http://upstream.invalid/v3/account HTTP/1.1\r\n"), "{request}");
}

#[tokio::test]
async fn an_account_is_read_without_its_key() {
    let data = r#"{"user_id":4711,"balance":"-12.3456789","auto_recharge":1,"active":"1","banned":0,"ai_enabled":1,
        "_currency":{"currency_name_short":"AUD"},"_subaccount":{"api_key":"LEAK-ME-NOT"}}"#;
    let upstream = Upstream::playing([Act::Reply(json(200, &envelope(200, "SUCCESS", data)))]).await;
    let account = Client::of(&upstream.base_url()).clicksend.account().await.unwrap();
    assert_eq!((account.user_id, account.balance.micros()), (4711, -12_345_678));
    assert_eq!(
        (account.auto_recharge, account.active, account.banned),
        (Some(true), Some(true), Some(false))
    );
    assert!(!format!("{account:?}").contains("LEAK"));
}

#[tokio::test]
async fn a_throttled_read_says_how_long_and_then_sends_nothing() {
    let limited = envelope(429, "HTTP_TOO_MANY_REQUESTS", "null");
    let reply = with_headers(429, "ratelimit-reset: 39\r\nRetry-After: 39\r\n", &limited);
    let mut upstream = Upstream::playing([Act::ReplyAndClose(reply)]).await;
    let client = Client::of(&upstream.base_url());
    for attempt in ["upstream's word", "ours"] {
        let error = client.clicksend.search(&query("1"), 1, Purpose::Buying).await.unwrap_err();
        let ReadError::Busy { retry_after } = error else { unreachable!("{attempt}: {error}") };
        let announced = Duration::from_secs(37)..=Duration::from_secs(39);
        assert!(announced.contains(&retry_after), "{attempt}: {retry_after:?}");
    }
    upstream.request().await;
    assert!(upstream.was_left_alone());
    assert_eq!(client.outcomes(), [(Outcome::Throttled, Some(429)), (Outcome::Limited, None)]);
}

#[tokio::test]
async fn nothing_left_in_the_window_pauses_the_endpoint_and_no_other() {
    let headers = "x-ratelimit-remaining: 0\r\nratelimit-reset: 500\r\n";
    let reply = with_headers(200, headers, &envelope(200, "SUCCESS", OFFERS));
    let account = r#"{"user_id":1,"balance":"1","_currency":{"currency_name_short":"AUD"}}"#;
    let upstream = Upstream::playing([
        Act::ReplyAndClose(reply),
        Act::Reply(json(200, &envelope(200, "SUCCESS", account))),
    ])
    .await;
    let client = Client::of(&upstream.base_url());
    client.clicksend.search(&query("1"), 1, Purpose::People).await.unwrap();
    let error = client.clicksend.search(&query("1"), 1, Purpose::People).await.unwrap_err();
    let ReadError::Busy { retry_after } = error else { unreachable!("{error}") };
    assert!(retry_after <= Duration::from_mins(2), "bounded: {retry_after:?}");
    client.clicksend.account().await.unwrap();
}

#[tokio::test]
async fn refused_credentials_are_remembered_until_a_call_succeeds() {
    let replies = [
        json(401, &envelope(401, "UNAUTHORIZED", "null")),
        json(503, "<html>busy</html>"),
        json(503, "<html>busy</html>"),
        json(503, "<html>busy</html>"),
        json(200, &envelope(200, "SUCCESS", OFFERS)),
    ];
    let mut upstream = Upstream::playing(replies.map(Act::ReplyAndClose)).await;
    let client = Client::of(&upstream.base_url());
    let search = || async { client.clicksend.search(&query("1"), 1, Purpose::People).await };
    let error = search().await.unwrap_err();
    assert!(matches!(&error, ReadError::CredentialsRefused(refusal) if refusal.status == 401), "{error}");
    assert!(client.clicksend.credentials_refused());
    assert!(matches!(search().await, Err(ReadError::Unavailable(_))));
    assert!(client.clicksend.credentials_refused(), "a broken answer says nothing about credentials");
    assert!(client.clicksend.replace_credentials(Credentials::new("acme", &"new".into()).unwrap()));
    search().await.unwrap();
    assert!(!client.clicksend.credentials_refused());
    for _ in 0..4 {
        upstream.request().await;
    }
    assert!(upstream.request().await.contains(&BASE64.encode("acme:new")));
}

#[tokio::test]
async fn what_is_no_answer_of_clicksends_makes_it_unavailable() {
    let huge = envelope(200, "SUCCESS", &OFFERS.replace("Dollars", &"x".repeat(3 * 1024 * 1024)));
    let endless = format!(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{huge}\r\n0\r\n\r\n",
        huge.len()
    );
    let redirect = with_headers(302, "Location: https://evil.example/\r\n", "");
    let success = envelope(200, "SUCCESS", OFFERS);
    for (name, act) in [
        ("closed at once", Act::CloseAtOnce),
        ("closed after reading", Act::ReplyAndClose(String::new())),
        ("reset in the header", Act::ReplyAndReset("HTTP/1.1 200 OK\r\nContent-".to_owned())),
        ("cut in the body", Act::ReplyAndClose(json(200, &success).replace("\r\n\r\n", "0\r\n\r\n"))),
        ("no HTTP", Act::ReplyAndClose("220 mail.example ESMTP\r\n".to_owned())),
        ("too big", Act::ReplyAndClose(with_headers(200, "", &huge))),
        ("too big in chunks", Act::ReplyAndClose(endless)),
        ("a redirect", Act::ReplyAndClose(redirect)),
        ("HTML", Act::ReplyAndClose(json(200, "<!doctype html><title>Login</title>"))),
        ("a firewall's 403", Act::ReplyAndClose(json(403, "<html>blocked</html>"))),
        ("somebody else's JSON", Act::ReplyAndClose(json(404, r#"{"error":"no route"}"#))),
        ("a list", Act::ReplyAndClose(json(200, r#"[200,"SUCCESS","Words.",null,null]"#))),
        ("5xx in the envelope", Act::ReplyAndClose(json(200, &envelope(500, "ERROR", "null")))),
        ("201", Act::ReplyAndClose(json(201, &success))),
        ("204", Act::ReplyAndClose("HTTP/1.1 204 No Content\r\n\r\n".to_owned())),
    ] {
        let result = search(&Upstream::playing([act.clone(), act.clone(), act]).await).await;
        assert!(matches!(result, Err(ReadError::Unavailable(_))), "{name}: {result:?}");
    }
}

#[tokio::test]
async fn an_answer_that_does_not_end_in_time_is_given_up_and_its_time_is_over() {
    for act in [Act::Silence, Act::Reply("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{".to_owned())] {
        let upstream = Upstream::playing([act]).await;
        let client = Client::impatient(&upstream.base_url());
        let account = client.clicksend.account().await;
        assert!(matches!(account, Err(ReadError::Unavailable(_))), "{account:?}");
        assert_eq!(client.calls.lock().unwrap().len(), 1, "no time is left to ask again");
    }
}

#[tokio::test]
async fn an_error_inside_a_200_has_its_own_status() {
    for (status, body, expected) in [
        (200, envelope(404, "NOT_FOUND", "null"), 404),
        (200, envelope(200, "INVALID_RECIPIENT", "null"), 200),
        (405, envelope(405, "NOT_FOUND", "null"), 405),
        (400, envelope(400, "BAD_REQUEST", r#"{"country":"No."}"#), 400),
    ] {
        let result = search(&Upstream::playing([Act::Reply(json(status, &body))]).await).await;
        let Err(ReadError::Refused(refusal)) = result else { unreachable!("{body}: {result:?}") };
        assert_eq!((refusal.status, refusal.response_msg.as_str()), (expected, "Words."), "{body}");
    }
    let inner = |code| json(200, &envelope(code, "NO", "null"));
    let result = search(&Upstream::playing([Act::Reply(inner(401))]).await).await;
    assert!(matches!(result, Err(ReadError::CredentialsRefused(_))), "{result:?}");
    let result = search(&Upstream::playing([Act::Reply(inner(429))]).await).await;
    assert!(matches!(result, Err(ReadError::Busy { .. })), "{result:?}");
}

#[test]
fn faults_in_the_options_are_told_before_any_call() {
    let fault = |change: fn(&mut Options)| {
        let mut options = options("https://rest.example.com");
        change(&mut options);
        let client = ClickSend::new(&options, Clock::system(), Arc::new(|_: &Call| ()));
        client.err().map(|error| error.to_string()).unwrap_or_default()
    };
    assert_eq!(fault(|_| ()), "");
    assert_eq!(fault(|options| options.base_url.push('/')), "");
    assert!(fault(|options| options.base_url.push_str("/v3")).contains("/v3 is added"));
    assert!(fault(|options| options.base_url = "rest.example.com".into()).starts_with("base_url"));
    assert!(fault(|options| options.base_url = "ftp://rest.example.com".into()).contains("https://"));
    assert!(fault(|options| options.base_url = "https://a:b@example.com".into()).contains("credentials"));
    assert!(fault(|options| options.username = "a:b".into()).contains("colon"));
    assert!(fault(|options| options.api_key = "".into()).contains("empty"));
    assert!(fault(|options| options.requests_per_minute = 0).contains("at least 1"));
    assert!(fault(|options| options.reserved_for_buying = 91).contains("90"));
    assert!(fault(|options| options.ca_file = Some("/nowhere/ca.pem".into())).contains("/nowhere/ca.pem"));
    let proxy = fault(|options| options.proxy_url = Some("http://secret@".into()));
    assert!(proxy.contains("proxy_url") && !proxy.contains("secret"), "{proxy}");
}
