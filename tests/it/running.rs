//! The real program between its start and its end: what a service manager is told, and what a drain logs, step by step.

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use serde_json::{Value, json};

use crate::process::{Ended, Process};
use crate::stage::{Stage, ann};

const PATIENCE: Duration = Duration::from_secs(20);

/// A service manager's socket, where [`Process`] looks for it.
fn manager_of(stage: &Stage) -> UnixDatagram {
    let socket = UnixDatagram::bind(stage.folder.path().join("notify")).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

/// The next thing that is told.
fn told(manager: &UnixDatagram) -> String {
    let mut buffer = [0; 4096];
    let read = manager.recv(&mut buffer).expect("the manager is told something");
    String::from_utf8(buffer[..read].to_vec()).unwrap()
}

/// The messages of the log, in order.
fn messages(ended: &Ended) -> Vec<String> {
    let lines = ended.log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.map(|line| line["message"].as_str().unwrap().to_owned()).collect()
}

/// A buy that upstream answers after so long, once upstream has got it.
async fn begin_slow_buy(stage: &Stage, ms: u64) -> tokio::task::JoinHandle<u16> {
    stage.fault(json!({"operation": "buy", "fault": "delay", "ms": ms})).await;
    let number = stage.numbers_on_sale("AU").await[0].replace('+', "%2B");
    let buy = stage.request(&ann(), reqwest::Method::POST, &format!("/v3/numbers/buy/{number}"));
    let buying =
        tokio::task::spawn(async move { buy.send().await.map_or(0, |answer| answer.status().as_u16()) });
    stage.ledger("operation=buy&wait_requests=1").await;
    buying
}

#[tokio::test]
async fn a_supervisor_hears_of_the_start_of_every_reload_and_of_the_end() {
    let mut stage = Stage::without_gateway().await;
    let manager = manager_of(&stage);
    let process = Process::start(&mut stage).await;
    assert_eq!(told(&manager), "READY=1\nSTATUS=serving");
    assert_eq!(stage.get(&ann(), "/v1/me").await.status, 200, "who is ready answers");

    let whole = stage.configuration();
    let faulty = whole.replace("then = \"allow\"", "then = \"alow\"");
    let waiting = format!("{whole}\n[cache]\nfresh_for = \"61s\"\n");
    for (text, status) in [
        (&faulty, "serving; the changed configuration has faults and is not used"),
        (&waiting, "serving; keys that have changed need a restart"),
        (&whole, "serving"),
    ] {
        let file = stage.folder.path().join("gateway.toml");
        std::fs::write(file.with_extension("new"), text).unwrap();
        std::fs::rename(file.with_extension("new"), &file).unwrap();
        let reloading = told(&manager);
        let lines: Vec<&str> = reloading.lines().collect();
        assert_eq!(lines[0], "RELOADING=1");
        let since: u64 = lines[1].strip_prefix("MONOTONIC_USEC=").unwrap().parse().unwrap();
        assert!(since > 0);
        assert_eq!(told(&manager), format!("READY=1\nSTATUS={status}"));
    }
    process.hang_up();
    assert!(told(&manager).starts_with("RELOADING=1\nMONOTONIC_USEC="));
    assert_eq!(told(&manager), "READY=1\nSTATUS=serving");

    let buying = begin_slow_buy(&stage, 1000).await;
    process.terminate();
    assert_eq!(told(&manager), "STOPPING=1\nSTATUS=draining: 1 buy under way");
    let ended = process.ended().await;
    assert!(ended.status.success(), "{}", ended.log);
    assert_eq!(buying.await.unwrap(), 200);
    manager.set_nonblocking(true).unwrap();
    let mut buffer = [0; 4096];
    while let Ok(read) = manager.recv(&mut buffer) {
        let after = String::from_utf8_lossy(&buffer[..read]).into_owned();
        assert!(after.starts_with("STATUS=draining"), "{after}");
    }
    stage.finish().await;
}

#[tokio::test]
async fn a_drain_logs_its_steps_in_order_and_a_slow_buy_is_booked() {
    let extra = "[server]\nlisten = \"127.0.0.1:0\"\ndrain_delay = \"200ms\"\n";
    let mut stage = Stage::without_gateway_but("", &[("[server]\nlisten = \"127.0.0.1:0\"\n", extra)]).await;
    let process = Process::start(&mut stage).await;
    let buying = begin_slow_buy(&stage, 1500).await;
    process.terminate();
    let ended = process.ended().await;
    assert!(ended.status.success(), "{}", ended.log);
    assert_eq!(buying.await.unwrap(), 200);
    let messages = messages(&ended);
    let steps = [
        "stopping; a second signal ends the process at once",
        "draining: /readyz says so",
        "requests are still taken for the delay",
        "the delay is over",
        "no connection is accepted any more, and nothing new is bought",
        "waiting for buys and registrations under way",
        "buys and registrations are finished",
        "the database has everything",
        "telemetry is flushed",
        "stopped",
    ];
    let began = messages.iter().position(|message| message == steps[0]).unwrap();
    let logged: Vec<&str> =
        messages[began..].iter().map(String::as_str).filter(|m| steps.contains(m)).collect();
    assert_eq!(logged, steps, "{}", ended.log);
    assert!(ended.log.contains(r#""buys":1"#), "{}", ended.log);
    assert_eq!(stage.only("SELECT state FROM purchases"), "bought");
    stage.finish().await;
}

#[tokio::test]
async fn a_second_signal_ends_the_process_at_once_and_says_so() {
    let mut stage = Stage::looking_later("").await;
    let process = Process::start(&mut stage).await;
    let buying = begin_slow_buy(&stage, 1900).await;
    process.terminate();
    process.says("waiting for buys and registrations under way").await;
    process.terminate();
    let ended = process.ended().await;
    assert_eq!(ended.status.code(), Some(128 + 15), "{}", ended.log);
    let messages = messages(&ended);
    let last = messages.last().unwrap();
    assert!(last.starts_with("forced: "), "{}", ended.log);
    assert_eq!(buying.await.unwrap(), 0, "nobody is left who could answer");
    // The next start settles what was left behind: on SQLite at once, on PostgreSQL when its claimant counts as gone.
    let process = Process::start(&mut stage).await;
    let settling = async {
        while stage.only("SELECT state FROM purchases") != "bought" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, settling).await.expect("what was left behind is settled");
    assert_eq!(stage.calls("buy").await, 1, "nothing is sent again");
    process.kill().await;
    stage.finish().await;
}
