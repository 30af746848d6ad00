//! Where purchases, money and evidence are kept.

use std::path::PathBuf;

use crate::config::kind::{Kind, Outcome};
use crate::config::section::Section;

/// `[storage]`
#[derive(Clone, Debug)]
pub struct Storage {
    /// The SQLite file of `storage.url`. Default `data/gateway.db`; changing it needs a restart.
    pub database: PathBuf,
}

const DATABASE: Kind<PathBuf> =
    Kind::text(r#"write sqlite: and a path, like "sqlite:data/gateway.db""#, database);

impl Storage {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        Self { database: section.required("url", &DATABASE) }
    }
}

fn database(text: &str) -> Outcome<PathBuf> {
    if text.starts_with("postgres:") || text.starts_with("postgresql:") {
        return Err("PostgreSQL comes in a later version".into());
    }
    let path = text.strip_prefix("sqlite:").ok_or("not a database")?;
    let path = path.strip_prefix("//").unwrap_or(path);
    match path {
        "" => Err("no path to the database".into()),
        ":memory:" => Err("a database in memory forgets purchases".into()),
        _ if path.contains('?') => Err("parameters after the path".into()),
        _ => Ok(PathBuf::from(path)),
    }
}
