//! Values with a unit: durations, sizes, shares; and addresses on the web.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use http::Uri;

use crate::config::kind::{Kind, Outcome};
use crate::config::stand_in::StandIn;

/// `250ms`, `30s`, `10m`, `72h`, `365d`.
pub(super) const DURATION: Kind<Duration> =
    Kind::text(r#"write a whole number and ms, s, m, h or d, like "250ms", "30s" or "72h""#, duration);

/// `512B`, `64KiB`, `64MiB`, `1GiB`, in bytes.
pub(super) const SIZE: Kind<u64> =
    Kind::text(r#"write a whole number and B, KiB, MiB or GiB, like "64MiB""#, size);

/// `33%`, `0.5%`.
pub(super) const PERCENT: Kind<Percent> =
    Kind::text(r#"write 0 to 100 with at most two decimals and %, like "33%""#, percent);

/// An `http` or `https` URL.
pub(super) const WEB_URL: Kind<WebUrl> =
    Kind::text(r#"write scheme, host and path, like "https://login.example.com/keys""#, web_url);

/// A share, in basis points from 0 to 10 000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percent(u32);

impl Percent {
    /// Hundredths of a percent.
    pub const fn basis_points(self) -> u32 {
        self.0
    }

    /// The share as a fraction of 1.
    pub fn ratio(self) -> f64 {
        f64::from(self.0) / 10_000.0
    }
}

/// An `http` or `https` URL without user, query and fragment, and without a slash at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebUrl {
    text: String,
    uri: Uri,
}

impl WebUrl {
    /// The whole text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The path without the slash at its end; empty for a host alone.
    pub fn path(&self) -> &str {
        self.uri.path().trim_end_matches('/')
    }

    /// Whether it is encrypted.
    pub fn is_https(&self) -> bool {
        self.uri.scheme_str() == Some("https")
    }

    /// Whether it names this machine: `localhost`, `127.0.0.0/8` or `[::1]`.
    pub fn is_loopback(&self) -> bool {
        let host = self.uri.host().unwrap_or_default();
        let address = host.trim_start_matches('[').trim_end_matches(']').parse();
        host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address: IpAddr| address.is_loopback())
    }
}

impl StandIn for WebUrl {
    fn stand_in() -> Self {
        Self { text: String::new(), uri: Uri::default() }
    }
}

impl StandIn for Percent {
    fn stand_in() -> Self {
        Self(0)
    }
}

impl fmt::Display for WebUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

/// A whole number and its unit.
fn quantity(text: &str) -> Option<(u64, &str)> {
    let unit_at = text.find(|letter: char| !letter.is_ascii_digit())?;
    let (digits, unit) = text.split_at_checked(unit_at)?;
    Some((digits.parse().ok()?, unit))
}

fn duration(text: &str) -> Outcome<Duration> {
    let (number, unit) = quantity(text).ok_or("not a duration")?;
    let millis = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err("not a duration".into()),
    };
    number.checked_mul(millis).map(Duration::from_millis).ok_or_else(|| "too long".into())
}

fn size(text: &str) -> Outcome<u64> {
    let (number, unit) = quantity(text).ok_or("not a size")?;
    let bytes = match unit {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err("not a size".into()),
    };
    number.checked_mul(bytes).ok_or_else(|| "too large".into())
}

fn percent(text: &str) -> Outcome<Percent> {
    let not_a_share = || Cow::Borrowed("not a share");
    let number = text.strip_suffix('%').ok_or_else(not_a_share)?;
    let (whole, decimals) = number.split_once('.').unwrap_or((number, "0"));
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !all_digits(whole) || !all_digits(decimals) || decimals.len() > 2 {
        return Err(not_a_share());
    }
    let basis_points: u32 = format!("{whole}{decimals:0<2}").parse().map_err(|_| not_a_share())?;
    if basis_points > 10_000 { Err("over 100%".into()) } else { Ok(Percent(basis_points)) }
}

impl FromStr for WebUrl {
    type Err = Cow<'static, str>;

    /// The error says what is wrong with the text, without the text.
    fn from_str(text: &str) -> Outcome<Self> {
        web_url(text)
    }
}

fn web_url(text: &str) -> Outcome<WebUrl> {
    let uri: Uri = text.parse().map_err(|_| "not a URL")?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err("not an http or https URL".into());
    }
    if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return Err("a user or password in the URL".into());
    }
    if text.contains(['?', '#']) {
        return Err("a query or fragment in the URL".into());
    }
    if uri.host().is_none_or(str::is_empty) {
        return Err("no host in the URL".into());
    }
    let text = text.trim_end_matches('/').to_owned();
    Ok(WebUrl { text, uri })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]

    use std::time::Duration;

    use super::{duration, percent, size, web_url};

    #[test]
    fn durations_have_one_unit() {
        for (text, millis) in
            [("250ms", 250), ("30s", 30_000), ("10m", 600_000), ("72h", 259_200_000), ("0s", 0)]
        {
            assert_eq!(duration(text).unwrap(), Duration::from_millis(millis), "{text}");
        }
        assert_eq!(duration("365d").unwrap(), Duration::from_hours(365 * 24));
        for text in ["", "30", "s", "1.5h", "-1s", "1 s", "1h30m", "30S", "٣s", "18446744073709551616s"] {
            assert_eq!(duration(text).unwrap_err(), "not a duration", "{text}");
        }
        assert_eq!(duration("18446744073709551615d").unwrap_err(), "too long");
    }

    #[test]
    fn sizes_are_powers_of_two() {
        for (text, bytes) in [("512B", 512), ("64KiB", 65_536), ("64MiB", 67_108_864), ("1GiB", 1 << 30)] {
            assert_eq!(size(text).unwrap(), bytes, "{text}");
        }
        for text in ["64", "64KB", "64kib", "MiB", "1.5GiB"] {
            assert_eq!(size(text).unwrap_err(), "not a size", "{text}");
        }
        assert_eq!(size("18446744073709551615KiB").unwrap_err(), "too large");
    }

    #[test]
    fn shares_are_exact_to_the_basis_point() {
        for (text, basis_points) in
            [("0%", 0), ("33%", 3_300), ("0.5%", 50), ("2.25%", 225), ("100%", 10_000)]
        {
            assert_eq!(percent(text).unwrap().basis_points(), basis_points, "{text}");
        }
        for text in ["33", "%", ".5%", "5.%", "0.125%", "-1%", "1e1%", "99999999999%"] {
            assert_eq!(percent(text).unwrap_err(), "not a share", "{text}");
        }
        assert_eq!(percent("100.01%").unwrap_err(), "over 100%");
        assert!((percent("25%").unwrap().ratio() - 0.25).abs() < f64::EPSILON);
    }

    #[test]
    fn a_url_says_whether_it_stays_on_this_machine() {
        for (text, loopback) in [
            ("http://localhost:9000", true),
            ("http://LOCALHOST", true),
            ("http://127.3.2.1:80/x", true),
            ("http://[::1]:80", true),
            ("https://rest.clicksend.com", false),
            ("http://localhost.example.com", false),
            ("http://128.0.0.1", false),
        ] {
            assert_eq!(web_url(text).unwrap().is_loopback(), loopback, "{text}");
        }
    }

    #[test]
    fn a_url_has_scheme_host_and_path_and_nothing_more() {
        assert_eq!(web_url("https://a.example/x/").unwrap().as_str(), "https://a.example/x");
        assert_eq!(web_url("https://a.example/x/").unwrap().path(), "/x");
        assert_eq!(web_url("https://a.example/").unwrap().path(), "");
        for (text, problem) in [
            ("a.example", "not an http or https URL"),
            ("/path", "not an http or https URL"),
            ("ftp://a.example", "not an http or https URL"),
            ("https://", "not a URL"),
            ("https://a b", "not a URL"),
            ("https://user:word@a.example", "a user or password in the URL"),
            ("https://a.example/?x", "a query or fragment in the URL"),
            ("https://a.example/#x", "a query or fragment in the URL"),
        ] {
            assert_eq!(web_url(text).unwrap_err(), problem, "{text}");
        }
    }
}
