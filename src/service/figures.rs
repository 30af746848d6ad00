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
use crate::metrics::{BudgetFigure, Figures, LedgerFigure, NoticeFigure, OwnedFigure};
use crate::service::budgets;
use crate::service::judging::month_of;
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
}

impl FigureReader {
    /// A reader for the configured teams.
    pub fn new(
        store: Store,
        teams: Arc<Teams>,
        currency: Option<Currency>,
        time_zone: TimeZone,
        clock: Clock,
    ) -> Self {
        Self { store, teams, currency, time_zone, clock }
    }

    /// Whether the store answers at all: the cheapest question there is.
    pub async fn check_store(&self) -> Result<(), StoreError> {
        self.store.read(|session| store::audit::head(session).map(|_| ())).await
    }

    /// All figures of one moment.
    pub async fn read(&self) -> Result<Figures, StoreError> {
        let now = self.clock.now();
        let month = month_of(now, &self.time_zone);
        let (teams, currency) = (Arc::clone(&self.teams), self.currency);
        let mut figures = self.store.read(move |session| read(session, &teams, currency, &month)).await?;
        figures.read_at = now.as_second();
        Ok(figures)
    }
}

fn read(
    session: &Session<'_>,
    teams: &Teams,
    currency: Option<Currency>,
    month: &str,
) -> Result<Figures, StoreError> {
    let owners = store::known_numbers::teams(session)?;
    let mut owned: BTreeMap<OwnedFigure, u32> = BTreeMap::new();
    for row in store::owned::all(session)? {
        let figure = OwnedFigure {
            team: owners.get(&row.dedicated_number).map(ToString::to_string).unwrap_or_default(),
            country: row.country.unwrap_or_default(),
            message_type: row.message_type.unwrap_or_default(),
        };
        *owned.entry(figure).or_default() += 1;
    }
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
        notices: notices(session)?,
        read_at: 0,
    })
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
        held: position.held,
        recurring_limit: position.budget.recurring_per_month,
        recurring: position.recurring,
        recurring_held: position.recurring_held,
    }
}
