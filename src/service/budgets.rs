//! What the budgets have, and what is used of them: one reading for people, rules and metrics.

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use std::collections::BTreeMap;

use crate::domain::money::{Currency, Money};
use crate::domain::policy::BudgetLeft;
use crate::domain::principal::{Principal, TeamId};
use crate::service::ground::Ground;
use crate::service::refusal::{Code, Refusal};
use crate::service::teams::{Budget, Teams};
use crate::store::ledger::Payer;
use crate::store::{self, Session, StoreError};

/// A budget and what is used of it: of a team, or of the organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// Whose; nothing is the organisation.
    pub team: Option<TeamId>,
    /// The limits.
    pub budget: Budget,
    /// Charged in the month.
    pub spent: Money,
    /// Held in the month by purchases under way.
    pub held: Money,
    /// Renewals that the month's 1st took or takes, and that are not posted yet.
    pub due: Money,
    /// What the purchases that wait would take, setup and a month each.
    pub waiting: Money,
    /// Full monthly fees of what is bought.
    pub recurring: Money,
    /// Full monthly fees of what may be bought: under way, or unknown.
    pub recurring_held: Money,
}

impl Position {
    /// Charged, held and due.
    pub fn used(&self) -> Money {
        [self.spent, self.held, self.due].into_iter().sum()
    }

    /// What is left of the month; nothing where there is no limit, less than nothing where a late sale broke it.
    pub fn left(&self) -> Option<Money> {
        self.budget.spend_per_month.and_then(|limit| limit.checked_sub(self.used()))
    }

    /// Charged, held, due and waiting: what the month comes to if everything that waits is bought.
    pub fn projected(&self) -> Money {
        self.used().checked_add(self.waiting).unwrap_or(Money::from_micros(i64::MAX))
    }
}

/// The budgets of a month, as somebody may see them.
#[derive(Clone, Debug)]
pub struct Budgets {
    /// `2026-11`, where the budgets' months turn.
    pub month: String,
    /// The one currency; nothing is bought without.
    pub currency: Option<Currency>,
    /// The teams', and the organisation's at the end for those who see all.
    pub positions: Vec<Position>,
}

/// What a month cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MonthSpend {
    /// `2026-11`
    pub month: String,
    /// Charged in it.
    pub spent: Money,
}

/// How many months back people look, the one that runs among them.
const MONTHS: u8 = 12;

/// Tells people about budgets. Cheap to clone.
#[derive(Clone)]
pub struct BudgetReader {
    ground: Ground,
    currency: Option<Currency>,
}

impl BudgetReader {
    /// A reader of budgets in this currency.
    pub const fn new(ground: Ground, currency: Option<Currency>) -> Self {
        Self { ground, currency }
    }

    /// The one currency of all budgets.
    pub const fn currency(&self) -> Option<Currency> {
        self.currency
    }

    /// The budgets that somebody may see: their teams', or all.
    pub async fn list(&self, principal: &Principal) -> Result<Budgets, Refusal> {
        if !principal.may_read() {
            return Err(Refusal::new(Code::Forbidden, "the token gives no role here"));
        }
        let (teams, month) = (self.ground.teams.now(), self.ground.month());
        let of = month.clone();
        let mut positions = self.ground.store.read(move |session| positions(session, &teams, &of)).await?;
        positions.retain(|position| match &position.team {
            Some(team) => principal.sees_team(team),
            None => principal.sees_all_teams(),
        });
        Ok(Budgets { month, currency: self.currency, positions })
    }

    /// What the last twelve months cost, oldest first: the caller's teams together, or everybody for those who see all.
    pub async fn months(&self, principal: &Principal) -> Result<Vec<MonthSpend>, Refusal> {
        if !principal.may_read() {
            return Err(Refusal::new(Code::Forbidden, "the token gives no role here"));
        }
        let months = last_months(self.ground.clock.now(), &self.ground.time_zone);
        let oldest = months.first().cloned().unwrap_or_default();
        let teams = (!principal.sees_all_teams()).then(|| principal.teams.clone());
        let reading = self
            .ground
            .store
            .read(move |session| store::ledger::charged_by_month(session, &oldest, teams.as_deref()));
        let charged = reading.await?;
        let spend = months.into_iter().map(|month| {
            let of_month = charged.iter().filter(|(of, _)| *of == month).map(|(_, amount)| *amount);
            MonthSpend { spent: of_month.sum(), month }
        });
        Ok(spend.collect())
    }
}

/// The month of a moment and those before it, oldest first.
fn last_months(now: Timestamp, zone: &TimeZone) -> Vec<String> {
    let this = now.to_zoned_datetime(zone.clone()).date().first_of_month();
    let back = |months: u8| this.saturating_sub(i32::from(months).months());
    (0..MONTHS).rev().map(|months| back(months).strftime("%Y-%m").to_string()).collect()
}

/// What a month comes to, by who pays: each table is read once, however many budgets there are.
pub struct Sums(BTreeMap<Payer, Sum>);

#[derive(Clone, Copy, Default)]
struct Sum {
    spent: Money,
    held: Money,
    due: Money,
    waiting: Money,
    recurring: Money,
    recurring_held: Money,
}

