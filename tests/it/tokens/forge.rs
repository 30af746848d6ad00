//! Keys that sign whatever they are given.

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};
use serde_json::{Value, json};

/// A private key with its algorithm.
pub struct Forge {
    pub algorithm: Algorithm,
    key: EncodingKey,
    /// PEM; empty for a secret.
    pub public: String,
}

impl Forge {
    pub fn rsa() -> Self {
        let pair = aws_lc_rs::rsa::KeyPair::generate(KeySize::Rsa2048).unwrap();
        let private: Pkcs8V1Der<'_> = pair.as_der().unwrap();
        let public: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
        let key = EncodingKey::from_rsa_pem(pem("PRIVATE KEY", private.as_ref()).as_bytes()).unwrap();
        Self { algorithm: Algorithm::RS256, key, public: pem("PUBLIC KEY", public.as_ref()) }
    }

    pub fn p256() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let key = EncodingKey::from_ec_der(pair.to_pkcs8v1().unwrap().as_ref());
        let public: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
        Self { algorithm: Algorithm::ES256, key, public: pem("PUBLIC KEY", public.as_ref()) }
    }

    pub fn ed25519() -> Self {
        let pair = Ed25519KeyPair::generate().unwrap();
        let key = EncodingKey::from_ed_der(pair.to_pkcs8v1().unwrap().as_ref());
        let public: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
        Self { algorithm: Algorithm::EdDSA, key, public: pem("PUBLIC KEY", public.as_ref()) }
    }

    pub fn secret(secret: &[u8]) -> Self {
        Self { algorithm: Algorithm::HS256, key: EncodingKey::from_secret(secret), public: String::new() }
    }

    /// The public half as an issuer publishes it, with these members besides.
    pub fn jwk(&self, members: &Value) -> Value {
        let pem = self.public.as_bytes();
        let kinds = [DecodingKey::from_ed_pem, DecodingKey::from_ec_pem, DecodingKey::from_rsa_pem];
        let public = kinds.iter().find_map(|read| read(pem).ok()).unwrap();
        let mut jwk = serde_json::to_value(Jwk::from_decoding_key(&public, None).unwrap()).unwrap();
        jwk.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        merge(&mut jwk, members);
        jwk
    }

    /// A token of these very texts, rightly signed.
    pub fn token(&self, header: &str, claims: impl AsRef<[u8]>) -> String {
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        format!("{signed}.{}", self.signature(&signed))
    }

    pub fn signature(&self, signed: &str) -> String {
        jsonwebtoken::crypto::sign(signed.as_bytes(), &self.key, self.algorithm).unwrap()
    }
}

/// Sets the members of `changes` in `target`; `null` removes one.
pub fn merge(target: &mut Value, changes: &Value) {
    let target = target.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            target.shift_remove(name);
        } else {
            target.insert(name.clone(), value.clone());
        }
    }
}

pub fn set_of(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}

fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}
