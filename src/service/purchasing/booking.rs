//! Book: the hold becomes charges, and the number enters the table of owned numbers.
//!
//! The same whoever knows of the sale: the answer to the buy, a list that shows the number, or people. Only the
//! answer says what was charged; everybody else estimates, and says so.

use jiff::Timestamp;

use crate::domain::audit::AuditEvent;
use crate::domain::billing::{self, Billing};
use crate::domain::freeze::{Cause, Scope};
use crate::domain::money::Money;
use crate::domain::order::Receipt;
use crate::domain::owned::{OwnedNumber, Price, PriceBasis};
use crate::domain::purchase::{Purchase, Step};
use crate::domain::quote::Quote;
use crate::domain::search::CurrencyBlock;
use crate::metrics::{Alarm, BookedBy};
use crate::service::freezes;
use crate::service::ground::Ground;
use crate::service::purchasing::reservation::{account, event};
use crate::service::refusal::Refusal;
use crate::service::teams::Teams;
use crate::store::attempts::Attempt;
use crate::store::freezes::impose;
use crate::store::ledger::Kind;
use crate::store::owned::{Key, Mirrored};
use crate::store::purchases::Trace;
use crate::store::{self, StoreError, Tx};

/// A sale that is about to be booked.
pub(in crate::service) struct Booking {
    by: BookedBy,
    charges: Charges,
    /// The price that money was held for.
    quote: Quote,
    receipt: Receipt,
    sold_at: Timestamp,
}

/// What a booking has to tell once it is durable.
#[derive(Clone, Debug)]
pub(in crate::service) struct Booked {
    /// The number's row in the table of owned numbers.
    pub(super) row: OwnedNumber,
    by: BookedBy,
    basis: Basis,
    is_above_hold: bool,
    froze: bool,
}

impl Booking {
    /// Upstream said so, and what it charged.
    pub(super) fn of_receipt(purchase: &Purchase, attempt: Option<&Attempt>, receipt: Receipt) -> Self {
        let (quote, sold_at) = (reserved(purchase, attempt), sold_at(purchase, attempt));
        Self { by: BookedBy::Answer, charges: Charges::of(&quote, &receipt), quote, receipt, sold_at }
    }

    /// Somebody else knows. The receipt is what upstream would probably have written when the attempt was claimed, so
    /// that whoever asks again gets an answer of the same shape.
    pub(in crate::service) fn estimated(
        by: BookedBy,
        purchase: &Purchase,
        attempt: Option<&Attempt>,
        billing: &Billing,
    ) -> Self {
        let quote = reserved(purchase, attempt);
        let sold_at = sold_at(purchase, attempt);
        let charges = Charges {
            setup: quote.setup,
            first_period: quote.first_period(sold_at, &billing.zone),
            basis: Basis::Estimated,
        };
        let receipt = Receipt {
            dedicated_number: purchase.number.to_string(),
            country: Some(quote.country.to_string()),
            price_total: Some(charges.total().to_string()),
            price_setup: Some(quote.setup.to_string()),
            price_monthly: Some(quote.monthly.to_string()),
            currency: Some(CurrencyBlock {
                currency_name_short: Some(quote.currency.to_string()),
                ..CurrencyBlock::default()
            }),
        };
        Self { by, charges, quote, receipt, sold_at }
    }

    /// Writes everything but the event that ends the transaction. A charge that breaks a budget freezes its team in
    /// the same commit; so does every sale that was given up before, for nothing was held for it.
    pub(in crate::service) fn enter(
        self,
        tx: &mut Tx<'_>,
        purchase: &mut Purchase,
        (teams, billing): (&Teams, &Billing),
    ) -> Result<(AuditEvent, Booked), StoreError> {
        let is_late = self.by == BookedBy::LateSighting;
        let (month, hold) = hold_of(tx, purchase)?;
        let step = if is_late { Step::BookLate } else { Step::Book };
        store::purchases::step(
            tx,
            purchase,
            step,
            Trace { receipt: Some(&self.receipt), ..Trace::default() },
        )?;
        let account = account(purchase, month.clone());
        store::ledger::enter(tx, &account, Kind::Release, hold.negated())?;
        store::ledger::enter(tx, &account, Kind::Setup, self.charges.setup)?;
        store::ledger::enter(tx, &account, Kind::FirstPeriod, self.charges.first_period)?;
        let row = owned_row(purchase, &self.receipt);
        self.mirror(tx, purchase, &row, billing)?;
        let total = self.charges.total();
        let quoted = self.quote.price().total();
        let is_above_hold = !is_late && total > hold;
        let cause = if is_late {
            Some(Cause::LateSale)
        } else if is_above_hold && breaks_a_budget(tx, purchase, teams, &month)? {
            Some(Cause::Overcharge)
        } else {
            None
        };
        let freeze = cause.map(|cause| freeze(tx, purchase, cause, total)).transpose()?.flatten();
        if let Some(event) = &freeze {
            tx.record(event)?;
        }
        let event = event(step.event(), purchase)
            .with("receipt", serde_json::to_value(&self.receipt)?)
            .with("charged", total.to_string())
            .with("difference", difference(total, quoted).to_string())
            .with("basis", self.charges.basis.as_str())
            .with("found", matches!(self.by, BookedBy::Sighting | BookedBy::LateSighting))
            .with("by", self.by.as_str())
            .with("above_hold", is_above_hold);
        let booked =
            Booked { row, by: self.by, basis: self.charges.basis, is_above_hold, froze: freeze.is_some() };
        Ok((event, booked))
    }
}

