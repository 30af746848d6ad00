//! What the metrics ask for: counts and sums over whole tables, each by one statement.

use jiff::Timestamp;

use crate::domain::money::Money;
use crate::domain::purchase::State;
use crate::domain::registration::RegistrationState;
use crate::store::error::StoreError;
use crate::store::ledger::Total;
use crate::store::session::Session;

/// What was charged since ever, and what came back: the ledger's positive entries and its negative ones, so that neither
/// ever falls. Both as amounts above zero.
pub fn charged_and_refunded(session: &Session<'_>) -> Result<Vec<(Total, Money)>, StoreError> {
    session.query(
        "SELECT team, country, kind, currency,
                sum(CASE WHEN amount_micros > 0 THEN amount_micros ELSE 0 END),
                sum(CASE WHEN amount_micros < 0 THEN -amount_micros ELSE 0 END)
         FROM ledger WHERE kind NOT IN ('hold', 'release') GROUP BY team, country, kind, currency",
        &[],
        |row| {
            let total = Total {
                team: row.text()?,
                country: row.text()?,
                kind: row.text()?,
                currency: row.text()?,
                amount: Money::from_micros(row.int()?),
            };
            Ok((total, Money::from_micros(row.int()?)))
        },
    )
}

/// What was charged in a month.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InMonth {
    /// Who pays.
    pub team: String,
    /// `2026-11`
    pub month: String,
    /// In which money.
    pub currency: String,
    /// Less what came back.
    pub amount: Money,
}

/// What was charged in each month since `oldest`.
pub fn charged_since(session: &Session<'_>, oldest: &str) -> Result<Vec<InMonth>, StoreError> {
    session.query(
        "SELECT team, month, currency, sum(amount_micros) FROM ledger
         WHERE month >= $1 AND kind NOT IN ('hold', 'release') GROUP BY team, month, currency",
        &[oldest.into()],
        |row| {
            Ok(InMonth {
                team: row.text()?,
                month: row.text()?,
                currency: row.text()?,
                amount: Money::from_micros(row.int()?),
            })
        },
    )
}

/// Since when the purchase is in its state that has been there for longest: of the states that end.
pub fn oldest_in_state(session: &Session<'_>) -> Result<Vec<(State, Timestamp)>, StoreError> {
    session.query(
        "SELECT state, min(updated_us) FROM purchases
         WHERE state IN ('pending_approval', 'approved', 'reserved', 'dispatching', 'unknown', 'needs_attention')
         GROUP BY state",
        &[],
        |row| Ok((row.parsed()?, row.time()?)),
    )
}

/// Purchases that wait for people, by team.
pub fn waiting_by_team(session: &Session<'_>) -> Result<Vec<(String, i64)>, StoreError> {
    session.query(
        "SELECT team, count(*) FROM purchases WHERE state = 'pending_approval' GROUP BY team",
        &[],
        |row| Ok((row.text()?, row.int()?)),
    )
}

/// Registrations by state; states without any are absent.
pub fn registrations_by_state(session: &Session<'_>) -> Result<Vec<(RegistrationState, i64)>, StoreError> {
    session.query("SELECT state, count(*) FROM registrations GROUP BY state", &[], |row| {
        Ok((row.parsed()?, row.int()?))
    })
}

/// Events after `sequence`, by what happened.
pub fn events_after(session: &Session<'_>, sequence: i64) -> Result<Vec<(String, i64)>, StoreError> {
    session.query(
        "SELECT action, count(*) FROM audit_events WHERE seq > $1 GROUP BY action",
        &[sequence.into()],
        |row| Ok((row.text()?, row.int()?)),
    )
}
