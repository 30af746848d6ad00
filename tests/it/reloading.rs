//! A changed configuration under a running gateway: what follows it does so at once and is written down, the rest is named,
//! and a faulty file changes nothing.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::process::Process;
use crate::stage::{Answer, Stage, ann, somebody};

const CHANGED: &str = "/v1/audit?action=configuration.changed&limit=100";
const PATIENCE: Duration = Duration::from_secs(20);

/// A gateway whose file changes.
struct Running {
    stage: Stage,
    process: Process,
    numbers: std::vec::IntoIter<String>,
    looks: AtomicUsize,
}

impl Running {
    async fn start() -> Self {
        let mut stage = Stage::without_gateway_but("", &[]).await;
        let process = Process::start(&mut stage).await;
        let numbers = stage.numbers_on_sale("AU").await.into_iter();
        Self { stage, process, numbers, looks: AtomicUsize::new(0) }
    }

    fn write(&self, text: &str) {
        let folder = self.stage.folder.path();
        std::fs::write(folder.join("gateway.toml.new"), text).unwrap();
        std::fs::rename(folder.join("gateway.toml.new"), folder.join("gateway.toml")).unwrap();
    }

    async fn changes(&self) -> Vec<Value> {
        // Somebody new each time: what is tried may be the limit of this very request.
        let looks = self.looks.fetch_add(1, Ordering::SeqCst);
        let auditor = somebody(Box::leak(format!("olga-{looks}").into_boxed_str()), "growth", "auditor");
        self.stage.get(&auditor, CHANGED).await.json()["items"].as_array().unwrap().clone()
    }

