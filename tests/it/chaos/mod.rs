//! Kill −9 at every named step of the protocol and at random moments, and power that fails, on databases that live on:
//! the invariants hold after each.

mod cycle;
pub mod random;
pub mod shim;
mod steps;
pub mod traffic;

use crate::database;
use rusqlite::OptionalExtension as _;

use crate::chaos::cycle::{Figures, Run};
use crate::chaos::shim::{Shim, or_skip};
use crate::chaos::steps::{Leaves, Step};
use crate::evidence;
use crate::process::Process;
use crate::stage::{Answer, Stage, ann};

/// Cycles of a plain `cargo test`; `tests/run chaos` asks for more by `CHAOS_CYCLES`.
const CYCLES: usize = 5;
/// Cycles on one database before a fresh one.
const GENERATION: usize = 25;

/// Days without end, and Canadian numbers that somebody else has to approve.
pub const EXTRA: &str = r#"
[limits.purchases_per_day]
subject = 100000
team = 100000
[[policy.rules]]
name = "somebody looks"
when = { action = "buy", countries = ["CA"] }
then = { approvals = 1, from_team = "any" }
"#;

/// Budgets of growth and of all that every named step fits into, twice.
const ROOMY: [u32; 2] = [2_000, 2_500];
/// Budgets that the buys of a generation come to the end of, as does the one of support.
const TIGHT: [u32; 2] = [180, 280];

async fn stage(budgets: [u32; 2]) -> Stage {
    let budgets = money(budgets);
    let changes: Vec<_> = budgets.iter().map(|(usual, other)| (*usual, other.as_str())).collect();
    Stage::without_gateway_but(EXTRA, &changes).await
}

