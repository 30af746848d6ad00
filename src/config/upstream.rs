//! The way to ClickSend: one account per gateway, one gateway per account.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use jiff::tz::TimeZone;
use secrecy::SecretString;

use crate::config::units::{Percent, WebUrl};

/// `[upstream]`
#[derive(Clone, Debug)]
pub struct Upstream {
    /// Scheme and host, without `/v3` and without a slash at the end. Default `https://rest.clicksend.com`.
    pub base_url: WebUrl,
    /// Whether plain HTTP is accepted to another machine than this one. Default no.
    pub allow_plain_http: bool,
    /// ClickSend API username. Default none: searches and buying are off.
    pub username: Option<String>,
    /// ClickSend API key, from `api_key` or `api_key_file`. Set exactly when `username` is.
    pub api_key: Option<SecretString>,
    /// The file the key came from, to be read again when it changes.
    pub api_key_file: Option<PathBuf>,
    /// Root certificates beside the platform's, PEM.
    pub ca_file: Option<PathBuf>,
    /// The only way a proxy is ever used; the environment's proxy variables are not.
    pub proxy_url: Option<SecretString>,
    /// 100 ms to 60 s. Default 5 s.
    pub connect_timeout: Duration,
    /// Of searches and lists, 100 ms to 2 min. Default 15 s.
    pub read_timeout: Duration,
    /// Of a buy, 1 s to 2 min. Default 20 s.
    pub buy_timeout: Duration,
    /// Per upstream endpoint and address. Default 18, under the 20 a minute that ClickSend was seen to allow.
    pub requests_per_minute: NonZeroU32,
    /// The share of that which people's searches never use, at most 90 %. Default 33 %.
    pub reserved_for_buying: Percent,
    /// Whether instances share one address, and so one limit. Default yes.
    pub replicas_share_address: bool,
    /// Where upstream's month turns. Default UTC, a guess until an invoice was compared.
    pub billing_time_zone: TimeZone,
}
