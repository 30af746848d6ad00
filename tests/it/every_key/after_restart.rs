//! The keys that wait for a restart: all of them are changed at once, each is named with its reason, and the gateway goes on as
//! it was, with what else the file says in force.

use std::collections::BTreeSet;

use serde_json::Value as Json;
use toml::{Table, Value};

use super::general;
use super::running::{Look, Running, named};
use crate::process::Process;
use crate::stage::{Stage, ann};

/// A key and what it is changed to, as TOML writes it.
type Row = (&'static str, &'static str);

const ROWS: &[Row] = &[
    ("server.listen", "\"127.0.0.1:32999\""),
    ("server.public_url", "\"https://numbers.example.com\""),
    ("server.hosts", "[\"nobody.example\"]"),
    ("server.trusted_proxies", "[\"192.0.2.0/24\"]"),
    ("server.drain_delay", "\"40s\""),
    ("server.drain_grace", "\"50s\""),
    ("server.header_timeout", "\"11s\""),
    ("server.body_timeout", "\"16s\""),
    ("server.idle_timeout", "\"61s\""),
    ("server.max_connections", "1"),
    ("server.max_connections_per_address", "1"),
    ("server.tls.certificate_file", "\"%folder%/secret\""),
    ("server.tls.key_file", "\"%folder%/secret\""),
    ("ops.listen", "\"127.0.0.1:32998\""),
    ("upstream.base_url", "\"http://127.0.0.1:9\""),
    ("upstream.allow_plain_http", "true"),
    ("upstream.ca_file", "\"%root%\""),
    ("upstream.proxy_url", "\"http://127.0.0.1:9\""),
    ("upstream.connect_timeout", "\"2s\""),
    ("upstream.read_timeout", "\"4s\""),
    ("upstream.buy_timeout", "\"3s\""),
    ("upstream.requests_per_minute", "1"),
    ("upstream.reserved_for_buying", "\"90%\""),
    ("upstream.replicas_share_address", "false"),
    ("upstream.billing_time_zone", "\"Australia/Sydney\""),
    ("storage.url", "\"sqlite:%folder%/elsewhere.db\""),
    ("storage.password_file", "\"%folder%/secret\""),
    ("storage.ca_file", "\"%root%\""),
    ("storage.takeover_margin", "\"2s\""),
    ("storage.emergency_file", "\"%folder%/elsewhere.emergency\""),
    ("auth.token_header", "\"X-Another\""),
    ("budget.time_zone", "\"Australia/Sydney\""),
    ("cache.fresh_for", "\"61s\""),
    ("cache.stale_for", "\"11m\""),
    ("cache.max_bytes", "\"65MiB\""),
    ("cache.list_fresh_for", "\"6m\""),
    ("purchases.mode", "\"rehearsal\""),
    ("purchases.types", "[\"mms\"]"),
    ("purchases.resolve_people", "3"),
    ("purchases.preexisting_visible_to", "\"all_teams_roles\""),
    ("purchases.answer_within", "\"26s\""),
    ("purchases.price_tolerance", "\"1%\""),
    ("purchases.approval_lasts", "\"25h\""),
    ("purchases.rejected_for", "\"25h\""),
    ("purchases.absence_window", "\"11m\""),
    ("purchases.scan_spacing", "\"61s\""),
    ("purchases.sweep_every", "\"16m\""),
    ("notifications.expires_soon", "\"5h\""),
    ("notifications.inner_networks", "[\"10.1.0.0/16\"]"),
    ("notifications.allow_plain_http", "true"),
    ("notifications.ca_file", "\"%root%\""),
    (
        "notifications.webhooks",
        "[{ name = \"hook\", url = \"https://hooks.example.com/\", secret = \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\", \
         events = [\"bought\"], format = \"json\" }]",
    ),
    ("audit.head_file", "\"%folder%/elsewhere-head\""),
    ("retention.personal_data", "\"1d\""),
    ("telemetry.log_format", "\"text\""),
    ("telemetry.otlp_endpoint", "\"http://127.0.0.1:9\""),
    ("telemetry.sample", "\"2%\""),
    ("compat.search_shape", "\"list\""),
    ("compat.strict_registration", "true"),
];

/// What cannot stand beside another row.
const TWINS: &[Row] = &[("upstream.proxy_url_file", "\"%folder%/proxy\"")];

/// Of the one webhook.
const OF_A_WEBHOOK: [&str; 5] = [
    "notifications.webhooks[].name",
    "notifications.webhooks[].url",
    "notifications.webhooks[].secret",
    "notifications.webhooks[].events",
    "notifications.webhooks[].format",
];

/// Every key that is listed here.
pub(super) fn keys() -> impl Iterator<Item = &'static str> {
    let rows = ROWS.iter().chain(TWINS).map(|(key, _)| *key).filter(|key| *key != "notifications.webhooks");
    rows.chain(OF_A_WEBHOOK)
}

/// The usual configuration with these rows.
fn changed(running: &Running, rows: &[Row]) -> String {
    let mut whole: Table = running.stage.configuration().parse().unwrap();
    for (key, text) in rows {
        let value: Table = format!("value = {}", running.filled(text)).parse().unwrap();
        let (sections, last) = key.rsplit_once('.').unwrap();
        let mut table = &mut whole;
        for section in sections.split('.') {
            let below = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
            table = below.as_table_mut().unwrap();
        }
        table.insert(last.to_owned(), value["value"].clone());
    }
    toml::to_string(&whole).unwrap()
}

