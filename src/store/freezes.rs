//! Freezes as rows: made once, lifted once.

use crate::domain::audit::{Actor, AuditEvent, Target};
use crate::domain::freeze::{Cause, Freeze, FreezeId, Scope};
use crate::domain::principal::TeamId;
use crate::store::error::StoreError;
use crate::store::session::{Param, Row, Session};
use crate::store::tx::Tx;

const COLUMNS: &str = "id, team, cause, reason, created_by, created_us, lifted_by, lifted_us";

fn read(row: &mut Row<'_>) -> Result<Freeze, StoreError> {
    Ok(Freeze {
        id: row.parsed()?,
        scope: match row.optional_text()? {
            Some(team) => Scope::Team(team.parse().map_err(StoreError::corrupt)?),
            None => Scope::All,
        },
        cause: row.parsed()?,
        reason: row.text()?,
        created_by: row.text()?,
        created_at: row.time()?,
        lifted: row.optional_text()?.zip(row.optional_time()?),
    })
}

/// One freeze.
pub fn find(session: &Session<'_>, id: FreezeId) -> Result<Option<Freeze>, StoreError> {
    let statement = format!("SELECT {COLUMNS} FROM freezes WHERE id = $1");
    session.query_first(&statement, &[(&id.to_string()).into()], read)
}

/// Those in force, oldest first. More than a few hundred would be no freezes but a switched-off gateway.
pub fn in_force(session: &Session<'_>) -> Result<Vec<Freeze>, StoreError> {
    let statement =
        format!("SELECT {COLUMNS} FROM freezes WHERE lifted_us IS NULL ORDER BY created_us, id LIMIT 1000");
    session.query(&statement, &[], read)
}

/// The newest that stops this team, if one is in force.
pub fn stopping(session: &Session<'_>, team: &TeamId) -> Result<Option<Freeze>, StoreError> {
    let statement = format!(
        "SELECT {COLUMNS} FROM freezes WHERE lifted_us IS NULL AND (team IS NULL OR team = $1)
         ORDER BY created_us DESC, id DESC LIMIT 1"
    );
    session.query_first(&statement, &[team.as_str().into()], read)
}

/// The newest, lifted or not.
pub fn newest(session: &Session<'_>, limit: i64) -> Result<Vec<Freeze>, StoreError> {
    let statement = format!("SELECT {COLUMNS} FROM freezes ORDER BY created_us DESC, id DESC LIMIT $1");
    session.query(&statement, &[limit.into()], read)
}

/// Writes a freeze.
pub fn insert(tx: &mut Tx<'_>, freeze: &Freeze) -> Result<(), StoreError> {
    let team = match &freeze.scope {
        Scope::All => Param::Text(None),
        Scope::Team(team) => team.as_str().into(),
    };
    tx.execute_one(
        "INSERT INTO freezes (id, team, cause, reason, created_by, created_us) VALUES ($1, $2, $3, $4, $5, $6)",
        &[
            (&freeze.id.to_string()).into(),
            team,
            freeze.cause.as_str().into(),
            (&freeze.reason).into(),
            (&freeze.created_by).into(),
            freeze.created_at.into(),
        ],
    )
}

/// Stops buying by itself, inside a transaction that has more to say: writes the freeze, unless it is in force already, and
/// gives the event that goes with it.
pub fn impose(
    tx: &mut Tx<'_>,
    scope: Scope,
    cause: Cause,
    reason: String,
) -> Result<Option<AuditEvent>, StoreError> {
    let in_force = in_force(tx.session())?;
    if in_force.iter().any(|freeze| freeze.scope == scope && freeze.cause == cause) {
        return Ok(None);
    }
    let freeze = Freeze {
        id: FreezeId::random(),
        scope,
        cause,
        reason,
        created_by: "gateway".to_owned(),
        created_at: tx.at(),
        lifted: None,
    };
    tracing::error!(scope = %freeze.scope, cause = cause.as_str(), reason = freeze.reason, "buying is frozen");
    insert(tx, &freeze)?;
    Ok(Some(event(&freeze, Actor::Gateway("freezes"))))
}

/// The event of a freeze.
pub fn event(freeze: &Freeze, by: Actor) -> AuditEvent {
    AuditEvent::new("buying.frozen", by, Target::new("freeze", &freeze.id))
        .with("scope", freeze.scope.to_string())
        .with("cause", freeze.cause.as_str())
        .with("why", freeze.reason.clone())
}

/// Lifts a freeze; `Conflict` when it is not in force.
pub fn lift(tx: &mut Tx<'_>, id: FreezeId, by: &str) -> Result<(), StoreError> {
    let at = tx.at();
    tx.execute_one(
        "UPDATE freezes SET lifted_by = $1, lifted_us = $2 WHERE id = $3 AND lifted_us IS NULL",
        &[by.into(), at.into(), (&id.to_string()).into()],
    )
}
