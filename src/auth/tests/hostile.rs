//! Tokens that must not pass.

use jsonwebtoken::EncodingKey;
use serde_json::{Value, json};

use super::forge::{AUDIENCE, Door, ED, Files, ISSUER, NOW, OTHER_RSA, RSA, claims, options, set_of};
use crate::auth::{Algorithm, KeySource, Reason, Refusal, TokenType};

/// Tries a claim in every wrong way, as the reason it must be refused for.
async fn assert_refused(reason: Reason, name: &str, values: &[Value]) {
    let door = Door::of(&ED);
    for value in values {
        let mut claims = claims(&json!({}));
        claims.as_object_mut().unwrap().insert(name.to_owned(), value.clone());
        let token = ED.token(&ED.header("k"), &claims.to_string());
        assert_eq!(door.reason(&token).await, Some(reason), "{name} = {value}");
    }
}

#[tokio::test]
async fn a_required_claim_may_not_be_missing() {
    let door = Door::of(&ED);
    for (name, reason) in [
        ("iss", Reason::Issuer),
        ("aud", Reason::Audience),
        ("exp", Reason::Expiry),
        ("sub", Reason::Subject),
    ] {
        assert_eq!(door.reason(&ED.good("k", &json!({name: null}))).await, Some(reason), "{name}");
    }
}

#[tokio::test]
async fn the_issuer_is_one_string_exactly() {
    let others = [
        json!(null),
        json!([ISSUER]),
        json!([]),
        json!({"iss": ISSUER}),
        json!(7),
        json!(""),
        json!("https://login.example.com"),
        json!("https://LOGIN.example.com/"),
        json!(format!("{ISSUER} ")),
        json!(format!("{ISSUER}\u{0}")),
    ];
    assert_refused(Reason::Issuer, "iss", &others).await;
}

#[tokio::test]
async fn the_audience_is_strings_and_ours_among_them() {
    let too_many: Vec<String> = (0..33).map(|_| AUDIENCE.to_owned()).collect();
    let others = [
        json!(null),
        json!(""),
        json!("numbers-gateway "),
        json!("other"),
        json!([]),
        json!(["other"]),
        json!([AUDIENCE, 7]),
        json!([[AUDIENCE]]),
        json!({"numbers-gateway": true}),
        json!(true),
        json!(too_many),
    ];
    assert_refused(Reason::Audience, "aud", &others).await;
}

#[tokio::test]
async fn times_are_integers_and_within_bounds() {
    let no_times =
        [json!(null), json!("1800000600"), json!(1_800_000_600.5), json!([NOW]), json!(true), json!({})];
    assert_refused(Reason::Expiry, "exp", &no_times).await;
    assert_refused(Reason::Expiry, "exp", &[json!(u64::MAX), json!(1e30)]).await;
    assert_refused(Reason::NotBefore, "nbf", &no_times).await;
    assert_refused(Reason::IssuedAt, "iat", &no_times).await;
    assert_refused(Reason::Expired, "exp", &[json!(NOW - 30), json!(0), json!(-1), json!(i64::MIN)]).await;
    assert_refused(Reason::Lifetime, "exp", &[json!(NOW + 25 * 3600 + 31), json!(i64::MAX)]).await;
    assert_refused(Reason::Lifetime, "iat", &[json!(NOW - 25 * 3600), json!(0), json!(i64::MIN)]).await;
    assert_refused(Reason::NotBefore, "nbf", &[json!(NOW + 31), json!(i64::MAX)]).await;
    assert_refused(Reason::IssuedAt, "iat", &[json!(NOW + 31), json!(i64::MAX)]).await;
}

#[tokio::test]
async fn a_subject_is_printable_and_short() {
    let others = [
        json!(null),
        json!(""),
        json!(7),
        json!(["ann"]),
        json!({"sub": "ann"}),
        json!("ann\n"),
        json!("ann\u{0}"),
        json!("nna\u{202e}"),
        json!("an\u{200b}n"),
        json!("a".repeat(256)),
    ];
    assert_refused(Reason::Subject, "sub", &others).await;
    let door = Door::of(&ED);
    let longest = ED.good("k", &json!({"sub": "ä".repeat(255)}));
    assert!(door.verifier.verify(&longest).await.is_ok());
}

