//! Several replicas on one PostgreSQL act as one gateway: limits, budgets and keys hold over all of them, and what one
//! leaves behind another settles. Without `GATEWAY_TEST_POSTGRES` these are skipped, and say so.

mod away;
mod chaos;
mod cluster;
mod disasters;
mod dying;
mod failover;
mod line;
mod reaching;
mod rolling;
mod sharing;
mod vanishing;

use std::time::Duration;

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::database;
use crate::process::Process;
use crate::stage::{Somebody, Stage, ann, somebody};

/// Windows short enough to be waited for.
const LOOKING: &str = r#"
[purchases]
absence_window = "2s"
scan_spacing = "1s"
sweep_every = "2s"
"#;
const PATIENCE: Duration = Duration::from_secs(30);

/// Replicas of the real binary, on the database of a stage.
struct Fleet {
    stage: Stage,
    replicas: Vec<Option<Replica>>,
}

struct Replica {
    process: Process,
    api: String,
    ops: String,
}

impl Fleet {
    /// Nothing where there is no PostgreSQL; then it has been said.
    #[expect(clippy::print_stderr, reason = "a test that was skipped says so")]
    async fn of(count: usize, extra: &str) -> Option<Self> {
        if !database::is_postgres() {
            eprintln!("skipped: replicas need PostgreSQL: tests/run postgres");
            return None;
        }
        let mut fleet = Self { stage: Stage::looking_later_but(extra, LOOKING).await, replicas: Vec::new() };
        for _ in 0..count {
            fleet.add().await;
        }
        Some(fleet)
    }

    /// One more.
    async fn add(&mut self) {
        let number = self.replicas.len();
        let process = Process::replica(&mut self.stage, number).await;
        let (api, ops) = (self.stage.api.clone(), self.stage.ops.clone());
        self.replicas.push(Some(Replica { process, api, ops }));
    }

    /// The stage as seen through one replica.
    fn at(&mut self, number: usize) -> &Stage {
        self.stage.api.clone_from(&self.replicas[number].as_ref().unwrap().api);
        &self.stage
    }

    /// What one of them tells its operators.
    async fn ops(&mut self, number: usize, path: &str) -> String {
        self.stage.ops.clone_from(&self.replicas[number].as_ref().unwrap().ops);
        self.stage.ops(path).await.text
    }

    /// kill -9; what it had logged.
    async fn kill(&mut self, number: usize) -> String {
        self.replicas[number].take().unwrap().process.kill().await
    }

    fn process(&self, number: usize) -> &Process {
        &self.replicas[number].as_ref().unwrap().process
    }

    /// Buys of Ann's, each through the next replica in turn.
    fn requests_through_all(
        &mut self,
        buys: impl IntoIterator<Item = (String, Option<&'static str>)>,
    ) -> Vec<RequestBuilder> {
        let count = self.replicas.len();
        let request = |(index, (number, key)): (usize, (String, Option<&'static str>))| {
            let path = format!("/v3/numbers/buy/{}", number.replace('+', "%2B"));
            let request = self.at(index % count).request(&ann(), Method::POST, &path);
            match key {
                Some(key) => request.header("idempotency-key", key),
                None => request,
            }
        };
        buys.into_iter().enumerate().map(request).collect()
    }

    /// Asks until it is so.
    async fn until(&mut self, number: usize, path: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        until(self.at(number), &ann(), path, is_it).await
    }

    /// Ends all, and checks what must hold.
    async fn finish(mut self) {
        let sales = self.stage.ledger("").await;
        for replica in self.replicas.drain(..).flatten() {
            replica.process.kill().await;
        }
        crate::evidence::every_sale_is_known(&self.stage.database(), &sales);
        self.stage.finish().await;
    }
}

fn root() -> Somebody {
    somebody("root", "growth", "administrator")
}

/// Asks until there is an answer, and it is so.
async fn until(stage: &Stage, who: &Somebody, path: &str, is_it: impl Fn(&Value) -> bool) -> Value {
    let asking = async {
        loop {
            let answer = stage.get(who, path).await;
            if answer.status == 200 && is_it(&answer.json()) {
                return answer.json();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, asking).await.unwrap_or_else(|_| panic!("{path} never became so"))
}

async fn hold_buys(stage: &Stage, count: usize) {
    stage.fault(json!({"operation": "buy", "fault": "hold", "at": "after_sale", "count": count})).await;
}
