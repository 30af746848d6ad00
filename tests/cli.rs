//! The program as a shell sees it: arguments in; standard output, standard error and an exit code out.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a broken fixture stops the test")]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

#[path = "cli/policy.rs"]
mod policy;
#[path = "cli/purchases.rs"]
mod purchases;

/// One call of the program.
struct Ran {
    code: i32,
    stdout: String,
    stderr: String,
}

/// Runs the program in a folder of its own, with an environment of its own.
fn run(folder: &TempDir, arguments: &str) -> Ran {
    run_with(folder, arguments, &[], "")
}

fn run_with(folder: &TempDir, arguments: &str, environment: &[(&str, &str)], input: &str) -> Ran {
    let mut child = Command::new(env!("CARGO_BIN_EXE_numbers-gateway"))
        .args(arguments.split_whitespace())
        .current_dir(folder.path())
        .env_clear()
        .envs(environment.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that ended before it read its input is not what these tests are about.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    Ran {
        code: status.code().unwrap(),
        stdout: String::from_utf8(stdout).unwrap(),
        stderr: String::from_utf8(stderr).unwrap(),
    }
}

fn empty_folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// A folder with keys, and a configuration that believes them.
fn folder_with_keys() -> TempDir {
    let folder = empty_folder();
    let generated = run(&folder, "keys generate");
    assert_eq!(generated.code, 0, "{}", generated.stderr);
    fs::write(folder.path().join("gateway.toml"), generated.stdout).unwrap();
    folder
}

#[test]
fn wrong_usage_exits_with_64_and_says_what_would_be_right() {
    let folder = empty_folder();
    for arguments in ["sell", "serve now", "token --role viewer", "simulator --seed x"] {
        let ran = run(&folder, arguments);
        assert_eq!((ran.code, ran.stdout.as_str()), (64, ""), "{arguments}");
        assert!(ran.stderr.contains("try '--help'"), "{arguments}: {}", ran.stderr);
    }
}

#[test]
fn without_a_command_the_commands_are_shown_and_it_is_wrong_usage() {
    let ran = run(&empty_folder(), "");
    assert_eq!((ran.code, ran.stdout.as_str()), (64, ""));
    assert!(ran.stderr.contains("check-config"), "{}", ran.stderr);
}

#[test]
fn help_and_version_are_results() {
    let folder = empty_folder();
    for arguments in ["--help", "serve --help", "token --help", "token check --help"] {
        let ran = run(&folder, arguments);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{arguments}");
        assert!(ran.stdout.contains("Example:\n  "), "{arguments}: {}", ran.stdout);
    }
    let version = run(&folder, "--version");
    assert_eq!(
        (version.code, version.stdout),
        (0, format!("numbers-gateway {}\n", env!("CARGO_PKG_VERSION")))
    );
}

#[test]
fn openapi_is_a_document() {
    let ran = run(&empty_folder(), "openapi");
    assert_eq!(ran.code, 0);
    let document: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
}

#[test]
fn the_defaults_alone_are_a_valid_configuration_that_opens_nothing() {
    let ran = run(&empty_folder(), "check-config");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stdout.contains("server.listen = \"127.0.0.1:8080\" "), "{}", ran.stdout);
    assert!(ran.stderr.contains("warning: nobody may do anything"), "{}", ran.stderr);
}

#[test]
fn all_faults_of_a_configuration_are_told_at_once() {
    let folder = empty_folder();
    let text = "[server]\nlisten = \"8080\"\ndrain_grace = \"now\"\n[teem.growth]\nname = \"Growth\"\n";
    fs::write(folder.path().join("gateway.toml"), text).unwrap();
    let environment = [("GATEWAY__UPSTREAM__BUY_TIMEOUT", "soon")];
    let ran = run_with(&folder, "check-config --config gateway.toml", &environment, "");
    assert_eq!((ran.code, ran.stdout.as_str()), (78, ""));
    for fault in [
        "gateway.toml:2:",
        "server.drain_grace",
        "teem",
        "environment variable GATEWAY__UPSTREAM__BUY_TIMEOUT: upstream.buy_timeout",
    ] {
        assert!(ran.stderr.contains(fault), "{fault}: {}", ran.stderr);
    }
    let served = run(&folder, "serve --config gateway.toml");
    assert_eq!(served.code, 78);
    assert!(served.stderr.contains("server.drain_grace"), "{}", served.stderr);
}

