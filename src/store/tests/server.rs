//! What only a server can do to a store: end its sessions, lose what it had, refuse in its own words.

use std::time::Duration;

use super::engine::{batch, is_postgres, location};
use super::{event, links, open, write_one};
use crate::clock::Clock;
use crate::store::{Store, StoreError, audit, freezes};

/// Ends every other session of the database, as a server that restarts does.
const END_SESSIONS: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()";

/// Writes until the store has found its way back.
async fn written_again(store: &Store) {
    for _ in 0..50 {
        match store.write(write_one).await {
            Ok(()) => return,
            Err(error) => {
                assert!(matches!(error, StoreError::Unavailable(_) | StoreError::Unanswered), "{error}");
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    unreachable!("no connection again");
}

#[tokio::test]
async fn sessions_that_end_are_opened_again_by_another_instance() {
    if !is_postgres("sessions end on a server") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gateway.db");
    let store = open(&path);
    let instance = async |store: &Store| {
        store
            .write(|tx| {
                let me = tx.instance();
                tx.commit(&event("test.happened"), me)
            })
            .await
    };
    let before: Result<_, StoreError> = instance(&store).await;
    batch(&path, END_SESSIONS).unwrap();
    // Whoever comes first sees nothing of it.
    store.write(write_one).await.unwrap();
    let after: Result<_, StoreError> = instance(&store).await;
    assert_ne!(before.unwrap(), after.unwrap());
    let mut leads = store.leads();
    let leading = leads.wait_for(|leads| *leads);
    tokio::time::timeout(Duration::from_secs(10), leading).await.unwrap().unwrap();
    assert!(store.read(freezes::in_force).await.unwrap().is_empty(), "nothing was lost");
}

/// A standby that was promoted before it had everything looks like this.
#[tokio::test]
async fn a_server_that_lost_commits_is_bought_on_no_more() {
    if !is_postgres("servers fail over") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gateway.db");
    let store = open(&path);
    for _ in 0..5 {
        store.write(write_one).await.unwrap();
    }
    let loss = "ALTER TABLE audit_events DISABLE TRIGGER USER; DELETE FROM audit_events WHERE seq > 3;
                ALTER TABLE audit_events ENABLE TRIGGER USER";
    batch(&path, &format!("{loss}; {END_SESSIONS}")).unwrap();
    written_again(&store).await;
    let frozen = store.read(freezes::in_force).await.unwrap();
    assert_eq!(frozen.len(), 1);
    assert!(frozen.first().unwrap().reason.contains("ends at event 3, and event 5 had been written"));
    let told = store.read(|session| audit::after(session, 3, 10)).await.unwrap();
    let told: Vec<&str> = told.iter().map(|row| row.action.as_str()).collect();
    assert_eq!(told, ["buying.frozen", "evidence.went_back", "test.happened"], "before anything else");
    batch(&path, END_SESSIONS).unwrap();
    written_again(&store).await;
    assert_eq!(store.read(freezes::in_force).await.unwrap().len(), 1, "once is enough");
}

#[tokio::test]
async fn one_leads_and_another_does_once_it_is_gone() {
    if !is_postgres("replicas share a server") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gateway.db");
    let first = open(&path);
    let other = folder.path().join("beside/gateway.db");
    let second = Store::open(&super::engine::same_database(&path, &other), Clock::system()).unwrap();
    assert!(*first.leads().borrow());
    let mut replicas = second.replicas();
    tokio::time::timeout(Duration::from_secs(10), replicas.wait_for(|count| *count == 2))
        .await
        .unwrap()
        .unwrap();
    assert!(!*second.leads().borrow());
    let mut heard = second.newest_event();
    first.write(write_one).await.unwrap();
    let newest = *first.newest_event().borrow();
    let hearing = heard.wait_for(|heard| *heard == newest);
    tokio::time::timeout(Duration::from_secs(10), hearing).await.unwrap().unwrap();
    drop(first);
    let mut leads = second.leads();
    tokio::time::timeout(Duration::from_secs(10), leads.wait_for(|leads| *leads)).await.unwrap().unwrap();
    second.write(write_one).await.unwrap();
    assert_eq!(links(&second).await.len(), 2);
}

#[tokio::test]
async fn evidence_is_kept_by_the_server_itself_however_it_is_worded() {
    if !is_postgres("a server has words of its own") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gateway.db");
    let store = open(&path);
    for _ in 0..3 {
        store.write(write_one).await.unwrap();
    }
    let copy = "seq, at_us, action, target_kind, target_id, body, previous_hash, hash";
    for statement in [
        "UPDATE audit_events SET body = '{}' WHERE seq = 3".to_owned(),
        "DELETE FROM audit_events WHERE seq = 3".to_owned(),
        "TRUNCATE audit_events CASCADE".to_owned(),
        format!("INSERT INTO audit_events ({copy}) SELECT 9, {} FROM audit_events LIMIT 1", &copy[5..]),
        format!(
            "INSERT INTO audit_events ({copy}) SELECT {copy} FROM audit_events WHERE seq = 3
                 ON CONFLICT (seq) DO UPDATE SET body = '{{}}'"
        ),
        "TRUNCATE ledger".to_owned(),
        "TRUNCATE policies".to_owned(),
        "UPDATE gateway SET database_id = 'x'".to_owned(),
        "DELETE FROM gateway".to_owned(),
        "TRUNCATE gateway".to_owned(),
        "INSERT INTO gateway (one, database_id, created_us) VALUES (1, 'x', 0)".to_owned(),
    ] {
        assert!(matches!(batch(&path, &statement), Err(StoreError::Conflict)), "{statement}");
    }
    assert_eq!(links(&store).await.len(), 3);
    assert!(location(&path).to_string().starts_with("postgres://127.0.0.1:"), "no user, no password");
}
