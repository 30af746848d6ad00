//! Whose tokens are believed, and what their words mean here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use crate::config::kind::Kind;
use crate::config::kinds::{FLAG, NAME, READABLE_FILE, ROLE, TEAM, TEXT};
use crate::config::section::{Section, Shape};
use crate::config::units::{DURATION, WEB_URL, WebUrl};
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
    /// The only `typ` of its tokens. Default none: `JWT`, `at+jwt` or no `typ` at all.
    pub token_type: Option<TokenType>,
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

/// What a token's header may say that it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenType {
    /// `JWT`.
    Jwt,
    /// `at+jwt`: an access token, RFC 9068.
    AccessToken,
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

/// What an issuer that says nothing about it gets.
const ISSUER_DEFAULTS: &str = r#"
discover = false
max_lifetime = "25h"
claims = { subject = "sub", team = "team", roles = "roles", name = "name", email = "email" }
may_approve = false
"#;

const ALGORITHM: Kind<Algorithm> =
    Kind::text("write HS256, RS256, PS256, ES256, ES384 or EdDSA", |text| match text {
        "HS256" => Ok(Algorithm::HS256),
        "RS256" => Ok(Algorithm::RS256),
        "PS256" => Ok(Algorithm::PS256),
        "ES256" => Ok(Algorithm::ES256),
        "ES384" => Ok(Algorithm::ES384),
        "EdDSA" => Ok(Algorithm::EdDSA),
        _ => Err("no such algorithm here".into()),
    });

const TOKEN_TYPE: Kind<TokenType> = Kind::text("write JWT or at+jwt", |text| match text {
    "JWT" => Ok(TokenType::Jwt),
    "at+jwt" => Ok(TokenType::AccessToken),
    _ => Err("no such type here".into()),
});

const HEADER: Kind<http::HeaderName> =
    Kind::text(r#"write a header's name, like "X-Goog-IAP-JWT-Assertion""#, |text| {
        text.parse().map_err(|_| "not a header's name".into())
    });

impl Auth {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        Self {
            token_header: section.optional("token_header", &HEADER),
            denied_ids: section.list("denied_ids", &TEXT).into_iter().collect(),
            denied_subjects: section.list("denied_subjects", &TEXT).into_iter().collect(),
            issuers: section.tables("issuers", Issuer::read),
        }
    }
}

impl Issuer {
    fn read(section: &mut Section<'_>) -> Self {
        section.over(ISSUER_DEFAULTS);
        let keys = key_source(section);
        let issuer = Self {
            name: section.required("name", &NAME),
            issuer: section.required("issuer", &TEXT),
            audience: audience(section),
            keys: keys.clone().unwrap_or_else(|| KeySource::JwksFile(PathBuf::new())),
            ca_file: section.optional("ca_file", &READABLE_FILE),
            token_type: section.optional("token_type", &TOKEN_TYPE),
            algorithms: section.some("algorithms", &ALGORITHM),
            max_lifetime: section.within("max_lifetime", &DURATION, "1m", "365d"),
            claims: section.table("claims", ClaimNames::read),
            role_map: section.map("role_map", &ROLE),
            team_map: section.map("team_map", &TEAM),
            roles_allowed: section.list("roles_allowed", &ROLE).into_iter().collect(),
            may_approve: section.required("may_approve", &FLAG),
        };
        if keys.is_some() {
            check_algorithms(&issuer, section);
            check_transport(&issuer, section);
        }
        issuer
    }
}

impl ClaimNames {
    fn read(section: &mut Section<'_>) -> Self {
        Self {
            subject: section.required("subject", &TEXT),
            team: section.required("team", &TEXT),
            roles: section.required("roles", &TEXT),
            name: section.required("name", &TEXT),
            email: section.required("email", &TEXT),
        }
    }
}

