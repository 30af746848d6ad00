//! Keys of every kind, and tokens that say anything.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    KeyPair as _,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{DecodingKey, EncodingKey};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::auth::signing::{generate_key_pair, pem};
use crate::auth::{
    Algorithm, ClaimNames, Denied, IssuerOptions, KeySource, Reason, Refusal, Verifier, install_crypto,
};
use crate::clock::{Clock, ManualClock};

pub(super) const ISSUER: &str = "https://login.example.com/";
pub(super) const AUDIENCE: &str = "numbers-gateway";
/// When every test begins, in seconds since 1970.
pub(super) const NOW: i64 = 1_800_000_000;
pub(super) const SECRET: &[u8] = b"V9f2kQ7w-this-one-stands-nowhere-else-0x1";

/// A key that signs as one algorithm.
pub(super) struct Forge {
    pub(super) algorithm: Algorithm,
    pub(super) private_pem: String,
    pub(super) public_pem: String,
    key: EncodingKey,
}

pub(super) static RSA: LazyLock<Forge> = LazyLock::new(rsa);
pub(super) static OTHER_RSA: LazyLock<Forge> = LazyLock::new(rsa);
pub(super) static PSS: LazyLock<Forge> = LazyLock::new(|| {
    let Forge { private_pem, public_pem, key, .. } = rsa();
    Forge { algorithm: Algorithm::PS256, private_pem, public_pem, key }
});
pub(super) static P256: LazyLock<Forge> =
    LazyLock::new(|| ec(Algorithm::ES256, &ECDSA_P256_SHA256_FIXED_SIGNING));
pub(super) static P384: LazyLock<Forge> =
    LazyLock::new(|| ec(Algorithm::ES384, &ECDSA_P384_SHA384_FIXED_SIGNING));
pub(super) static ED: LazyLock<Forge> = LazyLock::new(ed25519);
pub(super) static HMAC: LazyLock<Forge> = LazyLock::new(|| Forge {
    algorithm: Algorithm::HS256,
    private_pem: String::new(),
    public_pem: String::new(),
    key: EncodingKey::from_secret(SECRET),
});

pub(super) fn every_forge() -> [&'static Forge; 6] {
    [&HMAC, &RSA, &PSS, &P256, &P384, &ED]
}

pub(super) fn rsa() -> Forge {
    let pair = aws_lc_rs::rsa::KeyPair::generate(KeySize::Rsa2048).unwrap();
    let private: Pkcs8V1Der<'_> = pair.as_der().unwrap();
    let public: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
    let private_pem = pem("PRIVATE KEY", private.as_ref());
    let key = EncodingKey::from_rsa_pem(private_pem.as_bytes()).unwrap();
    let public_pem = pem("PUBLIC KEY", public.as_ref());
    Forge { algorithm: Algorithm::RS256, private_pem, public_pem, key }
}

fn ec(algorithm: Algorithm, curve: &'static EcdsaSigningAlgorithm) -> Forge {
    let pair = EcdsaKeyPair::generate(curve).unwrap();
    let private_pem = pem("PRIVATE KEY", pair.to_pkcs8v1().unwrap().as_ref());
    let public: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
    let key = EncodingKey::from_ec_pem(private_pem.as_bytes()).unwrap();
    Forge { algorithm, private_pem, public_pem: pem("PUBLIC KEY", public.as_ref()), key }
}

fn ed25519() -> Forge {
    let pair = generate_key_pair().unwrap();
    let private_pem = pair.private_key.expose_secret().to_owned();
    let key = EncodingKey::from_ed_pem(private_pem.as_bytes()).unwrap();
    Forge { algorithm: Algorithm::EdDSA, private_pem, public_pem: pair.public_key, key }
}

impl Forge {
    /// The public half as an issuer would publish it.
    pub(super) fn jwk(&self, kid: &str) -> Value {
        install_crypto();
        let pem = self.public_pem.as_bytes();
        let kinds = [DecodingKey::from_ed_pem, DecodingKey::from_ec_pem, DecodingKey::from_rsa_pem];
        let public = kinds.iter().find_map(|read| read(pem).ok()).unwrap();
        let mut jwk = serde_json::to_value(Jwk::from_decoding_key(&public, None).unwrap()).unwrap();
        merge(&mut jwk, &json!({"kid": kid, "use": "sig", "alg": self.algorithm.as_str()}));
        jwk
    }

