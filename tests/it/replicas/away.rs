//! A server that is away or full: what is said, what is sent, and what comes back by itself.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;

use super::cluster::Cluster;
use super::{LOOKING, PATIENCE, hold_buys};
use crate::chaos::shim::or_skip;
use crate::database;
use crate::process::Process;
use crate::stage::{Answer, Stage, ann};

const SEARCH: &str = "/v3/numbers/search/AU?limit=100";

/// One replica on a server that can be killed.
async fn one_replica(cluster: &Cluster) -> (Stage, Process) {
    let mut stage = Stage::looking_later_but("", LOOKING).await;
    database::is_at(&stage.database(), &cluster.url());
    let process = Process::replica(&mut stage, 0).await;
    (stage, process)
}

async fn buy_until(stage: &Stage, number: &str, verdict: &str) -> Answer {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = stage.buy(&ann(), number).await;
        if answer.verdict() == verdict {
            return answer;
        }
        assert!(Instant::now() < deadline, "{number} is still {}", answer.text);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sold_while_the_server_was_away_is_booked_when_it_is_back() {
    let Some(mut cluster) = Cluster::start() else { return };
    let (stage, process) = one_replica(&cluster).await;
    let numbers = stage.numbers_on_sale("AU").await;
    assert_eq!(stage.get(&ann(), SEARCH).await.status, 200);
    hold_buys(&stage, 1).await;
    let path = format!("/v3/numbers/buy/{}", numbers[0].replace('+', "%2B"));
    let buying = tokio::task::spawn(stage.request(&ann(), Method::POST, &path).send());
    stage.ledger("operation=buy&wait_held=1").await;
    cluster.kill();
    stage.control("release", json!({})).await;
    // Sold, and only the replica knows: nothing more is sent, and people go on looking.
    process.says("could not be written down").await;
    assert_eq!(stage.buy(&ann(), &numbers[1]).await.status, 503);
    assert_eq!(stage.get(&ann(), SEARCH).await.status, 200);
    let ready = stage.ops("/readyz").await;
    assert_eq!(
        (ready.status.as_u16(), ready.json()["buying"]["state"].as_str()),
        (200, Some("off")),
        "{}",
        ready.text
    );

    assert!(stage.ops("/metrics").await.text.contains(r#"numbers_gateway_buying{state="off"} 1"#));

    cluster.start_server();
    let bought = buy_until(&stage, &numbers[0], "200 SUCCESS").await;
    assert_eq!(bought.header("idempotent-replayed"), Some("true"), "{}", bought.text);
    buying.await.unwrap().unwrap();
    buy_until(&stage, &numbers[1], "200 SUCCESS").await;
    assert_eq!(stage.calls("buy").await, 2);
    process.kill().await;
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_disk_is_full_takes_no_intent_so_nothing_is_sent() {
    let Some(shim) = or_skip() else { return };
    let Some(cluster) = Cluster::start_on(Some(&shim)) else { return };
    let (stage, process) = one_replica(&cluster).await;
    let numbers = stage.numbers_on_sale("AU").await;
    assert_eq!(stage.get(&ann(), SEARCH).await.status, 200);
    assert_eq!(stage.buy(&ann(), &numbers[0]).await.verdict(), "200 SUCCESS");
    shim.set_full(true);
    // What still fits into pages that are there is taken.
    let mut sold = 1;
    let refused = loop {
        let answer = stage.buy(&ann(), &numbers[sold]).await;
        if answer.verdict() != "200 SUCCESS" {
            break answer;
        }
        sold += 1;
    };
    assert_eq!(refused.verdict(), "503 AUDIT_UNAVAILABLE", "{}", refused.text);
    assert_eq!(stage.calls("buy").await, sold, "nothing is sent without an intent");
    assert_eq!(stage.get(&ann(), SEARCH).await.status, 200);
    shim.set_full(false);
    buy_until(&stage, &numbers[sold], "200 SUCCESS").await;
    assert_eq!(stage.calls("buy").await, sold + 1);
    process.kill().await;
    stage.finish().await;
}
