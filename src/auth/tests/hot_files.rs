//! Key files that change while the gateway runs.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::forge::{Door, Files, HMAC, OTHER_RSA, RSA, SECRET, options, set_of};
use crate::auth::{Algorithm, KeySource, Reason};

fn door_to_set(files: &Files) -> Door {
    let source = KeySource::JwksFile(files.write("set", set_of(&[RSA.jwk("a"), OTHER_RSA.jwk("b")])));
    Door::new(vec![options(source, &[Algorithm::RS256])])
}

#[tokio::test]
async fn a_key_that_was_taken_out_of_its_file_opens_nothing_and_a_new_one_does() {
    let files = Files::new();
    let door = door_to_set(&files);
    let (old, kept) = (RSA.good("a", &json!({})), OTHER_RSA.good("b", &json!({})));
    for token in [&old, &kept] {
        assert!(door.verifier.verify(token).await.is_ok());
    }
    files.write("set", set_of(&[OTHER_RSA.jwk("b"), RSA.jwk("c")]));
    door.verifier.reread_files().await;
    assert!(
        door.verifier.recall(&old).is_none() && door.verifier.recall(&kept).is_none(),
        "of the keys of before"
    );
    assert_eq!(door.reason(&old).await, Some(Reason::KeyUnknown), "though it was remembered");
    assert!(door.verifier.verify(&kept).await.is_ok());
    assert!(door.verifier.verify(&RSA.good("c", &json!({}))).await.is_ok());
}

#[tokio::test]
async fn a_file_that_cannot_be_used_leaves_its_keys_as_they_were() {
    let files = Files::new();
    let door = door_to_set(&files);
    let token = RSA.good("a", &json!({}));
    let oct = json!({"kty": "oct", "kid": "o", "k": "AAAA"});
    for content in [String::new(), "{".to_owned(), set_of(&[]), set_of(&[OTHER_RSA.jwk("b"), oct])] {
        files.write("set", &content);
        door.verifier.reread_files().await;
        assert!(door.verifier.verify(&token).await.is_ok(), "{content}");
        assert!(door.verifier.issuers_health()[0].last_fault.is_some(), "{content}");
    }
    files.write("set", set_of(&[RSA.jwk("a")]));
    door.verifier.reread_files().await;
    assert_eq!(door.verifier.issuers_health()[0].last_fault, None);
    assert_eq!(door.reason(&OTHER_RSA.good("b", &json!({}))).await, Some(Reason::KeyUnknown));
}

#[tokio::test]
async fn a_swapped_link_and_a_new_secret_are_seen() {
    let files = Files::new();
    let (one, two) = (files.write("one", SECRET), files.write("two", [SECRET, b"!"].concat()));
    let link = one.with_file_name("link");
    std::os::unix::fs::symlink(&one, &link).unwrap();
    let door = Door::new(vec![options(KeySource::SecretFile(link.clone()), &[Algorithm::HS256])]);
    let token = HMAC.good("k", &json!({}));
    assert!(door.verifier.verify(&token).await.is_ok());
    // As a container platform swaps a secret: another link, renamed over the first.
    let next = two.with_file_name("next");
    std::os::unix::fs::symlink(&two, &next).unwrap();
    std::fs::rename(&next, &link).unwrap();
    door.verifier.reread_files().await;
    assert_eq!(door.reason(&token).await, Some(Reason::Signature));
}

#[tokio::test]
async fn the_files_are_looked_at_by_themselves() {
    let files = Files::new();
    let door = door_to_set(&files);
    let token = RSA.good("a", &json!({}));
    assert!(door.verifier.verify(&token).await.is_ok());
    let stop = CancellationToken::new();
    let watcher = {
        let (verifier, stop) = (Arc::clone(&door.verifier), stop.clone());
        async move { verifier.keep_current(stop).await }
    };
    let refused_within_a_second = async {
        files.write("set", set_of(&[OTHER_RSA.jwk("b")]));
        let refused = async {
            while door.verifier.verify(&token).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let outcome = tokio::time::timeout(Duration::from_secs(1), refused).await;
        stop.cancel();
        outcome
    };
    let ((), outcome) = tokio::join!(watcher, refused_within_a_second);
    assert!(outcome.is_ok(), "a second later the token still opens");
}

#[tokio::test]
async fn a_single_key_with_a_name_answers_to_no_other() {
    let files = Files::new();
    for (forge, source) in [
        (&HMAC, KeySource::SecretFile(files.write("secret", SECRET))),
        (&RSA, KeySource::PublicKeyFile(files.write("public", &RSA.public_pem))),
    ] {
        let mut named = options(source, &[forge.algorithm]);
        named.key_id = Some("2026".to_owned());
        let door = Door::new(vec![named]);
        assert!(door.verifier.verify(&forge.good("2026", &json!({}))).await.is_ok());
        assert_eq!(door.reason(&forge.good("2025", &json!({}))).await, Some(Reason::KeyUnknown));
        let header = json!({"alg": forge.algorithm.as_str()}).to_string();
        let nameless = forge.token(&header, &super::forge::claims(&json!({})).to_string());
        assert!(door.verifier.verify(&nameless).await.is_ok());
    }
}
