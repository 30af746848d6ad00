//! Base URLs and headers as SDKs are configured and send them (clicksend.md §1.5, §4.1, §4.2).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::Value;

use super::{AU, Row, play, row};
use crate::stage::{Stage, ann, send};

fn addresses() -> Vec<Row> {
    let spelled = |name, prefix: &str, suffix: &str| {
        row(name)
            .get(format!("{prefix}/numbers{suffix}"), "200 SUCCESS")
            .get(format!("{prefix}/numbers/search/AU{suffix}"), "200 SUCCESS")
            .post(format!("{prefix}/numbers/buy/{}{suffix}", AU.replace('+', "%2B")), "200 SUCCESS")
            .sent("search", "/path", "/v3/numbers/search/AU")
            .calls("buy", 1)
            .calls("unknown", 0)
    };
    let elsewhere = |name, path: &str, message: &'static str| {
        row(name)
            .get(path, "404 NOT_SERVED_HERE")
            .fact("/response_msg", message)
            .fact("/data", Value::Null)
            .calls("unknown", 0)
            .calls("account", 0)
    };
    let only = "this gateway serves Numbers only";
    let add = "add /v3 to the base URL";
    vec![
        spelled("as it should be", "/v3", ""),
        spelled("Python 6 with a slash at the end of the host", "//v3", ""),
        spelled("Python 6 with /v3 at the end of the host", "/v3/v3", ""),
        spelled("the same with a slash", "/v3//v3", ""),
        spelled("Node with a slash at the end of the base", "/v3/", ""),
        spelled("a slash at the end, as in upstream's links", "/v3", "/"),
        spelled("all of it", "//v3/v3//", "//"),
        elsewhere("Node without /v3: the list", "/numbers", add),
        elsewhere("Node without /v3: a search", "/numbers/search/AU?page=1", add),
        elsewhere("Node without /v3, with a slash", "//numbers/search/AU", add),
        elsewhere("the account, which shows the key in clear", "/v3/account", only),
        elsewhere("the account behind a doubled /v3", "/v3/v3/account", only),
        elsewhere("the account behind a doubled slash", "//v3//account/", only),
        elsewhere("another list of numbers", "/v3/own-numbers", only),
        elsewhere("sub-accounts", "/v3/subaccounts", only),
        elsewhere("prices", "/v3/pricing/AU?currency=AUD", only),
        elsewhere("nothing but the version", "/v3/", only),
        elsewhere("a path below a path", "/v3/numbers/search/AU/more", only),
        elsewhere("a search without a country", "/v3/numbers/search/", only),
        row("sending a message").post("/v3/sms/send", "404 NOT_SERVED_HERE").fact("/response_msg", only),
        row("a path that only begins alike").get("/v30/numbers", "404 NOT_FOUND"),
        row("another one").get("/numbersomething", "404 NOT_FOUND"),
        row("405 says NOT_FOUND, as upstream does")
            .post("/v3/numbers", "405 NOT_FOUND")
            .answers_header("allow", "GET,HEAD")
            .ask(Method::GET, "/v3/numbers/buy/%2B12025550100", "405 NOT_FOUND")
            .answers_header("allow", "POST")
            .ask(Method::DELETE, "/v3/numbers/search/AU", "405 NOT_FOUND")
            .calls("unknown", 0),
    ]
}

fn credentials() -> Vec<Row> {
    const SEARCH: &str = "/v3/numbers/search/AU";
    let basic = |name, pair: &[u8], verdict| {
        let pair = STANDARD.encode(pair);
        row(name).get(SEARCH, verdict).header("authorization", format!("Basic {pair}"))
    };
    let bearer = |name, value: &str, verdict| row(name).get(SEARCH, verdict).header("authorization", value);
    let refused = "401 UNAUTHORIZED";
    vec![
        bearer("Bearer", "Bearer {token}", "200 SUCCESS"),
        bearer("the scheme in small letters", "bearer {token}", "200 SUCCESS"),
        bearer("Node without credentials", "Basic Og==", refused)
            .answers_header("www-authenticate", "Bearer")
            .fact("/response_msg", "Authorization failed.")
            .fact("/data", Value::Null),
        bearer("no scheme", "{token}", refused),
        bearer("another scheme", "Digest {token}", refused),
        bearer("no credentials", "Basic", refused),
        bearer("nothing", "", refused),
        bearer("no base64", "Basic {token}", refused),
        basic("a password that is no token", b"ann:secret", refused),
        basic("no colon", b"ann", refused),
        basic("a token for a user name", b"x.y.z:", refused),
        row("no User-Agent, no Accept, no Content-Type").get(SEARCH, "200 SUCCESS"),
        row("what Python 6 sends")
            .get(SEARCH, "200 SUCCESS")
            .header("accept-encoding", "identity")
            .header("accept", "application/json")
            .header("user-agent", "ClickSend-SDK/6.0.2/python"),
        row("an encoding is not forced on anybody")
            .get(SEARCH, "200 SUCCESS")
            .header("accept-encoding", "gzip, br"),
        row("a GET with the type of a body that it does not have")
            .get(SEARCH, "200 SUCCESS")
            .header("content-type", "application/x-www-form-urlencoded"),
    ]
}

#[tokio::test]
async fn a_base_url_may_be_spelled_as_sdks_spell_it() {
    play(addresses()).await;
}

/// Python's SDK encodes the pair as Latin-1, and a key may hold colons, a user name none.
#[tokio::test]
async fn the_user_name_beside_a_token_may_be_anything() {
    let stage = Stage::new().await;
    let long = "u".repeat(300);
    for user in [&b""[..], b"ann", "müller".as_bytes(), b"m\xfcller", b"\xff\0", long.as_bytes()] {
        let pair = [user, b":", stage.token(&ann()).as_bytes()].concat();
        let request = stage.anonymous(Method::GET, "/v3/numbers/search/AU");
        let answer = send(request.header("authorization", format!("Basic {}", STANDARD.encode(pair)))).await;
        assert_eq!(answer.verdict(), "200 SUCCESS", "{}", user.escape_ascii());
    }
    stage.finish().await;
}

#[tokio::test]
async fn credentials_may_come_as_sdks_send_them() {
    play(credentials()).await;
}