/// The keys that the log names, each with its reason.
fn told(log: &str) -> BTreeSet<String> {
    let lines = log.lines().map(|line| serde_json::from_str::<Json>(line).unwrap());
    let told = lines.filter(|line| line["message"] == "this key has changed and needs a restart");
    told.map(|line| {
        assert!(line["reason"].as_str().unwrap().len() > 10, "{line}");
        general(line["key"].as_str().unwrap())
    })
    .collect()
}

#[tokio::test]
async fn every_other_key_is_refused_with_its_reason_and_what_else_is_in_the_file_counts() {
    let running = Running::start().await;
    std::fs::write(running.stage.folder.path().join("proxy"), "http://127.0.0.1:9").unwrap();
    let usual = running.stage.configuration();
    let text = changed(&running, ROWS).replace("denied_subjects = []", "denied_subjects = [\"amy\"]");
    let details = running.put(&text).await;
    running.becomes(Look::Me, "401").await;
    let mut wanted: BTreeSet<String> = keys().map(str::to_owned).collect();
    wanted.remove("upstream.proxy_url_file");
    // The text of the file that is named now.
    wanted.insert("storage.password".to_owned());
    assert_eq!(named(&details, "need_restart"), wanted);
    assert_eq!(named(&details, "keys"), ["auth.denied_subjects".to_owned()].into());
    // Nothing of it is in force: the same listeners, in earnest, from the same upstream, into the same database.
    running.becomes(Look::Buy, "200 SUCCESS").await;
    assert_eq!(running.stage.ops("/readyz").await.status, 200);
    assert!(running.stage.get(&ann(), "/v3/numbers/search/AU").await.json()["data"].is_object());
    assert!(!running.stage.folder.path().join("elsewhere.db").exists());

    let details = running.put(&changed(&running, TWINS)).await;
    assert!(named(&details, "need_restart").contains("upstream.proxy_url_file"), "{details}");
    // Put back there is nothing left to wait for.
    let details = running.put(&usual).await;
    assert_eq!(named(&details, "need_restart"), BTreeSet::new());
    running.becomes(Look::Buy, "200 SUCCESS").await;
    let log = running.process.kill().await;
    assert!(told(&log).is_superset(&wanted), "{:?}", wanted.difference(&told(&log)));
    assert!(told(&log).contains("upstream.proxy_url_file"));
    running.stage.finish().await;
}

#[tokio::test]
async fn another_currency_and_other_credentials_for_another_address_are_refused_as_a_whole() {
    let running = Running::start().await;
    let usual = running.stage.configuration();
    let denying = usual.replace("denied_subjects = []", "denied_subjects = [\"amy\"]");
    let address = format!("base_url = \"{}\"", running.stage.upstream);
    let elsewhere = denying.replace(&address, "base_url = \"http://127.0.0.1:9\"");
    for (text, said) in [
        (
            denying.replace("currency = \"AUD\"", "currency = \"NZD\""),
            "budget.currency cannot change while the gateway runs",
        ),
        (
            elsewhere.replace("api_key = \"simulator-key\"", "api_key = \"the-key-for-elsewhere\""),
            "upstream.base_url changes only with a restart",
        ),
    ] {
        running.write(&text);
        running.process.says(said).await;
        assert_eq!(running.stage.metric("numbers_gateway_config_reload_success").await, 0);
        assert_ne!(running.see(Look::Me).await, "401", "{said}");
        running.becomes(Look::Known, "200 SUCCESS").await;
    }
    running.put(&denying).await;
    running.becomes(Look::Me, "401").await;
    let log = running.process.kill().await;
    assert!(!log.contains("the-key-for-elsewhere"));
    running.stage.finish().await;
}

#[tokio::test]
async fn a_secret_that_was_replaced_is_named_and_nothing_of_it_is_told() {
    const KEYS: [&str; 2] = ["simulator-key", "canary-of-an-api-key"];
    const SECRETS: [&str; 2] =
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_Q2FuYXJ5Q2FuYXJ5Q2FuYXJ5Q2FuYXJ5"];
    let webhook = "[[notifications.webhooks]]\nname = \"hook\"\nurl = \"http://127.0.0.1:9/\"\nsecret_file = \"%folder%/hook\"\n";
    let changes = [("api_key = \"simulator-key\"", "api_key_file = \"%folder%/api-key\"")];
    let networks = format!("[notifications]\ninner_networks = [\"127.0.0.0/8\"]\n{webhook}");
    let mut stage = Stage::without_gateway_but(&networks, &changes).await;
    let folder = stage.folder.path().to_owned();
    let write = |turn: usize| {
        std::fs::write(folder.join("hook"), SECRETS[turn]).unwrap();
        std::fs::write(folder.join("api-key"), KEYS[turn]).unwrap();
    };
    write(0);
    let process = Process::start(&mut stage).await;
    write(1);
    process.hang_up();
    process.says(r#""key":"notifications.webhooks[0].secret""#).await;
    process.says("upstream.api_key").await;
    let log = process.kill().await;
    let named: Vec<&str> = log.lines().filter(|line| line.contains("upstream.api_key")).collect();
    assert_eq!(named.len(), 1, "{log}");
    let events = stage.only("SELECT body FROM audit_events WHERE action = 'configuration.changed'");
    assert!(events.contains(r#""keys":["upstream.api_key"]"#), "{events}");
    for text in [&log, &events] {
        assert!(!KEYS.iter().chain(&SECRETS).any(|secret| text.contains(&secret[6..])), "{text}");
    }
    stage.finish().await;
}
