//! The two listeners.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

/// `[server]`: the public listener.
#[derive(Clone, Debug)]
pub struct Server {
    /// Address and port. Default `127.0.0.1:8080`; changing it needs a restart.
    pub listen: SocketAddr,
    /// Accepted `Host` headers, in lower case, without a port. Default empty: any valid one.
    pub hosts: Vec<String>,
    /// Peers whose `X-Forwarded-For` and `traceparent` are believed, read right to left. Default none.
    pub trusted_proxies: Vec<IpNet>,
    /// Certificate and key. Default none: plain HTTP behind a proxy.
    pub tls: Option<Tls>,
    /// How long a stop waits for requests in flight, 1 s to 10 min and longer than `upstream.buy_timeout`.
    /// Default 45 s.
    pub drain_grace: Duration,
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
