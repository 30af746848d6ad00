//! The figures that metrics show: read from the store at each look, never counted beside it.
//!
//! A number that a counter keeps goes wrong with every restart and every replica; one that is read from the
//! ledger is right or absent.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::tz::TimeZone;

use crate::clock::Clock;
use crate::domain::audit::Head;
use crate::domain::billing::Month;
use crate::domain::freeze::Scope;
use crate::domain::money::Currency;
use crate::domain::owned::Origin;
use crate::metrics::{
    AccountFigure, BudgetFigure, DatabaseFigure, Figures, LedgerFigure, MonthFigure, NoticeFigure,
    OwnedFigure,
};
use crate::service::budgets;
use crate::service::live::Live;
use crate::service::spend::{Covered, First, Payer, SeenAccount, Spend};
use crate::service::teams::Teams;
use crate::store::{self, Session, Store, StoreError};

/// How many months of spend are shown, the one that runs among them.
const MONTHS: usize = 12;

/// Events of the evidence as they were counted last: only what came since is counted anew.
#[derive(Clone, Debug, Default)]
struct Events {
    until: i64,
    by_action: BTreeMap<String, i64>,
}

/// Reads them.
#[derive(Clone)]
pub struct FigureReader {
    events: Arc<Mutex<Events>>,
    store: Store,
    teams: Live<Teams>,
    currency: Option<Currency>,
    time_zone: TimeZone,
    clock: Clock,
    spend: Spend,
}

impl FigureReader {
    /// A reader for the configured teams.
    pub fn new(
        store: Store,
        teams: Live<Teams>,
        currency: Option<Currency>,
        time_zone: TimeZone,
        clock: Clock,
        spend: Spend,
    ) -> Self {
        Self { events: Arc::default(), store, teams, currency, time_zone, clock, spend }
    }

    /// Whether the store answers at all: the cheapest question there is.
    pub async fn check_store(&self) -> Result<(), StoreError> {
        self.store.read(|session| store::audit::head(session).map(|_| ())).await
    }

    /// How this process stands with its database: known also while that does not answer.
    pub fn database(&self) -> DatabaseFigure {
        let pool = self.store.pool();
        DatabaseFigure {
            in_use: pool.in_use,
            idle: pool.idle,
            most: pool.most,
            replicas: *self.store.replicas().borrow(),
            leads: *self.store.leads().borrow(),
        }
    }

    /// All figures of one moment.
    pub async fn read(&self) -> Result<Figures, StoreError> {
        let now = self.clock.now();
        let month = Month::of(now, &self.time_zone);
        let (teams, currency) = (self.teams.now(), self.currency);
        let known = self.events.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let reading = self.store.read(move |session| {
            let events = counted(session, known)?;
            Ok((read(session, &teams, currency, month)?, events))
        });
        let (mut figures, events) = reading.await?;
        figures.events.clone_from(&events.by_action);
        *self.events.lock().unwrap_or_else(PoisonError::into_inner) = events;
        figures.read_at = now.as_second();
        let (firsts, seen) = self.spend.to_come().await?;
        figures.account = seen.map(account);
        figures.next_first = Some(self.spend.next_first().as_second());
        figures.forecast = currency.map_or_else(Vec::new, |currency| forecast(firsts, currency));
        Ok(figures)
    }
}

fn read(
    session: &Session<'_>,
    teams: &Teams,
    currency: Option<Currency>,
    month: Month,
) -> Result<Figures, StoreError> {
    let owned = store::owned::counts(session)?.into_iter().map(|counted| {
        let store::owned::OwnedCount { team, country, message_type, count } = counted;
        // Whose number it is is who pays for it.
        let team = Payer::of_owner(&team)?.to_string();
        Ok((OwnedFigure { team, country, message_type }, u32::try_from(count).unwrap_or(u32::MAX)))
    });
    let owned = owned.collect::<Result<_, StoreError>>()?;
    let oldest = std::iter::successors(Some(month), |month| Some(month.previous())).take(MONTHS).last();
    let oldest = oldest.unwrap_or(month).to_string();
    let of_month = |in_month: store::figures::InMonth| {
        let store::figures::InMonth { team, month, currency, amount } = in_month;
        MonthFigure { team, month, currency, amount }
    };
    let since = |(state, since): (_, jiff::Timestamp)| (state, since.as_second());
    let (charged, refunded) = charged_and_refunded(session)?;
    Ok(Figures {
        purchases: store::purchases::count_by_state(session)?,
        oldest: store::figures::oldest_in_state(session)?.into_iter().map(since).collect(),
        waiting: waiting(session, teams)?,
        registrations: store::figures::registrations_by_state(session)?,
        freezes: freezes(session)?,
        events: BTreeMap::new(),
        owned,
        unassigned: [Origin::Orphan, Origin::Preexisting]
            .into_iter()
            .map(|origin| Ok((origin, store::known_numbers::unassigned(session, origin)?)))
            .collect::<Result<_, StoreError>>()?,
        charged,
        refunded,
        months: store::figures::charged_since(session, &oldest)?.into_iter().map(of_month).collect(),
        forecast: Vec::new(),
        next_first: None,
        recurring: store::ledger::recurring_by_team(session)?.into_iter().map(figure).collect(),
        budgets: match currency {
            Some(currency) => {
                let positions = budgets::positions(session, teams, &month.to_string())?.into_iter();
                positions.map(|position| budget_figure(position, currency)).collect()
            }
            None => Vec::new(),
        },
        account: None,
        notices: notices(session)?,
        read_at: 0,
    })
}

