//! `[notifications]`: where notices may go, and what is told of a place that they may not.

use secrecy::ExposeSecret as _;

use super::{faults, loaded};
use crate::config::NoticeFormat;
use crate::domain::notice::Kind;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A webhook with these lines beside a secret.
fn webhook(lines: &str) -> String {
    format!("[[notifications.webhooks]]\nsecret = \"{SECRET}\"\n{lines}\n")
}

#[test]
fn a_webhook_is_called_by_its_host_and_told_everything_as_json() {
    let read = loaded(&webhook("url = \"https://hooks.example.com/x?sig=1\""));
    let [webhook] = read.config.notifications.webhooks.as_slice() else { unreachable!() };
    assert_eq!((webhook.name.as_str(), webhook.format), ("hooks.example.com", NoticeFormat::Json));
    assert_eq!(webhook.events.len(), Kind::ALL.len());
    assert_eq!(webhook.url.expose_secret(), "https://hooks.example.com/x?sig=1");
    for key in ["url", "secret"] {
        let key = format!("notifications.webhooks[0].{key}");
        assert_eq!(read.origins.find(&key).unwrap().value, "[redacted]", "{key}");
    }
}

#[test]
fn slack_needs_no_secret_and_its_url_may_stand_in_a_file() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "https://hooks.slack.com/services/T/B/x\n").unwrap();
    let path = file.path();
    let text =
        format!("[[notifications.webhooks]]\nformat = \"slack\"\nurl_file = {path:?}\nevents = [\"bought\"]");
    let config = loaded(&text).config;
    let [webhook] = config.notifications.webhooks.as_slice() else { unreachable!() };
    assert!(webhook.secret.is_none() && webhook.events.contains(&Kind::Bought) && webhook.events.len() == 1);
}

#[test]
fn a_place_that_may_not_be_told_is_told_with_what_would_be_right() {
    for (lines, told) in [
        (
            "url = \"http://hooks.example.com/\"",
            "would be told in the clear on another machine; write an https URL, or set notifications.allow_plain_http = true",
        ),
        (
            "url = \"https://10.1.2.3/\"",
            "not a public address; write a public address, or list 10.1.2.3 in notifications.inner_networks",
        ),
        ("url = \"https://[::1]/\"", "not a public address"),
        ("url = \"https://169.254.169.254/\"", "not a public address"),
        ("url = \"ftp://hooks.example.com/\"", "not an http or https URL"),
        ("url = \"https://ann:word@hooks.example.com/\"", "a user or password in the URL"),
        ("", "notifications.webhooks[0].url: missing; set one of url and url_file"),
        ("url = \"https://a.example/\"\nevents = []", "nothing listed"),
        (
            "url = \"https://a.example/\"\nevents = [\"sold\"]",
            "no such event; write approval_wanted, decided,",
        ),
        ("url = \"https://a.example/\"\nformat = \"teams\"", "no such format; write json or slack"),
    ] {
        let all = faults(&webhook(lines));
        assert!(all.contains(told), "{lines}\n{all}");
        assert_eq!(all.lines().count(), 1, "{all}");
    }
    let listed = "[notifications]\ninner_networks = [\"10.1.0.0/16\"]\n";
    assert_eq!(faults(&format!("{listed}{}", webhook("url = \"https://10.1.2.3/\""))), "");
}

#[test]
fn a_secret_is_one_of_standard_webhooks_and_json_has_one() {
    let url = "url = \"https://a.example/\"";
    let missing = faults(&format!("[[notifications.webhooks]]\n{url}"));
    assert!(missing.contains("webhooks[0].secret: missing; set one of secret and secret_file"), "{missing}");
    for wrong in ["MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_c2hvcnQ=", "whsec_?"] {
        let told = faults(&format!("[[notifications.webhooks]]\n{url}\nsecret = \"{wrong}\""));
        assert!(told.contains("not a secret of Standard Webhooks") && !told.contains(wrong), "{told}");
    }
}

#[test]
fn two_webhooks_have_two_names_and_there_are_no_more_than_eight() {
    let one = webhook("url = \"https://a.example/one\"");
    let told = faults(&format!("{one}{one}"));
    assert!(told.contains("webhooks[1].name: the name, or the host, of an earlier webhook"), "{told}");
    let many: String =
        (0..9).map(|n| webhook(&format!("name = \"n{n}\"\nurl = \"https://a.example/\""))).collect();
    assert!(faults(&many).contains("9 webhooks; keep 8"), "{}", faults(&many));
}
