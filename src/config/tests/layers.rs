//! Which layer wins, and what is said about where a value came from.

use std::io::Write as _;

use proptest::prelude::{any, prop_assert, proptest};

use super::{faults_with, loaded, with_environment};
use crate::config::{DEFAULT_TEXT, FileSource, Sources, load};

#[test]
fn the_environment_stands_over_the_file_over_the_default() {
    let text = "[upstream]\nread_timeout = \"10s\"\nbuy_timeout = \"10s\"\n";
    let environment = [("GATEWAY__UPSTREAM__BUY_TIMEOUT", "11s"), ("PATH", "/bin"), ("GATEWAY_CONFIG", "x")];
    let loaded = load(&with_environment(text, &environment)).unwrap();
    let seconds = |duration: std::time::Duration| duration.as_secs();
    let upstream = &loaded.config.upstream;
    assert_eq!(seconds(upstream.connect_timeout), 5);
    assert_eq!(seconds(upstream.read_timeout), 10);
    assert_eq!(seconds(upstream.buy_timeout), 11);
    let origin = |key: &str| loaded.origins.find(key).unwrap().origin.to_string();
    assert_eq!(origin("upstream.connect_timeout"), "default");
    assert_eq!(origin("upstream.read_timeout"), "t.toml:2:16");
    assert_eq!(origin("upstream.buy_timeout"), "environment variable GATEWAY__UPSTREAM__BUY_TIMEOUT");
}

#[test]
fn the_printed_configuration_shows_every_value_with_its_origin() {
    let printed =
        loaded("[server]\nhosts = [\"a.example\", \"b.example\"]\n[teams.growth]\n").origins.to_string();
    let line =
        |start: &str| printed.lines().find(|line| line.starts_with(start)).unwrap_or_default().to_owned();
    assert_eq!(
        line("server.hosts"),
        r#"server.hosts = ["a.example", "b.example"]                     # t.toml:2:9"#
    );
    assert_eq!(
        line("limits.reads.burst"),
        "limits.reads.burst = 40                                       # default"
    );
    assert_eq!(
        line("upstream.api_key ="),
        r#"upstream.api_key = ""                                         # default"#
    );
}

#[test]
fn tables_merge_by_key_and_lists_replace() {
    let loaded = loaded("limits.reads = { burst = 99 }\npurchases.types = [\"mms\"]\n");
    assert_eq!(loaded.config.limits.reads.burst.get(), 99);
    assert_eq!(loaded.config.limits.reads.requests.get(), 20);
    assert_eq!(loaded.config.purchases.types.len(), 1);
}

