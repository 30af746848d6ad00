//! From a search to a bought number by links and forms alone.

use std::time::Duration;

use serde_json::json;

use super::{Browser, RULES, field, pending, state};
use crate::stage::{Stage, ann, somebody};

#[tokio::test]
async fn a_number_is_found_requested_approved_and_bought_by_forms() {
    let stage = Stage::with(RULES).await;
    let mut requester = Browser::signed_in(&stage, &ann()).await;
    let found = requester.page("/console/search?country=us&contains=1+202&position=start").await;
    let link = found.split_once("<a class=\"button\" href=\"/console/request?").unwrap().1;
    let link = format!("/console/request?{}", link.split('"').next().unwrap().replace("&#38;", "&"));
    let form = requester.page(&link).await;
    assert!(form.contains("Others decide about this first: 1 approver of growth."), "{form}");
    let number = field(&form, "number");
    let without_reason =
        requester.post("/console/request", &[("number", &number), ("reference", "kept-41")]).await;
    assert_eq!(without_reason.status, 400);
    assert!(
        without_reason.text.contains("<b>reason</b>") && without_reason.text.contains("value=\"kept-41\"")
    );
    let path = requester.request(&number, "for the spring campaign").await;
    assert_eq!(requester.request(&number, "sent twice").await, path);
    assert!(requester.page("/console/requests").await.contains("data-state=\"pending_approval\""));

    let mut ben = Browser::signed_in(&stage, &super::ben()).await;
    let waiting = ben.page("/console/waiting").await;
    assert!(waiting.contains(&format!("href=\"{path}\"")), "{waiting}");
    let shown = ben.page(&path).await;
    assert_eq!(state(&shown), "pending_approval");
    for told in ["for the spring campaign", "The same", "Left with this", "No number yet.", "Asked for"] {
        assert!(shown.contains(told), "{told}: {shown}");
    }
    let digest = field(&shown, "quote_digest");
    let approve = format!("{path}/approve");
    let approved = ben.post(&approve, &[("quote_digest", &digest), ("comment", "fine with me")]).await;
    assert_eq!(approved.status, 303, "{}", approved.text);
    let bought = ben.page(approved.header("location").unwrap()).await;
    assert_eq!(state(&bought), "bought");
    assert!(bought.contains("fine with me") && !bought.contains("id=\"decide\""), "{bought}");
    assert!(ben.page("/console/waiting").await.contains("Nothing waits for you"));
    assert!(ben.page("/console/numbers").await.contains(&number));
    assert_eq!(stage.calls("buy").await, 1);
    stage.finish().await;
}

#[tokio::test]
async fn a_stale_digest_shows_what_changed_keeps_the_comment_and_asks_again() {
    let (stage, hand) = Stage::with_hand(RULES).await;
    let path = format!("/console/purchases/{}", pending(&stage, &ann(), "r").await);
    let mut ben = Browser::signed_in(&stage, &super::ben()).await;
    let shown = ben.page(&path).await;
    let (digest, seen) = (field(&shown, "quote_digest"), field(&shown, "seen_price"));
    hand.advance(Duration::from_mins(1));
    stage.fault(json!({"operation": "search", "fault": "price_drift", "percent": 10})).await;
    let fields = [("quote_digest", digest.as_str()), ("seen_price", &seen), ("comment", "looks <fine>")];
    let answer = ben.post(&format!("{path}/approve"), &fields).await;
    assert_eq!(answer.status, 409, "{}", answer.text);
    let now = field(&answer.text, "seen_price");
    assert_ne!(now, seen);
    assert!(answer.text.contains("data-code=\"PRICE_CHANGED\""), "{}", answer.text);
    assert!(answer.text.contains(&format!("You saw {seen}; now it is {now}.")), "{}", answer.text);
    assert!(answer.text.contains("looks &#60;fine&#62;</textarea>"), "{}", answer.text);
    // The old digest stays stale; the new one counts.
    assert_eq!(ben.post(&format!("{path}/approve"), &fields).await.status, 409);
    let digest = field(&answer.text, "quote_digest");
    let approved = ben.post(&format!("{path}/approve"), &[("quote_digest", &digest)]).await;
    assert_eq!(approved.status, 303, "{}", approved.text);
    assert_eq!(state(&ben.page(&path).await), "bought");
    stage.finish().await;
}

#[tokio::test]
async fn a_request_is_rejected_by_others_and_withdrawn_by_its_own() {
    let stage = Stage::with(RULES).await;
    let numbers = stage.numbers_on_sale("US").await;
    let mut requester = Browser::signed_in(&stage, &ann().with_roles(&["requester", "approver"])).await;
    let rejected = requester.request(&numbers[0], "one").await;
    let withdrawn = requester.request(&numbers[1], "two").await;
    // Nobody is offered what they may not do, and doing it all the same says so and keeps what was typed.
    let own = requester.page(&rejected).await;
    assert!(own.contains("id=\"withdraw\"") && !own.contains("id=\"decide\""), "{own}");
    assert!(requester.page("/console/waiting").await.contains("Nothing waits for you"));
    let refused = requester.post(&format!("{rejected}/approve"), &[("comment", "it is mine")]).await;
    assert_eq!(refused.status, 403);
    assert!(
        refused.text.contains("data-code=\"FORBIDDEN\"") && refused.text.contains("it is mine"),
        "{}",
        refused.text
    );

    let mut ben = Browser::signed_in(&stage, &super::ben()).await;
    let no = ben.post(&format!("{rejected}/reject"), &[("comment", "too many already")]).await;
    assert_eq!(no.status, 303, "{}", no.text);
    let page = requester.page(&rejected).await;
    assert_eq!(state(&page), "rejected");
    assert!(page.contains("Ben Ray said no.") && page.contains("too many already"), "{page}");
    assert_eq!(requester.post(&format!("{withdrawn}/withdraw"), &[]).await.status, 303);
    assert_eq!(state(&requester.page(&withdrawn).await), "withdrawn");
    assert_eq!(ben.post(&format!("{withdrawn}/reject"), &[]).await.status, 409);
    let mut stranger = Browser::signed_in(&stage, &somebody("eve", "support", "approver")).await;
    assert_eq!(stranger.post(&format!("{rejected}/approve"), &[]).await.status, 404);
    stage.finish().await;
}
