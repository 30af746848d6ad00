//! The simulator from outside: real sockets, nothing but HTTP.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a broken fixture stops the test")]

mod broken;
mod controls;
mod quirks;
mod shop;

use std::net::SocketAddr;
use std::time::Duration;

use reqwest::{Client, Method, Response};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{Options, Simulator};

/// A running simulator and somebody who talks to it. It stops when dropped.
struct Bench {
    address: SocketAddr,
    client: Client,
    user: &'static str,
    server: JoinSet<()>,
}

impl Bench {
    async fn start() -> Self {
        Self::serving(&Simulator::new(Options::default()), CancellationToken::new()).await
    }

    /// A simulator in the middle of October 2026, on a standing clock: 17 of 31 days are left.
    async fn in_october() -> Self {
        let bench = Self::start().await;
        bench.order("clock", json!({"now": "2026-10-15T12:00:00Z", "standing": true})).await;
        bench
    }

    async fn serving(simulator: &Simulator, stop: CancellationToken) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut server = JoinSet::new();
        let simulator = simulator.clone();
        server.spawn(async move { simulator.serve(listener, stop).await.unwrap() });
        let client = Client::builder()
            .no_proxy()
            .pool_max_idle_per_host(0)
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(20))
            .build()
            .unwrap();
        Self { address, client, user: "simulator", server }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    async fn send(&self, method: Method, path: &str, body: Option<Value>) -> reqwest::Result<Response> {
        let request =
            self.client.request(method, self.url(path)).basic_auth(self.user, Some("simulator-key"));
        let request = if let Some(body) = body { request.json(&body) } else { request };
        request.send().await
    }

    /// The status and the JSON of an answer, which has to be whole.
    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        let response = self.send(method, path, body).await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        self.call(Method::GET, path, None).await
    }

    async fn list(&self, query: &str) -> Value {
        self.get(&format!("/v3/numbers{query}")).await.1
    }

    async fn buy(&self, number: &str) -> (u16, Value) {
        self.call(Method::POST, &format!("/v3/numbers/buy/{number}"), None).await
    }

    /// The first number that a country sells.
    async fn offer(&self, country: &str) -> String {
        let (_, found) = self.get(&format!("/v3/numbers/search/{country}")).await;
        found["data"]["data"][0]["dedicated_number"].as_str().unwrap().to_owned()
    }

    /// An order to the control API that has to be followed.
    async fn order(&self, control: &str, body: Value) -> Value {
        let (status, answer) = self.call(Method::POST, &format!("/_simulator/{control}"), Some(body)).await;
        assert_eq!(status, 200, "{answer}");
        answer
    }

    async fn fault(&self, order: Value) {
        self.order("faults", order).await;
    }

    async fn ledger(&self, query: &str) -> Value {
        self.get(&format!("/_simulator/ledger{query}")).await.1
    }

    async fn sales(&self) -> usize {
        self.ledger("").await["sales"].as_array().unwrap().len()
    }

    /// Sends a request by hand and reads until the simulator closes: every byte that came.
    async fn raw(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        // A reset ends the reading as an end does; what came before it is kept.
        let _ = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut bytes)).await.unwrap();
        String::from_utf8(bytes).unwrap()
    }

    async fn raw_buy(&self, number: &str) -> String {
        self.raw(&format!("POST /v3/numbers/buy/{number} HTTP/1.1\r\nHost: x\r\n{AUTHORIZATION}\r\n\r\n"))
            .await
    }
}

/// simulator:simulator-key
const AUTHORIZATION: &str = "Authorization: Basic c2ltdWxhdG9yOnNpbXVsYXRvci1rZXk=";
