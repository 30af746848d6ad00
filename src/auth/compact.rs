//! The outside of a token: three parts of base64url, and the header.
//!
//! Everything here happens before any key is looked at and bounds what comes after.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::options::{Algorithm, TokenType};
use super::refusal::Reason;
use crate::domain::strict_json::{self, Limits};

/// A token with two hundred groups has 10 KiB.
const MAX_TOKEN: usize = 16 * 1024;
const HEADER_LIMITS: Limits = Limits { bytes: 1024, depth: 1 };
/// Keycloak's `resource_access` needs three levels.
const CLAIMS_LIMITS: Limits = Limits { bytes: MAX_TOKEN, depth: 16 };
const MAX_KEY_ID: usize = 256;

/// A token taken apart, nothing of it believed yet.
#[derive(Debug)]
pub(super) struct Compact<'a> {
    header: &'a str,
    payload: &'a str,
    /// Base64url, as it stands in the token.
    pub(super) signature: &'a str,
    /// What was signed: header and payload with the dot between them.
    pub(super) signed: &'a str,
}

/// A header that says nothing but what we act on.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) algorithm: Algorithm,
    pub(super) token_type: Option<TokenType>,
    pub(super) key_id: Option<String>,
}

impl<'a> Compact<'a> {
    pub(super) fn split(token: &'a str) -> Result<Self, Reason> {
        if token.len() > MAX_TOKEN {
            return Err(Reason::TooLong);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(Reason::Form)?;
        let (header, payload) = signed.split_once('.').ok_or(Reason::Form)?;
        let base64url = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let well_formed = |part: &str| !part.is_empty() && part.bytes().all(base64url);
        if [header, payload, signature].into_iter().all(well_formed) {
            Ok(Self { header, payload, signature, signed })
        } else {
            Err(Reason::Form)
        }
    }

    /// A key not in the list refuses the token: that is what keeps `jwk`, `jku`, `x5u`, `x5c`, `crit`, `b64`,
    /// `zip`, `enc` and `cty` out.
    pub(super) fn header(&self) -> Result<Header, Reason> {
        let (mut algorithm, mut token_type, mut key_id) = (None, None, None);
        for (name, value) in object(self.header, HEADER_LIMITS, Reason::Header)? {
            let Value::String(text) = value else { return Err(Reason::Header) };
            match name.as_str() {
                "alg" => algorithm = Some(text.parse().map_err(|_| Reason::Algorithm)?),
                "typ" => token_type = Some(type_of(&text)?),
                "kid" if is_key_id(&text) => key_id = Some(text),
                "kid" => return Err(Reason::KeyId),
                // Entra v1 sends the certificate's thumbprints; our keys are found by `kid` only.
                "x5t" | "x5t#S256" => {}
                _ => return Err(Reason::Header),
            }
        }
        Ok(Header { algorithm: algorithm.ok_or(Reason::Header)?, token_type, key_id })
    }

    /// The claims as a JSON object: no key twice, nothing typed yet.
    pub(super) fn claims(&self) -> Result<Value, Reason> {
        object(self.payload, CLAIMS_LIMITS, Reason::Claims).map(Value::Object)
    }
}

fn type_of(text: &str) -> Result<TokenType, Reason> {
    match text {
        "JWT" => Ok(TokenType::Jwt),
        "at+jwt" => Ok(TokenType::AccessToken),
        _ => Err(Reason::Type),
    }
}

/// A `kid` is only ever compared with those of a key set; Cognito's have `+` and `/`.
pub(super) fn is_key_id(text: &str) -> bool {
    (1..=MAX_KEY_ID).contains(&text.len()) && text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

fn object(part: &str, limits: Limits, reason: Reason) -> Result<Map<String, Value>, Reason> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| Reason::Form)?;
    match strict_json::parse(&bytes, limits) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) | Err(_) => Err(reason),
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::{Compact, Header};
    use crate::auth::options::{Algorithm, TokenType};
    use crate::auth::refusal::Reason;

    fn header(json: &str) -> Result<Header, Reason> {
        let token = format!("{}.e30.AA", URL_SAFE_NO_PAD.encode(json));
        Compact::split(&token).and_then(|compact| compact.header())
    }

    #[test]
    fn a_token_is_three_parts_of_unpadded_base64url() {
        assert!(Compact::split("e30.e30.AA").is_ok());
        for token in [
            "",
            ".",
            "..",
            "e30",
            "e30.e30",
            "e30..AA",
            ".e30.AA",
            "e30.e30.",
            "e30.e30.AA.AA",
            "e30.e30.AA=",
            " e30.e30.AA",
            "e30.e30.AA\n",
            "e30.e3+.AA",
            "e30.é.AA",
            "e30.e30.AA\0",
        ] {
            assert_eq!(Compact::split(token).map(|_| ()), Err(Reason::Form), "{token:?}");
        }
        let full = format!("e30.e30.{}", "A".repeat(16 * 1024 - 8));
        assert!(Compact::split(&full).is_ok());
        assert_eq!(Compact::split(&format!("{full}A")).map(|_| ()), Err(Reason::TooLong));
    }

    #[test]
    fn bits_that_mean_nothing_must_be_zero() {
        let split = Compact::split("e31.e30.AA");
        assert_eq!(split.and_then(|compact| compact.header()), Err(Reason::Form));
    }

    #[test]
    fn known_headers_pass() {
        let expected = |token_type, kid: Option<&str>| {
            Ok(Header { algorithm: Algorithm::RS256, token_type, key_id: kid.map(str::to_owned) })
        };
        let (jwt, access) = (Some(TokenType::Jwt), Some(TokenType::AccessToken));
        assert_eq!(header(r#"{"alg":"RS256"}"#), expected(None, None));
        assert_eq!(header(r#"{"typ":"JWT","alg":"RS256","kid":"a+/="}"#), expected(jwt, Some("a+/=")));
        assert_eq!(header(r#"{"typ":"at+jwt","alg":"RS256","kid":"k"}"#), expected(access, Some("k")));
        let entra = r#"{"typ":"JWT","alg":"RS256","x5t":"T1St","kid":"T1St","x5t#S256":"x"}"#;
        assert_eq!(header(entra), expected(jwt, Some("T1St")));
    }

    #[test]
    fn anything_else_in_a_header_refuses_the_token() {
        for name in ["jwk", "jku", "x5u", "x5c", "crit", "b64", "zip", "enc", "cty", "nonce", "Alg", "role"] {
            let with_text = format!(r#"{{"alg":"RS256","{name}":"x"}}"#);
            assert_eq!(header(&with_text), Err(Reason::Header), "{name}");
        }
        for json in [
            r#"{"alg":"RS256","crit":["exp"]}"#,
            r#"{"alg":"RS256","b64":false}"#,
            r#"{"alg":"RS256","jwk":{"kty":"oct"}}"#,
            r#"{"alg":"RS256","alg":"HS256"}"#,
            r#"{"alg":"RS256","\u0061lg":"HS256"}"#,
            r#"{"alg":"RS256","kid":null}"#,
            r#"{"alg":"RS256","typ":null}"#,
            r#"{"alg":"RS256","kid":7}"#,
            r#"{"alg":"RS256","x5t":1}"#,
            r#"{"alg":null}"#,
            r#"{"alg":["RS256"]}"#,
            r#"{"kid":"a"}"#,
            r#"["RS256","JWT","a"]"#,
            r#""RS256""#,
            r#"{"alg":"RS256"}{}"#,
            "{}",
            "",
        ] {
            assert!(matches!(header(json), Err(Reason::Header | Reason::Form)), "{json}");
        }
        let long = format!(r#"{{"alg":"RS256","x5t":"{}"}}"#, "a".repeat(1024));
        assert_eq!(header(&long), Err(Reason::Header));
    }

    #[test]
    fn no_spelling_of_none_is_an_algorithm() {
        for word in ["none", "None", "NONE", "nOnE", "", " ", "null", "rs256", "RS256 ", "RS512", "ES256K"] {
            assert_eq!(header(&format!(r#"{{"alg":"{word}"}}"#)), Err(Reason::Algorithm), "{word}");
        }
    }

    #[test]
    fn types_and_key_ids_are_bounded() {
        for typ in ["jwt", "JWE", "application/jwt", "", "dpop+jwt", "logout+jwt"] {
            let json = format!(r#"{{"alg":"RS256","typ":"{typ}"}}"#);
            assert_eq!(header(&json), Err(Reason::Type), "{typ}");
        }
        for kid in ["", "a\\u0000b", "a\\nb", "ü", &"k".repeat(257)] {
            let json = format!(r#"{{"alg":"RS256","kid":"{kid}"}}"#);
            assert_eq!(header(&json), Err(Reason::KeyId), "{kid}");
        }
        assert!(header(&format!(r#"{{"alg":"RS256","kid":"{}"}}"#, "k".repeat(256))).is_ok());
    }
}
