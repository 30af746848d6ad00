//! The way to ClickSend: one account per gateway, one gateway per account.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use jiff::tz::TimeZone;
use secrecy::SecretString;

use crate::config::kind::{Kind, Outcome};
use crate::config::kinds::{COUNT, FLAG, READABLE_FILE, TEXT, TIME_ZONE, is_line};
use crate::config::section::Section;
use crate::config::units::{DURATION, PERCENT, Percent, WEB_URL, WebUrl};

/// `[upstream]`
#[derive(Clone, Debug)]
pub struct Upstream {
    /// Scheme and host, without `/v3` and without a slash at the end. Default `https://rest.clicksend.com`.
    pub base_url: WebUrl,
    /// Whether plain HTTP is accepted to another machine than this one. Default no.
    pub allow_plain_http: bool,
    /// ClickSend API username. Default none: then `serve` does not start.
    pub username: Option<String>,
    /// ClickSend API key, from `api_key` or `api_key_file`. Set exactly when `username` is.
    pub api_key: Option<SecretString>,
    /// The file the key came from, to be read again when it changes.
    pub api_key_file: Option<PathBuf>,
    /// Root certificates beside the platform's, PEM.
    pub ca_file: Option<PathBuf>,
    /// From `proxy_url` or `proxy_url_file`: a proxy's URL, a secret because it may carry a password. The only way
    /// a proxy is ever used.
    pub proxy_url: Option<SecretString>,
    /// 100 ms to 60 s. Default 5 s.
    pub connect_timeout: Duration,
    /// Of searches and lists, 100 ms to 2 min. Default 15 s.
    pub read_timeout: Duration,
    /// Of a buy, 1 s to 2 min. Default 20 s.
    pub buy_timeout: Duration,
    /// Per upstream endpoint and address, 1 to 1,000,000. Default 18, under the 20 a minute that ClickSend was seen to
    /// allow.
    pub requests_per_minute: NonZeroU32,
    /// The share of that which people's searches never use, at most 90 %. Default 33 %.
    pub reserved_for_buying: Percent,
    /// Whether instances share one address, and so one limit. Default yes.
    pub replicas_share_address: bool,
    /// Where upstream's month turns. Default UTC, a guess until an invoice was compared.
    pub billing_time_zone: TimeZone,
}

const API_KEY: Kind<SecretString> = Kind::text("write the key as ClickSend shows it", api_key).redacted();

const PROXY_URL: Kind<SecretString> =
    Kind::text(r#"write an http or https URL, like "http://proxy.example.com:3128""#, proxy_url).redacted();

impl Upstream {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let (api_key, api_key_file) = section.secret("api_key", "api_key_file", &API_KEY);
        let (proxy_url, _) = section.secret("proxy_url", "proxy_url_file", &PROXY_URL);
        Self {
            base_url: section.required("base_url", &WEB_URL),
            allow_plain_http: section.required("allow_plain_http", &FLAG),
            username: section.optional("username", &TEXT),
            api_key,
            api_key_file,
            ca_file: section.optional("ca_file", &READABLE_FILE),
            proxy_url,
            connect_timeout: section.within("connect_timeout", &DURATION, "100ms", "60s"),
            read_timeout: section.within("read_timeout", &DURATION, "100ms", "2m"),
            buy_timeout: section.within("buy_timeout", &DURATION, "1s", "2m"),
            requests_per_minute: section.within("requests_per_minute", &COUNT, "1", "1000000"),
            reserved_for_buying: section.within("reserved_for_buying", &PERCENT, "0%", "90%"),
            replicas_share_address: section.required("replicas_share_address", &FLAG),
            billing_time_zone: section.required("billing_time_zone", &TIME_ZONE),
        }
    }
}

/// It becomes half of a header, so it is one printable line.
fn api_key(text: &str) -> Outcome<SecretString> {
    const LONGEST: usize = 1_000;
    if is_line(text, 1, LONGEST) { Ok(text.into()) } else { Err("too long, or not one line".into()) }
}

fn proxy_url(text: &str) -> Outcome<SecretString> {
    let uri: http::Uri = text.parse().map_err(|_| "not a URL")?;
    match uri.scheme_str() {
        Some("http" | "https") => Ok(text.into()),
        Some(_) | None => Err("not an http or https URL".into()),
    }
}
