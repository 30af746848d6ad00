//! The two listeners: the public one, and the operators' own that the public never reaches.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use crate::config::kind::{Kind, Outcome};
use crate::config::kinds::{COUNT, READABLE_FILE, SOCKET_ADDRESS};
use crate::config::section::Section;
use crate::config::units::{DURATION, WEB_URL, WebUrl};

/// `[server]`: the public listener.
#[derive(Clone, Debug)]
pub struct Server {
    /// Address and port. Default `127.0.0.1:8080`; changing it needs a restart.
    pub listen: SocketAddr,
    /// Where people reach the gateway, without `/console`: links in notices begin with it. Default none: no links.
    pub public_url: Option<WebUrl>,
    /// Accepted `Host` headers, in lower case, without a port. Default empty: any valid one.
    pub hosts: Vec<String>,
    /// Peers whose `X-Forwarded-For` and `traceparent` are believed, read right to left. Default none.
    pub trusted_proxies: Vec<IpNet>,
    /// Certificate and key. Default none: plain HTTP behind a proxy.
    pub tls: Option<Tls>,
    /// How long a stop waits for requests in flight, 1 s to 10 min and longer than `upstream.buy_timeout`.
    /// Default 45 s.
    pub drain_grace: Duration,
    /// How long a stop still takes requests once it is not ready any more. Default none.
    pub drain_delay: Duration,
    /// From a request's first byte to the end of its head, and of a TLS handshake, 100 ms to 2 min. Default 10 s.
    pub header_timeout: Duration,
    /// From the end of the head to the end of the body, 100 ms to 10 min. Default 15 s.
    pub body_timeout: Duration,
    /// Between two requests of a connection, or two steps in which an answer is taken, 100 ms to 1 h. Default 60 s.
    pub idle_timeout: Duration,
    /// Connections at once. Default 1024.
    pub max_connections: NonZeroU32,
    /// Connections at once of one address, or of one IPv6 network of 64 bits. Default 256.
    pub max_connections_per_address: NonZeroU32,
}

/// `server.tls`: both files, PEM.
#[derive(Clone, Debug)]
pub struct Tls {
    /// The certificate chain.
    pub certificate_file: PathBuf,
    /// Its private key.
    pub key_file: PathBuf,
}

/// `[ops]`: the operators' listener, with `/livez`, `/readyz` and `/metrics`.
#[derive(Clone, Debug)]
pub struct Ops {
    /// Address and port, another than the public one. Default `127.0.0.1:9464`; changing it needs a restart.
    pub listen: SocketAddr,
}

const HOST: Kind<String> =
    Kind::text(r#"write a host name or address without scheme and port, like "numbers.example.com""#, host);

pub(super) const NETWORK: Kind<IpNet> =
    Kind::text(r#"write an address or a network, like "10.0.0.0/8" or "2001:db8::/32""#, network);

impl Server {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        Self {
            listen: section.required("listen", &SOCKET_ADDRESS),
            public_url: section.optional("public_url", &WEB_URL),
            hosts: section.list("hosts", &HOST),
            trusted_proxies: section.list("trusted_proxies", &NETWORK),
            tls: section.table("tls", tls),
            drain_grace: section.within("drain_grace", &DURATION, "1s", "10m"),
            drain_delay: section.within("drain_delay", &DURATION, "0s", "5m"),
            header_timeout: section.within("header_timeout", &DURATION, "100ms", "2m"),
            body_timeout: section.within("body_timeout", &DURATION, "100ms", "10m"),
            idle_timeout: section.within("idle_timeout", &DURATION, "100ms", "1h"),
            max_connections: section.required("max_connections", &COUNT),
            max_connections_per_address: section.required("max_connections_per_address", &COUNT),
        }
    }
}

impl Ops {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        Self { listen: section.required("listen", &SOCKET_ADDRESS) }
    }
}

fn tls(section: &mut Section<'_>) -> Option<Tls> {
    const BOTH: &str = "set certificate_file and key_file, or neither for plain HTTP behind a proxy";
    let certificate_file = section.optional("certificate_file", &READABLE_FILE);
    let key_file = section.optional("key_file", &READABLE_FILE);
    match (certificate_file, key_file) {
        (Some(certificate_file), Some(key_file)) => return Some(Tls { certificate_file, key_file }),
        (Some(_), None) if !section.is_faulty("key_file") => {
            section.refuse("certificate_file", "a certificate without its key", BOTH);
        }
        (None, Some(_)) if !section.is_faulty("certificate_file") => {
            section.refuse("key_file", "a key without its certificate", BOTH);
        }
        (Some(_), None) | (None, Some(_) | None) => {}
    }
    None
}

fn host(text: &str) -> Outcome<String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let address = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let well_formed = match address {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => text.len() <= 253 && text.bytes().all(allowed),
    };
    if well_formed { Ok(text.to_ascii_lowercase()) } else { Err("not a host".into()) }
}

fn network(text: &str) -> Outcome<IpNet> {
    let address = || text.parse::<IpAddr>().map(IpNet::from);
    text.parse().or_else(|_| address()).map_err(|_| "not a network".into())
}
