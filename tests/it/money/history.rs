//! Two years of purchases, renewals, assignments, refunds, sales elsewhere and departures, drawn by a seed: the forecast of
//! each 1st is what the simulator's invoice takes, and the ledger is what its balance lost.
//!
//! `HISTORY_OPS` says how much happens (`tests/run money --full`: 10,000), `HISTORY_SEED` repeats a run.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use numbers_gateway::domain::billing::Month;
use numbers_gateway::domain::money::Money;
use serde_json::{Value, json};

use super::{GROWTH, SUPPORT, UNLIMITED, Years, money, root};
use crate::stage::{Somebody, ann, somebody};

const BEGIN: &str = "2027-01-20T08:00:00Z";
const END: &str = "2029-01-20T08:00:00Z";
const LEAP_DAY: &str = "2028-02-29T12:00:00Z";
/// The gateway is down over the turns of these two months.
const DOWN: [&str; 2] = ["2028-06", "2028-07"];
/// What a number must have been there for, so that nobody waits for its first listing any more.
const SHOWN_WITHIN: Duration = Duration::from_mins(16);
const COUNTRIES: [&str; 4] = ["US", "CA", "AU", "NZ"];

/// Numbers that repeat: splitmix64.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % sides
    }

    fn place(&mut self, of: usize) -> usize {
        usize::try_from(self.roll(u64::try_from(of).unwrap())).unwrap()
    }

    fn one_of<'t, T>(&mut self, of: &'t [T]) -> &'t T {
        &of[self.place(of.len())]
    }
}

struct History {
    years: Years,
    dice: Dice,
    on_sale: BTreeMap<&'static str, Vec<String>>,
    /// What the account has, as the history made it.
    owned: Vec<String>,
    /// Sold elsewhere and not seen yet, with what was charged.
    unseen: Vec<(String, Money)>,
    /// Given up and not missed yet.
    left: Vec<String>,
    /// Put onto the balance beside the charges.
    came_back: Money,
    counts: BTreeMap<&'static str, usize>,
    compared: usize,
}

fn buyers() -> [Somebody; 2] {
    [ann(), somebody("bob", "support", "requester")]
}

fn ops() -> u64 {
    std::env::var("HISTORY_OPS").ok().and_then(|text| text.parse().ok()).unwrap_or(250)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::print_stdout, reason = "the figures of a run")]
