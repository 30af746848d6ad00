//! Buys and registrations: what is sent, how often, and what an answer that goes wrong is taken for.

use std::time::Duration;

use jiff::Timestamp;
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::{Act, Client, LONG, SHORT, Upstream, envelope, json, options, with_headers};
use crate::clicksend::{Outcome, ReadError};
use crate::clock::{Clock, ManualClock};
use crate::domain::order::{Order, Receipt, Sent};
use crate::domain::purchase::MessageType;
use crate::domain::registration::{NumberType, RegistrationData, RegistrationForm};

const SOLD: &str = r#"{"dedicated_number":"+61491570156","country":"AU","price_total":"8.98","_price_setup":"0.00",
    "_price_monthly":"20.71","_currency":{"currency_name_short":"AUD"}}"#;

fn order() -> Order {
    Order { number: "+61491570156".parse().unwrap(), message_type: MessageType::Sms, registration_data: None }
}

fn sold() -> Act {
    Act::Reply(json(200, &envelope(200, "SUCCESS", SOLD)))
}

async fn buy(client: &Client) -> Sent<Receipt> {
    let slot = client.clicksend.reserve_buy_slot(Duration::ZERO).await.unwrap();
    client.clicksend.buy(slot, &order(), Clock::system().boot()).await
}

async fn buy_from(act: Act) -> Sent<Receipt> {
    let upstream = Upstream::playing([act]).await;
    buy(&Client::of(&upstream.base_url())).await
}

