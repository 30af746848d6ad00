//! `purchases`: the terminal path, with nothing but two environment variables.

use serde_json::Value;
use tempfile::TempDir;

use crate::{Ran, Serving, ask, empty_folder, run_with, start_demo};

/// A demo, its people, and a request that waits for one of them.
struct Story {
    folder: TempDir,
    demo: Serving,
    ready: Value,
    id: String,
}

impl Story {
    fn begin() -> Self {
        let folder = empty_folder();
        let (demo, ready) = start_demo(&folder);
        let story = Self { folder, demo, ready, id: String::new() };
        let found = story.ask("viewer", "GET", "/v3/numbers/search/US?limit=100", "");
        let number = found["data"]["data"][0]["dedicated_number"].as_str().unwrap().to_owned();
        let body = format!(r#"{{"number": "{number}", "reason": "for the spring campaign"}}"#);
        let asked = story.ask("requester", "POST", "/v1/purchases", &body);
        assert_eq!(asked["state"], "pending_approval", "{asked}");
        Self { id: asked["id"].as_str().unwrap().to_owned(), ..story }
    }

    fn url(&self) -> &str {
        self.ready["api"].as_str().unwrap()
    }

    fn ask(&self, role: &str, method: &str, path: &str, body: &str) -> Value {
        let token = self.ready["tokens"][role].as_str().unwrap();
        // The key that `POST /v1/purchases` needs rides along.
        let token = format!("{token}\r\nIdempotency-Key: story");
        let answer = ask(self.url(), method, path, &token, body);
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
    }

    fn purchases(&self, role: &str, arguments: &str) -> Ran {
        let token = self.ready["tokens"][role].as_str().unwrap();
        let environment = [("NUMBERS_GATEWAY_URL", self.url()), ("NUMBERS_GATEWAY_TOKEN", token)];
        run_with(&self.folder, &format!("purchases {arguments}"), &environment, "")
    }

    fn end(self) {
        self.demo.terminate();
        assert_eq!(self.demo.end().0, 0);
    }
}

#[test]
fn whoever_has_an_address_and_a_token_lists_looks_and_approves() {
    let story = Story::begin();
    let listed = story.purchases("approver", "list --state pending_approval");
    assert_eq!(listed.code, 0, "{}", listed.stderr);
    assert!(listed.stdout.starts_with(&story.id), "{}", listed.stdout);
    let shown = story.purchases("approver", &format!("show {}", story.id));
    assert!(shown.stdout.contains("reason          for the spring campaign"), "{}", shown.stdout);
    assert!(listed.stdout.lines().chain(shown.stdout.lines()).all(|line| line.chars().count() <= 80));

    let approved = story.purchases("approver", &format!("approve {} --comment fine", story.id));
    assert_eq!(approved.code, 0, "{}", approved.stderr);
    assert!(approved.stdout.contains(" is bought"), "{}", approved.stdout);
    for told in ["number ", "price ", "rule ", "team budget ", " after this"] {
        assert!(approved.stderr.contains(told), "what is approved is shown: {told}\n{}", approved.stderr);
    }
    let json = story.purchases("approver", &format!("show {} --json", story.id));
    let purchase: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((&purchase["state"], &purchase["bought"]), (&"bought".into(), &true.into()));
    story.end();
}

#[test]
fn a_refusal_is_told_with_its_code_and_the_next_step() {
    let story = Story::begin();
    let own = story.purchases("requester", &format!("approve {}", story.id));
    assert_eq!((own.code, own.stdout.as_str()), (1, ""));
    assert!(own.stderr.contains("FORBIDDEN: ") && own.stderr.contains("\nnext: "), "{}", own.stderr);
    let other = "0".repeat(64);
    let changed = story.purchases("approver", &format!("approve {} --digest {other}", story.id));
    assert_eq!(changed.code, 1);
    assert!(changed.stderr.contains("PRICE_CHANGED: "), "{}", changed.stderr);
    let rejected = story.purchases("approver", &format!("reject {} --comment enough", story.id));
    assert_eq!(rejected.code, 0, "{}", rejected.stderr);
    assert!(rejected.stdout.contains(" is rejected"), "{}", rejected.stdout);
    let none = story.purchases("approver", "show 01935c2e-8f3a-7c2b-9a51-0123456789ab");
    assert!(none.code == 1 && none.stderr.contains("NOT_FOUND: "), "{}", none.stderr);
    story.end();
}

#[test]
fn what_is_missing_is_named_and_who_is_not_there_is_no_refusal() {
    let folder = empty_folder();
    let without = run_with(&folder, "purchases list", &[("NUMBERS_GATEWAY_URL", "http://127.0.0.1:1")], "");
    assert_eq!(without.code, 64);
    assert!(
        without.stderr.contains("NUMBERS_GATEWAY_TOKEN") || without.stderr.contains("--token"),
        "{}",
        without.stderr
    );
    let environment =
        [("NUMBERS_GATEWAY_URL", "http://127.0.0.1:1"), ("NUMBERS_GATEWAY_TOKEN", "secret-token")];
    let nobody = run_with(&folder, "purchases list", &environment, "");
    assert_eq!((nobody.code, nobody.stdout.as_str()), (69, ""), "{}", nobody.stderr);
    let help = run_with(&folder, "purchases list --help", &environment, "");
    for said in [&nobody.stderr, &help.stdout] {
        assert!(!said.contains("secret-token"), "{said}");
    }
}
