//! Signing with a local key: first steps, machines and the demo. Nothing at the door depends on this.
//!
//! Whoever holds a signing key can mint anyone its issuer may name.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    Ed25519KeyPair, KeyPair as _, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jsonwebtoken::EncodingKey;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use uuid::Uuid;

use super::local::{self, FileFault};
use super::options::Algorithm;
use crate::domain::principal::{Person, Role, TeamId};

/// A new Ed25519 key pair as PEM.
#[derive(Debug)]
pub struct GeneratedKeyPair {
    /// PKCS #8 version 1, which OpenSSL reads too.
    pub private_key: SecretString,
    /// `SubjectPublicKeyInfo`, for `public_key_file`.
    pub public_key: String,
}

/// Nothing was signed or generated.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The key file.
    #[error(transparent)]
    File(#[from] FileFault),
    /// No random numbers, or no memory.
    #[error("the crypto library failed to make a key")]
    Generate,
    /// The library refused the key or the claims.
    #[error("the token cannot be signed: {0}")]
    Sign(#[from] jsonwebtoken::errors::Error),
}

/// Makes an Ed25519 key pair.
///
/// # Errors
/// [`SignError::Generate`] when the crypto library has no random numbers.
pub fn generate_key_pair() -> Result<GeneratedKeyPair, SignError> {
    let pair = Ed25519KeyPair::generate().map_err(|_| SignError::Generate)?;
    let private = pair.to_pkcs8v1().map_err(|_| SignError::Generate)?;
    let public: PublicKeyX509Der<'_> = pair.public_key().as_der().map_err(|_| SignError::Generate)?;
    Ok(GeneratedKeyPair {
        private_key: pem("PRIVATE KEY", private.as_ref()).into(),
        public_key: pem("PUBLIC KEY", public.as_ref()),
    })
}

/// RFC 7468: lines of 64 characters.
pub(super) fn pem(label: &str, der: &[u8]) -> String {
    let mut text = format!("-----BEGIN {label}-----\n");
    for (index, character) in STANDARD.encode(der).chars().enumerate() {
        if index > 0 && index % 64 == 0 {
            text.push('\n');
        }
        text.push(character);
    }
    text + "\n-----END " + label + "-----\n"
}

/// What a token shall say.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// `iss`.
    pub issuer: String,
    /// `aud`.
    pub audience: String,
    /// `sub`.
    pub subject: String,
    /// `team`: a string for one, a list for several, absent for none.
    pub teams: Vec<TeamId>,
    /// `roles`.
    pub roles: BTreeSet<Role>,
    /// Whole seconds from now to `exp`.
    pub ttl: Duration,
    /// `name`.
    pub name: Option<String>,
    /// `email`.
    pub email: Option<String>,
    /// `kid` of the header.
    pub kid: Option<String>,
    /// `act`: who acts for the subject (RFC 8693).
    pub act: Option<Person>,
}

/// A private key or a shared secret, with the one algorithm it signs with.
#[derive(Clone)]
pub struct Signer {
    key: EncodingKey,
    algorithm: Algorithm,
}

impl fmt::Debug for Signer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Signer").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

impl Signer {
    /// Reads a PKCS #8 private key (Ed25519 signs `EdDSA`, P-256 ES256, P-384 ES384, RSA RS256); a file without
    /// PEM is a shared secret and signs HS256.
    ///
    /// # Errors
    /// [`SignError::File`] for a key of another kind or a secret that would not be accepted at the door either.
    pub fn from_pem_or_secret_file(path: &Path) -> Result<Self, SignError> {
        super::install_crypto();
        let bytes = local::read(path)?;
        if String::from_utf8_lossy(&bytes).contains("-----BEGIN ") {
            let signer = Self::from_pem(&bytes);
            return signer.ok_or_else(|| FileFault::NotAPrivateKey(path.to_owned()).into());
        }
        let secret = local::secret(path)?;
        Ok(Self { key: EncodingKey::from_secret(secret.expose_secret()), algorithm: Algorithm::HS256 })
    }

    fn from_pem(pem: &[u8]) -> Option<Self> {
        if !local::is_one_block(pem, "PRIVATE KEY") {
            return None;
        }
        if let Ok(key) = EncodingKey::from_ed_pem(pem) {
            Ed25519KeyPair::from_pkcs8(key.as_bytes()).ok()?;
            return Some(Self { key, algorithm: Algorithm::EdDSA });
        }
        if let Ok(key) = EncodingKey::from_ec_pem(pem) {
            let on_curve = |curve: &'static EcdsaSigningAlgorithm| {
                EcdsaKeyPair::from_pkcs8(curve, key.as_bytes()).is_ok()
            };
            let algorithm = if on_curve(&ECDSA_P256_SHA256_FIXED_SIGNING) {
                Algorithm::ES256
            } else {
                on_curve(&ECDSA_P384_SHA384_FIXED_SIGNING).then_some(Algorithm::ES384)?
            };
            return Some(Self { key, algorithm });
        }
        let key = EncodingKey::from_rsa_pem(pem).ok()?;
        // aws-lc refuses to sign with less than 2048 bits.
        RsaKeyPair::from_der(key.as_bytes()).ok()?;
        Some(Self { key, algorithm: Algorithm::RS256 })
    }

    /// What this key signs with, for the configuration's `algorithms`.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Signs a token that begins `now`, with a `jti` of its own.
    ///
    /// # Errors
    /// [`SignError::Sign`] when the library refuses.
    pub fn sign(&self, token: &NewToken, now: Timestamp) -> Result<String, SignError> {
        let issued = now.as_second();
        let life = i64::try_from(token.ttl.as_secs()).unwrap_or(i64::MAX);
        let claims = Claims {
            iss: &token.issuer,
            aud: &token.audience,
            sub: &token.subject,
            team: match token.teams.as_slice() {
                [] => None,
                [team] => Some(Team::One(team)),
                teams => Some(Team::Several(teams)),
            },
            roles: &token.roles,
            name: token.name.as_deref(),
            email: token.email.as_deref(),
            act: token.act.as_ref().map(|actor| Actor { iss: &actor.issuer, sub: &actor.subject }),
            iat: issued,
            exp: issued.saturating_add(life),
            jti: Uuid::new_v4(),
        };
        let mut header = jsonwebtoken::Header::new(self.algorithm.into());
        header.kid.clone_from(&token.kid);
        Ok(jsonwebtoken::encode(&header, &claims, &self.key)?)
    }
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    team: Option<Team<'a>>,
    roles: &'a BTreeSet<Role>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    act: Option<Actor<'a>>,
    iat: i64,
    exp: i64,
    jti: Uuid,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Team<'a> {
    One(&'a TeamId),
    Several(&'a [TeamId]),
}

#[derive(Serialize)]
struct Actor<'a> {
    iss: &'a str,
    sub: &'a str,
}
