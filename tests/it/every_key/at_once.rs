//! The keys that take effect at once: each is changed, named in the evidence, and seen to be in force; then it is put back.

use std::collections::BTreeSet;

use super::running::{Look, Running, named};

/// Keys that are changed together, and what is seen of them.
struct Case {
    keys: &'static [&'static str],
    usual: &'static str,
    other: &'static str,
    look: Look,
    before: &'static str,
    after: &'static str,
}

const AMY: &str = "amy Amy Lee [[growth,Growth]] [requester,approver] decides: true";
const NZ: &str = r#"{"country": "NZ", "type": "sms", "setup": "1.00", "monthly": "2.00"}"#;
const DENIED: &str = "deny tried not there unmet: []";
const ACME: &str = r#"{"business_name":"Acme Pty Ltd","business_address":"1 Example Street","suburb":"Perth","postcode":"6000","state":"WA","contact_name":"Ann Lee","contact_number":"+61491570156","country":"AU"}"#;
const WHEN: &str = r#"when = { action = "buy", countries = ["NZ"]"#;

const fn me(
    keys: &'static [&'static str],
    usual: &'static str,
    other: &'static str,
    after: &'static str,
) -> Case {
    Case { keys, usual, other, look: Look::Me, before: AMY, after }
}

/// A condition that the request of New Zealand does not meet, so that another rule decides.
const fn when(keys: &'static [&'static str], other: &'static str, after: &'static str) -> Case {
    Case { keys, usual: WHEN, other, look: Look::Verdict(NZ), before: DENIED, after }
}

const fn flood(
    keys: &'static [&'static str],
    limit: &'static str,
    usual: &'static str,
    other: &'static str,
    after: &'static str,
) -> Case {
    Case { keys, usual, other, look: Look::Flood(limit), before: "none", after }
}

