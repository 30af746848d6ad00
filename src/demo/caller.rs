//! The caller that the demo plays: an HTTP client that knows nothing of the gateway but its URLs.
//!
//! It has a client of its own rather than the gateway's, because it stands for the programs outside.

use std::time::Duration;

use reqwest::{Method, RequestBuilder, Response};
use serde_json::Value;

use super::configuration;

/// Longer than the gateway takes to answer a buy (`purchases.answer_within`).
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// A call that got no answer, or none that the demo can go on with.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// No client.
    #[error("no HTTP client: {0}")]
    Client(reqwest::Error),
    /// No answer.
    #[error("{call}: {error}")]
    Lost {
        /// Method and URL.
        call: String,
        /// What happened.
        error: reqwest::Error,
    },
    /// Another answer than the one that was needed.
    #[error("{call} answered {status}: {body}")]
    Refused {
        /// Method and URL.
        call: String,
        /// The status.
        status: u16,
        /// The beginning of the body.
        body: String,
    },
}

/// The client. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Caller(reqwest::Client);

/// Who calls.
#[derive(Clone, Copy, Debug)]
pub(super) enum As<'a> {
    Nobody,
    /// With a token, at the gateway.
    Bearer(&'a str),
    /// As the simulator's account, at the simulator.
    Account,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    call: String,
    pub(super) status: u16,
    /// `Cache-Status`, where the answer has one.
    pub(super) cache: Option<String>,
    /// `Null` where it is not JSON.
    pub(super) body: Value,
}

impl Caller {
    pub(super) fn new() -> Result<Self, CallError> {
        // No proxy: everything is on this machine.
        let client = reqwest::Client::builder().no_proxy().timeout(ANSWER_WITHIN).build();
        client.map(Self).map_err(CallError::Client)
    }

    pub(super) async fn get(&self, url: &str, who: As<'_>) -> Result<Answer, CallError> {
        self.call(Method::GET, url, who, None).await
    }

    pub(super) async fn post(
        &self,
        url: &str,
        who: As<'_>,
        body: Option<&Value>,
    ) -> Result<Answer, CallError> {
        self.call(Method::POST, url, who, body).await
    }

    /// With a key of its own, for what takes none without.
    pub(super) async fn post_once(&self, url: &str, who: As<'_>, body: &Value) -> Result<Answer, CallError> {
        let key = uuid::Uuid::new_v4().to_string();
        let request = self.0.post(url).header("idempotency-key", key);
        Self::send(format!("POST {url}"), request, who, Some(body)).await
    }

    pub(super) async fn call(
        &self,
        method: Method,
        url: &str,
        who: As<'_>,
        body: Option<&Value>,
    ) -> Result<Answer, CallError> {
        let call = format!("{method} {url}");
        Self::send(call, self.0.request(method, url), who, body).await
    }

    async fn send(
        call: String,
        mut request: RequestBuilder,
        who: As<'_>,
        body: Option<&Value>,
    ) -> Result<Answer, CallError> {
        request = match who {
            As::Nobody => request,
            As::Bearer(token) => request.bearer_auth(token),
            As::Account => {
                let account = configuration::account();
                request.basic_auth(account.username, Some(account.api_key))
            }
        };
        if let Some(body) = body {
            request = request.json(body);
        }
        match read(request.send().await).await {
            Ok((status, cache, body)) => Ok(Answer { call, status, cache, body }),
            Err(error) => Err(CallError::Lost { call, error: error.without_url() }),
        }
    }
}

async fn read(
    response: Result<Response, reqwest::Error>,
) -> Result<(u16, Option<String>, Value), reqwest::Error> {
    let response = response?;
    let status = response.status().as_u16();
    let cache =
        response.headers().get("cache-status").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let body = response.bytes().await?;
    Ok((status, cache, serde_json::from_slice(&body).unwrap_or_default()))
}

impl Answer {
    /// The answer, if it says that the call worked.
    pub(super) fn or_refused(self) -> Result<Self, CallError> {
        if matches!(self.status, 200 | 201) {
            return Ok(self);
        }
        Err(CallError::Refused { call: self.call, status: self.status, body: self.body.to_string() })
    }

    /// A text in the body, by its JSON pointer; empty where there is none.
    pub(super) fn text(&self, pointer: &str) -> &str {
        self.body.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    /// A count in the body.
    pub(super) fn count(&self, pointer: &str) -> u64 {
        self.body.pointer(pointer).and_then(Value::as_u64).unwrap_or_default()
    }
}
