//! Approvals: what waits for people, who may decide, and what voids a decision.

mod deciding;
mod drifting;
mod racing;

use std::time::Duration;

use serde_json::{Value, json};

use crate::stage::{Answer, Somebody, Stage, ann, somebody};

/// American numbers need one approval, British ones two, Canadian ones one of each team.
const RULES: &str = r#"
[[policy.rules]]
name = "somebody looks"
when = { action = "buy", countries = ["US"] }
then = { approvals = 1, expires_after = "2h", require = ["reason"] }
[[policy.rules]]
name = "two look"
when = { action = "buy", countries = ["GB"] }
then = { approvals = 2, from_team = "any" }
[[policy.rules]]
name = "each team looks"
when = { action = "buy", countries = ["CA"] }
then = { approvals = [ { role = "approver", team = "same" }, { role = "approver", team = "support" } ] }
"#;

fn ben() -> Somebody {
    somebody("ben", "growth", "approver").called("Ben Ray")
}

fn dan() -> Somebody {
    somebody("dan", "growth", "approver")
}

impl Stage {
    /// Ann's request for the first number of a country, waiting for people.
    async fn pending(&self, country: &str) -> (String, Value) {
        self.pending_of(&ann(), country, json!({})).await
    }

    async fn pending_of(&self, who: &Somebody, country: &str, more: Value) -> (String, Value) {
        let number = self.numbers_on_sale(country).await[0].clone();
        let mut body = json!({"number": number, "reason": "for the spring campaign"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let request = self.request(who, reqwest::Method::POST, "/v1/purchases").json(&body);
        let asked = crate::stage::send(request.header("Idempotency-Key", format!("{country}-{more}"))).await;
        assert_eq!(asked.status, 202, "{}", asked.text);
        let purchase = asked.json();
        assert_eq!(purchase["state"], "pending_approval");
        (number, purchase)
    }

    async fn decide(&self, who: &Somebody, purchase: &Value, verb: &str) -> Answer {
        let path = format!("/v1/purchases/{}/{verb}", purchase["id"].as_str().unwrap());
        let request = self.request(who, reqwest::Method::POST, &path).header("Prefer", "wait=10");
        crate::stage::send(request.json(&json!({"quote_digest": purchase["quote_digest"]}))).await
    }

    async fn approve(&self, who: &Somebody, purchase: &Value) -> Answer {
        self.decide(who, purchase, "approve").await
    }

    /// The purchase once it stands in a state.
    async fn until(&self, purchase: &Value, wanted: &str) -> Value {
        let waiting = tokio::time::timeout(Duration::from_secs(20), async {
            loop {
                let seen = self.look(&ben(), purchase).await;
                if seen["state"] == wanted {
                    return seen;
                }
                tokio::task::yield_now().await;
            }
        });
        waiting.await.unwrap_or_else(|_| panic!("never {wanted}"))
    }

    async fn look(&self, who: &Somebody, purchase: &Value) -> Value {
        let answer = self.get(who, &format!("/v1/purchases/{}", purchase["id"].as_str().unwrap())).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()
    }

    /// How many refused decisions the evidence holds.
    fn refused_decisions(&self) -> i64 {
        let path = self.folder.path().join("gateway.db");
        let connection = crate::database::open(&path);
        let count = "SELECT count(*) FROM audit_events WHERE action = 'decision.refused'";
        connection.query_row(count, [], |row| row.get(0)).unwrap()
    }
}
