//! Idempotency keys: who asked for what under which key, kept as long as what was made of it.

use crate::domain::canonical::Digest;
use crate::domain::principal::Person;
use crate::store::error::StoreError;
use crate::store::session::Session;
use crate::store::tx::Tx;

/// A key in its scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopedKey {
    /// Whose.
    pub person: Person,
    /// On which route.
    pub route: &'static str,
    /// The key itself, 1–255 printable ASCII characters.
    pub key: String,
}

/// What a key was used for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// The request it came with.
    pub fingerprint: Digest,
    /// What was made of it.
    pub target_id: String,
}

/// What the key was used for, if it was.
pub fn find(session: &Session<'_>, key: &ScopedKey) -> Result<Option<Use>, StoreError> {
    session.query_first(
        "SELECT fingerprint, target_id FROM idempotency_keys
         WHERE issuer = $1 AND subject = $2 AND route = $3 AND key = $4",
        &[(&key.person.issuer).into(), (&key.person.subject).into(), key.route.into(), (&key.key).into()],
        |row| Ok(Use { fingerprint: row.digest()?, target_id: row.text()? }),
    )
}

/// Writes a key's use; `Conflict` when somebody else just did.
pub fn insert(tx: &mut Tx<'_>, key: &ScopedKey, used: &Use) -> Result<(), StoreError> {
    tx.execute_one(
        "INSERT INTO idempotency_keys (issuer, subject, route, key, fingerprint, target_id)
         VALUES ($1, $2, $3, $4, $5, $6)",
        &[
            (&key.person.issuer).into(),
            (&key.person.subject).into(),
            key.route.into(),
            (&key.key).into(),
            (&used.fingerprint).into(),
            (&used.target_id).into(),
        ],
    )
}
