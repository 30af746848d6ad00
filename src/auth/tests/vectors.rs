//! Signatures that nobody here made: Wycheproof's and those of the JOSE cookbook. Their payloads are no claims, so
//! they go as far as the signature.
//!
//! What is expected of them is ours and committed: by number, which are accepted, and why each other valid one is
//! not. The vectors are not here; without them the tests say that they were skipped.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use serde_json::{Value, json};

use super::forge::merge;
use crate::auth::compact::Compact;
use crate::auth::jwk;
use crate::auth::keys::{Key, KeyTable, Miss};
use crate::auth::{Algorithm, Reason};

/// Hostile vectors of Wycheproof that are signatures, in its three files.
const HOSTILE: usize = 421;
/// Two of them lost the padding they are about: byte for byte they are the valid 357 of the same file.
const TWINS: [u64; 2] = [367, 370];

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

/// The keys of a vector, or why they are not loaded. Secrets come in unjudged: Wycheproof's are known by now.
fn load(key: &Value) -> Result<KeyTable, String> {
    if key["kty"] == "oct" {
        let named = key["alg"].as_str().unwrap_or_default();
        if named != "HS256" {
            return Err(format!("key: alg {named:?}"));
        }
        let secret = URL_SAFE_NO_PAD.decode(key["k"].as_str().unwrap()).map_err(|_| "key: malformed")?;
        let material = DecodingKey::from_secret(&secret);
        return Ok(KeyTable::Single(Arc::new(Key { id: None, algorithm: Algorithm::HS256, material })));
    }
    let set = if key.get("keys").is_some() { key.clone() } else { json!({"keys": [public_half(key)]}) };
    let public = Algorithm::ALL.into_iter().filter(|it| *it != Algorithm::HS256).collect::<Vec<_>>();
    let set = jwk::read_set(set.to_string().as_bytes(), &public).map_err(|fault| format!("set: {fault}"))?;
    match set.skipped.first() {
        Some(reason) if set.keys.is_empty() => Err(format!("key: {reason}")),
        Some(_) | None => Ok(KeyTable::Set(set.keys)),
    }
}

fn public_half(key: &Value) -> Value {
    let mut key = key.clone();
    for private in ["d", "p", "q", "dp", "dq", "qi"] {
        merge(&mut key, &json!({private: null}));
    }
    key
}

/// The reader's steps up to the signature.
fn judge(key: &Value, token: &str) -> Result<(), String> {
    let words = |reason: Reason| reason.as_str().to_owned();
    let compact = Compact::split(token).map_err(words)?;
    let header = compact.header().map_err(words)?;
    // Their payloads are no JSON, but must be base64url.
    if compact.claims().is_err_and(|reason| reason == Reason::Form) {
        return Err(words(Reason::Form));
    }
    let found = load(key)?.find(&header).map_err(|miss| match miss {
        Miss::Unknown => words(Reason::KeyUnknown),
        Miss::Refused(reason) => words(reason),
    })?;
    if found.signed(&compact) { Ok(()) } else { Err(words(Reason::Signature)) }
}

/// What became of the tests of one file.
#[derive(Default)]
struct Outcome {
    accepted: Vec<u64>,
    valid_but_refused: Vec<(u64, String)>,
    hostile_refused: usize,
    hostile_accepted: Vec<u64>,
}

fn run(suite: &Value) -> Outcome {
    let mut outcome = Outcome::default();
    for group in suite["testGroups"].as_array().unwrap() {
        let key = group.get("public").unwrap_or(&group["private"]);
        for test in group["tests"].as_array().unwrap().iter().filter(|test| test.get("jws").is_some()) {
            let number = test["tcId"].as_u64().unwrap();
            // One is in the JSON form, which is no compact token.
            let token = test["jws"].as_str().map_or_else(|| test["jws"].to_string(), str::to_owned);
            match (test["result"] == "valid", judge(key, &token)) {
                (true, Ok(())) => outcome.accepted.push(number),
                (true, Err(reason)) => outcome.valid_but_refused.push((number, reason)),
                (false, Ok(())) => outcome.hostile_accepted.push(number),
                (false, Err(_)) => outcome.hostile_refused += 1,
            }
        }
    }
    outcome
}

#[test]
fn nothing_hostile_of_wycheproof_passes_and_every_refused_valid_one_has_its_reason() {
    let Some(folder) = vectors("wycheproof") else { return };
    let (mut said, mut hostile) = (String::new(), 0);
    for (file, twins) in [
        ("json_web_signature_test.json", TWINS.as_slice()),
        ("json_web_key_test.json", &[]),
        ("json_web_crypto_test.json", &[]),
    ] {
        let outcome = run(&read(&folder.join(file)));
        assert_eq!(outcome.hostile_accepted, twins, "{file}");
        hostile += outcome.hostile_refused + twins.len();
        writeln!(said, "{file}: {} hostile ones refused", outcome.hostile_refused).unwrap();
        writeln!(said, "accepted {}: {:?}", outcome.accepted.len(), outcome.accepted).unwrap();
        writeln!(said, "valid and refused {}:", outcome.valid_but_refused.len()).unwrap();
        for (number, reason) in outcome.valid_but_refused {
            writeln!(said, "  {number:>3}  {reason}").unwrap();
        }
    }
    assert_eq!(hostile, HOSTILE);
    insta::assert_snapshot!("wycheproof", said);
}

#[test]
fn the_twins_of_wycheproof_are_the_valid_one() {
    let Some(folder) = vectors("wycheproof") else { return };
    let suite = read(&folder.join("json_web_signature_test.json"));
    let tests =
        suite["testGroups"].as_array().unwrap().iter().flat_map(|group| group["tests"].as_array().unwrap());
    let tokens = |number: u64| tests.clone().find(|test| test["tcId"] == number).unwrap()["jws"].clone();
    for twin in TWINS {
        assert_eq!(tokens(twin), tokens(357), "{twin}");
    }
}

#[test]
fn the_cookbook_passes_where_it_is_compact_and_ours() {
    let Some(folder) = vectors("jose-cookbook") else { return };
    let mut lines = Vec::new();
    let folders = ["jws", "curve25519", "rfc7797"].map(|name| folder.join(name));
    for entry in folders.iter().flat_map(|path| std::fs::read_dir(path).unwrap()) {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let (name, example) = (path.file_stem().unwrap().to_string_lossy().into_owned(), read(&path));
        let verdict = match (example["output"]["compact"].as_str(), &example["input"]["key"]) {
            (Some(token), key) if key.is_object() => judge(key, token),
            (Some(_), _) => Err("several keys".to_owned()),
            (None, _) => Err("not compact".to_owned()),
        };
        lines.push(format!("{name}: {}", verdict.err().unwrap_or_else(|| "accepted".to_owned())));
    }
    lines.sort();
    insta::assert_snapshot!("cookbook", lines.join("\n"));
}
