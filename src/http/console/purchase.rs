//! One purchase with everything that deciding needs, and the decision.

use std::time::Duration;

use askama::Template;
use axum::body::Body;
use axum::extract::{OriginalUri, State};
use axum::http::{Response, StatusCode};
use axum::response::{IntoResponse as _, Redirect};

use super::bar::BudgetBar;
use super::form::Form;
use super::history::{self, Happening};
use super::page::{self, Failure, Frame, Notice, Place};
use super::purchases::Row;
use super::session::Visitor;
use super::words::{self, When};
use crate::domain::money::Money;
use crate::domain::purchase::{Purchase, PurchaseId, State as PurchaseState};
use crate::domain::quote::Quote;
use crate::http::context::Params;
use crate::http::path::PathParams;
use crate::http::refusal::HttpRefusal;
use crate::http::state::Public;
use crate::http::v1::bounded;
use crate::service::purchasing::{AllowedAction, Briefing, Deciding};
use crate::service::{Code, Refusal};

/// How long an approver waits to see the number bought; most buys take less.
const WAIT: Duration = Duration::from_secs(10);

#[derive(Template)]
#[template(path = "purchase.html", config = "src/http/console/askama.toml")]
struct PurchasePage {
    frame: Frame,
    form_token: String,
    notice: Option<Notice>,
    purchase: Row,
    message_type: &'static str,
    reference: Option<String>,
    max_price: Option<String>,
    reason: Option<String>,
    first: String,
    live: Option<Live>,
    quoted_at: When,
    quote_digest: String,
    /// What an approver says with the decision they see, to be compared if it is stale.
    seen_price: String,
    approvers: Option<String>,
    approved_by: Vec<(String, When)>,
    missing: usize,
    rule: String,
    may: Allowed,
    comment: String,
    budgets: Vec<BudgetBar>,
    owned_there: Vec<String>,
    owned_more: usize,
    history: Vec<Happening>,
}

/// The price now.
struct Live {
    is_changed: bool,
    setup: String,
    monthly: String,
}

#[expect(clippy::struct_excessive_bools, reason = "each is one button of the page")]
struct Allowed {
    approve: bool,
    reject: bool,
    withdraw: bool,
    resolve: bool,
}

impl Allowed {
    fn of(actions: &[AllowedAction]) -> Self {
        let may = |action| actions.contains(&action);
        Self {
            approve: may(AllowedAction::Approve),
            reject: may(AllowedAction::Reject),
            withdraw: may(AllowedAction::Withdraw),
            resolve: may(AllowedAction::Resolve),
        }
    }
}

impl PurchasePage {
    async fn read(public: &Public, visitor: &Visitor, id: PurchaseId) -> Result<Self, Refusal> {
        let principal = &visitor.principal;
        let purchase = public.purchasing.show(principal, id).await?;
        let events = public.purchasing.history(principal, id).await?;
        let briefing = public.purchasing.brief(principal, &purchase).await?;
        let said = public.evidence.personal_of_purchase(principal, &purchase).await?;
        let zone = &public.settings.time_zone;
        let (quote, requester) = (&purchase.quote, &purchase.requester);
        let money = |amount| words::money(amount, quote.currency);
        let seen_price = format!("{} once and {} a month", money(quote.setup), money(quote.monthly));
        let approvals = briefing.approvals.iter().map(|approval| {
            let by = approval.name.clone().unwrap_or_else(|| approval.person.subject.clone());
            (by, When::new(approval.at, zone))
        });
        Ok(Self {
            frame: Frame::new(visitor, purchase.number.to_string(), Place::Elsewhere),
            form_token: visitor.form_token.clone(),
            notice: None,
            message_type: purchase.message_type.as_str(),
            reference: purchase.reference.clone(),
            max_price: purchase.max_price.map(money),
            reason: history::reason(said.as_deref()),
            first: money(quote.price().total()),
            live: briefing.live.as_ref().map(|live| Live::of(live, quote)),
            quoted_at: When::new(quote.at, zone),
            quote_digest: purchase.quote_digest.to_string(),
            seen_price,
            approvers: purchase.terms.as_ref().map(|terms| words::approvers(terms, &requester.team)),
            approved_by: approvals.collect(),
            missing: briefing.missing,
            rule: purchase.rule.clone(),
            may: Allowed::of(&briefing.allowed),
            comment: String::new(),
            budgets: budgets(public, &purchase, &briefing),
            owned_more: briefing.owned_there_count - briefing.owned_there.len(),
            owned_there: briefing.owned_there,
            history: history::read(&events, said.as_deref(), zone),
            purchase: Row::of(&purchase, public),
        })
    }
}

impl Live {
    fn of(live: &Quote, decided: &Quote) -> Self {
        Self {
            is_changed: live.price() != decided.price() || live.currency != decided.currency,
            setup: words::money(live.setup, live.currency),
            monthly: words::money(live.monthly, live.currency),
        }
    }
}