fn audience(section: &mut Section<'_>) -> Vec<String> {
    match section.shape("audience") {
        Some(Shape::List) => section.some("audience", &TEXT),
        Some(Shape::Scalar | Shape::Table) | None => vec![section.required("audience", &TEXT)],
    }
}

/// The one source of keys that is set. None and several are faults, unless a source is set and wrong already.
fn key_source(section: &mut Section<'_>) -> Option<KeySource> {
    const KEYS: [&str; 5] = ["jwks_url", "discover", "jwks_file", "public_key_file", "secret_file"];
    const EXACTLY_ONE: &str =
        "set exactly one of jwks_url, discover = true, jwks_file, public_key_file and secret_file";
    let kid = section.optional("kid", &TEXT);
    let sources = [
        section.optional("jwks_url", &WEB_URL).map(KeySource::JwksUrl),
        section.required("discover", &FLAG).then_some(KeySource::Discover),
        section.optional("jwks_file", &READABLE_FILE).map(KeySource::JwksFile),
        section
            .optional("public_key_file", &READABLE_FILE)
            .map(|file| KeySource::PublicKeyFile { file, kid: kid.clone() }),
        section.optional("secret_file", &READABLE_FILE).map(|file| KeySource::SecretFile { file, kid }),
    ];
    let mut set = KEYS.into_iter().zip(sources).filter_map(|(key, source)| Some((key, source?)));
    match (set.next(), set.next()) {
        (Some((_, source)), None) => return Some(source),
        (Some((first, _)), Some((second, _))) => {
            section.refuse(second, format!("a second source of keys beside {first}"), EXACTLY_ONE);
        }
        (None, _) if KEYS.iter().any(|key| section.is_faulty(key)) => {}
        (None, _) => section.refuse("jwks_url", "no source of keys", EXACTLY_ONE),
    }
    None
}

/// A shared secret signs with HMAC and nothing else does: a public key taken for an HMAC secret is the oldest
/// forgery there is.
fn check_algorithms(issuer: &Issuer, section: &mut Section<'_>) {
    let (single, shared) = match &issuer.keys {
        KeySource::SecretFile { .. } => (true, true),
        KeySource::PublicKeyFile { .. } => (true, false),
        KeySource::JwksUrl(_) | KeySource::Discover | KeySource::JwksFile(_) => (false, false),
    };
    let hmac = |algorithm: &Algorithm| *algorithm == Algorithm::HS256;
    if shared && !issuer.algorithms.iter().all(hmac) {
        section.refuse("algorithms", "a shared secret signs with HMAC only", r#"write ["HS256"]"#);
    }
    if !shared && issuer.algorithms.iter().any(hmac) {
        section.refuse(
            "algorithms",
            "HS256 with public keys",
            "write algorithms of public keys (RS256, PS256, ES256, ES384, EdDSA), or use secret_file",
        );
    }
    if single && issuer.algorithms.len() > 1 {
        section.refuse("algorithms", "several algorithms for one key", "write the one the key is for");
    }
    if !single && section.is_set("kid") {
        section.refuse("kid", "a key set names its keys itself", "leave kid out");
    }
}

/// Keys that were fetched in the clear could be anybody's.
fn check_transport(issuer: &Issuer, section: &mut Section<'_>) {
    const ENCRYPTED: &str = "write an https URL (plain http only to this machine)";
    let trusted = |url: &WebUrl| url.is_https() || url.is_loopback();
    match &issuer.keys {
        KeySource::JwksUrl(url) if !trusted(url) => {
            section.refuse("jwks_url", "keys fetched in the clear", ENCRYPTED);
        }
        KeySource::Discover if !issuer.issuer.parse().is_ok_and(|url| trusted(&url)) => {
            section.refuse("issuer", "cannot be discovered", ENCRYPTED);
        }
        KeySource::Discover
        | KeySource::JwksUrl(_)
        | KeySource::JwksFile(_)
        | KeySource::PublicKeyFile { .. }
        | KeySource::SecretFile { .. } => {}
    }
}
