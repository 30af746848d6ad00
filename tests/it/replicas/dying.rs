//! What another replica settles: claims of one that is gone or stands still, and what one does for all.

use serde_json::json;

use super::{Fleet, hold_buys};
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
