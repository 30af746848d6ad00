//! Settle: what upstream's answer, or its absence, does to purchase and money.

use jiff::Timestamp;

use crate::domain::money::Money;
use crate::domain::order::{Receipt, Sent, UpstreamRefusal};
use crate::domain::owned::OwnedNumber;
use crate::domain::purchase::{Purchase, PurchaseId, State, Step};
use crate::service::purchasing::Inner;
use crate::service::purchasing::reservation::{account, event};
use crate::service::refusal::{Code, Refusal};
use crate::store::emergency::Outcome;
use crate::store::ledger::Kind;
use crate::store::purchases::Trace;
use crate::store::{self, Finished, StoreError, Tx};

/// Rows of an earlier process that are settled in one go; a crash leaves a handful.
const LEFT_BEHIND: i64 = 10_000;

impl Inner {
    /// Writes the outcome of an attempt, once: an attempt that is settled already stays as it is, so this can be
    /// repeated whenever the store did not answer.
    pub(super) async fn settle(&self, id: PurchaseId, sent: &Sent<Receipt>) -> Result<Purchase, Refusal> {
        let outcome = sent.clone();
        let settled: Purchase = self.parts.ground.store.write(move |tx| settle(tx, id, outcome)).await?;
        if settled.is_bought() {
            self.parts.owned.reread().await?;
        }
        tracing::info!(
            purchase = %settled.id, number = settled.number.masked(), state = settled.state.as_str(),
            code = settled.code, "purchase settled"
        );
        Ok(settled)
    }

    pub(super) async fn cancel(
        &self,
        mut purchase: Purchase,
        refusal: &Refusal,
    ) -> Result<Purchase, Refusal> {
        let (code, why) = (refusal.code, refusal.message.clone());
        let cancelled: Purchase = self
            .parts
            .ground
            .store
            .write(move |mut tx| {
                let trace =
                    Trace { code: Some(code.as_str()), explanation: Some(why.clone()), ..Trace::default() };
                store::purchases::step(&mut tx, &mut purchase, Step::Cancel, trace)?;
                let event =
                    event("purchase.cancelled", &purchase).with("code", code.as_str()).with("why", why);
                tx.commit(&event, purchase).map_err(Refusal::from)
            })
            .await?;
        self.parts.ground.metrics.purchase_moved(cancelled.state);
        Ok(cancelled)
    }

    /// Books what an earlier process knew and could not write down, before anything is called unknown.
    pub(super) async fn settle_owed(&self) -> Result<(), Refusal> {
        let emergency = self.parts.ground.store.emergency();
        for owed in emergency.left_behind() {
            let Outcome::Purchase { id, attempt, sent } = &owed.outcome else { continue };
            let id = *id;
            let reading = self.parts.ground.store.read(move |session| store::purchases::find(session, id));
            let Some(purchase) = reading.await? else {
                tracing::error!(
                    purchase = %id,
                    "the emergency file tells of a purchase that this database does not have, and buying stays off: \
                     is it a restored one? Compare it with ClickSend's dashboard, then blank the line"
                );
                continue;
            };
            // A record that was settled and could not be blanked must not speak for a later attempt.
            if purchase.attempts == *attempt {
                let settled = self.settle(id, sent).await?;
                self.parts.ground.metrics.purchase_moved(settled.state);
            }
            emergency.settled(owed.clone()).await;
        }
        Ok(())
    }

    /// The serving lock is ours, so whoever claimed these is gone; what it sent, nobody knows.
    pub(super) async fn lose_left_behind(&self) -> Result<usize, Refusal> {
        let instance = self.parts.ground.instance;
        let left = self
            .parts
            .ground
            .store
            .read(move |session| store::attempts::left_behind(session, instance, LEFT_BEHIND))
            .await?;
        let count = left.len();
        for purchase in left {
            tracing::error!(
                purchase = %purchase.id, number = purchase.number.masked(),
                "a buy was under way when the gateway stopped; its outcome is unknown and it is not sent again"
            );
            let why = "the gateway stopped while the buy was under way".to_owned();
            let lost: Purchase = self.parts.ground.store.write(move |tx| lose(tx, purchase, why)).await?;
            self.parts.ground.metrics.purchase_moved(lost.state);
        }
        Ok(count)
    }
}

fn settle(tx: Tx<'_>, id: PurchaseId, outcome: Sent<Receipt>) -> Result<Finished<Purchase>, Refusal> {
    let current = store::purchases::find(tx.session(), id)?;
    let purchase = current.ok_or_else(|| StoreError::Corrupt(format!("no purchase {id}")))?;
    if purchase.state != State::Dispatching {
        return Ok(tx.unchanged(purchase)?);
    }
    match outcome {
        Sent::Done(receipt) => book(tx, purchase, &receipt),
        Sent::Refused(refusal) => fail(tx, purchase, &refusal),
        Sent::NotSent(why) => not_sent(tx, purchase, why),
        Sent::Ambiguous(why) => lose(tx, purchase, why),
    }
}

