//! How a purchase looks: its row for lists, and in full for whoever decides.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::domain::principal::Principal;
use crate::domain::purchase::{MessageType, Purchase, State as PurchaseState};
use crate::domain::quote::Quote;
use crate::http::document::words;
use crate::http::v1::Amount;
use crate::http::v1::approval::{ApprovalView, Asking, NextAction, TermsView};
use crate::http::v1::audit::PersonalView;
use crate::http::v1::budgets::BudgetView;
use crate::service::Code;
use crate::service::evidence::SaidValue;
use crate::service::purchasing::{AllowedAction, Briefing, refusal_for};

/// A purchase.
#[derive(Serialize, ToSchema)]
pub(in crate::http::v1) struct PurchaseView {
    /// A UUID.
    #[schema(format = Uuid)]
    id: String,
    /// E.164.
    #[schema(value_type = words::Number)]
    number: String,
    /// sms, mms or voice.
    #[schema(value_type = words::MessageType)]
    r#type: &'static str,
    /// Where it stands.
    #[schema(value_type = words::PurchaseState)]
    state: &'static str,
    /// Whether nothing more will happen by itself.
    done: bool,
    /// Whether the number was bought.
    bought: bool,
    /// Why it is not bought; null once it is, and when it was withdrawn.
    #[schema(value_type = Option<words::Code>)]
    code: Option<&'static str>,
    /// The same as a sentence.
    explanation: Option<String>,
    /// What happens next.
    next_action: Option<NextAction>,
    /// What the caller may do to it now: approve, reject, withdraw, resolve.
    allowed_actions: Vec<&'static str>,
    /// The team that pays.
    #[schema(value_type = words::Team)]
    team: String,
    /// Who asked: name, or subject.
    requested_by: String,
    /// For whom an application asked.
    on_behalf_of: Option<String>,
    /// The caller's own reference.
    reference: Option<String>,
    /// The live price that was decided on.
    quote: QuoteView,
    /// SHA-256 over everything the decision is about: an approval names it.
    #[schema(value_type = words::Digest)]
    quote_digest: String,
    /// The rule that decided.
    rule: String,
    /// The policy it stood in.
    #[schema(value_type = words::Digest)]
    policy_digest: String,
    /// Who must approve; null where the rule allows it.
    approval: Option<TermsView>,
    /// How many times it was claimed for sending.
    attempts: i64,
    /// RFC 3339.
    #[schema(format = DateTime)]
    created_at: String,
    /// RFC 3339.
    #[schema(format = DateTime)]
    updated_at: String,
}

/// A live price.
#[derive(Serialize, ToSchema)]
pub(in crate::http::v1) struct QuoteView {
    /// Where the number is sold.
    #[schema(value_type = words::Country)]
    country: String,
    /// Once.
    setup: Amount,
    /// Every month.
    monthly: Amount,
    /// Search names no message type, so the price of another than sms is a guess.
    price_basis: Option<&'static str>,
    /// When ClickSend said so, RFC 3339.
    #[schema(format = DateTime)]
    at: String,
}

/// A purchase with everything that deciding needs, and what happened to it.
#[derive(Serialize, ToSchema)]
pub(in crate::http::v1) struct PurchaseInFull {
    #[serde(flatten)]
    purchase: PurchaseView,
    /// The approvals that count.
    approvals: Vec<ApprovalView>,
    /// How many more people are wanted.
    approvals_missing: usize,
    /// The price now, while somebody decides; null where ClickSend does not say.
    live_price: Option<LivePrice>,
    /// The team's budget of this month, as it stands and with this purchase.
    budget: Option<BudgetView>,
    /// The organisation's, for those who see all teams.
    organisation_budget: Option<BudgetView>,
    /// Numbers that the team already has in that country.
    owned_there: OwnedThere,
    /// Every event, oldest first, as it stands in the evidence.
    #[schema(value_type = Vec<Object>)]
    history: Vec<Value>,
    /// What people said about it, for the requester, those who may decide, and those who audit; absent for everybody
    /// else.
    #[serde(skip_serializing_if = "Option::is_none")]
    personal: Option<Vec<PersonalView>>,
}

/// The price now.
#[derive(Serialize, ToSchema)]
pub(in crate::http::v1) struct LivePrice {
    /// Once.
    setup: Amount,
    /// Every month.
    monthly: Amount,
    /// When ClickSend said so, RFC 3339.
    #[schema(format = DateTime)]
    at: String,
    /// Whether it differs from the price that is being decided on.
    changed: bool,
}

/// Numbers that the team already has in that country.
#[derive(Serialize, ToSchema)]
pub(in crate::http::v1) struct OwnedThere {
    /// How many.
    count: usize,
    /// The newest, at most 20.
    numbers: Vec<String>,
}

impl PurchaseView {
    pub(in crate::http::v1) fn of(purchase: &Purchase, principal: &Principal) -> Self {
        Self::with(purchase, AllowedAction::of(principal, purchase, &[]))
    }

