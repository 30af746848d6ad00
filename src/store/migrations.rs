//! Brings a database to this version's schema: each file once, in order, each in a transaction of its own.
//!
//! A file that was changed after it ran, or a version that this program does not know, stops the start: both
//! mean that the program and the database do not belong together. The files are SQLite's; `postgres::schema` says them
//! in PostgreSQL's words.

use jiff::Timestamp;
use uuid::Uuid;

use crate::domain::canonical::Digest;
use crate::store::engine::Engine;
use crate::store::error::StoreError;
use crate::store::session::{Session, only_blob};

const MIGRATIONS: &[(i64, &str)] = &[
    (1, include_str!("migrations/0001_first.sql")),
    (2, include_str!("migrations/0002_deciding.sql")),
    (3, include_str!("migrations/0003_evidence.sql")),
    (4, include_str!("migrations/0004_reserved_price.sql")),
    (5, include_str!("migrations/0005_covering.sql")),
    (6, include_str!("migrations/0006_notices.sql")),
    (7, include_str!("migrations/0007_console.sql")),
    (8, include_str!("migrations/0008_money.sql")),
    (9, include_str!("migrations/0009_replicas.sql")),
    (10, include_str!("migrations/0010_shared.sql")),
];

/// Brings a database up to date, beside whoever else wants the same.
pub(super) fn run(engine: &mut dyn Engine, at: Timestamp) -> Result<(), StoreError> {
    within(engine, |engine| {
        engine.migrate(
            "CREATE TABLE IF NOT EXISTS schema_migrations (
             version INTEGER NOT NULL PRIMARY KEY, digest BLOB NOT NULL, at_us INTEGER NOT NULL) STRICT;",
        )?;
        refuse_newer(version(&engine.session())?)
    })?;
    for (version, sql) in MIGRATIONS {
        within(engine, |engine| apply(engine, *version, sql, at))?;
    }
    // A database gets its identity once, so that it can be told from every other.
    within(engine, |engine| {
        let session = engine.session();
        if session.query_int("SELECT count(*) FROM gateway", &[])? == 0 {
            session.execute(
                "INSERT INTO gateway (one, database_id, created_us) VALUES (1, $1, $2)",
                &[(&Uuid::new_v4().to_string()).into(), at.into()],
            )?;
        }
        Ok(())
    })
}

/// One transaction.
fn within(
    engine: &mut dyn Engine,
    work: impl FnOnce(&dyn Engine) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    engine.begin()?;
    let done = work(engine).and_then(|()| engine.commit(None));
    if done.is_err() && engine.is_in_transaction() {
        engine.roll_back();
    }
    done
}

/// Whether a database that nobody may bring up to date now can be read by this program.
pub(super) fn check(session: &Session<'_>) -> Result<(), StoreError> {
    let (version, known) = (version(session)?, known());
    refuse_newer(version)?;
    if version < known {
        return Err(StoreError::Corrupt(format!(
            "the database has schema version {version}, this program knows {known}: bring it up to date with migrate"
        )));
    }
    Ok(())
}

fn version(session: &Session<'_>) -> Result<i64, StoreError> {
    session.query_int("SELECT coalesce(max(version), 0) FROM schema_migrations", &[])
}

fn known() -> i64 {
    MIGRATIONS.last().map_or(0, |(version, _)| *version)
}

fn refuse_newer(version: i64) -> Result<(), StoreError> {
    let known = known();
    if version > known {
        return Err(StoreError::Corrupt(format!(
            "the database has schema version {version}, this program knows {known}: use the newer program"
        )));
    }
    Ok(())
}

fn apply(engine: &dyn Engine, version: i64, sql: &str, at: Timestamp) -> Result<(), StoreError> {
    let (digest, session) = (Digest::of(&[sql.as_bytes()]), engine.session());
    let applied = session.query_first(
        "SELECT digest FROM schema_migrations WHERE version = $1",
        &[version.into()],
        only_blob,
    )?;
    match applied {
        Some(bytes) if bytes == digest.as_bytes() => Ok(()),
        Some(_) => Err(StoreError::Corrupt(format!("migration {version} was changed after it ran"))),
        None => {
            engine.migrate(sql)?;
            session.execute(
                "INSERT INTO schema_migrations (version, digest, at_us) VALUES ($1, $2, $3)",
                &[version.into(), (&digest).into(), at.into()],
            )?;
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]

    use jiff::Timestamp;
    use rusqlite::Connection;

    use super::{MIGRATIONS, check, run};
    use crate::domain::canonical::Digest;
    use crate::store::engine::Engine as _;
    use crate::store::session::{Link, Session, only_text};
    use crate::store::sqlite::Sqlite;

    #[test]
    fn events_that_were_there_before_are_found_by_who_did_it() {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch("CREATE TABLE schema_migrations (version INTEGER, digest BLOB, at_us INTEGER)")
            .unwrap();
        for (version, sql) in MIGRATIONS.iter().filter(|(version, _)| *version < 3) {
            connection.execute_batch(sql).unwrap();
            let digest = Digest::of(&[sql.as_bytes()]);
            let applied = "INSERT INTO schema_migrations VALUES (?1, ?2, 0)";
            connection.execute(applied, rusqlite::params![version, digest.as_bytes()]).unwrap();
        }
        let session = Session::new(Link::Sqlite(&connection));
        assert!(check(&session).unwrap_err().to_string().contains("bring it up to date with migrate"));
        let bodies =
            [r#"{"actor":{"person":{"issuer":"i","subject":"ann"}}}"#, r#"{"actor":{"gateway":"start"}}"#];
        for (sequence, body) in (1_i64..).zip(bodies) {
            let insert = "INSERT INTO audit_events VALUES (?1, 0, 'a', 'k', 'i', ?2, x'', x'')";
            connection.execute(insert, rusqlite::params![sequence, body]).unwrap();
        }
        let mut engine = Sqlite::over(connection);
        run(&mut engine, Timestamp::UNIX_EPOCH).unwrap();
        check(&engine.session()).unwrap();
        let actors =
            engine.session().query("SELECT actor FROM audit_events ORDER BY seq", &[], only_text).unwrap();
        assert_eq!(actors, ["ann", "gateway:start"]);
        assert!(engine.session().execute("UPDATE audit_events SET actor = 'bob'", &[]).is_err());
    }
}
