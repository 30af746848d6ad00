//! Adjust: an administrator puts the ledger right where it differs from an invoice, or books money that came back.
//!
//! One administrator is enough: nothing leaves the account by it, it stands in the evidence with its reason, and another
//! one takes it back. But an amount below zero makes room in a budget, so nobody writes one about their own purchase.

use std::sync::Arc;

use uuid::Uuid;

use crate::domain::audit::{Actor, AuditEvent, Target};
use crate::domain::billing::Month;
use crate::domain::money::{Currency, Money};
use crate::domain::principal::{Principal, Role};
use crate::domain::purchase::{Purchase, PurchaseId};
use crate::service::purchasing::Idempotency;
use crate::service::refusal::{Code, Refusal};
use crate::service::spend::{Adjustment, Kind, Payer, Spend};
use crate::service::teams::Teams;
use crate::store::idempotency::{ScopedKey, Use};
use crate::store::ledger::{ADJUSTED, Account, AdjustmentId};
use crate::store::{self, Finished, Session, StoreError, Tx};

/// An amount is below a thousand million either way: thousands of the largest still add up within 64 bits, and a sum
/// that does not would stop every budget.
const BELOW: Money = Money::from_micros(1_000_000_000_000_000);

/// What is to be written.
#[derive(Clone, Debug)]
pub struct NewAdjustment {
    /// Adjustment or refund.
    pub kind: Kind,
    /// By how much the spend changes: a refund is below zero.
    pub amount: Money,
    /// Whose spend; that of the purchase or the number where nobody says.
    pub payer: Option<Payer>,
    /// In which month; the one that runs where nobody says.
    pub month: Option<Month>,
    /// About which purchase.
    pub purchase: Option<PurchaseId>,
    /// About which number.
    pub number: Option<String>,
    /// Why: it stands in the evidence.
    pub reason: String,
    /// The caller's key.
    pub idempotency: Idempotency,
}

/// What was written, now or by an equal request before.
#[derive(Clone, Debug)]
pub struct Adjusted {
    /// The entry.
    pub adjustment: Adjustment,
    /// Whether an earlier request made it.
    pub replayed: bool,
}

/// Everything the transaction needs.
struct Job {
    new: NewAdjustment,
    principal: Principal,
    currency: Currency,
    month: Month,
    teams: Arc<Teams>,
}

impl Spend {
    /// Writes an adjustment or a refund.
    pub async fn adjust(&self, principal: &Principal, new: NewAdjustment) -> Result<Adjusted, Refusal> {
        if !principal.has(Role::Administrator) {
            return Err(Refusal::new(Code::Forbidden, "adjusting spend needs the role administrator"));
        }
        let currency = self.currency()?;
        let this = self.month();
        if new.amount == Money::ZERO {
            return Err(Refusal::field("amount", "must not be zero."));
        }
        if new.amount >= BELOW || new.amount <= BELOW.negated() {
            return Err(Refusal::field("amount", "must be below 1000000000, and above -1000000000."));
        }
        if new.kind == Kind::Refund && new.amount > Money::ZERO {
            return Err(Refusal::field("amount", "of a refund is below zero: money came back."));
        }
        let month = new.month.unwrap_or(this);
        if month > this {
            return Err(Refusal::field("month", format!("must not be after {this}.")));
        }
        let teams = self.0.teams.now();
        let job = Job { new, principal: principal.clone(), currency, month, teams };
        self.0.store.write(move |tx| job.run(tx)).await
    }
}

impl Job {
    fn run(self, mut tx: Tx<'_>) -> Result<Finished<Adjusted>, Refusal> {
        let key = ScopedKey {
            person: self.principal.person.clone(),
            route: self.new.idempotency.route,
            key: self.new.idempotency.key.clone(),
        };
        if let Some(used) = store::idempotency::find(tx.session(), &key)? {
            let adjustment = self.earlier(tx.session(), &used)?;
            return Ok(tx.unchanged(Adjusted { adjustment, replayed: true })?);
        }
        let purchase = self.purchase(tx.session())?;
        let account = self.account(tx.session(), purchase.as_ref())?;
        let id = AdjustmentId(Uuid::new_v4());
        let account = Account { adjustment: Some(id), ..account };
        store::ledger::enter(&mut tx, &account, self.new.kind, self.new.amount)?;
        let used = Use { fingerprint: self.new.idempotency.fingerprint, target_id: id.0.to_string() };
        store::idempotency::insert(&mut tx, &key, &used)?;
        let adjustment = Adjustment {
            id,
            at: tx.at(),
            month: account.month,
            payer: account.payer,
            kind: self.new.kind,
            amount: self.new.amount,
            currency: self.currency,
            purchase: account.purchase,
            number: account.number,
        };
        let is_above = self.is_above_a_budget(tx.session(), &adjustment)?;
        let event = self.event(&adjustment).with("above_budget", is_above);
        Ok(tx.commit(&event, Adjusted { adjustment, replayed: false })?)
    }

