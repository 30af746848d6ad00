//! One cycle: traffic of several people, an end at a bad moment, a start (that may end badly too), every key asked for
//! once more, and the invariants.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::database;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::chaos::shim::{Act, Call, Plan, Shim};
use crate::evidence;
use crate::process::Process;
use crate::stage::{Somebody, Stage, ann, somebody};

/// Longer than any answer: the program promises one within its own deadline.
const PATIENCE: Duration = Duration::from_secs(30);
/// Traffic lasts about this long, so a random end falls into it.
const TRAFFIC_MICROS: u64 = 120_000;

/// What upstream may do to a buy. Most of them are sales, or may be.
const FAULTS: [&str; 7] = [
    "drop_before_sale",
    "drop_after_sale",
    "truncate",
    "html_500_before_sale",
    "html_500_after_sale",
    "error_envelope_in_200",
    "number_gone",
];

/// Where a cycle may end by the shim.
const MOMENTS: [(Act, &str); 11] = [
    (Act::KillBefore, "sync-wal"),
    (Act::KillAfter, "sync-wal"),
    (Act::CutPower, "sync-wal"),
    (Act::KillBefore, "write-wal"),
    (Act::KillAfter, "connect"),
    (Act::KillBefore, "connect"),
    (Act::KillBefore, "send-buy"),
    (Act::KillAfter, "send-buy"),
    (Act::KillBefore, "recv-buy"),
    (Act::CutPower, "sync-wal"),
    (Act::KillAfter, "sync-wal"),
];

/// What a run came to.
#[derive(Debug, Default)]
pub struct Figures {
    cycles: usize,
    ended_at_a_call: usize,
    requests: usize,
    approvals: usize,
    recoveries_killed: usize,
    repeats: usize,
    bought: u32,
    unknown: u32,
    sold: usize,
}

impl fmt::Display for Figures {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            cycles,
            ended_at_a_call,
            requests,
            approvals,
            recoveries_killed,
            repeats,
            bought,
            unknown,
            sold,
        } = self;
        write!(
            out,
            "{cycles} cycles ({ended_at_a_call} ended at a chosen call, {recoveries_killed} recoveries killed), \
             {requests} buys and {approvals} approvals asked for, {repeats} keys repeated, \
             {sold} sold, {bought} bought, {unknown} unknown"
        )
    }
}

/// A request with a key, as it is repeated for ever.
#[derive(Clone)]
struct Keyed {
    who: Somebody,
    number: String,
    is_v1: bool,
}

/// A database through many cycles.
pub struct Run<'s> {
    stage: Stage,
    shim: &'s Shim,
    process: Option<Process>,
    random: Random,
    cycles: usize,
    keys: BTreeMap<String, Keyed>,
    /// What each key was used for, once that was seen.
    targets: BTreeMap<String, String>,
}

impl<'s> Run<'s> {
    pub async fn start(mut stage: Stage, shim: &'s Shim, seed: u64) -> Self {
        let process = Some(Process::start_on(&mut stage, shim).await);
        let (keys, targets) = (BTreeMap::new(), BTreeMap::new());
        Self { stage, shim, process, random: Random(seed), cycles: 0, keys, targets }
    }

    pub async fn cycle(&mut self, figures: &mut Figures) {
        self.cycles += 1;
        figures.cycles += 1;
        if self.random.below(2) == 0 {
            let fault = FAULTS[self.random.index(FAULTS.len())];
            self.stage.fault(json!({"operation": "buy", "fault": fault, "count": 1})).await;
        }
        let mut traffic = self.traffic().await;
        let approvals = self.approvals().await;
        figures.requests += traffic.len();
        figures.approvals += approvals.len();
        traffic.extend(approvals);
        figures.ended_at_a_call += usize::from(self.end_in(traffic).await);
        self.stage.end_faults().await;
        figures.recoveries_killed += self.restart().await;
        figures.repeats += self.repeat_every_key().await;
        self.until_quiet().await;
        let ledger = self.stage.ledger("operation=buy").await;
        self.stage.check(&ledger);
        evidence::every_sale_is_known(&self.stage.database(), &ledger);
        self.keys_mean_what_they_meant();
    }

    /// Several buys at once: with and without a key, through both doors, some for the same number.
    async fn traffic(&mut self) -> Vec<RequestBuilder> {
        let country = ["AU", "US", "CA"][self.random.index(3)];
        let on_sale = self.stage.numbers_on_sale(country).await;
        let mut requests = Vec::new();
        for place in 0..=self.random.index(5) {
            let number = on_sale[self.random.index(on_sale.len().min(60))].clone();
            let who = self.random.person();
            match self.random.below(3) {
                0 => requests.push(self.stage.request(
                    &who,
                    Method::POST,
                    &format!("/v3/numbers/buy/{number}"),
                )),
                through => {
                    let key = format!("cycle {} request {place}", self.cycles);
                    let keyed = Keyed { who, number, is_v1: through == 1 };
                    requests.push(self.keyed(&key, &keyed));
                    if self.random.below(3) == 0 {
                        requests.push(self.keyed(&key, &keyed));
                    }
                    self.keys.insert(key, keyed);
                }
            }
        }
        requests
    }

    /// What waits for people is approved, by two at once.
    async fn approvals(&self) -> Vec<RequestBuilder> {
        let approver = |subject| somebody(subject, "growth", "approver").of_teams(&["growth", "support"]);
        let waiting = self.stage.get(&approver("kim"), "/v1/purchases?state=pending_approval").await.json();
        let mut requests = Vec::new();
        for purchase in waiting["items"].as_array().unwrap().iter().take(2) {
            let path = format!("/v1/purchases/{}/approve", purchase["id"].as_str().unwrap());
            let body = json!({"quote_digest": purchase["quote_digest"]});
            for subject in ["kim", "lea"] {
                requests.push(self.stage.request(&approver(subject), Method::POST, &path).json(&body));
            }
        }
        requests
    }

