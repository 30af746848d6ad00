//! A read that is asked again, and the reads that are not.

use std::time::Duration;

use super::{Act, Client, Upstream, envelope, options, with_headers};
use crate::clicksend::{Lack, ListFilter, Options, Outcome, Purpose, ReadError};
use crate::clock::Clock;

const ACCOUNT: &str = r#"{"user_id":1,"balance":"1","_currency":{"currency_name_short":"AUD"}}"#;

/// On a connection of its own, so that each act is one call.
fn answers(status: u16, body: &str) -> Act {
    Act::ReplyAndClose(with_headers(status, "Connection: close\r\n", body))
}

fn good() -> Act {
    answers(200, &envelope(200, "SUCCESS", ACCOUNT))
}

fn bad() -> Act {
    answers(503, "<html>busy</html>")
}

const UNUSABLE: (Outcome, Option<u16>) = (Outcome::Unavailable, Some(503));
const FINE: (Outcome, Option<u16>) = (Outcome::Success, Some(200));

#[tokio::test]
async fn two_calls_without_an_answer_are_noticed_by_nobody_but_the_observer() {
    let upstream = Upstream::playing([Act::CloseAtOnce, bad(), good()]).await;
    let client = Client::of(&upstream.base_url());
    client.clicksend.account().await.unwrap();
    assert_eq!(client.outcomes(), [(Outcome::Unavailable, None), UNUSABLE, FINE]);
    let again: Vec<_> = client.calls.lock().unwrap().iter().map(|call| call.again).collect();
    assert_eq!(again, [None, Some(Lack::Answer), Some(Lack::Sense)]);
}

#[tokio::test]
async fn without_a_connection_it_is_asked_again_as_well() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let client = Client::of(&format!("http://{nobody}"));
    assert!(matches!(client.clicksend.account().await, Err(ReadError::Unavailable(_))));
    let again: Vec<_> = client.calls.lock().unwrap().iter().map(|call| call.again).collect();
    assert_eq!(again, [None, Some(Lack::Connection), Some(Lack::Connection)]);
}

#[tokio::test]
async fn three_calls_are_all_there_are_for_one_read() {
    let mut upstream = Upstream::playing([bad(), bad(), bad(), good()]).await;
    let client = Client::of(&upstream.base_url());
    assert!(matches!(client.clicksend.account().await, Err(ReadError::Unavailable(_))));
    assert_eq!(client.outcomes(), [UNUSABLE; 3]);
    for _ in 0..3 {
        upstream.request().await;
    }
    assert!(upstream.was_left_alone());
}

#[tokio::test]
async fn what_upstream_says_is_an_answer_and_is_not_asked_again() {
    for status in [400, 401, 403, 404, 422, 429] {
        let mut upstream =
            Upstream::playing([answers(status, &envelope(status, "NO", "null")), good()]).await;
        let client = Client::of(&upstream.base_url());
        let error = client.clicksend.account().await.unwrap_err();
        assert!(!matches!(error, ReadError::Unavailable(_)), "{status}: {error}");
        assert_eq!(client.outcomes().len(), 1, "{status}");
        upstream.request().await;
        assert!(upstream.was_left_alone(), "{status}");
    }
}

#[tokio::test]
async fn the_second_call_has_the_time_that_the_first_one_left() {
    let upstream = Upstream::playing([bad(), Act::Silence, good()]).await;
    let client = Client::impatient(&upstream.base_url());
    assert!(matches!(client.clicksend.account().await, Err(ReadError::Unavailable(_))));
    assert_eq!(client.outcomes(), [UNUSABLE, (Outcome::Unavailable, None)], "and there is none for a third");
}

#[tokio::test]
async fn who_asks_again_takes_no_turn_that_has_to_be_waited_for() {
    let mut upstream = Upstream::playing([bad(), good()]).await;
    let patient = Options {
        requests_per_minute: 1,
        buying_wait: Duration::from_secs(70),
        ..options(&upstream.base_url())
    };
    let client = Client::with(&patient, Clock::system());
    assert!(matches!(client.clicksend.account().await, Err(ReadError::Unavailable(_))), "and not Busy");
    assert_eq!(client.outcomes(), [UNUSABLE], "nor is it counted as one that the limit refused");
    upstream.request().await;
    assert!(upstream.was_left_alone());
}

#[tokio::test]
async fn where_retries_are_spent_a_read_fails_at_once_until_others_have_earned_some() {
    // Half of the calls fail only while there are few of them, so that the circuit stays closed. A retry costs 5, a read
    // earns 1, and 15 are there at first: what is left after each read is 11, 7, 8, 9, 10, 6, 2, 3, 4.
    let reads = [false, false, true, true, true, false, false, true, false];
    let acts = reads.map(|is_good| if is_good { vec![good()] } else { vec![bad(), good()] });
    let upstream = Upstream::playing(acts.into_iter().flatten()).await;
    let client = Client::of(&upstream.base_url());
    let mut answered = Vec::new();
    for _ in reads {
        answered.push(client.clicksend.account().await.is_ok());
    }
    assert_eq!(answered, [true, true, true, true, true, true, true, true, false]);
    assert_eq!(client.outcomes().last(), Some(&UNUSABLE));
}

#[tokio::test]
async fn people_ask_again_within_their_own_part_of_the_limit() {
    let upstream = Upstream::playing([bad(), bad(), bad()]).await;
    let few = Options { requests_per_minute: 3, reserved_for_buying: 67, ..options(&upstream.base_url()) };
    let client = Client::with(&few, Clock::system());
    let page = client.clicksend.owned_page(1, ListFilter::default(), Purpose::People).await;
    assert!(matches!(page, Err(ReadError::Unavailable(_))), "{page:?}");
    assert_eq!(client.outcomes(), [UNUSABLE], "the rest is reserved for buying");
}
