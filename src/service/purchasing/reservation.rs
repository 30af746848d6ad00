//! Reserve and claim: money, number and the one attempt, all in one commit.
//!
//! Every guard reads inside the transaction that takes the hold, under the one writer: a budget checked outside
//! of it would let two purchases through that only one fits into.

use crate::domain::audit::{Actor, AuditEvent, Target};
use crate::domain::order::Order;
use crate::domain::purchase::{Purchase, PurchaseId, State, Step};
use crate::domain::quote::Quote;
use crate::service::buying::frozen;
use crate::service::judging::{day_of, fits, month_of};
use crate::service::limits::PerDay;
use crate::service::purchasing::dispatch::too_late;
use crate::service::purchasing::{Inner, PurchasingSettings};
use crate::service::refusal::{Code, Refusal};
use crate::service::teams::{Budget, Team};
use crate::store::attempts::AttemptId;
use crate::store::ledger::{Account, Kind, Payer};
use crate::store::purchases::{Trace, Whose};
use crate::store::{self, Finished, StoreError, Tx};

/// How the attempt to reserve ended.
pub(super) enum Reserved {
    /// Held and claimed by this process: send it.
    Claimed(Purchase, Box<Order>),
    /// A guard said no for good.
    Cancelled(Purchase),
    /// A freeze stands in the way, for now.
    Frozen(Refusal),
    /// Not approved any more: whoever moved it meanwhile has the only right to what comes next.
    Elsewhere(Purchase),
}

/// One attempt, named before it is made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claim {
    pub(super) purchase: PurchaseId,
    /// Counted from 1.
    pub(super) number: i64,
    pub(super) attempt: AttemptId,
}

/// Everything the transaction needs; it runs on the writer's thread.
pub(super) struct Reservation {
    purchase: Purchase,
    quote: Quote,
    attempt: AttemptId,
    team: Option<Team>,
    organisation: Budget,
    per_day: PerDay,
    settings: PurchasingSettings,
}

impl Inner {
    pub(super) fn reservation(&self, purchase: Purchase, quote: Quote) -> Reservation {
        let teams = self.parts.ground.teams.now();
        Reservation {
            quote,
            attempt: AttemptId::fresh(),
            team: teams.find(&purchase.requester.team).cloned(),
            organisation: teams.organisation,
            per_day: *self.parts.ground.per_day.now(),
            settings: self.parts.settings.clone(),
            purchase,
        }
    }
}

impl Reservation {
    /// The attempt that it makes, if it makes one.
    pub(super) const fn names(&self) -> Claim {
        Claim { purchase: self.purchase.id, number: self.purchase.attempts + 1, attempt: self.attempt }
    }

    /// A transaction of its own, for a purchase that was written down before.
    pub(super) fn run(mut self, mut tx: Tx<'_>) -> Result<Finished<Reserved>, StoreError> {
        let id = self.purchase.id;
        // The row counts, not the copy that waited for its quote.
        let current = store::purchases::find(tx.session(), id)?;
        self.purchase = current.ok_or_else(|| StoreError::Corrupt(format!("no purchase {id}")))?;
        if self.purchase.state != State::Approved {
            return tx.unchanged(Reserved::Elsewhere(self.purchase));
        }
        let reserved = self.take(&mut tx)?;
        tx.recorded(reserved)
    }

    /// Holds and claims, or says what stands in the way; everything that it writes is recorded.
    pub(super) fn take(mut self, tx: &mut Tx<'_>) -> Result<Reserved, StoreError> {
        if let Some(freeze) = store::freezes::stopping(tx.session(), &self.purchase.requester.team)? {
            return Ok(Reserved::Frozen(frozen(&freeze)));
        }
        match self.guard(tx)? {
            Ok(()) => self.claim(tx),
            Err(refusal) => {
                let trace = Trace {
                    code: Some(refusal.code.as_str()),
                    explanation: Some(refusal.message.clone()),
                    ..Trace::default()
                };
                store::purchases::step(tx, &mut self.purchase, Step::Cancel, trace)?;
                let event = event("purchase.cancelled", &self.purchase)
                    .with("code", refusal.code.as_str())
                    .with("why", refusal.message);
                tx.record(&event)?;
                Ok(Reserved::Cancelled(self.purchase))
            }
        }
    }

