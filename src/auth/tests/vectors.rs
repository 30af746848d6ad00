//! Signatures that nobody here made: Wycheproof's and those of the JOSE cookbook. Their payloads are no claims, so
//! they go as far as the signature.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use serde_json::Value;

use super::forge::{Files, merge, set_of};
use crate::auth::compact::Compact;
use crate::auth::keys::{Key, KeyTable};
use crate::auth::{Algorithm, Reason, local};

/// A vector folder, or `None` with a word about it.
fn vectors(path: &str) -> Option<PathBuf> {
    let path = Path::new("../shared/vectors").join(path);
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: {} is not here", path.display());
    None
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// The table of this key; `None` where loading refuses it. Secrets come in unjudged: Wycheproof's are known by now.
fn table_of(jwk: &Value) -> Option<KeyTable> {
    if jwk["kty"] == "oct" {
        let secret = URL_SAFE_NO_PAD.decode(jwk["k"].as_str()?).ok()?;
        let algorithm = jwk["alg"].as_str()?.parse().ok().filter(|it| *it == Algorithm::HS256)?;
        let material = DecodingKey::from_secret(&secret);
        return Some(KeyTable::Single(Arc::new(Key { id: None, algorithm, material })));
    }
    let files = Files::new();
    let mut jwk = jwk.clone();
    for private in ["d", "p", "q", "dp", "dq", "qi"] {
        merge(&mut jwk, &serde_json::json!({private: null}));
    }
    let algorithms = Algorithm::ALL.into_iter().filter(|it| *it != Algorithm::HS256).collect::<Vec<_>>();
    local::key_set(&files.write("set", set_of(&[jwk])), &algorithms).ok()
}

/// The reader's steps up to the signature.
fn passes(table: &KeyTable, token: &str) -> bool {
    let Ok(compact) = Compact::split(token) else { return false };
    let Ok(header) = compact.header() else { return false };
    // Their payloads are no JSON, but must be base64url.
    if compact.claims().is_err_and(|reason| reason == Reason::Form) {
        return false;
    }
    table.find(&header).is_ok_and(|key| key.signed(&compact))
}

/// A valid signature that we refuse on purpose.
fn is_documented_exception(jwk: &Value, token: &str) -> bool {
    let header = token.split('.').next().unwrap();
    let algorithm = |text: &str| text.parse::<Algorithm>().is_ok();
    let named = URL_SAFE_NO_PAD
        .decode(header)
        .ok()
        .and_then(|json| serde_json::from_slice::<Value>(&json).ok())
        .and_then(|json| json["alg"].as_str().map(str::to_owned));
    // RS384, PS512 and their like; an algorithm that is not the key's; an empty payload; and a stray character in
    // the base64 that some readers forgive.
    !jwk["alg"].as_str().is_some_and(algorithm)
        || named.as_deref() != jwk["alg"].as_str()
        || token.contains("..")
        || !token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

#[test]
fn wycheproof_nothing_hostile_passes() {
    let Some(folder) = vectors("wycheproof") else { return };
    let suite = read(&folder.join("json_web_signature_test.json"));
    let (mut accepted, mut refused) = (0, 0);
    for group in suite["testGroups"].as_array().unwrap() {
        let jwk = group.get("public").unwrap_or(&group["private"]);
        let table = table_of(jwk);
        let tests = group["tests"].as_array().unwrap();
        // 367 and 370 lost the padding they are about and are byte for byte the valid 357.
        let is_valid = |token| tests.iter().any(|test| test["jws"] == token && test["result"] == "valid");
        for test in tests {
            let Some(token) = test["jws"].as_str() else { continue };
            let passed = table.as_ref().is_some_and(|table| passes(table, token));
            match test["result"].as_str().unwrap() {
                "valid" if is_documented_exception(jwk, token) => assert!(!passed, "{test}"),
                "valid" => {
                    assert!(passed, "{test}");
                    accepted += 1;
                }
                _ if is_valid(token) => {}
                _ => {
                    assert!(!passed, "{test}");
                    refused += 1;
                }
            }
        }
    }
    assert_eq!((accepted, refused), (22, 353), "accepted and refused");
}

#[test]
fn wycheproof_no_hostile_key_verifies() {
    let Some(folder) = vectors("wycheproof") else { return };
    let suite = read(&folder.join("json_web_key_test.json"));
    for group in suite["testGroups"].as_array().unwrap() {
        let set = group.get("public").unwrap_or(&group["private"]);
        let files = Files::new();
        let table = local::key_set(&files.write("set", set.to_string()), &Algorithm::ALL).ok();
        for test in group["tests"].as_array().unwrap() {
            let passed = table.as_ref().is_some_and(|table| passes(table, test["jws"].as_str().unwrap()));
            // Keys of a flawed generator (ROCA, CVE-2017-15361) are the issuer's to withdraw.
            let hostile = test["result"] == "invalid" && group["comment"] != "jws_rsa_roca_key";
            assert!(!(hostile && passed), "{test}");
        }
    }
}

#[test]
fn the_cookbook_passes_where_it_is_compact_and_ours() {
    let Some(folder) = vectors("jose-cookbook") else { return };
    let mut passed = Vec::new();
    let files = ["jws", "curve25519", "rfc7797"].map(|name| folder.join(name));
    for entry in files.iter().flat_map(|path| std::fs::read_dir(path).unwrap()) {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let example = read(&path);
        let (Some(token), jwk) = (example["output"]["compact"].as_str(), &example["input"]["key"]) else {
            continue;
        };
        if let Some(table) = jwk.is_object().then(|| table_of(jwk)).flatten()
            && passes(&table, token)
        {
            passed.push(path.file_stem().unwrap().to_string_lossy().into_owned());
        }
    }
    passed.sort();
    assert_eq!(passed, ["4_1.rsa_v15_signature", "4_4.hmac-sha2_integrity_protection", "jws"]);
}
