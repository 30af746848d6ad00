//! A streaming standby that is promoted before it had every commit: what the lost ones bought is found, not bought again.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::cluster::Cluster;
use super::line::Line;
use super::{LOOKING, PATIENCE, root, until};
use crate::database;
use crate::evidence;
use crate::process::Process;
use crate::stage::{Answer, Stage, ann};

/// Two replicas, whose lines lead to a primary, and its standby.
struct Pair {
    primary: Cluster,
    standby: Cluster,
    /// Between the two.
    stream: Line,
    stage: Stage,
    replicas: Vec<(Line, Process, String)>,
}

impl Pair {
    async fn start() -> Option<Self> {
        let primary = Cluster::start()?;
        let stage = Stage::looking_later_but("", LOOKING).await;
        database::is_at(&stage.database(), &primary.url());
        let stream = Line::to(&primary.address());
        let standby = primary.standby(&stream);
        let mut pair = Self { primary, standby, stream, stage, replicas: Vec::new() };
        for place in 0..2 {
            let line = Line::to(&pair.primary.address());
            let text = pair.stage.configuration().replace(&pair.primary.address(), &line.address());
            let process = Process::replica_but(&mut pair.stage, place, &text, None).await;
            let process = process.unwrap_or_else(|ended| panic!("{}", ended.log));
            pair.replicas.push((line, process, pair.stage.api.clone()));
        }
        Some(pair)
    }

    fn at(&mut self, replica: usize) -> &Stage {
        self.stage.api.clone_from(&self.replicas[replica].2);
        &self.stage
    }

    /// How far the evidence reaches on a server.
    fn events(&self, server: &Cluster) -> String {
        let url = database::url(&self.stage.database());
        let name = url.rsplit('/').next().unwrap();
        server.psql(name, "SELECT coalesce(max(seq), 0) FROM audit_events")
    }

    fn until_in_step(&self) {
        let deadline = Instant::now() + PATIENCE;
        while self.events(&self.primary) != self.events(&self.standby) {
            assert!(Instant::now() < deadline, "the standby is not in step");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The primary is gone, and the standby takes its place with what it has.
    fn fail_over(&mut self) {
        self.primary.kill();
        self.standby.promote();
        database::is_at(&self.stage.database(), &self.standby.url());
        for (line, ..) in &self.replicas {
            line.lead_to(&self.standby.address());
        }
    }

    async fn until(&mut self, replica: usize, path: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        until(self.at(replica), &root(), path, is_it).await
    }

    async fn buy(&mut self, replica: usize, number: &str) -> Answer {
        self.at(replica).buy(&ann(), number).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_promoted_without_the_newest_commits_freezes_buying_until_what_they_bought_is_found() {
    let Some(mut pair) = Pair::start().await else { return };
    let numbers = pair.stage.numbers_on_sale("AU").await;
    assert_eq!(pair.buy(0, &numbers[0]).await.verdict(), "200 SUCCESS");
    pair.until_in_step();
    pair.stream.close();
    let lost = pair.buy(0, &numbers[1]).await;
    assert_eq!(lost.verdict(), "200 SUCCESS", "{}", lost.text);
    assert_ne!(pair.events(&pair.primary), pair.events(&pair.standby));

    pair.fail_over();
    // Nobody writes, and every replica sees it by itself.
    for replica in 0..2 {
        let is_frozen = |page: &Value| {
            let freezes = page["items"].as_array().unwrap().iter();
            freezes.filter(|freeze| freeze["cause"] == "went_back" && freeze["lifted_at"].is_null()).count()
                == 1
        };
        let freezes = pair.until(replica, "/v1/freezes", is_frozen).await;
        assert!(freezes.to_string().contains("went back in time"), "{freezes}");
        let refused = pair.buy(replica, &numbers[2]).await;
        assert_eq!(refused.verdict(), "503 BUYING_FROZEN", "{}", refused.text);
        // Unless it was found in the meantime, by a scan that nothing stops.
        let refused = pair.buy(replica, &numbers[1]).await;
        assert!(
            ["503 BUYING_FROZEN", "409 ALREADY_OWNED"].contains(&&*refused.verdict()),
            "{}",
            refused.text
        );
    }
    // What the lost commits bought comes to light as a number without a purchase.
    let is_orphan = |row: &Value| row["origin"] == "orphan" && row["number"] == numbers[1].as_str();
    let is_found = |page: &Value| page["items"].as_array().unwrap().iter().any(is_orphan);
    pair.until(1, "/v1/numbers", is_found).await;

    let freezes = pair.at(1).get(&root(), "/v1/freezes").await.json();
    for freeze in freezes["items"].as_array().unwrap() {
        let path = format!("/v1/freezes/{}/lift", freeze["id"].as_str().unwrap());
        assert_eq!(pair.at(1).post(&root(), &path, &json!({})).await.status, 200);
    }
    for replica in [1, 0] {
        let again = pair.buy(replica, &numbers[1]).await;
        assert_eq!(again.status, 409, "{}", again.text);
    }
    let until_heard = Instant::now() + Duration::from_secs(2);
    for (replica, number) in [(1, &numbers[2]), (0, &numbers[3])] {
        let mut bought = pair.buy(replica, number).await;
        while bought.verdict() == "503 BUYING_FROZEN" && Instant::now() < until_heard {
            bought = pair.buy(replica, number).await;
        }
        assert_eq!(bought.verdict(), "200 SUCCESS", "{}", bought.text);
    }
    let ledger = pair.stage.ledger("operation=buy").await;
    assert_eq!(ledger["requests"].as_array().unwrap().len(), 4, "each was sent once");
    for (_, process, _) in pair.replicas.drain(..) {
        process.kill().await;
    }
    evidence::every_sale_is_known(&pair.stage.database(), &ledger);
    // The attempt of what was lost is lost with it.
    pair.stage.finish_without_upstream().await;
}
