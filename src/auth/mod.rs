//! Who is calling: a strict reader of tokens around jsonwebtoken, and the keys they are checked with.
//!
//! jsonwebtoken is used for one thing, `crypto::verify` with a key that knows its one algorithm. Everything a token
//! says is read by us, typed, once, and never twice the same key: wired the usual way the library accepts tokens
//! with a wrong-typed `aud`, an ignored `nbf`, a second `role`, an empty secret.
//!
//! ```text
//! compact ── header ──► issuer ── keys ──► signature ──► claims ──► mapping ──► Principal
//!                        │ key_file (local, jwk)
//!                        └ remote   (fetch, jwk)
//! ```

mod claims;
mod compact;
mod fetch;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod issuer;
mod jwk;
mod key_file;
mod keys;
mod local;
mod mapping;
mod memory;
mod options;
mod refusal;
mod remote;
mod roca;
mod signing;
#[cfg(test)]
mod tests;
mod trace;
mod verifier;

pub use fetch::{AddressFault, ClientFault, FetchFault};
pub use issuer::{IssuerHealth, KeyError, KeyFault, KeyState};
pub use jwk::{SetFault, Skipped};
pub use local::FileFault;
pub use options::{Algorithm, AlgorithmError, ClaimNames, Denied, IssuerOptions, KeySource, TokenType};
pub use refusal::{Reason, Refusal};
pub use signing::{GeneratedKeyPair, NewToken, SignError, Signer, generate_key_pair};
pub use trace::{Explanation, Step};
pub use verifier::{Recalled, Verifier};

/// Tells jsonwebtoken to use aws-lc-rs. Harmless to call again; [`Verifier`] and [`Signer`] do.
pub fn install_crypto() {
    // An error means that it is installed already: by us, since nobody else uses jsonwebtoken.
    let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
}