    fn keyed(&self, key: &str, keyed: &Keyed) -> RequestBuilder {
        let Keyed { who, number, is_v1 } = keyed;
        let request = if *is_v1 {
            let body = json!({"number": number, "reason": "chaos"});
            self.stage.request(who, Method::POST, "/v1/purchases").json(&body)
        } else {
            self.stage.request(who, Method::POST, &format!("/v3/numbers/buy/{number}"))
        };
        request.header("idempotency-key", key)
    }

    /// Sends the traffic and ends the process in it: at a named call, or after a random time. Whether the call came; it
    /// does not when everything is refused before.
    async fn end_in(&mut self, traffic: Vec<RequestBuilder>) -> bool {
        let process = self.process.take().unwrap();
        let at_a_call = !self.cycles.is_multiple_of(3);
        if at_a_call {
            let moment = MOMENTS[self.cycles % MOMENTS.len()];
            // Each buy commits three times and connects once.
            self.plan(moment, if moment.1.ends_with("wal") { 6 } else { 2 });
        }
        let running: Vec<_> = traffic.into_iter().map(|request| tokio::task::spawn(request.send())).collect();
        let mut came = false;
        if at_a_call {
            for request in running {
                let answer = tokio::time::timeout(PATIENCE, request).await.expect("an answer or an end");
                came |= answer.unwrap().is_err();
            }
        } else {
            tokio::time::sleep(Duration::from_micros(self.random.below(TRAFFIC_MICROS))).await;
        }
        process.kill().await;
        self.shim.forget_plan();
        came
    }

    /// Something happens at one of the first such calls.
    fn plan(&mut self, (act, name): (Act, &str), first: usize) {
        let call = Call { name: name.to_owned(), count: 1 + self.random.index(first) };
        self.shim.plan(&Plan { act, call });
    }

    /// Starts again; now and then the recovery is killed as well. How often it was.
    async fn restart(&mut self) -> usize {
        let mut killed = 0;
        while self.random.below(4) == 0 {
            let moment = MOMENTS[self.random.index(4)];
            self.plan(moment, 2);
            if let Ok(process) = Process::try_start_on(&mut self.stage, self.shim).await {
                process.kill().await;
            }
            self.shim.forget_plan();
            killed += 1;
        }
        self.process = Some(Process::start_on(&mut self.stage, self.shim).await);
        killed
    }

    /// Waits until nothing is on its way: what is approved is sent by the sweep as well, whenever that comes.
    async fn until_quiet(&self) {
        let connection = database::open(&self.stage.database());
        let sql = "SELECT count(*) FROM purchases WHERE state IN ('approved', 'reserved', 'dispatching')";
        let quiet = async {
            while connection.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap() > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, quiet).await.expect("everything comes to an end");
    }

    /// I8: the same key and request lead to the same purchase. What was not sent is sent by it.
    async fn repeat_every_key(&mut self) -> usize {
        for (key, keyed) in self.keys.clone() {
            let answer =
                tokio::time::timeout(PATIENCE, self.keyed(&key, &keyed).send()).await.unwrap().unwrap();
            let found =
                answer.headers().get("location").map(|location| location.to_str().unwrap().to_owned());
            let status = answer.status();
            let text = answer.text().await.unwrap();
            assert_ne!(status, 500, "{key}: {text}");
            let known = self.targets.get(&key);
            if let (Some(known), Some(found)) = (known, &found) {
                assert_eq!(&format!("/v1/purchases/{known}"), found, "{key}");
            }
        }
        if let Some((key, keyed)) =
            self.keys.iter().next_back().filter(|(key, _)| self.targets.contains_key(*key))
        {
            let other = Keyed { number: "+61491570999".to_owned(), ..keyed.clone() };
            let refused = self.keyed(key, &other).send().await.unwrap();
            assert_eq!(refused.status(), 422, "{key} with another request");
        }
        self.keys.len()
    }

    /// Once a key is used, it is used for this purchase.
    fn keys_mean_what_they_meant(&mut self) {
        let connection = database::open(&self.stage.database());
        let mut statement = connection.prepare("SELECT key, target_id FROM idempotency_keys").unwrap();
        let used = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        let used: BTreeMap<String, String> = used.map(Result::unwrap).collect();
        for (key, target) in &self.targets {
            assert_eq!(used.get(key), Some(target), "{key}");
        }
        self.targets = used;
    }

    pub async fn finish(mut self, figures: &mut Figures) {
        self.until_quiet().await;
        let count = |states: &str| {
            let connection = database::open(&self.stage.database());
            let sql = format!("SELECT count(*) FROM purchases WHERE state IN ({states})");
            connection.query_row(&sql, [], |row| row.get::<_, u32>(0)).unwrap()
        };
        figures.bought += count("'bought', 'bought_late'");
        figures.unknown += count("'unknown', 'needs_attention'");
        let ledger: Value = self.stage.ledger("operation=buy").await;
        figures.sold += ledger["sales"].as_array().unwrap().len();
        self.process.take().unwrap().kill().await;
        self.stage.finish().await;
    }
}

/// A small generator, so that a seed tells the whole run.
struct Random(u64);

impl Random {
    /// `SplitMix64`.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(u64::try_from(length).unwrap())).unwrap()
    }

    fn person(&mut self) -> Somebody {
        let people = [ann(), somebody("ben", "growth", "requester"), somebody("sue", "support", "requester")];
        people[self.index(3)].clone()
    }
}
