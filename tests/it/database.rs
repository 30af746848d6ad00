//! The database behind a stage: an SQLite file, or one on the PostgreSQL that `GATEWAY_TEST_POSTGRES` names (a URL without
//! a database, like `postgres://postgres@127.0.0.1:5433`), so that the same tests run on both engines.
//!
//! Tests know a database by the path that its file has or would have. What they read, they read with SQLite's own words:
//! of a PostgreSQL database they get a copy in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use numbers_gateway::domain::canonical::Digest;
use numbers_gateway::store::{Address, AddressParts, Location};
use rusqlite::Connection;
use rusqlite::types::Value;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, NoTls, Row};

static MADE: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
/// Databases that are on a server of a test's own.
static ELSEWHERE: Mutex<BTreeMap<PathBuf, String>> = Mutex::new(BTreeMap::new());

/// Whether tests run on PostgreSQL.
pub fn is_postgres() -> bool {
    everybodys().is_some()
}

fn everybodys() -> Option<String> {
    std::env::var("GATEWAY_TEST_POSTGRES").ok().filter(|server| !server.is_empty())
}

/// From now on it is the one on this server, whose name is like that of `GATEWAY_TEST_POSTGRES`.
pub fn is_at(path: &Path, server: &str) {
    ELSEWHERE.lock().unwrap().insert(path.to_owned(), server.to_owned());
}

fn server(path: &Path) -> Option<String> {
    ELSEWHERE.lock().unwrap().get(path).cloned().or_else(everybodys)
}

fn name(path: &Path) -> String {
    let digest = Digest::of(&[path.to_str().unwrap().as_bytes()]).to_string();
    format!("t{}", &digest[..24])
}

/// What `storage.url` says; makes the database where there is none.
pub fn url(path: &Path) -> String {
    let Some(server) = server(path) else { return format!("sqlite:{}", path.display()) };
    let name = name(path);
    if MADE.lock().unwrap().insert(name.clone()) {
        let create = format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'");
        ask(&format!("{server}/postgres"), async move |client| client.batch_execute(&create).await.unwrap());
    }
    format!("{server}/{name}")
}

/// The same for those who open it themselves.
pub fn location(path: &Path) -> Location {
    location_beside(path, &path.with_extension("emergency"))
}

/// The same with another emergency file, as one of several replicas has it.
pub fn location_beside(path: &Path, emergency_file: &Path) -> Location {
    if server(path).is_none() {
        return path.into();
    }
    let parts = AddressParts { url: &url(path), password: None, ca_file: None, emergency_file };
    Location::Postgres(Box::new(Address::new(parts).unwrap()))
}

/// The file, or a copy of everything.
pub fn open(path: &Path) -> Connection {
    if server(path).is_none() {
        return Connection::open(path).unwrap();
    }
    ask(&url(path), async |client| copy(&client).await)
}

/// Changes the database.
pub fn batch(path: &Path, statements: &str) {
    if server(path).is_none() {
        return Connection::open(path).unwrap().execute_batch(statements).unwrap();
    }
    let statements = statements.to_owned();
    ask(&url(path), async move |client| client.batch_execute(&statements).await.unwrap());
}

/// Makes the database go away, where it is on a server.
pub fn drop(path: &Path) {
    let Some(server) = server(path) else { return };
    if MADE.lock().unwrap().remove(&name(path)) {
        let drop = format!("DROP DATABASE {} WITH (FORCE)", name(path));
        ask(&format!("{server}/postgres"), async move |client| client.batch_execute(&drop).await.unwrap());
    }
}

/// On a thread of its own: tests ask in the middle of their runtime.
fn ask<T: Send + 'static, Asked: Future<Output = T>>(
    url: &str,
    question: impl FnOnce(Client) -> Asked + Send + 'static,
) -> T {
    let url = url.to_owned();
    let asking = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
            let moving = tokio::task::spawn(connection);
            let answer = question(client).await;
            let _ = moving.await;
            answer
        })
    });
    asking.join().unwrap()
}

async fn copy(client: &Client) -> Connection {
    client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await.unwrap();
    let tables = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'";
    let copied = Connection::open_in_memory().unwrap();
    for table in client.query(tables, &[]).await.unwrap() {
        let table: String = table.get(0);
        let columns = "SELECT column_name FROM information_schema.columns
                       WHERE table_schema = 'public' AND table_name = $1 ORDER BY ordinal_position";
        let columns = client.query(columns, &[&table]).await.unwrap();
        let columns: Vec<String> = columns.iter().map(|column| column.get::<_, String>(0)).collect();
        let places = vec!["?"; columns.len()].join(", ");
        copied.execute_batch(&format!("CREATE TABLE {table} ({})", columns.join(", "))).unwrap();
        let mut insert = copied.prepare(&format!("INSERT INTO {table} VALUES ({places})")).unwrap();
        for row in client.query(&format!("SELECT * FROM {table}"), &[]).await.unwrap() {
            insert
                .execute(rusqlite::params_from_iter((0..columns.len()).map(|place| cell(&row, place))))
                .unwrap();
        }
    }
    copied
}

fn cell(row: &Row, place: usize) -> Value {
    match *row.columns()[place].type_() {
        Type::INT8 => row.get::<_, Option<i64>>(place).map_or(Value::Null, Value::Integer),
        Type::BYTEA => row.get::<_, Option<Vec<u8>>>(place).map_or(Value::Null, Value::Blob),
        _ => row.get::<_, Option<String>>(place).map_or(Value::Null, Value::Text),
    }
}
