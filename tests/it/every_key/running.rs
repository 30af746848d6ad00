//! A gateway whose file changes, and what can be seen of it from outside.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

use axum::Router;
use axum_server::tls_rustls::RustlsConfig;
use reqwest::Method;
use serde_json::{Value, json};

use super::general;
use crate::process::Process;
use crate::stage::{Answer, Stage, ann, send, somebody};
use crate::tokens::forge::{Forge, set_of};

/// Longer than any change takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the usual configuration has besides.
const BESIDES: &str = r#"
[auth]
denied_ids = []
denied_subjects = []
[[auth.issuers]]
name = "other"
issuer = "https://other.example"
audience = ["numbers-gateway"]
secret_file = "%folder%/other"
algorithms = [ "HS256" ]
may_approve=true
[registration_profiles.acme]
business_name = "Acme Pty Ltd"
business_address = "1 Example Street"
suburb = "Perth"
postcode = "6000"
state = "WA"
contact_name = "Ann Lee"
contact_number = "+61491570156"
country = "AU"
[[policy.rules]]
name = "tried"
when = { action = "buy", countries = ["NZ"] }
then = { deny = "not there" }
[[policy.rules]]
name = "looked at"
when = { action = "buy", countries = ["FR"] }
then = { approvals = 1, from_role = "approver", from_team = "same", expires_after = "72h", require = [] }
[[policy.rules]]
name = "looked at twice"
when = { action = "buy", countries = ["DE"] }
then = { approvals = [ { role = "approver", team = "same" } ], expires_after = "72h" }
"#;

