//! The embedded default, its documentation and its examples.

use std::time::Duration;

use super::{loaded, with_environment};
use crate::config::{
    BudgetLimits, DEFAULT_TEXT, Database, KeySource, LogFormat, Mode, PreexistingVisibility, SearchShape,
    Sources, load,
};
use crate::domain::policy::Verdict;

const NOT_YET: &str = "not acted on yet";

/// Every number here is the one of the documentation.
#[test]
fn the_default_is_the_documented_one() {
    let config = load(&Sources::default()).unwrap().config;
    let seconds = Duration::from_secs;
    let minutes = Duration::from_mins;

    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8080");
    assert!(config.server.hosts.is_empty() && config.server.trusted_proxies.is_empty());
    assert!(config.server.tls.is_none());
    assert_eq!(config.server.drain_grace, seconds(45));
    let server = &config.server;
    let timeouts = [server.header_timeout, server.body_timeout, server.idle_timeout];
    assert_eq!(timeouts, [seconds(10), seconds(15), seconds(60)]);
    assert_eq!((server.max_connections.get(), server.max_connections_per_address.get()), (1024, 256));
    assert_eq!(config.ops.listen.to_string(), "127.0.0.1:9464");

    let upstream = &config.upstream;
    assert_eq!(upstream.base_url.as_str(), "https://rest.clicksend.com");
    assert!(!upstream.allow_plain_http && upstream.replicas_share_address);
    assert!(upstream.username.is_none() && upstream.api_key.is_none() && upstream.proxy_url.is_none());
    assert_eq!(
        (upstream.connect_timeout, upstream.read_timeout, upstream.buy_timeout),
        (seconds(5), seconds(15), seconds(20))
    );
    assert_eq!(upstream.requests_per_minute.get(), 18);
    assert_eq!(upstream.reserved_for_buying.basis_points(), 3_300);
    assert_eq!(upstream.billing_time_zone.iana_name(), Some("UTC"));

    assert_eq!(config.storage.database, Database::Sqlite("data/gateway.db".into()));
    assert!(config.auth.token_header.is_none() && config.auth.issuers.is_empty());
    assert!(config.auth.denied_ids.is_empty() && config.auth.denied_subjects.is_empty());
    assert!(config.budget.currency.is_none());
    assert_eq!(config.budget.limits, BudgetLimits::default());
    assert!(config.teams.is_empty() && config.registration_profiles.is_empty());
    assert!(config.policy.rules().is_empty());

    let cache = &config.cache;
    assert_eq!(
        (cache.fresh_for, cache.stale_for, cache.list_fresh_for),
        (seconds(60), minutes(10), minutes(5))
    );
    assert_eq!(cache.max_bytes, 64 << 20);

    let limits = &config.limits;
    let rates = [limits.addresses, limits.reads, limits.misses, limits.writes, limits.decisions]
        .map(|rate| (rate.requests.get(), rate.period.as_secs(), rate.burst.get()));
    assert_eq!(rates, [(500, 1, 1000), (20, 1, 40), (6, 60, 6), (10, 60, 5), (60, 60, 30)]);
    assert_eq!((limits.purchases_per_day.subject.get(), limits.purchases_per_day.team.get()), (20, 50));

    let purchases = &config.purchases;
    assert_eq!(purchases.mode, Mode::Live);
    assert_eq!(purchases.types.len(), 3);
    assert_eq!(purchases.resolve_people.get(), 2);
    assert_eq!(purchases.preexisting_visible_to, PreexistingVisibility::All);
    assert_eq!((purchases.answer_within, purchases.rejected_for), (seconds(25), Duration::from_hours(24)));
    assert_eq!(purchases.price_tolerance.basis_points(), 0);
    assert_eq!(
        (purchases.absence_window, purchases.scan_spacing, purchases.sweep_every),
        (minutes(10), seconds(60), minutes(15))
    );

    assert_eq!(config.audit.head_file.to_str(), Some("data/audit-head"));
    assert_eq!(config.retention.personal_data, Duration::from_hours(90 * 24));
    assert_eq!(config.telemetry.log_format, LogFormat::Json);
    assert!(config.telemetry.otlp_endpoint.is_none());
    assert_eq!(config.telemetry.sample.basis_points(), 100);
    assert_eq!(config.compat.search_shape, SearchShape::Object);
    assert!(!config.compat.strict_registration);
}

