//! What would happen: the rules and budgets asked about a request that nobody makes.

use crate::domain::canonical::Digest;
use crate::domain::country::Country;
use crate::domain::number::DedicatedNumber;
use crate::domain::policy::{Action, Decision, Price, RuleTrace};
use crate::domain::principal::{Principal, TeamId};
use crate::domain::purchase::MessageType;
use crate::service::budgets::{self, Position, Purses};
use crate::service::judging::{Case, fits};
use crate::service::purchasing::Purchasing;
use crate::service::refusal::{Code, Refusal};

/// A request to try. A number brings its live price; without one the price is given, or left open.
#[derive(Clone, Debug)]
pub struct Trial {
    /// What would be asked for.
    pub action: Action,
    /// Which number.
    pub number: Option<DedicatedNumber>,
    /// The team that would pay, when the token names several.
    pub team: Option<TeamId>,
    /// Where.
    pub country: Option<Country>,
    /// What for.
    pub message_type: Option<MessageType>,
    /// The number type of a registration.
    pub number_type: Option<String>,
    /// The price, when there is no number to ask it for.
    pub price: Option<Price>,
}

/// What would happen.
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// What the rules say, by the budgets that the caller may see.
    pub decision: Decision,
    /// The policy that says so.
    pub policy_digest: Digest,
    /// Every rule's part in it.
    pub traces: Vec<RuleTrace>,
    /// What was asked about, with the live price where a number was named.
    pub case: Case,
    /// The team's budget now; nothing when the team is not configured.
    pub budget: Option<Position>,
    /// Whether the budgets that the caller may see would have room.
    pub fits_budget: bool,
}

impl Purchasing {
    /// Tries a request without making it. A number's live price costs a call upstream, and many tries would feel out a
    /// budget, so each is charged like a write.
    pub async fn evaluate(&self, principal: &Principal, trial: Trial) -> Result<Evaluation, Refusal> {
        if !principal.may_read() {
            return Err(Refusal::new(Code::Forbidden, "the token gives no role here"));
        }
        let ground = self.ground();
        let team = ground.teams.now().paying(principal, trial.team.as_ref())?;
        let mut case = Case {
            action: trial.action,
            team: team.clone(),
            roles: principal.roles.iter().copied().collect(),
            country: trial.country,
            message_type: trial.message_type.or((trial.action == Action::Buy).then_some(MessageType::Sms)),
            number_type: trial.number_type,
            price: trial.price,
        };
        ground.writes.charge(principal).await?;
        if let Some(number) = &trial.number {
            let quote = self.live_quote(number, trial.country).await?;
            case.country = Some(quote.country);
            case.price = Some(quote.price());
        }
        let purses = Purses::seen_by(principal);
        let policy = ground.policy.now();
        let (decision, traces) = ground.explain(&policy, &case, purses).await?;
        let (teams, month, price) = (ground.teams.now(), ground.month(), case.price);
        let read = ground.store.read(move |session| budgets::positions_for(session, &teams, &team, &month));
        let (budget, organisation) = read.await?;
        let has_room = |position: &Position| price.is_none_or(|price| room(position, price));
        let fits_all = purses == Purses::Own || has_room(&organisation);
        let fits_budget = budget.as_ref().is_none_or(has_room) && fits_all;
        Ok(Evaluation { decision, policy_digest: policy.digest(), traces, case, budget, fits_budget })
    }
}

/// Whether a budget would have room for a purchase, this month and every month.
fn room(position: &Position, price: Price) -> bool {
    let recurring = position.recurring.checked_add(position.recurring_held).unwrap_or_default();
    let spend =
        position.budget.spend_per_month.is_none_or(|limit| fits(position.used(), price.total(), limit));
    spend && position.budget.recurring_per_month.is_none_or(|limit| fits(recurring, price.monthly, limit))
}
