//! JSON Web Keys (RFC 7517): what a set may contain, and which of its keys we use.
//!
//! Two kinds of fault. A key that is merely not for us (Keycloak publishes one for encryption) is skipped, because
//! a key that is not loaded can do no harm. A set that cannot be meant (a secret in public, one `kid` twice) is
//! refused as a whole.

use std::collections::BTreeSet;
use std::sync::Arc;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, ParsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use serde_json::{Map, Value};

use super::compact;
use super::keys::Key;
use super::options::Algorithm;
use super::roca;
use crate::domain::strict_json::{self, Limits, StrictJsonError};

/// The largest set, in a file or fetched. Entra's has 20 KiB.
pub(super) const MAX_SET_BYTES: usize = 256 * 1024;
const MAX_KEYS: usize = 64;
const SET_LIMITS: Limits = Limits { bytes: MAX_SET_BYTES, depth: 8 };
/// Shorter is breakable, longer only costs time: the bounds of aws-lc's verification.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

type Jwk = Map<String, Value>;

/// A set that was understood.
#[derive(Debug)]
pub(super) struct KeySet {
    pub(super) keys: Vec<Arc<Key>>,
    pub(super) skipped: Vec<Skipped>,
}

/// Why a whole set is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SetFault {
    /// Not strict JSON.
    #[error("the key set is no strict JSON: {0}")]
    Json(#[from] StrictJsonError),
    /// Not an object with a list of objects in `keys`.
    #[error("the key set is not an object with a list of keys")]
    Shape,
    /// More than 64 keys.
    #[error("the key set has {0} keys, 64 are the most")]
    TooManyKeys(usize),
    /// A symmetric key: whoever can read the set can mint tokens.
    #[error("the key set publishes a symmetric key (kty \"oct\")")]
    Symmetric,
    /// Two keys of one name.
    #[error("two keys of the set have the kid {0:?}")]
    DuplicateKeyId(String),
}

/// Why one key of a set is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Skipped {
    /// `use` is not `sig`, or `key_ops` does not contain `verify`.
    #[error("not for verifying signatures")]
    Purpose,
    /// Another `kty`, `crv` or `alg` than ours, or one that does not belong to the other.
    #[error("a kind of key or algorithm we do not use")]
    Kind,
    /// An algorithm the issuer's configuration does not list.
    #[error("an algorithm that the issuer's configuration does not list")]
    NotListed,
    /// A member is missing, of the wrong type, or no valid number or point.
    #[error("malformed")]
    Malformed,
    /// RSA of fewer than 2048 or more than 8192 bits, with an exponent that is even or below 3, or of a generator
    /// whose primes can be guessed.
    #[error("an RSA key of unsafe size, exponent or origin")]
    Weak,
    /// The private half is in it: anybody may have it.
    #[error("its private half is published")]
    Private,
}

/// Reads a key set; `algorithms` are those the issuer may use.
pub(super) fn read_set(bytes: &[u8], algorithms: &[Algorithm]) -> Result<KeySet, SetFault> {
    let set = strict_json::parse(bytes, SET_LIMITS)?;
    let entries = set.get("keys").and_then(Value::as_array).ok_or(SetFault::Shape)?;
    if entries.len() > MAX_KEYS {
        return Err(SetFault::TooManyKeys(entries.len()));
    }
    let (mut keys, mut skipped, mut names) = (Vec::new(), Vec::new(), BTreeSet::new());
    for entry in entries {
        let jwk = entry.as_object().ok_or(SetFault::Shape)?;
        if jwk.get("kty").and_then(Value::as_str) == Some("oct") {
            return Err(SetFault::Symmetric);
        }
        if let Some(name) = jwk.get("kid").and_then(Value::as_str)
            && !names.insert(name)
        {
            return Err(SetFault::DuplicateKeyId(name.to_owned()));
        }
        match read_key(jwk, algorithms) {
            Ok(key) => keys.push(Arc::new(key)),
            Err(reason) => skipped.push(reason),
        }
    }
    Ok(KeySet { keys, skipped })
}

/// Reads one public key.
pub(super) fn read_key(jwk: &Jwk, algorithms: &[Algorithm]) -> Result<Key, Skipped> {
    if !is_for_signatures(jwk)? {
        return Err(Skipped::Purpose);
    }
    if jwk.contains_key("d") {
        return Err(Skipped::Private);
    }
    let id = text(jwk, "kid")?.map(str::to_owned);
    if id.as_deref().is_some_and(|id| !compact::is_key_id(id)) {
        return Err(Skipped::Malformed);
    }
    let algorithm = algorithm_of(jwk, algorithms)?;
    if !algorithms.contains(&algorithm) {
        return Err(Skipped::NotListed);
    }
    let material = match algorithm {
        Algorithm::RS256 | Algorithm::PS256 => rsa(&number(jwk, "n")?, &number(jwk, "e")?)?,
        Algorithm::ES256 => DecodingKey::from_ec_der(&point(jwk, 32)?),
        Algorithm::ES384 => DecodingKey::from_ec_der(&point(jwk, 48)?),
        Algorithm::EdDSA => DecodingKey::from_ed_der(&ed25519(jwk)?),
        Algorithm::HS256 => return Err(Skipped::Kind),
    };
    Ok(Key { id, algorithm, material })
}