#[test]
fn secrets_are_not_shown_and_every_value_has_its_origin() {
    let folder = empty_folder();
    fs::write(folder.path().join("key"), "the-api-key\n").unwrap();
    fs::write(
        folder.path().join("gateway.toml"),
        "[upstream]\nusername = \"acme\"\napi_key_file = \"key\"\n",
    )
    .unwrap();
    let environment = [("GATEWAY_CONFIG", "gateway.toml"), ("GATEWAY__OPS__LISTEN", "127.0.0.1:25099")];
    let ran = run_with(&folder, "check-config", &environment, "");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let origin = |key: &str| {
        let line = ran.stdout.lines().find(|line| line.starts_with(&format!("{key} = ")));
        line.unwrap_or_default().split("  # ").last().unwrap_or_default().to_owned()
    };
    assert_eq!(origin("upstream.username"), "gateway.toml:2:12");
    assert_eq!(origin("upstream.api_key"), "secret file key");
    assert_eq!(origin("ops.listen"), "environment variable GATEWAY__OPS__LISTEN");
    assert_eq!(origin("upstream.buy_timeout"), "default");
    assert!(!format!("{}{}", ran.stdout, ran.stderr).contains("the-api-key"));
}

#[test]
fn a_live_check_names_everything_that_is_not_there() {
    let folder = empty_folder();
    let text =
        "[upstream]\nbase_url = \"http://127.0.0.1:1\"\nusername = \"acme\"\napi_key = \"secret-key\"\n";
    fs::write(folder.path().join("gateway.toml"), text).unwrap();
    let ran = run(&folder, "check-config --live --config gateway.toml");
    assert_eq!(ran.code, 69, "{}", ran.stderr);
    assert!(ran.stderr.contains("account: upstream is not available"), "{}", ran.stderr);
    assert!(ran.stderr.contains("owned numbers: upstream is not available"), "{}", ran.stderr);
    assert!(ran.stdout.contains("database         not there yet"), "{}", ran.stdout);
    assert!(!folder.path().join("data").exists());
}

#[test]
fn a_generated_key_signs_tokens_that_the_printed_configuration_accepts() {
    let folder = folder_with_keys();
    let signed = run_with(
        &folder,
        "token --subject ann --team growth --role requester --role approver --email ann@example.com",
        &[("GATEWAY_CONFIG", "gateway.toml")],
        "",
    );
    assert_eq!(signed.code, 0, "{}", signed.stderr);
    assert_eq!(signed.stdout.matches('.').count(), 2);
    assert_eq!(signed.stdout.lines().count(), 1);
    assert!(signed.stderr.contains("signing with keys/tokens.private.pem"), "{}", signed.stderr);

    let checked = run_with(&folder, "token check --config gateway.toml", &[], &signed.stdout);
    assert_eq!(checked.code, 0, "{}{}", checked.stdout, checked.stderr);
    for line in [
        "person       ann (numbers-gateway-local)",
        "email        ann@example.com",
        "teams        growth",
        "roles        requester, approver",
        "may approve  no",
    ] {
        assert!(checked.stdout.lines().any(|shown| shown == line), "{line}: {}", checked.stdout);
    }
}

#[test]
fn a_refused_token_is_told_by_the_rule_it_broke() {
    let folder = folder_with_keys();
    let sign =
        |arguments: &str| run(&folder, &format!("token --subject ann --role viewer {arguments}")).stdout;
    for (token, rule) in [
        (sign("--audience somebody-else"), "NO  audience"),
        (sign("--issuer somebody-else"), "NO  issuer"),
        (sign("--ttl 30d"), "NO  lifetime"),
        (sign("").replacen('.', ".A", 1), "NO  "),
        ("not a token".to_owned(), "NO  form"),
    ] {
        let checked = run_with(&folder, "token check --config gateway.toml", &[], &token);
        assert_eq!(checked.code, 78, "{}", checked.stderr);
        assert!(checked.stdout.contains(rule), "{rule}: {}", checked.stdout);
        assert!(checked.stderr.starts_with("refused: "), "{}", checked.stderr);
    }
    let nothing = run_with(&folder, "token check --config gateway.toml", &[], "\n");
    assert_eq!(nothing.code, 64, "{}", nothing.stderr);
}

