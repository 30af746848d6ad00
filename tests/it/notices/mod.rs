//! Notices from outside: what a webhook is told, and that one that is dead, slow or hostile loses nothing and holds up
//! nobody.

mod receiver;
mod telling;
mod trouble;

use serde_json::{Value, json};

use crate::stage::{Somebody, Stage, ann, send, somebody};
use receiver::Receiver;

/// American numbers and every registration wait for people; the receivers are on this machine.
const RULES: &str = r#"
[notifications]
inner_networks = ["127.0.0.0/8"]
[[policy.rules]]
name = "somebody looks"
when = { action = "buy", countries = ["US"] }
then = { approvals = 1, expires_after = "2h", require = ["reason"] }
[[policy.rules]]
name = "registrations are looked at"
when = { action = "register", countries = ["US"] }
then = { approvals = 1, from_team = "any" }
"#;

const REASON: &str = "for the spring campaign";

fn ben() -> Somebody {
    somebody("ben", "growth", "approver").called("Ben Ray")
}

fn auditor() -> Somebody {
    somebody("ada", "growth", "auditor")
}

fn administrator() -> Somebody {
    somebody("root", "growth", "administrator")
}

/// The configuration with these receivers.
fn told(receivers: &[String]) -> String {
    format!("{RULES}{}", receivers.concat())
}

impl Stage {
    /// Ann's request for an American number, which waits for people.
    async fn ask(&self) -> Value {
        let number = self.numbers_on_sale("US").await[0].clone();
        let request = self.request(&ann().called("Ann Lee"), reqwest::Method::POST, "/v1/purchases");
        let asked =
            request.json(&json!({"number": number, "reason": REASON})).header("Idempotency-Key", "ask");
        let asked = send(asked).await;
        assert_eq!(asked.status, 202, "{}", asked.text);
        asked.json()
    }

    async fn say(&self, who: &Somebody, purchase: &Value, verb: &str) -> Value {
        let path = format!("/v1/purchases/{}/{verb}", purchase["id"].as_str().unwrap());
        let request = self.request(who, reqwest::Method::POST, &path).header("Prefer", "wait=10");
        let said = send(request.json(&json!({"quote_digest": purchase["quote_digest"]}))).await;
        assert_eq!(said.status, 200, "{}", said.text);
        said.json()
    }

    /// What was not delivered, as an auditor sees it.
    async fn undelivered(&self, query: &str) -> Vec<Value> {
        let answer = self.get(&auditor(), &format!("/v1/notices?{query}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()["items"].as_array().unwrap().clone()
    }
}

/// A stage with one receiver of everything.
async fn stage() -> (Stage, Receiver) {
    let receiver = Receiver::start().await;
    let configuration = told(&[receiver.webhook("desk", "")]);
    let changes = [("[server]\n", "[server]\npublic_url = \"https://numbers.example.com/\"\n")];
    (Stage::changed(&configuration, &changes).await, receiver)
}
