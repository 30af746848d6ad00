//! Secrets do not stand in what Rust prints by itself: `Debug` output, and every event of every crate on level trace.
//! The suite `canary` looks into everything else.

use std::io::Write;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use numbers_gateway::config::{self, Sources};
use reqwest::Method;
use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;

use crate::stage::{Stage, ann, send, somebody};

const API_KEY: &str = "canary-in-the-api-key-7f3a9c";
const PROXY_PASSWORD: &str = "canary-in-the-proxy-51d2";
const WEBHOOK: &str = "Y2FuYXJ5LWluLXRoZS13ZWJob29rLXNlY3JldC0xMjM=";

/// The secret as text, in base64 at its three alignments, and in hexadecimal.
fn forms(secret: &str) -> Vec<String> {
    let hex: Vec<String> = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let mut forms = vec![secret.to_owned(), hex.concat(), hex.concat().to_uppercase()];
    let bytes: Vec<String> = secret.bytes().map(|byte| byte.to_string()).collect();
    forms.push(bytes.join(", "));
    for before in 0..3 {
        let padded = [vec![0; before], secret.as_bytes().to_vec()].concat();
        let inside = (before * 8).div_ceil(6)..(padded.len() * 8 / 6);
        forms.extend(
            [STANDARD.encode(&padded), URL_SAFE.encode(&padded)].map(|text| text[inside.clone()].to_owned()),
        );
    }
    forms
}

fn assert_clean(text: &str, secret: &str, place: &str) {
    let found: Vec<String> = forms(secret).into_iter().filter(|form| text.contains(form)).collect();
    assert!(found.is_empty(), "{place} shows {secret} as {found:?}");
}

#[test]
fn every_form_is_found() {
    for form in forms(API_KEY) {
        let caught =
            std::panic::catch_unwind(|| assert_clean(&format!("before{form}after"), API_KEY, "a text"));
        assert!(caught.is_err(), "{form}");
    }
}

#[test]
fn what_a_configuration_prints_of_itself_holds_no_secret() {
    let text = format!(
        r#"
[upstream]
username = "acme"
api_key = "{API_KEY}"
proxy_url = "http://user:{PROXY_PASSWORD}@127.0.0.1:3128"
[[notifications.webhooks]]
name = "desk"
url = "https://hooks.example.com/{PROXY_PASSWORD}"
secret = "whsec_{WEBHOOK}"
"#
    );
    let loaded =
        config::load(&Sources::from_text("canary", &text)).unwrap_or_else(|faults| panic!("{faults}"));
    let printed = format!("{loaded:?}\n{loaded:#?}\n{}\n{}", loaded.origins, loaded.warnings.join("\n"));
    assert!(printed.contains("acme"), "{printed}");
    for secret in [API_KEY, PROXY_PASSWORD, WEBHOOK] {
        assert_clean(&printed, secret, "the configuration");
    }
    assert_clean(&printed, "canary-in-the-webhook-secret-123", "the configuration");
    for broken in
        [text.replace("\"acme\"", "12"), text.replace("desk\"", "desk"), text.replace("127.0.0.1", "::")]
    {
        let faults = config::load(&Sources::from_text("canary", &broken)).unwrap_err();
        let printed = format!("{faults}\n{faults:?}");
        for secret in [API_KEY, PROXY_PASSWORD, WEBHOOK] {
            assert_clean(&printed, secret, "a fault");
        }
    }
}

/// What is logged, kept.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Kept {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// Set in the process that logs.
const ALONE: &str = "CANARY_ALONE";

#[tokio::test]
async fn no_event_on_level_trace_holds_a_key_or_a_token() {
    // In a process of its own: which events are made at all is decided once for all threads of a process.
    if std::env::var_os(ALONE).is_none() {
        let mut alone = std::process::Command::new(std::env::current_exe().unwrap());
        alone.args(["--exact", "canary::no_event_on_level_trace_holds_a_key_or_a_token"]).env(ALONE, "1");
        let ended = alone.output().unwrap();
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stdout));
        return;
    }
    let kept = Kept::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::level_filters::LevelFilter::TRACE)
        .with_ansi(false)
        .with_writer(kept.clone())
        .finish();
    let logging = tracing::subscriber::set_default(subscriber);
    let stage = Stage::new().await;
    let (ann, ben) = (ann(), somebody("ben", "growth", "approver"));
    let number = stage.numbers_on_sale("AU").await.remove(0);
    let tokens = [stage.token(&ann), stage.token(&ben)];
    let authorized = |method, path: &str, token: &str| stage.anonymous(method, path).bearer_auth(token);
    for path in ["/v3/numbers/search/AU", "/v3/numbers", "/v1/purchases", "/v1/me", "/nothing"] {
        for token in &tokens {
            send(authorized(Method::GET, path, token)).await;
        }
    }
    let buy = format!("/v3/numbers/buy/{}", number.replace('+', "%2B"));
    assert_eq!(send(authorized(Method::POST, &buy, &tokens[0])).await.status, 200);
    let forged = format!("{}x", tokens[0]);
    assert_eq!(send(authorized(Method::GET, "/v1/me", &forged)).await.status, 401);
    stage.control("key", json!({"api_key": "another"})).await;
    send(authorized(Method::GET, "/v3/numbers/search/US", &tokens[0])).await;
    stage.control("key", json!({"api_key": "simulator-key"})).await;
    stage.finish().await;
    drop(logging);
    let log = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("TRACE") && log.contains("upstream call"), "{} bytes of log", log.len());
    for secret in ["simulator-key", "simulator:simulator-key", "long enough for HMAC"] {
        assert_clean(&log, secret, "the log");
    }
    for token in tokens {
        assert_clean(&log, &token, "the log");
        assert_clean(&log, token.rsplit('.').next().unwrap(), "the log");
    }
}