#[test]
fn without_a_key_the_files_that_were_looked_for_are_named() {
    let ran = run(&empty_folder(), "token --subject ann --role viewer");
    assert_eq!((ran.code, ran.stdout.as_str()), (78, ""));
    assert!(ran.stderr.contains("keys/tokens.private.pem is not there"), "{}", ran.stderr);
    assert!(ran.stderr.contains("keys generate"), "{}", ran.stderr);
}

#[test]
fn the_key_of_a_configured_issuer_comes_with_its_names() {
    let folder = folder_with_keys();
    let text = fs::read_to_string(folder.path().join("gateway.toml")).unwrap();
    let text = text
        .replace("numbers-gateway-local", "https://machines.example.com")
        .replace("audience = \"numbers-gateway\"", "audience = [\"one\", \"two\"]\nkid = \"k-7\"");
    fs::write(folder.path().join("gateway.toml"), text).unwrap();
    let token = run(&folder, "token --config gateway.toml --subject ann --role viewer");
    let checked = run_with(&folder, "token check --config gateway.toml", &[], &token.stdout);
    assert_eq!(checked.code, 0, "{}", checked.stdout);
    assert!(checked.stdout.contains("https://machines.example.com"), "{}", checked.stdout);
    assert!(checked.stdout.contains("kid \"k-7\""), "{}", checked.stdout);
}

#[test]
fn keys_are_private_and_never_overwritten() {
    let folder = folder_with_keys();
    let keys = folder.path().join("keys");
    let mode = |file: &str| fs::metadata(keys.join(file)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("tokens.private.pem"), 0o600);
    let text = |file: &str| fs::read_to_string(keys.join(file)).unwrap();
    let before = text("tokens.private.pem");
    let again = run(&folder, "keys generate");
    assert_eq!((again.code, again.stdout.as_str()), (69, ""));
    assert!(again.stderr.contains("keys/tokens.private.pem: File exists"), "{}", again.stderr);
    assert_eq!(text("tokens.private.pem"), before);

    fs::remove_file(keys.join("tokens.private.pem")).unwrap();
    let half = run(&folder, "keys generate");
    assert!(half.stderr.contains("keys/tokens.public.pem: File exists"), "{}", half.stderr);
    assert!(!keys.join("tokens.private.pem").exists());
}

#[test]
fn a_database_is_migrated_without_serving() {
    let folder = empty_folder();
    let ran = run(&folder, "migrate");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(ran.stdout, "data/gateway.db is up to date\n");
    assert!(Path::new(&folder.path().join("data/gateway.db")).exists());
    let blocked = run_with(&folder, "migrate", &[("GATEWAY__STORAGE__URL", "sqlite:data/gateway.db/x")], "");
    assert_eq!(blocked.code, 69, "{}", blocked.stderr);
}

#[test]
fn a_gateway_that_is_not_there_is_not_healthy() {
    let ran = run(&empty_folder(), "healthcheck --url http://127.0.0.1:1/readyz");
    assert_eq!(ran.code, 69);
    assert!(ran.stderr.starts_with("http://127.0.0.1:1/readyz: "), "{}", ran.stderr);
}

/// A program that serves; it does not outlive its test.
struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Serving {
    /// Starts it; what it logs comes with [`Self::end`].
    fn start(folder: &TempDir, arguments: &str) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_numbers-gateway"))
            .args(arguments.split_whitespace())
            .current_dir(folder.path())
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self(child)
    }

    /// The next line of its standard output.
    fn line(&mut self) -> String {
        let mut line = String::new();
        BufReader::new(self.0.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        line
    }

    fn terminate(&self) {
        let killed = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status().unwrap();
        assert!(killed.success());
    }

    /// Waits for its end: exit code and log.
    fn end(mut self) -> (i32, String) {
        let mut log = String::new();
        self.0.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        (self.0.wait().unwrap().code().unwrap(), log)
    }
}

/// A demo and what it said about itself.
fn start_demo(folder: &TempDir) -> (Serving, Value) {
    let any = "--listen 127.0.0.1:0 --ops-listen 127.0.0.1:0";
    let mut demo = Serving::start(folder, &format!("demo --json --data-dir demo {any}"));
    let line = demo.line();
    (demo, serde_json::from_str(&line).unwrap())
}

