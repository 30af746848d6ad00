//! What the client has to be told, and what is wrong with it.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

/// Where upstream is, who we are there, and how long and how often it may be asked.
#[derive(Clone, Debug)]
pub struct Options {
    /// Scheme, host and port, without `/v3`: `https://rest.clicksend.com`.
    pub base_url: String,
    /// ClickSend's API user name; never a colon in it.
    pub username: String,
    /// ClickSend's API key.
    pub api_key: SecretString,
    /// A PEM file of root certificates that are trusted beside the platform's.
    pub ca_file: Option<PathBuf>,
    /// The only way a proxy is ever used; the environment is not asked. A secret, because it may carry a password.
    pub proxy_url: Option<SecretString>,
    /// For name, TCP and TLS together.
    pub connect_timeout: Duration,
    /// For a whole search, list or account call, connecting and reading included.
    pub read_timeout: Duration,
    /// For a buy or registration after connecting; the whole exchange ends after `connect_timeout` and this.
    pub buy_timeout: Duration,
    /// How long a person's search or list waits for the outbound limiter; 2 s is what a person does not notice.
    pub people_wait: Duration,
    /// The same for calls made for buying; 10 s is the patience of a reconciler.
    pub buying_wait: Duration,
    /// Calls per endpoint in any 60 s, at least 1. 20 were measured on one endpoint; 18 leave room for clocks.
    pub requests_per_minute: u32,
    /// The percentage of them, 0–90, that people's searches and lists never get.
    pub reserved_for_buying: u32,
}

/// Why no client can be built.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Not `http(s)://host[:port]`.
    #[error("base_url: {0}")]
    BaseUrl(&'static str),
    /// Empty, or a user name that Basic authentication cannot carry.
    #[error("username or api_key: {0}")]
    Credentials(&'static str),
    /// A limit out of its bounds.
    #[error("{0}")]
    Limits(&'static str),
    /// The file of root certificates cannot be used.
    #[error("ca_file {path}: {reason}")]
    CaFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The proxy's URL is none. The URL is not repeated: it may hold a password.
    #[error("proxy_url is not a URL of an HTTP proxy")]
    Proxy,
    /// The HTTP library refused, mostly because the machine has no root certificates.
    #[error("no HTTP client: {0}")]
    Http(String),
}
