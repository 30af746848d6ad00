//! Rolling restarts under load behind a load balancer that asks `/readyz`: nobody notices. Who comes to a replica that has
//! just stopped all the same finds nobody there, and asks another one.
//!
//! `ROLLING_ROUNDS` says how often all three are restarted.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::{Client, Method};

use super::{Fleet, root};
use crate::process::Process;
use crate::stage::ann;

const REPLICAS: usize = 3;
const SEARCHERS: usize = 4;

/// Where a replica is, and whether it said last that it wants requests.
#[derive(Clone)]
struct At {
    api: String,
    ops: String,
    is_ready: bool,
}

/// Where the replicas are just now, and what the callers saw.
struct Load {
    client: Client,
    token: String,
    replicas: Mutex<Vec<At>>,
    turn: AtomicUsize,
    answered: AtomicUsize,
    refused: AtomicUsize,
    failed: Mutex<Vec<String>>,
    is_over: AtomicBool,
}

impl Load {
    /// Asks every replica whether it is ready, as a load balancer does.
    async fn watch(&self) {
        while !self.is_over.load(Ordering::SeqCst) {
            for number in 0..REPLICAS {
                let At { ops, .. } = self.replicas.lock().unwrap()[number].clone();
                let told = self.client.get(format!("{ops}/readyz")).send().await;
                let is_ready = told.is_ok_and(|told| told.status() == 200);
                let mut replicas = self.replicas.lock().unwrap();
                if replicas[number].ops == ops {
                    replicas[number].is_ready = is_ready;
                }
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The next one in turn that is ready.
    fn next(&self) -> String {
        let replicas = self.replicas.lock().unwrap();
        let ready: Vec<&At> = replicas.iter().filter(|replica| replica.is_ready).collect();
        let turn = self.turn.fetch_add(1, Ordering::SeqCst);
        ready[turn % ready.len()].api.clone()
    }

    /// One request, to the next replica that takes the connection.
    async fn ask(&self, method: Method, path: &str) -> bool {
        for _ in 0..2 * REPLICAS {
            let api = self.next();
            let request =
                self.client.request(method.clone(), format!("{api}{path}")).bearer_auth(&self.token);
            match request.send().await {
                Ok(answer) if answer.status() == 200 => {
                    self.answered.fetch_add(1, Ordering::SeqCst);
                    return true;
                }
                Ok(answer) => {
                    let (status, text) = (answer.status(), answer.text().await.unwrap_or_default());
                    self.failed.lock().unwrap().push(format!("{path}: {status} {text}"));
                    return false;
                }
                // Nothing of it was sent.
                Err(error) if error.is_connect() => {
                    self.refused.fetch_add(1, Ordering::SeqCst);
                }
                Err(error) => {
                    self.failed.lock().unwrap().push(format!("{path}: {error:?}"));
                    return false;
                }
            }
        }
        self.failed.lock().unwrap().push(format!("{path}: no replica took the connection"));
        false
    }

    async fn search(&self, caller: usize) {
        let mut digits = caller;
        while !self.is_over.load(Ordering::SeqCst) {
            self.ask(Method::GET, &format!("/v3/numbers/search/AU?search={}", digits % 97)).await;
            digits += SEARCHERS;
        }
    }

    async fn buy(&self, numbers: &[String]) -> usize {
        let mut bought = 0;
        for number in numbers {
            if self.is_over.load(Ordering::SeqCst) {
                break;
            }
            let path = format!("/v3/numbers/buy/{}", number.replace('+', "%2B"));
            bought += usize::from(self.ask(Method::POST, &path).await);
        }
        bought
    }
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::print_stdout, reason = "the figures of a run")]
async fn replicas_restarted_one_after_the_other_under_load_fail_no_request_and_lose_no_purchase() {
    let Some(mut fleet) = Fleet::of(0, "").await else { return };
    fleet.stage.configure("[limits]\n", "[limits]\npurchases_per_day = { subject = 10000, team = 10000 }\n");
    let unlimited = r#"budget = { spend_per_month = "unlimited", recurring_per_month = "unlimited" }"#;
    let usual = r#"budget = { spend_per_month = "1000.00", recurring_per_month = "1000.00" }"#;
    fleet.stage.configure(usual, unlimited);
    fleet.stage.configure("[server]\n", "[server]\ndrain_delay = \"500ms\"\n");
    fleet.stage.configure("burst = 1000 }", "burst = 1000000 }");
    for _ in 0..REPLICAS {
        fleet.add().await;
    }
    let mut numbers = Vec::new();
    for page in 1..=4 {
        numbers.extend(fleet.stage.page_on_sale("AU", page).await);
    }
    let at =
        |replica: &super::Replica| At { api: replica.api.clone(), ops: replica.ops.clone(), is_ready: true };
    let replicas = fleet.replicas.iter().flatten().map(at).collect();
    let load = Load {
        // A connection for each request: one that is kept may be closed while the next request is on its way.
        client: Client::builder().pool_max_idle_per_host(0).no_proxy().build().unwrap(),
        token: fleet.stage.token(&ann()),
        replicas: Mutex::new(replicas),
        turn: AtomicUsize::new(0),
        answered: AtomicUsize::new(0),
        refused: AtomicUsize::new(0),
        failed: Mutex::default(),
        is_over: AtomicBool::new(false),
    };
    let rounds = std::env::var("ROLLING_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(5);
    let rolling = async {
        for _ in 0..rounds {
            for number in 0..REPLICAS {
                let stopping = fleet.replicas[number].take().unwrap().process;
                stopping.terminate();
                let ended = stopping.ended().await;
                assert!(ended.status.success(), "{}", ended.log);
                let process = Process::replica(&mut fleet.stage, number).await;
                let (api, ops) = (fleet.stage.api.clone(), fleet.stage.ops.clone());
                let replica = super::Replica { process, api, ops };
                load.replicas.lock().unwrap()[number] = at(&replica);
                fleet.replicas[number] = Some(replica);
            }
        }
        load.is_over.store(true, Ordering::SeqCst);
    };
    let searching = futures_util::future::join_all((0..SEARCHERS).map(|caller| load.search(caller)));
    let ((), (), _, bought) = tokio::join!(rolling, load.watch(), searching, load.buy(&numbers));
    let (answered, refused) = (load.answered.into_inner(), load.refused.into_inner());
    println!("{rounds} rounds: {answered} answered, {refused} connections refused, {bought} bought");
    assert_eq!(load.failed.into_inner().unwrap(), Vec::<String>::new());
    assert!(bought > 0 && answered > 100, "{bought} bought, {answered} answered");
    let unknown = fleet.at(0).get(&root(), "/v1/purchases?state=unknown").await.json();
    assert_eq!(unknown["items"].as_array().unwrap().len(), 0, "{unknown}");
    fleet.finish().await;
}