#[test]
fn every_key_that_is_read_is_in_the_default_and_has_a_comment() {
    let printed: Vec<String> = load(&Sources::default())
        .unwrap()
        .origins
        .as_slice()
        .iter()
        .map(|setting| setting.key.clone())
        .collect();
    let commented = commented_keys();
    let keys: Vec<&String> = commented.iter().map(|(key, _)| key).collect();
    assert_eq!(printed.iter().filter(|key| !keys.contains(key)).count(), 0, "{printed:?}\n{keys:?}");
    assert_eq!(printed.len(), keys.len());
    for (key, comment) in &commented {
        assert!(comment.len() >= 5, "{key} has no comment");
    }
    for line in DEFAULT_TEXT.lines().filter(|line| line.starts_with('#') && line.contains(" = ")) {
        let is_example = line.chars().nth(1).is_some_and(|second| second != ' ');
        assert!(!is_example || line.contains(" # "), "the example {line} has no comment");
    }
}

#[test]
fn what_is_not_acted_on_yet_says_so() {
    /// Of these keys only some values, or some of what they say, are not acted on.
    const IN_PART: [&str; 1] = ["server.trusted_proxies"];
    let mut said: Vec<String> = commented_keys()
        .into_iter()
        .filter(|(_, comment)| comment.contains(NOT_YET))
        .map(|(key, _)| key)
        .collect();
    said.sort();
    assert_eq!(said, IN_PART);
}

/// The keys that are set in the default, each with the comment of its line.
fn commented_keys() -> Vec<(String, String)> {
    let mut section = String::new();
    let mut keys = Vec::new();
    for line in DEFAULT_TEXT.lines().filter(|line| !line.starts_with('#')) {
        let (code, comment) = line.split_once(" # ").unwrap_or((line, ""));
        if let Some(header) = code.trim().strip_prefix('[') {
            section = header.trim_end_matches(']').to_owned();
        } else if let Some((key, _)) = code.split_once(" = ") {
            keys.push((format!("{section}.{key}"), comment.trim().to_owned()));
        }
    }
    keys
}

/// An example is a line that begins with `#` and no space.
fn with_examples() -> String {
    let uncommented = |line: &str| match line.strip_prefix('#') {
        Some(example) if !example.is_empty() && !example.starts_with(' ') => example.to_owned(),
        Some(_) | None => line.to_owned(),
    };
    DEFAULT_TEXT.lines().map(uncommented).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_examples_in_the_default_are_valid() {
    let environment = [("GATEWAY__BUDGET__CURRENCY", "AUD")];
    let config = load(&with_environment(&with_examples(), &environment)).unwrap().config;
    assert_eq!((config.teams.len(), config.registration_profiles.len()), (1, 1));
    let issuer = config.auth.issuers.first().unwrap();
    assert_eq!(issuer.max_lifetime, Duration::from_hours(25));
    assert_eq!(issuer.claims.subject, "sub");
    assert!(matches!(&issuer.keys, KeySource::JwksUrl(url) if url.is_https()));
    let stages: Vec<usize> = config
        .policy
        .rules()
        .iter()
        .map(|rule| match &rule.then {
            Verdict::Allow | Verdict::Deny(_) => 0,
            Verdict::Approvals(terms) => terms.stages.len(),
        })
        .collect();
    assert_eq!(stages, [0, 0, 2, 1]);
}

#[test]
fn the_example_files_are_valid() {
    let key = tempfile::NamedTempFile::new().unwrap();
    let key_path = key.path().to_str().unwrap();
    for (text, teams) in [
        (include_str!("../../../config/examples/small-team.toml"), 1),
        (include_str!("../../../config/examples/sso.toml"), 3),
    ] {
        let config = loaded(&text.replace("keys/tokens.public.pem", key_path)).config;
        assert_eq!(config.teams.len(), teams);
        assert!(!config.policy.rules().is_empty());
    }
}
