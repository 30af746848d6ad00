//! What nobody knew is found out, in every situation and across restarts: black boxes with short windows.

mod account;
mod clock;
mod lost;
mod origins;
mod resolving;
mod sales;
mod thousand;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::stage::{Somebody, Stage, somebody};

/// Longer than anything here takes, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks at the gateway; nobody can be asked to tell.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// An administrator who asked for nothing.
fn root() -> Somebody {
    somebody("root", "growth", "administrator")
}

impl Stage {
    /// What `look` finds, as soon as it finds something.
    async fn await_some<T>(&self, what: &str, mut look: impl AsyncFnMut(&Self) -> Option<T>) -> T {
        let begun = Instant::now();
        loop {
            if let Some(found) = look(self).await {
                return found;
            }
            assert!(begun.elapsed() < PATIENCE, "waited in vain for {what}");
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// A purchase once it is in one of these states.
    async fn await_state(&self, location: &str, states: &[&str]) -> Value {
        self.await_some(&format!("{states:?}"), async |stage: &Self| {
            let purchase = stage.get(&root(), location).await.json();
            states.iter().any(|state| purchase["state"] == *state).then_some(purchase)
        })
        .await
    }

    /// A complete list was just read: for a moment buying needs no other one.
    async fn await_young_list(&self) {
        let complete = "numbers_gateway_scans_total{outcome=\"complete\"}";
        let before = self.series(complete).await;
        self.await_some("a complete list", async |stage: &Self| {
            (stage.series(complete).await > before).then_some(())
        })
        .await;
    }

    /// So many more pages of lists were read, begun after so much time has passed.
    async fn await_pages_after(&self, begun: Instant, pause: Duration, pages: usize) {
        tokio::time::sleep(pause.saturating_sub(begun.elapsed())).await;
        let before = self.calls("list").await;
        self.ledger(&format!("operation=list&wait_answered={}", before + pages)).await;
    }

    /// A buy whose answer is lost; where its purchase is.
    async fn lose(&self, who: &Somebody, number: &str, fault: Value) -> String {
        let mut ordered = fault;
        ordered["operation"] = json!("buy");
        ordered["count"] = json!(1);
        self.fault(ordered.clone()).await;
        let lost = self.buy(who, number).await;
        assert_eq!(lost.verdict(), "409 PURCHASE_OUTCOME_UNKNOWN", "{ordered}: {}", lost.text);
        lost.header("location").unwrap().to_owned()
    }

    /// What upstream really sold.
    async fn sold(&self) -> BTreeSet<String> {
        let ledger = self.ledger("").await;
        let sales = ledger["sales"].as_array().unwrap().iter();
        sales.map(|sale| sale["number"].as_str().unwrap().to_owned()).collect()
    }

    /// What one metric says: `name{labels}` as it stands in the exposition.
    async fn series(&self, series: &str) -> u64 {
        let text = self.ops("/metrics").await.text;
        let value = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        value.map_or(0, |value| value.parse().unwrap())
    }

    /// Every row of `GET /v1/numbers`, page by page.
    async fn known_numbers(&self) -> Vec<Value> {
        let (mut rows, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("/v1/numbers?limit=3&cursor={}", cursor.replace('+', "%2B"));
            let page = self.get(&root(), &path).await.json();
            rows.extend(page["items"].as_array().unwrap().iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => next.clone_into(&mut cursor),
                None => return rows,
            }
        }
    }

    /// The row of a number once it is there and says what it should.
    async fn await_number(&self, number: &str, says: impl Fn(&Value) -> bool) -> Value {
        self.await_some(number, async |stage: &Self| {
            stage.known_numbers().await.into_iter().find(|row| row["number"] == number && says(row))
        })
        .await
    }

    /// Every event of an action, as it stands in the evidence.
    pub fn events(&self, action: &str) -> Vec<Value> {
        let connection = crate::database::open(&self.database());
        let sql = "SELECT body FROM audit_events WHERE action = ?1 ORDER BY seq";
        let mut statement = connection.prepare(sql).unwrap();
        let bodies = statement.query_map([action], |row| row.get::<_, String>(0)).unwrap();
        bodies.map(|body| serde_json::from_str(&body.unwrap()).unwrap()).collect()
    }

    /// What a purchase's ledger entries come to, by kind, in micro-units.
    fn entries(&self, location: &str) -> Vec<(String, i64)> {
        let connection = crate::database::open(&self.database());
        let sql = "SELECT kind, amount_micros FROM ledger WHERE purchase_id = ?1 ORDER BY id";
        let mut statement = connection.prepare(sql).unwrap();
        let id = location.rsplit('/').next().unwrap();
        let rows = statement.query_map([id], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        rows.map(Result::unwrap).collect()
    }

    /// I4, once all is quiet: what is owned upstream is exactly what the gateway can explain.
    async fn all_is_explained(&self) {
        let sold = self.sold().await;
        let known: BTreeSet<String> = self
            .known_numbers()
            .await
            .iter()
            .filter(|row| row["origin"] != "bought" || row["purchase"].is_string())
            .map(|row| row["number"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(known, sold);
    }
}

/// The actions of a purchase's history.
fn actions(purchase: &Value) -> Vec<&str> {
    let history = purchase["history"].as_array().unwrap();
    history.iter().map(|event| event["action"].as_str().unwrap()).collect()
}
