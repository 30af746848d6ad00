//! Upstream that keeps failing is left alone, nothing is bought meanwhile, and it is found out when it is back.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, advance, pause, resume};

use super::{Act, Client, LONG, Upstream, envelope, options, with_headers};
use crate::clicksend::{CircuitState, ListFilter, Operation, Options, Outcome, Purpose, ReadError};
use crate::clock::Clock;
use crate::domain::search::{SearchMode, SearchQuery};

const PAGE: &str = r#"{"total":0,"per_page":100,"current_page":1,"last_page":1,"data":[],"_currency":null}"#;
const ACCOUNT: &str = r#"{"user_id":1,"balance":"1","_currency":{"currency_name_short":"AUD"}}"#;

/// On a connection of its own, so that each act is one call.
fn answers(status: u16, body: &str) -> Act {
    Act::ReplyAndClose(with_headers(status, "Connection: close\r\n", body))
}

fn good(operation: Operation) -> Act {
    let data = if operation == Operation::Account { ACCOUNT } else { PAGE };
    answers(200, &envelope(200, "SUCCESS", data))
}

/// Five times no answer, and then these.
async fn down(after: impl IntoIterator<Item = Act>) -> Upstream {
    let bad = [(); 5].map(|()| answers(503, "<html>busy</html>"));
    Upstream::playing(bad.into_iter().chain(after)).await
}

async fn ask(client: &Client, operation: Operation) -> Result<(), ReadError> {
    let clicksend = &client.clicksend;
    match operation {
        Operation::Search => {
            let query = SearchQuery::new("AU".parse().unwrap(), "1", SearchMode::Anywhere);
            clicksend.search(&query, 1, Purpose::Buying).await.map(drop)
        }
        Operation::List => clicksend.owned_page(1, ListFilter::default(), Purpose::Buying).await.map(drop),
        Operation::Account => clicksend.account().await.map(drop),
        Operation::Buy => clicksend.reserve_buy_slot(Duration::ZERO).await.map(drop),
        Operation::Register => clicksend.reserve_registration_slot(Duration::ZERO).await.map(drop),
    }
}

fn state(client: &Client, wanted: Operation) -> CircuitState {
    client.clicksend.circuits().into_iter().find(|(operation, _)| *operation == wanted).unwrap().1
}

/// Asks until it is not asked any more, and takes the requests of that out of upstream's journal.
async fn open(client: &Client, upstream: &mut Upstream, operation: Operation) {
    for _ in 0..2 {
        assert!(matches!(ask(client, operation).await, Err(ReadError::Unavailable(_))));
    }
    assert_eq!(state(client, operation), CircuitState::Open);
    for _ in 0..5 {
        upstream.request().await;
    }
    assert_eq!(
        client.outcomes(),
        [(Outcome::Unavailable, Some(503)); 5],
        "the second read is not asked a third time"
    );
}

/// Lets time pass that nothing is waited for in.
async fn later(by: Duration) {
    pause();
    advance(by).await;
    resume();
}

#[tokio::test]
async fn what_keeps_failing_is_not_asked_and_says_when_it_is() {
    for operation in Operation::READS {
        let mut upstream = down([good(operation), good(operation)]).await;
        // One call more than fails: nobody who is refused at once takes a turn.
        let options = Options { requests_per_minute: 6, ..options(&upstream.base_url()) };
        let client = Client::with(&options, Clock::system());
        open(&client, &mut upstream, operation).await;
        for _ in 0..3 {
            let error = ask(&client, operation).await.unwrap_err();
            let ReadError::Unavailable(said) = &error else { unreachable!("{error}") };
            assert!(said.contains("asked again in 5 s"), "{said}");
            assert_eq!(client.outcomes().last(), Some(&(Outcome::CircuitOpen, None)));
        }
        assert!(upstream.was_left_alone());
        later(Duration::from_secs(5)).await;
        ask(&client, operation).await.unwrap();
        assert_eq!(state(&client, operation), CircuitState::Closed);
    }
}

#[tokio::test]
async fn a_refusal_is_an_answer_and_a_throttled_or_a_broken_off_probe_leaves_the_next_one_its_turn() {
    let mut upstream = down([
        answers(429, &envelope(429, "TOO_MANY_REQUESTS", "null")),
        Act::Silence,
        answers(400, &envelope(400, "BAD_REQUEST", "null")),
    ])
    .await;
    let client = Client::of(&upstream.base_url());
    open(&client, &mut upstream, Operation::List).await;
    later(Duration::from_secs(5)).await;
    assert!(matches!(ask(&client, Operation::List).await, Err(ReadError::Busy { .. })));
    upstream.request().await;
    assert_eq!(state(&client, Operation::List), CircuitState::HalfOpen);
    // Throttled, so its endpoint is paused as well.
    later(Duration::from_mins(1)).await;
    tokio::select! {
        _ = ask(&client, Operation::List) => unreachable!("it is never answered"),
        _ = upstream.request() => {}
    }
    assert!(matches!(ask(&client, Operation::List).await, Err(ReadError::Refused(_))));
    assert_eq!(state(&client, Operation::List), CircuitState::Closed);
}

#[tokio::test]
async fn while_a_list_or_a_price_cannot_be_read_nothing_gets_a_slot_that_cannot_be_taken_back() {
    for (operation, is_needed) in
        [(Operation::Search, true), (Operation::List, true), (Operation::Account, false)]
    {
        let mut upstream = down([good(operation)]).await;
        let client = Client::of(&upstream.base_url());
        open(&client, &mut upstream, operation).await;
        for wait in [Duration::ZERO, Duration::from_secs(5)] {
            // Also when its pause is over: what cannot be taken back is no probe.
            later(wait).await;
            let was = state(&client, operation);
            for write in [Operation::Buy, Operation::Register] {
                let slot = ask(&client, write).await;
                let is_refused = matches!(slot, Err(ReadError::Unavailable(_)));
                assert_eq!(is_refused, is_needed, "{write:?} while {operation:?} is {was:?}: {slot:?}");
            }
            assert_eq!(state(&client, operation), was);
        }
        assert!(upstream.was_left_alone());
        ask(&client, operation).await.unwrap();
        ask(&client, Operation::Buy).await.unwrap();
        ask(&client, Operation::Register).await.unwrap();
    }
}

#[tokio::test]
async fn what_is_left_alone_is_found_to_be_back_while_nobody_asks() {
    for operation in Operation::READS {
        let mut upstream = down([answers(503, ""), good(operation)]).await;
        let client = Client::of(&upstream.base_url());
        let (mut watching, watched) = (JoinSet::new(), client.clicksend.clone());
        watching.spawn(async move { watched.keep_asking().await });
        open(&client, &mut upstream, operation).await;
        for pause in [5, 10] {
            tokio::task::yield_now().await;
            assert!(upstream.was_left_alone());
            later(Duration::from_secs(pause)).await;
            let request = upstream.request().await;
            let path = match operation {
                Operation::Search => "/v3/numbers/search/US?page=1&limit=100",
                Operation::List => "/v3/numbers?page=1&limit=100",
                Operation::Account | Operation::Buy | Operation::Register => "/v3/account",
            };
            assert!(request.starts_with(&format!("GET {path} HTTP/1.1\r\n")), "{request}");
            // The answer to it is on its way.
            let asked = client.outcomes().len();
            let deadline = Instant::now() + LONG;
            while client.outcomes().len() == asked && state(&client, operation) == CircuitState::HalfOpen {
                assert!(Instant::now() < deadline, "nothing came of it");
                tokio::task::yield_now().await;
            }
        }
        assert_eq!(state(&client, operation), CircuitState::Closed);
    }
}