async fn the_forecast_of_every_1st_is_what_the_invoice_takes_and_the_ledger_is_what_the_balance_lost() {
    let seed = std::env::var("HISTORY_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(8);
    println!("HISTORY_SEED={seed} HISTORY_OPS={}", ops());
    let mut history = History::begin(seed).await;
    let (begin, end): (Timestamp, Timestamp) = (BEGIN.parse().unwrap(), END.parse().unwrap());
    let average = end.duration_since(begin).as_secs() / i64::try_from(ops()).unwrap();
    while history.years.now < end {
        let step = history.dice.roll(u64::try_from(average * 2).unwrap());
        let next = history.years.now + SignedDuration::from_secs(i64::try_from(step).unwrap());
        let leap: Timestamp = LEAP_DAY.parse().unwrap();
        let next = if history.years.now < leap && leap < next { leap } else { next };
        history.live_until(before_settling(next)).await;
        history.happen().await;
    }
    history.end().await;
}

/// What happens in the last minutes of a month happens earlier: what is known by its end has to be seen by then.
fn before_settling(at: Timestamp) -> Timestamp {
    let turn = Month::of(at, &TimeZone::UTC).next().begins(&TimeZone::UTC);
    at.min(turn - SignedDuration::try_from(SHOWN_WITHIN * 2).unwrap())
}

impl History {
    async fn begin(seed: u64) -> Self {
        let changes = [
            (GROWTH, UNLIMITED),
            (SUPPORT, UNLIMITED),
            // Lists are read when something is lost, and where a buy needs one.
            ("sweep_every = \"1s\"", "sweep_every = \"24h\""),
            // Months of budgets turn elsewhere than those of bills.
            ("[budget]\n", "[budget]\ntime_zone = \"Australia/Sydney\"\n"),
        ];
        let mut years = Years::begin(BEGIN, "", &changes).await;
        let pages = usize::try_from(ops() / 100 + 2).unwrap();
        let mut on_sale: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
        for country in COUNTRIES {
            let numbers = on_sale.entry(country).or_default();
            for page in 1..=pages {
                numbers.extend(years.stage.page_on_sale(country, page).await);
            }
        }
        // The first ones of the US are there to be looked with.
        let us = on_sale.get_mut("US").unwrap();
        let probes = usize::try_from(150 + ops() / 20).unwrap();
        years.probes = us.drain(..us.len().min(probes)).rev().collect();
        years.stage.control("balance", json!({"balance": "1000000.00"})).await;
        years.stage.start_gateway().await;
        let complete = "numbers_gateway_scans_total{outcome=\"complete\"}";
        years.until("a list", async || (years.series(complete).await > 0).then_some(())).await;
        Self {
            years,
            dice: Dice(seed),
            on_sale,
            owned: Vec::new(),
            unseen: Vec::new(),
            left: Vec::new(),
            came_back: Money::ZERO,
            counts: BTreeMap::new(),
            compared: 0,
        }
    }

    /// Time passes; every 1st on the way is compared.
    async fn live_until(&mut self, next: Timestamp) {
        loop {
            let month = Month::of(self.years.now, &TimeZone::UTC).next();
            let turn = month.begins(&TimeZone::UTC);
            if turn > next {
                return self.years.move_to(next.max(self.years.now)).await;
            }
            self.settle().await;
            assert!(self.years.now < turn, "it took too long to settle");
            if month.to_string() == DOWN[0] {
                self.sleep_over(&DOWN).await;
            } else {
                self.turn(month).await;
            }
        }
    }

    async fn turn(&mut self, month: Month) {
        let forecast = self.years.forecast(&root()).await;
        let first = &forecast["items"][0];
        assert_eq!(
            (&first["month"], &forecast["overdue"]["amount"]),
            (&json!(month.to_string()), &json!("0.00"))
        );
        let late = SignedDuration::from_secs(i64::try_from(self.dice.roll(40_000)).unwrap());
        self.years.move_to(month.begins(&TimeZone::UTC) + late).await;
        self.caught_up().await;
        self.compare(&month.to_string(), money(&first["total"])).await;
    }

    async fn sleep_over(&mut self, months: &[&str]) {
        let forecast = self.years.forecast(&root()).await;
        self.years.stage.stop_gateway().await;
        let last: Date = format!("{}-01", months.last().unwrap()).parse().unwrap();
        let awake = (last + 9.days()).to_zoned_datetime(TimeZone::UTC).unwrap().timestamp();
        self.years.move_to(awake).await;
        self.years.stage.start_gateway().await;
        self.caught_up().await;
        for (month, first) in months.iter().zip(forecast["items"].as_array().unwrap()) {
            assert_eq!(first["month"], *month);
            self.compare(month, money(&first["total"])).await;
        }
    }

    async fn compare(&mut self, month: &str, foretold: Money) {
        let (taken, _) = self.years.invoice(month).await;
        assert_eq!(taken, foretold, "the 1st of {month}");
        let posted = self.years.spent(&root(), &format!("from={month}&to={month}&group_by=kind")).await;
        let rows = posted["items"].as_array().unwrap().iter();
        let renewals: Money =
            rows.filter(|row| row["kind"] == "renewal").map(|row| money(&row["charged"])).sum();
        assert_eq!(renewals, taken, "the ledger of {month}");
        self.compared += 1;
    }

    /// A list that was begun after this was read, and what 1sts took is posted.
    async fn caught_up(&mut self) {
        self.probe().await;
        let years = &self.years;
        years
            .until("renewals", async || {
                (years.forecast(&root()).await["overdue"]["amount"] == "0.00").then_some(())
            })
            .await;
    }

    /// A buy whose answer is lost, which makes the gateway look at once, and which is history as well.
    async fn probe(&mut self) {
        let number = self.years.probes.pop().expect("more numbers to look with");
        let stage = &self.years.stage;
        stage.fault(json!({"operation": "buy", "fault": "drop_after_sale", "count": 1})).await;
        let who = self.dice.one_of(&buyers()).clone();
        let lost = stage.buy(&who, &number).await;
        assert_eq!(lost.verdict(), "409 PURCHASE_OUTCOME_UNKNOWN", "{}", lost.text);
        let location = lost.header("location").unwrap().to_owned();
        let years = &self.years;
        years
            .until("its sighting", async || {
                (years.stage.get(&root(), &location).await.json()["state"] == "bought").then_some(())
            })
            .await;
        self.owned.push(number);
        *self.counts.entry("lost answers").or_default() += 1;
    }

    /// The gateway knows of everything that happened elsewhere; what orphans were charged first is booked as somebody
    /// would who reads the invoice.
    async fn settle(&mut self) {
        // What was bought and given up before any list could show it has to be missed for a while.
        self.probe().await;
        self.years.pass(SHOWN_WITHIN).await;
        self.probe().await;
        self.years.pass(Duration::from_secs(2)).await;
        self.probe().await;
        let years = &self.years;
        for (number, _) in &self.unseen {
            let is_seen = async || years.number(number).await["origin"].as_str().map(|_| ());
            years.until("an orphan", is_seen).await;
        }
        for (number, charged) in std::mem::take(&mut self.unseen) {
            let body = json!({"kind": "adjustment", "amount": charged.to_string(), "number": number,
                              "reason": "its first charge, from the invoice"});
            let booked =
                self.years.adjust(&root(), &format!("first of {number} {}", self.years.now), &body).await;
            assert_eq!(booked.status, 201, "{}", booked.text);
            self.owned.push(number);
        }
        let years = &self.years;
        for number in std::mem::take(&mut self.left) {
            let is_gone = async || (years.number(&number).await["number"] != *number).then_some(());
            years.until("a departure", is_gone).await;
        }
    }

    async fn happen(&mut self) {
        let what = match self.dice.roll(100) {
            0..58 => self.buy().await,
            58..68 => self.assign().await,
            68..82 => self.refund().await,
            82..90 => self.sell_elsewhere().await,
            90..97 => self.give_up().await,
            _ => {
                self.probe().await;
                return;
            }
        };
        *self.counts.entry(what).or_default() += 1;
    }

    async fn buy(&mut self) -> &'static str {
        let country = *self.dice.one_of(&COUNTRIES);
        let Some(number) = self.on_sale.get_mut(country).unwrap().pop() else { return "nothing" };
        let who = self.dice.one_of(&buyers()).clone();
        let bought = self.years.stage.buy(&who, &number).await;
        assert_eq!(bought.verdict(), "200 SUCCESS", "{}", bought.text);
        self.owned.push(number);
        "purchases"
    }

    async fn assign(&mut self) -> &'static str {
        if self.owned.is_empty() {
            return "nothing";
        }
        let number = self.dice.one_of(&self.owned).clone();
        let team = *self.dice.one_of(&["growth", "support"]);
        let answer = if self.dice.roll(2) == 0 {
            let body = json!({"numbers": [number], "team": team});
            self.years.stage.post(&root(), "/v1/numbers/assign", &body).await
        } else {
            self.years.assign_lines(&format!("{number},{team}\n")).await
        };
        assert_eq!(answer.status, 200, "{}", answer.text);
        "assignments"
    }

    async fn refund(&mut self) -> &'static str {
        let amount = Money::from_micros(i64::try_from(self.dice.roll(2_000) + 1).unwrap() * 10_000);
        let team = *self.dice.one_of(&["growth", "support", "(suspense)"]);
        let body = json!({"kind": "refund", "amount": amount.negated().to_string(), "team": team, "reason": "it came back"});
        let key = format!("refund {}", self.counts.get("refunds").unwrap_or(&0));
        let booked = self.years.adjust(&root(), &key, &body).await;
        assert_eq!(booked.status, 201, "{}", booked.text);
        let balance = money(&self.years.stage.ledger("after=99999999").await["balance"]);
        let more = balance.checked_add(amount).unwrap();
        self.years.stage.control("balance", json!({"balance": more.to_string()})).await;
        self.came_back = self.came_back.checked_add(amount).unwrap();
        "refunds"
    }

    async fn sell_elsewhere(&mut self) -> &'static str {
        let country = *self.dice.one_of(&COUNTRIES);
        let Some(number) = self.on_sale.get_mut(country).unwrap().pop() else { return "nothing" };
        let sold = self.years.sold_elsewhere(json!({"number": number})).await;
        self.unseen.push(sold);
        "sales elsewhere"
    }

    async fn give_up(&mut self) -> &'static str {
        if self.owned.is_empty() {
            return "nothing";
        }
        let at = self.dice.place(self.owned.len());
        let number = self.owned.swap_remove(at);
        self.years.stage.control("give_up", json!({"number": number})).await;
        self.left.push(number);
        "departures"
    }

    #[expect(clippy::print_stdout, reason = "the figures of a run")]
    async fn end(mut self) {
        self.settle().await;
        println!("{} 1sts compared; {:?}", self.compared, self.counts);
        assert_eq!(self.compared, 24);
        let spent = self.years.spent(&root(), "from=2027-01&to=2029-02&group_by=kind").await;
        let balance = money(&self.years.stage.ledger("after=99999999").await["balance"]);
        let opening: Money = "1000000.00".parse().unwrap();
        assert_eq!(money(&spent["total"]), opening.checked_sub(balance).unwrap(), "{spent}");
        let forecast = self.years.forecast(&root()).await;
        let rows = forecast["items"][0]["teams"].as_array().unwrap().iter();
        let renewing: i64 = rows.map(|team| team["rows"].as_i64().unwrap()).sum();
        assert_eq!(renewing, i64::try_from(self.owned.len()).unwrap());
        let refunds = spent["items"].as_array().unwrap().iter().find(|row| row["kind"] == "refund");
        let refunded = refunds.map_or(Money::ZERO, |row| money(&row["charged"]));
        assert_eq!(refunded, self.came_back.negated());
        assert!(spent["items"].as_array().is_some_and(|rows: &Vec<Value>| rows.len() >= 5), "{spent}");
        self.years.stage.finish().await;
    }
}
