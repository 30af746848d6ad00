//! Getting a key set from its issuer, with a client of its own that knows no credentials of ours.
//!
//! The issuer is somebody else's machine: every answer is bounded in time and size, nothing is followed.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::{Certificate, Client, StatusCode, Url};
use serde_json::Value;

use super::jwk::{self, KeySet, MAX_SET_BYTES, SetFault};
use super::local::{self, FileFault};
use super::options::Algorithm;
use crate::domain::strict_json::{self, Limits};

/// For discovery and key set together: a token waits for it.
const DEADLINE: Duration = Duration::from_secs(5);
/// Keycloak's discovery document has 6 KiB.
const DISCOVERY_LIMITS: Limits = Limits { bytes: MAX_SET_BYTES, depth: 8 };

/// Fetches one issuer's key set.
#[derive(Debug)]
pub(super) struct Fetcher {
    client: Client,
    place: Place,
    algorithms: Vec<Algorithm>,
}

#[derive(Debug)]
enum Place {
    Set(Url),
    Discovery { document: Url, issuer: String },
}

/// Why a key set did not come, in words for the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchFault {
    /// Not within five seconds.
    #[error("no answer within 5 s")]
    Deadline,
    /// No connection, no TLS, or the answer broke off.
    #[error("{0}")]
    Transport(String),
    /// Anything but 200; redirects are not followed.
    #[error("the answer was status {0}")]
    Status(u16),
    /// An answer of more than 256 KiB.
    #[error("the answer is larger than 256 KiB")]
    TooLong,
    /// The discovery document is unusable.
    #[error("the discovery document is no JSON object with the issuer we asked and a jwks_uri")]
    Discovery,
    /// The discovery document names an address we do not use.
    #[error("the discovery document's jwks_uri is {0}")]
    Address(AddressFault),
    /// The set is unusable.
    #[error(transparent)]
    Set(#[from] SetFault),
}

/// Why an address is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an https address (http to loopback only) without user name, password and fragment")]
pub struct AddressFault;

/// Why no client could be built.
#[derive(Debug, thiserror::Error)]
pub enum ClientFault {
    /// The file with the extra roots.
    #[error(transparent)]
    File(#[from] FileFault),
    /// That file has no certificate.
    #[error("{path} holds no PEM certificates", path = .0.display())]
    NoCertificates(PathBuf),
    /// The TLS backend did not start, for example because the machine has no root certificates.
    #[error("the TLS client cannot be built: {0}")]
    Build(#[source] reqwest::Error),
    /// The configured address.
    #[error(transparent)]
    Address(#[from] AddressFault),
}

impl Fetcher {
    /// For a set at a known address.
    pub(super) fn of_set(
        url: &str,
        ca: Option<&Path>,
        algorithms: &[Algorithm],
    ) -> Result<Self, ClientFault> {
        Self::new(Place::Set(address(url)?), ca, algorithms)
    }

    /// For a set that the issuer's discovery document names (`OpenID` Connect Discovery §4).
    pub(super) fn of_issuer(
        issuer: &str,
        ca: Option<&Path>,
        algorithms: &[Algorithm],
    ) -> Result<Self, ClientFault> {
        let base = issuer.strip_suffix('/').unwrap_or(issuer);
        if base.contains('?') {
            return Err(AddressFault.into());
        }
        let document = address(&format!("{base}/.well-known/openid-configuration"))?;
        Self::new(Place::Discovery { document, issuer: issuer.to_owned() }, ca, algorithms)
    }

    fn new(place: Place, ca: Option<&Path>, algorithms: &[Algorithm]) -> Result<Self, ClientFault> {
        let mut client = Client::builder()
            .user_agent(concat!("numbers-gateway/", env!("CARGO_PKG_VERSION")))
            .timeout(DEADLINE)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy()
            // One request in eight minutes: a kept connection would only be found dead.
            .pool_max_idle_per_host(0);
        if let Some(path) = ca {
            let pem = local::read(path)?;
            let roots = Certificate::from_pem_bundle(&pem).unwrap_or_default();
            if roots.is_empty() {
                return Err(ClientFault::NoCertificates(path.to_owned()));
            }
            client = client.tls_certs_merge(roots);
        }
        let client = client.build().map_err(ClientFault::Build)?;
        Ok(Self { client, place, algorithms: algorithms.to_vec() })
    }

    /// Fetches the set. Ends within five seconds.
    pub(super) async fn fetch(&self) -> Result<KeySet, FetchFault> {
        tokio::time::timeout(DEADLINE, self.fetch_unhurried()).await.unwrap_or(Err(FetchFault::Deadline))
    }

    async fn fetch_unhurried(&self) -> Result<KeySet, FetchFault> {
        let set = match &self.place {
            Place::Set(url) => self.body(url.clone()).await?,
            Place::Discovery { document, issuer } => {
                let described = self.body(document.clone()).await?;
                self.body(set_address(&described, issuer)?).await?
            }
        };
        Ok(jwk::read_set(&set, &self.algorithms)?)
    }

    async fn body(&self, url: Url) -> Result<Vec<u8>, FetchFault> {
        let mut response = self.client.get(url).send().await.map_err(transport)?;
        if response.status() != StatusCode::OK {
            return Err(FetchFault::Status(response.status().as_u16()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(transport)? {
            if body.len() + chunk.len() > MAX_SET_BYTES {
                return Err(FetchFault::TooLong);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

/// The `jwks_uri` of a document whose `issuer` is exactly the one we trust: anything else is somebody else's.
fn set_address(document: &[u8], issuer: &str) -> Result<Url, FetchFault> {
    let document = strict_json::parse(document, DISCOVERY_LIMITS).map_err(|_| FetchFault::Discovery)?;
    let text = |name| document.get(name).and_then(Value::as_str);
    match (text("issuer"), text("jwks_uri")) {
        (Some(named), Some(url)) if named == issuer => address(url).map_err(FetchFault::Address),
        _ => Err(FetchFault::Discovery),
    }
}

fn address(text: &str) -> Result<Url, AddressFault> {
    let url = Url::parse(text).map_err(|_| AddressFault)?;
    let bare = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    let safe = match url.scheme() {
        "https" => true,
        "http" => url.host_str().is_some_and(is_loopback),
        _ => false,
    };
    if bare && safe { Ok(url) } else { Err(AddressFault) }
}

fn is_loopback(host: &str) -> bool {
    let literal = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || literal.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// reqwest's own text names the address but not the cause; the log wants the cause.
fn transport(error: reqwest::Error) -> FetchFault {
    if error.is_timeout() {
        return FetchFault::Deadline;
    }
    let error = error.without_url();
    let mut cause: &dyn std::error::Error = &error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    FetchFault::Transport(cause.to_string())
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn keys_come_over_https_or_from_this_machine() {
        for text in [
            "https://login.example.com/keys?p=1",
            "http://127.0.0.1:9/keys",
            "http://[::1]/keys",
            "http://localhost/keys",
        ] {
            assert!(address(text).is_ok(), "{text}");
        }
        for text in [
            "http://login.example.com/keys",
            "http://127.0.0.1.example.com/keys",
            "http://10.0.0.1/keys",
            "https://user@login.example.com/keys",
            "https://:pass@login.example.com/keys",
            "https://login.example.com/keys#a",
            "file:///etc/passwd",
            "ftp://login.example.com/keys",
            "/keys",
            "",
        ] {
            assert!(address(text).is_err(), "{text}");
        }
    }
}
