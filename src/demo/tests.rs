//! Whole demos, on free ports and in folders of their own.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a broken fixture stops the test")]

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::caller::As;
use super::{Demo, DemoError, Options, Prepared};
use crate::app::StartError;

fn options(folder: &Path) -> Options {
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    Options {
        data_dir: Some(folder.to_owned()),
        listen: Some(any),
        ops_listen: Some(any),
        history: None,
        environment: Vec::new(),
    }
}

async fn start(folder: &Path) -> Demo {
    crate::auth::install_crypto();
    Prepared::new(options(folder)).unwrap().start().await.unwrap()
}

async fn stop(demo: Demo) {
    let stop = CancellationToken::new();
    stop.cancel();
    demo.run_until(stop).await.unwrap();
}

fn ready(demo: &Demo) -> Value {
    serde_json::from_str(&demo.ready().json()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tour_ends_as_it_should() {
    let folder = tempfile::tempdir().unwrap();
    let demo = start(folder.path()).await;
    let mut shown = Vec::new();
    let toured = demo.tour().paced(Duration::ZERO).play(|call| shown.push(call.to_owned())).await;
    toured.unwrap();
    assert_eq!(shown.len(), 16);
    assert!(shown[0].contains("fwd=miss") && shown[1].contains("numbers-gateway; hit"), "{shown:?}");
    stop(demo).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_start_goes_on_where_the_first_ended() {
    let folder = tempfile::tempdir().unwrap();
    let first = start(folder.path()).await;
    let number = first.ready().offered(&first.caller, "AU").await.unwrap();
    let buy = async |demo: &Demo, token: &str| {
        let url = format!("{}/v3/numbers/buy/{number}", demo.ready().api);
        demo.caller.post(&url, As::Bearer(token), None).await.unwrap().status
    };
    let As::Bearer(token) = first.ready().bearer("requester") else { unreachable!() };
    let token = token.to_owned();
    assert_eq!(buy(&first, &token).await, 200);
    stop(first).await;

    let second = start(folder.path()).await;
    assert_ne!(second.ready().offered(&second.caller, "AU").await.unwrap(), number);
    // The first demo's token: its key is still there, and so is its purchase.
    assert_eq!(buy(&second, &token).await, 200);
    let ledger = format!("{}/_simulator/ledger?operation=buy", second.ready().simulator);
    let ledger = second.caller.get(&ledger, As::Nobody).await.unwrap();
    assert_eq!((ledger.count("/requests_received"), ledger.text("/sales/0/number")), (0, number.as_str()));
    assert_eq!(ledger.text("/balance"), "1000.000000");
    stop(second).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_has_a_token_that_the_gateway_knows() {
    let folder = tempfile::tempdir().unwrap();
    let demo = start(folder.path()).await;
    let line = demo.ready().json();
    assert!(!line.contains('\n'));
    let ready = ready(&demo);
    let keys: Vec<&str> = ready.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["api", "ops", "simulator", "data_dir", "tokens"]);
    let tokens = ready["tokens"].as_object().unwrap();
    let parts: Vec<&str> = tokens.keys().map(String::as_str).collect();
    assert_eq!(
        parts,
        [
            "viewer",
            "requester",
            "other_team_requester",
            "application",
            "approver",
            "second_approver",
            "finance",
            "auditor",
            "administrator"
        ]
    );
    for (part, token) in tokens {
        let me = format!("{}/v1/me", ready["api"].as_str().unwrap());
        let answer = demo.caller.get(&me, As::Bearer(token.as_str().unwrap())).await.unwrap();
        assert_eq!(answer.status, 200, "{part}");
    }
    stop(demo).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_get_a_variable_for_everybody_and_calls_about_numbers_on_sale() {
    let folder = tempfile::tempdir().unwrap();
    let demo = start(folder.path()).await;
    let text = demo.introduction().await.unwrap();
    let (people, _) = text.split_once("# Search").unwrap();
    assert_eq!(people.lines().filter(|line| line.starts_with("export ")).count(), 9);
    assert!(text.contains(&demo.ready().api) && text.contains(&demo.ready().ops));
    for country in ["AU", "GB"] {
        let number = demo.ready().offered(&demo.caller, country).await.unwrap();
        assert!(text.contains(&format!("/v3/numbers/buy/{number}\n")), "{country}");
    }
    // A shell runs what is pasted line by line, so everything that is no call is a comment below the first lines.
    let (_, calls) = text.split_once("# Search").unwrap();
    for line in calls.lines().skip(1) {
        assert!(
            line.is_empty()
                || line.starts_with("# ")
                || line.starts_with("curl -s")
                || line.starts_with("export "),
            "{line}"
        );
    }
    stop(demo).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_directory_has_one_demo_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let demo = start(folder.path()).await;
    let second = Prepared::new(options(folder.path())).unwrap().start().await;
    assert!(matches!(second.err().unwrap(), DemoError::Gateway(StartError::Dependency(_))));
    stop(demo).await;
}

#[test]
fn the_environment_changes_the_demo_but_not_whose_money_is_spent() {
    crate::auth::install_crypto();
    let folder = tempfile::tempdir().unwrap();
    let environment = [
        ("GATEWAY__UPSTREAM__BASE_URL", "https://rest.clicksend.com"),
        ("GATEWAY__UPSTREAM__API_KEY", "the real one"),
        ("GATEWAY__SERVER__LISTEN", "127.0.0.1:1"),
        ("GATEWAY__PURCHASES__ANSWER_WITHIN", "3s"),
    ];
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let prepared = Prepared::new(Options { environment, ..options(folder.path()) }).unwrap();
    let config = prepared.config();
    assert!(config.upstream.base_url.is_loopback());
    assert_eq!(config.server.listen.port(), 0);
    assert_eq!(config.purchases.answer_within, Duration::from_secs(3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_is_months_of_spend_whose_evidence_is_whole_and_is_only_for_the_beginning() {
    let folder = tempfile::tempdir().unwrap();
    let with_history = || Options { history: Some(3), ..options(folder.path()) };
    crate::auth::install_crypto();
    let demo = Prepared::new(with_history()).unwrap().start().await.unwrap();
    let asked = async |demo: &Demo, path: &str| {
        let url = format!("{}{path}", demo.ready().api);
        demo.caller.get(&url, demo.ready().bearer("finance")).await.unwrap().or_refused().unwrap().body
    };
    let spend = asked(&demo, "/v1/spend?group_by=month,kind").await;
    let rows = spend["items"].as_array().unwrap();
    let months: std::collections::BTreeSet<&str> =
        rows.iter().map(|row| row["month"].as_str().unwrap()).collect();
    assert_eq!(months.len(), 4, "{spend}");
    let of_kind = |kind: &str| rows.iter().filter(|row| row["kind"] == kind).count();
    assert_eq!((of_kind("renewal"), of_kind("refund")), (3, 1), "{spend}");
    let forecast = asked(&demo, "/v1/spend/forecast").await;
    assert_eq!(forecast["overdue"]["amount"], "0.00");
    assert_ne!(forecast["items"][11]["total"]["amount"], "0.00", "{forecast}");
    stop(demo).await;

    let refused = Prepared::new(with_history()).unwrap().start().await.err().unwrap();
    assert!(matches!(refused, DemoError::HasPast(_)), "{refused}");
    let again = start(folder.path()).await;
    assert_eq!(asked(&again, "/v1/spend?group_by=month,kind").await["items"], spend["items"]);
    let (database, head) = (folder.path().join("gateway.db"), folder.path().join("audit-head"));
    let report = crate::app::verify_evidence(
        crate::app::EvidenceSource::Database(&database.as_path().into()),
        Some(&head),
    );
    assert!(report.unwrap().whole);
    stop(again).await;
}