    /// Puts the change in force; the keys that were written down.
    async fn with(&mut self, usual: &str, other: &str) -> Vec<String> {
        let before = self.changes().await.len();
        self.stage.configure(usual, other);
        self.write(&self.stage.configuration());
        let changed = async {
            loop {
                let changes = self.changes().await;
                if changes.len() > before {
                    let keys = changes[0]["event"]["details"]["keys"].as_array().unwrap().clone();
                    return keys.iter().map(|key| key.as_str().unwrap().to_owned()).collect();
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, changed)
            .await
            .unwrap_or_else(|_| panic!("not in force: {usual} to {other}"))
    }

    async fn buy(&mut self) -> Answer {
        let number = self.numbers.next().unwrap();
        self.stage.buy(&ann(), &number).await
    }

    async fn end(self) {
        self.process.kill().await;
        self.stage.finish().await;
    }
}

#[tokio::test]
async fn rules_teams_budgets_and_limits_follow_the_file_and_the_change_is_evidence() {
    let mut running = Running::start().await;
    assert_eq!(running.buy().await.verdict(), "200 SUCCESS");
    let allow = "max_monthly = \"25.00\" }\nthen = \"allow\"";
    let deny = "max_monthly = \"25.00\" }\nthen = { deny = \"not today\" }";
    let keys = running.with(allow, deny).await;
    assert!(!keys.is_empty() && keys.iter().all(|key| key.starts_with("policy.rules[1].then")), "{keys:?}");
    assert_eq!(running.buy().await.verdict(), "403 POLICY_DENIED");
    running.with(deny, allow).await;
    assert_eq!(running.buy().await.verdict(), "200 SUCCESS");

    let (rich, poor) = ("spend_per_month = \"1000.00\"", "spend_per_month = \"1.00\"");
    assert_eq!(running.with(rich, poor).await, ["teams.growth.budget.spend_per_month"]);
    assert_eq!(running.buy().await.verdict(), "403 BUDGET_EXCEEDED");
    running.with(poor, rich).await;
    let organisation = "[budget]\ncurrency = \"AUD\"\nrecurring_per_month = \"1.00\"";
    let keys = running.with("[budget]\ncurrency = \"AUD\"", organisation).await;
    assert_eq!(keys, ["budget.recurring_per_month"]);
    assert_eq!(running.buy().await.verdict(), "403 BUDGET_EXCEEDED");
    running.with(organisation, "[budget]\ncurrency = \"AUD\"").await;
    assert_eq!(running.buy().await.verdict(), "200 SUCCESS");

    let newcomer = somebody("nina", "newcomers", "requester");
    let number = running.numbers.next().unwrap();
    assert_eq!(running.stage.buy(&newcomer, &number).await.verdict(), "403 TEAM_UNKNOWN");
    running
        .with("[limits]\n", "[teams.newcomers]\nbudget = { spend_per_month = \"100.00\" }\n[limits]\n")
        .await;
    assert_eq!(running.stage.buy(&newcomer, &number).await.verdict(), "200 SUCCESS");

    let a_day = "[limits]\npurchases_per_day = { subject = 3, team = 100 }\n";
    running.with("[limits]\n", a_day).await;
    assert_eq!(running.buy().await.verdict(), "403 DAY_LIMIT_REACHED");
    running.end().await;
}

#[tokio::test]
async fn each_limit_of_requests_follows_the_file() {
    let mut running = Running::start().await;
    let rows = [
        (
            "reads = { per_second = 1000, burst = 1000 }",
            "reads = { per_second = 1, burst = 2 }",
            "limits.reads",
        ),
        (
            "misses = { per_minute = 1000, burst = 1000 }",
            "misses = { per_minute = 1, burst = 2 }",
            "limits.misses",
        ),
        (
            "writes = { per_minute = 1000, burst = 1000 }",
            "writes = { per_minute = 1, burst = 2 }",
            "limits.writes",
        ),
    ];
    for (usual, tight, name) in rows {
        let keys = running.with(usual, tight).await;
        assert!(!keys.is_empty() && keys.iter().all(|key| key.starts_with(name)), "{keys:?}");
        let mut verdicts = Vec::new();
        // One comes back each second, or each minute: of ten at once some are refused.
        for round in 0..10 {
            let asked = match name {
                "limits.writes" => running.buy().await,
                _ => running.stage.get(&ann(), &format!("/v3/numbers/search/AU?search={round}{round}")).await,
            };
            verdicts.push(asked.status.as_u16());
        }
        assert!(verdicts[0] == 200 && verdicts.contains(&429), "{name}: {verdicts:?}");
        // Everybody's bucket is full again.
        running.with(tight, usual).await;
        assert_eq!(running.stage.get(&ann(), "/v3/numbers/search/AU?search=1").await.status, 200, "{name}");
    }
    running.end().await;
}

#[tokio::test]
async fn what_needs_a_restart_is_named_and_a_faulty_file_changes_nothing() {
    let mut running = Running::start().await;
    let keys = running
        .with(
            "spend_per_month = \"1000.00\"",
            "spend_per_month = \"900.00\" }\n[cache]\nfresh_for = \"61s\"\n[teams.other]\nbudget = { spend_per_month = \"1.00\"",
        )
        .await;
    assert!(keys.iter().all(|key| key.starts_with("teams.")), "{keys:?}");
    running.process.says("this key has changed and needs a restart").await;
    running.process.says("cache.fresh_for").await;

    let whole = running.stage.configuration();
    let reload =
        async |running: &Running| running.stage.metric("numbers_gateway_config_reload_success").await;
    for (faulty, said) in [
        (whole.replace("currency = \"AUD\"", "currency = \"NZD\""), "budget.currency cannot change"),
        (whole.replace("[limits]", "[limits]\nreeds = 3"), "reeds"),
        (whole.replace("then = \"allow\"", "then = \"alow\""), "alow"),
    ] {
        running.write(&faulty);
        running.process.says(said).await;
        let refused = async {
            while reload(&running).await != 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, refused).await.expect("the metric says so");
        assert_eq!(running.buy().await.verdict(), "200 SUCCESS", "{said}");
        running.write(&whole);
        let taken = async {
            while reload(&running).await != 1 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, taken).await.expect("the next file is taken");
    }
    assert_eq!(running.changes().await.len(), 1, "nothing of it is in force, so nothing is written down");
    let body = json!({"scope": "growth", "reason": "as ever"});
    let root = somebody("root", "growth", "administrator");
    assert_eq!(running.stage.post(&root, "/v1/freezes", &body).await.status, 201);
    running.end().await;
}

/// Searches and buys until it is over; what failed.
async fn load(stage: &Stage, numbers: &[String], is_over: &AtomicBool) -> (usize, Vec<String>) {
    let (answered, failed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let saw = |answer: Answer| {
        answered.fetch_add(1, Ordering::SeqCst);
        if answer.status != 200 {
            failed.lock().unwrap().push(answer.text);
        }
    };
    let searching = async |caller: usize| {
        let mut digits = caller;
        while !is_over.load(Ordering::SeqCst) {
            saw(stage.get(&ann(), &format!("/v3/numbers/search/AU?search={}", digits % 90)).await);
            digits += 3;
        }
    };
    let buying = async {
        for number in numbers {
            if is_over.load(Ordering::SeqCst) {
                break;
            }
            saw(stage.buy(&ann(), number).await);
        }
    };
    tokio::join!(searching(0), searching(1), searching(2), buying);
    (answered.into_inner(), failed.into_inner().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::print_stdout, reason = "the figures of a run")]
async fn a_file_that_changes_every_second_under_load_fails_no_request() {
    let seconds = std::env::var("RELOAD_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(5);
    let mut stage = Stage::without_gateway_but("", &[]).await;
    stage.configure("[limits]\n", "[limits]\npurchases_per_day = { subject = 10000, team = 10000 }\n");
    stage.configure("burst = 1000 }", "burst = 1000000 }");
    let unlimited = r#"budget = { spend_per_month = "unlimited", recurring_per_month = "unlimited" }"#;
    stage
        .configure(r#"budget = { spend_per_month = "1000.00", recurring_per_month = "1000.00" }"#, unlimited);
    let process = Process::start(&mut stage).await;
    let numbers = stage.numbers_on_sale("AU").await;
    let (is_over, folder) = (AtomicBool::new(false), stage.folder.path().to_owned());
    let texts = ["up to 25", "up to 25 dollars"].map(|name| stage.configuration().replace("up to 25", name));
    let changing = async {
        for second in 0..seconds {
            // The pace is what is tried.
            tokio::time::sleep(Duration::from_secs(1)).await;
            std::fs::write(folder.join("gateway.toml.new"), &texts[(second + 1) % 2]).unwrap();
            std::fs::rename(folder.join("gateway.toml.new"), folder.join("gateway.toml")).unwrap();
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        is_over.store(true, Ordering::SeqCst);
    };
    let (loaded, ()) = tokio::join!(load(&stage, &numbers, &is_over), changing);
    let (answered, failed) = loaded;
    assert_eq!(failed, Vec::<String>::new());
    let auditor = somebody("olga", "growth", "auditor");
    let changes = stage.get(&auditor, CHANGED).await.json()["items"].as_array().unwrap().len();
    println!("{seconds} changes, {changes} in force, {answered} answered");
    assert_eq!(changes, seconds);
    process.kill().await;
    stage.finish().await;
}
