//! The parts of `purchases.py` that must cost next to nothing: what stands for ClickSend, callers, and SQLite's bare loop.
//!
//! ```text
//! purchases upstream                                   answers searches and buys at once; prints where it is
//! purchases load HOST TOKEN CONNECTIONS SECONDS        buys; prints how many purchases a second
//! purchases replay TRANSCRIPT DATABASE SECONDS         the same statements without a gateway; prints the same
//! ```
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot run stops")]
#![expect(clippy::panic, reason = "a benchmark that cannot run stops")]
#![expect(clippy::print_stdout, reason = "the figures")]
#![expect(clippy::disallowed_methods, reason = "its arguments are all it knows")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use rusqlite::types::Value as Cell;
use serde_json::Value;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["upstream"] => upstream(),
        ["load", host, token, connections, seconds] => {
            load(host, token, connections.parse().unwrap(), seconds.parse().unwrap());
        }
        ["replay", transcript, database, seconds] => replay(transcript, database, seconds.parse().unwrap()),
        // As `cargo test` of everything calls it.
        _ => {}
    }
}

fn told(purchases: u64, began: Instant) {
    #[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "a figure to look at")]
    let each_second = purchases as f64 / began.elapsed().as_secs_f64();
    println!("{each_second:.1}");
}

/// Answers whatever is asked for, as ClickSend would if it had every number.
fn upstream() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    println!("{}", listener.local_addr().unwrap());
    for stream in listener.incoming() {
        let stream = stream.unwrap();
        stream.set_nodelay(true).unwrap();
        std::thread::spawn(move || serve(&stream));
    }
}

fn serve(stream: &TcpStream) {
    let mut reader = BufReader::new(stream);
    while let Some((request, _)) = message(&mut reader) {
        let path = request.split(' ').nth(1).unwrap();
        let data = match path {
            path if path.contains("/search/") => {
                let number = path.split("search=").nth(1).unwrap().split('&').next().unwrap();
                page(&format!(
                    r#"{{"country":"AU","dedicated_number":"+{number}","price_setup":"0.00","price_monthly":"20.71",
                        "price_total":"20.71"}}"#
                ))
            }
            path if path.contains("/buy/") => {
                let number = path.rsplit('/').next().unwrap().replace("%2B", "+");
                format!(
                    r#"{{"dedicated_number":"{number}","country":"AU","price_total":"2.76","_price_setup":"0.00",
                        "_price_monthly":"20.71","_currency":{CURRENCY}}}"#
                )
            }
            path if path.starts_with("/v3/numbers") => page(""),
            _ => "null".to_owned(),
        };
        let body =
            format!(r#"{{"http_code":200,"response_code":"SUCCESS","response_msg":"Here.","data":{data}}}"#);
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        if (&*stream).write_all(format!("{head}{body}").as_bytes()).is_err() {
            return;
        }
    }
}

const CURRENCY: &str = r#"{"currency_name_short":"AUD","currency_prefix_d":"$","currency_prefix_c":"c",
    "currency_name_long":"Australian Dollars"}"#;

fn page(row: &str) -> String {
    let total = usize::from(!row.is_empty());
    format!(
        r#"{{"total":{total},"per_page":100,"current_page":1,"last_page":1,"next_page_url":null,"prev_page_url":null,
            "from":{total},"to":{total},"data":[{row}],"_currency":{CURRENCY}}}"#
    )
}

/// A request or an answer: its first line and its body. Nothing at the end of the connection.
fn message(reader: &mut BufReader<&TcpStream>) -> Option<(String, Vec<u8>)> {
    let (mut first, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if first.is_empty() {
            line.clone_into(&mut first);
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((first, body))
}

/// Buys a number after the other on each of the connections.
fn load(host: &str, token: &str, connections: u64, seconds: u64) {
    let (began, next) = (Instant::now(), AtomicU64::new(0));
    let base = since_the_epoch().as_secs();
    let until = began + Duration::from_secs(seconds);
    std::thread::scope(|scope| {
        for _ in 0..connections {
            scope.spawn(|| {
                let stream = TcpStream::connect(host).unwrap();
                stream.set_nodelay(true).unwrap();
                let mut reader = BufReader::new(&stream);
                while Instant::now() < until {
                    let number = (base % 10_000_000) * 100_000 + next.fetch_add(1, Ordering::Relaxed);
                    let request = format!(
                        "POST /v3/numbers/buy/%2B61{number:012} HTTP/1.1\r\nhost: {host}\r\n\
                         authorization: Bearer {token}\r\ncontent-length: 0\r\n\r\n"
                    );
                    (&stream).write_all(request.as_bytes()).unwrap();
                    let (status, body) = message(&mut reader).unwrap();
                    assert!(status.contains("200"), "{status}: {}", String::from_utf8_lossy(&body));
                }
            });
        }
    });
    told(next.into_inner(), began);
}

/// What `purchases.py` wrote down: transactions of one purchase, each a list of statements.
fn replay(transcript: &str, database: &str, seconds: u64) {
    let transcript: Value = serde_json::from_str(&std::fs::read_to_string(transcript).unwrap()).unwrap();
    let connection = Connection::open(database).unwrap();
    connection
        .execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON")
        .unwrap();
    connection.set_prepared_statement_cache_capacity(512);
    let (run, began) = (since_the_epoch().as_nanos(), Instant::now());
    let mut purchases = 0;
    while began.elapsed() < Duration::from_secs(seconds) {
        for transaction in transcript.as_array().unwrap() {
            let writes = transaction["writes"].as_bool().unwrap();
            connection.execute_batch(if writes { "BEGIN IMMEDIATE" } else { "BEGIN" }).unwrap();
            let mut head =
                connection.prepare_cached("SELECT coalesce(max(seq), 0) FROM audit_events").unwrap();
            let head: i64 = head.query_row([], |row| row.get(0)).unwrap();
            for statement in transaction["statements"].as_array().unwrap() {
                let params = statement["params"].as_array().unwrap().iter();
                let params: Vec<Cell> = params.map(|param| cell(param, (run, purchases), head)).collect();
                let mut prepared = connection.prepare_cached(statement["sql"].as_str().unwrap()).unwrap();
                let mut rows = prepared.query(rusqlite::params_from_iter(params)).unwrap();
                while rows.next().unwrap_or_else(|error| panic!("{error}: {statement}")).is_some() {}
            }
            connection.execute_batch("COMMIT").unwrap();
        }
        purchases += 1;
    }
    told(purchases, began);
}

/// Names that another run does not have.
fn since_the_epoch() -> Duration {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap()
}

fn cell(param: &Value, (run, purchase): (u128, u64), head: i64) -> Cell {
    match param {
        Value::Null => Cell::Null,
        Value::Number(number) => Cell::Integer(number.as_i64().unwrap()),
        Value::String(text) => Cell::Text(text.clone()),
        of @ (Value::Bool(_) | Value::Array(_) | Value::Object(_)) => match of["is"].as_str().unwrap() {
            "blob" => Cell::Blob(vec![7; 32]),
            "event" => Cell::Integer(head + of["number"].as_i64().unwrap()),
            name => Cell::Text(format!("{name} {run} {purchase}")),
        },
    }
}