    /// `Ok(Err(_))` is a guard's no; `Err(_)` is a store that failed.
    fn guard(&self, tx: &Tx<'_>) -> Result<Result<(), Refusal>, StoreError> {
        let (session, purchase) = (tx.session(), &self.purchase);
        let no = |code, message: String| Ok(Err(Refusal::new(code, message)));
        if purchase.approved_until.is_some_and(|until| until <= tx.at()) {
            return Ok(Err(too_late()));
        }
        if let Some(other) = store::purchases::active_for(session, &purchase.number)? {
            if other.requester.team != purchase.requester.team {
                let message = format!("nobody sells {} now; search for another one", purchase.number);
                return no(Code::NumberNotAvailable, message);
            }
            let code = if other.is_bought() { Code::AlreadyOwned } else { Code::PurchaseInProgress };
            return no(code, format!("{} is taken by another purchase", purchase.number));
        }
        if !store::owned::rows_of(session, &purchase.number)?.is_empty() {
            return no(Code::AlreadyOwned, format!("{} is owned already", purchase.number));
        }
        if self.settings.currency != Some(self.quote.currency) {
            return no(
                Code::CurrencyMismatch,
                "the budgets are in another currency than the quote".to_owned(),
            );
        }
        let Some(team) = &self.team else {
            return no(
                Code::TeamUnknown,
                format!("the team {} is not configured any more", purchase.requester.team),
            );
        };
        let day = day_of(tx.at(), &self.settings.time_zone);
        let limits = [
            (Whose::Person(&purchase.requester.person), self.per_day.subject, "requester's"),
            (Whose::Team(&purchase.requester.team), self.per_day.team, "team's"),
        ];
        for (whose, limit, words) in limits {
            if store::purchases::reserved_on(session, &day, &whose)? >= limit {
                return no(
                    Code::DayLimitReached,
                    format!("the {words} limit of {limit} purchases a day is used up"),
                );
            }
        }
        self.guard_budgets(tx, team)
    }

    fn guard_budgets(&self, tx: &Tx<'_>, team: &Team) -> Result<Result<(), Refusal>, StoreError> {
        let (session, currency) = (tx.session(), self.quote.currency);
        let month = month_of(tx.at(), &self.settings.time_zone);
        let no = |words: &str, left: String| {
            Ok(Err(Refusal::new(Code::BudgetExceeded, format!("the {words} {left}"))))
        };
        // What has no limit need not be added up.
        for of in [Some(&self.purchase.requester.team), None] {
            let (budget, whose) =
                of.map_or((self.organisation, "organisation's"), |_| (team.budget, "team's"));
            let hold = self.quote.price().total();
            let spend = budget.spend_per_month.map(|limit| {
                store::ledger::used_in(session, &month, of).map(|used| ("monthly spend", limit, used, hold))
            });
            let recurring = budget.recurring_per_month.map(|limit| {
                store::ledger::recurring(session, of)
                    .map(|used| ("recurring fees", limit, used, self.quote.monthly))
            });
            for limited in [spend, recurring].into_iter().flatten() {
                let (kind, limit, used, more) = limited?;
                if fits(used, more, limit) {
                    continue;
                }
                // What all teams have used would tell one what the others have.
                let left = match of {
                    Some(_) => {
                        format!("is {limit} {currency}; {used} are used or held, and this needs {more}")
                    }
                    None => format!("has no room for {more} {currency}"),
                };
                return no(&format!("{whose} budget for {kind}"), left);
            }
        }
        Ok(Ok(()))
    }

    /// The intent is durable when this commits, and only then may a byte leave.
    fn claim(mut self, tx: &mut Tx<'_>) -> Result<Reserved, StoreError> {
        let at = tx.at();
        let day = day_of(at, &self.settings.time_zone);
        let known = store::owned::rows_of(tx.session(), &self.purchase.number)?;
        let baseline: Vec<String> = known.into_iter().filter_map(|row| row.number_guid).collect();
        let registration_data = store::purchases::registration_data(tx.session(), self.purchase.id)?;
        let hold = self.quote.price().total();

        let trace = Trace { reserved_day: Some(&day), monthly: Some(self.quote.monthly), ..Trace::default() };
        store::purchases::step(tx, &mut self.purchase, Step::Reserve, trace)?;
        let account = account(&self.purchase, month_of(at, &self.settings.time_zone));
        store::ledger::enter(tx, &account, Kind::Hold, hold)?;
        let reserved = event("purchase.reserved", &self.purchase)
            .with("hold", hold.to_string())
            .with("currency", self.quote.currency.as_str())
            .with("month", account.month.clone());
        tx.record(&reserved)?;

        store::purchases::step(tx, &mut self.purchase, Step::Claim, Trace::default())?;
        store::attempts::insert(tx, self.attempt, self.purchase.id, &baseline, &self.quote)?;
        let intent = event("purchase.intent", &self.purchase)
            .with("attempt", self.attempt.0.to_string())
            .with("instance", tx.instance().0.to_string())
            .with("number", self.purchase.number.as_str())
            .with("type", self.purchase.message_type.as_str());
        let order = Order {
            number: self.purchase.number.clone(),
            message_type: self.purchase.message_type,
            registration_data,
        };
        tx.record(&intent)?;
        Ok(Reserved::Claimed(self.purchase, Box::new(order)))
    }
}

/// An event of the gateway's own about a purchase.
pub(in crate::service) fn event(action: &'static str, purchase: &Purchase) -> AuditEvent {
    AuditEvent::new(action, Actor::Gateway("purchasing"), Target::new("purchase", &purchase.id))
        .with("state", purchase.state.as_str())
        .with("version", purchase.version)
}

/// What the ledger entries of a purchase share.
pub(super) fn account(purchase: &Purchase, month: String) -> Account {
    Account {
        month,
        payer: Payer::Team(purchase.requester.team.clone()),
        purchase: Some(purchase.id),
        currency: purchase.quote.currency,
        country: purchase.quote.country.to_string(),
        number: Some(purchase.number.to_string()),
        row: None,
        adjustment: None,
    }
}
