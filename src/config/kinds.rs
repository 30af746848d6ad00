//! The sorts of value that more than one section knows, beside those with a unit.

use std::borrow::Cow;
use std::fs;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;

use crate::config::kind::{Kind, Outcome};
use crate::domain::country::Country;
use crate::domain::money::Money;
use crate::domain::principal::{Role, TeamId};
use crate::domain::purchase::MessageType;

/// One line of text for people.
pub(super) const TEXT: Kind<String> = Kind::text("write one line of text, at most 1000 characters", line);

/// A key that other sections refer to.
pub(super) const NAME: Kind<String> = Kind::text("write 1 to 63 of a-z, A-Z, 0-9, . - and _", name);

/// `true` or `false`.
pub(super) const FLAG: Kind<bool> =
    Kind::boolean("write true or false", |text| text.parse().map_err(|_| "neither".into()));

/// A number of things, at least one.
pub(super) const COUNT: Kind<NonZeroU32> =
    Kind::integer("write a whole number from 1 to 4294967295", |text| {
        text.parse().map_err(|_| if text == "0" { "zero" } else { "not such a number" }.into())
    });

/// A file or folder that need not exist.
pub(super) const PATH: Kind<PathBuf> = Kind::text("write a path", |text| Ok(PathBuf::from(text)));

/// A file that can be read now.
pub(super) const READABLE_FILE: Kind<PathBuf> = Kind::text(
    "name a file that the gateway may read, relative to its working directory or absolute",
    |text| readable(Path::new(text)).map(|()| PathBuf::from(text)),
);

/// An address to listen on.
pub(super) const SOCKET_ADDRESS: Kind<SocketAddr> =
    Kind::text(r#"write an IP address and a port, like "127.0.0.1:8080" or "[::]:8080""#, |text| {
        text.parse().map_err(|_| "not an address with a port".into())
    });

/// A time zone by its IANA name, out of the machine's database.
pub(super) const TIME_ZONE: Kind<TimeZone> = Kind::text(
    r#"write a name that this machine's time zone database (tzdata) knows, like "UTC" or "Australia/Sydney""#,
    time_zone,
);

/// An amount that is not negative.
pub(super) const MONEY: Kind<Money> = Kind::text(r#"write digits with a point, like "25.00""#, amount);

/// A country.
pub(super) const COUNTRY: Kind<Country> =
    Kind::text(r#"write two letters of ISO 3166-1, like "AU""#, |text| {
        text.parse().map_err(|_| "not a country".into())
    });

/// One of our roles.
pub(super) const ROLE: Kind<Role> =
    Kind::text("write viewer, requester, approver, application, finance, auditor or administrator", |text| {
        text.parse().map_err(|_| "no such role".into())
    });

/// The key of a team.
pub(super) const TEAM: Kind<TeamId> =
    Kind::text("write 1 to 63 of a-z, 0-9, - and _, beginning with a letter or digit", |text| {
        text.parse().map_err(|_| "not a team's key".into())
    });

/// What a number is for.
pub(super) const MESSAGE_TYPE: Kind<MessageType> =
    Kind::text("write sms, mms or voice", |text| text.parse().map_err(|_| "not a message type".into()));

/// Opens the file once, so that a wrong path or right shows at start and not at the first handshake.
pub(super) fn readable(path: &Path) -> Outcome<()> {
    let cannot = |error: std::io::Error| Cow::Owned(format!("cannot be read: {error}"));
    if fs::metadata(path).map_err(cannot)?.is_dir() {
        return Err("is a folder".into());
    }
    fs::File::open(path).map(drop).map_err(cannot)
}

/// Whether a text is one printable line of this many characters.
pub(super) fn is_line(text: &str, least: usize, most: usize) -> bool {
    (least..=most).contains(&text.chars().count()) && !text.chars().any(char::is_control)
}

fn line(text: &str) -> Outcome<String> {
    const LONGEST: usize = 1_000;
    if is_line(text, 1, LONGEST) { Ok(text.to_owned()) } else { Err("too long, or not one line".into()) }
}

fn name(text: &str) -> Outcome<String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let well_formed = (1..=63).contains(&text.len()) && text.bytes().all(allowed);
    if well_formed { Ok(text.to_owned()) } else { Err("not a plain name".into()) }
}

/// An amount that is not negative.
pub(super) fn amount(text: &str) -> Outcome<Money> {
    let amount: Money = text.parse().map_err(|_| "not an amount")?;
    if amount < Money::ZERO { Err("less than nothing".into()) } else { Ok(amount) }
}

fn time_zone(text: &str) -> Outcome<TimeZone> {
    TimeZone::get(text).ok().filter(|zone| !zone.is_unknown()).ok_or_else(|| "unknown time zone".into())
}
