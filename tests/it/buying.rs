//! Buying through ClickSend's door.

use serde_json::json;

use crate::stage::{Stage, ann};

#[tokio::test]
async fn a_bought_number_is_bought_once_and_answers_the_same_for_ever() {
    let mut stage = Stage::new().await;
    let number = stage.numbers_on_sale("AU").await[0].clone();
    let first = stage.buy(&ann(), &number).await;
    assert_eq!(first.verdict(), "200 SUCCESS", "{}", first.text);
    assert_eq!(first.json()["data"]["dedicated_number"], json!(number));
    let again = stage.buy(&ann(), &number).await;
    assert_eq!(again.text, first.text);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    stage.restart().await;
    assert_eq!(stage.buy(&ann(), &number).await.text, first.text);
    assert_eq!(stage.calls("buy").await, 1);
    stage.finish().await;
}
