//! Connections: each request gets its own answer and in its turn, and nobody holds one without sending.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::Instant;

use super::wire::{Case, Then, answers, exchange, hasty, play};
use super::{SEARCH, assert_upstream_heard_nothing};
use crate::stage::{Stage, ann, send, somebody};

const SEVERAL: &[Case] = &[
    ("three at once", "%ME%\r\n%ME%\r\n%ME%%X%\r\n", "200 200 200"),
    ("of different routes", "%ME%\r\nGET /v3/nothing HTTP/1.1\r\n%H%%A%\r\n%ME%%X%\r\n", "200 404 200"),
    ("behind one that asks to close", "%ME%%X%\r\n%ME%\r\n", "200"),
    ("behind one that asks to close and not to", "%ME%Connection: keep-alive\r\n%X%\r\n%BUY%", "200"),
    ("behind a wrong host", "GET /v1/me HTTP/1.1\r\nHost: a b\r\n\r\n%BUY%", "400"),
    ("before nonsense", "%ME%\r\nnonsense\r\n\r\n%BUY%", "200 400"),
    ("before the first bytes of HTTP/2", "%ME%\r\nPRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "200"),
    ("a body of one in the other", "%POST%Content-Length: 4\r\n\r\n{}\r\n%ME%%X%\r\n", "400 200"),
    (
        "one that expects to be asked for its body",
        "%POST%Content-Length: 2\r\nExpect: 100-continue\r\n%X%\r\n{}",
        "100 400",
    ),
    (
        "one that wants another protocol",
        "%ME%Upgrade: websocket\r\nConnection: Upgrade, close\r\nSec-WebSocket-Version: 13\r\n\r\n%BUY%",
        "200",
    ),
    (
        "one that wants HTTP/2",
        "%ME%Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings, close\r\nHTTP2-Settings: AAMAAABk\r\n\r\n%BUY%",
        "200",
    ),
];

const UNFINISHED: &[Case] = &[
    ("nothing at all", "", ""),
    ("empty lines", "\r\n\r\n\r\n", ""),
    ("half a first line", "GET /v1/me HT", ""),
    ("half a head", "GET /v1/me HTTP/1.1\r\nHost: gate", ""),
    ("a head without its end", "%ME%", ""),
    ("a request and half of another", "%ME%\r\nGET /v1/me HT", "200"),
    ("a request and nothing more", "%ME%\r\n", "200"),
    ("half a body", "%POST%Content-Length: 100\r\n\r\n{", "400"),
    ("half a chunk", "%POST%Transfer-Encoding: chunked\r\n\r\n64\r\n{", "400"),
    ("half of HTTP/2's first bytes", "PRI * HTTP/2.0\r\n\r\nSM", ""),
];

#[tokio::test]
async fn every_request_has_its_own_answer_in_its_turn() {
    play(SEVERAL, Then::Waits).await;
}

#[tokio::test]
async fn what_is_not_finished_is_waited_for_as_long_as_is_promised() {
    play(UNFINISHED, Then::Waits).await;
}

/// Half a close is a close: what is under way may still be answered, and nothing is answered that was not asked.
#[tokio::test]
async fn who_says_that_nothing_more_comes_gets_no_more_answers_than_requests() {
    let stage = hasty().await;
    for (what, text, requests) in [
        ("a whole request", "%ME%\r\n", 1),
        ("two whole requests", "%ME%\r\n%ME%\r\n", 2),
        ("half a head", "GET /v1/me HTTP/1.1\r\nHost: gate", 0),
        ("a whole body", "%POST%Content-Length: 2\r\n\r\n{}", 1),
        ("half a body", "%POST%Content-Length: 900\r\n\r\n%BUY%", 1),
    ] {
        let answers = exchange(&stage, text, Then::ClosesItsHalf).await;
        assert!(answers.len() <= requests, "{what}: {answers:?}");
        let are_right = answers.iter().all(|answer| answer.status == "200" || answer.status == "400");
        assert!(are_right, "{what}: {answers:?}");
    }
    assert_upstream_heard_nothing(&stage).await;
    stage.finish().await;
}

#[tokio::test]
async fn answers_on_one_connection_are_those_of_its_requests() {
    let stage = hasty().await;
    let ids: Vec<String> = (0..20).map(|index| format!("request-{index}")).collect();
    let request = |id: &String| format!("%ME%X-Request-Id: {id}\r\n\r\n");
    let answers = exchange(&stage, &ids.iter().map(request).collect::<String>(), Then::Waits).await;
    assert_eq!(answers.len(), ids.len());
    for (id, answer) in ids.iter().zip(answers) {
        assert!(answer.head.contains(&format!("X-Request-Id: {id}\r\n")), "{id}: {}", answer.head);
    }
    stage.finish().await;
}

fn timeouts(header: &str, idle: &str) -> [(&'static str, String); 1] {
    [("[ops]", format!("header_timeout = \"{header}\"\nidle_timeout = \"{idle}\"\n[ops]"))]
}

async fn with_timeouts(header: &str, idle: &str) -> Stage {
    let [(usual, other)] = timeouts(header, idle);
    Stage::changed("", &[(usual, &other)]).await
}

async fn connect(stage: &Stage, from: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{from}:0").parse().unwrap()).unwrap();
    socket.connect(stage.api.trim_start_matches("http://").parse().unwrap()).await.unwrap()
}

/// Everything until the gateway closes, and after how long it did.
async fn until_closed(stream: &mut TcpStream) -> (Vec<u8>, Duration) {
    let (begun, mut received) = (Instant::now(), Vec::new());
    let read = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut received)).await;
    assert!(read.is_ok(), "the connection stays open");
    (received, begun.elapsed())
}

