//! `migrate`, killed wherever the database changes: what the next one makes of it is what a fresh one would be.
//!
//! SQLite: the program is killed at every write and every fsync of the file and its log, and loses its power at each. A
//! server: its session is ended at every statement that changes the schema.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::chaos::shim::{Act, Call, Plan, Shim};
use crate::database;

/// A folder with a configuration, and the database that it names.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("gateway.db");
        let emergency = folder.path().join("gateway.emergency");
        let url = database::url(&database);
        let emergency = emergency.display();
        let text = format!("[storage]\nurl = \"{url}\"\nemergency_file = \"{emergency}\"\n");
        std::fs::write(folder.path().join("gateway.toml"), text).unwrap();
        Self { folder }
    }

    fn database(&self) -> PathBuf {
        self.folder.path().join("gateway.db")
    }

    fn migrate(&self, environment: &[(&str, String)]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_numbers-gateway"));
        command.arg("migrate").arg("--config").arg(self.folder.path().join("gateway.toml"));
        command.envs(environment.iter().map(|(name, value)| (name, value))).output().unwrap()
    }

    /// The next start, and what is there then.
    fn migrated(&self, what: &str) -> Vec<String> {
        let done = self.migrate(&[]);
        assert!(done.status.success(), "{what}: {}", String::from_utf8_lossy(&done.stderr));
        schema(&self.database())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        database::drop(&self.database());
    }
}

/// Everything that makes the schema, as text, and which migrations have run.
fn schema(path: &Path) -> Vec<String> {
    if database::is_postgres() {
        return database::own_words(path, SCHEMA_OF_A_SERVER);
    }
    database::own_words(
        path,
        "SELECT type || ' ' || name || ' ' || coalesce(sql, '') FROM sqlite_master
         UNION ALL SELECT 'ran ' || version || ' ' || hex(digest) FROM schema_migrations
         UNION ALL SELECT 'identities ' || count(*) FROM gateway ORDER BY 1",
    )
}

const SCHEMA_OF_A_SERVER: &str = "
    SELECT 'column ' || table_name || ' ' || column_name || ' ' || data_type || ' ' || is_nullable
           || coalesce(column_default, '') FROM information_schema.columns WHERE table_schema = 'public'
    UNION ALL SELECT 'index ' || indexdef FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL SELECT 'constraint ' || conrelid::regclass || ' ' || pg_get_constraintdef(oid) FROM pg_constraint
              WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT 'trigger ' || pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL SELECT 'function ' || proname || ' ' || prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    UNION ALL SELECT 'ran ' || version || ' ' || encode(digest, 'hex') FROM schema_migrations
    UNION ALL SELECT 'identities ' || count(*) FROM gateway ORDER BY 1";

/// Ends the session at the statement whose turn it is. A sequence goes on whatever is rolled back.
const ENDS_SESSIONS: &str = "
    CREATE SCHEMA chaos; CREATE SEQUENCE chaos.statements; CREATE TABLE chaos.turn (at bigint);
    CREATE FUNCTION chaos.strike() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
        IF nextval('chaos.statements') = (SELECT at FROM chaos.turn) THEN
            PERFORM pg_terminate_backend(pg_backend_pid());
        END IF;
    END $$;
    CREATE EVENT TRIGGER strike ON ddl_command_end EXECUTE FUNCTION chaos.strike();";
const LEAVES_THEM_ALONE: &str = "DROP EVENT TRIGGER strike; DROP SCHEMA chaos CASCADE;";

#[test]
fn a_migration_that_is_killed_anywhere_ends_equal_to_a_fresh_one() {
    let fresh = Place::new().migrated("undisturbed");
    assert!(fresh.len() > 50, "{fresh:#?}");
    let killed = if database::is_postgres() { on_a_server(&fresh) } else { in_a_file(&fresh) };
    assert!(killed > 50, "only {killed} times");
}

/// How often it was killed.
fn in_a_file(fresh: &[String]) -> usize {
    let Some(shim) = Shim::new() else { return usize::MAX };
    let whole = Place::new();
    shim.begin_log();
    assert!(whole.migrate(&shim.environment_in(whole.folder.path())).status.success());
    let mut counts = std::collections::BTreeMap::<String, usize>::new();
    for name in shim.end_log() {
        *counts.entry(name).or_default() += 1;
    }
    let mut killed = 0;
    for (name, count) in &counts {
        for at in 1..=*count {
            let act = if name.starts_with("sync-wal") { Act::CutPower } else { Act::KillBefore };
            let place = Place::new();
            let environment = shim.environment_in(place.folder.path());
            shim.plan(&Plan { act, call: Call { name: name.clone(), count: at } });
            let what = format!("{act:?} at {name} {at}");
            assert!(!place.migrate(&environment).status.success(), "{what} struck nobody");
            shim.forget_plan();
            assert_eq!(place.migrated(&what), fresh, "{what}");
            killed += 1;
        }
    }
    killed
}

fn on_a_server(fresh: &[String]) -> usize {
    for at in 1.. {
        let place = Place::new();
        database::batch(&place.database(), ENDS_SESSIONS);
        database::batch(&place.database(), &format!("INSERT INTO chaos.turn VALUES ({at})"));
        let struck = !place.migrate(&[]).status.success();
        database::batch(&place.database(), LEAVES_THEM_ALONE);
        assert_eq!(place.migrated(&format!("struck at statement {at}")), fresh, "statement {at}");
        if !struck {
            return at - 1;
        }
    }
    0
}

#[test]
fn an_older_program_leaves_a_newer_database_alone_and_says_so() {
    let place = Place::new();
    let before = place.migrated("undisturbed");
    let newer = "INSERT INTO schema_migrations (version, digest, at_us) SELECT 9999, digest, at_us
                 FROM schema_migrations WHERE version = 1";
    database::batch(&place.database(), newer);
    let refused = place.migrate(&[]);
    assert_eq!(refused.status.code(), Some(69));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("schema version 9999") && said.contains("use the newer program"), "{said}");
    assert_eq!(schema(&place.database()).len(), before.len() + 1);
}