fn figure(total: store::ledger::Total) -> LedgerFigure {
    let store::ledger::Total { team, country, kind, currency, amount } = total;
    LedgerFigure { team, country, kind, currency, amount }
}

/// Charges, and what came back of them.
fn charged_and_refunded(session: &Session<'_>) -> Result<(Vec<LedgerFigure>, Vec<LedgerFigure>), StoreError> {
    let totals = store::figures::charged_and_refunded(session)?.into_iter();
    Ok(totals
        .map(|(charged, back)| {
            let charged = figure(charged);
            let back = LedgerFigure { amount: back, ..charged.clone() };
            (charged, back)
        })
        .unzip())
}

/// Of every team: one where nobody waits is zero and not absent.
fn waiting(session: &Session<'_>, teams: &Teams) -> Result<Vec<(String, i64)>, StoreError> {
    let mut waiting: BTreeMap<String, i64> = teams.teams.keys().map(|team| (team.to_string(), 0)).collect();
    waiting.extend(store::figures::waiting_by_team(session)?);
    Ok(waiting.into_iter().collect())
}

/// Freezes of everything, and of single teams.
fn freezes(session: &Session<'_>) -> Result<(usize, usize), StoreError> {
    let in_force = store::freezes::in_force(session)?;
    let of_all = in_force.iter().filter(|freeze| freeze.scope == Scope::All).count();
    Ok((of_all, in_force.len() - of_all))
}

/// The events until now. Where the database lost some, everything is counted again.
fn counted(session: &Session<'_>, known: Events) -> Result<Events, StoreError> {
    let Head { sequence, .. } = store::audit::head(session)?;
    let mut events = if sequence < known.until { Events::default() } else { known };
    for (action, count) in store::figures::events_after(session, events.until)? {
        *events.by_action.entry(action).or_default() += count;
    }
    events.until = sequence;
    Ok(events)
}

fn forecast(firsts: Vec<First<Payer>>, currency: Currency) -> Vec<MonthFigure> {
    let figures = firsts.into_iter().flat_map(|first| {
        let month = first.month.to_string();
        first.payers.into_iter().map(move |(payer, (_, amount))| MonthFigure {
            team: payer.to_string(),
            month: month.clone(),
            currency: currency.to_string(),
            amount,
        })
    });
    figures.collect()
}

fn account((seen, covered): (SeenAccount, Covered)) -> AccountFigure {
    AccountFigure {
        currency: seen.currency.to_string(),
        balance: seen.balance,
        auto_recharge: seen.auto_recharge,
        firsts_covered: covered.firsts(),
    }
}

/// Of every webhook that is configured or has something left: one without any is zero and not absent.
fn notices(session: &Session<'_>) -> Result<Vec<NoticeFigure>, StoreError> {
    let subscribers = store::notices::subscriptions(session)?.into_keys();
    let mut figures: BTreeMap<String, NoticeFigure> =
        subscribers.map(|webhook| (webhook.clone(), NoticeFigure { webhook, waiting: 0, dead: 0 })).collect();
    for store::notices::Count { subscriber: webhook, waiting, dead } in store::notices::counts(session)? {
        figures.insert(webhook.clone(), NoticeFigure { webhook, waiting, dead });
    }
    Ok(figures.into_values().collect())
}

fn budget_figure(position: budgets::Position, currency: Currency) -> BudgetFigure {
    BudgetFigure {
        team: position.team.map(|team| team.to_string()).unwrap_or_default(),
        currency: currency.to_string(),
        spend_limit: position.budget.spend_per_month,
        spent: position.spent,
        held: [position.held, position.due].into_iter().sum(),
        recurring_limit: position.budget.recurring_per_month,
        recurring: position.recurring,
        recurring_held: position.recurring_held,
    }
}
