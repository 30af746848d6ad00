//! How a row moves: by [`step`] alone, which asks the state machine and names the version it saw.

use jiff::Timestamp;

use crate::domain::registration::{Registration, RegistrationStep};
use crate::store::error::StoreError;
use crate::store::registrations::ClaimId;
use crate::store::tx::Tx;

/// What a step leaves behind beside the new state.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    /// A code of the API.
    pub code: Option<&'static str>,
    /// A sentence for people.
    pub explanation: Option<String>,
    /// Until when an approval may be used.
    pub approved_until: Option<Timestamp>,
    /// The claim that it is.
    pub claim: Option<ClaimId>,
}

/// Moves a registration one step. The one in hand is brought along; `Conflict` when it was moved meanwhile.
pub fn step(
    tx: &mut Tx<'_>,
    registration: &mut Registration,
    step: RegistrationStep,
    trace: Trace,
) -> Result<(), StoreError> {
    let state = registration.state.after(step)?;
    let (at, instance, shared) = (tx.at(), tx.instance(), tx.shared_time());
    tx.execute_one(
        "UPDATE registrations SET state = $1, code = $2, explanation = $3, version = version + 1, updated_us = $4,
             approved_until_us = coalesce($5, approved_until_us), claim = coalesce($6, claim),
             instance = coalesce($7, instance), shared_us = coalesce($8, shared_us)
         WHERE id = $9 AND version = $10",
        &[
            state.as_str().into(),
            trace.code.into(),
            trace.explanation.as_deref().into(),
            at.into(),
            trace.approved_until.into(),
            trace.claim.map(|claim| claim.0.to_string()).as_deref().into(),
            trace.claim.map(|_| instance.0.to_string()).as_deref().into(),
            trace.claim.map(|_| shared).into(),
            (&registration.id.to_string()).into(),
            registration.version.into(),
        ],
    )?;
    registration.state = state;
    registration.code = trace.code.map(ToOwned::to_owned);
    registration.explanation = trace.explanation;
    registration.approved_until = trace.approved_until.or(registration.approved_until);
    registration.version += 1;
    registration.updated_at = at;
    Ok(())
}