impl Sums {
    /// Adds everything up.
    pub fn of(session: &Session<'_>, month: &str) -> Result<Self, StoreError> {
        let mut sums: BTreeMap<Payer, Sum> = BTreeMap::new();
        let mut add = |payer, more: Sum| {
            let sum = sums.entry(payer).or_default();
            *sum = sum.plus(more);
        };
        for (payer, spent, held) in store::ledger::charged_and_held(session, month)? {
            add(payer, Sum { spent, held, ..Sum::default() });
        }
        for (payer, waiting) in store::ledger::waiting(session)? {
            add(payer, Sum { waiting, ..Sum::default() });
        }
        for (payer, recurring_held) in store::ledger::recurring_held_by_payer(session)? {
            add(payer, Sum { recurring_held, ..Sum::default() });
        }
        for fees in store::owned::fees(session)? {
            let is_due = fees.paid.to_string().as_str() < month;
            let due = if is_due { fees.fee } else { Money::ZERO };
            add(fees.payer, Sum { recurring: fees.fee, due, ..Sum::default() });
        }
        Ok(Self(sums))
    }

    /// How one budget stands: a team's, or the organisation's, which is everybody's and what nobody pays yet.
    pub fn position(&self, team: Option<&TeamId>, budget: Budget) -> Position {
        let sum = match team {
            Some(team) => self.0.get(&Payer::Team(team.clone())).copied().unwrap_or_default(),
            None => self.0.values().copied().fold(Sum::default(), Sum::plus),
        };
        let Sum { spent, held, due, waiting, recurring, recurring_held } = sum;
        Position { team: team.cloned(), budget, spent, held, due, waiting, recurring, recurring_held }
    }
}

impl Sum {
    fn plus(self, more: Self) -> Self {
        let plus = |one: Money, other: Money| [one, other].into_iter().sum();
        Self {
            spent: plus(self.spent, more.spent),
            held: plus(self.held, more.held),
            due: plus(self.due, more.due),
            waiting: plus(self.waiting, more.waiting),
            recurring: plus(self.recurring, more.recurring),
            recurring_held: plus(self.recurring_held, more.recurring_held),
        }
    }
}

/// Every configured team's, and the organisation's at the end.
pub fn positions(session: &Session<'_>, teams: &Teams, month: &str) -> Result<Vec<Position>, StoreError> {
    let sums = Sums::of(session, month)?;
    let of_teams = teams.teams.iter().map(|(id, team)| sums.position(Some(id), team.budget));
    Ok(of_teams.chain([sums.position(None, teams.organisation)]).collect())
}

/// A team's, where it is configured, and the organisation's.
pub fn positions_for(
    session: &Session<'_>,
    teams: &Teams,
    team: &TeamId,
    month: &str,
) -> Result<(Option<Position>, Position), StoreError> {
    let sums = Sums::of(session, month)?;
    let own = teams.find(team).map(|configured| sums.position(Some(team), configured.budget));
    Ok((own, sums.position(None, teams.organisation)))
}

/// Whose budgets are asked what they have left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purses {
    /// The team's own.
    Own,
    /// The team's and the organisation's.
    All,
}

impl Purses {
    /// Those that somebody may see: what all teams have left would tell one what the others have used.
    pub fn seen_by(principal: &Principal) -> Self {
        if principal.sees_all_teams() { Self::All } else { Self::Own }
    }
}

/// What a team has left of the month: the least of these budgets.
pub(super) fn left(
    session: &Session<'_>,
    teams: &Teams,
    team: &TeamId,
    purses: Purses,
    month: &str,
) -> Result<BudgetLeft, StoreError> {
    let own = teams.find(team).map(|configured| configured.budget).unwrap_or_default();
    let organisation = (purses == Purses::All).then_some((teams.organisation, None));
    let mut least = BudgetLeft::Unlimited;
    for (budget, of) in [(own, Some(team))].into_iter().chain(organisation) {
        let Some(limit) = budget.spend_per_month else { continue };
        let used = store::ledger::used_in(session, month, of)?;
        let left = limit.checked_sub(used).unwrap_or(Money::from_micros(i64::MIN));
        least = match least {
            BudgetLeft::Unlimited => BudgetLeft::Amount(left),
            BudgetLeft::Amount(other) => BudgetLeft::Amount(other.min(left)),
        };
    }
    Ok(least)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]

    use jiff::tz::TimeZone;

    use super::last_months;

    #[test]
    fn twelve_months_end_with_the_one_that_runs() {
        let ends = |zone: &TimeZone| {
            let months = last_months("2026-03-31T23:30:00Z".parse().unwrap(), zone);
            (months.len(), months.first().unwrap().clone(), months.last().unwrap().clone())
        };
        assert_eq!(ends(&TimeZone::UTC), (12, "2025-04".to_owned(), "2026-03".to_owned()));
        let sydney = TimeZone::get("Australia/Sydney").unwrap();
        assert_eq!(ends(&sydney), (12, "2025-05".to_owned(), "2026-04".to_owned()));
    }
}