    fn earlier(&self, session: &Session<'_>, used: &Use) -> Result<Adjustment, Refusal> {
        if used.fingerprint != self.new.idempotency.fingerprint {
            return Err(Refusal::new(
                Code::IdempotencyKeyReused,
                "this Idempotency-Key came with another request before; use a new key for a new request",
            ));
        }
        let corrupt = || StoreError::Corrupt(format!("no adjustment {}", used.target_id));
        let id = used.target_id.parse().map_err(|_| corrupt())?;
        let found = store::adjustments::find(session, AdjustmentId(id))?;
        Ok(found.ok_or_else(corrupt)?)
    }

    fn purchase(&self, session: &Session<'_>) -> Result<Option<Purchase>, Refusal> {
        let Some(id) = self.new.purchase else { return Ok(None) };
        let found = store::purchases::find(session, id)?;
        let purchase = found.ok_or_else(|| Refusal::field("purchase", "is not there."))?;
        if self.new.number.as_deref().is_some_and(|number| number != purchase.number.as_str()) {
            return Err(Refusal::field("number", "is not the one of the purchase."));
        }
        if self.new.amount < Money::ZERO && purchase.requester.involves(&self.principal) {
            let message = "nobody makes room in a budget by their own purchase; another administrator has to";
            return Err(Refusal::new(Code::Forbidden, message));
        }
        Ok(Some(purchase))
    }

    /// Whose spend it is, and what it is about.
    fn account(&self, session: &Session<'_>, purchase: Option<&Purchase>) -> Result<Account, Refusal> {
        let number = purchase.map(|purchase| purchase.number.to_string()).or_else(|| self.new.number.clone());
        let owner = match &number {
            Some(number) => store::adjustments::owner_of(session, number)?,
            None => None,
        };
        if owner.is_none() && purchase.is_none() && number.is_some() {
            return Err(Refusal::field("number", "was never the account's."));
        }
        let of_purchase = purchase.map(|purchase| Payer::Team(purchase.requester.team.clone()));
        let of_number = owner.as_ref().map(|(payer, _)| payer.clone());
        let payer = self.new.payer.clone().or(of_purchase).or(of_number);
        let payer =
            payer.ok_or_else(|| Refusal::field("team", "is required without a purchase or a number."))?;
        let is_configured = match &payer {
            Payer::Team(team) => self.teams.find(team).is_some(),
            Payer::Suspense => true,
        };
        if !is_configured && !store::adjustments::is_known_payer(session, &payer)? {
            return Err(Refusal::field("team", "is neither configured nor in the ledger."));
        }
        let country = purchase.map(|purchase| purchase.quote.country.to_string());
        Ok(Account {
            month: self.month.to_string(),
            payer,
            purchase: purchase.map(|purchase| purchase.id),
            currency: self.currency,
            country: country.or_else(|| owner.map(|(_, country)| country)).unwrap_or_default(),
            number,
            row: None,
            adjustment: None,
        })
    }

    /// Whether the month is above the team's limit or the organisation's now. It is booked all the same: the money has
    /// left.
    fn is_above_a_budget(&self, session: &Session<'_>, adjustment: &Adjustment) -> Result<bool, StoreError> {
        let team = match &adjustment.payer {
            Payer::Team(team) => Some(team),
            Payer::Suspense => None,
        };
        let own = team.and_then(|team| self.teams.find(team)).and_then(|team| team.budget.spend_per_month);
        let limits = [own.zip(Some(team)), self.teams.organisation.spend_per_month.zip(Some(None))];
        for (limit, of) in limits.into_iter().flatten() {
            if store::ledger::used_in(session, &adjustment.month, of)? > limit {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn event(&self, adjustment: &Adjustment) -> AuditEvent {
        let target = Target::new("adjustment", &adjustment.id.0);
        AuditEvent::new(ADJUSTED, Actor::from(&self.principal), target)
            .with("kind", adjustment.kind.as_str())
            .with("month", adjustment.month.as_str())
            .with("team", adjustment.payer.as_str())
            .with("amount", adjustment.amount.to_string())
            .with("currency", adjustment.currency.as_str())
            .with_some("purchase", adjustment.purchase.map(|id| id.to_string()))
            .with_some("number", adjustment.number.clone())
            .with("why", self.new.reason.as_str())
    }
}