/// The sale is certain: the hold becomes charges, and the number enters the table of owned numbers.
fn book(mut tx: Tx<'_>, mut purchase: Purchase, receipt: &Receipt) -> Result<Finished<Purchase>, Refusal> {
    let (month, hold) = open_hold(&tx, &purchase)?;
    let charges = Charges::of(&purchase, receipt);
    store::purchases::step(
        &mut tx,
        &mut purchase,
        Step::Book,
        Trace { receipt: Some(receipt), ..Trace::default() },
    )?;
    store::attempts::finish(&mut tx, purchase.id, "bought")?;
    let account = account(&purchase, month);
    store::ledger::enter(&mut tx, &account, Kind::Release, negative(hold))?;
    store::ledger::enter(&mut tx, &account, Kind::Setup, charges.setup)?;
    store::ledger::enter(&mut tx, &account, Kind::FirstPeriod, charges.first_period)?;
    // A list that was read since the sale has it already.
    if store::owned::rows_of(tx.session(), &purchase.number)?.is_empty() {
        store::owned::add(&mut tx, &owned_row(&purchase, receipt))?;
    }
    let total = charges.total();
    if total > hold {
        tracing::error!(purchase = %purchase.id, charged = %total, %hold, "ClickSend charged more than it had quoted");
    }
    let event = event("purchase.bought", &purchase)
        .with("receipt", serde_json::to_value(receipt).map_err(StoreError::from)?)
        .with("charged", total.to_string())
        .with("basis", charges.basis)
        .with("above_hold", total > hold);
    Ok(tx.commit(&event, purchase)?)
}

/// The refusal is certain: the hold goes back.
fn fail(
    mut tx: Tx<'_>,
    mut purchase: Purchase,
    refusal: &UpstreamRefusal,
) -> Result<Finished<Purchase>, Refusal> {
    let said = Refusal::from_upstream(refusal);
    let trace = Trace { code: Some(said.code.as_str()), explanation: Some(said.message), ..Trace::default() };
    release(&mut tx, &purchase)?;
    store::purchases::step(&mut tx, &mut purchase, Step::Fail, trace)?;
    store::attempts::finish(&mut tx, purchase.id, "refused")?;
    let event = event("purchase.failed", &purchase)
        .with("code", said.code.as_str())
        .with("upstream", serde_json::to_value(refusal).map_err(StoreError::from)?);
    Ok(tx.commit(&event, purchase)?)
}

/// Nothing left this machine: the hold goes back, and the purchase may be tried again.
fn not_sent(mut tx: Tx<'_>, mut purchase: Purchase, why: String) -> Result<Finished<Purchase>, Refusal> {
    let trace = Trace {
        code: Some(Code::UpstreamUnavailable.as_str()),
        explanation: Some(format!("ClickSend could not be reached ({why}); nothing was sent")),
        ..Trace::default()
    };
    release(&mut tx, &purchase)?;
    store::purchases::step(&mut tx, &mut purchase, Step::NotSent, trace)?;
    store::attempts::finish(&mut tx, purchase.id, "not_sent")?;
    let event = event("purchase.not_sent", &purchase).with("why", why);
    Ok(tx.commit(&event, purchase)?)
}

/// Nobody knows: the hold stays.
fn lose(mut tx: Tx<'_>, mut purchase: Purchase, why: String) -> Result<Finished<Purchase>, Refusal> {
    let trace = Trace {
        code: Some(Code::PurchaseOutcomeUnknown.as_str()),
        explanation: Some(why.clone()),
        ..Trace::default()
    };
    store::purchases::step(&mut tx, &mut purchase, Step::Lose, trace)?;
    store::attempts::finish(&mut tx, purchase.id, "unknown")?;
    let event = event("purchase.lost", &purchase).with("why", why);
    Ok(tx.commit(&event, purchase)?)
}

fn open_hold(tx: &Tx<'_>, purchase: &Purchase) -> Result<(String, Money), StoreError> {
    let hold = store::ledger::open_hold(tx.session(), purchase.id)?;
    // A number that costs nothing holds nothing; its posts, also of nothing, belong to the month of the attempt.
    Ok(hold.unwrap_or_else(|| (fallback_month(purchase.updated_at), Money::ZERO)))
}

fn fallback_month(at: Timestamp) -> String {
    at.strftime("%Y-%m").to_string()
}

fn release(tx: &mut Tx<'_>, purchase: &Purchase) -> Result<(), StoreError> {
    let (month, hold) = open_hold(tx, purchase)?;
    store::ledger::enter(tx, &account(purchase, month), Kind::Release, negative(hold))
}

fn negative(amount: Money) -> Money {
    Money::from_micros(amount.micros().saturating_neg())
}

/// What a receipt says was charged, split as the ledger wants it.
struct Charges {
    setup: Money,
    first_period: Money,
    basis: &'static str,
}

