//! Registrations as rows: written with their claim, finished once.

use jiff::Timestamp;

use crate::domain::canonical::Digest;
use crate::domain::principal::TeamId;
use crate::domain::registration::{Registration, RegistrationForm, RegistrationId, RegistrationState};
use crate::store::attempts::InstanceId;
use crate::store::error::StoreError;
use crate::store::purchases::requester;
use crate::store::session::{Row, Session};
use crate::store::tx::Tx;

const COLUMNS: &str =
    "id, number_type, country, issuer, subject, name, roles, email, actor_issuer, actor_subject,
    on_behalf_of, team, reference, form_digest, rule, policy_digest, state, code, explanation, version, created_us, updated_us";

fn read(row: &mut Row<'_>) -> Result<Registration, StoreError> {
    Ok(Registration {
        id: row.parsed()?,
        number_type: row.parsed()?,
        country: row.parsed()?,
        requester: requester(row)?,
        reference: row.optional_text()?,
        form_digest: row.digest()?,
        rule: row.text()?,
        policy_digest: row.digest()?,
        state: row.parsed()?,
        code: row.optional_text()?,
        explanation: row.optional_text()?,
        version: row.int()?,
        created_at: row.time()?,
        updated_at: row.time()?,
    })
}

/// One registration.
pub fn find(session: &Session<'_>, id: RegistrationId) -> Result<Option<Registration>, StoreError> {
    let statement = format!("SELECT {COLUMNS} FROM registrations WHERE id = $1");
    session.query_first(&statement, &[(&id.to_string()).into()], read)
}

/// The team's newest registration with this content since `since` that did not fail.
pub fn repeat_of(
    session: &Session<'_>,
    team: &TeamId,
    form_digest: &Digest,
    since: Timestamp,
) -> Result<Option<Registration>, StoreError> {
    let statement = format!(
        "SELECT {COLUMNS} FROM registrations
         WHERE form_digest = $1 AND created_us >= $2 AND team = $3 AND state <> 'failed' ORDER BY id DESC LIMIT 1"
    );
    session.query_first(&statement, &[form_digest.into(), since.into(), team.as_str().into()], read)
}

/// Registrations that another instance claimed and never finished, at most `limit`.
pub fn left_behind(
    session: &Session<'_>,
    me: InstanceId,
    limit: i64,
) -> Result<Vec<Registration>, StoreError> {
    let statement = format!(
        "SELECT {COLUMNS} FROM registrations WHERE state = 'dispatching' AND instance <> $1 ORDER BY id LIMIT $2"
    );
    session.query(&statement, &[(&me.0.to_string()).into(), limit.into()], read)
}

/// Writes a registration together with its claim.
pub fn insert(
    tx: &mut Tx<'_>,
    registration: &Registration,
    form: &RegistrationForm,
    instance: InstanceId,
) -> Result<(), StoreError> {
    let requester = &registration.requester;
    tx.execute_one(
        "INSERT INTO registrations (id, number_type, country, issuer, subject, name, roles, email, actor_issuer,
             actor_subject, on_behalf_of, team, reference, form_digest, form, rule, policy_digest, state, version,
             instance, created_us, updated_us)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22)",
        &[
            (&registration.id.to_string()).into(),
            registration.number_type.as_str().into(),
            registration.country.as_str().into(),
            (&requester.person.issuer).into(),
            (&requester.person.subject).into(),
            requester.name.as_deref().into(),
            (&serde_json::to_string(&requester.roles)?).into(),
            requester.email.as_deref().into(),
            requester.actor.as_ref().map(|actor| actor.issuer.as_str()).into(),
            requester.actor.as_ref().map(|actor| actor.subject.as_str()).into(),
            requester.on_behalf_of.as_deref().into(),
            requester.team.as_str().into(),
            registration.reference.as_deref().into(),
            (&registration.form_digest).into(),
            (&serde_json::to_string(form)?).into(),
            (&registration.rule).into(),
            (&registration.policy_digest).into(),
            registration.state.as_str().into(),
            registration.version.into(),
            (&instance.0.to_string()).into(),
            registration.created_at.into(),
            registration.updated_at.into(),
        ],
    )
}

/// Ends a registration's one attempt. `Conflict` when it was ended before.
pub fn finish(
    tx: &mut Tx<'_>,
    registration: &mut Registration,
    state: RegistrationState,
    code: Option<&'static str>,
    explanation: Option<String>,
) -> Result<(), StoreError> {
    if !registration.state.may_become(state) {
        return Err(StoreError::Conflict);
    }
    let at = tx.at();
    tx.execute_one(
        "UPDATE registrations SET state = $1, code = $2, explanation = $3, version = version + 1, updated_us = $4
         WHERE id = $5 AND version = $6",
        &[
            state.as_str().into(),
            code.into(),
            explanation.as_deref().into(),
            at.into(),
            (&registration.id.to_string()).into(),
            registration.version.into(),
        ],
    )?;
    registration.state = state;
    registration.code = code.map(ToOwned::to_owned);
    registration.explanation = explanation;
    registration.version += 1;
    registration.updated_at = at;
    Ok(())
}
