//! Signatures by the wrong key, of the wrong thing, or none.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use super::super::forge::Forge;
use super::{Attack, GOOD_HEADER, Keys, MACHINES, PEOPLE, TEST};

pub(super) fn attacks(keys: &Keys) -> Vec<Attack> {
    let rows = confusion(keys).into_iter().chain(strangers(keys)).chain(forged(keys));
    rows.map(|(name, rule, token)| Attack { name: name.to_owned(), rule, token }).collect()
}

type Row = (&'static str, &'static str, String);

/// The oldest forgery: what is public, taken for a secret.
fn confusion(keys: &Keys) -> Vec<Row> {
    let jwk = keys.rsa.jwk(&serde_json::json!({"kid": "rsa"}));
    let body: String = keys.rsa.public.lines().filter(|line| !line.starts_with("-----")).collect();
    let secrets = [
        ("HS256 with the public key as PEM", keys.rsa.public.clone().into_bytes()),
        ("HS256 with the public key as PEM without its end", keys.rsa.public.trim_end().as_bytes().to_vec()),
        ("HS256 with the public key as DER", STANDARD.decode(&body).unwrap()),
        ("HS256 with the public key as a JWK", jwk.to_string().into_bytes()),
        ("HS256 with the modulus", URL_SAFE_NO_PAD.decode(jwk["n"].as_str().unwrap()).unwrap()),
        ("HS256 with the kid", b"rsa".to_vec()),
        ("HS256 with nothing", Vec::new()),
    ];
    let claims = keys.claims(PEOPLE).to_string();
    let header = r#"{"alg":"HS256","kid":"rsa","typ":"JWT"}"#;
    let row = |(name, secret): (&'static str, Vec<u8>)| {
        (name, "algorithm", Forge::secret(&secret).token(header, &claims))
    };
    secrets.into_iter().map(row).collect()
}

/// Good keys of other issuers, and keys of nobody's.
fn strangers(keys: &Keys) -> Vec<Row> {
    let people = keys.claims(PEOPLE).to_string();
    let test = keys.claims(TEST).to_string();
    let secret = |secret: &[u8]| Forge::secret(secret).token(r#"{"alg":"HS256"}"#, &test);
    vec![
        ("the attacker's key under the right kid", "signature", keys.nobodys.token(GOOD_HEADER, &people)),
        ("the attacker's key without a kid", "signature", keys.nobodys.token(r#"{"alg":"RS256"}"#, &people)),
        ("the encryption key under its kid", "key_unknown", {
            keys.encryption.token(r#"{"alg":"RS256","kid":"enc"}"#, &people)
        }),
        ("the encryption key under the right kid", "signature", keys.encryption.token(GOOD_HEADER, &people)),
        (
            "machines vouching for people",
            "algorithm",
            keys.ed.token(r#"{"alg":"EdDSA","kid":"ed"}"#, &people),
        ),
        ("people vouching for machines", "algorithm", {
            keys.rsa.token(GOOD_HEADER, keys.claims(MACHINES).to_string())
        }),
        ("the shared secret vouching for people", "algorithm", {
            keys.secret.token(r#"{"alg":"HS256"}"#, &people)
        }),
        ("another EC key of the same curve", "signature", {
            Forge::p256().token(r#"{"alg":"ES256","kid":"ec"}"#, &people)
        }),
        ("another Ed25519 key", "signature", {
            Forge::ed25519().token(r#"{"alg":"EdDSA","kid":"ed"}"#, keys.claims(MACHINES).to_string())
        }),
        ("an empty secret", "signature", secret(b"")),
        ("the word secret", "signature", secret(b"secret")),
        ("the secret and a newline", "signature", secret(&[super::SECRET, b"\n"].concat())),
        ("the secret in capitals", "signature", secret(&super::SECRET.to_ascii_uppercase())),
    ]
}

/// Signatures that are none, or are of something else.
fn forged(keys: &Keys) -> Vec<Row> {
    let good = keys.good();
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let payload = URL_SAFE_NO_PAD.encode(keys.claims(PEOPLE).to_string());
    let ec = format!("{}.{payload}", URL_SAFE_NO_PAD.encode(r#"{"alg":"ES256","kid":"ec"}"#));
    let ed_claims = URL_SAFE_NO_PAD.encode(keys.claims(MACHINES).to_string());
    let ed = format!("{}.{ed_claims}", URL_SAFE_NO_PAD.encode(r#"{"alg":"EdDSA","kid":"ed"}"#));
    let ec_signature = URL_SAFE_NO_PAD.decode(keys.ec.signature(&ec)).unwrap();
    let encoded = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let (r, s) = ec_signature.split_at(32);
    let mut raised = keys.claims(PEOPLE);
    raised["sub"] = serde_json::json!("root");
    let raised = format!("{}.{}", signed.split('.').next().unwrap(), encoded(raised.to_string().as_bytes()));
    vec![
        ("RSA: all zeros", "signature", format!("{signed}.{}", encoded(&[0; 256]))),
        ("RSA: all ones", "signature", format!("{signed}.{}", encoded(&[0xff; 256]))),
        ("RSA: one byte", "signature", format!("{signed}.AA")),
        ("RSA: cut short", "signature", format!("{signed}.{}", signature.get(..340).unwrap())),
        ("RSA: twice", "signature", format!("{signed}.{}", signature.repeat(2))),
        ("RSA: of the header alone", "signature", {
            format!("{signed}.{}", keys.rsa.signature(signed.split('.').next().unwrap()))
        }),
        ("RSA: of the claims alone", "signature", format!("{signed}.{}", keys.rsa.signature(&payload))),
        ("RSA: of other claims", "signature", format!("{raised}.{signature}")),
        ("EC: r and s zero", "signature", format!("{ec}.{}", encoded(&[0; 64]))),
        ("EC: r and s as DER", "signature", format!("{ec}.{}", encoded(&der(r, s)))),
        ("EC: r and s exchanged", "signature", format!("{ec}.{}", encoded(&[s, r].concat()))),
        ("EC: one byte short", "signature", format!("{ec}.{}", encoded(&ec_signature[..63]))),
        (
            "EC: one byte more",
            "signature",
            format!("{ec}.{}", encoded(&[ec_signature.as_slice(), &[0]].concat())),
        ),
        ("EC: r and s the order of the curve", "signature", format!("{ec}.{}", encoded(&ORDER.repeat(2)))),
        ("Ed25519: all zeros", "signature", format!("{ed}.{}", encoded(&[0; 64]))),
        ("Ed25519: the neutral element", "signature", {
            format!("{ed}.{}", encoded(&[&[1], [0; 63].as_slice()].concat()))
        }),
        ("Ed25519: an HMAC with the public key", "signature", {
            format!("{ed}.{}", Forge::secret(keys.ed.public.as_bytes()).signature(&ed))
        }),
    ]
}

/// The order of P-256.
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa,
    0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

fn der(r: &[u8], s: &[u8]) -> Vec<u8> {
    let integer = |number: &[u8]| [&[2, 33, 0], number].concat();
    let both = [integer(r), integer(s)].concat();
    [&[0x30, u8::try_from(both.len()).unwrap()], both.as_slice()].concat()
}
