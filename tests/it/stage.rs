//! A stage for one test: a simulator, a gateway in front of it, and people with tokens.

use std::path::PathBuf;
use std::sync::Once;
use std::time::Duration;

use numbers_gateway::app::{DiskLost, Gateway};
use numbers_gateway::auth::{NewToken, Signer};
use numbers_gateway::clock::{Clock, ManualClock};
use numbers_gateway::config::{self, Sources};
use numbers_gateway::domain::principal::Person;
use numbers_gateway::simulator::{self, Simulator};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::database;
use crate::evidence::{self, Limits};

/// What stands in the configuration unless a test adds to it. `%` marks are filled in by [`Stage`].
const CONFIGURATION: &str = r#"
[server]
listen = "127.0.0.1:0"
[ops]
listen = "127.0.0.1:0"
[upstream]
base_url = "%upstream%"
username = "simulator"
api_key = "simulator-key"
connect_timeout = "1s"
read_timeout = "3s"
buy_timeout = "2s"
requests_per_minute = 6000
[storage]
url = "%database%"
emergency_file = "%folder%/gateway.emergency"
takeover_margin = "1s"
[audit]
head_file = "%folder%/audit-head"
[[auth.issuers]]
name = "test"
issuer = "https://test.example"
audience = "numbers-gateway"
secret_file = "%folder%/secret"
algorithms = ["HS256"]
may_approve = true
[budget]
currency = "AUD"
[teams.growth]
budget = { spend_per_month = "1000.00", recurring_per_month = "1000.00" }
[teams.support]
budget = { spend_per_month = "207.10", recurring_per_month = "unlimited" }
[limits]
addresses = { per_second = 10000, burst = 10000 }
reads = { per_second = 1000, burst = 1000 }
misses = { per_minute = 1000, burst = 1000 }
writes = { per_minute = 1000, burst = 1000 }
[[policy.rules]]
name = "not in GB"
when = { action = "buy", countries = ["GB"] }
then = { deny = "we do not buy in GB" }
[[policy.rules]]
name = "up to 25"
when = { action = "buy", max_monthly = "25.00" }
then = "allow"
[[policy.rules]]
name = "10DLC"
when = { action = "register", number_types = ["10dlc"], countries = ["CA"] }
then = "allow"
"#;

/// Windows short enough to be waited for.
const LOOKING: &str = r#"
[purchases]
absence_window = "2s"
scan_spacing = "1s"
sweep_every = "1s"
"#;

/// A gateway with its surroundings. End it with [`Stage::finish`].
pub struct Stage {
    /// Where the database is.
    pub folder: TempDir,
    /// Without a slash at the end.
    pub api: String,
    /// The operators' listener.
    pub ops: String,
    /// The simulator.
    pub upstream: String,
    client: reqwest::Client,
    configuration: String,
    /// The gateway's; another one counts from its next start.
    pub clock: Clock,
    simulator_stop: CancellationToken,
    gateway: Option<(CancellationToken, JoinHandle<Result<(), DiskLost>>)>,
}

/// Somebody with a token.
#[derive(Clone, Debug)]
pub struct Somebody {
    subject: &'static str,
    teams: Vec<String>,
    roles: Vec<String>,
    name: Option<&'static str>,
    email: Option<&'static str>,
    act: Option<&'static str>,
}

/// A person of a team with a role.
pub fn somebody(subject: &'static str, team: &str, role: &str) -> Somebody {
    let (teams, roles) = (vec![team.to_owned()], vec![role.to_owned()]);
    Somebody { subject, teams, roles, name: None, email: None, act: None }
}

/// Ann of growth, who may buy.
pub fn ann() -> Somebody {
    somebody("ann", "growth", "requester")
}

impl Somebody {
    /// The same person with these teams instead.
    pub fn of_teams(self, teams: &[&str]) -> Self {
        Self { teams: teams.iter().map(|team| (*team).to_owned()).collect(), ..self }
    }

    /// The same person, called like this.
    pub fn called(self, name: &'static str) -> Self {
        Self { name: Some(name), ..self }
    }

    /// The same person with an address.
    pub fn with_email(self, email: &'static str) -> Self {
        Self { email: Some(email), ..self }
    }

    /// The same person, for whom a program acts (RFC 8693).
    pub fn through(self, program: &'static str) -> Self {
        Self { act: Some(program), ..self }
    }

    /// The same person with these roles instead.
    pub fn with_roles(self, roles: &[&str]) -> Self {
        Self { roles: roles.iter().map(|role| (*role).to_owned()).collect(), ..self }
    }
}

