//! Brings a database to this version's schema: each file once, in order, each in a transaction of its own.
//!
//! A file that was changed after it ran, or a version that this program does not know, stops the start: both
//! mean that the program and the database do not belong together.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};
use uuid::Uuid;

use crate::domain::canonical::Digest;
use crate::store::error::StoreError;

const MIGRATIONS: &[(i64, &str)] = &[
    (1, include_str!("migrations/0001_first.sql")),
    (2, include_str!("migrations/0002_deciding.sql")),
    (3, include_str!("migrations/0003_evidence.sql")),
    (4, include_str!("migrations/0004_reserved_price.sql")),
    (5, include_str!("migrations/0005_covering.sql")),
    (6, include_str!("migrations/0006_notices.sql")),
    (7, include_str!("migrations/0007_console.sql")),
    (8, include_str!("migrations/0008_money.sql")),
];

pub(super) fn run(connection: &Connection, at: Timestamp) -> Result<(), StoreError> {
    connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS schema_migrations (
             version INTEGER NOT NULL PRIMARY KEY, digest BLOB NOT NULL, at_us INTEGER NOT NULL) STRICT",
    )?;
    refuse_newer(version(connection)?)?;
    MIGRATIONS.iter().try_for_each(|(version, sql)| apply(connection, *version, sql, at))?;
    // A database gets its identity once, so that it can be told from every other.
    connection.execute(
        "INSERT INTO gateway (one, database_id, created_us)
         SELECT 1, ?1, ?2 WHERE NOT EXISTS (SELECT 1 FROM gateway)",
        params![Uuid::new_v4().to_string(), at.as_microsecond()],
    )?;
    Ok(())
}

/// Whether a database that nobody may bring up to date now can be read by this program.
pub(super) fn check(connection: &Connection) -> Result<(), StoreError> {
    let (version, known) = (version(connection)?, known());
    refuse_newer(version)?;
    if version < known {
        return Err(StoreError::Corrupt(format!(
            "the database has schema version {version}, this program knows {known}: bring it up to date with migrate"
        )));
    }
    Ok(())
}

fn version(connection: &Connection) -> Result<i64, StoreError> {
    Ok(connection
        .query_row("SELECT coalesce(max(version), 0) FROM schema_migrations", [], |row| row.get(0))?)
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

fn apply(connection: &Connection, version: i64, sql: &str, at: Timestamp) -> Result<(), StoreError> {
    let digest = Digest::of(&[sql.as_bytes()]);
    let applied: Option<Vec<u8>> = connection
        .query_row("SELECT digest FROM schema_migrations WHERE version = ?1", [version], |row| row.get(0))
        .optional()?;
    match applied {
        Some(bytes) if bytes == digest.as_bytes() => Ok(()),
        Some(_) => Err(StoreError::Corrupt(format!("migration {version} was changed after it ran"))),
        None => {
            let transaction = connection.unchecked_transaction()?;
            transaction.execute_batch(sql)?;
            transaction.execute(
                "INSERT INTO schema_migrations (version, digest, at_us) VALUES (?1, ?2, ?3)",
                params![version, digest.as_bytes(), at.as_microsecond()],
            )?;
            Ok(transaction.commit()?)
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]

    use jiff::Timestamp;
    use rusqlite::Connection;

    use super::{MIGRATIONS, apply, check, run};

    #[test]
    fn events_that_were_there_before_are_found_by_who_did_it() {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch("CREATE TABLE schema_migrations (version INTEGER, digest BLOB, at_us INTEGER)")
            .unwrap();
        for (version, sql) in MIGRATIONS.iter().filter(|(version, _)| *version < 3) {
            apply(&connection, *version, sql, Timestamp::UNIX_EPOCH).unwrap();
        }
        assert!(check(&connection).unwrap_err().to_string().contains("bring it up to date with migrate"));
        let bodies =
            [r#"{"actor":{"person":{"issuer":"i","subject":"ann"}}}"#, r#"{"actor":{"gateway":"start"}}"#];
        for (sequence, body) in (1_i64..).zip(bodies) {
            let insert = "INSERT INTO audit_events VALUES (?1, 0, 'a', 'k', 'i', ?2, x'', x'')";
            connection.execute(insert, rusqlite::params![sequence, body]).unwrap();
        }
        run(&connection, Timestamp::UNIX_EPOCH).unwrap();
        check(&connection).unwrap();
        let mut statement = connection.prepare("SELECT actor FROM audit_events ORDER BY seq").unwrap();
        let actors: Vec<String> =
            statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        assert_eq!(actors, ["ann", "gateway:start"]);
        assert!(connection.execute("UPDATE audit_events SET actor = 'bob'", []).is_err());
    }
}
