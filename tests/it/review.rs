//! Corners where a rule of the protocol is easily lost: another team's or another country's
//! question, lists that are old or quicker than the booking.

use reqwest::Method;
use serde_json::json;

use crate::stage::{Stage, ann, send, somebody};

#[tokio::test]
async fn asking_in_the_wrong_country_hides_a_number_from_nobody() {
    let stage = Stage::new().await;
    let number = stage.numbers_on_sale("AU").await[0].clone();
    assert!(stage.get(&ann(), "/v3/numbers/search/AU").await.text.contains(&number));
    let body = json!({"number": number, "country": "US"});
    let eve = somebody("eve", "support", "requester");
    let request =
        stage.request(&eve, Method::POST, "/v1/purchases").header("idempotency-key", "k").json(&body);
    assert_eq!(send(request).await.verdict(), "409 NUMBER_NOT_AVAILABLE");
    assert!(stage.get(&ann(), "/v3/numbers/search/AU").await.text.contains(&number), "still on sale");
    assert_eq!(stage.buy(&ann(), &number).await.verdict(), "200 SUCCESS");
    stage.finish().await;
}
