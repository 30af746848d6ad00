//! Headers that try to choose the algorithm, the key or the rules. Signed with the key that they name.

use serde_json::json;

use super::{Attack, Keys, MACHINES, PEOPLE, STRICT};

pub(super) fn attacks(keys: &Keys) -> Vec<Attack> {
    let mut attacks = texts(keys);
    attacks.extend(types(keys));
    attacks.extend(members(keys));
    attacks
}

/// Headers word by word.
fn texts(keys: &Keys) -> Vec<Attack> {
    let mut rows = Vec::new();
    for word in
        ["none", "None", "NONE", "nOnE", "", "rs256", "RS256 ", "RS384", "RS512", "PS256", "ES256K", "HS512"]
    {
        rows.push((format!("alg: {word:?}"), "algorithm", json!({"alg": word, "kid": "rsa"}).to_string()));
    }
    for (name, rule, text) in [
        ("alg: ES256 with an RSA key", "algorithm", r#"{"alg":"ES256","kid":"rsa"}"#),
        ("alg: missing", "header", r#"{"kid":"rsa"}"#),
        ("alg: null", "header", r#"{"alg":null,"kid":"rsa"}"#),
        ("alg: a list", "header", r#"{"alg":["RS256"],"kid":"rsa"}"#),
        ("alg: a number", "header", r#"{"alg":256,"kid":"rsa"}"#),
        ("alg: there twice", "header", r#"{"alg":"none","alg":"RS256","kid":"rsa"}"#),
        ("alg: there twice, once escaped", "header", r#"{"\u0061lg":"none","alg":"RS256","kid":"rsa"}"#),
        ("alg: in capitals besides", "header", r#"{"ALG":"none","alg":"RS256","kid":"rsa"}"#),
        ("kid: unknown", "key_unknown", r#"{"alg":"RS256","kid":"other"}"#),
        ("kid: of an encryption key", "key_unknown", r#"{"alg":"RS256","kid":"enc"}"#),
        ("kid: of another algorithm's key", "algorithm", r#"{"alg":"RS256","kid":"ec"}"#),
        ("kid: a file", "key_unknown", r#"{"alg":"RS256","kid":"../../../../dev/null"}"#),
        ("kid: SQL", "key_unknown", r#"{"alg":"RS256","kid":"x' UNION SELECT 'AA' --"}"#),
        ("kid: a command", "key_unknown", r#"{"alg":"RS256","kid":"rsa|id"}"#),
        ("kid: an address", "key_unknown", r#"{"alg":"RS256","kid":"https://evil.example/key"}"#),
        ("kid: in capitals", "key_unknown", r#"{"alg":"RS256","kid":"RSA"}"#),
        ("kid: empty", "key_id", r#"{"alg":"RS256","kid":""}"#),
        ("kid: with a NUL", "key_id", r#"{"alg":"RS256","kid":"rsa\u0000"}"#),
        ("kid: two lines", "key_id", r#"{"alg":"RS256","kid":"rsa\nfake log line"}"#),
        ("kid: not ASCII", "key_id", r#"{"alg":"RS256","kid":"rsä"}"#),
        ("kid: null", "header", r#"{"alg":"RS256","kid":null}"#),
        ("kid: a number", "header", r#"{"alg":"RS256","kid":1}"#),
        ("kid: a list", "header", r#"{"alg":"RS256","kid":["rsa"]}"#),
        ("kid: there twice", "header", r#"{"alg":"RS256","kid":"other","kid":"rsa"}"#),
        ("header: a list", "header", r#"["RS256","rsa"]"#),
        ("header: a text", "header", r#""RS256""#),
        ("header: null", "header", "null"),
        ("header: empty object", "header", "{}"),
        ("header: two documents", "header", r#"{"alg":"RS256","kid":"rsa"}{}"#),
        ("header: a byte order mark", "header", "\u{feff}{\"alg\":\"RS256\",\"kid\":\"rsa\"}"),
    ] {
        rows.push((name.to_owned(), rule, text.to_owned()));
    }
    let long = "k".repeat(257);
    rows.push(("kid: 257 characters".to_owned(), "key_id", json!({"alg": "RS256", "kid": long}).to_string()));
    let large = json!({"alg": "RS256", "kid": "rsa", "x5t": "a".repeat(1024)}).to_string();
    rows.push(("header: larger than 1 KiB".to_owned(), "header", large));
    let claims = keys.claims(PEOPLE).to_string();
    let signed = |(name, rule, header): (String, &'static str, String)| {
        let token = keys.rsa.token(&header, &claims);
        Attack { name, rule, token }
    };
    rows.into_iter().map(signed).collect()
}

fn types(keys: &Keys) -> Vec<Attack> {
    let mut attacks = Vec::new();
    let claims = keys.claims(PEOPLE).to_string();
    for typ in
        ["", "jwt", "JWE", "JOSE", "AT+JWT", "application/at+jwt", "dpop+jwt", "logout+jwt", "secevent+jwt"]
    {
        let header = json!({"alg": "RS256", "kid": "rsa", "typ": typ}).to_string();
        let token = keys.rsa.token(&header, &claims);
        attacks.push(Attack { name: format!("typ: {typ:?}"), rule: "type", token });
    }
    let header = r#"{"alg":"RS256","kid":"rsa","typ":null}"#;
    attacks.push(Attack {
        name: "typ: null".to_owned(),
        rule: "header",
        token: keys.rsa.token(header, &claims),
    });
    let claims = keys.claims(STRICT).to_string();
    for (name, header) in [
        ("typ: JWT where the issuer says at+jwt", r#"{"alg":"ES256","kid":"ec","typ":"JWT"}"#),
        ("typ: absent where the issuer says at+jwt", r#"{"alg":"ES256","kid":"ec"}"#),
    ] {
        let token = keys.ec.token(header, &claims);
        attacks.push(Attack { name: name.to_owned(), rule: "type", token });
    }
    attacks
}

/// Members that other readers act on.
fn members(keys: &Keys) -> Vec<Attack> {
    let own_key = keys.nobodys.jwk(&json!({"kid": "rsa", "alg": "RS256"}));
    let claims = keys.claims(PEOPLE).to_string();
    let mut attacks = Vec::new();
    for (name, member, value) in [
        ("jwk: the attacker's key", "jwk", own_key),
        ("jku: the attacker's set", "jku", json!("https://evil.example/keys")),
        ("x5u: the attacker's certificate", "x5u", json!("https://evil.example/certificate")),
        ("x5c: the attacker's chain", "x5c", json!(["MIIB"])),
        ("x5t: a number", "x5t", json!(7)),
        ("crit: what we know", "crit", json!(["exp"])),
        ("crit: what we do not know", "crit", json!(["x-unknown"])),
        ("crit: empty", "crit", json!([])),
        ("b64: false", "b64", json!(false)),
        ("b64: true", "b64", json!(true)),
        ("zip: DEF", "zip", json!("DEF")),
        ("enc: A256GCM", "enc", json!("A256GCM")),
        ("cty: JWT", "cty", json!("JWT")),
        ("epk: a key", "epk", json!({"kty": "EC"})),
        ("p2c: a billion", "p2c", json!(1_000_000_000)),
        ("nonce: of Microsoft Graph", "nonce", json!("AQABAAAAAAD")),
        ("iss: in the header", "iss", json!(PEOPLE)),
        ("role: in the header", "role", json!("administrator")),
        ("__proto__: an object", "__proto__", json!({"alg": "none"})),
    ] {
        for (whose, forge) in [("right key", &keys.rsa), ("attacker's key", &keys.nobodys)] {
            let header = json!({"alg": "RS256", "kid": "rsa", member: value}).to_string();
            let name = format!("{name} ({whose})");
            attacks.push(Attack { name, rule: "header", token: forge.token(&header, &claims) });
        }
    }
    let machines = keys.claims(MACHINES).to_string();
    let other_kid = keys.ed.token(r#"{"alg":"EdDSA","kid":"other"}"#, machines);
    attacks.push(Attack {
        name: "kid: not the configured one".to_owned(),
        rule: "key_unknown",
        token: other_kid,
    });
    attacks
}
