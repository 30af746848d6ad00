#![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]

pub(crate) mod engine;
mod server;

use std::path::Path;
use std::time::Duration;

use crate::clock::Clock;
use crate::domain::audit::{Actor, AuditEvent, Target};
use crate::domain::chain::{Chain, FoundLink};
use crate::domain::purchase::sample::purchase;
use crate::domain::purchase::{Purchase, PurchaseId, State};
use crate::domain::quote::Quote;
use crate::store::attempts::AttemptId;
use crate::store::purchases::Whose;
use crate::store::session::{Link, Session};
use crate::store::{Finished, Store, StoreError, Tx, attempts, audit, owned, purchases};
use engine::{batch, is_skipped_on_postgres, location};

fn open(path: &Path) -> Store {
    Store::open(&location(path), Clock::system()).unwrap()
}

fn event(action: &'static str) -> AuditEvent {
    AuditEvent::new(action, Actor::Gateway("test"), Target::new("gateway", &"test"))
}

fn write_one(tx: Tx<'_>) -> Result<Finished<()>, StoreError> {
    tx.commit(&event("test.happened"), ())
}

async fn links(store: &Store) -> Vec<FoundLink> {
    let rows = store.read(|session| audit::after(session, 0, 10_000)).await.unwrap();
    rows.into_iter().map(|row| row.link).collect()
}

#[tokio::test]
async fn a_write_without_an_event_is_refused_and_undone() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("gateway.db"));
    let row = owned::Mirrored {
        key: owned::Key {
            number: "+61491570156".into(),
            message_type: "sms".into(),
            guid: String::new(),
            twin: 0,
        },
        position: 1,
        listing: serde_json::from_value(serde_json::json!({ "dedicated_number": "+61491570156" })).unwrap(),
        status_since: None,
        price: None,
        fee: None,
        paid: "2026-11".parse().unwrap(),
        since: None,
        is_lacking: false,
    };
    let refused: Result<(), StoreError> = store
        .write(move |mut tx| {
            owned::insert(&mut tx, &row)?;
            tx.unchanged(())
        })
        .await;
    assert!(matches!(refused, Err(StoreError::Unaudited)));
    assert!(store.read(owned::all).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_failed_job_leaves_its_neighbours_alone_and_the_chain_whole() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("gateway.db"));
    let jobs = (0..300).map(|index| {
        let store = store.clone();
        async move {
            store
                .write(move |mut tx| {
                    tx.record(&event("test.began"))?;
                    if index % 3 == 0 {
                        Err(StoreError::Conflict)
                    } else {
                        tx.commit(&event("test.ended"), ())
                    }
                })
                .await
        }
    });
    let results = futures_util::future::join_all(jobs).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 200);

    let links = links(&store).await;
    assert_eq!(links.len(), 400, "two events for each of the 200, none of the others");
    let mut chain = Chain::whole();
    for link in &links {
        chain.follow(link, &mut |what| unreachable!("event {}: {what}", link.sequence));
    }
    assert_eq!(chain.head(), store.read(audit::head).await.unwrap());
}

#[tokio::test]
async fn evidence_can_be_neither_changed_nor_deleted_with_sql() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gateway.db");
    let store = open(&path);
    store.write(write_one).await.unwrap();
    for statement in ["UPDATE audit_events SET action = 'x'", "DELETE FROM audit_events"] {
        assert!(matches!(batch(&path, statement), Err(StoreError::Conflict)), "{statement}");
    }
    assert_eq!(links(&store).await.len(), 1);
}

#[tokio::test]
async fn one_database_has_one_serving_process() {
    if is_skipped_on_postgres("any number of processes serve from one") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gateway.db");
    let first = open(&path);
    let Err(refused) = Store::open(&location(&path), Clock::system()) else {
        unreachable!("the lock is held");
    };
    assert!(refused.to_string().contains("another gateway serves"), "{refused}");
    drop(first);
    assert!(Store::open(&location(&path), Clock::system()).is_ok(), "the lock goes with its holder");
}

#[tokio::test]
async fn what_was_written_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/er/gateway.db");
    let store = open(&path);
    store.write(write_one).await.unwrap();
    let before = links(&store).await;
    drop(store);
    let store = open(&path);
    store.write(write_one).await.unwrap();
    let after = links(&store).await;
    assert_eq!(after.first(), before.first());
    assert_eq!(after.len(), 2);
}

#[tokio::test]
async fn a_database_of_a_newer_program_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gateway.db");
    drop(open(&path));
    batch(&path, "INSERT INTO schema_migrations VALUES (999, '', 0)")
        .or_else(|_| batch(&path, "INSERT INTO schema_migrations VALUES (999, x'00', 0)"))
        .unwrap();
    let Err(refused) = Store::open(&location(&path), Clock::system()) else {
        unreachable!("version 999 is not known");
    };
    assert!(refused.to_string().contains("999"), "{refused}");
}

