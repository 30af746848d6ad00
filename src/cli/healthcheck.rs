//! `healthcheck`: asks a running gateway whether it is ready, for a container without a shell.
//!
//! One request over a plain socket, so that a check every few seconds costs no HTTP client, no TLS and no runtime.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::{Duration, Instant};

use clap::Args;
use http::Uri;

use super::{Failure, output};

/// From connecting to the last byte: shorter than the 5 s after which a container's check is ended from outside.
const WITHIN: Duration = Duration::from_secs(4);
/// Readiness is a small page; what is longer is somebody else's.
const LONGEST_ANSWER: u64 = 64 << 10;

/// Exits with 0 when the gateway is ready, otherwise with 69.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  numbers-gateway healthcheck --url http://127.0.0.1:9464/readyz")]
pub(super) struct Healthcheck {
    /// The readiness page of the operators' listener: plain HTTP.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9464/readyz", value_parser = url)]
    url: Uri,
}

fn url(text: &str) -> Result<Uri, String> {
    let url: Uri = text.parse().map_err(|error: http::uri::InvalidUri| error.to_string())?;
    if url.scheme_str() == Some("http") && url.host().is_some() {
        return Ok(url);
    }
    Err("write an http URL: the operators' listener speaks plain HTTP".to_owned())
}

impl Healthcheck {
    pub(super) fn run(self) -> Result<(), Failure> {
        let answer =
            ask(&self.url).map_err(|error| Failure::dependency(format_args!("{}: {error}", self.url)))?;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        if head.starts_with("HTTP/1.1 200") {
            return output::result("ready");
        }
        let status = head.lines().next().unwrap_or_default();
        Err(Failure::dependency(format_args!("{}: {status}\n{body}", self.url)))
    }
}

/// The answer, head and body, as far as it fits.
fn ask(url: &Uri) -> io::Result<String> {
    let deadline = Instant::now() + WITHIN;
    let left = || match deadline.saturating_duration_since(Instant::now()) {
        Duration::ZERO => Err(io::Error::from(ErrorKind::TimedOut)),
        left => Ok(left),
    };
    let host = url.host().unwrap_or_default();
    let target = (host.trim_matches(['[', ']']), url.port_u16().unwrap_or(80));
    let mut stream = None;
    for address in target.to_socket_addrs()? {
        stream = Some(TcpStream::connect_timeout(&address, left()?));
        if matches!(stream, Some(Ok(_))) {
            break;
        }
    }
    let mut stream = stream.unwrap_or_else(|| Err(ErrorKind::NotFound.into()))?;
    stream.set_write_timeout(Some(left()?))?;
    let path = url.path_and_query().map_or("/", |path| path.as_str());
    let authority = url.authority().map_or(host, |authority| authority.as_str());
    let request = format!("GET {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n");
    // In one piece: a server may answer and close as soon as it has read the first one.
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    let mut reader = stream.try_clone()?.take(LONGEST_ANSWER);
    // Per read, so that an answer in drops does not outlast the deadline.
    loop {
        stream.set_read_timeout(Some(left()?))?;
        let mut piece = [0; 4096];
        match reader.read(&mut piece)? {
            0 => return Ok(String::from_utf8_lossy(&answer).into_owned()),
            read => answer.extend_from_slice(piece.get(..read).unwrap_or_default()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]

    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;
    use std::thread;

    use super::{Failure, Healthcheck, url};
    use crate::cli::Status;

    /// Checks a server that answers one request with this; also gives the request.
    fn check(answer: &'static str) -> (Result<(), Failure>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let check =
            Healthcheck { url: url(&format!("http://{}/readyz", listener.local_addr().unwrap())).unwrap() };
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let read = stream.read(&mut request).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8_lossy(request.get(..read).unwrap()).into_owned()
        });
        (check.run(), server.join().unwrap())
    }

    #[test]
    fn only_200_is_ready() {
        let (ready, request) = check("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}");
        assert_eq!(ready, Ok(()));
        assert!(request.starts_with("GET /readyz HTTP/1.1\r\nHost: 127.0.0.1:"), "{request}");
        let (draining, _) = check("HTTP/1.1 503 Service Unavailable\r\n\r\n{\"state\":\"draining\"}");
        let failure = draining.unwrap_err();
        assert_eq!(failure.status, Status::Dependency);
        assert!(failure.message.ends_with("HTTP/1.1 503 Service Unavailable\n{\"state\":\"draining\"}"));
        assert_eq!(check("").0.unwrap_err().status, Status::Dependency);
    }

    #[test]
    fn nobody_listening_is_not_ready() {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let check = Healthcheck { url: url(&format!("http://{free}/readyz")).unwrap() };
        assert_eq!(check.run().unwrap_err().status, Status::Dependency);
    }
}