/// The two waits have lengths of their own, and neither is taken for the other.
#[tokio::test]
async fn a_head_has_less_time_than_the_next_request() {
    let stage = with_timeouts("500ms", "3s").await;
    let mut slow = connect(&stage, "127.0.0.1").await;
    slow.write_all(b"GET /v1/me HTTP/1.1\r\nHost:").await.unwrap();
    let (received, took) = until_closed(&mut slow).await;
    assert!(received.is_empty() && took < Duration::from_secs(2), "{took:?}");

    let mut kept = connect(&stage, "127.0.0.1").await;
    kept.write_all(b"GET /v1/me HTTP/1.1\r\nHost: gateway\r\n\r\n").await.unwrap();
    let (received, took) = until_closed(&mut kept).await;
    assert_eq!(answers(&received)[0].status, "401");
    assert!(took >= Duration::from_millis(2500), "an idle connection is kept: {took:?}");
    stage.finish().await;
}

/// A request for what is not there, and everything before it.
fn hello_of_http_2() -> Vec<u8> {
    let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    // :method GET, :scheme http, :path / from the static table; :authority literal.
    let head = [&[0x82, 0x86, 0x84, 0x41, 7][..], b"gateway"].concat();
    let headers = [&[0, 0, u8::try_from(head.len()).unwrap(), 1, 5, 0, 0, 0, 1][..], &head].concat();
    [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &settings, &headers].concat()
}

/// The one thread of client and gateway stands still for longer than a head may take, when the head was sent.
#[tokio::test]
async fn what_was_sent_in_time_is_answered_however_late_it_is_read() {
    let stage = with_timeouts("1s", "1s").await;
    let (mut one, mut two) = (connect(&stage, "127.0.0.1").await, connect(&stage, "127.0.0.1").await);
    while stage.metric("numbers_gateway_connections").await < 2 {
        tokio::task::yield_now().await;
    }
    one.write_all(b"GET /v1/me HTTP/1.1\r\nHost: gateway\r\n\r\n").await.unwrap();
    two.write_all(&hello_of_http_2()).await.unwrap();
    std::thread::sleep(Duration::from_millis(1500));
    let (received, _) = until_closed(&mut one).await;
    assert_eq!(answers(&received)[0].status, "401");
    let (received, _) = until_closed(&mut two).await;
    assert!(String::from_utf8_lossy(&received).contains("NOT_FOUND"), "{received:?}");
    stage.finish().await;
}

/// A client of HTTP/2 that has spoken and then only says that it is alive.
#[tokio::test]
async fn a_connection_of_http_2_without_requests_ends_like_any_other() {
    let stage = with_timeouts("1s", "1s").await;
    let mut stream = connect(&stage, "127.0.0.1").await;
    stream.write_all(&hello_of_http_2()).await.unwrap();
    let (mut reading, mut writing) = stream.into_split();
    let pinging = async {
        let ping = [0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
        let mut every = tokio::time::interval(Duration::from_millis(100));
        loop {
            every.tick().await;
            if writing.write_all(&ping).await.is_err() {
                return;
            }
        }
    };
    let mut received = Vec::new();
    let reading = tokio::time::timeout(Duration::from_secs(15), reading.read_to_end(&mut received));
    let (read, ()) = tokio::join!(reading, pinging);
    assert!(read.is_ok(), "the connection stays open");
    let text = String::from_utf8_lossy(&received);
    assert!(text.contains("NOT_FOUND"), "the request was answered before: {text}");
    stage.finish().await;
}

/// The head is read by then, so this is no slow head: it is an answer that nobody takes.
#[tokio::test]
async fn an_answer_that_nobody_takes_is_given_up() {
    let stage = with_timeouts("1s", "1s").await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let api = stage.api.trim_start_matches("http://").parse().unwrap();
    let mut stream = socket.connect(api).await.unwrap();
    let ask = "GET /openapi.json HTTP/1.1\r\nHost: gateway\r\n\r\n";
    // Far more than the two sockets hold.
    let _ =
        tokio::time::timeout(Duration::from_millis(500), stream.write_all(ask.repeat(200).as_bytes())).await;
    let gone = async {
        while stage.metric("numbers_gateway_connections").await > 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(15), gone).await.is_ok(), "the connection is kept");
    stage.finish().await;
}