const TOKENS: &[Case] = &[
    me(&["auth.denied_ids"], "denied_ids = []", r#"denied_ids = ["the-token"]"#, "401"),
    me(&["auth.denied_subjects"], "denied_subjects = []", r#"denied_subjects = ["amy"]"#, "401"),
    me(
        &["auth.issuers[].issuer"],
        r#"issuer = "https://test.example""#,
        r#"issuer = "https://no.example""#,
        "401",
    ),
    me(
        &["auth.issuers[].audience"],
        r#"audience = "numbers-gateway""#,
        r#"audience = "somebody-else""#,
        "401",
    ),
    me(
        &["auth.issuers[].token_type"],
        "\nmay_approve = true",
        "\nmay_approve = true\ntoken_type = \"at+jwt\"",
        "401",
    ),
    me(
        &["auth.issuers[].max_lifetime"],
        "\nmay_approve = true",
        "\nmay_approve = true\nmax_lifetime = \"9m\"",
        "401",
    ),
    me(
        &[
            "auth.issuers[].claims.subject",
            "auth.issuers[].claims.team",
            "auth.issuers[].claims.roles",
            "auth.issuers[].claims.name",
        ],
        "\nmay_approve = true",
        "\nmay_approve = true\nclaims = { subject = \"sub2\", team = \"team2\", roles = \"roles2\", name = \"name2\" }",
        "eve Eve Ray [[support,support]] [viewer] decides: false",
    ),
    Case {
        keys: &["auth.issuers[].claims.email"],
        usual: "\nmay_approve = true",
        other: "\nmay_approve = true\nclaims = { email = \"email2\" }",
        look: Look::Email,
        before: "amy@example.com",
        after: "eve@example.com",
    },
    me(
        &["auth.issuers[].role_map.*"],
        "\nmay_approve = true",
        "\nmay_approve = true\nrole_map = { approver = \"finance\" }",
        "amy Amy Lee [[growth,Growth]] [requester,finance] decides: false",
    ),
    me(
        &["auth.issuers[].team_map.*"],
        "\nmay_approve = true",
        "\nmay_approve = true\nteam_map = { growth = \"support\" }",
        "amy Amy Lee [[support,support]] [requester,approver] decides: true",
    ),
    me(
        &["auth.issuers[].roles_allowed"],
        "\nmay_approve = true",
        "\nmay_approve = true\nroles_allowed = [\"requester\"]",
        "amy Amy Lee [[growth,Growth]] [requester] decides: false",
    ),
    me(
        &["auth.issuers[].may_approve"],
        "\nmay_approve = true",
        "\nmay_approve = false",
        "amy Amy Lee [[growth,Growth]] [requester,approver] decides: false",
    ),
    Case {
        keys: &[
            "auth.issuers[].jwks_url",
            "auth.issuers[].ca_file",
            "auth.issuers[].algorithms",
            "auth.issuers[].secret_file",
        ],
        usual: "secret_file = \"%folder%/secret\"\nalgorithms = [\"HS256\"]",
        other: "jwks_url = \"%jwks%\"\nca_file = \"%root%\"\nalgorithms = [\"ES256\"]",
        look: Look::Far,
        before: "401",
        after: "200",
    },
    Case {
        keys: &["auth.issuers[].name"],
        usual: "name = \"test\"",
        other: "name = \"renamed\"",
        look: Look::Issuers,
        before: "other test",
        after: "other renamed",
    },
];

const MONEY: &[Case] = &[
    Case {
        keys: &["budget.spend_per_month"],
        usual: "\nspend_per_month = \"7000.00\"",
        other: "\nspend_per_month = \"7001.00\"",
        look: Look::Budget(None),
        before: "7000.00 6000.00",
        after: "7001.00 6000.00",
    },
    Case {
        keys: &["budget.recurring_per_month"],
        usual: "\nrecurring_per_month = \"6000.00\"",
        other: "\nrecurring_per_month = \"unlimited\"",
        look: Look::Budget(None),
        before: "7000.00 6000.00",
        after: "7000.00 -",
    },
    Case {
        keys: &["teams.*.budget.spend_per_month"],
        usual: "spend_per_month = \"9000.00\"",
        other: "spend_per_month = \"9001.00\"",
        look: Look::Budget(Some("growth")),
        before: "9000.00 8000.00",
        after: "9001.00 8000.00",
    },
    Case {
        keys: &["teams.*.budget.recurring_per_month"],
        usual: "recurring_per_month = \"8000.00\"",
        other: "recurring_per_month = \"8001.00\"",
        look: Look::Budget(Some("growth")),
        before: "9000.00 8000.00",
        after: "9000.00 8001.00",
    },
    me(
        &["teams.*.name"],
        "name = \"Growth\"",
        "name = \"Larger\"",
        "amy Amy Lee [[growth,Larger]] [requester,approver] decides: true",
    ),
    Case {
        keys: &["teams.*.cost_center"],
        usual: "name = \"Growth\"",
        other: "name = \"Growth\"\ncost_center = \"4711\"",
        look: Look::CostCenter,
        before: "null",
        after: "\"4711\"",
    },
    Case {
        keys: &["teams.*.registration_profile"],
        usual: "registration_profile = \"acme\"\n",
        other: "registration_profile = \"\"\n",
        look: Look::Registered,
        before: ACME,
        after: "null",
    },
    Case {
        keys: &[
            "registration_profiles.*.business_name",
            "registration_profiles.*.business_address",
            "registration_profiles.*.suburb",
            "registration_profiles.*.postcode",
            "registration_profiles.*.state",
            "registration_profiles.*.contact_name",
            "registration_profiles.*.contact_number",
            "registration_profiles.*.country",
        ],
        usual: "business_name = \"Acme Pty Ltd\"\nbusiness_address = \"1 Example Street\"\nsuburb = \"Perth\"\npostcode = \"6000\"\n\
                state = \"WA\"\ncontact_name = \"Ann Lee\"\ncontact_number = \"+61491570156\"\ncountry = \"AU\"",
        other: "business_name = \"Other Ltd\"\nbusiness_address = \"2 Other Street\"\nsuburb = \"Sydney\"\npostcode = \"2000\"\n\
                state = \"NSW\"\ncontact_name = \"Ben Ray\"\ncontact_number = \"+61491570157\"\ncountry = \"NZ\"",
        look: Look::Registered,
        before: ACME,
        after: r#"{"business_name":"Other Ltd","business_address":"2 Other Street","suburb":"Sydney","postcode":"2000","state":"NSW","contact_name":"Ben Ray","contact_number":"+61491570157","country":"NZ"}"#,
    },
];

const RULES: &[Case] = &[
    Case {
        keys: &["policy.rules[].name"],
        usual: "name = \"not in GB\"",
        other: "name = \"never in GB\"",
        look: Look::Verdict(r#"{"country": "GB", "setup": "1.00", "monthly": "2.00"}"#),
        before: "deny not in GB we do not buy in GB unmet: [countries]",
        after: "deny never in GB we do not buy in GB unmet: [countries]",
    },
    when(
        &["policy.rules[].when.action"],
        r#"when = { action = "register", countries = ["NZ"]"#,
        "allow up to 25 null unmet: [action]",
    ),
    when(
        &["policy.rules[].when.teams"],
        r#"when = { teams = ["support"], action = "buy", countries = ["NZ"]"#,
        "allow up to 25 null unmet: [teams]",
    ),
    when(
        &["policy.rules[].when.roles"],
        r#"when = { roles = ["viewer"], action = "buy", countries = ["NZ"]"#,
        "allow up to 25 null unmet: [roles]",
    ),
    when(
        &["policy.rules[].when.countries"],
        r#"when = { action = "buy", countries = ["US"]"#,
        "allow up to 25 null unmet: [countries]",
    ),
    when(
        &["policy.rules[].when.types"],
        r#"when = { types = ["voice"], action = "buy", countries = ["NZ"]"#,
        "allow up to 25 null unmet: [types]",
    ),
    when(
        &["policy.rules[].when.max_setup"],
        r#"when = { max_setup = "0.50", action = "buy", countries = ["NZ"]"#,
        "allow up to 25 null unmet: [max_setup]",
    ),
    when(
        &["policy.rules[].when.max_monthly"],
        r#"when = { max_monthly = "0.50", action = "buy", countries = ["NZ"]"#,
        "allow up to 25 null unmet: [max_monthly]",
    ),
    when(
        &["policy.rules[].when.max_total"],
        r#"when = { max_total = "0.50", action = "buy", countries = ["NZ"]"#,
        "allow up to 25 null unmet: [max_total]",
    ),
    when(
        &["policy.rules[].when.min_budget_left"],
        r#"when = { min_budget_left = "99999.00", action = "buy", countries = ["NZ"]"#,
        "allow up to 25 null unmet: [min_budget_left]",
    ),
    when(
        &["policy.rules[].when.hours"],
        r#"when = { hours = "%another_hour%", action = "buy", countries = ["NZ"]"#,
        "allow up to 25 null unmet: [hours]",
    ),
    when(
        &["policy.rules[].when.days"],
        r#"when = { days = ["%another_day%"], action = "buy", countries = ["NZ"]"#,
        "allow up to 25 null unmet: [days]",
    ),
    Case {
        keys: &["policy.rules[].when.number_types"],
        usual: "number_types = [\"10dlc\"]",
        other: "number_types = [\"tollfree\"]",
        look: Look::Verdict(r#"{"action": "register", "country": "CA", "number_type": "10dlc"}"#),
        before: "allow 10DLC null unmet: [action,countries]",
        after: "deny null no policy rule allows it unmet: [action,countries]",
    },
    Case {
        keys: &["policy.rules[].then.deny"],
        usual: "deny = \"not there\"",
        other: "deny = \"nowhere\"",
        look: Look::Verdict(NZ),
        before: DENIED,
        after: "deny tried nowhere unmet: []",
    },
    Case {
        keys: &["policy.rules[].then", "policy.rules[].then.deny"],
        usual: "then = { deny = \"not there\" }",
        other: "then = \"allow\"",
        look: Look::Verdict(NZ),
        before: DENIED,
        after: "allow tried null unmet: []",
    },
    Case {
        keys: &[
            "policy.rules[].then.approvals",
            "policy.rules[].then.from_role",
            "policy.rules[].then.from_team",
            "policy.rules[].then.expires_after",
            "policy.rules[].then.require",
        ],
        usual: "approvals = 1, from_role = \"approver\", from_team = \"same\", expires_after = \"72h\", require = []",
        other: "approvals = 2, from_role = \"administrator\", from_team = \"any\", expires_after = \"1h\", require = [\"reference\"]",
        look: Look::Rule("looked at"),
        before: "{approvals:{expires_after_s:259200,require:[],stages:[{approvals:1,role:approver,team:same}]}}",
        after: "{approvals:{expires_after_s:3600,require:[reference],stages:[{approvals:2,role:administrator,team:any}]}}",
    },
    Case {
        keys: &["policy.rules[].then.approvals[].role", "policy.rules[].then.approvals[].team"],
        usual: "approvals = [ { role = \"approver\", team = \"same\" } ]",
        other: "approvals = [ { role = \"administrator\", team = \"any\" } ]",
        look: Look::Rule("looked at twice"),
        before: "{approvals:{expires_after_s:259200,require:[],stages:[{approvals:1,role:approver,team:same}]}}",
        after: "{approvals:{expires_after_s:259200,require:[],stages:[{approvals:1,role:administrator,team:any}]}}",
    },
];

const LIMITS: &[Case] = &[
    flood(
        &["limits.addresses.per_second", "limits.addresses.burst"],
        "addresses",
        "addresses = { per_second = 10000, burst = 10000 }",
        "addresses = { per_second = 1, burst = 2 }",
        "addresses;q=2;w=2",
    ),
    flood(
        &["limits.reads.per_second", "limits.reads.burst"],
        "reads",
        "reads = { per_second = 1000, burst = 1000 }",
        "reads = { per_second = 1, burst = 2 }",
        "reads;q=2;w=2",
    ),
    flood(
        &["limits.misses.per_minute", "limits.misses.burst"],
        "misses",
        "misses = { per_minute = 1000, burst = 1000 }",
        "misses = { per_minute = 1, burst = 2 }",
        "misses;q=2;w=120",
    ),
    flood(
        &["limits.writes.per_minute", "limits.writes.burst"],
        "writes",
        "writes = { per_minute = 1000, burst = 1000 }",
        "writes = { per_minute = 1, burst = 2 }",
        "writes;q=2;w=120",
    ),
    flood(
        &["limits.decisions.per_minute", "limits.decisions.burst"],
        "decisions",
        "decisions = { per_minute = 1000, burst = 1000 }",
        "decisions = { per_minute = 1, burst = 2 }",
        "decisions;q=2;w=120",
    ),
    Case {
        keys: &["limits.purchases_per_day.team"],
        usual: "team = 1000 }",
        other: "team = 1 }",
        look: Look::Buy,
        before: "200 SUCCESS",
        after: "403 DAY_LIMIT_REACHED",
    },
    Case {
        keys: &["limits.purchases_per_day.subject"],
        usual: "subject = 1000,",
        other: "subject = 1,",
        look: Look::Buy,
        before: "200 SUCCESS",
        after: "403 DAY_LIMIT_REACHED",
    },
];

const CREDENTIALS: &[Case] = &[
    Case {
        keys: &["upstream.username"],
        usual: "username = \"simulator\"",
        other: "username = \"somebody\"",
        look: Look::Known,
        before: "200 SUCCESS",
        after: "502 UPSTREAM_CREDENTIALS_REFUSED",
    },
    Case {
        keys: &["upstream.api_key"],
        usual: "api_key = \"simulator-key\"",
        other: "api_key = \"another-key\"",
        look: Look::Known,
        before: "200 SUCCESS",
        after: "502 UPSTREAM_CREDENTIALS_REFUSED",
    },
    Case {
        keys: &["upstream.api_key", "upstream.api_key_file"],
        usual: "api_key = \"simulator-key\"",
        other: "api_key_file = \"%folder%/another-key\"",
        look: Look::Known,
        before: "200 SUCCESS",
        after: "502 UPSTREAM_CREDENTIALS_REFUSED",
    },
];

/// Every key that is listed here.
pub(super) fn keys() -> impl Iterator<Item = &'static str> {
    let all = [TOKENS, MONEY, RULES, LIMITS, CREDENTIALS];
    let keys: BTreeSet<&str> =
        all.iter().flat_map(|cases| cases.iter()).flat_map(|case| case.keys).copied().collect();
    keys.into_iter()
}

async fn each_takes_effect(cases: &[Case]) {
    let running = Running::start().await;
    let usual = running.stage.configuration();
    for case in cases {
        let (from, to) = (running.filled(case.usual), another_time(&running.filled(case.other)));
        assert_eq!(usual.matches(&from).count(), 1, "{from}");
        running.becomes(case.look, case.before).await;
        let details = running.put(&usual.replace(&from, &to)).await;
        assert_eq!(named(&details, "keys"), case.keys.iter().map(|key| (*key).to_owned()).collect(), "{to}");
        running.becomes(case.look, case.after).await;
        running.put(&usual).await;
        running.becomes(case.look, case.before).await;
    }
    running.end().await;
}

/// An hour and a day that are not now, nor soon, in UTC.
fn another_time(text: &str) -> String {
    let now = jiff::Timestamp::now().to_zoned_datetime(jiff::tz::TimeZone::UTC);
    let hours = if now.hour() < 12 { "20:00-21:00" } else { "05:00-06:00" };
    let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let today = now.strftime("%a").to_string().to_lowercase();
    let today = days.iter().position(|day| *day == today).unwrap();
    text.replace("%another_hour%", hours).replace("%another_day%", days[(today + 3) % 7])
}

#[tokio::test]
async fn whose_tokens_are_believed_follows_the_file_key_by_key() {
    each_takes_effect(TOKENS).await;
}

#[tokio::test]
async fn teams_budgets_and_profiles_follow_the_file_key_by_key() {
    each_takes_effect(MONEY).await;
}

#[tokio::test]
async fn rules_follow_the_file_key_by_key() {
    each_takes_effect(RULES).await;
}

#[tokio::test]
async fn limits_follow_the_file_key_by_key() {
    each_takes_effect(LIMITS).await;
}

#[tokio::test]
async fn credentials_follow_the_file_key_by_key() {
    each_takes_effect(CREDENTIALS).await;
}
