//! Where purchases, money and evidence are kept.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

use crate::config::kind::{Kind, Outcome};
use crate::config::kinds::{PATH, READABLE_FILE, is_line};
use crate::config::section::Section;
use crate::config::stand_in::StandIn;
use crate::config::units::DURATION;

/// `[storage]`. Changing any of it needs a restart.
#[derive(Clone, Debug)]
pub struct Storage {
    /// From `url`. Default the SQLite file `data/gateway.db`.
    pub database: Database,
    /// PostgreSQL's, from `password` or `password_file`. Default none.
    pub password: Option<SecretString>,
    /// Root certificates for PostgreSQL instead of the platform's, PEM. Default none.
    pub ca_file: Option<PathBuf>,
    /// With PostgreSQL: where this machine keeps outcomes that the database does not take, and its lock beside it, so one
    /// for each replica. Default `data/gateway.emergency`.
    pub emergency_file: PathBuf,
    /// With PostgreSQL, 1 s to 1 h: how much older than a buy may take a claim must be before another replica calls it lost.
    /// Default 60 s.
    pub takeover_margin: Duration,
}

/// Which database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Database {
    /// A file, for one process.
    Sqlite(PathBuf),
    /// A URL as libpq writes it, for any number of replicas.
    Postgres(String),
}

impl StandIn for Database {
    fn stand_in() -> Self {
        Self::Sqlite(PathBuf::stand_in())
    }
}

impl std::fmt::Display for Database {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sqlite(path) => path.display().fmt(out),
            Self::Postgres(url) => url.fmt(out),
        }
    }
}

const DATABASE: Kind<Database> = Kind::text(
    r#"write sqlite: and a path, like "sqlite:data/gateway.db", or a URL, like "postgres://user@host/database""#,
    database,
);

const PASSWORD: Kind<SecretString> =
    Kind::text("write the password as PostgreSQL knows it", password).redacted();

impl Storage {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let (password, _) = section.secret("password", "password_file", &PASSWORD);
        Self {
            database: section.required("url", &DATABASE),
            password,
            ca_file: section.optional("ca_file", &READABLE_FILE),
            emergency_file: section.required("emergency_file", &PATH),
            takeover_margin: section.within("takeover_margin", &DURATION, "1s", "1h"),
        }
    }
}

fn database(text: &str) -> Outcome<Database> {
    if let Some(rest) = text.strip_prefix("postgres://").or_else(|| text.strip_prefix("postgresql://")) {
        return server(text, rest);
    }
    let path = text.strip_prefix("sqlite:").ok_or("not a database")?;
    let path = path.strip_prefix("//").unwrap_or(path);
    match path {
        "" => Err("no path to the database".into()),
        ":memory:" => Err("a database in memory forgets purchases".into()),
        _ if path.contains('?') => Err("parameters after the path".into()),
        _ => Ok(Database::Sqlite(PathBuf::from(path))),
    }
}

/// A URL shows up in logs; a password must not.
fn server(text: &str, rest: &str) -> Outcome<Database> {
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let has_password = authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'));
    if has_password || rest.contains("password=") {
        return Err("a password in the URL; it belongs into storage.password_file".into());
    }
    Ok(Database::Postgres(text.to_owned()))
}

fn password(text: &str) -> Outcome<SecretString> {
    const LONGEST: usize = 1_000;
    if is_line(text, 1, LONGEST) { Ok(text.into()) } else { Err("too long, or not one line".into()) }
}