/// An answer, read to its end.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Status and code in one, for comparing: `409 PURCHASE_IN_PROGRESS`.
    pub fn verdict(&self) -> String {
        let body = self.json();
        let code = body["response_code"].as_str().or(body["code"].as_str()).unwrap_or_default();
        format!("{} {code}", self.status.as_u16())
    }
}

impl Stage {
    /// The usual stage.
    pub async fn new() -> Self {
        Self::with("").await
    }

    /// A stage with further configuration.
    pub async fn with(extra: &str) -> Self {
        Self::changed(extra, &[]).await
    }

    /// A stage whose gateway compares owned numbers with purchases by itself, all the time.
    pub async fn looking(extra: &str) -> Self {
        let mut stage = Self::looking_later(extra).await;
        stage.start_gateway().await;
        stage
    }

    /// The same before its gateway is started.
    pub async fn looking_later(extra: &str) -> Self {
        let stage = Self::empty(&format!("{extra}\n{LOOKING}"), &[]).await;
        stage.end_faults().await;
        stage
    }

    /// The same with other windows.
    pub async fn looking_later_but(extra: &str, looking: &str) -> Self {
        let stage = Self::empty(&format!("{extra}\n{looking}"), &[]).await;
        stage.end_faults().await;
        stage
    }

    /// A stage whose gateway the test starts itself.
    pub async fn without_gateway() -> Self {
        Self::empty("", &[]).await
    }

    /// The same, configured as [`Stage::changed`].
    pub async fn without_gateway_but(extra: &str, changes: &[(&str, &str)]) -> Self {
        Self::empty(extra, changes).await
    }

    /// A stage with further configuration, whose usual one says something else besides: `(usual, other)`.
    pub async fn changed(extra: &str, changes: &[(&str, &str)]) -> Self {
        let mut stage = Self::empty(extra, changes).await;
        stage.start_gateway().await;
        stage
    }

    /// A stage with further configuration whose time stands still until the test moves the hand.
    pub async fn with_hand(extra: &str) -> (Self, ManualClock) {
        let hand = ManualClock::starting_at(Clock::system().now());
        let mut stage = Self { clock: Clock::manual(hand.clone()), ..Self::empty(extra, &[]).await };
        stage.start_gateway().await;
        (stage, hand)
    }

