//! The forecast: what the next twelve 1sts will take for what is owned now, and how far the balance reaches.

use jiff::Timestamp;

use crate::domain::billing::{First, forecast};
use crate::domain::money::{Currency, Money};
use crate::domain::principal::Principal;
use crate::service::refusal::Refusal;
use crate::service::spend::{Covered, Payer, SeenAccount, Spend, may_read};
use crate::store::owned::Unpriced;
use crate::store::{self, StoreError};

/// How many 1sts people look ahead.
pub(super) const FIRSTS: usize = 12;
/// Numbers without a price that are named.
const UNPRICED: i64 = 1_000;

/// A number that renews too, nobody knows for how much.
pub type UnpricedNumber = Unpriced;

/// What is to come.
#[derive(Clone, Debug)]
pub struct Forecast {
    /// The one currency.
    pub currency: Currency,
    /// The next twelve 1sts, soonest first, for the teams that the caller may see.
    pub firsts: Vec<First<Payer>>,
    /// What purchases that are under way, or of which nobody knows, would add to each.
    pub under_way: Money,
    /// Renewals of 1sts that have been, and that are not posted yet.
    pub overdue: Money,
    /// Numbers that no price is known of: they renew too, and nothing is made up for them.
    pub unpriced: Vec<UnpricedNumber>,
    /// The account's money, for who sees all teams; nothing where upstream has not said it yet.
    pub account: Option<(SeenAccount, Covered)>,
}

impl Spend {
    /// The next twelve 1sts of everybody, and the account's money with how far it reaches: for the metrics.
    pub async fn to_come(&self) -> Result<(Vec<First<Payer>>, Option<(SeenAccount, Covered)>), StoreError> {
        let now = self.0.billing.month(self.0.clock.now());
        let fees = self.0.store.read(store::owned::fees).await?;
        let firsts = forecast(now, &fees, FIRSTS);
        let totals: Vec<Money> = firsts.iter().map(First::total).collect();
        let account = self.0.account.get().zip(self.0.billing.currency).map(|(seen, currency)| {
            let covered = seen.covers(currency, &totals);
            (seen, covered)
        });
        Ok((firsts, account))
    }

    /// When the next 1st begins, where upstream's months turn.
    pub fn next_first(&self) -> Timestamp {
        let billing = &self.0.billing;
        billing.month(self.0.clock.now()).next().begins(&billing.zone)
    }

    /// What the next twelve 1sts will take, if nothing is bought and nothing given up until then.
    pub async fn forecast(&self, principal: &Principal) -> Result<Forecast, Refusal> {
        may_read(principal)?;
        let currency = self.currency()?;
        let now = self.0.billing.month(self.0.clock.now());
        let sees_all = principal.sees_all_teams();
        let teams = principal.teams.clone();
        let is_seen = move |payer: &Payer| match payer {
            _ if sees_all => true,
            Payer::Team(team) => teams.contains(team),
            Payer::Suspense => false,
        };
        let teams = principal.teams.clone();
        let reading = self.0.store.read(move |session| {
            let under_way = if sees_all {
                store::ledger::recurring_held(session, None)?
            } else {
                let of_teams = teams.iter().map(|team| store::ledger::recurring_held(session, Some(team)));
                of_teams.collect::<Result<Vec<_>, _>>()?.into_iter().sum()
            };
            Ok((store::owned::fees(session)?, store::owned::unpriced(session, UNPRICED)?, under_way))
        });
        let (mut fees, mut unpriced, under_way) = reading.await?;
        fees.retain(|of| is_seen(&of.payer));
        unpriced.retain(|number| is_seen(&number.payer));
        let firsts = forecast(now, &fees, FIRSTS);
        let overdue = fees.iter().flat_map(|of| of.paid.owed_until(now).into_iter().map(|_| of.fee)).sum();
        let totals: Vec<Money> = firsts.iter().map(First::total).collect();
        let account = self.0.account.get().filter(|_| sees_all).map(|seen| {
            let covered = seen.covers(currency, &totals);
            (seen, covered)
        });
        Ok(Forecast { currency, firsts, under_way, overdue, unpriced, account })
    }
}
