//! Values that are right alone and wrong together.

use super::{ISSUER, faults, loaded};

const BUDGET: &str = "[budget]\ncurrency = \"AUD\"\nspend_per_month = \"100.00\"\n";
const ALLOW: &str = "[[policy.rules]]\nname = \"all\"\nwhen = { action = \"buy\" }\nthen = \"allow\"\n";
const APPROVE: &str =
    "[[policy.rules]]\nname = \"ask\"\nwhen = { action = \"buy\" }\nthen = { approvals = 1 }\n";

#[test]
fn keys_that_contradict_each_other_are_told_at_the_one_to_change() {
    for (text, expected) in [
        (
            "ops.listen = \"0.0.0.0:8080\"",
            r#"t.toml:1:14: ops.listen = "0.0.0.0:8080": takes the address of server.listen, 127.0.0.1:8080; write another port: the operators' listener is never public"#,
        ),
        (
            "server.drain_grace = \"20s\"",
            r#"t.toml:1:22: server.drain_grace = "20s": not longer than upstream.buy_timeout: a stop could cut off a purchase; write more than 20s"#,
        ),
        (
            "server.tls.key_file = \"Cargo.toml\"",
            r#"t.toml:1:23: server.tls.key_file = "Cargo.toml": a key without its certificate; set certificate_file and key_file, or neither for plain HTTP behind a proxy"#,
        ),
        (
            "server.tls.certificate_file = \"Cargo.toml\"",
            r#"t.toml:1:31: server.tls.certificate_file = "Cargo.toml": a certificate without its key; set certificate_file and key_file, or neither for plain HTTP behind a proxy"#,
        ),
        (
            "upstream.base_url = \"https://rest.clicksend.com/v3/\"",
            r#"t.toml:1:21: upstream.base_url = "https://rest.clicksend.com/v3/": ends in /v3; leave /v3 out, the gateway adds it"#,
        ),
        (
            "upstream.base_url = \"http://rest.clicksend.com\"",
            r#"t.toml:1:21: upstream.base_url = "http://rest.clicksend.com": would send the API key in the clear to another machine; write an https URL, or set upstream.allow_plain_http = true"#,
        ),
        (
            "upstream.username = \"ann\"",
            r#"t.toml:1:21: upstream.username = "ann": a username without its API key; set upstream.username and one of upstream.api_key and upstream.api_key_file"#,
        ),
        (
            "upstream.api_key = \"k\"",
            "t.toml:1:20: upstream.api_key = [redacted]: an API key without its username; set upstream.username and one of upstream.api_key and upstream.api_key_file",
        ),
        (
            "purchases.absence_window = \"99s\"",
            r#"t.toml:1:28: purchases.absence_window = "99s": shorter than 4 times upstream.connect_timeout and upstream.buy_timeout together; write 100s or more"#,
        ),
        (
            "cache = { fresh_for = \"60s\", stale_for = \"59s\" }",
            r#"t.toml:1:42: cache.stale_for = "59s": shorter than cache.fresh_for; write 60s or more"#,
        ),
        (
            "teams.growth.registration_profile = \"acme\"",
            r#"t.toml:1:37: teams.growth.registration_profile = "acme": no such registration profile; write one of []"#,
        ),
    ] {
        assert_eq!(faults(text), expected, "of the text\n{text}");
    }
}

#[test]
fn a_look_alike_on_this_machine_needs_neither_encryption_nor_a_long_window() {
    let text = "upstream.base_url = \"http://127.0.0.1:9000\"\npurchases.absence_window = \"10s\"\n";
    assert_eq!(faults(text), "");
    assert_eq!(faults("upstream.base_url = \"http://x.example\"\nupstream.allow_plain_http = true"), "");
}

