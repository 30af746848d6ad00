//! Renewals: what a 1st takes for each number, posted once a row and month.
//!
//! Posted only once a complete list, begun after the month did, shows the row: what has left the account pays no more,
//! whatever was missed while nobody looked. Until then the month's budgets count it all the same
//! ([`store::owned::due_in`]). A row that owes several months pays them one after the other.

use jiff::{SignedDuration, Timestamp};

use crate::domain::audit::{Actor, AuditEvent, Target};
use crate::domain::billing::Month;
use crate::domain::money::Money;
use crate::service::reconciling::{Evidence, Inner};
use crate::service::refusal::Refusal;
use crate::store::ledger::{self, Account, Kind};
use crate::store::owned::DueRow;
use crate::store::{self, Finished, StoreError, Tx};

/// Renewals of one transaction: others must not wait long for the writer.
const AT_ONCE: i64 = 200;

impl Inner {
    /// Posts what the list says is owned and the ledger does not have.
    pub(super) async fn renew(&self, evidence: &Evidence) -> Result<(), Refusal> {
        let ground = &self.parts.ground;
        if ground.billing.currency.is_none() {
            return Ok(());
        }
        let month = ground.billing.month(self.calendar_of(evidence));
        let mut posted = 0_usize;
        loop {
            let of_part: usize = ground.store.write(move |tx| renew(tx, month)).await?;
            posted += of_part;
            if of_part == 0 {
                break;
            }
        }
        if posted > 0 {
            tracing::info!(posted, %month, "renewals are posted");
        }
        Ok(())
    }

    /// When the list was begun, by the calendar.
    fn calendar_of(&self, evidence: &Evidence) -> Timestamp {
        let clock = &self.parts.ground.clock;
        let ago = SignedDuration::try_from(clock.boot().saturating_sub(evidence.begun));
        clock.now().saturating_sub(ago.unwrap_or(SignedDuration::MAX)).unwrap_or(Timestamp::MIN)
    }
}

/// A month of those rows that owe longest, each with its event; how many.
fn renew(mut tx: Tx<'_>, until: Month) -> Result<Finished<usize>, StoreError> {
    let due = store::owned::due(tx.session(), until, AT_ONCE)?;
    for row in &due {
        let month = row.paid.next();
        store::owned::pay(&mut tx, row, month)?;
        // A row that came back under the name of one that has paid already.
        let is_posted = ledger::is_renewed(tx.session(), &row.key, month)?;
        let amount = if is_posted { Money::ZERO } else { row.fee };
        ledger::enter(&mut tx, &account(row, month), Kind::Renewal, amount)?;
        tx.record(&event(row, month, amount))?;
    }
    tx.recorded(due.len())
}

fn account(row: &DueRow, month: Month) -> Account {
    Account {
        month: month.to_string(),
        payer: row.payer.clone(),
        purchase: row.purchase,
        currency: row.currency,
        country: row.country.clone(),
        number: Some(row.key.number.clone()),
        row: Some((row.key.message_type.clone(), row.key.guid.clone())),
        adjustment: None,
    }
}

fn event(row: &DueRow, month: Month, amount: Money) -> AuditEvent {
    AuditEvent::new(ledger::RENEWED, Actor::Gateway("renewals"), Target::new("number", &row.key.number))
        .with("month", month.to_string())
        .with("team", row.payer.as_str())
        .with("amount", amount.to_string())
        .with("currency", row.currency.as_str())
        .with("type", row.key.message_type.as_str())
        .with("guid", row.key.guid.as_str())
        .with_some("purchase", row.purchase.map(|id| id.to_string()))
}