    /// A good header for this key.
    pub(super) fn header(&self, kid: &str) -> String {
        json!({"alg": self.algorithm.as_str(), "typ": "JWT", "kid": kid}).to_string()
    }

    /// A token of these very texts, rightly signed.
    pub(super) fn token(&self, header: &str, claims: &str) -> String {
        install_crypto();
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let signature = jsonwebtoken::crypto::sign(signed.as_bytes(), &self.key, self.algorithm.into());
        format!("{signed}.{}", signature.unwrap())
    }

    /// A good token under this `kid`, with some claims changed (`null` removes one).
    pub(super) fn good(&self, kid: &str, changes: &Value) -> String {
        self.token(&self.header(kid), &claims(changes).to_string())
    }
}

/// Good claims, with some changed (`null` removes one).
pub(super) fn claims(changes: &Value) -> Value {
    let mut claims = json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": "ann", "iat": NOW, "exp": NOW + 600,
        "team": "growth", "roles": ["requester"],
    });
    merge(&mut claims, changes);
    claims
}

/// Sets the members of `changes` in `target`; `null` removes one.
pub(super) fn merge(target: &mut Value, changes: &Value) {
    let target = target.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            target.shift_remove(name);
        } else {
            target.insert(name.clone(), value.clone());
        }
    }
}

pub(super) fn set_of(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}

pub(super) fn options(keys: KeySource, algorithms: &[Algorithm]) -> IssuerOptions {
    IssuerOptions {
        name: "company".to_owned(),
        issuer: ISSUER.to_owned(),
        audiences: vec![AUDIENCE.to_owned()],
        keys,
        key_id: None,
        token_type: None,
        algorithms: algorithms.to_vec(),
        max_lifetime: Duration::from_hours(25),
        claims: ClaimNames::default(),
        role_map: BTreeMap::new(),
        team_map: BTreeMap::new(),
        roles_allowed: BTreeSet::new(),
        may_approve: true,
        ca_file: None,
    }
}

/// A verifier, its clock, and the directory its keys were read from.
pub(super) struct Door {
    pub(super) verifier: Arc<Verifier>,
    pub(super) hand: ManualClock,
}

impl Door {
    pub(super) fn new(issuers: Vec<IssuerOptions>) -> Self {
        Self::denying(issuers, Denied::default())
    }

    pub(super) fn denying(issuers: Vec<IssuerOptions>, denied: Denied) -> Self {
        let hand = ManualClock::starting_at(Timestamp::from_second(NOW).unwrap());
        let verifier = Verifier::new(issuers, denied, Clock::manual(hand.clone())).unwrap();
        Self { verifier: Arc::new(verifier), hand }
    }

    /// Opens to the tokens of one key in a set, under the `kid` "k".
    pub(super) fn of(forge: &Forge) -> Self {
        Self::with(forge, |_| {})
    }

    pub(super) fn with(forge: &Forge, change: impl FnOnce(&mut IssuerOptions)) -> Self {
        let files = Files::new();
        let source = match forge.algorithm {
            Algorithm::HS256 => KeySource::SecretFile(files.write("secret", SECRET)),
            _ => KeySource::JwksFile(files.write("set", set_of(&[forge.jwk("k")]))),
        };
        let mut options = options(source, &[forge.algorithm]);
        change(&mut options);
        Self::new(vec![options])
    }

    /// Why a token is refused; stops the test when it is not.
    pub(super) async fn refusal(&self, token: &str) -> Refusal {
        self.verifier.verify(token).await.unwrap_err()
    }

    pub(super) async fn reason(&self, token: &str) -> Option<Reason> {
        match self.verifier.verify(token).await {
            Err(Refusal::Invalid(reason)) => Some(reason),
            Ok(_) | Err(Refusal::IssuerUnavailable) => None,
        }
    }
}

/// A directory for key files.
pub(super) struct Files(TempDir);

impl Files {
    pub(super) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(super) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }
}
