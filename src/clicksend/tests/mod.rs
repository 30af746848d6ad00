//! The client against a socket that misbehaves on purpose: each connection gets the next act of a script.
#![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]

mod circuit;
mod leaving_alone;
mod reading;
mod retrying;
mod tls;
mod writing;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::clicksend::{Call, ClickSend, Options, Outcome};
use crate::clock::Clock;

/// The deadline of tests that wait for one.
const SHORT: Duration = Duration::from_millis(400);
/// The deadline of all others, which only a machine that stands still would reach.
const LONG: Duration = Duration::from_secs(20);

/// What happens to one connection.
#[derive(Clone)]
enum Act {
    /// Reads the request, writes this, and keeps the connection open.
    Reply(String),
    /// Reads the request, writes this, and ends the stream.
    ReplyAndClose(String),
    /// Reads the request, writes this, and resets the connection.
    ReplyAndReset(String),
    /// Reads the request and then says nothing.
    Silence,
    /// Closes before reading a byte.
    CloseAtOnce,
    /// Writes this before reading a byte, and keeps the connection open.
    SpeakFirst(String),
}

/// An answer with a JSON body.
fn json(status: u16, body: &str) -> String {
    with_headers(status, "Content-Type: application/json\r\n", body)
}

fn with_headers(status: u16, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status} Status\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())
}

/// An envelope around `data`.
fn envelope(http_code: u16, response_code: &str, data: &str) -> String {
    format!(
        r#"{{"http_code":{http_code},"response_code":"{response_code}","response_msg":"Words.","data":{data}}}"#
    )
}

/// A server that plays one act per connection and remembers what it was sent.
struct Upstream {
    address: SocketAddr,
    requests: mpsc::UnboundedReceiver<String>,
    _server: JoinSet<()>,
}

impl Upstream {
    async fn playing(acts: impl IntoIterator<Item = Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let acts: Vec<Act> = acts.into_iter().collect();
        let (journal, requests) = mpsc::unbounded_channel();
        let mut server = JoinSet::new();
        server.spawn(async move {
            let mut open = Vec::new();
            for act in acts {
                let (stream, _) = listener.accept().await.unwrap();
                open.extend(play(act, stream, &journal).await);
            }
            std::future::pending::<()>().await;
        });
        Self { address, requests, _server: server }
    }

    fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The next request as it came, but the names of headers are in lower case.
    async fn request(&mut self) -> String {
        tokio::time::timeout(LONG, self.requests.recv()).await.unwrap().unwrap()
    }

    fn was_left_alone(&mut self) -> bool {
        self.requests.try_recv().is_err()
    }
}

async fn play(act: Act, mut stream: TcpStream, journal: &mpsc::UnboundedSender<String>) -> Option<TcpStream> {
    if !matches!(act, Act::CloseAtOnce | Act::SpeakFirst(_)) {
        journal.send(read_request(&mut stream).await).unwrap();
    }
    match act {
        Act::CloseAtOnce => None,
        Act::Silence => Some(stream),
        Act::Reply(bytes) | Act::SpeakFirst(bytes) => {
            stream.write_all(bytes.as_bytes()).await.unwrap();
            Some(stream)
        }
        Act::ReplyAndClose(bytes) => {
            stream.write_all(bytes.as_bytes()).await.unwrap();
            None
        }
        Act::ReplyAndReset(bytes) => {
            stream.write_all(bytes.as_bytes()).await.unwrap();
            stream.set_zero_linger().unwrap();
            None
        }
    }
}

async fn read_request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        bytes.push(stream.read_u8().await.unwrap());
        if bytes.ends_with(b"\r\n\r\n") {
            break;
        }
    }
    let (line, headers) = str::from_utf8(&bytes).unwrap().split_once("\r\n").unwrap();
    let headers: String = headers.lines().map(|line| lower_case_name(line) + "\r\n").collect();
    let length = headers.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body).await.unwrap();
    format!("{line}\r\n{headers}{}", String::from_utf8(body).unwrap())
}

fn lower_case_name(header: &str) -> String {
    match header.split_once(": ") {
        Some((name, value)) => format!("{}: {value}", name.to_ascii_lowercase()),
        None => header.to_owned(),
    }
}

/// A client and the calls that its observer saw.
struct Client {
    clicksend: ClickSend,
    calls: Arc<Mutex<Vec<Call>>>,
}

impl Client {
    fn of(base_url: &str) -> Self {
        Self::with(&options(base_url), Clock::system())
    }

    /// One that gives up after [`SHORT`].
    fn impatient(base_url: &str) -> Self {
        let options =
            Options { connect_timeout: SHORT, read_timeout: SHORT, buy_timeout: SHORT, ..options(base_url) };
        Self::with(&options, Clock::system())
    }

    fn with(options: &Options, clock: Clock) -> Self {
        let calls = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&calls);
        let observer = Arc::new(move |call: &Call| seen.lock().unwrap().push(*call));
        Self { clicksend: ClickSend::new(options, clock, observer).unwrap(), calls }
    }

    fn outcomes(&self) -> Vec<(Outcome, Option<u16>)> {
        self.calls.lock().unwrap().iter().map(|call| (call.outcome, call.status)).collect()
    }
}

fn options(base_url: &str) -> Options {
    Options {
        base_url: base_url.to_owned(),
        username: "acme".to_owned(),
        api_key: "open:sesame".into(),
        ca_file: None,
        proxy_url: None,
        connect_timeout: LONG,
        read_timeout: LONG,
        buy_timeout: LONG,
        people_wait: Duration::ZERO,
        buying_wait: Duration::ZERO,
        requests_per_minute: 18,
        reserved_for_buying: 33,
    }
}
