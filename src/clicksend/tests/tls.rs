//! Whom the client believes: a chain to a known root, in date, for the host it asked. Everybody else is turned
//! away before credentials leave.
//!
//! The certificates were made for this test (valid 2026 to 2126, the expired one in 2020); their keys guard nothing.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, Stream};

use super::{Client, envelope, json, options};
use crate::clicksend::{Options, ReadError};
use crate::clock::Clock;
use crate::domain::order::{Order, Sent};
use crate::domain::purchase::MessageType;

const SOLD: &str = r#"{"dedicated_number":"+61491570156"}"#;
const ACCOUNT: &str = r#"{"user_id":1,"balance":"1.00","_currency":{"currency_name_short":"AUD"}}"#;

fn certificate(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/clicksend/tests/certificates").join(name)
}

/// Serves one TLS connection and returns the plain text that it was sent. Every byte of the connection is looked
/// through as well: credentials that come in plain would be nobody's plain text.
fn serve(name: &str, data: &str) -> (String, JoinHandle<String>) {
    let chain = CertificateDer::pem_file_iter(certificate(name)).unwrap().map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_file(certificate(name)).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let reply = json(200, &envelope(200, "SUCCESS", data));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base_url = format!("https://{}", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let (socket, _) = listener.accept().unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let mut socket = Kept { socket, read: Vec::new() };
        let mut connection = ServerConnection::new(Arc::new(config)).unwrap();
        let mut stream = Stream::new(&mut connection, &mut socket);
        let mut request = vec![0; 16 * 1024];
        let length = stream.read(&mut request).unwrap_or_default();
        if length > 0 {
            stream.write_all(reply.as_bytes()).unwrap();
        }
        socket.has_no_credentials();
        request.truncate(length);
        String::from_utf8(request).unwrap()
    });
    (base_url, server)
}

/// A socket that remembers what came in.
struct Kept {
    socket: TcpStream,
    read: Vec<u8>,
}

impl Kept {
    fn has_no_credentials(&self) {
        assert!(!self.read.is_empty(), "nobody came");
        for secret in ["acme", "open:sesame", "YWNtZTpvcGVuOnNlc2FtZQ"] {
            let is_there = self.read.windows(secret.len()).any(|bytes| bytes == secret.as_bytes());
            assert!(!is_there, "{secret} was sent in plain");
        }
    }
}

impl Read for Kept {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = self.socket.read(buffer)?;
        self.read.extend(buffer.iter().take(length));
        Ok(length)
    }
}

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.socket.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.socket.flush()
    }
}

fn client(base_url: &str) -> Client {
    let options = Options { ca_file: Some(certificate("root.pem")), ..options(base_url) };
    Client::with(&options, Clock::system())
}

async fn buy(client: &Client) -> Sent<()> {
    let order = Order {
        number: "+61491570156".parse().unwrap(),
        message_type: MessageType::Sms,
        registration_data: None,
    };
    let slot = client.clicksend.reserve_buy_slot(Duration::ZERO).await.unwrap();
    match client.clicksend.buy(slot, &order, Clock::system().boot()).await {
        Sent::Done(_) => Sent::Done(()),
        Sent::Refused(refusal) => Sent::Refused(refusal),
        Sent::NotSent(reason) => Sent::NotSent(reason),
        Sent::Ambiguous(reason) => Sent::Ambiguous(reason),
    }
}

#[tokio::test]
async fn the_configured_root_is_believed() {
    let (base_url, server) = serve("good.pem", ACCOUNT);
    client(&base_url).clicksend.account().await.unwrap();
    assert!(server.join().unwrap().starts_with("GET /v3/account HTTP/1.1\r\n"));
    let (base_url, server) = serve("good.pem", SOLD);
    assert_eq!(buy(&client(&base_url)).await, Sent::Done(()));
    assert!(server.join().unwrap().starts_with("POST "));
}

#[tokio::test]
async fn anybody_else_is_turned_away_before_credentials_leave() {
    for name in ["self-signed.pem", "expired.pem", "wrong-host.pem"] {
        let (base_url, server) = serve(name, ACCOUNT);
        let read = client(&base_url).clicksend.account().await;
        assert!(matches!(read, Err(ReadError::Unavailable(_))), "{name}: {read:?}");
        assert_eq!(server.join().unwrap(), "", "{name}");
        let (base_url, server) = serve(name, SOLD);
        let sent = buy(&client(&base_url)).await;
        assert!(matches!(sent, Sent::NotSent(_)), "{name}: {sent:?}");
        assert_eq!(server.join().unwrap(), "", "{name}");
    }
}

#[tokio::test]
async fn without_the_root_the_good_one_is_a_stranger() {
    let (base_url, server) = serve("good.pem", ACCOUNT);
    let stranger = Client::of(&base_url).clicksend.account().await;
    assert!(matches!(stranger, Err(ReadError::Unavailable(_))), "{stranger:?}");
    assert_eq!(server.join().unwrap(), "");
}
