//! One byte form for a value, and its digest: what evidence, quotes and repeats are compared by.
//!
//! The form is RFC 8785 (JSON Canonicalization Scheme), so that anybody can compute the same digest with a
//! library of their own.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A SHA-256, written as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest([u8; 32]);

/// A value that RFC 8785 has no form for (a number beyond IEEE 754, a key that is no string).
#[derive(Debug, thiserror::Error)]
#[error("no canonical form: {0}")]
pub struct CanonicalError(#[from] serde_json::Error);

/// The RFC 8785 bytes of a value.
pub fn bytes(value: &impl Serialize) -> Result<Vec<u8>, CanonicalError> {
    Ok(serde_json_canonicalizer::to_vec(value)?)
}

/// The SHA-256 over the RFC 8785 bytes of a value.
pub fn digest(value: &impl Serialize) -> Result<Digest, CanonicalError> {
    Ok(Digest::of(&[&bytes(value)?]))
}

impl Digest {
    /// The digest that stands before the first link of a chain.
    pub const ZERO: Self = Self([0; 32]);

    /// The SHA-256 over the parts, one after the other.
    pub fn of(parts: &[&[u8]]) -> Self {
        let digest = if let [whole] = parts {
            // In one go there is nothing to allocate.
            digest::digest(&digest::SHA256, whole)
        } else {
            let mut context = digest::Context::new(&digest::SHA256);
            for part in parts {
                context.update(part);
            }
            context.finish()
        };
        let mut sum = [0; 32];
        sum.copy_from_slice(digest.as_ref());
        Self(sum)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// A digest from its 32 bytes, as the store keeps it; `None` for another length.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        const fn digit(value: u8) -> u8 {
            value + if value < 10 { b'0' } else { b'a' - 10 }
        }
        let mut text = [0; 64];
        for (digits, byte) in text.as_chunks_mut().0.iter_mut().zip(self.0) {
            *digits = [digit(byte >> 4), digit(byte & 0xf)];
        }
        out.write_str(str::from_utf8(&text).unwrap_or_default())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

/// A text that is not 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a digest: 64 lower-case hexadecimal digits")]
pub struct DigestError;

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let nibble = |byte: u8| match byte {
            b'0'..=b'9' => Ok(byte - b'0'),
            b'a'..=b'f' => Ok(byte - b'a' + 10),
            _ => Err(DigestError),
        };
        if text.len() != 64 {
            return Err(DigestError);
        }
        let mut sum = [0; 32];
        for (slot, pair) in sum.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let [high, low] = pair else { return Err(DigestError) };
            *slot = nibble(*high)? << 4 | nibble(*low)?;
        }
        Ok(Self(sum))
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]
    #![expect(clippy::print_stderr, reason = "a skipped test says so")]

    use std::path::Path;

    use super::{Digest, bytes, digest};

    /// FIPS 180-2 appendix B.1.
    #[test]
    fn the_digest_is_sha_256() {
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(Digest::of(&[b"a", b"bc"]).to_string(), abc);
        assert_eq!(abc.parse::<Digest>().unwrap(), Digest::of(&[b"abc"]));
        assert!("BA".parse::<Digest>().is_err());
    }

    #[test]
    fn equal_values_have_equal_digests_whatever_their_order() {
        let one = serde_json::json!({"b": 1, "a": [true, null]});
        let other = serde_json::json!({"a": [true, null], "b": 1});
        assert_eq!(digest(&one).unwrap(), digest(&other).unwrap());
        assert_ne!(digest(&one).unwrap(), digest(&serde_json::json!({"b": 1})).unwrap());
    }

    #[test]
    fn the_form_is_the_one_of_rfc_8785() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/vectors/jcs/testdata");
        let Ok(inputs) = std::fs::read_dir(folder.join("input")) else {
            eprintln!("skipped: the RFC 8785 vectors are not here");
            return;
        };
        let mut seen = 0;
        for input in inputs {
            let input = input.unwrap();
            let value: serde_json::Value =
                serde_json::from_slice(&std::fs::read(input.path()).unwrap()).unwrap();
            let wanted = std::fs::read(folder.join("output").join(input.file_name())).unwrap();
            assert_eq!(bytes(&value).unwrap(), wanted, "{}", input.path().display());
            seen += 1;
        }
        assert!(seen >= 5, "{seen} vectors");
    }
}