impl Booking {
    /// The number's row says what it costs and which month is paid. A list that was read since the sale has the row
    /// already, and its price is the newer one where it differs.
    fn mirror(
        &self,
        tx: &mut Tx<'_>,
        purchase: &Purchase,
        listing: &OwnedNumber,
        billing: &Billing,
    ) -> Result<(), StoreError> {
        let claimed = billing.month(self.sold_at);
        let booked = if self.by == BookedBy::Answer { billing.month(tx.at()) } else { claimed };
        let paid = billing::paid_month(claimed, booked, self.charges.first_period, self.quote.monthly);
        let quoted =
            Price { monthly: self.quote.monthly, currency: self.quote.currency, basis: PriceBasis::Quote };
        let rows = store::owned::mirrored(tx.session(), Some(purchase.number.as_str()))?;
        let shown = rows.into_iter().filter(|row| !row.is_lacking && row.key.twin == 0);
        let kind = purchase.message_type.as_str();
        let Some(was) = shown.min_by_key(|row| row.key.message_type != kind) else {
            let row = Mirrored {
                key: Key {
                    number: purchase.number.to_string(),
                    message_type: kind.to_owned(),
                    guid: String::new(),
                    twin: 0,
                },
                position: store::owned::last_position(tx.session())? + 1,
                listing: listing.clone(),
                status_since: None,
                fee: billing.fee(quoted.monthly, quoted.currency),
                price: Some(quoted),
                paid,
                since: None,
                is_lacking: false,
            };
            return store::owned::insert(tx, &row);
        };
        let cents = |price: &Price| (price.monthly.rounded_to_cents(), price.currency);
        let price = was.price.clone().filter(|listed| cents(listed) != cents(&quoted)).unwrap_or(quoted);
        let fee = billing.fee(price.monthly, price.currency);
        store::owned::update(tx, &was.key, &Mirrored { price: Some(price), fee, paid, ..was.clone() })
    }
}

/// When upstream sold, as far as anybody knows.
fn sold_at(purchase: &Purchase, attempt: Option<&Attempt>) -> Timestamp {
    attempt.map_or(purchase.updated_at, |attempt| attempt.claimed_at)
}

impl Booked {
    /// Counts it, raises the alarms that go with it, and stops the team at once where it was frozen.
    pub(in crate::service) async fn tell(self, ground: &Ground) -> Result<(), Refusal> {
        ground.metrics.booked(self.by, self.basis == Basis::Estimated);
        if self.is_above_hold {
            tracing::error!("ClickSend charged more than it had quoted; the purchase's event says how much");
            ground.metrics.alarmed(Alarm::Overcharge);
        }
        if self.by == BookedBy::LateSighting {
            tracing::error!(
                "a number that was given up was sold after all; it is booked, and its team frozen"
            );
            ground.metrics.alarmed(Alarm::LateSale);
        }
        if self.froze { freezes::reread(&ground.store, &ground.buying).await } else { Ok(()) }
    }
}

fn freeze(
    tx: &mut Tx<'_>,
    purchase: &Purchase,
    cause: Cause,
    total: Money,
) -> Result<Option<AuditEvent>, StoreError> {
    let (id, currency) = (purchase.id, purchase.quote.currency);
    let reason = match cause {
        Cause::LateSale => format!("purchase {id} was given up and sold after all, for {total} {currency}"),
        Cause::Overcharge | Cause::ByHand | Cause::WentBack | Cause::AnotherAccount => {
            format!("purchase {id} was charged {total} {currency}, more than was held, which broke a budget")
        }
    };
    impose(tx, Scope::Team(purchase.requester.team.clone()), cause, reason)
}