#[tokio::test]
async fn one_address_has_so_many_connections_and_others_have_theirs() {
    let bounds = "max_connections = 6\nmax_connections_per_address = 3\n[ops]";
    let stage = Stage::changed("", &[("[ops]", bounds)]).await;
    let hello = b"GET /v1/me HTTP/1.1\r\nHost: gateway\r\n\r\n";
    let mut answered = Vec::new();
    for from in [
        "127.0.0.2",
        "127.0.0.2",
        "127.0.0.2",
        "127.0.0.2",
        "127.0.0.3",
        "127.0.0.3",
        "127.0.0.3",
        "127.0.0.4",
    ] {
        let mut stream = connect(&stage, from).await;
        let _ = stream.write_all(hello).await;
        let mut first = [0; 12];
        let read = stream.read_exact(&mut first).await;
        answered.push((from, read.is_ok(), stream));
    }
    let are_in: Vec<bool> = answered.iter().map(|(_, is_in, _)| *is_in).collect();
    assert_eq!(are_in, [true, true, true, false, true, true, true, false]);
    let metrics = stage.ops("/metrics").await.text;
    for bound in ["address", "all"] {
        let line = format!("numbers_gateway_connections_refused_total{{bound=\"{bound}\"}} 1\n");
        assert!(metrics.contains(&line), "{metrics}");
    }
    drop(answered);
    let back = async {
        while stage.metric("numbers_gateway_connections").await > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(10), back).await.is_ok(), "places come back");
    assert_eq!(stage.get(&ann(), "/v1/me").await.status, 200);
    stage.finish().await;
}

#[tokio::test]
async fn one_address_may_ask_so_often_before_anybody_looks_at_tokens() {
    let usual = "addresses = { per_second = 10000, burst = 10000 }";
    let limits = (usual, "addresses = { per_second = 1, burst = 3 }");
    let proxies = ("[ops]", "trusted_proxies = [\"127.0.0.1\"]\n[ops]");
    let stage = Stage::changed("", &[limits, proxies]).await;
    let from = async |address: &str| {
        let request = stage.anonymous(reqwest::Method::GET, "/v1/me");
        send(request.header("x-forwarded-for", address)).await
    };
    for _ in 0..3 {
        assert_eq!(from("2001:db8::1").await.status, 401);
    }
    let refused = from("1.1.1.1, 2001:db8::2").await;
    assert_eq!(refused.verdict(), "429 TOO_MANY_REQUESTS", "the same network of 64 bits");
    assert_eq!(refused.header("ratelimit-policy"), Some("\"addresses\";q=3;w=3"));
    assert!((1..=3).contains(&refused.header("retry-after").unwrap().parse::<u32>().unwrap()));
    assert_eq!(from("2001:db8:0:1::1").await.status, 401, "another network");
    assert_eq!(from("2001:db8::1, 192.0.2.1").await.status, 401, "what stands to the left is anybody's word");
    // Not a proxy of ours: its word is not taken.
    for (address, status) in
        [("198.51.100.1", "401"), ("198.51.100.2", "401"), ("198.51.100.3", "401"), ("198.51.100.4", "429")]
    {
        let mut stream = connect(&stage, "127.0.0.9").await;
        let ask = format!(
            "GET {SEARCH} HTTP/1.1\r\nHost: gateway\r\nX-Forwarded-For: {address}\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(ask.as_bytes()).await.unwrap();
        assert_eq!(answers(&until_closed(&mut stream).await.0)[0].status, status, "{address}");
    }
    assert_upstream_heard_nothing(&stage).await;
    stage.finish().await;
}

/// 500 connections that never finish their heads, from one address and from many.
#[tokio::test]
async fn five_hundred_slow_connections_keep_nobody_else_waiting() {
    let stage = with_timeouts("30s", "30s").await;
    let mut slow = Vec::new();
    for index in 0..500 {
        let from =
            if index % 2 == 0 { "127.0.0.2".to_owned() } else { format!("127.0.1.{}", 1 + index % 100) };
        let mut stream = connect(&stage, &from).await;
        stream.write_all(b"GET /v1/me HTTP/1.1\r\nHost:").await.unwrap();
        slow.push(stream);
    }
    assert!(stage.metric("numbers_gateway_connections").await >= 490);
    let begun = Instant::now();
    for index in 0..100 {
        let who = somebody("bob", "growth", "viewer");
        assert_eq!(stage.get(&who, "/v1/me").await.status, 200, "{index}");
    }
    // A connection each, a token each, on a machine that builds something else meanwhile.
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    assert!(stage.metric("numbers_gateway_connections").await >= 490, "they were there all the time");
    drop(slow);
    stage.finish().await;
}
