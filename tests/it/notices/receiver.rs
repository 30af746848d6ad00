//! A webhook's receiver on a real socket, which verifies what it takes and misbehaves when it is told to.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::hmac;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// The secret of the specification's own example.
pub const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// How soon a notice must be there.
pub const SOON: Duration = Duration::from_secs(2);

/// What a receiver does with a notice.
#[derive(Clone, Debug)]
pub enum Manner {
    /// Takes it.
    Take,
    /// Refuses it.
    Refuse(StatusCode),
    /// Points elsewhere.
    Redirect(String),
    /// Never answers.
    Hang,
}

/// Something that was sent to it.
#[derive(Clone, Debug)]
pub struct Received {
    pub id: String,
    pub body: String,
    pub is_signed: bool,
}

impl Received {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub fn kind(&self) -> String {
        self.json()["type"].as_str().unwrap_or_default().to_owned()
    }
}

/// A receiver; it ends with its runtime.
#[derive(Clone)]
pub struct Receiver {
    pub address: SocketAddr,
    manner: Arc<Mutex<Manner>>,
    received: watch::Sender<Vec<Received>>,
}

impl Receiver {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let receiver = Self {
            address: listener.local_addr().unwrap(),
            manner: Arc::new(Mutex::new(Manner::Take)),
            received: watch::Sender::new(Vec::new()),
        };
        let router = Router::new().fallback(receive).with_state(receiver.clone());
        tokio::task::spawn(async move { axum::serve(listener, router).await.unwrap() });
        receiver
    }

    /// `[[notifications.webhooks]]` for it.
    pub fn webhook(&self, name: &str, more: &str) -> String {
        let url = format!("http://{}/hook", self.address);
        format!(
            "[[notifications.webhooks]]\nname = \"{name}\"\nurl = \"{url}\"\nsecret = \"{SECRET}\"\n{more}\n"
        )
    }

    pub fn behave(&self, manner: Manner) {
        *self.manner.lock().unwrap() = manner;
    }

    /// Everything so far.
    pub fn all(&self) -> Vec<Received> {
        self.received.borrow().clone()
    }

    /// The first notice of a kind, waited for.
    pub async fn first(&self, kind: &str, within: Duration) -> Received {
        self.until(within, |all| all.iter().find(|one| one.kind() == kind).cloned()).await
    }

    /// Waits for something about what was received.
    pub async fn until<T>(&self, within: Duration, find: impl Fn(&[Received]) -> Option<T>) -> T {
        let mut received = self.received.subscribe();
        let waiting = received.wait_for(|all| find(all).is_some());
        let found = tokio::time::timeout(within, waiting).await;
        let Ok(found) = found else { panic!("not within {within:?}: {:?}", self.all()) };
        find(&found.unwrap()).unwrap()
    }
}

async fn receive(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> Response {
    let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    let id = header("webhook-id").unwrap_or_default();
    let is_signed = header("webhook-signature").is_some_and(|signature| {
        signature == expected(&id, &header("webhook-timestamp").unwrap_or_default(), &body)
    });
    let body = String::from_utf8(body.to_vec()).unwrap();
    receiver.received.send_modify(|all| all.push(Received { id, body, is_signed }));
    let manner = receiver.manner.lock().unwrap().clone();
    match manner {
        Manner::Take => StatusCode::NO_CONTENT.into_response(),
        Manner::Refuse(status) => status.into_response(),
        Manner::Redirect(to) => (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, to)]).into_response(),
        Manner::Hang => std::future::pending().await,
    }
}

/// What the specification makes of them.
fn expected(id: &str, timestamp: &str, body: &[u8]) -> String {
    let key = STANDARD.decode(SECRET.trim_start_matches("whsec_")).unwrap();
    let signed = [id.as_bytes(), timestamp.as_bytes(), body].join(&b'.');
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), &signed);
    format!("v1,{}", STANDARD.encode(signature.as_ref()))
}
