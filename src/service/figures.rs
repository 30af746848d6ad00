//! The figures that metrics show: read from the store at each look, never counted beside it.
//!
//! A number that a counter keeps goes wrong with every restart and every replica; one that is read from the
//! ledger is right or absent.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::clock::Clock;
use crate::domain::money::Currency;
use crate::domain::owned::Origin;
use crate::metrics::{
    AccountFigure, BudgetFigure, DatabaseFigure, Figures, LedgerFigure, NoticeFigure, OwnedFigure,
};
use crate::service::budgets;
use crate::service::judging::month_of;
use crate::service::spend::{Covered, SeenAccount, Spend};
use crate::service::teams::Teams;
use crate::store::{self, Session, Store, StoreError};

/// Reads them.
#[derive(Clone)]
pub struct FigureReader {
    store: Store,
    teams: Arc<Teams>,
    currency: Option<Currency>,
    time_zone: TimeZone,
    clock: Clock,
    spend: Spend,
}

impl FigureReader {
    /// A reader for the configured teams.
    pub fn new(
        store: Store,
        teams: Arc<Teams>,
        currency: Option<Currency>,
        time_zone: TimeZone,
        clock: Clock,
        spend: Spend,
    ) -> Self {
        Self { store, teams, currency, time_zone, clock, spend }
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
        let month = month_of(now, &self.time_zone);
        let (teams, currency) = (Arc::clone(&self.teams), self.currency);
        let mut figures = self.store.read(move |session| read(session, &teams, currency, &month)).await?;
        figures.read_at = now.as_second();
        figures.account = self.spend.account().await?.map(account);
        Ok(figures)
    }
}

fn read(
    session: &Session<'_>,
    teams: &Teams,
    currency: Option<Currency>,
    month: &str,
) -> Result<Figures, StoreError> {
    let owned = store::owned::counts(session)?.into_iter().map(|counted| {
        let store::owned::OwnedCount { team, country, message_type, count } = counted;
        (OwnedFigure { team, country, message_type }, u32::try_from(count).unwrap_or(u32::MAX))
    });
    let owned = owned.collect();
    let figure = |total: store::ledger::Total| LedgerFigure {
        team: total.team,
        country: total.country,
        kind: total.kind,
        currency: total.currency,
        amount: total.amount,
    };
    Ok(Figures {
        purchases: store::purchases::count_by_state(session)?,
        owned,
        unassigned: [Origin::Orphan, Origin::Preexisting]
            .into_iter()
            .map(|origin| Ok((origin, store::known_numbers::unassigned(session, origin)?)))
            .collect::<Result<_, StoreError>>()?,
        charged: store::ledger::charged(session)?.into_iter().map(figure).collect(),
        recurring: store::ledger::recurring_by_team(session)?.into_iter().map(figure).collect(),
        budgets: match currency {
            Some(currency) => {
                let positions = budgets::positions(session, teams, month)?.into_iter();
                positions.map(|position| budget_figure(position, currency)).collect()
            }
            None => Vec::new(),
        },
        account: None,
        notices: notices(session)?,
        read_at: 0,
    })
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
