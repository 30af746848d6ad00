//! Approvals as rows: who approved what, in which round.

use crate::domain::approval::Approval;
use crate::domain::principal::Person;
use crate::store::error::StoreError;
use crate::store::session::Session;
use crate::store::tx::Tx;

/// What was approved: the kind and id of an audit target, and the round of asking.
#[derive(Clone, Debug)]
pub struct Asked {
    /// `purchase` or `registration`.
    pub kind: &'static str,
    /// Which one.
    pub id: String,
    /// Which asking: earlier ones count no more.
    pub round: i64,
}

/// The approvals of a round, oldest first. There are as many as people are wanted, a handful.
pub fn of(session: &Session<'_>, asked: &Asked) -> Result<Vec<Approval>, StoreError> {
    session.query(
        "SELECT issuer, subject, name, email, roles, teams, at_us FROM approvals
         WHERE target_kind = $1 AND target_id = $2 AND round = $3 ORDER BY at_us, issuer, subject",
        &[asked.kind.into(), (&asked.id).into(), asked.round.into()],
        |row| {
            Ok(Approval {
                person: Person { issuer: row.text()?, subject: row.text()? },
                name: row.optional_text()?,
                email: row.optional_text()?,
                roles: row.json()?,
                teams: row.json()?,
                at: row.time()?,
            })
        },
    )
}

/// Writes an approval; `Conflict` when this person's counts in this round already.
pub fn insert(tx: &mut Tx<'_>, asked: &Asked, approval: &Approval) -> Result<(), StoreError> {
    tx.execute_one(
        "INSERT INTO approvals (target_kind, target_id, round, issuer, subject, name, email, roles, teams, at_us)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        &[
            asked.kind.into(),
            (&asked.id).into(),
            asked.round.into(),
            (&approval.person.issuer).into(),
            (&approval.person.subject).into(),
            approval.name.as_deref().into(),
            approval.email.as_deref().into(),
            (&serde_json::to_string(&approval.roles)?).into(),
            (&serde_json::to_string(&approval.teams)?).into(),
            approval.at.into(),
        ],
    )
}
