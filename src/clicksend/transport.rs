//! The two HTTP clients and one exchange: a request out, at most so many bytes back, by a deadline.
//!
//! Reads share a pool. What cannot be taken back never does: a kept-alive connection that the other side has just
//! closed takes the request and gives no answer, and then nobody knows whether it was a sale (143 of 1,000 such
//! calls when measured; none without a pool).

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, ClientBuilder, Method, Proxy, Request, Response, Url};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::{Instant, timeout_at};

use crate::clicksend::options::{ClientError, Options};

/// A page of 100 rows is about 40 KiB; fifty times that is no page of numbers.
const MAX_READ_BODY: usize = 2 * 1024 * 1024;
/// As long as a page may be without growing on the way.
const USUAL_BODY: usize = 64 * 1024;
/// A receipt is half a KiB.
const MAX_WRITE_BODY: usize = 64 * 1024;
/// Shorter than the keep-alive of the usual front ends (60 s and up), so that a pooled connection is a live one.
const IDLE_CONNECTION: Duration = Duration::from_secs(20);
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// What ClickSend knows the gateway by: a header that can be sent.
pub struct Credentials(HeaderValue);

impl Credentials {
    /// Errors: what Basic authentication cannot carry.
    pub fn new(username: &str, api_key: &SecretString) -> Result<Self, ClientError> {
        basic(username, api_key).map(Self)
    }
}

pub(super) struct Transport {
    reads: Client,
    writes: Client,
    base: Url,
    authorization: ArcSwap<HeaderValue>,
    write_timeout: Duration,
}

/// What came back. The status is known even where the body was lost.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    /// The whole body, or why there is none: broken off, too big, too late.
    pub(super) body: Result<Vec<u8>, String>,
}

/// No answer at all, and whether the request can have arrived.
pub(super) enum NoAnswer {
    /// There never was a connection for it.
    NotSent(String),
    /// It may have.
    Lost(String),
}

impl Transport {
    pub(super) fn new(options: &Options) -> Result<Self, ClientError> {
        let reads = builder(options)?
            .pool_max_idle_per_host(4)
            .pool_idle_timeout(IDLE_CONNECTION)
            .build()
            .map_err(|error| ClientError::Http(describe(error)))?;
        let writes = builder(options)?
            .http1_only()
            .pool_max_idle_per_host(0)
            .build()
            .map_err(|error| ClientError::Http(describe(error)))?;
        Ok(Self {
            reads,
            writes,
            base: base_url(&options.base_url)?,
            authorization: ArcSwap::from_pointee(basic(&options.username, &options.api_key)?),
            write_timeout: options.connect_timeout + options.buy_timeout,
        })
    }

    /// From the next request on. Whether they are others than before.
    pub(super) fn authorize(&self, Credentials(header): Credentials) -> bool {
        let header = Arc::new(header);
        self.authorization.swap(Arc::clone(&header)) != header
    }

    pub(super) async fn get(
        &self,
        path: &str,
        query: &[(&str, String)],
        within: Duration,
    ) -> Result<Answer, NoAnswer> {
        let mut request = self.request(Method::GET, path);
        if !query.is_empty() {
            request.url_mut().query_pairs_mut().extend_pairs(query);
        }
        exchange(&self.reads, request, within, MAX_READ_BODY).await
    }

    pub(super) async fn post(&self, path: &str, json: Vec<u8>) -> Result<Answer, NoAnswer> {
        let mut request = self.request(Method::POST, path);
        request.headers_mut().insert(CONTENT_TYPE, JSON);
        *request.body_mut() = Some(json.into());
        exchange(&self.writes, request, self.write_timeout, MAX_WRITE_BODY).await
    }

    /// `path` is ours and already percent-encoded; nothing in it comes from a client's URL.
    fn request(&self, method: Method, path: &str) -> Request {
        let mut url = self.base.clone();
        url.set_path(path);
        let mut request = Request::new(method, url);
        request.headers_mut().insert(ACCEPT, JSON);
        request.headers_mut().insert(AUTHORIZATION, self.authorization.load().as_ref().clone());
        request
    }
}

async fn exchange(
    client: &Client,
    request: Request,
    within: Duration,
    most: usize,
) -> Result<Answer, NoAnswer> {
    let deadline = Instant::now() + within;
    let response = match timeout_at(deadline, client.execute(request)).await {
        Err(_) => return Err(NoAnswer::Lost(format!("no answer within {within:?}"))),
        Ok(Err(error)) if error.is_connect() => return Err(NoAnswer::NotSent(describe(error))),
        Ok(Err(error)) => return Err(NoAnswer::Lost(describe(error))),
        Ok(Ok(response)) => response,
    };
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    let body = timeout_at(deadline, read_body(response, most))
        .await
        .unwrap_or_else(|_| Err(format!("the answer did not end within {within:?}")));
    Ok(Answer { status, headers, body })
}

async fn read_body(mut response: Response, most: usize) -> Result<Vec<u8>, String> {
    // What it says of its length is believed as far as such answers usually are long.
    let length = response.content_length().and_then(|length| usize::try_from(length).ok());
    let mut body = Vec::with_capacity(length.unwrap_or_default().min(USUAL_BODY));
    while let Some(chunk) = response.chunk().await.map_err(describe)? {
        if body.len() + chunk.len() > most {
            return Err(format!("the answer is longer than {most} bytes"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// What both clients have in common: no redirects (they would carry credentials elsewhere), no retries, no proxy
/// from the environment.
fn builder(options: &Options) -> Result<ClientBuilder, ClientError> {
    let mut builder = Client::builder()
        .user_agent(concat!("numbers-gateway/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(options.connect_timeout)
        .redirect(Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_proxy();
    if let Some(url) = &options.proxy_url {
        builder = builder.proxy(Proxy::all(url.expose_secret()).map_err(|_| ClientError::Proxy)?);
    }
    if let Some(path) = &options.ca_file {
        builder = builder.tls_certs_merge(root_certificates(path)?);
    }
    Ok(builder)
}

fn root_certificates(path: &Path) -> Result<Vec<Certificate>, ClientError> {
    let unusable = |reason: String| ClientError::CaFile { path: path.to_owned(), reason };
    let pem = fs::read(path).map_err(|error| unusable(error.to_string()))?;
    let certificates = Certificate::from_pem_bundle(&pem).map_err(|error| unusable(describe(error)))?;
    if certificates.is_empty() {
        return Err(unusable("no certificate in it".to_owned()));
    }
    Ok(certificates)
}

fn base_url(text: &str) -> Result<Url, ClientError> {
    let url = Url::parse(text).map_err(|_| ClientError::BaseUrl("not a URL"))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(ClientError::BaseUrl("must begin with https:// (or http://) and a host"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(ClientError::BaseUrl("credentials do not belong in it"));
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err(ClientError::BaseUrl("nothing may follow the host; /v3 is added by the gateway"));
    }
    Ok(url)
}

fn basic(username: &str, api_key: &SecretString) -> Result<HeaderValue, ClientError> {
    if username.is_empty() || api_key.expose_secret().is_empty() {
        return Err(ClientError::Credentials("must not be empty"));
    }
    if username.contains(':') {
        return Err(ClientError::Credentials("a user name cannot contain a colon"));
    }
    let pair = BASE64.encode(format!("{username}:{}", api_key.expose_secret()));
    let mut header = HeaderValue::from_str(&format!("Basic {pair}"))
        .map_err(|_| ClientError::Credentials("cannot stand in a header"))?;
    header.set_sensitive(true);
    Ok(header)
}

/// The library's error with its causes and without the URL, which would name the dedicated number.
fn describe(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
