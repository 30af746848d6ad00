//! Tokens that must not pass, each with a name: what is wrong with it, and the one rule that refuses it.
//!
//! Where the signature is not the point it is right. A caller must not learn the rule: every one of them gets the
//! bytes that somebody without a token gets, through both doors.

mod claims;
mod encoding;
mod headers;
mod keys;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use numbers_gateway::app;
use numbers_gateway::auth::Refusal;
use numbers_gateway::config::{self, Sources};
use reqwest::Method;
use serde_json::{Value, json};

use super::forge::{Forge, set_of};
use crate::stage::{Answer, Stage, send};

const PEOPLE: &str = "https://people.example/";
const MACHINES: &str = "https://machines.example/";
const STRICT: &str = "https://strict.example/";
/// The stage's own issuer, and its secret.
const TEST: &str = "https://test.example";
const SECRET: &[u8] = b"a secret of the tests, long enough for HMAC";
const AUDIENCE: &str = "numbers-gateway";

/// As many as the design asks for.
const AT_LEAST: usize = 120;

const ISSUERS: &str = r#"
[auth]
denied_ids = ["stolen"]
denied_subjects = ["mallory"]
[[auth.issuers]]
name = "people"
issuer = "https://people.example/"
audience = "numbers-gateway"
jwks_file = "%folder%/people"
algorithms = ["RS256", "ES256"]
[[auth.issuers]]
name = "machines"
issuer = "https://machines.example/"
audience = "numbers-gateway"
public_key_file = "%folder%/machines"
kid = "ed"
algorithms = ["EdDSA"]
[[auth.issuers]]
name = "strict"
issuer = "https://strict.example/"
audience = "numbers-gateway"
jwks_file = "%folder%/people"
algorithms = ["ES256"]
token_type = "at+jwt"
"#;

/// One token and the rule it breaks.
struct Attack {
    name: String,
    rule: &'static str,
    token: String,
}

/// The keys of the issuers, and one that is nobody's.
struct Keys {
    rsa: Forge,
    ec: Forge,
    ed: Forge,
    secret: Forge,
    /// In the set of people, for encryption.
    encryption: Forge,
    nobodys: Forge,
    now: i64,
}

impl Keys {
    fn new(now: i64) -> Self {
        Self {
            rsa: Forge::rsa(),
            ec: Forge::p256(),
            ed: Forge::ed25519(),
            secret: Forge::secret(SECRET),
            encryption: Forge::rsa(),
            nobodys: Forge::rsa(),
            now,
        }
    }

    fn set(&self) -> String {
        set_of(&[
            self.rsa.jwk(&json!({"kid": "rsa", "use": "sig", "alg": "RS256"})),
            self.ec.jwk(&json!({"kid": "ec", "use": "sig", "alg": "ES256"})),
            self.encryption.jwk(&json!({"kid": "enc", "use": "enc", "alg": "RSA-OAEP"})),
        ])
    }

    /// Good claims of an issuer's.
    fn claims(&self, issuer: &str) -> Value {
        json!({
            "iss": issuer, "aud": AUDIENCE, "sub": "ann", "iat": self.now, "exp": self.now + 600,
            "team": "growth", "roles": ["administrator"],
        })
    }

    /// A good header and good claims, of people's, for its RSA key.
    fn good(&self) -> String {
        self.rsa.token(GOOD_HEADER, self.claims(PEOPLE).to_string())
    }