#[tokio::test]
async fn everything_else_we_read_has_its_type_too() {
    let no_words =
        [json!(null), json!(7), json!(true), json!({"a": "b"}), json!(["viewer", 7]), json!([["viewer"]])];
    assert_refused(Reason::Roles, "roles", &no_words).await;
    assert_refused(Reason::Team, "team", &no_words).await;
    let no_text = [json!(null), json!(7), json!(["a"]), json!("a\r\nb"), json!("a".repeat(256))];
    assert_refused(Reason::Profile, "name", &no_text).await;
    assert_refused(Reason::Profile, "email", &no_text).await;
    assert_refused(Reason::TokenId, "jti", &no_text).await;
    let nobody = [json!(null), json!("app"), json!([]), json!({}), json!({"sub": ""}), json!({"sub": 7})];
    assert_refused(Reason::Actor, "act", &nobody).await;
    assert_refused(Reason::Actor, "act", &[json!({"sub": "app", "iss": 7})]).await;
}

#[tokio::test]
async fn no_claim_stands_twice_at_any_level() {
    let door = Door::of(&ED);
    let good = claims(&json!({})).to_string();
    let names = ["iss", "aud", "exp", "nbf", "iat", "sub", "roles", "team", "jti", "act", "unknown"];
    for name in names {
        let twice = format!(r#"{{"{name}":1,"{name}":2,{}"#, &good[1..]);
        let token = ED.token(&ED.header("k"), &twice);
        assert_eq!(door.reason(&token).await, Some(Reason::Claims), "{name}");
    }
    for part in [r#""x":{"y":[{"a":1,"a":2}]}"#, r#""rol\u0065s":["administrator"]"#] {
        let token = ED.token(&ED.header("k"), &format!("{{{part},{}", &good[1..]));
        assert_eq!(door.reason(&token).await, Some(Reason::Claims), "{part}");
    }
}

#[tokio::test]
async fn claims_that_are_no_flat_object_are_refused() {
    let door = Door::of(&ED);
    let deep = format!(r#"{{"x":{}1{}}}"#, "[".repeat(16), "]".repeat(16));
    for text in ["[]", "null", "\"a\"", "7", "{} {}", "{", "{,}", "\u{feff}{}", deep.as_str()] {
        let token = ED.token(&ED.header("k"), text);
        assert_eq!(door.reason(&token).await, Some(Reason::Claims), "{text}");
    }
}

#[tokio::test]
async fn nobody_signs_with_none() {
    let door = Door::of(&RSA);
    let good = RSA.good("k", &json!({}));
    let payload = good.split('.').nth(1).unwrap();
    for word in ["none", "None", "NONE", "nOnE"] {
        let header = json!({"alg": word, "typ": "JWT", "kid": "k"}).to_string();
        let forged = RSA.token(&header, &claims(&json!({})).to_string());
        assert_eq!(door.reason(&forged).await, Some(Reason::Algorithm), "{word}");
        let unsigned = format!("{}.{payload}.", forged.split('.').next().unwrap());
        assert_eq!(door.reason(&unsigned).await, Some(Reason::Form), "{word}");
    }
}

#[tokio::test]
async fn a_public_key_is_no_secret() {
    let files = Files::new();
    let source = KeySource::PublicKeyFile(files.write("key", &RSA.public_pem));
    let door = Door::new(vec![options(source, &[Algorithm::RS256])]);
    assert!(door.verifier.verify(&RSA.good("k", &json!({}))).await.is_ok());
    for secret in [
        RSA.public_pem.as_bytes(),
        RSA.public_pem.trim_end().as_bytes(),
        RSA.jwk("k")["n"].as_str().unwrap().as_bytes(),
    ] {
        let good = RSA.good("k", &json!({}));
        let payload = good.split('.').nth(1).unwrap();
        let header = "eyJhbGciOiJIUzI1NiIsImtpZCI6ImsifQ";
        let signed = format!("{header}.{payload}");
        let key = EncodingKey::from_secret(secret);
        let signature =
            jsonwebtoken::crypto::sign(signed.as_bytes(), &key, jsonwebtoken::Algorithm::HS256).unwrap();
        assert_eq!(door.reason(&format!("{signed}.{signature}")).await, Some(Reason::Algorithm));
    }
}

#[tokio::test]
async fn the_key_decides_the_algorithm_not_the_token() {
    // An issuer that may use both: the set says which of its keys is for which.
    let files = Files::new();
    let source = KeySource::JwksFile(files.write("set", set_of(&[RSA.jwk("k")])));
    let door = Door::new(vec![options(source, &[Algorithm::PS256, Algorithm::RS256])]);
    assert!(door.verifier.verify(&RSA.good("k", &json!({}))).await.is_ok());
    let header = RSA.header("k").replace("RS256", "PS256");
    let token = RSA.token(&header, &claims(&json!({})).to_string());
    assert_eq!(door.reason(&token).await, Some(Reason::Algorithm));
}

#[tokio::test]
async fn a_key_in_the_header_is_not_a_key() {
    let door = Door::of(&RSA);
    let embedded = json!({"alg": "RS256", "kid": "k", "jwk": OTHER_RSA.jwk("k")});
    let remote = json!({"alg": "RS256", "kid": "k", "jku": "https://evil.example/keys"});
    let chained = json!({"alg": "RS256", "kid": "k", "x5c": ["MIIB"]});
    let critical = json!({"alg": "RS256", "kid": "k", "crit": ["exp"]});
    let unencoded = json!({"alg": "RS256", "kid": "k", "b64": false, "crit": ["b64"]});
    for header in [embedded, remote, chained, critical, unencoded] {
        for forge in [&RSA, &OTHER_RSA] {
            let token = forge.token(&header.to_string(), &claims(&json!({})).to_string());
            assert_eq!(door.reason(&token).await, Some(Reason::Header), "{header}");
        }
    }
}

#[tokio::test]
async fn a_changed_token_is_another_token() {
    let door = Door::of(&ED);
    let token = ED.good("k", &json!({}));
    assert!(door.verifier.verify(&token).await.is_ok());
    for position in 0..token.len() {
        let mut bytes = token.clone().into_bytes();
        bytes[position] = if bytes[position] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).unwrap();
        assert!(door.verifier.verify(&changed).await.is_err(), "byte {position}");
    }
    let (signed, _) = token.rsplit_once('.').unwrap();
    let zero = format!("{signed}.{}", "A".repeat(86));
    assert_eq!(door.reason(&zero).await, Some(Reason::Signature));
    assert_eq!(door.reason(&OTHER_RSA.good("k", &json!({}))).await, Some(Reason::Algorithm));
}

#[tokio::test]
async fn an_issuer_that_insists_on_a_type_takes_no_other() {
    let good = claims(&json!({})).to_string();
    for (wanted, word) in [(TokenType::AccessToken, "at+jwt"), (TokenType::Jwt, "JWT")] {
        let door = Door::with(&ED, |company| company.token_type = Some(wanted));
        for (header, typ) in [
            (r#"{"alg":"EdDSA","kid":"k","typ":"JWT"}"#, "JWT"),
            (r#"{"alg":"EdDSA","kid":"k","typ":"at+jwt"}"#, "at+jwt"),
            (r#"{"alg":"EdDSA","kid":"k"}"#, ""),
        ] {
            let reason = (typ != word).then_some(Reason::Type);
            assert_eq!(door.reason(&ED.token(header, &good)).await, reason, "{word} wanted, {typ:?} sent");
        }
    }
}

#[tokio::test]
async fn another_key_behind_the_same_name_is_refused() {
    let door = Door::of(&RSA);
    assert_eq!(door.reason(&OTHER_RSA.good("k", &json!({}))).await, Some(Reason::Signature));
    assert_eq!(door.reason(&RSA.good("j", &json!({}))).await, Some(Reason::KeyUnknown));
}

#[tokio::test]
async fn a_good_token_among_garbage_is_garbage() {
    let door = Door::of(&ED);
    let token = ED.good("k", &json!({}));
    for text in [
        format!(" {token}"),
        format!("{token} "),
        format!("{token}="),
        format!("{token}.e30"),
        format!("Bearer {token}"),
        token.replace('.', ".."),
        format!("{token}{}", "A".repeat(16 * 1024)),
    ] {
        assert!(matches!(door.refusal(&text).await, Refusal::Invalid(Reason::Form | Reason::TooLong)));
    }
}
