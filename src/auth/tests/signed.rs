//! What we sign, our own door accepts; so does OpenSSL, which reads the same key files.

use std::collections::BTreeSet;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use secrecy::ExposeSecret as _;

use super::forge::{AUDIENCE, Door, ED, Files, HMAC, ISSUER, NOW, P256, P384, RSA, SECRET, options};
use crate::auth::{Algorithm, FileFault, KeySource, NewToken, Reason, SignError, Signer, generate_key_pair};
use crate::domain::principal::{Person, Role};

fn new_token() -> NewToken {
    NewToken {
        issuer: ISSUER.to_owned(),
        audience: AUDIENCE.to_owned(),
        subject: "ann".to_owned(),
        teams: vec!["growth".parse().unwrap(), "ops".parse().unwrap()],
        roles: BTreeSet::from([Role::Requester, Role::Viewer]),
        ttl: Duration::from_hours(1),
        name: Some("Ann Lee".to_owned()),
        email: Some("ann@example.com".to_owned()),
        kid: Some("k".to_owned()),
        act: Some(Person { issuer: "https://b.example".to_owned(), subject: "crm-app".to_owned() }),
    }
}

fn now() -> Timestamp {
    Timestamp::from_second(NOW).unwrap()
}

#[tokio::test]
async fn what_is_signed_here_is_accepted_here() {
    let files = Files::new();
    for (forge, private) in [
        (&ED, ED.private_pem.as_bytes()),
        (&P256, P256.private_pem.as_bytes()),
        (&P384, P384.private_pem.as_bytes()),
        (&RSA, RSA.private_pem.as_bytes()),
        (&HMAC, SECRET),
    ] {
        let signer = Signer::from_pem_or_secret_file(&files.write("private", private)).unwrap();
        assert_eq!(signer.algorithm(), forge.algorithm);
        let token = new_token();
        let principal = Door::of(forge).verifier.verify(&signer.sign(&token, now()).unwrap()).await.unwrap();
        assert_eq!(principal.person.subject, token.subject);
        assert_eq!((&principal.teams, &principal.roles), (&token.teams, &token.roles));
        assert_eq!((&principal.name, &principal.email), (&token.name, &token.email));
        assert_eq!((&principal.actor, principal.expires_at), (&token.act, NOW + 3600));
    }
}

#[tokio::test]
async fn a_generated_pair_belongs_together_and_is_written_for_openssl() {
    let files = Files::new();
    let pair = generate_key_pair().unwrap();
    let private = pair.private_key.expose_secret();
    let body: String = private.lines().filter(|line| !line.starts_with("-----")).collect();
    assert_eq!(STANDARD.decode(body).unwrap().len(), 48, "PKCS #8 version 1");

    let signer = Signer::from_pem_or_secret_file(&files.write("private", private)).unwrap();
    let source = KeySource::PublicKeyFile(files.write("public", &pair.public_key));
    let door = Door::new(vec![options(source, &[Algorithm::EdDSA])]);
    let plain = NewToken { teams: vec![], name: None, email: None, kid: None, act: None, ..new_token() };
    let first = signer.sign(&plain, now()).unwrap();
    assert!(door.verifier.verify(&first).await.is_ok());
    assert_ne!(first, signer.sign(&plain, now()).unwrap(), "each has a jti of its own");
    let long = NewToken { ttl: Duration::from_hours(26), ..plain };
    assert_eq!(door.reason(&signer.sign(&long, now()).unwrap()).await, Some(Reason::Lifetime));
}

#[test]
fn what_cannot_sign_is_told_at_once() {
    let files = Files::new();
    let fault = |content: &str| match Signer::from_pem_or_secret_file(&files.write("key", content)) {
        Err(SignError::File(fault)) => fault,
        other => panic!("{other:?}"),
    };
    let sec1 = P256.private_pem.replace("PRIVATE KEY", "EC PRIVATE KEY");
    let encrypted = P256.private_pem.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    for content in [RSA.public_pem.as_str(), &sec1, &encrypted, &RSA.private_pem[..300]] {
        assert!(matches!(fault(content), FileFault::NotAPrivateKey(_)), "{content}");
    }
    assert!(matches!(fault("secret"), FileFault::ShortSecret(_)));
    let signer = Signer::from_pem_or_secret_file(&files.write("key", SECRET)).unwrap();
    assert!(!format!("{signer:?}").contains("V9f2"));
}
