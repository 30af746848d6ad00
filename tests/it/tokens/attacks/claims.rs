//! Claims that are missing, of the wrong type, there twice, or say too much. All of them are rightly signed.

use serde_json::{Value, json};

use super::{AUDIENCE, Attack, GOOD_HEADER, Keys, MACHINES, PEOPLE};

pub(super) fn attacks(keys: &Keys) -> Vec<Attack> {
    let groups = [missing(keys), identities(keys), times(keys), mapped(keys), denied(keys), documents(keys)];
    groups.into_iter().flatten().collect()
}

/// Good claims of people's, but this one says that.
fn saying(keys: &Keys, name: &str, value: &Value) -> String {
    let mut claims = keys.claims(PEOPLE);
    claims.as_object_mut().unwrap().insert(name.to_owned(), value.clone());
    keys.rsa.token(GOOD_HEADER, claims.to_string())
}

fn rows(keys: &Keys, rule: &'static str, claim: &str, rows: &[(&str, Value)]) -> Vec<Attack> {
    let attack = |(what, value): &(&str, Value)| Attack {
        name: format!("{claim}: {what}"),
        rule,
        token: saying(keys, claim, value),
    };
    rows.iter().map(attack).collect()
}

fn missing(keys: &Keys) -> Vec<Attack> {
    let required = [("iss", "issuer"), ("aud", "audience"), ("exp", "expiry"), ("sub", "subject")];
    let attack = |(claim, rule): (&str, &'static str)| {
        let mut claims = keys.claims(PEOPLE);
        claims.as_object_mut().unwrap().shift_remove(claim);
        let token = keys.rsa.token(GOOD_HEADER, claims.to_string());
        Attack { name: format!("{claim}: missing"), rule, token }
    };
    required.into_iter().map(attack).collect()
}

fn identities(keys: &Keys) -> Vec<Attack> {
    let many: Vec<&str> = std::iter::repeat_n(AUDIENCE, 33).collect();
    let issuers = [
        ("null", json!(null)),
        ("a number", json!(7)),
        ("true", json!(true)),
        ("empty", json!("")),
        ("a list with ours", json!([PEOPLE])),
        ("an object", json!({"iss": PEOPLE})),
        ("somebody else", json!("https://evil.example/")),
        ("without its slash", json!(PEOPLE.trim_end_matches('/'))),
        ("in capitals", json!(PEOPLE.to_uppercase())),
        ("with a space", json!(format!("{PEOPLE} "))),
        ("with a NUL", json!(format!("{PEOPLE}\0"))),
        ("as a prefix", json!(format!("{PEOPLE}.evil.example/"))),
    ];
    let audiences = [
        ("null", json!(null)),
        ("a number", json!(7)),
        ("true", json!(true)),
        ("empty", json!("")),
        ("somebody else", json!("https://graph.example")),
        ("a prefix of ours", json!("numbers")),
        ("in capitals", json!(AUDIENCE.to_uppercase())),
        ("several in one text", json!(format!("other {AUDIENCE}"))),
        ("an empty list", json!([])),
        ("a list of others", json!(["a", "b"])),
        ("a list with ours and a number", json!([AUDIENCE, 7])),
        ("a list with ours and null", json!([AUDIENCE, null])),
        ("a list in a list", json!([[AUDIENCE]])),
        ("an object", json!({AUDIENCE: true})),
        ("ours 33 times", json!(many)),
    ];
    let subjects = [
        ("null", json!(null)),
        ("a number", json!(7)),
        ("a list", json!(["ann"])),
        ("an object", json!({"sub": "ann"})),
        ("empty", json!("")),
        ("two lines", json!("ann\nroot")),
        ("with a NUL", json!("ann\0")),
        ("turned around", json!("nna\u{202e}")),
        ("with a hidden letter", json!("an\u{200b}n")),
        ("256 characters", json!("a".repeat(256))),
    ];
    let mut attacks = rows(keys, "issuer", "iss", &issuers);
    attacks.extend(rows(keys, "audience", "aud", &audiences));
    attacks.extend(rows(keys, "subject", "sub", &subjects));
    attacks.extend(rows(keys, "algorithm", "iss", &[("another issuer of ours", json!(MACHINES))]));
    attacks
}

