//! Bodies: small, plain JSON, every key once, and whole.

use reqwest::Method;

use super::{BUY, REGISTER, assert_form, assert_upstream_heard_nothing};
use crate::stage::{Answer, Stage, ann, send};

/// A list that serde would read as the body of a path.
fn in_order(path: &str) -> &'static [u8] {
    match path {
        BUY => br#"["+61491570000","mms",null]"#,
        REGISTER => br#"["a","b","c","d","e","f","g","h"]"#,
        _ => br#"["+61491570000","sms",null,null,null,null,null,null]"#,
    }
}

/// Every route that takes a body, with a key where one is needed.
async fn post(
    stage: &Stage,
    path: &str,
    kind: Option<&str>,
    encoding: Option<&str>,
    body: Vec<u8>,
) -> Answer {
    let request = stage.request(&ann(), Method::POST, path).header("idempotency-key", "k").body(body);
    let request = kind.into_iter().fold(request, |request, kind| request.header("content-type", kind));
    send(encoding.into_iter().fold(request, |request, coding| request.header("content-encoding", coding)))
        .await
}

#[tokio::test]
async fn a_body_is_small_plain_json_with_every_key_once() {
    let stage = Stage::new().await;
    let deep = format!("{}{}", r#"{"a":"#.repeat(20), "1".to_owned() + &"}".repeat(20));
    let json_type = Some("application/json");
    let padded = |length: usize| format!("{{}}{}", " ".repeat(length - 2)).into_bytes();
    for path in [BUY, REGISTER, "/v1/purchases"] {
        for (what, kind, encoding, body, verdict) in [
            ("a form", Some("application/x-www-form-urlencoded"), None, b"type=sms".to_vec(), "415"),
            ("text", Some("text/plain"), None, b"{}".to_vec(), "415"),
            ("an empty type", Some(""), None, b"{}".to_vec(), "415"),
            ("gzip", json_type, Some("gzip"), vec![0x1f, 0x8b, 8, 0], "415"),
            ("called identity", json_type, Some("identity"), b"{}".to_vec(), "415"),
            ("one byte too many", json_type, None, padded(64 * 1024 + 1), "413"),
            ("a MiB", json_type, None, padded(1024 * 1024), "413"),
            ("a key twice", json_type, None, br#"{"type":"sms","type":"mms"}"#.to_vec(), "400"),
            (
                "a key twice, once escaped",
                json_type,
                None,
                br#"{"type":"sms","\u0074ype":"mms"}"#.to_vec(),
                "400",
            ),
            (
                "a key twice, inside",
                json_type,
                None,
                br#"{"registration_data":{"state":"WA","state":"NT"}}"#.to_vec(),
                "400",
            ),
            ("too deep", json_type, None, deep.clone().into_bytes(), "400"),
            ("half of it", json_type, None, br#"{"type":"#.to_vec(), "400"),
            ("two", json_type, None, b"{}{}".to_vec(), "400"),
            ("the fields in their order", json_type, None, in_order(path).to_vec(), "400"),
            ("an empty list", json_type, None, b"[]".to_vec(), "400"),
            ("a text", json_type, None, br#""sms""#.to_vec(), "400"),
            ("no UTF-8", json_type, None, b"{\"type\":\"\xff\"}".to_vec(), "400"),
            ("a NUL", json_type, None, b"\0".to_vec(), "400"),
        ] {
            let answer = post(&stage, path, kind, encoding, body).await;
            assert_eq!(answer.status.as_str(), verdict, "{what} to {path}: {}", answer.text);
            assert_form(path, &answer);
        }
    }
    let biggest = post(&stage, BUY, json_type, None, padded(64 * 1024)).await;
    assert_eq!(biggest.verdict(), "200 SUCCESS", "64 KiB are allowed: {}", biggest.text);
    assert_eq!((stage.calls("buy").await, stage.calls("register").await), (1, 0));
    stage.finish().await;
}

#[tokio::test]
async fn a_body_that_does_not_say_its_length_is_counted_and_one_that_stops_buys_nothing() {
    let stage = Stage::new().await;
    let token = stage.token(&ann());
    let head = format!(
        "POST {BUY} HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n"
    );
    let chunk = "1000\r\n".to_owned() + &" ".repeat(0x1000) + "\r\n";
    let endless = format!("{head}Transfer-Encoding: chunked\r\n\r\n{}", chunk.repeat(17));
    let answer = stage.raw(&endless).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.contains("PAYLOAD_TOO_LARGE"), "{answer}");
    for half in [
        "Content-Length: 100\r\n\r\n{\"type\":\"sms\"",
        "Transfer-Encoding: chunked\r\n\r\n1000\r\n{}",
        "Transfer-Encoding: chunked\r\n\r\nnonsense",
    ] {
        let answer = stage.raw_half(&format!("{head}{half}")).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "), "{half}: {answer}");
    }
    assert_upstream_heard_nothing(&stage).await;
    stage.finish().await;
}
