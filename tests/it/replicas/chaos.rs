//! Three replicas through many disasters, their own and their database's: the invariants hold after each.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::cluster::Cluster;
use super::disasters::{Disaster, What, When};
use super::line::Line;
use super::{LOOKING, root};
use crate::chaos::random::Random;
use crate::chaos::shim::{Call, Plan, Shim, or_skip};
use crate::chaos::traffic::{PATIENCE, Traffic, count, until_quiet};
use crate::chaos::{EXTRA, money, seed, wanted};
use crate::database;
use crate::evidence;
use crate::process::Process;
use crate::stage::Stage;

/// Cycles of a suite that does not say; `tests/run chaos` asks for more by `CHAOS_REPLICA_CYCLES`.
const CYCLES: usize = 6;
/// Cycles on one database before a fresh one.
const GENERATION: usize = 15;
/// Side by side, because most of a cycle is waiting.
const SIDE_BY_SIDE: usize = 2;
/// Traffic lasts about this long.
const TRAFFIC_MICROS: u64 = 300_000;
const REPLICAS: usize = 3;

/// What one waits for is short: a claim of one that is gone is old enough after 4.5 s.
const SHORT: [(&str, &str); 2] = [
    (r#"buy_timeout = "2s""#, r#"buy_timeout = "1s""#),
    (r#"connect_timeout = "1s""#, r#"connect_timeout = "500ms""#),
];
/// Budgets that the buys of a generation come near.
const BUDGETS: [u32; 2] = [420, 560];

/// What a run came to.
#[derive(Debug, Default)]
struct Figures {
    cycles: usize,
    /// How many of each kind there were, and at what.
    disasters: BTreeMap<String, usize>,
    requests: usize,
    repeats: usize,
    bought: u32,
    late: u32,
    sold: usize,
    answers: BTreeMap<StatusCode, usize>,
}

struct Machine {
    line: Line,
    shim: Shim,
    process: Option<Process>,
    api: String,
}

/// A database and three replicas through many cycles.
struct Run {
    cluster: Cluster,
    stage: Stage,
    machines: Vec<Machine>,
    random: Random,
    cycles: usize,
    traffic: Traffic,
}

impl Run {
    async fn start(cluster: Cluster, seed: u64) -> Self {
        let budgets = money(BUDGETS);
        let budgets = budgets.iter().map(|(usual, other)| (*usual, other.as_str()));
        let changes: Vec<_> = budgets.chain(SHORT).collect();
        let stage = Stage::without_gateway_but(&format!("{EXTRA}\n{LOOKING}"), &changes).await;
        stage.end_faults().await;
        database::is_at(&stage.database(), &cluster.url());
        let (random, traffic) = (Random(seed), Traffic::default());
        let mut run = Self { cluster, stage, machines: Vec::new(), random, cycles: 0, traffic };
        for place in 0..REPLICAS {
            let (line, shim) = (Line::to(&run.cluster.address()), Shim::new().unwrap());
            run.machines.push(Machine { line, shim, process: None, api: String::new() });
            run.start_replica(place).await;
        }
        run
    }

    /// Its way to the database is its line.
    async fn start_replica(&mut self, place: usize) {
        let machine = &mut self.machines[place];
        let usual = self.stage.configuration();
        let text = usual.replace(&self.cluster.address(), &machine.line.address());
        assert_ne!(text, usual);
        let started = Process::replica_but(&mut self.stage, place, &text, Some(&machine.shim)).await;
        machine.process = Some(started.unwrap_or_else(|ended| panic!("{}", ended.log)));
        machine.api.clone_from(&self.stage.api);
    }

    fn doors(&self) -> Vec<String> {
        self.machines.iter().map(|machine| machine.api.clone()).collect()
    }

    async fn cycle(&mut self, figures: &mut Figures) {
        self.cycles += 1;
        let disaster = Disaster::of_cycle(self.cycles, &mut self.random);
        let victim = self.random.index(REPLICAS);
        // Most come to the one that it happens to.
        let mut doors = self.doors();
        doors.extend(std::iter::repeat_n(doors[victim].clone(), 2 * REPLICAS));
        let asked = self.traffic.cycle(&mut self.stage, &doors, (self.cycles, &mut self.random)).await;
        figures.cycles += 1;
        figures.requests += asked.requests.len();
        let running = self.begin(disaster, victim, asked.requests);
        let came = self.strike(disaster, victim).await;
        let what = format!("{:?}{}", disaster.what, if came { "" } else { " (nothing came to it)" });
        *figures.disasters.entry(what).or_default() += 1;
        tokio::time::sleep(Duration::from_millis(disaster.millis)).await;
        self.mend(disaster, victim).await;
        for answer in running {
            let answer = tokio::time::timeout(PATIENCE, answer).await.expect("an answer or an end").unwrap();
            // Of a replica that is gone there is none.
            let Ok(answer) = answer else { continue };
            assert_ne!(answer.status(), 500, "{disaster:?}");
            *figures.answers.entry(answer.status()).or_default() += 1;
        }
        self.stage.end_faults().await;
        self.all_know_the_database(disaster).await;
        self.lift_freezes().await;
        let doors = self.doors();
        figures.repeats += self.traffic.repeat_every_key(&mut self.stage, &doors, &mut self.random).await;
        until_quiet(&self.stage).await;
        let ledger = self.until_every_sale_is_known().await;
        self.stage.check(&ledger);
        evidence::every_sale_is_known(&self.stage.database(), &ledger);
        self.traffic.keys_mean_what_they_meant(&self.stage);
    }

    /// Sends the traffic into what is going to happen.
    fn begin(
        &mut self,
        disaster: Disaster,
        victim: usize,
        requests: Vec<RequestBuilder>,
    ) -> Vec<JoinHandle<reqwest::Result<reqwest::Response>>> {
        let machine = &mut self.machines[victim];
        match disaster.when {
            When::Call(name, side) => {
                let call = Call { name: name.to_owned(), count: disaster.count };
                machine.shim.plan(&Plan { act: disaster.act(side), call });
            }
            When::Commit(moment) => machine.line.lie_in_wait(disaster.count, moment),
            When::Sometime => {}
        }
        requests.into_iter().map(|request| tokio::task::spawn(request.send())).collect()
    }

    /// It happens; whether at the call or the commit that it was to happen at.
    async fn strike(&mut self, disaster: Disaster, victim: usize) -> bool {
        let came = match disaster.when {
            When::Sometime => {
                tokio::time::sleep(Duration::from_micros(self.random.below(TRAFFIC_MICROS))).await;
                true
            }
            When::Commit(_) => {
                let reached = self.machines[victim].line.reached();
                tokio::time::timeout(Duration::from_secs(3), reached).await.is_ok()
            }
            When::Call(..) => {
                let standing = self.machines[victim].process.as_ref().unwrap().stands_or_ended();
                tokio::time::timeout(Duration::from_secs(3), standing).await.is_ok()
            }
        };
        let machine = &mut self.machines[victim];
        match disaster.what {
            What::Kill => {
                machine.process.take().unwrap().kill().await;
                machine.line.cut();
                machine.line.open();
            }
            What::Pause => {
                machine.process.as_ref().unwrap().stop();
                machine.line.open();
            }
            What::KillServer => self.cluster.kill(),
            What::Cut => {
                machine.line.cut();
                machine.line.open();
            }
            What::Silence => machine.line.go_silent(),
            What::Seclusion => machine.line.close(),
        }
        came
    }

    async fn mend(&mut self, disaster: Disaster, victim: usize) {
        let machine = &mut self.machines[victim];
        machine.shim.forget_plan();
        match disaster.what {
            What::Kill => self.start_replica(victim).await,
            What::Pause => machine.process.as_ref().unwrap().resume(),
            What::KillServer => {
                machine.line.cut();
                machine.line.open();
                self.cluster.start_server();
            }
            What::Cut => {}
            What::Silence | What::Seclusion => machine.line.open(),
        }
    }

    /// Each replica answers from the database again, and is ready.
    async fn all_know_the_database(&mut self, disaster: Disaster) {
        for place in 0..REPLICAS {
            self.stage.api.clone_from(&self.machines[place].api);
            let mut last = String::new();
            let answering = async {
                loop {
                    let asked = self.stage.request(&root(), reqwest::Method::GET, "/v1/purchases?limit=1");
                    last = match asked.send().await {
                        Ok(answer) if answer.status() == 200 => return,
                        Ok(answer) => answer.text().await.unwrap_or_default(),
                        Err(error) => error.to_string(),
                    };
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            };
            if tokio::time::timeout(PATIENCE, answering).await.is_err() {
                let log = self.machines[place].process.take().unwrap().kill().await;
                let end: Vec<&str> = log.lines().rev().take(40).collect();
                panic!(
                    "replica {place} comes not back from {disaster:?}: it says {last:?}, and logged\n{end:#?}"
                );
            }
        }
    }

    /// What a late sale froze, or a budget that it broke; nothing was ever lost that was committed.
    async fn lift_freezes(&mut self) {
        self.stage.api.clone_from(&self.machines[0].api);
        let freezes = self.stage.get(&root(), "/v1/freezes").await.json();
        for freeze in freezes["items"].as_array().unwrap() {
            assert_ne!(freeze["cause"], "went_back", "{freeze}");
            if freeze["lifted_at"].is_null() {
                let path = format!("/v1/freezes/{}/lift", freeze["id"].as_str().unwrap());
                self.stage.post(&root(), &path, &json!({})).await;
            }
        }
    }

    /// Waits until every sale has been found, whoever knew of it.
    async fn until_every_sale_is_known(&self) -> Value {
        let known = async {
            loop {
                let ledger = self.stage.ledger("operation=buy").await;
                if evidence::unknown_sales(&self.stage.database(), &ledger).is_empty() {
                    return ledger;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(PATIENCE, known).await.expect("every sale is found by a scan")
    }

    async fn finish(mut self, figures: &mut Figures) {
        figures.bought += count(&self.stage, "'bought', 'bought_late'");
        figures.late += count(&self.stage, "'bought_late'");
        let ledger = self.stage.ledger("operation=buy").await;
        figures.sold += ledger["sales"].as_array().unwrap().len();
        for machine in &mut self.machines {
            machine.process.take().unwrap().kill().await;
        }
        self.stage.finish().await;
    }
}

/// Several databases, one after the other; nothing where they cannot be had.
#[tokio::main]
async fn series(cycles: usize, seed: u64) -> Option<Figures> {
    or_skip()?;
    let mut figures = Figures::default();
    while figures.cycles < cycles {
        let seed = seed.wrapping_add(u64::try_from(figures.cycles).unwrap());
        let mut run = Run::start(Cluster::start()?, seed).await;
        for _ in 0..GENERATION.min(cycles - figures.cycles) {
            run.cycle(&mut figures).await;
        }
        run.finish(&mut figures).await;
    }
    Some(figures)
}

#[test]
#[expect(clippy::print_stdout, reason = "the figures of a run")]
fn after_every_disaster_of_replicas_and_database_the_invariants_hold() {
    let (cycles, seed) = (wanted("CHAOS_REPLICA_CYCLES", CYCLES), seed());
    println!("chaos: CHAOS_SEED={seed} CHAOS_REPLICA_CYCLES={cycles}");
    let began = std::time::Instant::now();
    let each = cycles.div_ceil(SIDE_BY_SIDE);
    std::thread::scope(|scope| {
        for place in 0..SIDE_BY_SIDE {
            let seed = seed ^ u64::try_from(place).unwrap();
            scope.spawn(move || {
                if let Some(figures) = series(each, seed) {
                    println!("chaos: {figures:?}");
                }
            });
        }
    });
    println!("chaos: in {:.0} s, seed {seed}", began.elapsed().as_secs_f64());
}