/// Whether the month is above the team's limit or the organisation's, now that everything is posted.
fn breaks_a_budget(tx: &Tx<'_>, purchase: &Purchase, teams: &Teams, month: &str) -> Result<bool, StoreError> {
    let team = &purchase.requester.team;
    let own = teams.find(team).and_then(|team| team.budget.spend_per_month);
    for (limit, of) in [(own, Some(team)), (teams.organisation.spend_per_month, None)] {
        let used = store::ledger::used_in(tx.session(), month, of)?;
        if limit.is_some_and(|limit| used > limit) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What is still held for a purchase, and the month that everything about it belongs to.
fn hold_of(tx: &Tx<'_>, purchase: &Purchase) -> Result<(String, Money), StoreError> {
    if let Some(open) = store::ledger::open_hold(tx.session(), purchase.id)? {
        return Ok(open);
    }
    // Given back, or a number that costs nothing and held nothing: its posts belong to the month of the attempt.
    let month = store::ledger::month_of_hold(tx.session(), purchase.id)?;
    Ok((month.unwrap_or_else(|| purchase.updated_at.strftime("%Y-%m").to_string()), Money::ZERO))
}

/// Gives the hold of a purchase back.
pub(in crate::service) fn release(tx: &mut Tx<'_>, purchase: &Purchase) -> Result<(), StoreError> {
    let (month, hold) = hold_of(tx, purchase)?;
    store::ledger::enter(tx, &account(purchase, month), Kind::Release, hold.negated())
}

fn difference(charged: Money, quoted: Money) -> Money {
    charged.checked_sub(quoted).unwrap_or_default()
}

/// Where the charged amount comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Basis {
    /// Upstream's own word.
    Receipt,
    /// The quote.
    Estimated,
}

impl Basis {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Receipt => "receipt",
            Self::Estimated => "estimated",
        }
    }
}

/// What was charged, split as the ledger wants it.
struct Charges {
    setup: Money,
    first_period: Money,
    basis: Basis,
}

impl Charges {
    /// `price_total` is what was charged: setup and a first, usually pro-rated, month. A receipt that cannot be
    /// read, or is in other money, charges what was quoted, and says that this is an estimate.
    fn of(quote: &Quote, receipt: &Receipt) -> Self {
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
                Self {
                    setup,
                    first_period: total.checked_sub(setup).unwrap_or_default(),
                    basis: Basis::Receipt,
                }
            }
            None => Self { setup: quote.setup, first_period: quote.monthly, basis: Basis::Estimated },
        }
    }

    fn total(&self) -> Money {
        self.setup.checked_add(self.first_period).unwrap_or(Money::from_micros(i64::MAX))
    }
}

/// The price that money was held for: the newest, where that was another one than people decided on.
fn reserved(purchase: &Purchase, attempt: Option<&Attempt>) -> Quote {
    attempt.and_then(|attempt| attempt.quote.clone()).unwrap_or_else(|| purchase.quote.clone())
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

    use super::{Booking, Charges};
    use crate::domain::billing::Billing;
    use crate::domain::order::Receipt;
    use crate::domain::purchase::sample::purchase;
    use crate::domain::quote::Quote;
    use crate::domain::search::CurrencyBlock;
    use crate::metrics::BookedBy;
    use crate::store::attempts::Attempt;

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
            let charges = Charges::of(&purchase().quote, &receipt(total, setup));
            let split = (charges.setup.to_string(), charges.first_period.to_string(), charges.basis.as_str());
            assert_eq!(split, (wanted_setup.into(), wanted_first.into(), basis), "{total:?} {setup:?}");
        }
    }

    #[test]
    fn what_upstream_does_not_say_is_estimated_by_the_price_that_money_was_held_for() {
        let purchase = purchase();
        let reserved = Quote { monthly: "12.00".parse().unwrap(), ..purchase.quote.clone() };
        let month = |quote: Option<Quote>, receipt: Option<Receipt>| {
            // The first of a month: all of it is charged.
            let attempt = Attempt { claimed_at: purchase.created_at, baseline: Vec::new(), quote };
            let booking = match receipt {
                Some(receipt) => Booking::of_receipt(&purchase, Some(&attempt), receipt),
                None => Booking::estimated(
                    BookedBy::Sighting,
                    &purchase,
                    Some(&attempt),
                    &Billing { zone: jiff::tz::TimeZone::UTC, currency: None },
                ),
            };
            (booking.charges.first_period.to_string(), booking.quote.monthly.to_string())
        };
        for receipt in [None, Some(receipt(None, None))] {
            let [newest, decided] = ["12.00", "10.00"].map(|price| (price.to_owned(), price.to_owned()));
            assert_eq!(month(Some(reserved.clone()), receipt.clone()), newest);
            assert_eq!(month(None, receipt), decided, "a row of an earlier version");
        }
    }

    #[test]
    fn a_receipt_in_other_money_is_not_booked_as_ours() {
        let basis = |currency: &str| {
            let block =
                CurrencyBlock { currency_name_short: Some(currency.into()), ..CurrencyBlock::default() };
            let receipt = Receipt { currency: Some(block), ..receipt(Some("5.50"), None) };
            Charges::of(&purchase().quote, &receipt).basis.as_str()
        };
        assert_eq!((basis("AUD"), basis("USD")), ("receipt", "estimated"));
    }
}
