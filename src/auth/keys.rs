//! Keys that verify: each for exactly one algorithm, so that a token can never choose how its key is used.

use std::sync::Arc;

use jsonwebtoken::DecodingKey;

use super::compact::{Compact, Header};
use super::options::Algorithm;
use super::refusal::Reason;

/// One key with its one algorithm.
#[derive(Debug)]
pub(super) struct Key {
    /// The `kid`, where its set or the configuration gives one.
    pub(super) id: Option<String>,
    pub(super) algorithm: Algorithm,
    pub(super) material: DecodingKey,
}

/// The keys of one issuer at one moment.
#[derive(Debug)]
pub(super) enum KeyTable {
    /// A key from a file. Without a `kid` of its own it answers to any.
    Single(Arc<Key>),
    /// A key set, at most 64.
    Set(Vec<Arc<Key>>),
}

/// Why a table has no key for a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Miss {
    /// No such key now; a newer set might have it.
    Unknown,
    /// No newer set would help.
    Refused(Reason),
}

impl Key {
    /// Whether this key made the token's signature.
    pub(super) fn signed(&self, token: &Compact<'_>) -> bool {
        let message = token.signed.as_bytes();
        let verdict =
            jsonwebtoken::crypto::verify(token.signature, message, &self.material, self.algorithm.into());
        matches!(verdict, Ok(true))
    }
}

impl KeyTable {
    /// The key a header asks for. Without a `kid` there must be exactly one that fits.
    pub(super) fn find(&self, header: &Header) -> Result<Arc<Key>, Miss> {
        let key = match (self, &header.key_id) {
            (Self::Single(key), Some(_)) if key.id.is_some() && key.id != header.key_id => {
                return Err(Miss::Unknown);
            }
            (Self::Single(key), _) => key,
            (Self::Set(keys), Some(_)) => {
                keys.iter().find(|key| key.id == header.key_id).ok_or(Miss::Unknown)?
            }
            (Self::Set(keys), None) => {
                let mut fitting = keys.iter().filter(|key| key.algorithm == header.algorithm);
                match (fitting.next(), fitting.next()) {
                    (Some(key), None) => key,
                    (Some(_), Some(_)) => return Err(Miss::Refused(Reason::KeyId)),
                    (None, _) => return Err(Miss::Unknown),
                }
            }
        };
        if key.algorithm == header.algorithm {
            Ok(Arc::clone(key))
        } else {
            Err(Miss::Refused(Reason::Algorithm))
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Single(_) => 1,
            Self::Set(keys) => keys.len(),
        }
    }
}

impl From<Algorithm> for jsonwebtoken::Algorithm {
    fn from(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::HS256 => Self::HS256,
            Algorithm::RS256 => Self::RS256,
            Algorithm::PS256 => Self::PS256,
            Algorithm::ES256 => Self::ES256,
            Algorithm::ES384 => Self::ES384,
            Algorithm::EdDSA => Self::EdDSA,
        }
    }
}