impl Charges {
    /// `price_total` is what was charged: setup and a first, usually pro-rated, month. A receipt that cannot be
    /// read, or is in other money, charges what was quoted, and says that this is an estimate.
    fn of(purchase: &Purchase, receipt: &Receipt) -> Self {
        let quote = &purchase.quote;
        let named = receipt.currency.as_ref().and_then(|block| block.currency_name_short.as_deref());
        let read = |text: &Option<String>| {
            let amount = text.as_deref().and_then(|text| text.parse::<Money>().ok());
            // A charge below nothing would make room in a budget, and so would one in dearer money.
            amount.filter(|amount| {
                *amount >= Money::ZERO && named.is_none_or(|named| named == quote.currency.as_str())
            })
        };
        match read(&receipt.price_total) {
            Some(total) => {
                let setup = read(&receipt.price_setup).unwrap_or(quote.setup).min(total);
                Self { setup, first_period: total.checked_sub(setup).unwrap_or_default(), basis: "receipt" }
            }
            None => Self { setup: quote.setup, first_period: quote.monthly, basis: "estimated" },
        }
    }

    fn total(&self) -> Money {
        self.setup.checked_add(self.first_period).unwrap_or(Money::from_micros(i64::MAX))
    }
}

/// Our own row for a number that no list has shown yet.
fn owned_row(purchase: &Purchase, receipt: &Receipt) -> OwnedNumber {
    OwnedNumber {
        dedicated_number: purchase.number.to_string(),
        country: Some(purchase.quote.country.to_string()),
        price: receipt.price_monthly.clone().or_else(|| Some(purchase.quote.monthly.to_string())),
        country_name: purchase.quote.country_name.clone(),
        notes: None,
        message_type: Some(purchase.message_type.to_string()),
        number_type: None,
        number_category: None,
        number_guid: None,
        form_submission_id: None,
        status: None,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]

    use super::*;
    use crate::domain::principal::Person;
    use crate::domain::purchase::{MessageType, Requester};
    use crate::domain::quote::Quote;
    use crate::domain::search::CurrencyBlock;

    fn purchase() -> Purchase {
        Purchase {
            id: PurchaseId::random(),
            number: "+12025550143".parse().unwrap(),
            message_type: MessageType::Sms,
            requester: Requester {
                person: Person { issuer: "local".into(), subject: "ann".into() },
                name: None,
                roles: std::collections::BTreeSet::new(),
                email: None,
                actor: None,
                on_behalf_of: None,
                team: "growth".parse().unwrap(),
            },
            reference: None,
            max_price: None,
            quote: Quote {
                country: "US".parse().unwrap(),
                country_name: None,
                currency: "AUD".parse().unwrap(),
                setup: "2.00".parse().unwrap(),
                monthly: "10.00".parse().unwrap(),
                total_as_shown: None,
                at: Timestamp::UNIX_EPOCH,
            },
            quote_digest: crate::domain::canonical::Digest::ZERO,
            rule: String::new(),
            policy_digest: crate::domain::canonical::Digest::ZERO,
            terms: None,
            round: 1,
            decide_by: None,
            approved_until: None,
            state: State::Dispatching,
            code: None,
            explanation: None,
            version: 3,
            attempts: 1,
            created_at: Timestamp::UNIX_EPOCH,
            updated_at: Timestamp::UNIX_EPOCH,
            receipt: None,
        }
    }

    fn receipt(total: Option<&str>, setup: Option<&str>) -> Receipt {
        Receipt {
            dedicated_number: "+12025550143".into(),
            country: None,
            price_total: total.map(Into::into),
            price_setup: setup.map(Into::into),
            price_monthly: None,
            currency: None,
        }
    }

    #[test]
    fn what_was_charged_is_the_total_however_it_is_split() {
        for (total, setup, wanted_setup, wanted_first, basis) in [
            (Some("5.50"), Some("2.00"), "2.00", "3.50", "receipt"),
            (Some("5.50"), None, "2.00", "3.50", "receipt"),
            (Some("8.98"), Some("22.22"), "8.98", "0.00", "receipt"),
            (None, Some("2.00"), "2.00", "10.00", "estimated"),
            (Some("about five"), None, "2.00", "10.00", "estimated"),
            (Some("-5.50"), None, "2.00", "10.00", "estimated"),
            (Some("5.50"), Some("-1.00"), "2.00", "3.50", "receipt"),
        ] {
            let charges = Charges::of(&purchase(), &receipt(total, setup));
            let split = (charges.setup.to_string(), charges.first_period.to_string(), charges.basis);
            assert_eq!(split, (wanted_setup.into(), wanted_first.into(), basis), "{total:?} {setup:?}");
        }
    }

    #[test]
    fn a_receipt_in_other_money_is_not_booked_as_ours() {
        let basis = |currency: &str| {
            let block =
                CurrencyBlock { currency_name_short: Some(currency.into()), ..CurrencyBlock::default() };
            let receipt = Receipt { currency: Some(block), ..receipt(Some("5.50"), None) };
            Charges::of(&purchase(), &receipt).basis
        };
        assert_eq!((basis("AUD"), basis("USD")), ("receipt", "estimated"));
    }
}