#[test]
fn the_environment_writes_every_shape() {
    let environment = [
        ("GATEWAY__SERVER__HOSTS", "a.example, B.example"),
        ("GATEWAY__SERVER__TRUSTED_PROXIES", r#"["10.0.0.0/8"]"#),
        ("GATEWAY__LIMITS__READS", "{ burst = 7 }"),
        ("GATEWAY__LIMITS__WRITES__BURST", "8"),
        ("GATEWAY__UPSTREAM__REPLICAS_SHARE_ADDRESS", "false"),
        ("GATEWAY__UPSTREAM__USERNAME", "12345"),
        ("GATEWAY__UPSTREAM__API_KEY", "{brace"),
        ("GATEWAY__TEAMS__GROWTH", r#"{ name = "Growth" }"#),
        ("GATEWAY__TEAMS__GROWTH__COST_CENTER", "4711"),
    ];
    let config = load(&with_environment("", &environment)).unwrap().config;
    assert_eq!(config.server.hosts, ["a.example", "b.example"]);
    assert_eq!(config.server.trusted_proxies.len(), 1);
    assert_eq!(config.limits.reads.burst.get(), 7);
    assert_eq!(config.limits.writes.burst.get(), 8);
    assert!(!config.upstream.replicas_share_address);
    assert_eq!(config.upstream.username.as_deref(), Some("12345"));
    let (key, team) = config.teams.first_key_value().unwrap();
    assert_eq!((key.as_str(), team.name.as_str()), ("growth", "Growth"));
    assert_eq!(team.cost_center.as_deref(), Some("4711"));
}

#[test]
fn a_fault_in_the_environment_names_the_variable() {
    for (variable, value, expected) in [
        (
            "GATEWAY__LIMITS__READS__BURST",
            "many",
            r#"environment variable GATEWAY__LIMITS__READS__BURST: limits.reads.burst = "many": not such a number; write a whole number from 1 to 4294967295"#,
        ),
        (
            "GATEWAY__SERVER__LISTENS",
            "x",
            "environment variable GATEWAY__SERVER__LISTENS: server.listens: no such key; did you mean listen?",
        ),
        (
            "GATEWAY__OPS",
            "x",
            "environment variable GATEWAY__OPS: ops: a text where a section belongs; write its keys: listen",
        ),
        (
            "GATEWAY__",
            "x",
            r#"environment variable GATEWAY__: "": no such key; keys here are policy, server, ops, upstream, storage, auth, budget, teams, registration_profiles, cache, limits, purchases, notifications, audit, retention, telemetry, compat"#,
        ),
    ] {
        assert_eq!(faults_with("", &[(variable, value)]), expected);
    }
}

#[test]
fn a_file_is_read_and_one_that_cannot_be_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gateway.toml");
    std::fs::File::create(&path).unwrap().write_all(b"[ops]\nlisten = \"127.0.0.1:1\"\n").unwrap();
    let from = |path: std::path::PathBuf| Sources { file: FileSource::Path(path), environment: Vec::new() };
    let loaded = load(&from(path.clone())).unwrap();
    assert_eq!(loaded.config.ops.listen.port(), 1);
    let origin = loaded.origins.find("ops.listen").unwrap().origin.to_string();
    assert_eq!(origin, format!("{}:2:10", path.display()));

    let missing = load(&from(folder.path().join("no.toml"))).unwrap_err().to_string();
    assert!(missing.contains("no.toml: cannot be read: No such file"), "{missing}");
    std::fs::write(&path, vec![b'#'; (1 << 20) + 1]).unwrap();
    let large = load(&from(path.clone())).unwrap_err().to_string();
    assert!(large.contains("gateway.toml: larger than 1024 KiB"), "{large}");
    std::fs::write(&path, [b'#', 0xff]).unwrap();
    let binary = load(&from(path)).unwrap_err().to_string();
    assert!(binary.contains("gateway.toml: not UTF-8"), "{binary}");
}

#[test]
fn of_the_process_only_our_variables_are_taken() {
    let sources = Sources::from_process(Some("gateway.toml".into()));
    assert!(matches!(&sources.file, FileSource::Path(path) if path.ends_with("gateway.toml")));
    assert!(std::env::vars_os().count() > 0, "the test needs an environment");
    assert!(sources.environment.iter().all(|(name, _)| name.starts_with("GATEWAY_")), "{sources:?}");
}

#[test]
fn a_deep_variable_and_a_deep_file_do_no_harm() {
    let deep = format!("GATEWAY__{}", "A__".repeat(40_000));
    assert!(faults_with("", &[(&deep, "x")]).contains("no such key"));
    for text in ["a.".repeat(100_000) + "a = 1", "a = ".to_owned() + &"[".repeat(100_000)] {
        assert!(faults_with(&text, &[]).contains("not TOML"));
    }
}

proptest! {
    #[test]
    fn no_text_stops_the_loader(text in any::<String>(), value in any::<String>()) {
        let environment = [("GATEWAY__UPSTREAM__BASE_URL", value.as_str()), ("GATEWAY__TEAMS", &value)];
        let _ = load(&with_environment(&text, &environment));
    }

    #[test]
    fn no_value_stops_the_loader(line in 0..DEFAULT_TEXT.lines().count(), value in r#"["'\[\]{}=,.a-z0-9:/%@#\\ -]{0,20}"#) {
        let text: Vec<String> = DEFAULT_TEXT
            .lines()
            .enumerate()
            .map(|(index, written)| match written.split_once('=') {
                Some((key, _)) if index == line => format!("{} = {value}", key.trim_start_matches('#')),
                Some(_) | None => written.to_owned(),
            })
            .collect();
        if let Err(faults) = load(&Sources::from_text("t.toml", &text.join("\n"))) {
            prop_assert!(!faults.as_slice().is_empty());
        }
    }
}
