//! What people say became of something that no list can settle: one voice each, the newest counts.

use crate::domain::principal::Person;
use crate::store::error::StoreError;
use crate::store::session::Session;
use crate::store::tx::Tx;

/// One person's word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voice {
    /// Who.
    pub person: Person,
    /// To tell that two subjects are one human being.
    pub email: Option<String>,
    /// A word of who asks: `bought`, `failed` …
    pub outcome: String,
}

/// The voices about a target. There are as many as people are wanted, a handful.
pub fn of(session: &Session<'_>, kind: &str, id: &str) -> Result<Vec<Voice>, StoreError> {
    session.query(
        "SELECT issuer, subject, email, outcome FROM resolutions
         WHERE target_kind = $1 AND target_id = $2 ORDER BY at_us, issuer, subject",
        &[kind.into(), id.into()],
        |row| {
            Ok(Voice {
                person: Person { issuer: row.text()?, subject: row.text()? },
                email: row.optional_text()?,
                outcome: row.text()?,
            })
        },
    )
}

/// Writes a voice.
pub fn insert(tx: &mut Tx<'_>, kind: &str, id: &str, voice: &Voice) -> Result<(), StoreError> {
    let at = tx.at();
    tx.execute_one(
        "INSERT INTO resolutions (target_kind, target_id, issuer, subject, email, outcome, at_us)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        &[
            kind.into(),
            id.into(),
            (&voice.person.issuer).into(),
            (&voice.person.subject).into(),
            voice.email.as_deref().into(),
            (&voice.outcome).into(),
            at.into(),
        ],
    )
}

/// Takes a voice back.
pub fn remove(tx: &mut Tx<'_>, kind: &str, id: &str, person: &Person) -> Result<(), StoreError> {
    tx.execute_one(
        "DELETE FROM resolutions
         WHERE target_kind = $1 AND target_id = $2 AND issuer = $3 AND subject = $4",
        &[kind.into(), id.into(), (&person.issuer).into(), (&person.subject).into()],
    )
}
