//! What another replica settles: claims of one that is gone or stands still, and what one does for all.

use numbers_gateway::clock::Clock;
use numbers_gateway::domain::order::Sent;
use numbers_gateway::domain::purchase::PurchaseId;
use numbers_gateway::store::Store;
use numbers_gateway::store::emergency::Outcome;
use serde_json::json;

use super::{Fleet, hold_buys};
use crate::database;
use crate::stage::ann;

/// A buy through replica 0 that is with upstream, sold, and its answer not sent; its number.
async fn buying(fleet: &mut Fleet) -> String {
    let number = fleet.stage.numbers_on_sale("AU").await[0].clone();
    hold_buys(&fleet.stage, 1).await;
    let path = format!("/v3/numbers/buy/{}", number.replace('+', "%2B"));
    let request = fleet.at(0).request(&ann(), reqwest::Method::POST, &path);
    // The answer is lost with the replica.
    tokio::task::spawn(request.send());
    fleet.stage.ledger("operation=buy&wait_held=1").await;
    number
}

#[tokio::test]
async fn a_replica_killed_in_mid_buy_is_settled_by_another_and_nothing_is_sent_twice() {
    let Some(mut fleet) = Fleet::of(3, "").await else { return };
    let number = buying(&mut fleet).await;
    fleet.kill(0).await;
    fleet.stage.control("release", json!({})).await;
    let page = "/v1/purchases?state=bought&limit=5";
    let bought =
        fleet.until(1, page, |page| page["items"].as_array().is_some_and(|items| items.len() == 1)).await;
    assert_eq!(bought["items"][0]["number"], json!(number));
    assert_eq!(fleet.stage.calls("buy").await, 1);
    let again = fleet.at(2).buy(&ann(), &number).await;
    assert_eq!(again.verdict(), "200 SUCCESS", "{}", again.text);
    assert_eq!(fleet.stage.calls("buy").await, 1);
    fleet.finish().await;
}

/// The file is a replica's own, and what stood in it at the start is settled once: a second time would take the record of a
/// later outcome, and the count of what is owed, along.
#[tokio::test]
async fn what_a_replica_owed_at_its_start_is_settled_once_however_often_it_looks_after_others() {
    let Some(mut fleet) = Fleet::of(0, "").await else { return };
    let file = fleet.stage.folder.path().join("replica-0.emergency");
    let location = database::location_beside(&fleet.stage.database(), &file);
    let store = Store::open(&location, Clock::system()).unwrap();
    let sent = Sent::NotSent("no connection".to_owned());
    let outcome = Outcome::Purchase { id: PurchaseId::random(), attempt: 1, claim: None, sent };
    store.emergency().keep(outcome, Clock::system().now()).await;
    drop(store);
    fleet.add().await;
    fleet.add().await;
    let numbers = fleet.stage.numbers_on_sale("AU").await;
    hold_buys(&fleet.stage, 1).await;
    let path = format!("/v3/numbers/buy/{}", numbers[0].replace('+', "%2B"));
    tokio::task::spawn(fleet.at(1).request(&ann(), reqwest::Method::POST, &path).send());
    fleet.stage.ledger("operation=buy&wait_held=1").await;
    fleet.kill(1).await;
    fleet.stage.control("release", json!({})).await;
    // Replica 0 was there first, so it leads: it has looked after the other by then.
    let page = "/v1/purchases?state=bought&limit=5";
    fleet.until(0, page, |page| page["items"].as_array().is_some_and(|items| items.len() == 1)).await;
    let more = fleet.at(0).buy(&ann(), &numbers[1]).await;
    assert_eq!(more.verdict(), "200 SUCCESS", "{}", more.text);
    fleet.finish().await;
}

/// Its session ends although its process does not; when it wakes, what it knows comes too late to matter.
#[tokio::test]
async fn a_replica_that_stands_still_is_settled_by_another_and_comes_back_as_a_new_one() {
    let Some(mut fleet) = Fleet::of(2, "").await else { return };
    let number = buying(&mut fleet).await;
    fleet.process(0).stop();
    fleet.stage.control("release", json!({})).await;
    let page = "/v1/purchases?state=bought&limit=5";
    fleet.until(1, page, |page| page["items"].as_array().is_some_and(|items| items.len() == 1)).await;
    fleet.process(0).resume();
    fleet.until(0, page, |page| page["items"].as_array().is_some_and(|items| items.len() == 1)).await;
    let again = fleet.at(0).buy(&ann(), &number).await;
    assert_eq!(again.verdict(), "200 SUCCESS", "{}", again.text);
    assert_eq!(fleet.stage.calls("buy").await, 1);
    let other = fleet.stage.numbers_on_sale("AU").await[1].clone();
    let more = fleet.at(0).buy(&ann(), &other).await;
    assert_eq!(more.verdict(), "200 SUCCESS", "{}", more.text);
    fleet.finish().await;
}
