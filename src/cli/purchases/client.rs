//! The gateway from outside, as a program that knows its address and has a token sees it.

use std::time::Duration;

use clap::Args;
use reqwest::{Client as Http, Method, RequestBuilder, Response, Url};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use super::layout;
use crate::cli::{Failure, output};

/// Longer than an approval waits for its purchase (`Prefer` below), and than the gateway for upstream.
const ANSWER_WITHIN: Duration = Duration::from_mins(1);
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// A page of purchases has some 100 KiB; what is longer is not the gateway.
const LONGEST_ANSWER: usize = 4 << 20;

/// Which gateway, and as whom.
#[derive(Debug, Args)]
pub(super) struct Gateway {
    /// The gateway's address, like `https://numbers.example.com`.
    #[arg(long, env = "NUMBERS_GATEWAY_URL", value_name = "URL", value_parser = address)]
    url: Url,
    /// The token; only in the environment, because others see a command line.
    #[arg(long, env = "NUMBERS_GATEWAY_TOKEN", hide = true, hide_env_values = true, value_parser = token)]
    token: SecretString,
}

pub(super) struct Client {
    http: Http,
    gateway: Gateway,
}

fn address(text: &str) -> Result<Url, String> {
    let url: Url = text.trim_end_matches('/').parse().map_err(|error| format!("{error}"))?;
    let is_plain = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    match url.scheme() {
        "http" | "https" if is_plain => Ok(url),
        _ => Err("write scheme and host, like https://numbers.example.com".to_owned()),
    }
}

/// It becomes a header, so it is one printable line; its newline may come from a file.
#[expect(clippy::unnecessary_wraps, reason = "the shape that clap calls")]
fn token(text: &str) -> Result<SecretString, String> {
    Ok(SecretString::from(text.trim()))
}

impl Gateway {
    pub(super) fn client(self) -> Result<Client, Failure> {
        let is_loopback = matches!(self.url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        if self.url.scheme() == "http" && !is_loopback {
            output::tell("warning: the token goes to another machine in the clear; use https");
        }
        let http = Http::builder()
            .user_agent(concat!("numbers-gateway/", env!("CARGO_PKG_VERSION")))
            .timeout(ANSWER_WITHIN)
            .connect_timeout(CONNECT_WITHIN)
            // The gateway never redirects; whoever does must not get the token.
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build();
        let http = http.map_err(|error| Failure::internal(format_args!("no HTTP client: {error}")))?;
        Ok(Client { http, gateway: self })
    }
}

impl Client {
    pub(super) async fn get(&self, path: &str) -> Result<Value, Failure> {
        self.find(path, &[]).await
    }

    pub(super) async fn find(&self, path: &str, query: &[(&str, &str)]) -> Result<Value, Failure> {
        self.ask(self.request(Method::GET, path)?.query(query)).await
    }

    /// Waits for what comes of it as long as a person does.
    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.ask(self.request(Method::POST, path)?.header("prefer", "wait=20").json(body)).await
    }

    fn request(&self, method: Method, path: &str) -> Result<RequestBuilder, Failure> {
        let url = format!("{}{path}", self.gateway.url.as_str().trim_end_matches('/'));
        let url: Url = url.parse().map_err(|error| Failure::usage(format_args!("{url}: {error}")))?;
        Ok(self.http.request(method, url).bearer_auth(self.gateway.token.expose_secret()))
    }

    async fn ask(&self, request: RequestBuilder) -> Result<Value, Failure> {
        let lost = |error: reqwest::Error| {
            let url = &self.gateway.url;
            Failure::dependency(format_args!("no answer from {url}: {}", innermost(&error.without_url())))
        };
        let mut response = request.send().await.map_err(lost)?;
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(lost)? {
            body.extend_from_slice(&piece);
            if body.len() > LONGEST_ANSWER {
                return Err(self.not_the_gateway(&response));
            }
        }
        let answer: Value = serde_json::from_slice(&body).map_err(|_| self.not_the_gateway(&response))?;
        let status = response.status();
        match layout::refusal(&answer, status.as_u16()) {
            _ if status.is_success() => Ok(answer),
            Some(refusal) if status.is_server_error() => Err(Failure::dependency(refusal)),
            Some(refusal) => Err(Failure::amiss(refusal)),
            None => Err(self.not_the_gateway(&response)),
        }
    }

    fn not_the_gateway(&self, response: &Response) -> Failure {
        let (url, status) = (&self.gateway.url, response.status().as_u16());
        Failure::dependency(format_args!(
            "{url} answered {status}, and not as a gateway does; is NUMBERS_GATEWAY_URL the gateway's address?"
        ))
    }
}

/// The words that say what happened; those around them only that something did.
fn innermost(error: &reqwest::Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
