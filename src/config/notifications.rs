//! Who is told what happens.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use ipnet::IpNet;
use secrecy::{ExposeSecret as _, SecretString};

use crate::config::kind::{Kind, Outcome};
use crate::config::kinds::{FLAG, NAME, READABLE_FILE};
use crate::config::section::Section;
use crate::config::server::NETWORK;
use crate::config::stand_in::StandIn;
use crate::config::units::{DURATION, WebUrl};
use crate::domain::inner_address::is_inner;
use crate::domain::notice;

/// `[notifications]`
#[derive(Clone, Debug)]
pub struct Notifications {
    /// How long before the end of its time a request is told of, 1 min to 30 d. Default 4 h.
    pub expires_soon: Duration,
    /// Networks that are not public and may be connected to. Default none.
    pub inner_networks: Vec<IpNet>,
    /// Whether plain HTTP is accepted to another machine than this one. Default no.
    pub allow_plain_http: bool,
    /// Root certificates beside the platform's, PEM.
    pub ca_file: Option<PathBuf>,
    /// Default none.
    pub webhooks: Vec<Webhook>,
}

/// One of `[[notifications.webhooks]]`
#[derive(Clone, Debug)]
pub struct Webhook {
    /// What logs, metrics and the outbox call it, unique. Default: the host of the URL.
    pub name: String,
    /// Where it is: a secret, because who knows a Slack webhook's URL may post to it.
    pub url: SecretString,
    /// `whsec_` and base64; always there for `json`.
    pub secret: Option<SecretString>,
    /// What it is told of, never empty. Default everything.
    pub events: BTreeSet<notice::Kind>,
    /// Default json.
    pub format: NoticeFormat,
}

/// `format`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeFormat {
    /// Standard Webhooks.
    Json,
    /// Slack's incoming webhooks.
    Slack,
}

/// Each has a task and a thread that may wait for a name server: enough for every channel of a company.
pub(super) const MOST_WEBHOOKS: usize = 8;

/// What a webhook that says nothing about it gets.
const WEBHOOK_DEFAULTS: &str = r#"
events = ["approval_wanted", "decided", "expires_soon", "bought", "registered", "failed", "needs_attention", "budget", "orphan", "frozen"]
format = "json"
"#;

const URL: Kind<SecretString> =
    Kind::text(r#"write an https URL, like "https://hooks.example.com/numbers""#, url).redacted();

const SECRET: Kind<SecretString> =
    Kind::text("write whsec_ and the base64 of 24 to 64 random bytes", secret).redacted();

const EVENT: Kind<notice::Kind> = Kind::text(
    "write approval_wanted, decided, expires_soon, bought, registered, failed, needs_attention, budget, orphan or \
     frozen",
    |text| text.parse().map_err(|_| "no such event".into()),
);

const FORMAT: Kind<NoticeFormat> = Kind::text("write json or slack", |text| match text {
    "json" => Ok(NoticeFormat::Json),
    "slack" => Ok(NoticeFormat::Slack),
    _ => Err("no such format".into()),
});

impl Notifications {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let inner_networks = section.list("inner_networks", &NETWORK);
        let allow_plain_http = section.required("allow_plain_http", &FLAG);
        let reach = Reach { inner_networks: &inner_networks, allow_plain_http };
        Self {
            expires_soon: section.within("expires_soon", &DURATION, "1m", "30d"),
            ca_file: section.optional("ca_file", &READABLE_FILE),
            webhooks: section.tables("webhooks", |webhook| Webhook::read(webhook, &reach)),
            inner_networks,
            allow_plain_http,
        }
    }
}

/// What a webhook's address is compared with.
struct Reach<'n> {
    inner_networks: &'n [IpNet],
    allow_plain_http: bool,
}

impl Webhook {
    fn read(section: &mut Section<'_>, reach: &Reach<'_>) -> Self {
        section.over(WEBHOOK_DEFAULTS);
        let (url, _) = section.secret("url", "url_file", &URL);
        let (secret, _) = section.secret("secret", "secret_file", &SECRET);
        let name = section.optional("name", &NAME);
        let format = section.required("format", &FORMAT);
        if url.is_none() && !section.is_faulty("url") && !section.is_faulty("url_file") {
            section.refuse("url", "missing", "set one of url and url_file");
        }
        let is_unsigned =
            secret.is_none() && !section.is_faulty("secret") && !section.is_faulty("secret_file");
        if is_unsigned && format == NoticeFormat::Json && !section.is_faulty("format") {
            let valid = "set one of secret and secret_file: the receiver checks the signature with it";
            section.refuse("secret", "missing", valid);
        }
        let place = url.as_ref().and_then(|url| place(url.expose_secret()).ok());
        if let Some(place) = &place {
            check_reach(place, reach, section);
        }
        Self {
            name: name.or_else(|| place.map(|place| place.host)).unwrap_or_default(),
            url: url.unwrap_or_else(|| SecretString::from("")),
            secret,
            events: section.some("events", &EVENT).into_iter().collect(),
            format,
        }
    }
}

/// Where a URL leads, without the parts of it that are secret.
struct Place {
    host: String,
    address: Option<IpAddr>,
    is_https: bool,
    is_loopback: bool,
}

fn check_reach(place: &Place, reach: &Reach<'_>, section: &mut Section<'_>) {
    if !place.is_https && !place.is_loopback && !reach.allow_plain_http {
        let valid = "write an https URL, or set notifications.allow_plain_http = true";
        section.refuse("url", "would be told in the clear on another machine", valid);
    }
    let is_listed = |address: IpAddr| {
        reach.inner_networks.iter().any(|network| network.contains(&address.to_canonical()))
    };
    match place.address {
        Some(address) if is_inner(address) && !is_listed(address) => {
            let valid = format!("write a public address, or list {address} in notifications.inner_networks");
            section.refuse("url", "not a public address", valid);
        }
        Some(_) | None => {}
    }
}

fn url(text: &str) -> Outcome<SecretString> {
    place(text).map(|_| text.into())
}

/// A webhook's URL may have a query: some services keep their signature there.
fn place(text: &str) -> Outcome<Place> {
    if text.contains('#') {
        return Err("a fragment in the URL".into());
    }
    let base: WebUrl = text.split_once('?').map_or(text, |(base, _)| base).parse()?;
    let uri: http::Uri = text.parse().map_err(|_| "not a URL")?;
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    Ok(Place {
        address: host.parse().ok(),
        host: host.replace(':', "-"),
        is_https: base.is_https(),
        is_loopback: base.is_loopback(),
    })
}

fn secret(text: &str) -> Outcome<SecretString> {
    let bytes = text
        .strip_prefix("whsec_")
        .and_then(|rest| base64::engine::general_purpose::STANDARD.decode(rest).ok());
    match bytes {
        Some(bytes) if (24..=64).contains(&bytes.len()) => Ok(text.into()),
        Some(_) | None => Err("not a secret of Standard Webhooks".into()),
    }
}

impl StandIn for NoticeFormat {
    fn stand_in() -> Self {
        Self::Json
    }
}
