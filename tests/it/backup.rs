//! A copy made beside a serving gateway: one whole state, and what a gateway does that is put back to it.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use futures_util::{StreamExt as _, stream};
use numbers_gateway::app::{EvidenceSource, verify_evidence};
use serde_json::{Value, json};

use crate::evidence;
use crate::stage::{Somebody, Stage, ann, somebody};

const SOLD: &str = "SELECT count(*) FROM purchases WHERE state = 'bought'";

fn root() -> Somebody {
    somebody("root", "growth", "administrator")
}

impl Stage {
    /// `numbers-gateway backup`, as an operator calls it.
    async fn back_up(&self, to: &Path) -> Output {
        let configuration = self.folder.path().join("backup.toml");
        std::fs::write(&configuration, self.configuration()).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_numbers-gateway"));
        command.arg("backup").arg(to).arg("--config").arg(&configuration);
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }

    fn copy(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// One value of a database, as text.
fn only(path: &Path, statement: &str) -> String {
    let connection = rusqlite::Connection::open(path).unwrap();
    connection.query_row(&format!("SELECT CAST(({statement}) AS TEXT)"), [], |row| row.get(0)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_made_under_load_is_one_whole_state_and_holds_nobody_up() {
    let mut stage = Stage::new().await;
    let numbers = stage.numbers_on_sale("AU").await;
    let ann = ann();
    let buying = async {
        let buys = stream::iter(&numbers[..18]).map(|number| stage.buy(&ann, number)).buffer_unordered(4);
        buys.map(|answer| assert_eq!(answer.verdict(), "200 SUCCESS", "{}", answer.text)).count().await
    };
    let copying = async {
        for copy in 0..6 {
            let made = stage.back_up(&stage.copy(&format!("copy-{copy}"))).await;
            assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        }
    };
    tokio::join!(buying, copying);
    stage.stop_gateway().await;
    let last = stage.copy("last");
    assert!(stage.back_up(&last).await.status.success());

    let mut sold = Vec::new();
    for copy in (0..6).map(|copy| stage.copy(&format!("copy-{copy}"))).chain([last.clone()]) {
        // The ledger is what the events say, and so is everything else in it.
        let report = verify_evidence(EvidenceSource::Database(&copy.as_path().into()), None).unwrap();
        assert!(report.whole, "{report}");
        sold.push(only(&copy, SOLD).parse::<u64>().unwrap());
    }
    assert!(sold.is_sorted() && sold.iter().any(|sold| (1..18).contains(sold)), "made meanwhile: {sold:?}");
    let sums = "SELECT coalesce(sum(amount_micros), 0) || ' ' || count(*) FROM ledger";
    assert_eq!(only(&last, sums), only(&stage.database(), sums));
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_is_put_back_buys_nothing_until_somebody_has_seen_what_was_bought_since() {
    let mut stage = Stage::looking("").await;
    let numbers = stage.numbers_on_sale("AU").await;
    assert_eq!(stage.buy(&ann(), &numbers[0]).await.verdict(), "200 SUCCESS");
    let copy = stage.copy("copy");
    assert!(stage.back_up(&copy).await.status.success());
    assert_eq!(stage.buy(&ann(), &numbers[1]).await.verdict(), "200 SUCCESS");

    stage.stop_gateway().await;
    for beside in ["gateway.db-wal", "gateway.db-shm"] {
        let _ = std::fs::remove_file(stage.folder.path().join(beside));
    }
    std::fs::copy(&copy, stage.database()).unwrap();
    stage.start_gateway().await;
    for number in &numbers[1..3] {
        assert_eq!(stage.buy(&ann(), number).await.verdict(), "503 BUYING_FROZEN");
    }
    let freezes = stage.get(&root(), "/v1/freezes").await.json();
    assert_eq!(freezes["items"][0]["cause"], "went_back", "{freezes}");

    // What nobody remembers having bought is in ClickSend's list.
    let is_orphan = |row: &Value| row["origin"] == "orphan" && row["number"] == numbers[1].as_str();
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(30);
    while !stage.get(&root(), "/v1/numbers").await.json()["items"].as_array().unwrap().iter().any(is_orphan) {
        assert!(tokio::time::Instant::now() < deadline, "the number was not found");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let lift = format!("/v1/freezes/{}/lift", freezes["items"][0]["id"].as_str().unwrap());
    assert_eq!(stage.post(&root(), &lift, &json!({})).await.status, 200);
    assert_eq!(stage.buy(&ann(), &numbers[1]).await.status, 409, "it is owned");
    assert_eq!(stage.buy(&ann(), &numbers[2]).await.verdict(), "200 SUCCESS");
    let ledger = stage.ledger("operation=buy").await;
    assert_eq!(ledger["requests"].as_array().unwrap().len(), 3, "each was sent once");
    stage.stop_gateway().await;
    evidence::every_sale_is_known(&stage.database(), &ledger);
    // The attempt of what was lost is lost with it.
    stage.finish_without_upstream().await;
}

#[tokio::test]
async fn a_copy_replaces_nothing_and_is_for_its_owner_alone() {
    let stage = Stage::new().await;
    let copy = stage.copy("copy");
    let made = stage.back_up(&copy).await;
    let told = String::from_utf8_lossy(&made.stdout).into_owned();
    assert!(
        told.starts_with(&format!("{}: ", copy.display())) && told.contains(" events, the last one "),
        "{told}"
    );
    assert_eq!(std::fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    let before = std::fs::read(&copy).unwrap();
    let again = stage.back_up(&copy).await;
    assert_eq!(again.status.code(), Some(69));
    assert!(String::from_utf8_lossy(&again.stderr).contains("is there already; it is left alone"));
    assert_eq!(std::fs::read(&copy).unwrap(), before);
    let nowhere = stage.back_up(&stage.copy("no/such/folder")).await;
    assert_eq!(nowhere.status.code(), Some(69), "{}", String::from_utf8_lossy(&nowhere.stderr));
    let left: Vec<_> = std::fs::read_dir(stage.folder.path())
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|end| end == "partial"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
    stage.finish().await;
}
