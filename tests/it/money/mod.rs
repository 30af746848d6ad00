//! Money that recurs: renewals on the 1st, who pays them, what is put right, and what people are told of it. The
//! gateway's clock and the simulator's stand still until a test moves both.

mod history;
mod mirror;
mod renewing;
mod spending;
mod verifying;

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use numbers_gateway::clock::{Clock, ManualClock};
use numbers_gateway::domain::money::Money;
use reqwest::Method;
use serde_json::{Value, json};

use crate::stage::{Answer, Somebody, Stage, send, somebody};

/// Everything may be bought, for whatever it costs.
const EXTRA: &str = r#"
[purchases]
absence_window = "2s"
scan_spacing = "1s"
sweep_every = "1s"
[limits.purchases_per_day]
subject = 100000
team = 100000
[[policy.rules]]
name = "all of it"
when = { action = "buy" }
then = "allow"
"#;
const GROWTH: &str = r#"budget = { spend_per_month = "1000.00", recurring_per_month = "1000.00" }"#;
const SUPPORT: &str = r#"budget = { spend_per_month = "207.10", recurring_per_month = "unlimited" }"#;
const UNLIMITED: &str = r#"budget = { spend_per_month = "unlimited", recurring_per_month = "unlimited" }"#;
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// An administrator who buys nothing.
fn root() -> Somebody {
    somebody("root", "growth", "administrator")
}

/// A stage and the hand of both clocks.
struct Years {
    stage: Stage,
    hand: ManualClock,
    now: Timestamp,
    /// Numbers of which each is used once, to look at the account at once.
    probes: Vec<String>,
}

impl Years {
    /// From this moment on, with no gateway yet.
    async fn begin(at: &str, extra: &str, changes: &[(&str, &str)]) -> Self {
        let now: Timestamp = at.parse().unwrap();
        let hand = ManualClock::starting_at(now);
        let mut stage = Stage::without_gateway_but(&format!("{EXTRA}\n{extra}"), changes).await;
        stage.clock = Clock::manual(hand.clone());
        stage.end_faults().await;
        stage.control("clock", json!({"now": at, "standing": true})).await;
        stage.control("balance", json!({"balance": "100000.00"})).await;
        let mut probes = Vec::new();
        for page in 1..=3 {
            probes.extend(stage.page_on_sale("US", page).await);
        }
        probes.reverse();
        Self { stage, hand, now, probes }
    }

    /// The same with a gateway.
    async fn start(at: &str, changes: &[(&str, &str)]) -> Self {
        let mut years = Self::begin(at, "", changes).await;
        years.stage.start_gateway().await;
        years.looked().await;
        years
    }

    /// Moves both clocks forward to a moment.
    async fn move_to(&mut self, at: Timestamp) {
        let by = at.duration_since(self.now);
        assert!(by >= SignedDuration::ZERO, "{at} is before {}", self.now);
        self.stage.control("clock", json!({"now": at.to_string()})).await;
        self.hand.advance(Duration::try_from(by).unwrap());
        self.now = at;
    }

    async fn go_to(&mut self, at: &str) {
        self.move_to(at.parse().unwrap()).await;
    }

    async fn pass(&mut self, by: Duration) {
        self.move_to(self.now + SignedDuration::try_from(by).unwrap()).await;
    }

    /// Waits until a complete list that was begun after this call has been compared, in the gateway's own time.
    async fn looked(&self) {
        let complete = "numbers_gateway_scans_total{outcome=\"complete\"}";
        let before = self.series(complete).await;
        // One may be under way that was begun before.
        self.until("two lists", async || (self.series(complete).await >= before + 2).then_some(())).await;
        // What is concluded from a list is written before the next is read.
        self.until("a third", async || (self.series(complete).await >= before + 3).then_some(())).await;
    }

    async fn series(&self, series: &str) -> u64 {
        let text = self.stage.ops("/metrics").await.text;
        let value = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        value.map_or(0, |value| value.parse().unwrap())
    }

    async fn until<T>(&self, what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
        let begun = Instant::now();
        loop {
            if let Some(found) = look().await {
                return found;
            }
            assert!(begun.elapsed() < PATIENCE, "waited in vain for {what}");
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// A sale behind the gateway's back: the number and what was charged.
    async fn sold_elsewhere(&self, order: Value) -> (String, Money) {
        let sale = self.stage.control("sell", order).await["sale"].clone();
        (sale["number"].as_str().unwrap().to_owned(), money(&sale["price_total"]))
    }

    async fn number(&self, number: &str) -> Value {
        let path = format!("/v1/numbers?limit=1&cursor={}", before(number).replace('+', "%2B"));
        self.stage.get(&root(), &path).await.json()["items"][0].clone()
    }

    async fn forecast(&self, who: &Somebody) -> Value {
        self.stage.get(who, "/v1/spend/forecast").await.json()
    }

    /// What the simulator took on the 1st of a month, and altogether in it.
    async fn invoice(&self, month: &str) -> (Money, Money) {
        let invoice = self.stage.upstream_get(&format!("invoice?month={month}")).await;
        let lines = invoice["lines"].as_array().unwrap();
        let renewals =
            lines.iter().filter(|line| line["kind"] == "renewal").map(|line| money(&line["amount"]));
        (renewals.sum(), money(&invoice["total"]))
    }

    /// What was charged in a month, or in all, cut by kind.
    async fn spent(&self, who: &Somebody, query: &str) -> Value {
        self.stage.get(who, &format!("/v1/spend?{query}")).await.json()
    }

    async fn adjust(&self, who: &Somebody, key: &str, body: &Value) -> Answer {
        let request = self.stage.request(who, Method::POST, "/v1/spend/adjustments");
        send(request.header("idempotency-key", key).json(body)).await
    }

    async fn assign_lines(&self, lines: &str) -> Answer {
        let request = self.stage.request(&root(), Method::POST, "/v1/numbers/assign");
        send(request.header("content-type", "text/csv").body(lines.to_owned())).await
    }
}

impl Stage {
    /// What a control of the simulator says.
    async fn upstream_get(&self, path: &str) -> Value {
        send(self.upstream_request(path)).await.json()
    }
}

/// An amount of either side: a text, or `{amount, currency}`.
fn money(value: &Value) -> Money {
    value.as_str().or(value["amount"].as_str()).unwrap().parse().unwrap()
}

/// The text just before a number: a cursor that begins with it.
fn before(number: &str) -> String {
    let (head, last) = number.split_at(number.len() - 1);
    let last: u32 = last.parse().unwrap();
    if last == 0 { head.to_owned() } else { format!("{head}{}~", last - 1) }
}