fn times(keys: &Keys) -> Vec<Attack> {
    let now = keys.now;
    let wrong = [
        ("null", json!(null)),
        ("a text", json!((now + 600).to_string())),
        ("a fraction", json!(1_900_000_000.5)),
        ("a float", json!(1_900_000_000.0)),
        ("a list", json!([now])),
        ("an object", json!({})),
        ("true", json!(true)),
        ("beyond 64 bits", json!(u64::MAX)),
    ];
    let mut attacks = Vec::new();
    for (claim, rule) in [("exp", "expiry"), ("nbf", "not_before"), ("iat", "issued_at")] {
        attacks.extend(rows(keys, rule, claim, &wrong));
    }
    let over = [
        ("passed a minute ago", json!(now - 60)),
        ("zero", json!(0)),
        ("negative", json!(-1)),
        ("the smallest integer", json!(i64::MIN)),
    ];
    attacks.extend(rows(keys, "expired", "exp", &over));
    let long = [("in two days", json!(now + 48 * 3600)), ("the largest integer", json!(i64::MAX))];
    attacks.extend(rows(keys, "lifetime", "exp", &long));
    let old = [("long ago, for a life too long", json!(now - 48 * 3600)), ("zero", json!(0))];
    attacks.extend(rows(keys, "lifetime", "iat", &old));
    let to_come = [("in five minutes", json!(now + 300)), ("the largest integer", json!(i64::MAX))];
    attacks.extend(rows(keys, "not_before", "nbf", &to_come));
    attacks.extend(rows(keys, "issued_at", "iat", &to_come));
    attacks
}

/// What becomes rights, names and actors.
fn mapped(keys: &Keys) -> Vec<Attack> {
    let no_words = [
        ("null", json!(null)),
        ("a number", json!(7)),
        ("an object", json!({"administrator": true})),
        ("a list with a number", json!(["administrator", 7])),
        ("a list in a list", json!([["administrator"]])),
    ];
    let mut attacks = rows(keys, "roles", "roles", &no_words);
    attacks.extend(rows(keys, "team", "team", &no_words));
    let no_line = [("a number", json!(7)), ("two lines", json!("Ann\r\nX-Admin: 1"))];
    attacks.extend(rows(keys, "profile", "name", &no_line));
    attacks.extend(rows(keys, "profile", "email", &no_line));
    attacks.extend(rows(keys, "token_id", "jti", &[("a number", json!(7)), ("empty", json!(""))]));
    let nobody = [
        ("a text", json!("crm")),
        ("a list", json!(["crm"])),
        ("an empty object", json!({})),
        ("of a number", json!({"sub": 7})),
        ("of an issuer that is a number", json!({"sub": "crm", "iss": 7})),
    ];
    attacks.extend(rows(keys, "actor", "act", &nobody));
    attacks
}

fn denied(keys: &Keys) -> Vec<Attack> {
    let mut attacks = rows(keys, "denied", "jti", &[("denied", json!("stolen"))]);
    attacks.extend(rows(keys, "denied", "sub", &[("denied", json!("mallory"))]));
    attacks.extend(rows(keys, "denied", "act", &[("denied", json!({"sub": "mallory"}))]));
    attacks
}

/// Claims that are no JSON object with unique keys.
fn documents(keys: &Keys) -> Vec<Attack> {
    let good = keys.claims(PEOPLE).to_string();
    let rest = good.trim_start_matches('{');
    let mut texts: Vec<(String, Vec<u8>)> = ["iss", "aud", "exp", "sub", "iat", "roles", "team"]
        .map(|claim| (format!("{claim}: there twice"), format!(r#"{{"{claim}":"x",{rest}"#).into_bytes()))
        .into();
    let deep = format!(r#"{{"x":{}{},{rest}"#, "[".repeat(17), "]".repeat(17));
    for (name, text) in [
        ("roles: there twice, once escaped", format!(r#"{{"rol\u0065s":["viewer"],{rest}"#)),
        ("claims: a key twice further down", format!(r#"{{"x":{{"y":1,"y":2}},{rest}"#)),
        ("claims: a list", format!("[{good}]")),
        ("claims: a text", json!(good).to_string()),
        ("claims: null", "null".to_owned()),
        ("claims: two documents", good.repeat(2)),
        ("claims: a comma at the end", good.replace('}', ",}")),
        ("claims: a comment", format!("/* */{good}")),
        ("claims: a byte order mark", format!("\u{feff}{good}")),
        ("claims: NaN", format!(r#"{{"x":NaN,{rest}"#)),
        ("claims: half a character", format!(r#"{{"x":"\ud800",{rest}"#)),
        ("claims: a line break in a text", format!("{{\"x\":\"\n\",{rest}")),
        ("claims: deeper than sixteen", deep),
    ] {
        texts.push((name.to_owned(), text.into_bytes()));
    }
    let not_utf8 = [b"{\"x\":\"\xff\",", rest.as_bytes()].concat();
    texts.push(("claims: not UTF-8".to_owned(), not_utf8));
    let signed = |(name, text): (String, Vec<u8>)| {
        let token = keys.rsa.token(GOOD_HEADER, text);
        Attack { name, rule: "claims", token }
    };
    texts.into_iter().map(signed).collect()
}
