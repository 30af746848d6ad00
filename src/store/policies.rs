//! Each policy that was ever in force, once, under its digest: so that a decision can be read years later.

use jiff::Timestamp;

use crate::domain::canonical::{self, Digest};
use crate::domain::policy::Policy;
use crate::store::error::StoreError;
use crate::store::session::Session;
use crate::store::tx::Tx;

/// Whether this policy was in force before.
pub fn is_known(session: &Session<'_>, policy: &Policy) -> Result<bool, StoreError> {
    let count =
        session.query_int("SELECT count(*) FROM policies WHERE digest = $1", &[(&policy.digest()).into()])?;
    Ok(count > 0)
}

/// The rules under a digest in their RFC 8785 form, and when they were in force for the first time.
pub fn find(session: &Session<'_>, digest: &Digest) -> Result<Option<(String, Timestamp)>, StoreError> {
    session.query_first("SELECT rules, loaded_us FROM policies WHERE digest = $1", &[digest.into()], |row| {
        Ok((row.text()?, row.time()?))
    })
}

/// Keeps a policy.
pub fn insert(tx: &mut Tx<'_>, policy: &Policy) -> Result<(), StoreError> {
    let rules = canonical::bytes(&policy.rules())?;
    let at = tx.at();
    tx.execute_one(
        "INSERT INTO policies (digest, rules, loaded_us) VALUES ($1, $2, $3)",
        &[(&policy.digest()).into(), String::from_utf8_lossy(&rules).as_ref().into(), at.into()],
    )
}
