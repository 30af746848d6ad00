//! What several people ask for in a cycle, and what must come of a key for ever, however the gateway ended in between.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::{Method, RequestBuilder};
use serde_json::json;

use crate::chaos::random::Random;
use crate::database;
use crate::stage::{Somebody, Stage, send, somebody};

/// Longer than any answer: the program promises one within its own deadline.
pub const PATIENCE: Duration = Duration::from_secs(30);

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

/// A request with a key, as it is repeated for ever.
#[derive(Clone)]
struct Keyed {
    who: Somebody,
    number: String,
    is_v1: bool,
}

/// Everything that was ever asked for with a key on one database.
#[derive(Default)]
pub struct Traffic {
    keys: BTreeMap<String, Keyed>,
    /// What each key was used for, once that was seen.
    targets: BTreeMap<String, String>,
}

/// What a cycle asks for.
pub struct Asked {
    pub requests: Vec<RequestBuilder>,
    pub approvals: usize,
}

impl Traffic {
    /// Upstream may misbehave, several people buy and what waits is approved; each through one of the gateway's `doors`.
    pub async fn cycle(
        &mut self,
        stage: &mut Stage,
        doors: &[String],
        (cycle, random): (usize, &mut Random),
    ) -> Asked {
        if random.below(2) == 0 {
            let fault = FAULTS[random.index(FAULTS.len())];
            stage.fault(json!({"operation": "buy", "fault": fault, "count": 1})).await;
        }
        let mut requests = self.buys(stage, doors, (cycle, random)).await;
        let approvals = approvals(stage, doors, random).await;
        let count = approvals.len();
        requests.extend(approvals);
        Asked { requests, approvals: count }
    }

    /// Several buys at once: with and without a key, through both of ClickSend's doors, some for the same number.
    async fn buys(
        &mut self,
        stage: &mut Stage,
        doors: &[String],
        (cycle, random): (usize, &mut Random),
    ) -> Vec<RequestBuilder> {
        let country = ["AU", "US", "CA"][random.index(3)];
        let on_sale = stage.numbers_on_sale(country).await;
        let mut requests = Vec::new();
        for place in 0..=random.index(5) {
            let number = on_sale[random.index(on_sale.len().min(60))].clone();
            let who = random.person();
            enter(stage, doors, random);
            match random.below(3) {
                0 => {
                    requests.push(stage.request(&who, Method::POST, &format!("/v3/numbers/buy/{number}")));
                }
                through => {
                    let key = format!("cycle {cycle} request {place}");
                    let keyed = Keyed { who, number, is_v1: through == 1 };
                    requests.push(keyed.request(stage, &key));
                    if random.below(3) == 0 {
                        enter(stage, doors, random);
                        requests.push(keyed.request(stage, &key));
                    }
                    self.keys.insert(key, keyed);
                }
            }
        }
        requests
    }

    /// I8: the same key and request lead to the same purchase. What was not sent is sent by it. How many there are.
    pub async fn repeat_every_key(&self, stage: &mut Stage, doors: &[String], random: &mut Random) -> usize {
        for (key, keyed) in &self.keys {
            enter(stage, doors, random);
            let answer = tokio::time::timeout(PATIENCE, keyed.request(stage, key).send());
            let answer = answer.await.unwrap().unwrap();
            let found =
                answer.headers().get("location").map(|location| location.to_str().unwrap().to_owned());
            let status = answer.status();
            let text = answer.text().await.unwrap();
            assert_ne!(status, 500, "{key}: {text}");
            if let (Some(known), Some(found)) = (self.targets.get(key), &found) {
                assert_eq!(&format!("/v1/purchases/{known}"), found, "{key}");
            }
        }
        if let Some((key, keyed)) =
            self.keys.iter().next_back().filter(|(key, _)| self.targets.contains_key(*key))
        {
            let other = Keyed { number: "+61491570999".to_owned(), ..keyed.clone() };
            let refused = send(other.request(stage, key)).await;
            assert_eq!(refused.status, 422, "{key} with another request: {}", refused.text);
        }
        self.keys.len()
    }

    /// Once a key is used, it is used for this purchase.
    pub fn keys_mean_what_they_meant(&mut self, stage: &Stage) {
        let connection = database::open(&stage.database());
        let mut statement = connection.prepare("SELECT key, target_id FROM idempotency_keys").unwrap();
        let used = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        let used: BTreeMap<String, String> = used.map(Result::unwrap).collect();
        for (key, target) in &self.targets {
            assert_eq!(used.get(key), Some(target), "{key}");
        }
        self.targets = used;
    }
}

impl Keyed {
    fn request(&self, stage: &Stage, key: &str) -> RequestBuilder {
        let Self { who, number, is_v1 } = self;
        let request = if *is_v1 {
            let body = json!({"number": number, "reason": "chaos"});
            stage.request(who, Method::POST, "/v1/purchases").json(&body)
        } else {
            stage.request(who, Method::POST, &format!("/v3/numbers/buy/{number}"))
        };
        request.header("idempotency-key", key)
    }
}

/// The next request goes through one of these.
fn enter(stage: &mut Stage, doors: &[String], random: &mut Random) {
    stage.api.clone_from(&doors[random.index(doors.len())]);
}

/// What waits for people is approved, by two at once.
async fn approvals(stage: &mut Stage, doors: &[String], random: &mut Random) -> Vec<RequestBuilder> {
    let approver = |subject| somebody(subject, "growth", "approver").of_teams(&["growth", "support"]);
    let waiting = stage.get(&approver("kim"), "/v1/purchases?state=pending_approval").await.json();
    let mut requests = Vec::new();
    for purchase in waiting["items"].as_array().unwrap().iter().take(2) {
        let path = format!("/v1/purchases/{}/approve", purchase["id"].as_str().unwrap());
        let body = json!({"quote_digest": purchase["quote_digest"]});
        for subject in ["kim", "lea"] {
            enter(stage, doors, random);
            requests.push(stage.request(&approver(subject), Method::POST, &path).json(&body));
        }
    }
    requests
}

/// Waits until nothing is on its way: what is approved is sent by the sweep as well, whenever that comes.
pub async fn until_quiet(stage: &Stage) {
    let sql = "SELECT count(*) FROM purchases WHERE state IN ('approved', 'reserved', 'dispatching')";
    let quiet = async {
        while database::open(&stage.database()).query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, quiet).await.expect("everything comes to an end");
}

/// How many purchases are in these states.
pub fn count(stage: &Stage, states: &str) -> u32 {
    let sql = format!("SELECT count(*) FROM purchases WHERE state IN ({states})");
    database::open(&stage.database()).query_row(&sql, [], |row| row.get(0)).unwrap()
}
