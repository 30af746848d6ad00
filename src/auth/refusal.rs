//! Why a token was refused, in a closed list: a metric label, a line in the log, a hint for the operator.
//!
//! The caller never learns the reason: every [`Refusal::Invalid`] gets the same 401.

use std::fmt;

/// What a caller is answered. Ordered by how far a token came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refusal {
    /// 401: this token does not open anything here.
    Invalid(Reason),
    /// 503: the issuer's keys cannot be had now, so nobody can say.
    IssuerUnavailable,
}

/// The rule that a token broke, in the order in which the rules are applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// Longer than 16 KiB.
    TooLong,
    /// Not three parts of unpadded base64url.
    Form,
    /// The header is not a small JSON object of `alg`, `typ`, `kid` and `x5t`.
    Header,
    /// `typ` is another thing than a JWT, or not the issuer's type.
    Type,
    /// `alg` is none of ours, not the issuer's, or not the key's.
    Algorithm,
    /// `kid` is malformed, or absent while more than one key fits.
    KeyId,
    /// The claims are not a JSON object with unique keys and bounded depth.
    Claims,
    /// `iss` is missing, not one string, or nobody we know.
    Issuer,
    /// The issuer has no such key.
    KeyUnknown,
    /// The signature is not the key's.
    Signature,
    /// `aud` is missing, malformed or somebody else.
    Audience,
    /// `exp` is missing or not an integer.
    Expiry,
    /// `exp` has passed.
    Expired,
    /// Lives longer than the issuer's tokens may.
    Lifetime,
    /// `nbf` is malformed or still to come.
    NotBefore,
    /// `iat` is malformed or still to come.
    IssuedAt,
    /// The subject is missing or not 1–255 printable characters.
    Subject,
    /// `jti` is malformed.
    TokenId,
    /// The roles are neither a string nor a list of strings.
    Roles,
    /// The team is neither a string nor a list of strings.
    Team,
    /// Name or e-mail address is not a printable string.
    Profile,
    /// `act` names nobody properly.
    Actor,
    /// This token or subject was denied by the operator.
    Denied,
}

impl Reason {
    /// Every reason, so that a counter can start at zero.
    pub const ALL: [Self; 23] = [
        Self::TooLong,
        Self::Form,
        Self::Header,
        Self::Type,
        Self::Algorithm,
        Self::KeyId,
        Self::Claims,
        Self::Issuer,
        Self::KeyUnknown,
        Self::Signature,
        Self::Audience,
        Self::Expiry,
        Self::Expired,
        Self::Lifetime,
        Self::NotBefore,
        Self::IssuedAt,
        Self::Subject,
        Self::TokenId,
        Self::Roles,
        Self::Team,
        Self::Profile,
        Self::Actor,
        Self::Denied,
    ];

    /// The word for a metric label and the log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::Form => "form",
            Self::Header => "header",
            Self::Type => "type",
            Self::Algorithm => "algorithm",
            Self::KeyId => "key_id",
            Self::Claims => "claims",
            Self::Issuer => "issuer",
            Self::KeyUnknown => "key_unknown",
            Self::Signature => "signature",
            Self::Audience => "audience",
            Self::Expiry => "expiry",
            Self::Expired => "expired",
            Self::Lifetime => "lifetime",
            Self::NotBefore => "not_before",
            Self::IssuedAt => "issued_at",
            Self::Subject => "subject",
            Self::TokenId => "token_id",
            Self::Roles => "roles",
            Self::Team => "team",
            Self::Profile => "profile",
            Self::Actor => "actor",
            Self::Denied => "denied",
        }
    }

    /// A sentence for the operator.
    pub const fn hint(self) -> &'static str {
        match self {
            Self::TooLong => "a token may have 16 KiB; ask the issuer for fewer groups",
            Self::Form => "a token is three non-empty parts of base64url without padding, joined by dots",
            Self::Header => {
                "the header may have 1 KiB and only alg, typ, kid, x5t and x5t#S256, each a string"
            }
            Self::Type => {
                "typ must be absent, \"JWT\" or \"at+jwt\", or the issuer's token_type where it has one"
            }
            Self::Algorithm => "alg must be in the issuer's algorithms and be the key's own",
            Self::KeyId => "kid must be 1-256 printable ASCII characters; it may be absent when one key fits",
            Self::Claims => "the claims must be one JSON object, no key twice, at most 16 levels",
            Self::Issuer => "iss must be one string, equal to the issuer of a configured [[auth.issuers]]",
            Self::KeyUnknown => "the issuer's key set has no key of this kid",
            Self::Signature => "the signature is not this key's: altered, or another key behind the same kid",
            Self::Audience => "aud must be a string or up to 32 strings and contain the configured audience",
            Self::Expiry => "exp is required and must be an integer",
            Self::Expired => "exp has passed; compare the clocks",
            Self::Lifetime => "exp is farther away than the issuer's max_lifetime",
            Self::NotBefore => "nbf must be an integer that has passed; compare the clocks",
            Self::IssuedAt => "iat must be an integer that has passed; compare the clocks",
            Self::Subject => "the subject must be a string of 1-255 printable characters",
            Self::TokenId => "jti must be a string of 1-255 printable characters",
            Self::Roles => "the roles claim must be a string or a list of strings",
            Self::Team => "the team claim must be a string or a list of strings",
            Self::Profile => "name and email must be strings of at most 255 printable characters",
            Self::Actor => "act must be an object with a sub of 1-255 printable characters",
            Self::Denied => "denied_ids or denied_subjects names this token",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}