#[test]
fn issuers_are_told_apart() {
    let rest = "discover = true\nalgorithms = [\"ES256\"]\n";
    let told = faults(&format!("{ISSUER}{rest}{ISSUER}{rest}team_map = {{ x = \"sales\" }}\n"));
    assert_eq!(
        told,
        "t.toml:10:8: auth.issuers[1].name = \"sso\": the name of an earlier issuer; name each issuer once\n\
         t.toml:11:10: auth.issuers[1].issuer = \"https://login.example.com\": with an audience that \"sso\" has too: a token would belong to both; give each its own issuer or its own audience\n\
         t.toml:15:18: auth.issuers[1].team_map.x = \"sales\": no such team: sales; write one of [], or add [teams.sales]"
    );
}

#[test]
fn buying_needs_a_currency_and_a_budget() {
    assert_eq!(
        faults(&format!("[teams.growth]\n{ALLOW}")),
        "t.toml:5:8: policy.rules[0].then = \"allow\": lets buy while budget.currency is not set; set budget.currency to the currency of the ClickSend account, like \"AUD\"\n\
         t.toml:5:8: policy.rules[0].then = \"allow\": allows buying without a budget of growth; set spend_per_month of the team or of [budget], to an amount or \"unlimited\""
    );
    assert_eq!(
        faults(&format!(
            "budget.currency = \"AUD\"\n[teams.growth]\n[teams.sales]\nbudget = {{ spend_per_month = \"1.00\" }}\n{ALLOW}"
        )),
        "t.toml:8:8: policy.rules[0].then = \"allow\": allows buying without a budget of growth; set spend_per_month of the team or of [budget], to an amount or \"unlimited\""
    );
    assert_eq!(
        faults(&format!("budget.currency = \"AUD\"\n{ALLOW}")),
        "t.toml:5:8: policy.rules[0].then = \"allow\": allows buying without any budget; set spend_per_month of the team or of [budget], to an amount or \"unlimited\""
    );
    for enough in [
        format!("{BUDGET}[teams.growth]\n{ALLOW}"),
        format!("[budget]\ncurrency = \"AUD\"\nspend_per_month = \"unlimited\"\n[teams.growth]\n{ALLOW}"),
        format!("budget.currency = \"AUD\"\n[teams.growth.budget]\nspend_per_month = \"1.00\"\n{ALLOW}"),
        format!("[teams.growth]\n{}", ALLOW.replace("buy", "register")),
    ] {
        assert_eq!(faults(&enough), "", "{enough}");
    }
}

#[test]
fn approvals_need_somebody_who_may_approve() {
    let issuer = format!("{ISSUER}discover = true\nalgorithms = [\"ES256\"]\n");
    let told = faults(&format!("{BUDGET}{APPROVE}{issuer}"));
    assert_eq!(
        told,
        "t.toml:7:8: policy.rules[0].then: asks for approvals that no issuer's tokens may give; set may_approve = true on the issuer of people's tokens"
    );
    assert_eq!(faults(&format!("{BUDGET}{APPROVE}{issuer}may_approve = true\n")), "");
}

#[test]
fn rules_name_teams_that_are_there_and_have_names_of_their_own() {
    let told = faults(
        "[teams.growth]\n[[policy.rules]]\nname = \"r\"\nwhen = { teams = [\"growth\", \"sales\", \"ops\"] }\nthen = { deny = \"no\" }\n\
         [[policy.rules]]\nname = \"r\"\nwhen = {}\nthen = { deny = \"no\" }\n",
    );
    assert_eq!(
        told,
        "t.toml:4:18: policy.rules[0].when.teams = [\"growth\", \"sales\", \"ops\"]: no such team: sales, ops; write one of [growth], or add [teams.sales, ops]\n\
         t.toml:7:8: policy.rules[1].name = \"r\": the name of an earlier rule; name each rule once"
    );
}

#[test]
fn what_is_hardly_meant_is_said_without_stopping() {
    let warnings = loaded(&format!(
        "{BUDGET}[teams.growth]\n{ALLOW}[[policy.rules]]\nname = \"late\"\nwhen = {{ action = \"buy\" }}\nthen = {{ deny = \"no\" }}\n"
    ))
    .warnings;
    assert_eq!(
        warnings,
        [
            "nobody may do anything: there is no [[auth.issuers]]",
            "serve does not start yet: upstream.username and its API key are not set",
            "rule \"late\" is never reached: \"all\" comes first",
        ]
    );
}