/// What a stage's configuration says of budgets, and what is to stand there instead: of growth, and of all.
pub fn money([growth, organisation]: [u32; 2]) -> [(&'static str, String); 2] {
    let unlimited = "recurring_per_month = \"unlimited\"";
    let growth = format!("growth]\nbudget = {{ spend_per_month = \"{growth}.00\", {unlimited} }}");
    let organisation = format!("currency = \"AUD\"\nspend_per_month = \"{organisation}.00\"\n{unlimited}\n");
    let usual = "growth]\nbudget = { spend_per_month = \"1000.00\", recurring_per_month = \"1000.00\" }";
    [(usual, growth), ("currency = \"AUD\"", organisation)]
}

async fn buy(stage: &Stage, number: &str) -> Option<Answer> {
    let request = stage.request(&ann(), reqwest::Method::POST, &format!("/v3/numbers/buy/{number}"));
    let answer = request.header("idempotency-key", number).send().await.ok()?;
    let (status, headers) = (answer.status(), answer.headers().clone());
    Some(Answer { status, headers, text: answer.text().await.ok()? })
}

/// A process that has bought once, so that its connections and lists are what they are in the middle of a day.
async fn warm(stage: &mut Stage, shim: &Shim) -> Process {
    let process = Process::start_on(stage, shim).await;
    buy_next(stage).await;
    process
}

async fn buy_next(stage: &Stage) {
    let number = next_number(stage).await;
    let answer = buy(stage, &number).await.unwrap();
    assert_eq!(answer.verdict(), "200 SUCCESS", "{}", answer.text);
}

/// One that nobody asked for: what was asked for and not sold is still on sale.
async fn next_number(stage: &Stage) -> String {
    let connection = database::open(&stage.database());
    let mut asked_for = connection.prepare("SELECT 1 FROM purchases WHERE number = ?1").unwrap();
    let on_sale = stage.numbers_on_sale("AU").await;
    on_sale.into_iter().find(|number| !asked_for.exists([number]).unwrap()).unwrap()
}

/// What is left of a buy.
async fn left(stage: &Stage, number: &str) -> (Option<String>, usize) {
    let connection = database::open(&stage.database());
    let sql = "SELECT state FROM purchases WHERE number = ?1 AND state <> 'cancelled'";
    let left = connection.query_row(sql, [number], |row| row.get(0)).optional().unwrap();
    let sales = stage.ledger("operation=buy").await["sales"].clone();
    (left, sales.as_array().unwrap().iter().filter(|sale| sale["number"] == number).count())
}

async fn expect(stage: &Stage, step: &Step, number: &str) {
    let (now, sold) = left(stage, number).await;
    let is_expected = |leaves: &Leaves| leaves.state == now.as_deref() && leaves.sold == sold;
    assert!(step.leaves.iter().any(is_expected), "{}: {now:?}, {sold} sold", step.name);
    let again = buy(stage, number).await.unwrap();
    let (verdict, in_the_end) = if now.as_deref() == Some("unknown") {
        ("409 PURCHASE_OUTCOME_UNKNOWN", sold)
    } else {
        ("200 SUCCESS", 1)
    };
    assert_eq!(again.verdict(), verdict, "{}: {}", step.name, again.text);
    assert_eq!(left(stage, number).await.1, in_the_end, "{}", step.name);
    let ledger = stage.ledger("operation=buy").await;
    stage.check(&ledger);
    evidence::every_sale_is_known(&stage.database(), &ledger);
}

#[tokio::test]
async fn at_every_named_step_the_next_process_knows_what_it_must_and_sends_nothing_twice() {
    let Some(shim) = or_skip() else { return };
    let mut stage = stage(ROOMY).await;
    let mut process = warm(&mut stage, &shim).await;
    shim.begin_log();
    buy_next(&stage).await;
    for step in steps::of_a_buy(&shim.end_log()) {
        let number = next_number(&stage).await;
        shim.plan(&step.plan);
        assert!(buy(&stage, &number).await.is_none(), "{}: answered", step.name);
        assert_eq!(process.ended().await.status.code(), None, "{}", step.name);
        shim.forget_plan();
        process = Process::start_on(&mut stage, &shim).await;
        expect(&stage, &step, &number).await;
        process.kill().await;
        process = warm(&mut stage, &shim).await;
    }
    process.kill().await;
    stage.finish().await;
}

/// Leaves a claim whose buy never left.
async fn leave_a_claim(stage: &mut Stage, shim: &Shim, step: &Step) -> String {
    let process = warm(stage, shim).await;
    let number = next_number(stage).await;
    shim.plan(&step.plan);
    assert!(buy(stage, &number).await.is_none());
    process.ended().await;
    shim.forget_plan();
    number
}

#[tokio::test]
async fn a_recovery_that_is_killed_is_done_by_the_next_one() {
    let Some(shim) = or_skip() else { return };
    let mut stage = stage(ROOMY).await;
    let process = warm(&mut stage, &shim).await;
    shim.begin_log();
    buy_next(&stage).await;
    let buying = steps::of_a_buy(&shim.end_log());
    process.kill().await;
    let claimed = buying.iter().find(|step| step.name == "after the durable intent").unwrap();

    leave_a_claim(&mut stage, &shim, claimed).await;
    shim.begin_log();
    Process::start_on(&mut stage, &shim).await.kill().await;
    for step in steps::of_a_recovery(&shim.end_log()) {
        let number = leave_a_claim(&mut stage, &shim, claimed).await;
        shim.plan(&step.plan);
        let started = Process::try_start_on(&mut stage, &shim).await;
        assert!(started.is_err_and(|ended| ended.status.code().is_none()), "{}: survived", step.name);
        shim.forget_plan();
        let process = Process::start_on(&mut stage, &shim).await;
        expect(&stage, &step, &number).await;
        process.kill().await;
    }
    stage.finish().await;
}

#[tokio::test]
#[expect(clippy::print_stdout, reason = "the figures of a run")]
async fn after_every_kill_and_every_power_cut_the_invariants_hold() {
    let Some(shim) = or_skip() else { return };
    let (cycles, seed) = (wanted("CHAOS_CYCLES", CYCLES), seed());
    println!("chaos: CHAOS_SEED={seed} CHAOS_CYCLES={cycles}");
    let began = std::time::Instant::now();
    let mut figures = Figures::default();
    let mut done = 0;
    while done < cycles {
        let mut run =
            Run::start(stage(TIGHT).await, &shim, seed.wrapping_add(u64::try_from(done).unwrap())).await;
        for _ in 0..GENERATION.min(cycles - done) {
            run.cycle(&mut figures).await;
            done += 1;
        }
        run.finish(&mut figures).await;
    }
    println!("chaos: {figures}, in {:.0} s, seed {seed}", began.elapsed().as_secs_f64());
}

/// How many, unless the environment says.
pub fn wanted(name: &str, otherwise: usize) -> usize {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap())
}

/// What chance starts from: `CHAOS_SEED` repeats a run.
pub fn seed() -> u64 {
    let asked = std::env::var("CHAOS_SEED").ok().map(|text| text.parse().unwrap());
    asked.unwrap_or_else(|| uuid::Uuid::new_v4().as_u64_pair().1)
}
