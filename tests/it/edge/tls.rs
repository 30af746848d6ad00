//! The encrypted listener: both HTTPs, a certificate that follows its files, and what is no TLS.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::{Certificate, Client, Version};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::process::Process;
use crate::stage::Stage;

/// Made for the tests of the upstream client: for 127.0.0.1, key and certificate in one file.
fn pair(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/clicksend/tests/certificates").join(name)
}

/// Believes the root that signed `good.pem`, or the certificate that signed itself.
fn client(believed: &str) -> Client {
    let pem = std::fs::read(pair(believed)).unwrap();
    let builder = Client::builder().no_proxy().pool_max_idle_per_host(0);
    builder.tls_certs_only(Certificate::from_pem_bundle(&pem).unwrap()).build().unwrap()
}

async fn encrypted() -> Stage {
    let tls = "tls = { certificate_file = \"%folder%/pair.pem\", key_file = \"%folder%/pair.pem\" }\nheader_timeout = \"1s\"\n[ops]";
    let stage = Stage::without_gateway_but("", &[("[ops]", tls)]).await;
    std::fs::copy(pair("good.pem"), stage.folder.path().join("pair.pem")).unwrap();
    stage
}

/// The address of a stage whose listener is encrypted.
fn address(stage: &Stage) -> String {
    stage.api.replace("http://", "https://")
}

async fn status(client: &Client, stage: &Stage) -> Option<u16> {
    let answer = client.get(format!("{}/v1/me", address(stage))).send().await.ok()?;
    Some(answer.status().as_u16())
}

/// Waits until this client believes the gateway.
async fn believes(client: &Client, stage: &Stage) {
    let turn = async {
        while status(client, stage).await != Some(401) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(10), turn).await.is_ok(), "not believed");
}

#[tokio::test]
async fn both_https_are_spoken_and_browsers_are_told_to_stay() {
    let mut stage = encrypted().await;
    stage.start_gateway().await;
    let answer = client("root.pem").get(format!("{}/v1/me", address(&stage))).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.version()), (401, Version::HTTP_2));
    assert_eq!(answer.headers()["strict-transport-security"], "max-age=31536000");
    assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
    let old = Client::builder().no_proxy().http1_only();
    let root = Certificate::from_pem_bundle(&std::fs::read(pair("root.pem")).unwrap()).unwrap();
    let old = old.tls_certs_only(root).build().unwrap();
    let answer = old.get(format!("{}/v1/me", address(&stage))).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.version()), (401, Version::HTTP_11));
    stage.finish().await;
}

#[tokio::test]
async fn what_is_no_tls_is_closed() {
    let mut stage = encrypted().await;
    stage.start_gateway().await;
    for bytes in [
        &b"GET /v1/me HTTP/1.1\r\nHost: gateway\r\n\r\n"[..],
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\xff\xff",
        b"\x16",
        b"",
        &[0xff; 4096],
    ] {
        let mut stream = TcpStream::connect(stage.api.trim_start_matches("http://")).await.unwrap();
        let _ = stream.write_all(bytes).await;
        let mut received = Vec::new();
        let closed = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut received)).await;
        assert!(closed.is_ok(), "{}", bytes.escape_ascii());
        assert!(!received.starts_with(b"HTTP"), "{}", received.escape_ascii());
    }
    assert_eq!(status(&client("root.pem"), &stage).await, Some(401));
    stage.finish().await;
}

/// Both files change, one is broken, and then it is whole again: nobody is turned away meanwhile.
#[tokio::test]
async fn a_certificate_follows_its_files_and_a_broken_one_leaves_the_running_one() {
    let mut stage = encrypted().await;
    let process = Process::start(&mut stage).await;
    let (first, second) = (client("root.pem"), client("self-signed.pem"));
    assert_eq!(status(&first, &stage).await, Some(401));
    assert_eq!(status(&second, &stage).await, None);
    let file = stage.folder.path().join("pair.pem");

    std::fs::write(&file, "nothing").unwrap();
    process.says("the running certificate stays in force").await;
    assert_eq!(stage.metric("numbers_gateway_certificate_reload_success").await, 0);
    assert_eq!(status(&first, &stage).await, Some(401));

    std::fs::copy(pair("self-signed.pem"), &file).unwrap();
    believes(&second, &stage).await;
    assert_eq!(status(&first, &stage).await, None, "the earlier one is gone");
    process.says("the certificate was read again and is in force").await;
    assert_eq!(stage.metric("numbers_gateway_certificate_reload_success").await, 1);
    process.kill().await;
    stage.finish().await;
}

#[tokio::test]
async fn a_hangup_has_the_certificate_read_again_whatever_the_configuration_is_like() {
    let mut stage = encrypted().await;
    let process = Process::start(&mut stage).await;
    process.hang_up();
    process.says("the certificate was read again and is in force").await;
    process.kill().await;
    stage.finish().await;
}
