//! Lines of JSON that leave the house, verified by who has nothing else.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use futures_util::{StreamExt as _, stream};
use numbers_gateway::app::{EvidenceSource, Report, verify_evidence};
use serde_json::Value;

use super::{LeftBehind, REASON, auditor, told};
use crate::database;
use crate::stage::{Stage, ann};

fn verified(export: &Path, head: Option<&Path>) -> Report {
    verify_evidence(EvidenceSource::Export(export), head).unwrap()
}

/// Runs the program; its exit code, standard output and standard error.
fn run(arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_numbers-gateway")).args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// The same about a database.
fn run_on(database: &Path, what: &str, more: &[&str]) -> (i32, String, String) {
    let which = database::arguments(database);
    let which: Vec<&str> = which.iter().map(String::as_str).collect();
    run(&[&["audit", what], which.as_slice(), more].concat())
}

impl LeftBehind {
    /// What the program exports, as a file and as lines.
    fn export(&self, more: &[&str]) -> (PathBuf, Vec<String>) {
        let (database, file) = (self.database(), self.folder.path().join("export.ndjson"));
        let (code, text, errors) = run_on(&database, "export", more);
        assert_eq!((code, errors.as_str()), (0, ""));
        fs::write(&file, &text).unwrap();
        (file, text.lines().map(ToOwned::to_owned).collect())
    }

    fn faults_of(&self, lines: &[String], head: Option<&Path>) -> Vec<String> {
        let file = self.folder.path().join("changed.ndjson");
        fs::write(&file, lines.join("\n") + "\n").unwrap();
        told(&verified(&file, head))
    }
}

#[tokio::test]
async fn what_is_served_is_what_the_program_exports_and_is_whole() {
    let stage = Stage::new().await;
    stage.a_little_of_everything().await;
    for query in ["", "?personal=true", "?from=7", "?from=22"] {
        let served = stage.get(&auditor(), &format!("/v1/audit/export{query}")).await;
        assert_eq!(served.header("content-type"), Some("application/x-ndjson"));
        assert_eq!(served.text.contains(REASON), query.contains("personal"), "{query}");
        let file = stage.folder.path().join("served.ndjson");
        fs::write(&file, &served.text).unwrap();
        let report = verified(&file, None);
        assert_eq!(told(&report), Vec::<String>::new(), "{query}");
        let lines = i64::try_from(served.text.lines().count()).unwrap();
        assert_eq!((lines, report.events), (1 + report.events, 22 - report.from), "{query}");

        let database = stage.database();
        let arguments: &[&str] = match query {
            "?personal=true" => &["--personal"],
            "?from=7" => &["--from", "7"],
            "?from=22" => &["--from", "22"],
            _ => &[],
        };
        let exported = run_on(&database, "export", arguments).1;
        assert_eq!(exported, served.text, "beside the running gateway: {query}");
    }
    for query in ["from=0", "from=x", "personal=yes"] {
        let answer = stage.get(&auditor(), &format!("/v1/audit/export?{query}")).await;
        assert_eq!(answer.verdict(), "400 BAD_REQUEST", "{query}");
    }
    stage.finish().await;
}

#[tokio::test]
async fn an_export_longer_than_a_page_is_served_page_by_page() {
    let stage = Stage::new().await;
    // Each refusal is an event; none of them asks upstream.
    let ann = ann();
    let refusing = stream::iter(0..1_100).map(|_| stage.buy(&ann, "+447700900000"));
    let refused: Vec<_> = refusing.buffer_unordered(32).collect().await;
    assert!(refused.iter().all(|answer| answer.status != 200));
    let served = stage.get(&auditor(), "/v1/audit/export").await;
    let file = stage.folder.path().join("served.ndjson");
    fs::write(&file, &served.text).unwrap();
    let report = verified(&file, None);
    assert!(report.whole && report.events > 1_000, "{report}");
    stage.finish().await;
}

#[tokio::test]
async fn a_changed_export_is_found_and_named() {
    let left = LeftBehind::by_a_run().await;
    let (file, lines) = left.export(&["--personal"]);
    let report = verified(&file, Some(&left.head()));
    assert_eq!((told(&report), report.personal_values), (Vec::new(), 5));

    let changed = |at: usize, from: &str, to: &str| {
        let mut lines = lines.clone();
        assert!(lines[at].contains(from), "{}", lines[at]);
        lines[at] = lines[at].replace(from, to);
        left.faults_of(&lines, None)
    };
    let hashed = "its hash is not the SHA-256 of its previous hash and its body";
    assert_eq!(changed(2, "up to 25", "up to 26"), [format!("event 2: {hashed}")]);
    assert_eq!(
        changed(2, REASON, "for Bob"),
        ["event 2: the personal value reason is not the one it commits to"]
    );
    assert_eq!(
        changed(2, "\"salt\":\"", "\"salt\":\"!"),
        ["event 2: the personal value reason is not the one it commits to"]
    );
    let unreadable = changed(18, "{\"seq\"", "{\"sec\"");
    assert!(unreadable[0].starts_with("line 19: is no event: missing field `seq`"), "{unreadable:?}");
    assert_eq!(unreadable[1..], ["event 19: missing: 18 is not there"]);

    let mut swapped = lines.clone();
    swapped.swap(17, 18);
    let faults = left.faults_of(&swapped, None);
    assert!(faults.contains(&"event 17: out of order: 19 was to come".to_owned()), "{faults:?}");
    let without = |gone: std::ops::Range<usize>| {
        let mut lines = lines.clone();
        lines.drain(gone);
        lines
    };
    assert_eq!(left.faults_of(&without(18..19), None), ["event 19: missing: 18 is not there"]);
    assert_eq!(
        left.faults_of(&without(21..22), None),
        ["head: the export ends at 20, its first line says 21"],
        "what was cut off on the way shows without a head"
    );
}

#[tokio::test]
async fn a_part_of_the_chain_is_compared_with_a_head_as_far_as_it_reaches() {
    let left = LeftBehind::by_a_run().await;
    let (file, lines) = left.export(&["--from", "7"]);
    assert!(verified(&file, Some(&left.head())).whole);
    let mut first: Value = serde_json::from_str(&lines[0]).unwrap();
    first["database_id"] = "another".into();
    let lines: Vec<String> = [vec![first.to_string()], lines[1..].to_vec()].concat();
    let faults = left.faults_of(&lines, Some(&left.head()));
    assert!(matches!(faults.as_slice(), [told] if told.starts_with("head: database ")), "{faults:?}");
}

#[tokio::test]
async fn the_exit_code_says_whether_it_is_whole() {
    let left = LeftBehind::by_a_run().await;
    let (database, head) = (left.database(), left.head());
    let head = head.to_str().unwrap();
    let (code, report, errors) = run_on(&database, "verify", &["--head", head, "--json"]);
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!((code, errors.as_str(), &report["whole"]), (0, "", &Value::Bool(true)));
    assert_eq!(report["witnessed"], report["head"]);

    let changed = left.changed(|connection| {
        connection.execute_batch("UPDATE purchases SET state = 'failed'").unwrap();
    });
    let (code, report, errors) = run_on(&changed, "verify", &[]);
    assert_eq!(code, 1);
    assert!(
        report.contains("NOT WHOLE: 3 faults") && errors.contains("not whole: 3 faults"),
        "{report}{errors}"
    );
    let no_export = left.folder.path().join("no.ndjson");
    fs::write(&no_export, "SQLite format 3\0").unwrap();
    for arguments in [
        ["audit", "verify", "--database", "no-such.db"],
        ["audit", "verify", "--export", no_export.to_str().unwrap()],
        ["audit", "export", "--database", head],
    ] {
        assert_eq!(run(&arguments).0, 69, "{arguments:?}");
    }
}