fn is_for_signatures(jwk: &Jwk) -> Result<bool, Skipped> {
    let by_use = text(jwk, "use")?.is_none_or(|word| word == "sig");
    let by_operations = match jwk.get("key_ops") {
        None => true,
        Some(Value::Array(words)) => words.iter().any(|word| word == "verify"),
        Some(_) => return Err(Skipped::Malformed),
    };
    Ok(by_use && by_operations)
}

/// The one algorithm of a key. Its curve decides; an RSA key without `alg` gets the issuer's first RSA algorithm.
fn algorithm_of(jwk: &Jwk, algorithms: &[Algorithm]) -> Result<Algorithm, Skipped> {
    let by_kind = match (text(jwk, "kty")?, text(jwk, "crv")?) {
        (Some("RSA"), None) => None,
        (Some("EC"), Some("P-256")) => Some(Algorithm::ES256),
        (Some("EC"), Some("P-384")) => Some(Algorithm::ES384),
        (Some("OKP"), Some("Ed25519")) => Some(Algorithm::EdDSA),
        _ => return Err(Skipped::Kind),
    };
    let named = match text(jwk, "alg")? {
        Some(word) => Some(word.parse::<Algorithm>().map_err(|_| Skipped::Kind)?),
        None => None,
    };
    match (by_kind, named) {
        (Some(kind), None) => Ok(kind),
        (Some(kind), Some(named)) if kind == named => Ok(kind),
        (None, Some(named)) if named.is_rsa() => Ok(named),
        (None, None) => algorithms.iter().copied().find(|listed| listed.is_rsa()).ok_or(Skipped::NotListed),
        _ => Err(Skipped::Kind),
    }
}

fn rsa(modulus: &[u8], exponent: &[u8]) -> Result<DecodingKey, Skipped> {
    let odd = |number: &[u8]| number.last().is_some_and(|byte| byte % 2 == 1);
    let at_least_three = exponent != [1];
    let sound = odd(modulus) && !roca::made(modulus);
    if RSA_BITS.contains(&bits(modulus)) && sound && odd(exponent) && at_least_three {
        Ok(DecodingKey::from_rsa_raw_components(modulus, exponent))
    } else {
        Err(Skipped::Weak)
    }
}

fn bits(number: &[u8]) -> usize {
    let first = number.first().map_or(0, |byte| 8 - usize::try_from(byte.leading_zeros()).unwrap_or(8));
    number.len().saturating_sub(1) * 8 + first
}

/// An uncompressed point (SEC 1 §2.3.3) that lies on its curve.
fn point(jwk: &Jwk, width: usize) -> Result<Vec<u8>, Skipped> {
    let (x, y) = (octets(jwk, "x")?, octets(jwk, "y")?);
    if x.len() != width || y.len() != width {
        return Err(Skipped::Malformed);
    }
    let point = [&[4], x.as_slice(), y.as_slice()].concat();
    let curve = if width == 32 { &ECDSA_P256_SHA256_FIXED } else { &ECDSA_P384_SHA384_FIXED };
    ParsedPublicKey::new(curve, &point).map_err(|_| Skipped::Malformed)?;
    Ok(point)
}

fn ed25519(jwk: &Jwk) -> Result<Vec<u8>, Skipped> {
    let public = octets(jwk, "x")?;
    if public.len() != 32 {
        return Err(Skipped::Malformed);
    }
    ParsedPublicKey::new(&ED25519, &public).map_err(|_| Skipped::Malformed)?;
    Ok(public)
}

/// A big-endian number. Some issuers write a leading zero, which RFC 7518 §6.3.1.1 forbids and aws-lc refuses.
fn number(jwk: &Jwk, name: &str) -> Result<Vec<u8>, Skipped> {
    let bytes = octets(jwk, name)?;
    Ok(bytes.into_iter().skip_while(|byte| *byte == 0).collect())
}

fn octets(jwk: &Jwk, name: &str) -> Result<Vec<u8>, Skipped> {
    let encoded = text(jwk, name)?.ok_or(Skipped::Malformed)?;
    URL_SAFE_NO_PAD.decode(encoded).map_err(|_| Skipped::Malformed)
}

fn text<'a>(jwk: &'a Jwk, name: &str) -> Result<Option<&'a str>, Skipped> {
    match jwk.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Skipped::Malformed),
    }
}
