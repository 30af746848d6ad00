//! How a server is reached: encrypted and verified, by a user who owns one database and nothing else, and by no proxy that
//! deals out sessions.

use std::path::{Path, PathBuf};

use super::LOOKING;
use super::cluster::Cluster;
use crate::database;
use crate::process::{Ended, Process};
use crate::stage::{Stage, ann};

const PASSWORD: &str = "correct horse battery staple";

/// For 127.0.0.1, made for the tests of the upstream client.
fn certificate(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/clicksend/tests/certificates").join(name)
}

/// Starts a replica whose `storage` has this URL and these further lines.
async fn start(stage: &mut Stage, url: &str, more: &str) -> Result<Process, Ended> {
    let usual = format!("url = \"{}\"", database::url(&stage.database()));
    let text = stage.configuration();
    assert!(text.contains(&usual));
    let text = text.replace(&usual, &format!("url = \"{url}\"\n{more}"));
    Process::replica_but(stage, 0, &text, None).await
}

fn refused(started: Result<Process, Ended>, why: &str) {
    let ended = started.err().expect("it does not start");
    assert_eq!(ended.status.code(), Some(69), "{}", ended.log);
    assert!(ended.log.contains(why), "{why} in {}", ended.log);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_spoken_to_by_tls_with_a_certificate_that_is_believed_and_a_password() {
    let Some(mut cluster) = Cluster::start() else { return };
    let mut stage = Stage::looking_later_but("", LOOKING).await;
    database::is_at(&stage.database(), &cluster.url());
    let url = database::url(&stage.database());
    let name = url.rsplit('/').next().unwrap().to_owned();
    let at = |parameters: &str| format!("postgres://gateway@{}/{name}{parameters}", cluster.address());
    let (encrypted, plain) = (at("?sslmode=require"), at("?sslmode=disable"));
    let password = stage.folder.path().join("password");
    std::fs::write(&password, format!("{PASSWORD}\n")).unwrap();
    let with = |ca: &str, password: &str| {
        format!("ca_file = \"{}\"\npassword_file = \"{password}\"", certificate(ca).display())
    };
    let right = with("root.pem", password.to_str().unwrap());

    refused(start(&mut stage, &encrypted, &right).await, "server does not support TLS");
    cluster.encrypt(&certificate("good.pem"), PASSWORD);
    cluster.psql("postgres", &format!("ALTER DATABASE {name} OWNER TO gateway"));
    cluster.kill();
    cluster.start_server();
    refused(
        start(&mut stage, &encrypted, &with("self-signed.pem", password.to_str().unwrap())).await,
        "UnknownIssuer",
    );
    refused(start(&mut stage, &plain, &right).await, "28000");
    let wrong = stage.folder.path().join("wrong");
    std::fs::write(&wrong, "another\n").unwrap();
    refused(start(&mut stage, &encrypted, &with("root.pem", wrong.to_str().unwrap())).await, "28P01");

    let process = start(&mut stage, &encrypted, &right).await.unwrap_or_else(|ended| panic!("{}", ended.log));
    let number = stage.numbers_on_sale("AU").await[0].clone();
    let bought = stage.buy(&ann(), &number).await;
    assert_eq!(bought.verdict(), "200 SUCCESS", "{}", bought.text);
    let encrypted = "SELECT count(*) FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid)
                     WHERE a.usename = 'gateway' AND NOT s.ssl";
    assert_eq!(cluster.psql("postgres", encrypted), "0");
    let log = process.kill().await;
    assert!(!log.contains(PASSWORD), "{log}");
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::print_stderr, reason = "a test that was skipped says so")]
async fn a_proxy_that_pools_transactions_is_refused_and_one_that_pools_sessions_is_not() {
    let Some(cluster) = Cluster::start() else { return };
    let mut stage = Stage::looking_later_but("", LOOKING).await;
    database::is_at(&stage.database(), &cluster.url());
    let url = database::url(&stage.database());
    for (mode, is_refused) in [("transaction", true), ("session", false)] {
        let Some((mut proxy, address)) = cluster.pooled(mode) else {
            eprintln!("skipped: PgBouncer is not here: tests/run postgres");
            return;
        };
        let started = start(&mut stage, &url.replace(&cluster.address(), &address), "").await;
        if is_refused {
            refused(started, "pools transactions");
        } else {
            let process = started.unwrap_or_else(|ended| panic!("{}", ended.log));
            let number = stage.numbers_on_sale("AU").await[0].clone();
            assert_eq!(stage.buy(&ann(), &number).await.verdict(), "200 SUCCESS");
            process.kill().await;
        }
        proxy.kill().unwrap();
        proxy.wait().unwrap();
    }
    stage.finish().await;
}
