//! Evidence: told as it happened, found out when it was changed, read by those who may, erased when its time is over.

mod erasing;
mod exporting;
mod reading;
mod tampering;
mod triggers;
mod witness;

use std::path::{Path, PathBuf};

use numbers_gateway::app::{EvidenceSource, Report, verify_evidence};
use reqwest::Method;
use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::database;
use crate::stage::{Answer, Somebody, Stage, ann, send, somebody};

/// What Ann says when she buys: enough to be found in a file.
const REASON: &str = "Wibblewobble campaign, ask Ann";
/// What she says of a purchase that nobody knows the outcome of.
const OPEN_REASON: &str = "Flibbertigibbet hotline, still wanted";
/// What stands in the form of the registration.
const IN_THE_FORM: &str = "Quuxicorp Holdings";
const REGISTER: &str = "/v3/numbers/registrations/number-types/10dlc/country/CA";

fn auditor() -> Somebody {
    somebody("olga", "support", "auditor")
}

impl Stage {
    fn head_file(&self) -> PathBuf {
        self.folder.path().join("audit-head")
    }

    /// Asks for a number with a reason.
    async fn ask_for(&self, who: &Somebody, number: &str) -> Answer {
        self.ask_because(REASON, who, number).await
    }

    async fn ask_because(&self, reason: &str, who: &Somebody, number: &str) -> Answer {
        let request = self.request(who, Method::POST, "/v1/purchases").header("idempotency-key", number);
        send(request.json(&json!({"number": number, "reason": reason}))).await
    }

    /// A registration of a company of this name.
    async fn register_company(&self, name: &str) -> Answer {
        let form = json!({
            "full_name": "Ann Lee", "company_name": name, "email": "ann@example.com",
            "website_url": "https://acme.example", "sample_message": "Your code is 1234.",
            "primary_use_case": "One-time codes",
        });
        send(self.request(&ann(), Method::POST, REGISTER).json(&form)).await
    }

    /// Two purchases that are bought, one that failed, one of which nobody knows, one refusal and one registration;
    /// the ids of the purchases in that order.
    async fn a_little_of_everything(&self) -> Vec<String> {
        let numbers = self.numbers_on_sale("AU").await;
        let mut ids = Vec::new();
        let fates = [
            (REASON, None),
            (REASON, None),
            (REASON, Some(json!({"operation": "buy", "fault": "insufficient_balance", "count": 1}))),
            (OPEN_REASON, Some(json!({"operation": "buy", "fault": "drop_after_sale", "count": 1}))),
        ];
        for (number, (reason, fault)) in numbers.iter().zip(fates) {
            if let Some(fault) = fault {
                self.fault(fault).await;
            }
            let asked = self.ask_because(reason, &ann(), number).await;
            ids.push(asked.json()["id"].as_str().unwrap_or_else(|| panic!("{}", asked.text)).to_owned());
            self.end_faults().await;
        }
        assert_eq!(self.buy(&ann(), "+447700900000").await.verdict(), "403 POLICY_DENIED");
        let registered = self.register_company(IN_THE_FORM).await;
        assert_eq!(registered.verdict(), "200 SUCCESS", "{}", registered.text);
        ids
    }
}

/// A database as it was left behind, and the head that was witnessed of it.
struct LeftBehind {
    folder: TempDir,
    purchases: Vec<String>,
}

impl LeftBehind {
    async fn by_a_run() -> Self {
        let mut stage = Stage::new().await;
        let purchases = stage.a_little_of_everything().await;
        stage.stop_gateway().await;
        let folder = tempfile::tempdir().unwrap();
        database::copy_to(&stage.database(), &folder.path().join("gateway.db"));
        std::fs::copy(stage.head_file(), folder.path().join("audit-head")).unwrap();
        stage.finish().await;
        Self { folder, purchases }
    }

    fn database(&self) -> PathBuf {
        self.folder.path().join("gateway.db")
    }

    fn head(&self) -> PathBuf {
        self.folder.path().join("audit-head")
    }

    /// A copy that somebody changes who knows how to get rid of triggers.
    fn changed(&self, change: impl FnOnce(&Connection)) -> PathBuf {
        let copy = self.folder.path().join("changed.db");
        database::copy_to(&self.database(), &copy);
        database::tamper(&copy, change);
        copy
    }
}

impl Drop for LeftBehind {
    fn drop(&mut self) {
        for copy in ["gateway.db", "changed.db"] {
            database::drop(&self.folder.path().join(copy));
        }
    }
}

/// On a thread of its own: verifying waits, and a test may be in the middle of its runtime.
fn verified(database: &Path, head: Option<&Path>) -> Report {
    let location = database::location(database);
    let verify = || verify_evidence(EvidenceSource::Database(&location), head).unwrap();
    std::thread::scope(|scope| scope.spawn(verify).join()).unwrap()
}

/// Every fault as it is told.
fn told(report: &Report) -> Vec<String> {
    assert_eq!(report.whole, report.faults.is_empty());
    report.faults.iter().map(ToString::to_string).collect()
}

/// The events of the evidence with this action, newest first.
async fn events(stage: &Stage, action: &str) -> Vec<Value> {
    let answer = stage.get(&auditor(), &format!("/v1/audit?action={action}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()["items"].as_array().unwrap().clone()
}
