//! What no list settles, people do: enough of them, and none who asked for it.

use jiff::SignedDuration;
use numbers_gateway::clock::{CalendarShift, Clock};
use serde_json::json;

use crate::reconciling::actions;
use crate::stage::{Somebody, Stage, ann, somebody};

fn administrator(subject: &'static str) -> Somebody {
    somebody(subject, "growth", "administrator")
}

/// A stage whose lists cannot be read, and a purchase that waits for people because of it.
async fn stalled(fault: &str) -> (Stage, String, String) {
    let shift = CalendarShift::default();
    let mut stage = Stage::looking_later("").await;
    stage.clock = Clock::shifted(shift.clone());
    stage.start_gateway().await;
    let number = stage.numbers_on_sale("AU").await[0].clone();
    stage.await_young_list().await;
    stage.refuse_lists().await;
    let location = stage.lose(&ann(), &number, json!({"fault": fault})).await;
    let early = stage
        .post(&administrator("dora"), &format!("{location}/resolve"), &json!({"outcome": "bought"}))
        .await;
    assert_eq!(early.verdict(), "409 PURCHASE_OUTCOME_UNKNOWN");
    shift.set(SignedDuration::from_hours(25));
    let waits = stage.await_state(&location, &["needs_attention"]).await;
    assert_eq!(stage.entries(&location).len(), 1, "the hold stays, however long it takes");
    assert_eq!(waits["allowed_actions"], json!(["resolve"]));
    assert_eq!(stage.series("numbers_gateway_alarms_total{alarm=\"stalled\"}").await, 1);
    (stage, number, location)
}

#[tokio::test]
async fn two_people_settle_it_and_neither_one_alone_nor_the_requester_does() {
    let (mut stage, number, location) = stalled("drop_after_sale").await;
    let path = format!("{location}/resolve");
    let bought = json!({"outcome": "bought", "comment": "seen in the dashboard"});
    let not_bought = json!({"outcome": "not_bought"});
    let ann_herself = ann().with_roles(&["requester", "administrator"]);
    assert_eq!(stage.post(&ann_herself, &path, &bought).await.verdict(), "403 FORBIDDEN");
    let eve = somebody("eve", "growth", "finance");
    assert_eq!(stage.post(&eve, &path, &bought).await.verdict(), "403 FORBIDDEN");
    let bob = administrator("bob").with_email("bob@example.com");
    let bob_elsewhere = administrator("robert").with_email("Bob@Example.com");
    for (who, body) in
        [(&bob, &bought), (&bob, &bought), (&bob_elsewhere, &bought), (&bob, &not_bought), (&bob, &bought)]
    {
        let said = stage.post(who, &path, body).await;
        assert_eq!((said.status.as_u16(), &said.json()["people_wanted"]), (202, &json!(1)), "{}", said.text);
    }
    let carol = administrator("carol");
    let disagrees = stage.post(&carol, &path, &not_bought).await;
    assert_eq!(disagrees.json()["people_wanted"], json!(1), "two voices, and not the same");
    stage.restart().await;
    let settled = stage.post(&administrator("dora"), &path, &bought).await;
    assert_eq!(
        (settled.status.as_u16(), &settled.json()["state"]),
        (200, &json!("bought")),
        "{}",
        settled.text
    );
    let history = stage.get(&ann(), &location).await;
    let history = history.json();
    let told = actions(&history);
    assert_eq!((told[4], told[5], told.len()), ("purchase.stalled", "purchase.resolution", 13), "{told:?}");
    assert_eq!(told[12], "purchase.bought");
    let evidence = serde_json::to_string(&stage.events("purchase.resolution")).unwrap();
    assert!(!evidence.contains("seen in the dashboard"), "a comment is personal");
    let late = stage.post(&administrator("fay"), &path, &bought).await;
    assert_eq!(late.verdict(), "409 ALREADY_DECIDED");
    assert_eq!(stage.events("purchase.resolution").len(), 7);
    assert_eq!(stage.series("numbers_gateway_bookings_total{basis=\"estimated\",by=\"people\"}").await, 1);
    stage.end_faults().await;
    stage.await_number(&number, |row| row["origin"] == "bought" && row["first_seen"].is_string()).await;
    stage.finish().await;
}

#[tokio::test]
async fn what_people_give_up_is_given_back_and_a_list_has_the_last_word() {
    let (stage, number, location) = stalled("drop_after_sale").await;
    let path = format!("{location}/resolve");
    for (who, status) in [("bob", 202), ("carol", 200)] {
        let said = stage.post(&administrator(who), &path, &json!({"outcome": "not_bought"})).await;
        assert_eq!(said.status, status, "{}", said.text);
    }
    let kinds: Vec<String> = stage.entries(&location).into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, ["hold", "release"]);
    stage.end_faults().await;
    // They were wrong.
    stage.await_state(&location, &["bought_late"]).await;
    assert!(stage.sold().await.contains(&number));
    stage.finish().await;
}

#[tokio::test]
async fn a_list_settles_what_waits_for_people_as_soon_as_it_shows_it() {
    let (mut stage, _, location) = stalled("drop_after_sale").await;
    stage.restart().await;
    stage.end_faults().await;
    stage.await_state(&location, &["bought"]).await;
    stage.finish().await;
}
