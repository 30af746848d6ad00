//! Spend: what was charged, what the next 1sts will take, and what an administrator puts right.
//!
//! Everybody sees their own teams'; who sees all teams sees suspense too, which is what nobody's numbers cost.

mod adjusting;
mod balance;
mod forecasting;

use std::sync::Arc;

use crate::domain::billing::Month;
use crate::domain::money::{Currency, Money};
use crate::domain::principal::Principal;
use crate::service::ground::Ground;
use crate::service::refusal::{Code, Refusal};
use crate::store;
use crate::store::spend::Question;

pub use crate::domain::billing::First;
pub use crate::store::adjustments::Adjustment;
pub use crate::store::ledger::{Kind, Payer};
pub use crate::store::spend::{Dimension, DimensionError, Sum};
pub use adjusting::{Adjusted, NewAdjustment};
pub(in crate::service) use balance::keep as keep_account;
pub use balance::{Covered, LastAccount, SeenAccount};
pub use forecasting::{Forecast, UnpricedNumber};

/// How many months back is looked where nobody says, the one that runs among them.
const MONTHS: usize = 12;

/// What is asked for.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// The first month; eleven before the last where nobody says.
    pub from: Option<Month>,
    /// The last month; the one that runs where nobody says.
    pub to: Option<Month>,
    /// How it is cut.
    pub group_by: Vec<Dimension>,
    /// How many sums are left out.
    pub offset: u32,
    /// At most so many.
    pub limit: u32,
}

/// Sums of the ledger.
#[derive(Clone, Debug)]
pub struct Spent {
    /// The first month.
    pub from: Month,
    /// The last month.
    pub to: Month,
    /// In the order of what they are of.
    pub sums: Vec<Sum>,
    /// Whether there are more.
    pub has_more: bool,
    /// All of it, whatever page this is.
    pub total: Money,
}

/// Tells people about spend. Cheap to clone.
#[derive(Clone)]
pub struct Spend(Arc<Ground>);

impl Spend {
    /// A service over this ground.
    pub fn new(ground: Ground) -> Self {
        Self(Arc::new(ground))
    }

    /// The one currency that everything is in.
    pub fn currency(&self) -> Result<Currency, Refusal> {
        let message = "no budget currency is configured, so nothing is charged here";
        self.0.billing.currency.ok_or_else(|| Refusal::new(Code::CurrencyMismatch, message))
    }

    /// What was charged, from the ledger.
    pub async fn spent(&self, principal: &Principal, asked: Asked) -> Result<Spent, Refusal> {
        may_read(principal)?;
        let to = asked.to.unwrap_or_else(|| self.month());
        let back = std::iter::successors(Some(to), |month| Some(month.previous()));
        let from = asked.from.or_else(|| back.take(MONTHS).last()).unwrap_or(to);
        if from > to {
            return Err(Refusal::field("from", "must not be after to."));
        }
        let teams = (!principal.sees_all_teams()).then(|| principal.teams.clone());
        let question = Question { from, to, teams, group_by: asked.group_by };
        let (offset, limit) = (i64::from(asked.offset), i64::from(asked.limit));
        let reading = self.0.store.read(move |session| {
            let sums = store::spend::sums(session, &question, offset, limit + 1)?;
            let whole = Question { group_by: Vec::new(), ..question };
            let total = store::spend::sums(session, &whole, 0, 1)?.into_iter().map(|sum| sum.amount).sum();
            Ok((sums, total))
        });
        let (mut sums, total) = reading.await?;
        let most = usize::try_from(asked.limit).unwrap_or(usize::MAX);
        let has_more = sums.len() > most;
        sums.truncate(most);
        Ok(Spent { from, to, sums, has_more, total })
    }

    /// The month that budgets count now.
    fn month(&self) -> Month {
        Month::of(self.0.clock.now(), &self.0.time_zone)
    }
}

fn may_read(principal: &Principal) -> Result<(), Refusal> {
    if principal.may_read() {
        return Ok(());
    }
    Err(Refusal::new(Code::Forbidden, "the token gives no role here"))
}