/// What is looked at.
#[derive(Clone, Copy, Debug)]
pub(super) enum Look {
    /// Who a token with everything in it is.
    Me,
    /// What a token is answered whose key is on the network.
    Far,
    /// The address that a purchase knows of who asked for it.
    Email,
    /// What `/readyz` calls the issuers.
    Issuers,
    /// The limits of a team, or of the organisation.
    Budget(Option<&'static str>),
    /// What the rules say of a request, and what the rule that is tried misses in it.
    Verdict(&'static str),
    /// How a rule is kept, by its name.
    Rule(&'static str),
    /// What ten requests at once run into.
    Flood(&'static str),
    /// What the next number is registered with upstream.
    Registered,
    /// How the next buy ends.
    Buy,
    /// Whether ClickSend knows the gateway.
    Known,
    /// What stands beside a team's spend.
    CostCenter,
}

/// A gateway whose file changes.
pub(super) struct Running {
    pub(super) stage: Stage,
    pub(super) process: Process,
    numbers: Mutex<std::vec::IntoIter<String>>,
    near: Forge,
    far: Forge,
    /// Where the far keys are.
    jwks: String,
}

impl Running {
    pub(super) async fn start() -> Self {
        let amounts = "budget = { spend_per_month = \"1000.00\", recurring_per_month = \"1000.00\" }";
        let changes = [
            ("[teams.growth]\n", "[teams.growth]\nname = \"Growth\"\nregistration_profile = \"acme\"\n"),
            (amounts, "budget = { spend_per_month = \"9000.00\", recurring_per_month = \"8000.00\" }"),
            (
                "currency = \"AUD\"\n",
                "currency = \"AUD\"\nspend_per_month = \"7000.00\"\nrecurring_per_month = \"6000.00\"\n",
            ),
            ("writes = {", "decisions = { per_minute = 1000, burst = 1000 }\nwrites = {"),
            ("[limits]\n", "[limits]\npurchases_per_day = { subject = 1000, team = 1000 }\n"),
        ];
        let mut stage = Stage::without_gateway_but(BESIDES, &changes).await;
        let folder = stage.folder.path();
        std::fs::write(folder.join("other"), "the secret of the other issuer, long enough").unwrap();
        std::fs::write(folder.join("another-key"), "not-the-key-of-the-simulator").unwrap();
        let near = Forge::secret(&std::fs::read(folder.join("secret")).unwrap());
        let far = Forge::p256();
        let jwks = publish(&far).await;
        let process = Process::start(&mut stage).await;
        let numbers = Mutex::new(stage.numbers_on_sale("AU").await.into_iter());
        Self { stage, process, numbers, near, far, jwks }
    }

    /// What a case writes, with what is only known here.
    pub(super) fn filled(&self, text: &str) -> String {
        let root = format!("{}/src/clicksend/tests/certificates/root.pem", env!("CARGO_MANIFEST_DIR"));
        let folder = self.stage.folder.path().to_str().unwrap();
        text.replace("%folder%", folder).replace("%jwks%", &self.jwks).replace("%root%", &root)
    }

    pub(super) fn write(&self, text: &str) {
        let file = self.stage.folder.path().join("gateway.toml");
        std::fs::write(file.with_extension("new"), text).unwrap();
        std::fs::rename(file.with_extension("new"), file).unwrap();
    }

    /// Puts a file in force; the details of the event that says so. Out of the database, so that nothing that is tried stands in
    /// the way.
    pub(super) async fn put(&self, text: &str) -> Value {
        let newest = || {
            self.stage
                .only("SELECT COALESCE(MAX(seq), 0) FROM audit_events WHERE action = 'configuration.changed'")
        };
        let before = newest();
        self.write(text);
        let changed = async {
            while newest() == before {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let changed = tokio::time::timeout(PATIENCE, changed).await;
        assert!(changed.is_ok(), "nothing was written down of:\n{text}");
        let body = self.stage.only(&format!("SELECT body FROM audit_events WHERE seq = {}", newest()));
        serde_json::from_str::<Value>(&body).unwrap()["details"].clone()
    }

    /// Waits until it looks like this.
    pub(super) async fn becomes(&self, look: Look, wanted: &str) {
        let mut seen = self.see(look).await;
        let turn = async {
            while seen != wanted {
                tokio::time::sleep(Duration::from_millis(50)).await;
                seen = self.see(look).await;
            }
        };
        let is_so = tokio::time::timeout(Duration::from_secs(5), turn).await.is_ok();
        assert!(is_so, "{look:?}: {seen}\nwanted: {wanted}");
    }

    pub(super) async fn see(&self, look: Look) -> String {
        match look {
            Look::Me => self.me().await,
            Look::Far => self
                .with(&self.far, r#"{"alg":"ES256","kid":"far"}"#, "/v1/me")
                .await
                .status
                .as_u16()
                .to_string(),
            Look::Email => {
                let bought = self.bought_by_token().await;
                self.stage
                    .only(&format!("SELECT COALESCE(email, '-') FROM purchases WHERE number = '{bought}'"))
            }
            Look::Issuers => {
                let ready = self.stage.ops("/readyz").await.json();
                let names = ready["issuers"].as_array().unwrap().iter();
                names.map(|issuer| issuer["name"].as_str().unwrap()).collect::<Vec<_>>().join(" ")
            }
            Look::Budget(team) => self.budget(team).await,
            Look::Verdict(body) => self.verdict(body).await,
            Look::Rule(name) => self.rule(name).await,
            Look::Flood(limit) => self.flood(limit).await,
            Look::Registered => {
                self.buy().await;
                let requests = self.stage.ledger("operation=buy").await["requests"].clone();
                let sent = requests.as_array().unwrap().last().unwrap()["body"].as_str().unwrap().to_owned();
                serde_json::from_str::<Value>(&sent).unwrap()["registration_data"].to_string()
            }
            Look::Buy => self.buy().await.verdict(),
            Look::Known => {
                // Of digits that nobody asked for before: no cache answers.
                let digits = self.next_number().chars().rev().take(5).collect::<String>();
                let path = format!("/v3/numbers/search/AU?search={digits}");
                self.stage.get(&ann(), &path).await.verdict()
            }
            Look::CostCenter => {
                self.buy().await;
                let finance = somebody("fay", "growth", "finance");
                self.stage.get(&finance, "/v1/spend?group_by=team").await.json()["items"][0]["cost_center"]
                    .to_string()
            }
        }
    }

    fn next_number(&self) -> String {
        self.numbers.lock().unwrap().next().expect("enough numbers on sale")
    }

    async fn buy(&self) -> Answer {
        let number = self.next_number();
        self.stage.buy(&ann(), &number).await
    }

    /// A token that says everything twice, sent somewhere.
    async fn with(&self, key: &Forge, header: &str, path: &str) -> Answer {
        send(self.stage.anonymous(Method::GET, path).bearer_auth(key.token(header, claims()))).await
    }

    async fn me(&self) -> String {
        let answer = self.with(&self.near, r#"{"alg":"HS256","typ":"JWT"}"#, "/v1/me").await;
        if answer.status != 200 {
            return answer.status.as_u16().to_string();
        }
        let me = answer.json();
        let teams: Vec<_> =
            me["teams"].as_array().unwrap().iter().map(|team| [&team["id"], &team["name"]]).collect();
        format!(
            "{} {} {} {} decides: {}",
            me["subject"],
            me["name"],
            json!(teams),
            me["roles"],
            me["may_decide"]
        )
        .replace('"', "")
    }

    /// Buys with that token; the number.
    async fn bought_by_token(&self) -> String {
        let number = self.next_number();
        let token = self.near.token(r#"{"alg":"HS256"}"#, claims());
        let path = format!("/v3/numbers/buy/{}", number.replace('+', "%2B"));
        send(self.stage.anonymous(Method::POST, &path).bearer_auth(token)).await;
        number
    }

    async fn budget(&self, team: Option<&str>) -> String {
        let finance = somebody("fay", "growth", "finance");
        let budgets = self.stage.get(&finance, "/v1/budgets").await.json();
        let found =
            budgets["items"].as_array().unwrap().iter().find(|item| item["team"].as_str() == team).unwrap();
        let amount = |key: &str| found[key]["amount"].as_str().unwrap_or("-").to_owned();
        format!("{} {}", amount("spend_per_month"), amount("recurring_per_month"))
    }

    async fn verdict(&self, body: &str) -> String {
        let body: Value = serde_json::from_str(body).unwrap();
        let said = self.stage.post(&ann(), "/v1/policy/evaluate", &body).await.json();
        let tried = said["rules"].as_array().unwrap().iter().find(|rule| rule["rule"] == "tried");
        let unmet = tried.map_or(Value::Null, |tried| tried["unmet"].clone());
        format!("{} {} {} unmet: {unmet}", said["verdict"], said["rule"], said["why"]).replace('"', "")
    }

    async fn rule(&self, name: &str) -> String {
        let auditor = somebody("olga", "growth", "auditor");
        let policy = self.stage.get(&auditor, "/v1/policy").await.json();
        let rule = policy["rules"].as_array().unwrap().iter().find(|rule| rule["name"] == name).cloned();
        rule.unwrap_or_default()["then"].to_string().replace('"', "")
    }

    /// The limit, its size and its window, or that there is none.
    async fn flood(&self, limit: &str) -> String {
        for turn in 0..5 {
            let answer = match limit {
                "writes" => self.buy().await,
                "decisions" => {
                    let path = format!("/v1/purchases/{}/reject", uuid::Uuid::new_v4());
                    self.stage.post(&somebody("ben", "growth", "approver"), &path, &json!({})).await
                }
                "misses" => {
                    let digits = self.next_number().chars().rev().take(4 + turn % 2).collect::<String>();
                    self.stage.get(&ann(), &format!("/v3/numbers/search/AU?search={digits}")).await
                }
                _ => self.stage.get(&ann(), "/v3/numbers/search/AU?search=1").await,
            };
            if answer.status == 429 {
                return answer.header("ratelimit-policy").unwrap_or_default().replace('"', "");
            }
        }
        "none".to_owned()
    }

    pub(super) async fn end(self) {
        self.process.kill().await;
        self.stage.finish().await;
    }
}

/// The keys that an event names, without what is free in them.
pub(super) fn named(details: &Value, list: &str) -> BTreeSet<String> {
    details[list].as_array().unwrap().iter().map(|key| general(key.as_str().unwrap())).collect()
}

fn claims() -> String {
    let now = jiff::Timestamp::now().as_second();
    json!({
        "iss": "https://test.example", "aud": "numbers-gateway", "jti": "the-token", "iat": now, "exp": now + 600,
        "sub": "amy", "team": "growth", "roles": ["requester", "approver"], "name": "Amy Lee", "email": "amy@example.com",
        "sub2": "eve", "team2": "support", "roles2": ["viewer"], "name2": "Eve Ray", "email2": "eve@example.com",
    })
    .to_string()
}

/// Serves the key as an issuer does, encrypted by a root that only a `ca_file` can make believed; where.
async fn publish(key: &Forge) -> String {
    let set = set_of(&[key.jwk(&json!({"kid": "far", "alg": "ES256", "use": "sig"}))]);
    let router = Router::new()
        .fallback(move || std::future::ready(([("content-type", "application/json")], set.clone())));
    let pair = format!("{}/src/clicksend/tests/certificates/good.pem", env!("CARGO_MANIFEST_DIR"));
    let tls = RustlsConfig::from_pem_file(&pair, &pair).await.unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("https://{}/keys", listener.local_addr().unwrap());
    let server = axum_server::from_tcp_rustls(listener, tls).unwrap();
    tokio::task::spawn(async move { server.serve(router.into_make_service()).await.unwrap() });
    url
}
