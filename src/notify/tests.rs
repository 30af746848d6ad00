//! The two forms of a message.
#![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]
#![expect(clippy::indexing_slicing, reason = "a missing field fails the test")]

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{json as standard, slack};
use crate::domain::notice::{Kind, Message};

fn message(who: &str) -> Message {
    let data = json!({"purchase": {"requested_by": who}});
    Message {
        kind: Kind::ApprovalWanted,
        at: Timestamp::UNIX_EPOCH,
        summary: format!("{who} wants to buy +61491570156"),
        facts: vec![("Team", "growth".to_owned()), ("Requested by", who.to_owned())],
        link: Some("https://numbers.example.com/console/purchases/7?a=1&b=2".to_owned()),
        data: data.as_object().unwrap().clone(),
    }
}

fn parsed(body: &str) -> Value {
    serde_json::from_str(body).unwrap()
}

#[test]
fn a_program_reads_type_time_and_data() {
    let body = parsed(&standard::body(&message("Ann")));
    assert_eq!(
        (&body["type"], &body["timestamp"]),
        (&json!("approval_wanted"), &json!("1970-01-01T00:00:00Z"))
    );
    assert_eq!(body["data"]["purchase"]["requested_by"], "Ann");
    assert_eq!(body["data"]["summary"], "Ann wants to buy +61491570156");
}

#[test]
fn nobodys_name_is_a_command_of_slack() {
    let body = slack::body(&message("<!channel> & <https://evil.example|click>\u{7}"));
    let body = parsed(&body);
    let tamed = "&lt;!channel&gt; &amp; &lt;https://evil.example|click&gt; ";
    assert_eq!(body["text"], format!("{tamed} wants to buy +61491570156"));
    assert_eq!(body["blocks"][0]["text"]["text"], format!("*{tamed} wants to buy +61491570156*"));
    assert_eq!(body["blocks"][1]["fields"][1]["text"], format!("*Requested by*\n{tamed}"));
    let link = "<https://numbers.example.com/console/purchases/7?a=1&amp;b=2|Open in Numbers Gateway>";
    assert_eq!(body["blocks"][2]["text"]["text"], link);
}

#[test]
fn slack_gets_no_more_than_it_takes() {
    let body = parsed(&slack::body(&message(&"<".repeat(5_000))));
    assert!(body["blocks"][0]["text"]["text"].as_str().unwrap().len() <= 3_000);
    assert!(body["blocks"][1]["fields"][1]["text"].as_str().unwrap().len() <= 2_000);
}
