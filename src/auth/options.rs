//! What the verifier is told: whom to believe, with which keys, and what their words mean here.
//!
//! These are the verifier's own types, so that it knows no configuration file; the app maps one to the other.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use crate::domain::principal::{Role, TeamId};

/// Somebody who vouches for people or machines. Several may share one `iss` (the same single sign-on with two
/// audiences); then the first whose rules a token meets decides, in the order given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerOptions {
    /// The operator's word for it, shown in logs and health.
    pub name: String,
    /// The `iss` of its tokens, compared byte by byte.
    pub issuer: String,
    /// A token's `aud` must contain one of these.
    pub audiences: Vec<String>,
    /// Where its keys are.
    pub keys: KeySource,
    /// The `kid` that its tokens must carry, if they carry one: for a single key in a file. A set names its own.
    pub key_id: Option<String>,
    /// The only `typ` of its tokens; `None` means either of ours, or none at all.
    pub token_type: Option<TokenType>,
    /// What it may sign with. An RSA key that names no algorithm (Entra's) gets the first RSA one of this list.
    pub algorithms: Vec<Algorithm>,
    /// The longest life of a token, from now and from its `iat`.
    pub max_lifetime: Duration,
    /// Where its tokens carry what we want to know.
    pub claims: ClaimNames,
    /// Its words for roles. A word that stands here means only what stands here; any other may be one of ours.
    pub role_map: BTreeMap<String, Role>,
    /// Its words for teams, likewise.
    pub team_map: BTreeMap<String, TeamId>,
    /// The roles its tokens may give; empty means all.
    pub roles_allowed: BTreeSet<Role>,
    /// Whether its tokens may decide about purchases: a shared machine key must not.
    pub may_approve: bool,
    /// Extra root certificates (PEM) for fetching its keys.
    pub ca_file: Option<PathBuf>,
}

/// Where an issuer's keys come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// A key set at this address: https, or http to loopback.
    JwksUrl(String),
    /// The key set that `{issuer}/.well-known/openid-configuration` names.
    Discover,
    /// A key set in a file, with the rules of a fetched one.
    JwksFile(PathBuf),
    /// One RSA, EC or Ed25519 public key (`BEGIN PUBLIC KEY`) for exactly one algorithm.
    PublicKeyFile(PathBuf),
    /// A shared HMAC secret: the bytes of the file less one trailing newline.
    SecretFile(PathBuf),
}

/// What a token says it is (RFC 8725 §3.11). An issuer that marks its access tokens keeps its ID tokens out by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenType {
    /// `JWT`.
    Jwt,
    /// `at+jwt`: an access token (RFC 9068 §2.1).
    AccessToken,
}

/// The signatures we accept (RFC 7518 §3.1, RFC 8037 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// HMAC with SHA-256.
    HS256,
    /// RSA PKCS #1 v1.5 with SHA-256.
    RS256,
    /// RSA PSS with SHA-256.
    PS256,
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// ECDSA on P-384 with SHA-384.
    ES384,
    /// Ed25519.
    EdDSA,
}

/// A word that names none of our algorithms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a signature algorithm we accept: HS256, RS256, PS256, ES256, ES384 or EdDSA")]
pub struct AlgorithmError;

impl Algorithm {
    /// Every algorithm.
    pub const ALL: [Self; 6] = [Self::HS256, Self::RS256, Self::PS256, Self::ES256, Self::ES384, Self::EdDSA];

    /// The word in headers, key sets and configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HS256 => "HS256",
            Self::RS256 => "RS256",
            Self::PS256 => "PS256",
            Self::ES256 => "ES256",
            Self::ES384 => "ES384",
            Self::EdDSA => "EdDSA",
        }
    }

    pub(super) const fn is_rsa(self) -> bool {
        matches!(self, Self::RS256 | Self::PS256)
    }
}

impl FromStr for Algorithm {
    type Err = AlgorithmError;

    fn from_str(text: &str) -> Result<Self, AlgorithmError> {
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == text).ok_or(AlgorithmError)
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// The claims we read. A name that begins with `/` is a JSON pointer (RFC 6901), any other a claim of the top
/// level, so that `https://example.com/roles` needs no escaping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimNames {
    /// Who: a string.
    pub subject: String,
    /// Teams: a string or a list of strings.
    pub team: String,
    /// Roles: a string (one role, never split) or a list of strings.
    pub roles: String,
    /// The name to show: a string.
    pub name: String,
    /// The e-mail address: a string.
    pub email: String,
}

impl Default for ClaimNames {
    fn default() -> Self {
        Self {
            subject: "sub".to_owned(),
            team: "team".to_owned(),
            roles: "roles".to_owned(),
            name: "name".to_owned(),
            email: "email".to_owned(),
        }
    }
}

/// What is refused although its signature is right.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Denied {
    /// `jti`s.
    pub ids: BTreeSet<String>,
    /// Subjects of any issuer, as the mapped subject, as `sub` or as an actor.
    pub subjects: BTreeSet<String>,
}
