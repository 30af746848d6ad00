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

const TABLES: &str = "SELECT name FROM sqlite_master WHERE type = 'table'";
/// What every writing transaction takes on PostgreSQL: `NumberGW` in ASCII.
const WRITER: &str = "SELECT pg_advisory_lock(x'4e756d6265724757'::bit(64)::bigint)";
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

/// How one names it to `audit verify` and `audit export`.
pub fn arguments(path: &Path) -> [String; 2] {
    if server(path).is_none() {
        return ["--database".to_owned(), path.to_str().unwrap().to_owned()];
    }
    // What a database on a server is reached with stands in a configuration.
    let file = path.with_extension("toml");
    std::fs::write(&file, format!("storage.url = \"{}\"\n", url(path))).unwrap();
    ["--config".to_owned(), file.to_str().unwrap().to_owned()]
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

/// The one column of a statement in the engine's own words, as text.
pub fn own_words(path: &Path, statement: &str) -> Vec<String> {
    if server(path).is_none() {
        return texts(&Connection::open(path).unwrap(), statement);
    }
    let statement = statement.to_owned();
    ask(&url(path), async move |client| {
        client.query(&statement, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
    })
}

/// The same once more, at another place, where there may be an older one. Nobody uses it meanwhile.
pub fn copy_to(from: &Path, to: &Path) {
    if server(from).is_none() {
        for beside in ["-wal", "-shm"] {
            // Without them the file is a whole database: the gateway emptied its log when it stopped.
            let _ = std::fs::remove_file(format!("{}{beside}", to.display()));
        }
        std::fs::copy(from, to).unwrap();
        return;
    }
    drop(to);
    let _ = url(to);
    let (from, to) = (name(from), name(to));
    // A session of the gateway's that just ended may still be there.
    let ended = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{from}'");
    let server = everybodys().unwrap();
    ask(&format!("{server}/postgres"), async move |client| {
        client.batch_execute(&ended).await.unwrap();
        client.batch_execute(&format!("DROP DATABASE {to}")).await.unwrap();
        client.batch_execute(&format!("CREATE DATABASE {to} TEMPLATE {from}")).await.unwrap();
    });
}

/// Changes the database, in SQLite's words, as somebody does who knows how to get rid of triggers.
pub fn tamper(path: &Path, change: impl FnOnce(&Connection)) {
    if server(path).is_none() {
        let connection = Connection::open(path).unwrap();
        connection.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
        drop_triggers(&connection);
        return change(&connection);
    }
    let copy = open(path);
    change(&copy);
    let mut statements = vec!["SET session_replication_role = replica".to_owned()];
    for table in texts(&copy, TABLES) {
        statements.push(format!("DELETE FROM {table}"));
        let columns = texts(&copy, &format!("SELECT name FROM pragma_table_info('{table}') ORDER BY cid"));
        let mut rows = copy.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let mut rows = rows.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let cells: Vec<String> =
                (0..columns.len()).map(|place| literal(&row.get(place).unwrap())).collect();
            let (columns, cells) = (columns.join(", "), cells.join(", "));
            statements.push(format!("INSERT INTO {table} ({columns}) VALUES ({cells})"));
        }
    }
    batch(path, &statements.join(";\n"));
}

fn drop_triggers(connection: &Connection) {
    let names = texts(connection, "SELECT name FROM sqlite_master WHERE type = 'trigger'");
    assert!(names.len() >= 10, "{names:?}");
    for name in names {
        connection.execute_batch(&format!("DROP TRIGGER {name}")).unwrap();
    }
}

fn texts(connection: &Connection, statement: &str) -> Vec<String> {
    let mut statement = connection.prepare(statement).unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

/// A value as PostgreSQL reads it.
fn literal(value: &Value) -> String {
    match value {
        // Nothing, and the next number where rows are numbered.
        Value::Null => "DEFAULT".to_owned(),
        Value::Integer(number) => number.to_string(),
        Value::Real(number) => number.to_string(),
        Value::Text(text) => format!("'{}'", text.replace('\'', "''")),
        Value::Blob(bytes) => {
            let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("'\\x{}'", digits.concat())
        }
    }
}

/// How often a text stands in the database: in SQLite's in its files, so that nothing is left between the rows either.
pub fn occurrences(path: &Path, text: &str) -> usize {
    let count = |bytes: &[u8]| bytes.windows(text.len()).filter(|bytes| *bytes == text.as_bytes()).count();
    if server(path).is_none() {
        let files = std::fs::read_dir(path.parent().unwrap()).unwrap().map(|file| file.unwrap().path());
        let name = path.file_name().unwrap().to_str().unwrap();
        let ours = files.filter(|file| file.file_name().unwrap().to_str().unwrap().starts_with(name));
        return ours.map(|file| count(&std::fs::read(file).unwrap())).sum();
    }
    let copy = open(path);
    let in_table = |table: &String| {
        let mut rows = copy.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let columns = rows.column_count();
        let mut rows = rows.query([]).unwrap();
        let mut found = 0;
        while let Some(row) = rows.next().unwrap() {
            for place in 0..columns {
                found += count(literal(&row.get(place).unwrap()).as_bytes());
            }
        }
        found
    };
    texts(&copy, TABLES).iter().map(in_table).sum()
}

/// Makes the database go away, where it is on a server.
pub fn drop(path: &Path) {
    let Some(server) = server(path) else { return };
    if MADE.lock().unwrap().remove(&name(path)) {
        let drop = format!("DROP DATABASE {} WITH (FORCE)", name(path));
        ask(&format!("{server}/postgres"), async move |client| client.batch_execute(&drop).await.unwrap());
    }
}

/// Nobody can write to the database until this goes.
pub struct Standstill {
    _file: Option<Connection>,
    _server: Option<std::sync::mpsc::Sender<()>>,
}

/// Holds the database as a backup would, or a replica that stopped in the middle of a transaction.
pub fn stand_still(path: &Path) -> Standstill {
    if server(path).is_none() {
        let file = Connection::open(path).unwrap();
        file.execute_batch("BEGIN IMMEDIATE").unwrap();
        return Standstill { _file: Some(file), _server: None };
    }
    let (release, released) = std::sync::mpsc::channel();
    let (tell_held, held) = std::sync::mpsc::channel();
    let url = url(path);
    std::thread::spawn(move || {
        ask(&url, async move |client| {
            client.batch_execute(WRITER).await.unwrap();
            tell_held.send(()).unwrap();
            let _ = released.recv();
        });
    });
    held.recv().unwrap();
    Standstill { _file: None, _server: Some(release) }
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
