//! Each policy that was ever in force, once, under its digest: so that a decision can be read years later.

use crate::domain::canonical;
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

/// Keeps a policy.
pub fn insert(tx: &mut Tx<'_>, policy: &Policy) -> Result<(), StoreError> {
    let rules = canonical::bytes(&policy.rules())?;
    let at = tx.at();
    tx.execute_one(
        "INSERT INTO policies (digest, rules, loaded_us) VALUES ($1, $2, $3)",
        &[(&policy.digest()).into(), String::from_utf8_lossy(&rules).as_ref().into(), at.into()],
    )
}