    async fn empty(extra: &str, changes: &[(&str, &str)]) -> Self {
        let usual = format!("{extra}\n{CONFIGURATION}");
        let configuration = changes.iter().fold(usual, |text, (usual, other)| {
            assert!(text.contains(usual), "{usual}");
            text.replace(usual, other)
        });
        install_crypto();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("secret"), "a secret of the tests, long enough for HMAC").unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let upstream = format!("http://{}", listener.local_addr().unwrap());
        let simulator_stop = CancellationToken::new();
        let (simulator, stop) = (Simulator::new(simulator::Options::default()), simulator_stop.clone());
        tokio::task::spawn(async move { simulator.serve(listener, stop).await.unwrap() });
        let stage = Self {
            folder,
            api: String::new(),
            ops: String::new(),
            upstream,
            client: client(),
            configuration,
            clock: Clock::system(),
            simulator_stop,
            gateway: None,
        };
        // Where nobody knows whose account it is, nothing is looked for: most tests want to see what they cause. Refused,
        // because what is no answer is asked for again.
        stage.refuse("account").await;
        stage
    }

    /// What stands in the configuration file.
    pub fn configuration(&self) -> String {
        let folder = self.folder.path().to_str().unwrap();
        self.configuration
            .replace("%upstream%", &self.upstream)
            .replace("%folder%", folder)
            .replace("%database%", &database::url(&self.database()))
    }

    /// Starts the gateway.
    pub async fn start_gateway(&mut self) {
        let loaded = config::load(&Sources::from_text("stage", &self.configuration()));
        let loaded = loaded.unwrap_or_else(|faults| panic!("{faults}"));
        let gateway = Gateway::start(&loaded.config, self.clock.clone()).await.unwrap();
        self.api = format!("http://{}", gateway.api_address());
        self.ops = format!("http://{}", gateway.ops_address());
        let stop = CancellationToken::new();
        let running = tokio::task::spawn(gateway.run_until(stop.clone()));
        self.gateway = Some((stop, running));
    }

    /// Says something else in the configuration: for the next start.
    pub fn configure(&mut self, usual: &str, other: &str) {
        assert!(self.configuration.contains(usual), "{usual}");
        self.configuration = self.configuration.replace(usual, other);
    }

    /// Stops the gateway as SIGTERM would, and starts it again on the same database.
    pub async fn restart(&mut self) {
        self.stop_gateway().await;
        self.start_gateway().await;
    }

    /// What SIGTERM does; the gateway goes when it is done.
    pub fn begin_stop(&self) {
        if let Some((stop, _)) = &self.gateway {
            stop.cancel();
        }
    }

    /// Stops the gateway as SIGTERM would, and waits until it is gone.
    pub async fn stop_gateway(&mut self) {
        if let Some((stop, running)) = self.gateway.take() {
            stop.cancel();
            running.await.unwrap().unwrap();
        }
    }

    /// Stops everything and checks what must hold after every test.
    pub async fn finish(mut self) {
        let ledger = self.ledger("").await;
        self.stop_gateway().await;
        self.simulator_stop.cancel();
        self.check(&ledger);
        database::drop(&self.database());
    }

    /// Cuts upstream off: its port answers no more.
    pub fn stop_upstream(&self) {
        self.simulator_stop.cancel();
    }

    /// As [`Stage::finish`], where upstream cannot be asked any more.
    pub async fn finish_without_upstream(mut self) {
        self.stop_gateway().await;
        self.check(&json!({"requests": []}));
        database::drop(&self.database());
    }

    /// What must hold at any moment, by what upstream has seen until then.
    pub fn check(&self, upstream: &Value) {
        evidence::check(&self.database(), upstream, &Limits::of(&self.configuration));
    }

    /// The database file.
    pub fn database(&self) -> PathBuf {
        self.folder.path().join("gateway.db")
    }

    /// The one value that a statement finds in the database, as text.
    pub fn only(&self, statement: &str) -> String {
        let connection = database::open(&self.database());
        let statement = format!("SELECT CAST(({statement}) AS TEXT)");
        connection.query_row(&statement, [], |row| row.get(0)).unwrap()
    }

    /// A row that the database lets nobody change, until [`Stage::unstick`].
    pub fn stick(&self, table: &str, row: &Value) {
        let id = row["id"].as_str().unwrap();
        self.batch(&if database::is_postgres() {
            format!(
                "CREATE OR REPLACE FUNCTION stuck() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                     IF old.id = '{id}' THEN RAISE EXCEPTION 'stuck' USING ERRCODE = '23000'; END IF; RETURN NEW; END $$;
                 CREATE TRIGGER stuck BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION stuck()"
            )
        } else {
            format!(
                "CREATE TRIGGER stuck BEFORE UPDATE ON {table} WHEN old.id = '{id}'
                 BEGIN SELECT RAISE(ABORT, 'stuck'); END"
            )
        });
    }

    /// Every row can be changed again.
    pub fn unstick(&self) {
        self.batch(if database::is_postgres() {
            "DROP FUNCTION stuck CASCADE"
        } else {
            "DROP TRIGGER stuck"
        });
    }

    fn batch(&self, statements: &str) {
        database::batch(&self.database(), statements);
    }

    /// A token for somebody.
    pub fn token(&self, who: &Somebody) -> String {
        let signer = Signer::from_pem_or_secret_file(&self.folder.path().join("secret")).unwrap();
        let token = NewToken {
            issuer: "https://test.example".into(),
            audience: "numbers-gateway".into(),
            subject: who.subject.into(),
            teams: who.teams.iter().map(|team| team.parse().unwrap()).collect(),
            roles: who.roles.iter().map(|role| role.parse().unwrap()).collect(),
            ttl: Duration::from_mins(10),
            name: who.name.map(Into::into),
            email: who.email.map(Into::into),
            kid: None,
            act: who
                .act
                .map(|program| Person { issuer: "https://test.example".into(), subject: program.into() }),
        };
        signer.sign(&token, self.clock.now()).unwrap()
    }

    /// A request of somebody's.
    pub fn request(&self, who: &Somebody, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.api)).bearer_auth(self.token(who))
    }

    /// A request without a token.
    pub fn anonymous(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.api))
    }

    /// GET as somebody.
    pub async fn get(&self, who: &Somebody, path: &str) -> Answer {
        send(self.request(who, Method::GET, path)).await
    }

    /// Bytes as they are, on a connection of their own; everything that comes back until it closes.
    pub async fn raw(&self, bytes: impl AsRef<[u8]>) -> String {
        read_all(self.connection(bytes.as_ref()).await).await
    }

    /// The same, from somebody who says that nothing more will come.
    pub async fn raw_half(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut stream = self.connection(bytes.as_ref()).await;
        stream.shutdown().await.unwrap();
        read_all(stream).await
    }

    async fn connection(&self, bytes: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(self.api.trim_start_matches("http://")).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        stream
    }

    /// GET on the operators' listener.
    pub async fn ops(&self, path: &str) -> Answer {
        send(self.client.get(format!("{}{path}", self.ops))).await
    }

    /// POST with a JSON body as somebody.
    pub async fn post(&self, who: &Somebody, path: &str, body: &Value) -> Answer {
        send(self.request(who, Method::POST, path).json(body)).await
    }

    /// A buy through ClickSend's door, without a body, as most SDKs send it.
    pub async fn buy(&self, who: &Somebody, number: &str) -> Answer {
        send(self.request(who, Method::POST, &format!("/v3/numbers/buy/{}", number.replace('+', "%2B"))))
            .await
    }

    /// Numbers on sale in a country.
    pub async fn numbers_on_sale(&self, country: &str) -> Vec<String> {
        self.page_on_sale(country, 1).await
    }

    /// Further ones.
    pub async fn page_on_sale(&self, country: &str, page: usize) -> Vec<String> {
        let url = format!("{}/v3/numbers/search/{country}?limit=100&page={page}", self.upstream);
        let answer = send(self.client.get(url).basic_auth("simulator", Some("simulator-key"))).await;
        let rows = answer.json()["data"]["data"].clone();
        rows.as_array()
            .unwrap()
            .iter()
            .map(|row| row["dedicated_number"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Makes upstream misbehave.
    pub async fn fault(&self, fault: Value) {
        let answer =
            send(self.client.post(format!("{}/_simulator/faults", self.upstream)).json(&fault)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }

    /// Upstream shows nobody what is owned. It says so itself, so buying goes on, as it would not while lists fail.
    pub async fn refuse_lists(&self) {
        self.refuse("list").await;
    }

    /// Upstream says no to an operation, in its own words.
    pub async fn refuse(&self, operation: &str) {
        let body =
            json!({"http_code": 400, "response_code": "BAD_REQUEST", "response_msg": "No.", "data": null});
        self.fault(json!({"operation": operation, "fault": "arbitrary", "status": 400, "body": body})).await;
    }

    /// Waits until the gateway treats an operation of upstream's like this: `open` is left alone.
    pub async fn until_circuit_is(&self, operation: &str, state: &str) {
        let series = format!(
            "numbers_gateway_upstream_circuit_state{{operation=\"{operation}\",state=\"{state}\"}} 1"
        );
        let looking = async {
            while !self.ops("/metrics").await.text.contains(&series) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), looking).await.expect(&series);
    }

    /// Ends every fault.
    pub async fn end_faults(&self) {
        send(self.client.delete(format!("{}/_simulator/faults", self.upstream))).await;
    }

    /// A control of the simulator.
    pub async fn control(&self, path: &str, body: Value) -> Value {
        let answer = send(self.client.post(format!("{}/_simulator/{path}", self.upstream)).json(&body)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()
    }

    /// A question to the simulator's controls.
    pub fn upstream_request(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("{}/_simulator/{path}", self.upstream))
    }

    /// The first page of upstream's own list.
    pub async fn upstream_list(&self) -> Value {
        let url = format!("{}/v3/numbers?limit=100", self.upstream);
        send(self.client.get(url).basic_auth("simulator", Some("simulator-key"))).await.json()
    }

    /// What upstream saw and sold, but for the question whose account it is, which nobody's request causes; `query` may
    /// wait for something.
    pub async fn ledger(&self, query: &str) -> Value {
        let mut ledger =
            send(self.client.get(format!("{}/_simulator/ledger?{query}", self.upstream))).await.json();
        assert_ne!(ledger["timed_out"], json!(true), "{query}");
        ledger["requests"].as_array_mut().unwrap().retain(|request| request["operation"] != "account");
        ledger
    }

    /// A metric without labels, as a whole number.
    pub async fn metric(&self, name: &str) -> u64 {
        let text = self.ops("/metrics").await.text;
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).unwrap();
        value.parse().unwrap()
    }

    /// How many requests of an operation upstream has received.
    pub async fn calls(&self, operation: &str) -> usize {
        let ledger = self.ledger("").await;
        let requests = ledger["requests"].as_array().unwrap();
        requests.iter().filter(|request| request["operation"] == operation).count()
    }
}

/// Sends a request and reads the answer to its end.
pub async fn send(request: RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    Answer { status, headers, text: response.text().await.unwrap() }
}

async fn read_all(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await;
    // A reset after the answer is an end as well.
    assert!(read.is_ok(), "the connection stays open after {}", String::from_utf8_lossy(&answer));
    String::from_utf8_lossy(&answer).into_owned()
}

/// Loopback only: without a pool, so that a stopped gateway is seen as one, and without reading the machine's roots.
fn client() -> reqwest::Client {
    let builder = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).tls_certs_only([]);
    builder.redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

fn install_crypto() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        rustls::crypto::aws_lc_rs::default_provider().install_default().unwrap();
        numbers_gateway::auth::install_crypto();
    });
}
