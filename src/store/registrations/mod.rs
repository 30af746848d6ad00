//! Registrations as rows.

mod list;
mod step;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::canonical::Digest;
use crate::domain::principal::TeamId;
use crate::domain::registration::{Registration, RegistrationForm, RegistrationId, RegistrationState};
use crate::store::attempts::{InstanceId, LeftBehind};
use crate::store::error::StoreError;
use crate::store::purchases::deciding_teams;
use crate::store::requester;
use crate::store::session::{Row, Session, only_parsed, only_text};
use crate::store::tx::Tx;

pub use list::{Filter, list};
pub use step::{Trace, step};

/// The identity of a claim, known before it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimId(pub Uuid);

impl ClaimId {
    /// A new one.
    pub fn fresh() -> Self {
        Self(Uuid::now_v7())
    }
}

const COLUMNS: &str = "id, number_type, country, issuer, subject, name, roles, email, actor_issuer, actor_subject,
    on_behalf_of, team, reference, form_digest, rule, policy_digest, terms, round, decide_by_us, approved_until_us,
    state, code, explanation, version, created_us, updated_us";

fn read(row: &mut Row<'_>) -> Result<Registration, StoreError> {
    Ok(Registration {
        id: row.parsed()?,
        number_type: row.parsed()?,
        country: row.parsed()?,
        requester: requester::read(row)?,
        reference: row.optional_text()?,
        form_digest: row.digest()?,
        rule: row.text()?,
        policy_digest: row.digest()?,
        terms: row.optional_json()?,
        round: row.int()?,
        decide_by: row.optional_time()?,
        approved_until: row.optional_time()?,
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

/// What goes out; nothing once it was erased.
pub fn form(session: &Session<'_>, id: RegistrationId) -> Result<Option<RegistrationForm>, StoreError> {
    let statement = "SELECT form FROM registrations WHERE id = $1 AND form <> ''";
    let text = session.query_first(statement, &[(&id.to_string()).into()], only_text)?;
    Ok(text.map(|text| serde_json::from_str(&text)).transpose()?)
}

/// The team's newest registration with this content that did not [come to
/// nothing](RegistrationState::came_to_nothing): one that is under way answers as long as it is, one that arrived if
/// that was at or after `since`.
pub fn repeat_of(
    session: &Session<'_>,
    team: &TeamId,
    form_digest: &Digest,
    since: Timestamp,
) -> Result<Option<Registration>, StoreError> {
    let (nothing, arrived) =
        (listed(RegistrationState::came_to_nothing), listed(RegistrationState::has_arrived));
    let statement = format!(
        "SELECT {COLUMNS} FROM registrations
         WHERE form_digest = $1 AND team = $2 AND state NOT IN ({nothing})
           AND (state NOT IN ({arrived}) OR updated_us >= $3)
         ORDER BY id DESC LIMIT 1"
    );
    session.query_first(&statement, &[form_digest.into(), team.as_str().into(), since.into()], read)
}

/// The team's newest registration with this content, if people rejected it at or after a moment.
pub fn rejected_since(
    session: &Session<'_>,
    team: &TeamId,
    form_digest: &Digest,
    since: Timestamp,
) -> Result<Option<Registration>, StoreError> {
    let statement = format!(
        "SELECT {COLUMNS} FROM registrations WHERE form_digest = $1 AND team = $2 ORDER BY id DESC LIMIT 1"
    );
    let newest = session.query_first(&statement, &[form_digest.into(), team.as_str().into()], read)?;
    Ok(newest.filter(|newest| newest.state == RegistrationState::Rejected && newest.updated_at >= since))
}

/// Registrations in a state, oldest first, at most `limit`.
pub fn in_state(
    session: &Session<'_>,
    state: RegistrationState,
    limit: i64,
) -> Result<Vec<Registration>, StoreError> {
    let statement = format!("SELECT {COLUMNS} FROM registrations WHERE state = $1 ORDER BY id LIMIT $2");
    session.query(&statement, &[state.as_str().into(), limit.into()], read)
}

/// Registrations that are claimed and not finished, oldest first, at most `limit`; the caller knows which instances live.
pub fn under_way(
    session: &Session<'_>,
    limit: i64,
) -> Result<Vec<LeftBehind<(RegistrationId, ClaimId)>>, StoreError> {
    session.query(
        "SELECT id, claim, instance, shared_us FROM registrations
         WHERE state = 'dispatching' AND claim IS NOT NULL ORDER BY id LIMIT $1",
        &[limit.into()],
        |row| {
            let claimed = (row.parsed()?, ClaimId(row.parsed()?));
            Ok(LeftBehind { claimed, by: InstanceId(row.parsed()?), since: row.time()? })
        },
    )
}

/// The newest claim of a registration.
pub fn claim_of(session: &Session<'_>, id: RegistrationId) -> Result<Option<ClaimId>, StoreError> {
    let statement = "SELECT claim FROM registrations WHERE id = $1 AND claim IS NOT NULL";
    Ok(session.query_first(statement, &[(&id.to_string()).into()], only_parsed)?.map(ClaimId))
}

/// Writes a new registration.
pub fn insert(
    tx: &mut Tx<'_>,
    registration: &Registration,
    form: &RegistrationForm,
) -> Result<(), StoreError> {
    let requester = &registration.requester;
    let terms = registration.terms.as_ref().map(serde_json::to_string).transpose()?;
    let deciding = registration.terms.as_ref().map(|terms| deciding_teams(terms, &requester.team));
    let roles = serde_json::to_string(&requester.roles)?;
    let [issuer, subject, name, roles, email, actor_issuer, actor_subject, on_behalf_of, team] =
        requester::params(requester, &roles);
    tx.execute_one(
        "INSERT INTO registrations (id, number_type, country, issuer, subject, name, roles, email, actor_issuer,
             actor_subject, on_behalf_of, team, reference, form_digest, form, rule, policy_digest, terms,
             deciding_teams, round, decide_by_us, approved_until_us, state, version, created_us, updated_us)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21,
             $22, $23, $24, $25, $26)",
        &[
            (&registration.id.to_string()).into(),
            registration.number_type.as_str().into(),
            registration.country.as_str().into(),
            issuer,
            subject,
            name,
            roles,
            email,
            actor_issuer,
            actor_subject,
            on_behalf_of,
            team,
            registration.reference.as_deref().into(),
            (&registration.form_digest).into(),
            (&serde_json::to_string(form)?).into(),
            (&registration.rule).into(),
            (&registration.policy_digest).into(),
            terms.as_deref().into(),
            deciding.as_deref().into(),
            registration.round.into(),
            registration.decide_by.into(),
            registration.approved_until.into(),
            registration.state.as_str().into(),
            registration.version.into(),
            registration.created_at.into(),
            registration.updated_at.into(),
        ],
    )
}

/// States as a list for `IN`.
fn listed(wanted: impl Fn(RegistrationState) -> bool) -> String {
    let states = RegistrationState::ALL.into_iter().filter(|state| wanted(*state));
    states.map(|state| format!("'{state}'")).collect::<Vec<_>>().join(", ")
}
