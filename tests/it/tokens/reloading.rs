//! A configuration that changes under the running program.

use std::time::Duration;

use numbers_gateway::auth::{NewToken, Signer};
use numbers_gateway::domain::principal::Role;
use reqwest::Method;

use crate::process::Process;
use crate::stage::{Stage, ann, send, somebody};

/// The longest until a key, a person or a token that was taken out opens nothing.
const A_SECOND: Duration = Duration::from_secs(1);

const NOBODY: &str = "denied_subjects = []";

async fn status(stage: &Stage, token: &str) -> u16 {
    let answer = send(stage.anonymous(Method::GET, "/v1/me").bearer_auth(token)).await;
    answer.status.as_u16()
}

/// Waits until the token is answered so.
async fn becomes(stage: &Stage, token: &str, wanted: u16) {
    let turn = async {
        while status(stage, token).await != wanted {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(tokio::time::timeout(A_SECOND, turn).await.is_ok(), "not {wanted} within a second");
}

fn write(stage: &Stage, configuration: &str) {
    std::fs::write(stage.folder.path().join("gateway.toml"), configuration).unwrap();
}

#[tokio::test]
async fn who_is_denied_or_not_vouched_for_any_more_is_out_within_a_second() {
    let mut stage = Stage::without_gateway_but(&format!("[auth]\n{NOBODY}\n"), &[]).await;
    let process = Process::start(&mut stage).await;
    let (ann, bob) = (stage.token(&ann()), stage.token(&somebody("bob", "support", "viewer")));
    for token in [&ann, &bob] {
        assert_eq!(status(&stage, token).await, 200);
    }
    let usual = stage.configuration();
    write(&stage, &usual.replace(NOBODY, "denied_subjects = [\"bob\"]"));
    becomes(&stage, &bob, 401).await;
    assert_eq!(status(&stage, &ann).await, 200);
    write(&stage, &usual);
    becomes(&stage, &bob, 200).await;

    // The issuer is renamed: its tokens are nobody's.
    write(&stage, &usual.replace("https://test.example", "https://other.example"));
    becomes(&stage, &ann, 401).await;
    write(&stage, &usual);
    becomes(&stage, &ann, 200).await;

    // The key is replaced where it lies; the configuration stays as it is.
    std::fs::write(stage.folder.path().join("secret"), "another secret of the tests, long enough").unwrap();
    becomes(&stage, &ann, 401).await;
    let log = process.kill().await;
    assert!(log.contains("auth.denied_subjects"), "the log names what changed: {log}");
    stage.finish().await;
}

/// Another issuer beside the usual one, with a key of its own.
const ANOTHER: &str = r#"
[[auth.issuers]]
name = "another"
issuer = "https://another.example"
audience = "numbers-gateway"
secret_file = "%folder%/another"
algorithms = ["HS256"]
"#;

#[tokio::test]
async fn a_key_that_is_taken_out_of_the_configuration_opens_no_door_within_a_second() {
    let mut stage = Stage::without_gateway_but(ANOTHER, &[]).await;
    let another = stage.folder.path().join("another");
    std::fs::write(&another, "the secret of another issuer, long enough").unwrap();
    let process = Process::start(&mut stage).await;
    let cat = NewToken {
        issuer: "https://another.example".into(),
        audience: "numbers-gateway".into(),
        subject: "cat".into(),
        teams: vec!["growth".parse().unwrap()],
        roles: [Role::Viewer].into(),
        ttl: Duration::from_mins(10),
        name: None,
        email: None,
        kid: None,
        act: None,
    };
    let cat = Signer::from_pem_or_secret_file(&another).unwrap().sign(&cat, stage.clock.now()).unwrap();
    let ann = stage.token(&ann());
    let page = async || {
        let cookie = format!("__Host-numbers-gateway={cat}");
        send(stage.anonymous(Method::GET, "/console/requests").header("cookie", cookie)).await.status.as_u16()
    };
    // Remembered, as a token that was seen before is; then its issuer is gone.
    assert_eq!((status(&stage, &cat).await, status(&stage, &cat).await, page().await), (200, 200, 200));
    let usual = stage.configuration();
    write(&stage, &usual.replace(&ANOTHER.replace("%folder%", stage.folder.path().to_str().unwrap()), ""));
    becomes(&stage, &cat, 401).await;
    assert_eq!((page().await, status(&stage, &ann).await), (303, 200));
    process.kill().await;
    stage.finish().await;
}

#[tokio::test]
async fn a_file_with_a_fault_leaves_everything_as_it_was_and_says_so() {
    let mut stage = Stage::without_gateway_but(&format!("[auth]\n{NOBODY}\n"), &[]).await;
    let process = Process::start(&mut stage).await;
    let bob = stage.token(&somebody("bob", "support", "viewer"));
    let usual = stage.configuration();
    let denying = usual.replace(NOBODY, "denied_subjects = [\"bob\"]");
    assert_eq!(stage.metric("numbers_gateway_config_reload_success").await, 1);
    for (broken, said) in [
        (format!("{denying}\n[surprise]\nkey = 1\n"), "surprise"),
        (denying.replace("/secret\"", "/absent\""), "secret_file"),
    ] {
        write(&stage, &broken);
        process.says(said).await;
        assert_eq!(status(&stage, &bob).await, 200);
        assert_eq!(stage.metric("numbers_gateway_config_reload_success").await, 0);
    }
    let restart = denying.replace("buy_timeout = \"2s\"", "buy_timeout = \"3s\"");
    write(&stage, &restart);
    becomes(&stage, &bob, 401).await;
    assert_eq!(stage.metric("numbers_gateway_config_reload_success").await, 1);
    process.says("upstream.buy_timeout").await;
    process.kill().await;
    stage.finish().await;
}
