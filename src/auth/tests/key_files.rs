//! Keys that are judged when they are loaded.

use std::path::PathBuf;

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::signature::{ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::forge::{Door, ED, Files, HMAC, P256, P384, RSA, SECRET, every_forge, merge, options, set_of};
use crate::auth::signing::pem;
use crate::auth::{
    Algorithm, Denied, FileFault, IssuerOptions, KeyFault, KeySource, SetFault, Skipped, Verifier,
};
use crate::clock::Clock;

fn faults(options: IssuerOptions) -> Vec<KeyFault> {
    let errors = Verifier::new(vec![options], Denied::default(), Clock::system()).unwrap_err();
    errors.into_iter().map(|error| error.fault).collect()
}

fn file_fault(source: KeySource, algorithm: Algorithm) -> FileFault {
    match faults(options(source, &[algorithm])).pop().unwrap() {
        KeyFault::File(fault) => fault,
        other => panic!("{other}"),
    }
}

fn set_file(files: &Files, jwk: &Value, changes: &Value) -> KeySource {
    let mut jwk = jwk.clone();
    merge(&mut jwk, changes);
    KeySource::JwksFile(files.write("set", set_of(&[jwk])))
}

#[tokio::test]
async fn every_kind_of_public_key_is_read_from_a_file() {
    let files = Files::new();
    for forge in every_forge().into_iter().filter(|forge| forge.algorithm != Algorithm::HS256) {
        let source = KeySource::PublicKeyFile(files.write("key", &forge.public_pem));
        let door = Door::new(vec![options(source, &[forge.algorithm])]);
        let token = forge.good("any kid will do", &json!({}));
        assert!(door.verifier.verify(&token).await.is_ok(), "{}", forge.algorithm);
    }
}

#[tokio::test]
async fn a_secret_file_loses_one_newline() {
    let files = Files::new();
    let source = KeySource::SecretFile(files.write("secret", [SECRET, b"\n"].concat()));
    let door = Door::new(vec![options(source, &[Algorithm::HS256])]);
    assert!(door.verifier.verify(&HMAC.good("k", &json!({}))).await.is_ok());
}

#[test]
fn a_secret_that_can_be_guessed_is_refused() {
    let files = Files::new();
    let fault =
        |secret: &[u8]| file_fault(KeySource::SecretFile(files.write("secret", secret)), Algorithm::HS256);
    for short in [b"".as_slice(), b"\n", b"secret", &SECRET[..31], b"0123456789012345678901234567abc\n"] {
        assert!(matches!(fault(short), FileFault::ShortSecret(_)), "{short:?}");
    }
    let rfc_7515 = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
    let rfc_7520 = "hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg";
    for known in [
        b"a-string-secret-at-least-256-bits-long\n".to_vec(),
        URL_SAFE_NO_PAD.decode(rfc_7515).unwrap(),
        URL_SAFE_NO_PAD.decode(rfc_7520).unwrap(),
        vec![0; 32],
        b"secretsecretsecretsecretsecretsecret".to_vec(),
        b"0123456789abcdef0123456789abcdef".to_vec(),
    ] {
        assert!(matches!(fault(&known), FileFault::WellKnownSecret(_)), "{known:?}");
    }
}

#[test]
fn a_file_that_is_no_single_public_key_is_refused() {
    let files = Files::new();
    let spki: PublicKeyX509Der<'_> =
        EcdsaKeyPair::generate(&ECDSA_P521_SHA512_FIXED_SIGNING).unwrap().public_key().as_der().unwrap();
    let truncated = &RSA.public_pem[..200];
    for content in [
        "",
        "no key",
        RSA.private_pem.as_str(),
        &RSA.public_pem.replace("PUBLIC KEY", "CERTIFICATE"),
        &RSA.public_pem.replace("PUBLIC KEY", "RSA PUBLIC KEY"),
        &format!("{}{}", RSA.public_pem, RSA.public_pem),
        truncated,
        &pem("PUBLIC KEY", spki.as_ref()),
    ] {
        let source = KeySource::PublicKeyFile(files.write("key", content));
        assert!(matches!(file_fault(source, Algorithm::RS256), FileFault::NotAPublicKey(_)), "{content}");
    }
    let missing = KeySource::PublicKeyFile(PathBuf::from("no/such/file"));
    assert!(matches!(file_fault(missing, Algorithm::RS256), FileFault::Unreadable { .. }));
    let endless = KeySource::PublicKeyFile(PathBuf::from("/dev/zero"));
    assert!(matches!(file_fault(endless, Algorithm::RS256), FileFault::TooLong(_)));
}

#[test]
fn a_key_belongs_to_its_algorithm() {
    let files = Files::new();
    for (forge, algorithm) in [
        (&RSA, Algorithm::ES256),
        (&P256, Algorithm::ES384),
        (&P384, Algorithm::ES256),
        (&ED, Algorithm::RS256),
        (&P256, Algorithm::EdDSA),
    ] {
        let source = KeySource::PublicKeyFile(files.write("key", &forge.public_pem));
        assert!(matches!(file_fault(source, algorithm), FileFault::Unusable { .. }), "{algorithm}");
    }
}

#[test]
fn a_configuration_that_invites_confusion_is_refused() {
    let files = Files::new();
    let secret = || KeySource::SecretFile(files.write("secret", SECRET));
    let public = || KeySource::PublicKeyFile(files.write("key", &RSA.public_pem));
    for (source, algorithms) in [
        (secret(), vec![Algorithm::RS256]),
        (secret(), vec![Algorithm::HS256, Algorithm::RS256]),
        (public(), vec![Algorithm::HS256]),
        (KeySource::Discover, vec![Algorithm::RS256, Algorithm::HS256]),
    ] {
        let faults = faults(options(source, &algorithms));
        assert!(matches!(faults.as_slice(), [KeyFault::SecretMismatch]), "{algorithms:?}");
    }
    let two = faults(options(public(), &[Algorithm::RS256, Algorithm::PS256]));
    assert!(matches!(two.as_slice(), [KeyFault::OneAlgorithm]));
}

#[test]
fn every_fault_of_every_issuer_is_told() {
    let mut empty = options(KeySource::Discover, &[]);
    empty.issuer = String::new();
    empty.audiences = vec![String::new()];
    empty.max_lifetime = std::time::Duration::ZERO;
    let plain_http =
        options(KeySource::JwksUrl("http://login.example.com/keys".to_owned()), &[Algorithm::RS256]);
    let mut with_query = options(KeySource::Discover, &[Algorithm::RS256]);
    with_query.issuer = "https://login.example.com/?tenant=1".to_owned();
    let mut no_roots = options(KeySource::Discover, &[Algorithm::RS256]);
    no_roots.ca_file = Some(Files::new().write("ca", "no certificate"));
    let issuers = vec![empty, plain_http, with_query, no_roots];
    let errors = Verifier::new(issuers, Denied::default(), Clock::system()).unwrap_err();
    assert_eq!(errors.len(), 7, "{errors:#?}");
    assert!(errors.iter().all(|error| error.to_string().starts_with("issuer \"company\": ")));
}

#[test]
fn a_set_that_cannot_be_meant_is_refused() {
    let files = Files::new();
    let fault = |content: &str| match file_fault(
        KeySource::JwksFile(files.write("set", content)),
        Algorithm::RS256,
    ) {
        FileFault::Set { fault, .. } => fault,
        other => panic!("{other}"),
    };
    let key = RSA.jwk("a");
    let oct = json!({"kty": "oct", "kid": "o", "k": "AAAA", "use": "enc"});
    assert_eq!(fault(&set_of(&[key.clone(), oct])), SetFault::Symmetric);
    let encryption = json!({"kty": "RSA", "kid": "a", "use": "enc"});
    let twice = fault(&set_of(&[key.clone(), encryption]));
    assert_eq!(twice, SetFault::DuplicateKeyId("a".to_owned()));
    let many: Vec<Value> = (0..65).map(|n| RSA.jwk(&n.to_string())).collect();
    assert_eq!(fault(&set_of(&many)), SetFault::TooManyKeys(65));
    for content in ["[]", "{}", r#"{"keys":{}}"#, r#"{"keys":[7]}"#, r#"{"keys":null}"#, &key.to_string()] {
        assert_eq!(fault(content), SetFault::Shape, "{content}");
    }
    for content in ["", "{", r#"{"keys":[],"keys":[]}"#, r#"{"keys":[{"kty":"RSA","kty":"EC"}]}"#] {
        assert!(matches!(fault(content), SetFault::Json(_)), "{content}");
    }
}

#[test]
fn a_key_of_a_set_that_is_not_for_us_is_skipped() {
    let files = Files::new();
    let modulus = |bytes: usize, last: u8| {
        let mut number = vec![0xff; bytes];
        number.pop();
        number.push(last);
        URL_SAFE_NO_PAD.encode(number)
    };
    let (rsa, p256, ed) = (RSA.jwk("k"), P256.jwk("k"), ED.jwk("k"));
    let coordinate = p256["y"].as_str().unwrap();
    let off_curve = format!("{}{}", if coordinate.starts_with('A') { 'B' } else { 'A' }, &coordinate[1..]);
    for (jwk, changes, reason) in [
        (&rsa, json!({"use": "enc"}), Skipped::Purpose),
        (&rsa, json!({"key_ops": ["sign"]}), Skipped::Purpose),
        (&rsa, json!({"d": "AQAB"}), Skipped::Private),
        (&rsa, json!({"alg": "RS512"}), Skipped::Kind),
        (&rsa, json!({"alg": "RSA-OAEP"}), Skipped::Kind),
        (&rsa, json!({"alg": "HS256"}), Skipped::Kind),
        (&rsa, json!({"alg": "ES256"}), Skipped::Kind),
        (&rsa, json!({"alg": "none"}), Skipped::Kind),
        (&rsa, json!({"kty": "EC"}), Skipped::Kind),
        (&rsa, json!({"kty": "rsa"}), Skipped::Kind),
        (&rsa, json!({"alg": "PS256"}), Skipped::NotListed),
        (&rsa, json!({"kid": ""}), Skipped::Malformed),
        (&rsa, json!({"kid": 7}), Skipped::Malformed),
        (&rsa, json!({"use": ["sig"]}), Skipped::Malformed),
        (&rsa, json!({"n": null}), Skipped::Malformed),
        (&rsa, json!({"n": "a+b"}), Skipped::Malformed),
        (&rsa, json!({"n": modulus(255, 0xff)}), Skipped::Weak),
        (&rsa, json!({"n": modulus(1025, 0xff)}), Skipped::Weak),
        (&rsa, json!({"n": modulus(256, 0xfe)}), Skipped::Weak),
        (&rsa, json!({"n": ""}), Skipped::Weak),
        (&rsa, json!({"e": "AQ"}), Skipped::Weak),
        (&rsa, json!({"e": "AAE"}), Skipped::Weak),
        (&rsa, json!({"e": "Ag"}), Skipped::Weak),
        (&rsa, json!({"e": ""}), Skipped::Weak),
        (&p256, json!({"crv": "P-384"}), Skipped::Kind),
        (&p256, json!({"crv": "secp256k1", "alg": null}), Skipped::Kind),
        (&p256, json!({"crv": "P-384", "alg": null}), Skipped::NotListed),
        (&p256, json!({"y": off_curve}), Skipped::Malformed),
        (&p256, json!({"x": "AA"}), Skipped::Malformed),
        (&ed, json!({"crv": "Ed448", "alg": null}), Skipped::Kind),
        (&ed, json!({"x": "AA"}), Skipped::Malformed),
    ] {
        let source = set_file(&files, jwk, &changes);
        let algorithms = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];
        let KeySource::JwksFile(path) = &source else { unreachable!() };
        let set = crate::auth::jwk::read_set(&std::fs::read(path).unwrap(), &algorithms).unwrap();
        assert_eq!(set.skipped, [reason], "{changes}");
        let refused = faults(options(source, &algorithms));
        assert!(matches!(refused.as_slice(), [KeyFault::File(FileFault::NoKey(_))]), "{changes}");
    }
}

#[tokio::test]
async fn a_leading_zero_in_a_modulus_is_forgiven() {
    let files = Files::new();
    let modulus = URL_SAFE_NO_PAD.decode(RSA.jwk("k")["n"].as_str().unwrap()).unwrap();
    let padded = URL_SAFE_NO_PAD.encode([&[0], modulus.as_slice()].concat());
    let source = set_file(&files, &RSA.jwk("k"), &json!({"n": padded}));
    let door = Door::new(vec![options(source, &[Algorithm::RS256])]);
    assert!(door.verifier.verify(&RSA.good("k", &json!({}))).await.is_ok());
}
