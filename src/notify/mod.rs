//! Sending notices to webhooks: signed as [Standard Webhooks](https://www.standardwebhooks.com), or in Slack's words.
//!
//! A receiver is somebody else's machine behind somebody else's DNS. So every attempt has a deadline, nothing is
//! followed, nothing of the answer is read but its status, and the address that is connected to is judged at that
//! moment (`guard`).

mod guard;
mod json;
mod signature;
mod slack;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use jiff::Timestamp;
use reqwest::{Certificate, Client, Url};
use secrecy::{ExposeSecret as _, SecretString};

use crate::domain::notice::Message;
use guard::Guard;
use signature::Signer;

pub use signature::SecretFault;

/// For one attempt, from the name to the status: receivers are asked to answer first and work later.
const DEADLINE: Duration = Duration::from_secs(10);
/// Of that, for the connection.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// How a receiver wants to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The payload of Standard Webhooks: `type`, `timestamp`, `data`.
    Json,
    /// Slack's incoming webhooks: `text` and `blocks`.
    Slack,
}

/// How one webhook is configured.
#[derive(Clone, Debug)]
pub struct Options {
    /// What logs, metrics and the outbox call it.
    pub name: String,
    /// Where it is. A secret: who knows a Slack webhook's URL may post to it.
    pub url: SecretString,
    /// `whsec_` and base64; none leaves notices unsigned.
    pub secret: Option<SecretString>,
    /// How it wants to be told.
    pub format: Format,
    /// Networks that are not public and may be connected to all the same.
    pub inner_networks: Vec<IpNet>,
    /// Root certificates beside the platform's, PEM.
    pub ca_file: Option<PathBuf>,
}

/// One receiver.
pub struct Webhook {
    name: String,
    url: Url,
    signer: Option<Signer>,
    format: Format,
    client: Client,
}

/// Why no webhook could be made of its options.
#[derive(Debug, thiserror::Error)]
pub enum WebhookFault {
    /// The URL.
    #[error("its url cannot be used")]
    Url,
    /// The secret.
    #[error(transparent)]
    Secret(#[from] SecretFault),
    /// The file with the extra roots.
    #[error("{0}")]
    Roots(String),
    /// The TLS backend did not start.
    #[error("the TLS client cannot be built: {0}")]
    Build(#[source] reqwest::Error),
}

/// Why a notice was not taken, in words for the outbox; without the URL, which may be a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeliveryFault {
    /// Not within ten seconds.
    #[error("no answer within 10 s")]
    Deadline,
    /// Another answer than "taken".
    #[error("the receiver answered {0}")]
    Status(u16),
    /// An answer that points elsewhere.
    #[error("the receiver answered {0}, and redirects are not followed")]
    Redirect(u16),
    /// No connection, no TLS, or an address that is not connected to.
    #[error("{0}")]
    Transport(String),
}

impl fmt::Debug for Webhook {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Webhook")
            .field("name", &self.name)
            .field("format", &self.format)
            .finish_non_exhaustive()
    }
}

impl Webhook {
    /// A receiver by its options. Reads `ca_file`.
    pub fn new(options: &Options) -> Result<Self, WebhookFault> {
        let url: Url = options.url.expose_secret().parse().map_err(|_| WebhookFault::Url)?;
        let guard = Guard::new(options.inner_networks.clone());
        // A literal address is never resolved, so the guard would not see it.
        guard.admit_literal(&url).map_err(|_| WebhookFault::Url)?;
        let mut client = Client::builder()
            .user_agent(concat!("numbers-gateway/", env!("CARGO_PKG_VERSION")))
            .timeout(DEADLINE)
            .connect_timeout(CONNECT_WITHIN)
            .redirect(reqwest::redirect::Policy::none())
            // The outbox tries again, when it is time.
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy()
            // A kept connection would outlive the judgement about its address.
            .pool_max_idle_per_host(0)
            .dns_resolver(Arc::new(guard));
        if let Some(path) = &options.ca_file {
            let unusable = |error: String| WebhookFault::Roots(format!("{}: {error}", path.display()));
            let pem = std::fs::read(path).map_err(|error| unusable(error.to_string()))?;
            let roots = Certificate::from_pem_bundle(&pem).unwrap_or_default();
            if roots.is_empty() {
                return Err(unusable("holds no PEM certificates".to_owned()));
            }
            client = client.tls_certs_merge(roots);
        }
        Ok(Self {
            name: options.name.clone(),
            url,
            signer: options.secret.as_ref().map(|secret| Signer::new(secret.expose_secret())).transpose()?,
            format: options.format,
            client: client.build().map_err(WebhookFault::Build)?,
        })
    }

    /// What logs, metrics and the outbox call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A message as this receiver reads it.
    pub fn body(&self, message: &Message) -> String {
        match self.format {
            Format::Json => json::body(message),
            Format::Slack => slack::body(message),
        }
    }

    /// Sends a body under an id that is the same for each attempt; `at` is the time of this one. Ends within ten seconds.
    pub async fn deliver(&self, id: &str, at: Timestamp, body: &str) -> Result<(), DeliveryFault> {
        let timestamp = at.as_second();
        let mut request = self
            .client
            .post(self.url.clone())
            .header("content-type", "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp);
        if let Some(signer) = &self.signer {
            request = request.header("webhook-signature", signer.sign(id, timestamp, body.as_bytes()));
        }
        // The answer's body is dropped unread, and its connection with it.
        let response = request.body(body.to_owned()).send().await.map_err(fault)?;
        match response.status() {
            status if status.is_success() => Ok(()),
            status if status.is_redirection() => Err(DeliveryFault::Redirect(status.as_u16())),
            status => Err(DeliveryFault::Status(status.as_u16())),
        }
    }
}

fn fault(error: reqwest::Error) -> DeliveryFault {
    if error.is_timeout() {
        return DeliveryFault::Deadline;
    }
    let error = error.without_url();
    // The innermost words say what happened; those around them only that something did.
    let mut innermost: &dyn std::error::Error = &error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    DeliveryFault::Transport(innermost.to_string())
}