#[test]
fn parameters_go_by_their_number_and_cells_by_their_order() {
    let connection = rusqlite::Connection::open_in_memory().unwrap();
    let session = Session::new(Link::Sqlite(&connection));
    let read = session
        .query_first("SELECT $2, $1, NULL", &["b".into(), 7_i64.into()], |row| {
            Ok((row.int()?, row.text()?, row.optional_text()?))
        })
        .unwrap();
    assert_eq!(read, Some((7, "b".to_owned(), None)));
}

#[tokio::test]
async fn a_write_that_panics_leaves_nothing_and_stops_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("gateway.db"));
    let lost: Result<(), StoreError> = store
        .write(|mut tx| {
            tx.record(&event("test.began"))?;
            unreachable!("a fault of ours")
        })
        .await;
    assert!(lost.is_err());
    store.write(write_one).await.unwrap();
    assert_eq!(links(&store).await.len(), 1);
}

/// Ids of version 7 sort by the calendar, which can be set back between two attempts.
#[tokio::test]
async fn an_attempt_can_be_ended_whatever_the_calendar_said_at_the_one_before() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("gateway.db"));
    let id = PurchaseId::random();
    let quote = Quote {
        country: "AU".parse().unwrap(),
        country_name: None,
        currency: "AUD".parse().unwrap(),
        setup: "0.00".parse().unwrap(),
        monthly: "20.71".parse().unwrap(),
        total_as_shown: None,
        at: jiff::Timestamp::UNIX_EPOCH,
    };
    let ended: Result<(), StoreError> = store
        .write(move |mut tx| {
            let bought = Purchase { id, ..purchase() };
            purchases::insert(&mut tx, &bought, None)?;
            let of = id.to_string();
            tx.execute_one(
                "INSERT INTO attempts (id, purchase_id, instance, claimed_us, baseline, outcome, outcome_us) VALUES ('ffffffff-0000-7000-8000-000000000000', $1, '', 0, '[]', 'not_sent', 0)",
                &[(&of).into()],
            )?;
            attempts::insert(&mut tx, AttemptId::fresh(), id, &[], &quote)?;
            attempts::finish(&mut tx, id, "bought")?;
            tx.execute("DELETE FROM attempts", &[])?;
            tx.commit(&event("test.ended"), ())
        })
        .await;
    ended.unwrap();
}

#[tokio::test]
async fn a_day_counts_what_is_bought_or_may_be_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("gateway.db"));
    let mut wanted = 0;
    for (index, state) in State::ALL.into_iter().enumerate() {
        let number = format!("+6149157{index:04}").parse().unwrap();
        let purchase = Purchase { number, state, ..purchase() };
        let (person, team) = (purchase.requester.person.clone(), purchase.requester.team.clone());
        let inserted: Result<(), StoreError> = store
            .write(move |mut tx| {
                purchases::insert(&mut tx, &purchase, None)?;
                tx.execute("UPDATE purchases SET reserved_day = '2026-11-23'", &[])?;
                tx.commit(&event("test.happened"), ())
            })
            .await;
        inserted.unwrap();
        wanted += i64::from(state.is_active());
        let counting = store.read(move |session| {
            let count = |whose| purchases::reserved_on(session, "2026-11-23", &whose);
            Ok([count(Whose::Person(&person))?, count(Whose::Team(&team))?])
        });
        assert_eq!(counting.await.unwrap(), [wanted; 2], "with {state}");
    }
}

/// SQLite does it no more by itself, because it would swallow a failed fsync.
#[tokio::test]
async fn the_write_ahead_log_is_moved_into_the_database_as_it_grows_and_emptied_at_the_end() {
    if is_skipped_on_postgres("it has a log of its own") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gateway.db");
    let size = |name: &str| std::fs::metadata(folder.path().join(name)).unwrap().len();
    let store = open(&path);
    let before = size("gateway.db");
    let wide = "x".repeat(1_000_000);
    let write_wide = || {
        let event = event("test.happened").with("wide", wide.clone());
        store.write(move |tx| -> Result<_, StoreError> { tx.commit(&event, ()) })
    };
    for _ in 0..6 {
        write_wide().await.unwrap();
    }
    // Nobody writes now, so nobody waits for it.
    let moved = async {
        while size("gateway.db") < before + 4_000_000 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), moved).await.unwrap();
    let before = size("gateway.db");
    for _ in 0..17 {
        write_wide().await.unwrap();
    }
    // The last is answered before the log is looked at; the next write comes after that, whoever waits.
    store.write(write_one).await.unwrap();
    // At most 4,000 pages wait. Where the machine was slow, some were moved in between, while nobody wrote.
    assert!(size("gateway.db") + 16_400_000 >= before + 17_000_000, "{} bytes", size("gateway.db"));
    drop(store);
    assert_eq!(size("gateway.db-wal"), 0);
}
