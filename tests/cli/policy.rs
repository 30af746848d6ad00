//! `policy test` and `policy explain`: the rules of a file, tried without a server.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::{empty_folder, folder_with_keys, run};

const RULES: &str = r#"
[[auth.issuers]]
name = "sso"
issuer = "https://login.example.com"
audience = "numbers-gateway"
jwks_url = "https://login.example.com/keys"
algorithms = ["ES256"]
may_approve = true
[budget]
currency = "AUD"
time_zone = "Australia/Sydney"
spend_per_month = "200.00"
[teams.growth]
[teams.support]
[[policy.rules]]
name = "small"
when = { action = "buy", teams = ["growth"], countries = ["AU"], max_monthly = "25.00", min_budget_left = "50.00" }
then = "allow"
[[policy.rules]]
name = "not there"
when = { countries = ["NZ"] }
then = { deny = "we do not buy in NZ, ask finance" }
[[policy.rules]]
name = "by day"
when = { action = "buy", hours = "09:00-17:00", days = ["mon", "tue"] }
then = { approvals = [{}, { role = "administrator", team = "any" }], expires_after = "36h", require = ["reason"] }
"#;

/// A folder with the rules, and a table of cases.
fn folder_with_cases(cases: &str) -> TempDir {
    let folder = empty_folder();
    fs::write(folder.path().join("gateway.toml"), RULES).unwrap();
    fs::write(folder.path().join("cases.toml"), cases).unwrap();
    folder
}

const TEST: &str = "policy test cases.toml --config gateway.toml";

#[test]
fn rules_that_say_what_their_table_says_pass() {
    let folder = folder_with_cases(
        r#"
[[cases]]
name = "to the brim"
when = { team = "growth", country = "AU", monthly = "25.00", setup = "5.00", budget_left = "80.00" }
expect = "allow"
rule = "small"
[[cases]]
name = "the last money is asked for"
when = { team = "growth", country = "AU", monthly = "25.00", setup = "5.01", budget_left = "80.00" }
expect = { approvals = 2 }
rule = "by day"
[[cases]]
name = "at night nobody buys"
when = { team = "support", country = "AU", monthly = "1.00", at = "2026-11-23T17:00" }
expect = { deny = "no policy rule" }
[[cases]]
name = "nor registers in NZ"
when = { action = "register", team = "support", country = "NZ", number_type = "toll_free", roles = ["approver"] }
expect = "deny"
rule = "not there"
"#,
    );
    let ran = run(&folder, TEST);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{}", ran.stdout);
    assert_eq!(
        ran.stdout,
        "ok      to the brim\nok      the last money is asked for\nok      at night nobody buys\n\
         ok      nor registers in NZ\n"
    );
}

#[test]
fn a_case_that_does_not_hold_says_what_came_instead_and_exits_with_1() {
    let folder = folder_with_cases(
        r#"
[[cases]]
name = "dear"
when = { team = "growth", country = "AU", monthly = "25.01" }
expect = "allow"
[[cases]]
name = "by another rule"
when = { team = "growth", country = "AU", monthly = "20.00" }
expect = "allow"
rule = "large"
[[cases]]
name = "for another reason"
when = { team = "growth", country = "NZ", monthly = "20.00" }
expect = { deny = "too dear" }
[[cases]]
name = "one is enough"
when = { team = "support", country = "AU", monthly = "20.00" }
expect = { approvals = 1 }
[[cases]]
name = "right"
when = { team = "growth", country = "AU", monthly = "20.00" }
expect = "allow"
"#,
    );
    let ran = run(&folder, TEST);
    assert_eq!((ran.code, ran.stderr.as_str()), (1, "4 of 5 cases failed\n"));
    let people = "2 approvals (1 approver of the same team, 1 administrator of any team; within 36h; the request \
                  brings reason) (rule \"by day\")";
    assert_eq!(
        ran.stdout.lines().collect::<Vec<_>>(),
        [
            &format!("FAILED  dear: expected allow, got {people}"),
            "FAILED  by another rule: expected allow (rule \"large\"), got allow (rule \"small\")",
            "FAILED  for another reason: expected deny: …too dear…, got deny: we do not buy in NZ, ask finance (rule \
             \"not there\")",
            &format!("FAILED  one is enough: expected 1 approval, got {people}"),
            "ok      right",
        ]
    );
}

