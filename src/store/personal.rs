//! Personal values: what the commitments in the events stand for, until it is erased.
//!
//! They stand beside the events, where the buy or the registration is sent from, and as addresses of those who asked
//! and decided. Erasing empties all of them; the events, and with them the chain, stay as they are.

use jiff::Timestamp;

use crate::domain::purchase::State;
use crate::domain::registration::RegistrationState;
use crate::store::error::StoreError;
use crate::store::session::{Row, Session, only_text};
use crate::store::tx::Tx;

/// A value that was not erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptValue {
    /// The event that commits to it.
    pub sequence: i64,
    /// Which value.
    pub field: String,
    /// What makes the commitment unguessable.
    pub salt: Vec<u8>,
    /// The value.
    pub value: String,
}

fn read(row: &mut Row<'_>) -> Result<KeptValue, StoreError> {
    Ok(KeptValue {
        sequence: row.int()?,
        field: row.lossy_text()?,
        salt: row.blob()?,
        value: row.lossy_text()?,
    })
}

/// The values of the events from `first` to `last`, in their order. An event has a handful.
pub fn between(session: &Session<'_>, first: i64, last: i64) -> Result<Vec<KeptValue>, StoreError> {
    session.query(
        "SELECT seq, field, salt, value FROM personal_values WHERE seq BETWEEN $1 AND $2 ORDER BY seq, field",
        &[first.into(), last.into()],
        read,
    )
}

/// The values of the events about a target, in their order. It has a handful: one for each thing that somebody said.
pub fn of(session: &Session<'_>, kind: &str, id: &str) -> Result<Vec<KeptValue>, StoreError> {
    session.query(
        "SELECT v.seq, v.field, v.salt, v.value
         FROM audit_events e JOIN personal_values v ON v.seq = e.seq
         WHERE e.target_kind = $1 AND e.target_id = $2 ORDER BY v.seq, v.field",
        &[kind.into(), id.into()],
        read,
    )
}

/// What one batch erased.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    /// Of how many purchases.
    pub purchases: usize,
    /// Of how many registrations.
    pub registrations: usize,
    /// How many values that events commit to.
    pub values: usize,
}

/// Erases what belongs to purchases and registrations that ended before a moment: of each at most `limit`.
pub fn erase_ended(tx: &mut Tx<'_>, before: Timestamp, limit: i64) -> Result<Erased, StoreError> {
    let purchases = ended_purchases(tx.session(), before, limit)?;
    let registrations = ended_registrations(tx.session(), before, limit)?;
    let mut values = 0;
    for id in &purchases {
        values += erase_values(tx, "purchase", id)?;
        tx.execute("DELETE FROM purchase_registration_data WHERE purchase_id = $1", &[id.into()])?;
        tx.execute("UPDATE purchases SET email = NULL WHERE id = $1", &[id.into()])?;
    }
    for id in &registrations {
        values += erase_values(tx, "registration", id)?;
        // The form is what was sent; an empty one stands for one that is gone.
        tx.execute("UPDATE registrations SET form = '', email = NULL WHERE id = $1", &[id.into()])?;
    }
    Ok(Erased { purchases: purchases.len(), registrations: registrations.len(), values })
}

/// The values of the events, and the addresses by which one human being was known under two subjects.
fn erase_values(tx: &mut Tx<'_>, kind: &str, id: &str) -> Result<usize, StoreError> {
    for table in ["approvals", "resolutions"] {
        let statement = format!("UPDATE {table} SET email = NULL WHERE target_kind = $1 AND target_id = $2");
        tx.execute(&statement, &[kind.into(), id.into()])?;
    }
    tx.execute(
        "DELETE FROM personal_values
         WHERE seq IN (SELECT seq FROM audit_events WHERE target_kind = $1 AND target_id = $2)",
        &[kind.into(), id.into()],
    )
}

fn ended_purchases(session: &Session<'_>, before: Timestamp, limit: i64) -> Result<Vec<String>, StoreError> {
    let ended = listed(State::ALL.into_iter().filter(|state| state.is_final()).map(State::as_str));
    session.query(
        &format!(
            "SELECT id FROM purchases p
             WHERE state IN ({ended}) AND updated_us < $1
               AND (email IS NOT NULL
                 OR EXISTS (SELECT 1 FROM purchase_registration_data WHERE purchase_id = p.id)
                 OR EXISTS (SELECT 1 FROM audit_events e JOIN personal_values v ON v.seq = e.seq
                            WHERE e.target_kind = 'purchase' AND e.target_id = p.id))
             ORDER BY id LIMIT $2"
        ),
        &[before.into(), limit.into()],
        only_text,
    )
}

fn ended_registrations(
    session: &Session<'_>,
    before: Timestamp,
    limit: i64,
) -> Result<Vec<String>, StoreError> {
    let ended = RegistrationState::ALL.into_iter().filter(|state| state.is_final());
    let ended = listed(ended.map(RegistrationState::as_str));
    session.query(
        &format!(
            "SELECT id FROM registrations r
             WHERE state IN ({ended}) AND updated_us < $1
               AND (form <> '' OR email IS NOT NULL
                 OR EXISTS (SELECT 1 FROM audit_events e JOIN personal_values v ON v.seq = e.seq
                            WHERE e.target_kind = 'registration' AND e.target_id = r.id))
             ORDER BY id LIMIT $2"
        ),
        &[before.into(), limit.into()],
        only_text,
    )
}

/// Words of ours as a list for `IN`.
fn listed(words: impl Iterator<Item = &'static str>) -> String {
    words.map(|word| format!("'{word}'")).collect::<Vec<_>>().join(", ")
}