    fn with(purchase: &Purchase, allowed: Vec<AllowedAction>) -> Self {
        let refusal = (!purchase.is_bought()).then(|| refusal_for(purchase));
        let requester = &purchase.requester;
        let has_code = purchase.state != PurchaseState::Withdrawn;
        Self {
            id: purchase.id.to_string(),
            number: purchase.number.to_string(),
            r#type: purchase.message_type.as_str(),
            state: purchase.state.as_str(),
            done: purchase.is_done(),
            bought: purchase.is_bought(),
            code: refusal.as_ref().map(|refusal| refusal.code).filter(|_| has_code).map(Code::as_str),
            explanation: refusal.map(|refusal| refusal.message),
            next_action: next_action(purchase),
            allowed_actions: allowed.into_iter().map(AllowedAction::as_str).collect(),
            team: requester.team.to_string(),
            requested_by: requester.name.clone().unwrap_or_else(|| requester.person.subject.clone()),
            on_behalf_of: requester.on_behalf_of.clone(),
            reference: purchase.reference.clone(),
            quote: QuoteView::of(purchase),
            quote_digest: purchase.quote_digest.to_string(),
            rule: purchase.rule.clone(),
            policy_digest: purchase.policy_digest.to_string(),
            approval: purchase.terms.as_ref().map(|terms| {
                let Purchase { round, decide_by, approved_until, .. } = *purchase;
                TermsView::of(terms, &requester.team, &Asking { round, decide_by, approved_until })
            }),
            attempts: purchase.attempts,
            created_at: purchase.created_at.to_string(),
            updated_at: purchase.updated_at.to_string(),
        }
    }
}

impl PurchaseInFull {
    pub(super) fn of(
        purchase: &Purchase,
        briefing: &Briefing,
        events: &[String],
        said: Option<Vec<SaidValue>>,
    ) -> Self {
        let more = purchase.quote.price().total();
        let currency = purchase.quote.currency;
        // What is held or bought is in the budget already.
        let more = if purchase.state.is_active() { crate::domain::money::Money::ZERO } else { more };
        let budget = |position| BudgetView::with(position, currency, more);
        Self {
            purchase: PurchaseView::with(purchase, briefing.allowed.clone()),
            approvals: briefing.approvals.iter().map(ApprovalView::of).collect(),
            approvals_missing: briefing.missing,
            live_price: briefing.live.as_ref().map(|live| LivePrice::of(live, &purchase.quote)),
            budget: briefing.team_budget.as_ref().map(budget),
            organisation_budget: briefing.organisation_budget.as_ref().map(budget),
            owned_there: OwnedThere {
                count: briefing.owned_there_count,
                numbers: briefing.owned_there.clone(),
            },
            history: events.iter().filter_map(|event| serde_json::from_str(event).ok()).collect(),
            personal: said.map(|said| said.into_iter().map(PersonalView::of).collect()),
        }
    }
}

impl QuoteView {
    fn of(purchase: &Purchase) -> Self {
        let quote = &purchase.quote;
        Self {
            country: quote.country.to_string(),
            setup: Amount::new(quote.setup, quote.currency),
            monthly: Amount::new(quote.monthly, quote.currency),
            price_basis: (purchase.message_type != MessageType::Sms).then_some("type not quoted"),
            at: quote.at.to_string(),
        }
    }
}

impl LivePrice {
    fn of(live: &Quote, decided: &Quote) -> Self {
        Self {
            setup: Amount::new(live.setup, live.currency),
            monthly: Amount::new(live.monthly, live.currency),
            at: live.at.to_string(),
            changed: live.price() != decided.price() || live.currency != decided.currency,
        }
    }
}

/// Who acts next. Final states have nobody.
fn next_action(purchase: &Purchase) -> Option<NextAction> {
    let (who, what, until) = match purchase.state {
        PurchaseState::PendingApproval => {
            ("approver", "approves or rejects it; the requester may withdraw it", purchase.decide_by)
        }
        PurchaseState::Approved => {
            ("gateway", "sends it as soon as it can; asking again tries at once", purchase.approved_until)
        }
        PurchaseState::Reserved | PurchaseState::Dispatching => {
            ("gateway", "sends the buy and books the answer", None)
        }
        PurchaseState::Unknown => {
            ("gateway", "looks for the number in ClickSend's list; nothing is sent again", None)
        }
        PurchaseState::NeedsAttention => {
            ("administrator", "finds out at ClickSend whether it was bought, and says so", None)
        }
        PurchaseState::Bought
        | PurchaseState::BoughtLate
        | PurchaseState::Failed
        | PurchaseState::NotBought
        | PurchaseState::Rejected
        | PurchaseState::Withdrawn
        | PurchaseState::Expired
        | PurchaseState::Cancelled => return None,
    };
    Some(NextAction::new(who, what, until))
}