#[test]
fn every_fault_of_a_table_of_cases_is_told_with_its_line() {
    let folder = folder_with_cases(
        r#"[[cases]]
name = "a"
when = { team = "grwoth", country = "AU", monthly = "1.00" }
expect = "maybe"
[[cases]]
when = { action = "register", team = "growth", country = "AU", monthly = "1.00" }
expect = { approvals = 0 }
[[cases]]
name = "c"
when = { team = "growth", country = "Australia", at = 2026-11-23T10:00:00, mouthly = "1.00" }
[kases]
"#,
    );
    let ran = run(&folder, TEST);
    assert_eq!((ran.code, ran.stdout.as_str()), (64, ""));
    for fault in [
        "cases.toml:3:17: cases[0].when.team = \"grwoth\": no such team in the configuration; write one of [growth, support]",
        "cases.toml:4:10: cases[0].expect = \"maybe\": no such verdict; write \"allow\", \"deny\", ",
        "cases.toml:5:1: cases[1].name: missing; ",
        "cases.toml:6:64: cases[1].when.monthly: does not go with the other keys; leave it out",
        "cases.toml:7:24: cases[1].expect.approvals = 0: zero; ",
        "cases.toml:10:37: cases[2].when.country = \"Australia\": not a country; ",
        "cases.toml:10:55: cases[2].when.at = 2026-11-23T10:00:00: a date or time does not belong here; write a day and time \
         in quotes, like \"2026-11-23T10:00\"",
        "cases.toml:10:8: cases[2].when.monthly: missing; ",
        "cases.toml:10:76: cases[2].when.mouthly: no such key; did you mean monthly?",
        "cases.toml:8:1: cases[2].expect: missing; ",
        "cases.toml:11:2: kases: no such key; did you mean cases?",
    ] {
        assert!(ran.stderr.contains(fault), "{fault}\n in\n{}", ran.stderr);
    }
    assert_eq!(ran.stderr.lines().count(), 11, "{}", ran.stderr);
    let nothing = run(&folder_with_cases(""), TEST);
    assert_eq!(nothing.code, 64);
    assert!(nothing.stderr.contains("cases: nothing to test"), "{}", nothing.stderr);
    let absent = run(&folder, "policy test no.toml --config gateway.toml");
    assert!(absent.code == 64 && absent.stderr.contains("no.toml: cannot be read"), "{}", absent.stderr);
    fs::write(folder.path().join("gateway.toml"), "[policy]\nrules = 1\n").unwrap();
    assert_eq!(run(&folder, TEST).code, 78);
}

#[test]
fn a_request_is_explained_rule_by_rule() {
    let folder = folder_with_cases("");
    let explain = |asked: &str| run(&folder, &format!("policy explain --config gateway.toml {asked}"));
    let bought =
        explain("--team growth --country AU --monthly 30.00 --at 2026-11-23T10:00 --budget-left -5.00");
    assert_eq!((bought.code, bought.stderr.as_str()), (0, ""));
    assert_eq!(
        bought.stdout,
        "  1. \"small\": not met: max_monthly, min_budget_left\n  2. \"not there\": not met: countries\n  \
         3. \"by day\": decides\n2 approvals (1 approver of the same team, 1 administrator of any team; within 36h; the \
         request brings reason) (rule \"by day\")\n"
    );
    let refused = explain("--action register --team support --country NZ --number-type 10dlc");
    assert_eq!(
        refused.stdout,
        "  1. \"small\": not met: action, teams, countries\n  2. \"not there\": decides\n  3. \"by day\": not reached\n\
         deny: we do not buy in NZ, ask finance (rule \"not there\")\n"
    );
    let nobody = explain("--team sales --country NZ --monthly 1.00");
    assert_eq!((nobody.code, nobody.stdout.as_str()), (64, ""));
    assert!(nobody.stderr.contains("no team sales in the configuration"), "{}", nobody.stderr);
    let priceless = explain("--team growth --country AU");
    assert!(priceless.code == 64 && priceless.stderr.contains("--monthly"), "{}", priceless.stderr);
}

#[test]
fn the_example_of_a_table_fits_the_example_of_a_configuration() {
    let folder = folder_with_keys();
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/examples");
    for file in ["small-team.toml", "small-team-cases.toml"] {
        fs::copy(examples.join(file), folder.path().join(file)).unwrap();
    }
    let ran = run(&folder, "policy test small-team-cases.toml --config small-team.toml");
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{}", ran.stdout);
    assert!(ran.stdout.lines().count() > 2 && ran.stdout.lines().all(|line| line.starts_with("ok ")));
}
