//! One cycle: traffic of several people, an end at a bad moment, a start (that may end badly too), every key asked for
//! once more, and the invariants.

use std::fmt;
use std::time::Duration;

use reqwest::RequestBuilder;
use serde_json::Value;

use crate::chaos::random::Random;
use crate::chaos::shim::{Act, Call, Plan, Shim};
use crate::chaos::traffic::{PATIENCE, Traffic, count, until_quiet};
use crate::evidence;
use crate::process::Process;
use crate::stage::Stage;

/// Traffic lasts about this long, so a random end falls into it.
const TRAFFIC_MICROS: u64 = 120_000;

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

/// A database through many cycles.
pub struct Run<'s> {
    stage: Stage,
    shim: &'s Shim,
    process: Option<Process>,
    random: Random,
    cycles: usize,
    traffic: Traffic,
}

impl<'s> Run<'s> {
    pub async fn start(mut stage: Stage, shim: &'s Shim, seed: u64) -> Self {
        let process = Some(Process::start_on(&mut stage, shim).await);
        Self { stage, shim, process, random: Random(seed), cycles: 0, traffic: Traffic::default() }
    }

    pub async fn cycle(&mut self, figures: &mut Figures) {
        self.cycles += 1;
        figures.cycles += 1;
        let door = [self.stage.api.clone()];
        let asked = self.traffic.cycle(&mut self.stage, &door, (self.cycles, &mut self.random)).await;
        figures.requests += asked.requests.len() - asked.approvals;
        figures.approvals += asked.approvals;
        figures.ended_at_a_call += usize::from(self.end_in(asked.requests).await);
        self.stage.end_faults().await;
        figures.recoveries_killed += self.restart().await;
        let door = [self.stage.api.clone()];
        figures.repeats += self.traffic.repeat_every_key(&mut self.stage, &door, &mut self.random).await;
        until_quiet(&self.stage).await;
        let ledger = self.stage.ledger("operation=buy").await;
        self.stage.check(&ledger);
        evidence::every_sale_is_known(&self.stage.database(), &ledger);
        self.traffic.keys_mean_what_they_meant(&self.stage);
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

    pub async fn finish(mut self, figures: &mut Figures) {
        until_quiet(&self.stage).await;
        figures.bought += count(&self.stage, "'bought', 'bought_late'");
        figures.unknown += count(&self.stage, "'unknown', 'needs_attention'");
        let ledger: Value = self.stage.ledger("operation=buy").await;
        figures.sold += ledger["sales"].as_array().unwrap().len();
        self.process.take().unwrap().kill().await;
        self.stage.finish().await;
    }
}