fn budgets(public: &Public, purchase: &Purchase, briefing: &Briefing) -> Vec<BudgetBar> {
    // What is held, bought or over is in the budget, or never will be.
    let is_open = matches!(purchase.state, PurchaseState::PendingApproval | PurchaseState::Approved);
    let more = if is_open { purchase.quote.price().total() } else { Money::ZERO };
    let own = briefing.team_budget.iter().map(|position| {
        let name = words::team(&purchase.requester.team, &public.teams.now());
        BudgetBar::new(position, name, purchase.quote.currency, more)
    });
    let everybodys = briefing.organisation_budget.iter().map(|position| {
        BudgetBar::new(position, "Whole organisation".to_owned(), purchase.quote.currency, more)
    });
    own.chain(everybodys).collect()
}

/// The page.
pub(super) async fn show(
    State(public): State<Public>,
    visitor: Visitor,
    PathParams(id): PathParams<String>,
    OriginalUri(uri): OriginalUri,
) -> Result<Response<Body>, Failure> {
    let mut page = PurchasePage::read(&public, &visitor, purchase_id(&id)?).await?;
    page.notice = Params::of(&uri)?.find("note").and_then(done);
    Ok(page::html(StatusCode::OK, &page))
}

/// What was just done, for the page that a form leads to.
fn done(note: &str) -> Option<Notice> {
    let (title, text) = match note {
        "requested" => ("Request made", "The page shows where it stands and who acts next."),
        "approved" => ("Approval counted", "The page shows what became of it."),
        "rejected" => ("Rejected", "Whoever asked sees your decision, and your comment if you left one."),
        "withdrawn" => ("Withdrawn", "Nothing was bought."),
        _ => return None,
    };
    Some(Notice::done(title, text))
}

/// Approves for the price that the page showed.
pub(super) async fn approve(
    State(public): State<Public>,
    visitor: Visitor,
    PathParams(id): PathParams<String>,
    form: Form,
) -> Result<Response<Body>, Failure> {
    let deciding = deciding(&id, &form)?;
    let decided = public.purchasing.approve(&visitor.principal, deciding.clone(), WAIT).await;
    answer(&public, &visitor, deciding.id, decided, &form, "approved").await
}

/// Says no, for everybody.
pub(super) async fn reject(
    State(public): State<Public>,
    visitor: Visitor,
    PathParams(id): PathParams<String>,
    form: Form,
) -> Result<Response<Body>, Failure> {
    let deciding = deciding(&id, &form)?;
    let decided = public.purchasing.reject(&visitor.principal, deciding.clone()).await;
    answer(&public, &visitor, deciding.id, decided, &form, "rejected").await
}

/// Takes a request back.
pub(super) async fn withdraw(
    State(public): State<Public>,
    visitor: Visitor,
    PathParams(id): PathParams<String>,
    form: Form,
) -> Result<Response<Body>, Failure> {
    let deciding = deciding(&id, &form)?;
    let decided = public.purchasing.withdraw(&visitor.principal, deciding.clone()).await;
    answer(&public, &visitor, deciding.id, decided, &form, "withdrawn").await
}

fn purchase_id(text: &str) -> Result<PurchaseId, Refusal> {
    text.parse().map_err(|_| Refusal::new(Code::NotFound, "there is no such purchase"))
}

fn deciding(id: &str, form: &Form) -> Result<Deciding, Refusal> {
    let quote_digest = form.find("quote_digest").map(str::parse).transpose();
    Ok(Deciding {
        id: purchase_id(id)?,
        quote_digest: quote_digest
            .map_err(|_| Refusal::field("quote_digest", "is 64 hexadecimal digits."))?,
        comment: bounded("comment", form.text("comment"), 500)?,
    })
}

/// On to the page as it stands now; after a refusal the same page says why, keeps what was typed and asks again.
async fn answer(
    public: &Public,
    visitor: &Visitor,
    id: PurchaseId,
    decided: Result<Purchase, Refusal>,
    form: &Form,
    note: &str,
) -> Result<Response<Body>, Failure> {
    let refusal: HttpRefusal = match decided {
        Ok(_) => return Ok(Redirect::to(&format!("/console/purchases/{id}?note={note}")).into_response()),
        Err(refusal) if refusal.code == Code::NotFound => return Err(refusal.into()),
        Err(refusal) => refusal.into(),
    };
    let mut page = PurchasePage::read(public, visitor, id).await?;
    let mut notice = Notice::refused(&refusal);
    if let Some(seen) = form.find("seen_price").filter(|seen| *seen != page.seen_price) {
        notice.text = format!("{} You saw {seen}; now it is {}.", notice.text, page.seen_price);
    }
    page.notice = Some(notice);
    page.comment = form.text("comment").unwrap_or_default();
    Ok(page::html(refusal.code.status(), &page))
}
