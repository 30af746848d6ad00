//! Bytes on a socket as somebody hostile writes them, and the answers that come back, told apart strictly: whatever is
//! no whole answer fails the test.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::stage::{Stage, ann};

/// Longer than any connection of these tests may last: the timeouts of [`hasty`], one after the other.
const PATIENCE: Duration = Duration::from_secs(20);

/// A number that a request hidden in another one would buy.
pub const HIDDEN: &str = "+61491570001";

/// A stage whose gateway waits a second for what it usually waits longer for, so that every connection ends by itself.
pub async fn hasty() -> Stage {
    Stage::changed(
        "",
        &[("[ops]", "header_timeout = \"1s\"\nbody_timeout = \"1s\"\nidle_timeout = \"1s\"\n[ops]")],
    )
    .await
}

/// What a client does once it has sent everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// Waits.
    Waits,
    /// Says that nothing more will come.
    ClosesItsHalf,
}

/// One connection: what it is, what is sent, and the statuses of the answers until it is closed.
pub type Case = (&'static str, &'static str, &'static str);

/// An answer as it stood on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raw {
    pub status: String,
    pub head: String,
    pub body: String,
}

/// Short names of what cases are made of.
fn spelled(stage: &Stage, text: &str) -> Vec<u8> {
    let host = "Host: gateway\r\n";
    let token = format!("Authorization: Bearer {}\r\n", stage.token(&ann()));
    let number = HIDDEN.replace('+', "%2B");
    let hidden = format!(
        "POST /v3/numbers/buy/{number} HTTP/1.1\r\n{host}{token}Content-Length: 0\r\nConnection: close\r\n\r\n"
    );
    let text = text
        .replace("%LENGTH%", &hidden.len().to_string())
        .replace("%BUY%", &hidden)
        .replace("%ME%", "GET /v1/me HTTP/1.1\r\n%H%%A%")
        .replace("%POST%", "POST /v1/purchases HTTP/1.1\r\n%H%%A%")
        .replace("%10K%", &"a".repeat(10 * 1024))
        .replace("%40K%", &"a".repeat(40 * 1024))
        .replace("%H%", host)
        .replace("%A%", &token)
        .replace("%X%", "Connection: close\r\n");
    // The one escape that a text in Rust has no other way for: a byte that is not UTF-8.
    let mut bytes = Vec::new();
    for (index, part) in text.split("\u{fffd}").enumerate() {
        bytes.extend_from_slice(if index > 0 { b"\xff" } else { b"" });
        bytes.extend_from_slice(part.as_bytes());
    }
    bytes
}

/// Sends it and reads until the gateway closes.
pub async fn exchange(stage: &Stage, text: &str, then: Then) -> Vec<Raw> {
    let mut stream = TcpStream::connect(stage.api.trim_start_matches("http://")).await.unwrap();
    let mut received = Vec::new();
    let conversation = async {
        // Whoever is refused early may not be able to send the rest.
        let _ = stream.write_all(&spelled(stage, text)).await;
        if then == Then::ClosesItsHalf {
            let _ = stream.shutdown().await;
        }
        // A reset after the answer is an end as well.
        let _ = stream.read_to_end(&mut received).await;
    };
    let ended = tokio::time::timeout(PATIENCE, conversation).await;
    assert!(ended.is_ok(), "the connection stays open after {text:?}: {}", received.escape_ascii());
    answers(&received)
}

/// The answers of one connection.
pub fn answers(mut bytes: &[u8]) -> Vec<Raw> {
    let mut answers = Vec::new();
    while !bytes.is_empty() {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("no whole head: {}", bytes.escape_ascii())) + 4;
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let status = head.strip_prefix("HTTP/1.1 ").or(head.strip_prefix("HTTP/1.0 "));
        let status = status.unwrap_or_else(|| panic!("no status line: {head}"))[..3].to_owned();
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
        let is_interim = status.starts_with('1') || status == "204" || status == "304";
        let length: usize =
            if is_interim { 0 } else { length.unwrap_or_else(|| panic!("{head}")).parse().unwrap() };
        assert!(bytes.len() >= end + length, "half an answer: {}", bytes.escape_ascii());
        let body = String::from_utf8(bytes[end..end + length].to_vec()).unwrap();
        answers.push(Raw { status, head, body });
        bytes = &bytes[end + length..];
    }
    answers
}

/// Plays all cases and tells every one that went otherwise; then upstream must have heard nothing.
pub async fn play(cases: &[Case], then: Then) {
    let stage = hasty().await;
    let mut wrong = Vec::new();
    for some in cases.chunks(32) {
        let played = join_all(some.iter().map(|(_, text, _)| exchange(&stage, text, then))).await;
        for ((name, _, wanted), answers) in some.iter().zip(played) {
            let statuses: Vec<&str> = answers.iter().map(|answer| answer.status.as_str()).collect();
            if statuses.join(" ") != *wanted {
                wrong.push(format!("{name}: {statuses:?} instead of {wanted:?}: {answers:?}"));
            }
            for answer in &answers {
                check_form(name, answer);
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    super::assert_upstream_heard_nothing(&stage).await;
    stage.finish().await;
}

/// A body is empty, which is how hyper refuses what is no request, or JSON as every answer of ours.
fn check_form(name: &str, answer: &Raw) {
    let is_json = answer.body.is_empty() || serde_json::from_str::<Value>(&answer.body).is_ok();
    assert!(is_json, "{name}: {answer:?}");
    assert!(!answer.status.starts_with('5'), "{name}: {answer:?}");
}