    /// Tokens that pass: what the attacks are changes of.
    fn controls(&self) -> [(&'static str, String); 5] {
        let strict = r#"{"alg":"ES256","kid":"ec","typ":"at+jwt"}"#;
        [
            ("people, RSA", self.good()),
            ("people, EC", self.ec.token(r#"{"alg":"ES256","kid":"ec"}"#, self.claims(PEOPLE).to_string())),
            ("machines", self.ed.token(r#"{"alg":"EdDSA","kid":"ed"}"#, self.claims(MACHINES).to_string())),
            ("strict", self.ec.token(strict, self.claims(STRICT).to_string())),
            ("secret", self.secret.token(r#"{"alg":"HS256"}"#, self.claims(TEST).to_string())),
        ]
    }

    fn attacks(&self) -> Vec<Attack> {
        let groups =
            [claims::attacks(self), headers::attacks(self), keys::attacks(self), encoding::attacks(self)];
        groups.into_iter().flatten().collect()
    }
}

const GOOD_HEADER: &str = r#"{"alg":"RS256","kid":"rsa","typ":"JWT"}"#;

async fn stage(keys: &Keys) -> Stage {
    let mut stage = Stage::without_gateway_but(ISSUERS, &[]).await;
    std::fs::write(stage.folder.path().join("people"), keys.set()).unwrap();
    std::fs::write(stage.folder.path().join("machines"), &keys.ed.public).unwrap();
    stage.start_gateway().await;
    stage
}

/// The way for a token: as a bearer where a header can carry it, as a password otherwise.
async fn shown(stage: &Stage, path: &str, token: &str) -> Answer {
    let bearer = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    let credentials = if bearer {
        format!("Bearer {token}")
    } else {
        format!("Basic {}", STANDARD.encode(format!("sdk:{token}")))
    };
    send(stage.anonymous(Method::GET, path).header("authorization", credentials)).await
}

/// Everything of an answer that may not differ: all but its name and its moment.
fn bytes(answer: &Answer) -> String {
    let mut text = format!("{}\n", answer.status);
    for (name, value) in &answer.headers {
        if name != "x-request-id" && name != "date" {
            writeln!(text, "{name}: {}", value.to_str().unwrap()).unwrap();
        }
    }
    text + "\n" + &answer.text
}

const DOORS: [&str; 2] = ["/v3/numbers", "/v1/me"];

#[tokio::test]
async fn every_attack_gets_the_same_401_as_no_token_at_all() {
    let keys = Keys::new(jiff::Timestamp::now().as_second());
    let stage = stage(&keys).await;
    let attacks = keys.attacks();
    for door in DOORS {
        for (name, token) in keys.controls() {
            assert_eq!(shown(&stage, door, &token).await.status, 200, "{name} at {door}");
        }
        let without = bytes(&send(stage.anonymous(Method::GET, door)).await);
        assert!(without.starts_with("401 Unauthorized\n"), "{without}");
        assert!(without.contains("www-authenticate: Bearer\n"), "{without}");
        for attack in &attacks {
            let answer = shown(&stage, door, &attack.token).await;
            assert_eq!(bytes(&answer), without, "{} at {door}", attack.name);
        }
        let good = keys.good();
        for credentials in [
            String::from("Bearer"),
            format!("Bearer {good} {good}"),
            format!("Bearer: {good}"),
            format!("Token {good}"),
            format!("Digest {good}"),
            good.clone(),
            format!("Basic {}", STANDARD.encode(&good)),
            format!("Basic {good}"),
        ] {
            let request = stage.anonymous(Method::GET, door).header("authorization", &credentials);
            assert_eq!(bytes(&send(request).await), without, "{credentials} at {door}");
        }
        let twice = stage.anonymous(Method::GET, door).bearer_auth(&good).bearer_auth(&good);
        assert_eq!(bytes(&send(twice).await), without, "two good tokens at {door}");
    }
    // One list of owned numbers, for the first of those who were let in.
    assert_eq!(stage.ledger("").await["requests"].as_array().unwrap().len(), 1);
    stage.finish().await;
}

#[tokio::test]
async fn every_attack_is_refused_by_its_own_rule() {
    let keys = Keys::new(jiff::Timestamp::now().as_second());
    let stage = stage(&keys).await;
    let loaded = config::load(&Sources::from_text("stage", &stage.configuration())).unwrap();
    let verifier = app::verifier(&loaded.config, stage.clock.clone()).unwrap();
    let attacks = keys.attacks();
    let mut list = String::new();
    for attack in &attacks {
        let Err(Refusal::Invalid(reason)) = verifier.verify(&attack.token).await else {
            panic!("{} is let in, or nobody could say", attack.name)
        };
        assert_eq!(reason.as_str(), attack.rule, "{}", attack.name);
        writeln!(list, "{:<12} {}", attack.rule, attack.name).unwrap();
    }
    let names: BTreeSet<&str> = attacks.iter().map(|attack| attack.name.as_str()).collect();
    assert_eq!(names.len(), attacks.len(), "two attacks have one name");
    assert!(attacks.len() >= AT_LEAST, "{} attacks", attacks.len());
    insta::assert_snapshot!("attacks", list);
    stage.finish().await;
}
