//! Whose tokens are believed, and what their words mean here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use crate::config::units::WebUrl;
use crate::domain::principal::{Role, TeamId};

/// `[auth]`
#[derive(Clone, Debug)]
pub struct Auth {
    /// The header of an identity-aware proxy that carries the token, beside `Authorization`. Default none.
    pub token_header: Option<http::HeaderName>,
    /// Tokens (`jti`) that are refused. Default none.
    pub denied_ids: BTreeSet<String>,
    /// Subjects that are refused, whoever issued them. Default none.
    pub denied_subjects: BTreeSet<String>,
    /// Default none: nobody may do anything.
    pub issuers: Vec<Issuer>,
}

/// One of `[[auth.issuers]]`
#[derive(Clone, Debug)]
pub struct Issuer {
    /// What logs and answers call it, unique.
    pub name: String,
    /// The exact `iss`.
    pub issuer: String,
    /// `aud` must contain one of these; written as a string or a list, never empty.
    pub audience: Vec<String>,
    /// Where its keys come from.
    pub keys: KeySource,
    /// Root certificates beside the platform's for fetching keys, PEM.
    pub ca_file: Option<PathBuf>,
    /// What a token may be signed with: never empty, exactly one for a single key.
    pub algorithms: Vec<Algorithm>,
    /// The longest life of a token, 1 min to 365 d. Default 25 h: managed identities live 24 h.
    pub max_lifetime: Duration,
    /// Which claims say what.
    pub claims: ClaimNames,
    /// Their words for roles, and ours. A word that is not listed must be one of ours to count.
    pub role_map: BTreeMap<String, Role>,
    /// Their words for teams, and ours. A word that is not listed must be one of ours to count.
    pub team_map: BTreeMap<String, TeamId>,
    /// The only roles this issuer can give. Default empty: all.
    pub roles_allowed: BTreeSet<Role>,
    /// Whether its tokens may decide about purchases. Default no: a shared machine key must not.
    pub may_approve: bool,
}

/// Where an issuer's keys come from; exactly one is configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// `jwks_url`: a key set on the network.
    JwksUrl(WebUrl),
    /// `discover = true`: `jwks_uri` of `<issuer>/.well-known/openid-configuration`.
    Discover,
    /// `jwks_file`: a key set on disk.
    JwksFile(PathBuf),
    /// `public_key_file`: one public key, PEM.
    PublicKeyFile {
        /// The file.
        file: PathBuf,
        /// The `kid` tokens must carry, if they carry one.
        kid: Option<String>,
    },
    /// `secret_file`: one shared secret of HMAC.
    SecretFile {
        /// The file; one newline at its end is not part of the secret.
        file: PathBuf,
        /// The `kid` tokens must carry, if they carry one.
        kid: Option<String>,
    },
}

/// A signature algorithm, by its name in RFC 7518 and RFC 8037.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// HMAC with SHA-256: for `secret_file` only.
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

/// `claims`: plain claim names, or JSON pointers (RFC 6901), which begin with `/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimNames {
    /// Default `sub`.
    pub subject: String,
    /// Default `team`.
    pub team: String,
    /// Default `roles`.
    pub roles: String,
    /// Default `name`.
    pub name: String,
    /// Default `email`.
    pub email: String,
}