/// Sends a request and leaves the connection open.
fn send(url: &str, method: &str, path: &str, token: &str, body: &str) -> TcpStream {
    let address = url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    stream
}

/// Sends a request and reads the whole answer.
fn ask(url: &str, method: &str, path: &str, token: &str, body: &str) -> String {
    let mut answer = String::new();
    send(url, method, path, token, body).read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn the_demo_says_one_line_serves_and_ends_on_a_signal() {
    let folder = empty_folder();
    let (demo, ready) = start_demo(&folder);
    let (api, token) = (ready["api"].as_str().unwrap(), ready["tokens"]["viewer"].as_str().unwrap());
    let answer = ask(api, "GET", "/v3/numbers/search/AU", token, "");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    let health = run(&folder, &format!("healthcheck --url {}/readyz", ready["ops"].as_str().unwrap()));
    assert_eq!((health.code, health.stdout.as_str()), (0, "ready\n"));
    demo.terminate();
    assert_eq!(demo.end().0, 0);
}

#[test]
fn a_second_signal_ends_a_drain_at_once() {
    let folder = empty_folder();
    let (demo, ready) = start_demo(&folder);
    let url = |key: &str| ready[key].as_str().unwrap();
    let held = r#"{"operation":"buy","fault":"hold"}"#;
    assert!(ask(url("simulator"), "POST", "/_simulator/faults", "", held).starts_with("HTTP/1.1 200 "));
    let token = ready["tokens"]["requester"].as_str().unwrap();
    let _buy = send(url("api"), "POST", "/v3/numbers/buy/+61491570000", token, "");
    ask(url("simulator"), "GET", "/_simulator/ledger?wait_held=1", "", "");

    demo.terminate();
    let health = || run(&folder, &format!("healthcheck --url {}/readyz", url("ops")));
    while health().code == 0 {}
    // The first signal waits for the buy: it is still there, and not ready.
    let draining = health();
    assert!(draining.stderr.contains("503"), "{}", draining.stderr);
    demo.terminate();
    assert_eq!(demo.end().0, 128 + 15);
}

#[test]
fn the_log_is_json_with_request_ids_and_without_tokens() {
    let folder = folder_with_keys();
    let text = fs::read_to_string(folder.path().join("gateway.toml")).unwrap();
    let more = r#"
[server]
listen = "127.0.0.1:0"
[ops]
listen = "127.0.0.1:0"
[upstream]
base_url = "http://127.0.0.1:1"
username = "acme"
api_key = "the-api-key"
[teams.growth]
budget = { spend_per_month = "unlimited", recurring_per_month = "unlimited" }
"#;
    fs::write(folder.path().join("gateway.toml"), text + more).unwrap();
    let token = run(&folder, "token --config gateway.toml --subject ann --role viewer --team growth").stdout;
    let mut serving = Serving::start(&folder, "serve --config gateway.toml");
    let mut log = BufReader::new(serving.0.stderr.take().unwrap());
    let (mut line, mut all) = (String::new(), String::new());
    let ready: Value = loop {
        line.clear();
        assert_ne!(log.read_line(&mut line).unwrap(), 0, "{all}");
        all.push_str(&line);
        let said: Value = serde_json::from_str(&line).unwrap();
        if said["message"] == "ready" {
            break said;
        }
    };
    let api = format!("http://{}", ready["api"].as_str().unwrap());
    let answer = ask(&api, "GET", "/v3/numbers/search/AU", token.trim(), "");
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    serving.terminate();
    log.read_to_string(&mut all).unwrap();
    assert_eq!(serving.0.wait().unwrap().code(), Some(0));

    let lines: Vec<Value> = all.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let served = lines.iter().find(|line| line["message"] == "request served").unwrap();
    let id = served["request_id"].as_str().unwrap();
    assert!(answer.contains(&format!("X-Request-Id: {id}\r\n")), "{answer}");
    let said = [&served["method"], &served["route"], &served["team"], &served["status"]];
    assert_eq!(said, [&json!("GET"), &json!("/v3/numbers/search/{country}"), &json!("growth"), &json!(503)]);
    let signature = token.trim().rsplit('.').next().unwrap();
    assert!(!all.contains(signature) && !all.contains("the-api-key"), "{all}");
}