#[tokio::test]
async fn a_buy_is_one_post_with_the_number_in_path_and_body() {
    let mut upstream = Upstream::playing([sold()]).await;
    let client = Client::of(&upstream.base_url());
    let sent = buy(&client).await;
    let Sent::Done(receipt) = sent else { unreachable!("{sent:?}") };
    assert_eq!(receipt.price_total.as_deref(), Some("8.98"));
    assert_eq!(receipt.price_monthly.as_deref(), Some("20.71"));
    assert_eq!(client.outcomes(), [(Outcome::Success, Some(200))]);
    let request = upstream.request().await;
    assert!(request.starts_with("POST /v3/numbers/buy/%2B61491570156 HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("\r\ncontent-type: application/json\r\n"), "{request}");
    assert!(
        request.ends_with("\r\n\r\n{\"dedicated_number\":\"+61491570156\",\"type\":\"sms\"}"),
        "{request}"
    );
}

#[tokio::test]
async fn registration_data_goes_out_verbatim() {
    let mut upstream = Upstream::playing([sold()]).await;
    let client = Client::of(&upstream.base_url());
    let contact_number = "(08) 5550 1234".to_owned();
    let word = || "Acme".to_owned();
    let order = Order {
        message_type: MessageType::Mms,
        registration_data: Some(RegistrationData {
            business_name: word(),
            business_address: word(),
            suburb: word(),
            postcode: word(),
            state: word(),
            contact_name: word(),
            contact_number,
            country: "AU".to_owned(),
        }),
        ..order()
    };
    let slot = client.clicksend.reserve_buy_slot(Duration::ZERO).await.unwrap();
    assert!(matches!(client.clicksend.buy(slot, &order, Clock::system().boot()).await, Sent::Done(_)));
    let request = upstream.request().await;
    assert!(request.contains(r#""type":"mms","registration_data":{"business_name":"Acme","#), "{request}");
    assert!(request.ends_with(r#""contact_number":"(08) 5550 1234","country":"AU"}}"#), "{request}");
}

#[tokio::test]
async fn a_registration_is_one_post_to_its_type_and_country() {
    let mut upstream = Upstream::playing([Act::Reply(json(200, &envelope(200, "SUCCESS", "null")))]).await;
    let client = Client::of(&upstream.base_url());
    let slot = client.clicksend.reserve_registration_slot(Duration::ZERO).await.unwrap();
    let form = RegistrationForm { email: "ann@example.com".to_owned(), ..RegistrationForm::default() };
    let country = "CA".parse().unwrap();
    let sent = client.clicksend.register(slot, NumberType::TenDlc, country, &form, Clock::system().boot());
    assert_eq!(sent.await, Sent::Done(()));
    let request = upstream.request().await;
    let line = "POST /v3/numbers/registrations/number-types/10dlc/country/CA HTTP/1.1\r\n";
    assert!(request.starts_with(line) && request.contains(r#""email":"ann@example.com""#), "{request}");
}

#[tokio::test]
async fn every_buy_has_a_connection_of_its_own() {
    let upstream = Upstream::playing([sold(), sold()]).await;
    let client = Client::of(&upstream.base_url());
    for _ in 0..2 {
        let sent = buy(&client).await;
        assert!(
            matches!(sent, Sent::Done(_)),
            "a reused connection gets no answer from this server: {sent:?}"
        );
    }
}

#[tokio::test]
async fn without_a_connection_nothing_was_sent() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let plain = Upstream::playing([Act::SpeakFirst(json(400, "plain HTTP on this port"))]).await;
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    for (name, base_url) in [
        ("refused", format!("http://{nobody}")),
        ("no such name", "http://upstream.invalid".to_owned()),
        ("TLS to a port that never answers it", format!("https://{}", mute.local_addr().unwrap())),
        ("TLS to a port that speaks HTTP", plain.base_url().replace("http:", "https:")),
    ] {
        let client = Client::impatient(&base_url);
        let sent = buy(&client).await;
        assert!(matches!(sent, Sent::NotSent(_)), "{name}: {sent:?}");
        assert_eq!(client.outcomes(), [(Outcome::NotSent, None)], "{name}");
    }
}

#[tokio::test]
async fn a_connection_that_is_never_accepted_was_never_sent_on() {
    let (black_hole, _guests) = black_hole().await;
    let sent = buy(&Client::impatient(&format!("http://{}", black_hole.local_addr().unwrap()))).await;
    assert!(matches!(sent, Sent::NotSent(_)), "{sent:?}");
}

/// A listener whose queue is full, so that the kernel drops further handshakes.
async fn black_hole() -> (TcpListener, Vec<TcpStream>) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut guests = Vec::new();
    while let Ok(guest) = tokio::time::timeout(SHORT, TcpStream::connect(address)).await {
        guests.push(guest.unwrap());
    }
    (listener, guests)
}

#[tokio::test]
async fn after_the_first_byte_only_a_whole_answer_is_an_answer() {
    let success = json(200, &envelope(200, "SUCCESS", SOLD));
    let refusal = json(404, &envelope(404, "NOT_FOUND", "null"));
    let cut = |text: &str| text.get(..text.len() - 20).unwrap().to_owned();
    let huge = envelope(200, "SUCCESS", &SOLD.replace("AU\"", &format!("{}\"", "x".repeat(70_000))));
    for (name, act) in [
        ("closed before reading", Act::CloseAtOnce),
        ("closed after reading", Act::ReplyAndClose(String::new())),
        ("reset after reading", Act::ReplyAndReset(String::new())),
        ("cut in the header", Act::ReplyAndClose("HTTP/1.1 200 OK\r\nConte".to_owned())),
        ("a sale cut short", Act::ReplyAndClose(cut(&success))),
        ("a sale reset", Act::ReplyAndReset(cut(&success))),
        ("a refusal cut short", Act::ReplyAndClose(cut(&refusal))),
        ("a sale too big to read", Act::Reply(json(200, &huge))),
        ("no HTTP", Act::ReplyAndClose("+OK ready\r\n".to_owned())),
        ("a redirect", Act::Reply(with_headers(307, "Location: /v3/numbers/buy/again\r\n", ""))),
        ("HTML", Act::Reply(with_headers(200, "Content-Type: text/html\r\n", "<html>Sold!</html>"))),
        ("502", Act::Reply(json(502, "<html>bad gateway</html>"))),
    ] {
        let sent = buy_from(act).await;
        assert!(matches!(sent, Sent::Ambiguous(_)), "{name}: {sent:?}");
    }
}

#[tokio::test]
async fn an_answer_that_does_not_end_in_time_may_have_been_a_sale() {
    for act in [Act::Silence, Act::Reply("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{".to_owned())] {
        let upstream = Upstream::playing([act]).await;
        let begun = std::time::Instant::now();
        let sent = buy(&Client::impatient(&upstream.base_url())).await;
        assert!(matches!(sent, Sent::Ambiguous(_)), "{sent:?}");
        let waited = begun.elapsed();
        assert!((2 * SHORT..LONG).contains(&waited), "connect_timeout and buy_timeout: {waited:?}");
    }
}

#[tokio::test]
async fn a_refusal_ends_the_buy_and_a_401_raises_the_alarm() {
    let client_of = |status| async move {
        let reply = json(status, &envelope(status, "NO", "null"));
        let upstream = Upstream::playing([Act::Reply(reply)]).await;
        let client = Client::of(&upstream.base_url());
        let sent = buy(&client).await;
        assert!(matches!(&sent, Sent::Refused(refusal) if refusal.status == status), "{sent:?}");
        client
    };
    assert!(!client_of(403).await.clicksend.credentials_refused());
    let client = client_of(401).await;
    assert!(client.clicksend.credentials_refused());
    assert_eq!(client.outcomes(), [(Outcome::CredentialsRefused, Some(401))]);
    let throttled = client_of(429).await;
    let slot = throttled.clicksend.reserve_buy_slot(Duration::ZERO).await;
    assert!(matches!(slot, Err(ReadError::Busy { .. })), "a 429 pauses the endpoint");
}

#[tokio::test]
async fn a_claim_of_two_seconds_is_not_sent() {
    let mut upstream = Upstream::playing([sold()]).await;
    let hand = ManualClock::starting_at(Timestamp::UNIX_EPOCH);
    let clock = Clock::manual(hand.clone());
    hand.advance(Duration::from_hours(1));
    let client = Client::with(&options(&upstream.base_url()), clock.clone());
    let claimed = clock.boot();
    let attempt = async |claimed| {
        let slot = client.clicksend.reserve_buy_slot(Duration::ZERO).await.unwrap();
        client.clicksend.buy(slot, &order(), claimed).await
    };
    assert!(matches!(attempt(claimed + Duration::from_secs(1)).await, Sent::NotSent(_)), "another boot");
    hand.advance(Duration::from_secs(2));
    assert_eq!(attempt(claimed).await, Sent::NotSent("claim too old".to_owned()));
    assert!(upstream.was_left_alone());
    let fresh = clock.boot();
    hand.advance(Duration::from_micros(1_999_999));
    assert!(matches!(attempt(fresh).await, Sent::Done(_)));
}

#[tokio::test]
async fn a_slot_taken_before_a_pause_does_not_send_into_it() {
    let reply = json(429, &envelope(429, "TOO_MANY_REQUESTS", "null"));
    let mut upstream = Upstream::playing([Act::Reply(reply), sold()]).await;
    let client = Client::of(&upstream.base_url());
    let early = client.clicksend.reserve_buy_slot(Duration::ZERO).await.unwrap();
    assert!(matches!(buy(&client).await, Sent::Refused(_)));
    let sent = client.clicksend.buy(early, &order(), Clock::system().boot()).await;
    assert!(matches!(sent, Sent::NotSent(_)), "{sent:?}");
    upstream.request().await;
    assert!(upstream.was_left_alone());
}
