//! Everything that deciding needs, in one answer: who approved, what is still wanted, the price now, the budget before
//! and after, and what the team already has in that country.

use std::time::Duration;

use crate::domain::approval::Approval;
use crate::domain::principal::{Principal, Role};
use crate::domain::purchase::{Purchase, State};
use crate::domain::quote::Quote;
use crate::service::budgets::{self, Position};
use crate::service::purchasing::{Inner, Purchasing};
use crate::service::refusal::Refusal;
use crate::store;

/// How long a look at a purchase waits for the live price.
const LIVE_PRICE_WITHIN: Duration = Duration::from_secs(3);
/// Numbers of a team in a country that are named; the count says how many there are.
const NAMED: usize = 20;

/// What somebody who looks at a purchase is told beside its row.
#[derive(Clone, Debug)]
pub struct Briefing {
    /// The approvals that count.
    pub approvals: Vec<Approval>,
    /// How many more people are wanted.
    pub missing: usize,
    /// What the caller may do to it now.
    pub allowed: Vec<AllowedAction>,
    /// The price now, while somebody decides; nothing where upstream does not say.
    pub live: Option<Quote>,
    /// The team's budget as it stands now.
    pub team_budget: Option<Position>,
    /// The organisation's, for those who see all teams.
    pub organisation_budget: Option<Position>,
    /// Numbers that the team already has in that country, some of them named.
    pub owned_there: Vec<String>,
    /// How many those are.
    pub owned_there_count: usize,
}

/// What a caller may do to a purchase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AllowedAction {
    /// `POST …/approve`
    Approve,
    /// `POST …/reject`
    Reject,
    /// `POST …/withdraw`
    Withdraw,
    /// `POST …/resolve`
    Resolve,
}

impl AllowedAction {
    /// What a caller may do to a purchase that these people have approved.
    pub fn of(principal: &Principal, purchase: &Purchase, approvals: &[Approval]) -> Vec<Self> {
        let terms = purchase.terms.as_ref().filter(|_| purchase.state == State::PendingApproval);
        let decides = terms.is_some_and(|terms| terms.admit(&purchase.requester, principal).is_ok());
        let counts_already = approvals.iter().any(|given| given.is_of(principal));
        let is_own = purchase.requester.involves(principal);
        let is_administrator = principal.has(Role::Administrator);
        let is_open = matches!(purchase.state, State::PendingApproval | State::Approved);
        let offered = [
            (Self::Approve, decides && !counts_already),
            (Self::Reject, decides),
            (Self::Withdraw, is_open && (is_own || is_administrator)),
            (
                Self::Resolve,
                purchase.state == State::NeedsAttention
                    && is_administrator
                    && principal.may_approve
                    && !is_own,
            ),
        ];
        offered.into_iter().filter(|(_, offered)| *offered).map(|(action, _)| action).collect()
    }

    /// The last part of its path.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Reject => "reject",
            Self::Withdraw => "withdraw",
            Self::Resolve => "resolve",
        }
    }
}

impl Purchasing {
    /// Everything that deciding about a purchase needs. The caller was shown the purchase already.
    pub async fn brief(&self, principal: &Principal, purchase: &Purchase) -> Result<Briefing, Refusal> {
        let approvals = self.0.approvals_of(purchase).await?;
        let team = &purchase.requester.team;
        let terms = purchase.terms.as_ref();
        let owned = self.0.owned_there(purchase).await?;
        let (team_budget, organisation_budget) = self.0.budgets_for(purchase).await?;
        Ok(Briefing {
            missing: terms.map_or(0, |terms| terms.missing(team, &approvals)),
            allowed: AllowedAction::of(principal, purchase, &approvals),
            live: self.0.live_quote(purchase).await,
            team_budget,
            organisation_budget: organisation_budget.filter(|_| principal.sees_all_teams()),
            owned_there_count: owned.len(),
            owned_there: owned.into_iter().take(NAMED).collect(),
            approvals,
        })
    }
}

impl Inner {
    /// The price now, only while a decision hangs on it.
    async fn live_quote(&self, purchase: &Purchase) -> Option<Quote> {
        if purchase.state != State::PendingApproval {
            return None;
        }
        let key = (purchase.number.clone(), purchase.quote.country);
        if let Some(kept) = self.live_quotes.get(&key) {
            return Some(kept);
        }
        let asking = self.quote(&purchase.number, Some(purchase.quote.country));
        let quote = tokio::time::timeout(LIVE_PRICE_WITHIN, asking).await.ok()?.ok()?;
        self.live_quotes.keep(key, quote.clone());
        Some(quote)
    }

    async fn budgets_for(
        &self,
        purchase: &Purchase,
    ) -> Result<(Option<Position>, Option<Position>), Refusal> {
        let (teams, month) = (self.parts.ground.teams.now(), self.parts.ground.month());
        let team = purchase.requester.team.clone();
        let reading = self.parts.ground.store.read(move |session| {
            let (own, organisation) = budgets::positions_for(session, &teams, &team, &month)?;
            Ok((own, Some(organisation)))
        });
        Ok(reading.await?)
    }

    async fn owned_there(&self, purchase: &Purchase) -> Result<Vec<String>, Refusal> {
        let (team, country) = (purchase.requester.team.clone(), purchase.quote.country);
        let reading =
            self.parts.ground.store.read(move |session| store::purchases::bought_in(session, &team, country));
        Ok(reading.await?)
    }
}
