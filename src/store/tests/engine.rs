//! The engine under test: SQLite, or the PostgreSQL that `GATEWAY_TEST_POSTGRES` names, for the same tests.
#![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]
#![expect(clippy::print_stderr, reason = "a test that was skipped says so")]

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Mutex;

use crate::domain::canonical::Digest;
use crate::store::error::StoreError;
use crate::store::postgres::Connection;
use crate::store::{Address, AddressParts, Location};

static MADE: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// The database that a test knows by the path of its file.
pub(crate) fn location(path: &Path) -> Location {
    server()
        .map_or_else(|| path.into(), |server| Location::Postgres(Box::new(on_server(&server, path, path))))
}

/// Changes a database as a stranger would.
pub(crate) fn batch(path: &Path, statements: &str) -> Result<(), StoreError> {
    let Some(server) = server() else {
        return Ok(rusqlite::Connection::open(path)?.execute_batch(statements)?);
    };
    let (address, statements) = (on_server(&server, path, path), statements.to_owned());
    std::thread::spawn(move || Connection::open(&address)?.script(&statements)).join().unwrap()
}

/// The database of `path` for another replica, whose own files are beside `other`.
pub(crate) fn same_database(path: &Path, other: &Path) -> Location {
    server()
        .map_or_else(|| path.into(), |server| Location::Postgres(Box::new(on_server(&server, path, other))))
}

/// Whether there is a server for a test about one; says so where there is none.
pub(crate) fn is_postgres(what: &str) -> bool {
    let is_postgres = server().is_some();
    if !is_postgres {
        eprintln!("skipped: {what}: tests/run postgres");
    }
    is_postgres
}

/// Whether a test about SQLite's files leaves it, having said so.
pub(crate) fn is_skipped_on_postgres(what: &str) -> bool {
    let is_postgres = server().is_some();
    if is_postgres {
        eprintln!("skipped: {what}");
    }
    is_postgres
}

#[expect(clippy::disallowed_methods, reason = "no configuration says which engine is tested")]
fn server() -> Option<String> {
    std::env::var("GATEWAY_TEST_POSTGRES").ok().filter(|server| !server.is_empty())
}

fn on_server(server: &str, path: &Path, beside: &Path) -> Address {
    let digest = Digest::of(&[path.to_str().unwrap().as_bytes()]).to_string();
    let name = format!("u{}", digest.get(..24).unwrap());
    let emergency_file = &beside.with_extension("emergency");
    let address = |database: &str| {
        let url = format!("{server}/{database}");
        Address::new(AddressParts { url: &url, password: None, ca_file: None, emergency_file }).unwrap()
    };
    if MADE.lock().unwrap().insert(name.clone()) {
        let create = format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'");
        let server = address("postgres");
        std::thread::spawn(move || Connection::open(&server).unwrap().script(&create).unwrap())
            .join()
            .unwrap();
    }
    address(&name)
}
