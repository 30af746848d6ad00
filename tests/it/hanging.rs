//! Dependencies that take what they are sent and never answer: each in turn, with requests under way. What needs it
//! ends within its documented deadline, and what does not need it does not notice.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::time::Instant;

use crate::database;
use crate::stage::{Answer, Stage, ann, send, somebody};

const CACHED: &str = "/v3/numbers/search/AU";
/// What is beside a deadline on a machine that builds something else meanwhile.
const SLACK: Duration = Duration::from_secs(2);
/// What nobody notices: no timeout of the gateway's is as short.
const AT_ONCE: Duration = Duration::from_millis(900);

/// An answer, and how long it took.
async fn timed(request: impl Future<Output = Answer>) -> (Answer, Duration) {
    let begun = Instant::now();
    let answer = request.await;
    (answer, begun.elapsed())
}

/// Asks for what is cached while `others` are under way; then how long those took.
async fn beside<T>(stage: &Stage, others: impl Future<Output = T>) -> T {
    let bob = somebody("bob", "growth", "viewer");
    let others = async {
        let done = others.await;
        (done, Instant::now())
    };
    let looking = async {
        let mut worst = Duration::ZERO;
        for _ in 0..30 {
            let (answer, took) = timed(stage.get(&bob, CACHED)).await;
            assert_eq!(answer.status, 200, "{}", answer.text);
            assert!(answer.header("cache-status").unwrap().contains("hit"), "{:?}", answer.headers);
            worst = worst.max(took);
        }
        (worst, Instant::now())
    };
    let ((done, ended), (worst, looked)) = tokio::join!(others, looking);
    assert!(looked < ended, "the cached searches were over before what hung was");
    assert!(worst < AT_ONCE, "a cached search took {worst:?}");
    done
}

/// Takes connections and says nothing.
async fn black_hole() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::task::spawn(async move {
        let mut held = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            held.push(stream);
        }
    });
    format!("http://{address}")
}

#[tokio::test]
async fn upstream_that_hangs_fails_searches_in_time_and_makes_buys_unknown() {
    let stage = Stage::new().await;
    let number = stage.numbers_on_sale("AU").await.remove(0);
    assert_eq!(stage.get(&ann(), CACHED).await.status, 200);
    for (operation, at) in [("search", "before_sale"), ("list", "before_sale")] {
        stage.fault(json!({"operation": operation, "fault": "hold", "at": at})).await;
    }
    // Somebody of his own for each question, so that no limit of one person's is in the way.
    let asked = ["US", "CA", "NZ", "GB"].map(|country| {
        let path = format!("/v3/numbers/search/{country}");
        let (stage, who) = (&stage, somebody(country, "growth", "viewer"));
        async move { timed(stage.get(&who, &path)).await }
    });
    let answers = beside(&stage, join_all(asked)).await;
    for (answer, took) in answers {
        assert_eq!(answer.verdict(), "503 UPSTREAM_UNAVAILABLE");
        // read_timeout of this stage, whatever is asked again.
        assert!(took < Duration::from_secs(3) + SLACK, "{took:?}");
    }
    stage.end_faults().await;
    stage.control("release", json!({})).await;

    // Four of five calls failed, so searches are left alone, and nothing is bought until they answer again.
    stage.until_circuit_is("search", "closed").await;
    stage.fault(json!({"operation": "buy", "fault": "hold", "at": "before_sale"})).await;
    let (answer, took) = beside(&stage, timed(stage.buy(&ann(), &number))).await;
    assert_eq!(answer.verdict(), "409 PURCHASE_OUTCOME_UNKNOWN");
    // connect_timeout and buy_timeout.
    assert!(took < Duration::from_secs(3) + SLACK, "{took:?}");
    stage.end_faults().await;
    stage.control("release", json!({})).await;
    stage.finish().await;
}

#[tokio::test]
async fn an_issuer_that_hangs_costs_its_own_tokens_five_seconds_once_and_nobody_elses() {
    let hole = black_hole().await;
    let issuer = format!(
        "[[auth.issuers]]\nname = \"hanging\"\nissuer = \"{hole}\"\naudience = \"numbers-gateway\"\n\
         jwks_url = \"{hole}/keys\"\nalgorithms = [\"ES256\"]\n"
    );
    let stage = Stage::with(&issuer).await;
    assert_eq!(stage.get(&ann(), CACHED).await.status, 200);
    let part = |json: serde_json::Value| {
        use base64::Engine as _;
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(json.to_string())
    };
    let claims = part(json!({"iss": hole, "aud": "numbers-gateway", "sub": "x"}));
    let token = format!("{}.{claims}.{}", part(json!({"alg": "ES256", "kid": "k"})), "A".repeat(86));
    let asked = (0..20).map(|_| timed(send(stage.anonymous(Method::GET, "/v1/me").bearer_auth(&token))));
    for (answer, took) in beside(&stage, join_all(asked)).await {
        assert_eq!(answer.verdict(), "503 ISSUER_UNAVAILABLE");
        assert!(took < Duration::from_secs(5) + SLACK, "{took:?}");
    }
    let (answer, took) = timed(send(stage.anonymous(Method::GET, "/v1/me").bearer_auth(&token))).await;
    assert_eq!(answer.verdict(), "503 ISSUER_UNAVAILABLE");
    assert!(took < AT_ONCE, "it was asked just now: {took:?}");
    stage.finish().await;
}

/// Another process holds the database's lock, as a backup or a full disk queue would.
#[tokio::test]
async fn a_database_that_stands_still_is_told_at_once_to_those_who_come_later() {
    let stage = Stage::new().await;
    let (ann, numbers) = (ann(), stage.numbers_on_sale("AU").await);
    assert_eq!(stage.get(&ann, CACHED).await.status, 200);
    let lock = database::stand_still(&stage.database());

    let first = timed(stage.buy(&ann, &numbers[0]));
    let (answer, took) = beside(&stage, first).await;
    assert_eq!(answer.verdict(), "503 AUDIT_UNAVAILABLE");
    assert!(took < Duration::from_secs(10) + SLACK, "the store's deadline is 10 s: {took:?}");

    // One at a time finds out whether it is over; the others need not wait for that.
    let later = (0..40).map(|turn| {
        let (stage, ann, number) = (&stage, &ann, &numbers[1]);
        async move {
            tokio::time::sleep(Duration::from_millis(100) * turn).await;
            timed(stage.buy(ann, number)).await
        }
    });
    let later = join_all(later).await;
    let took: Vec<Duration> = later.iter().map(|(_, took)| *took).collect();
    assert!(later.iter().all(|(answer, _)| answer.verdict() == "503 AUDIT_UNAVAILABLE"), "{later:?}");
    assert!(took.iter().filter(|took| **took < AT_ONCE).count() >= 20, "{took:?}");
    assert!(took.iter().all(|took| *took < Duration::from_secs(10) + SLACK), "{took:?}");
    assert_eq!(stage.get(&ann, "/v1/purchases").await.status, 200, "reading goes on");
    assert_eq!(stage.calls("buy").await, 0, "sent without an intent");

    drop(lock);
    // Whoever finds out that it is over may be a moment behind.
    let back = async {
        while stage.buy(&ann, &numbers[0]).await.verdict() != "200 SUCCESS" {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(5), back).await.is_ok(), "buying does not come back");
    assert_eq!(stage.calls("buy").await, 1);
    stage.finish().await;
}
