//! A secret goes to those who use it and to no eye.

use secrecy::ExposeSecret as _;

use super::{faults_with, loaded, with_environment};
use crate::config::{Sources, load};

const CANARY: &str = "canary-5f1e";

#[test]
fn a_secret_comes_from_a_file_without_its_last_newline() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    for (content, secret) in [("k1", "k1"), ("k2\n", "k2"), ("k3\r\n", "k3"), (" k4 \n", " k4 ")] {
        std::fs::write(&path, content).unwrap();
        let text = format!("upstream = {{ username = \"ann\", api_key_file = {path:?} }}");
        let loaded = load(&Sources::from_text("t.toml", &text)).unwrap();
        assert_eq!(loaded.config.upstream.api_key.unwrap().expose_secret(), secret);
        assert_eq!(loaded.config.upstream.api_key_file.as_deref(), Some(path.as_path()));
        let setting = loaded.origins.find("upstream.api_key").unwrap();
        assert_eq!(setting.value, "[redacted]");
        assert_eq!(setting.origin.to_string(), format!("secret file {}", path.display()));
    }
}

#[test]
fn a_secrets_file_that_is_not_one_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    let told = |content: &[u8]| {
        std::fs::write(&path, content).unwrap();
        faults_with(&format!("upstream = {{ username = \"ann\", api_key_file = {path:?} }}"), &[])
    };
    for (content, problem) in [
        (&b""[..], "empty"),
        (b"\n", "empty"),
        (b"a\nb\n", "too long, or not one line"),
        (b"\xff", "not UTF-8"),
        (&vec![b'k'; (64 << 10) + 1], "larger than 64 KiB"),
    ] {
        assert!(told(content).contains(problem), "{}", told(content));
    }
    std::fs::remove_file(&path).unwrap();
    let missing = faults_with("upstream.api_key_file = \"no/such/file\"", &[]);
    assert_eq!(
        missing,
        "t.toml:1:25: upstream.api_key_file = \"no/such/file\": cannot be read: No such file or directory (os error 2); name a file that holds the secret and nothing else"
    );
}

#[test]
fn a_secret_and_its_file_are_not_both_set() {
    let told = faults_with(
        "upstream.api_key_file = \"Cargo.toml\"",
        &[("GATEWAY__UPSTREAM__API_KEY", CANARY), ("GATEWAY__UPSTREAM__USERNAME", "ann")],
    );
    assert_eq!(
        told,
        "t.toml:1:25: upstream.api_key_file = \"Cargo.toml\": api_key is set too (environment variable GATEWAY__UPSTREAM__API_KEY); keep one of api_key and api_key_file"
    );
}

#[test]
fn no_secret_is_shown_by_what_was_loaded() {
    let text = format!(
        "[upstream]\nusername = \"ann\"\napi_key = \"{CANARY}\"\nproxy_url = \"http://u:{CANARY}@proxy.example:3128\"\n"
    );
    let sources = with_environment(&text, &[("GATEWAY__UPSTREAM__API_KEY", CANARY)]);
    let loaded = load(&sources).unwrap();
    let shown = format!("{sources:?} {sources:#?} {loaded:?} {loaded:#?} {}", loaded.origins);
    assert!(!shown.contains(CANARY), "{shown}");
    assert!(shown.contains("upstream.api_key = [redacted]"), "{shown}");
    assert_eq!(loaded.config.upstream.api_key.unwrap().expose_secret(), CANARY);
}

#[test]
fn no_secret_is_shown_by_a_fault_about_it() {
    for text in [
        format!("upstream.api_key = \"{CANARY}\\n\""),
        format!("upstream.api_key = [\"{CANARY}\"]"),
        format!("upstream.api_key = {{ value = \"{CANARY}\" }}"),
        format!("upstream.apikey = \"{CANARY}\""),
        format!("upstream = \"{CANARY}\""),
        format!("upstream.base_url = \"https://u:{CANARY}@x.example\""),
        format!("upstream.base_url = \"https://u:{CANARY}@/@x.example\""),
        format!("upstream.proxy_url = \"socks5://u:{CANARY}@x.example\""),
        format!("storage.url = \"postgres://u:{CANARY}@db/x\""),
        format!("telemetry.otlp_endpoint = \"http://u:{CANARY}@x\""),
        format!("server = \"{CANARY}\""),
        format!("[upstream]\napi_key = \"{CANARY}\n"),
        format!("[upstream]\napi_key = {CANARY}\n"),
        format!("[upstream]\napi_key = \"{CANARY}\" x\n"),
    ] {
        let faults = load(&Sources::from_text("t.toml", &text)).unwrap_err();
        let shown = format!("{faults} {faults:?}");
        assert!(!shown.contains(CANARY), "{text}: {shown}");
    }
    for value in [format!("{CANARY}\n"), format!("[{CANARY}]\t"), format!("{{ x = \"{CANARY}\" }}\n")] {
        let told = faults_with("", &[("GATEWAY__UPSTREAM__API_KEY", &value)]);
        assert!(!told.is_empty() && !told.contains(CANARY), "{told}");
    }
}

#[test]
fn a_value_that_changed_where_nobody_sees_it_is_a_change_all_the_same() {
    let text = |key: &str, reason: &str| {
        let rule = format!("[[policy.rules]]\nname = \"no\"\nwhen = {{}}\nthen = {{ deny = {reason:?} }}\n");
        loaded(&format!("upstream = {{ username = \"ann\", api_key = \"{key}\" }}\n{rule}")).origins
    };
    let long = "n".repeat(120);
    let usual = text(CANARY, &long);
    assert_eq!(usual.changes(&text(CANARY, &long)), Vec::<String>::new());
    assert_eq!(usual.changes(&text("another", &long)), ["upstream.api_key"]);
    assert_eq!(usual.changes(&text(CANARY, &format!("{long}o"))), ["policy.rules[0].then.deny"]);
    assert!(!format!("{usual:?}{usual}").contains(CANARY));
}
