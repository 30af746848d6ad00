//! `GET /v1/budgets`: limits, and what is used of them.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::money::{Currency, Money};
use crate::http::state::{Caller, Public};
use crate::http::v1::{Amount, Failure};
use crate::service::budgets::Position;

/// The budgets of this month.
#[derive(Serialize, ToSchema)]
pub(super) struct BudgetList {
    /// Like 2026-11, where the budgets' months turn.
    month: String,
    /// The teams that the caller may see, and the organisation's for those who see all.
    items: Vec<BudgetView>,
}

/// A budget and what is used of it.
#[derive(Serialize, ToSchema)]
pub(super) struct BudgetView {
    /// Null is the organisation.
    team: Option<String>,
    /// What may be spent in the month; null is no limit.
    spend_per_month: Option<Amount>,
    /// Charged in the month.
    spent: Amount,
    /// Held for purchases under way.
    held: Amount,
    /// Renewals of the month's 1st that are not posted yet.
    due: Amount,
    /// What is left; null is no limit. Less than nothing when a late sale broke it.
    left: Option<Amount>,
    /// Charged, held, due, and all that waits for approval or to be sent.
    projected: Amount,
    /// What would be left after the purchase in question; null without one or without a limit.
    left_after: Option<Amount>,
    /// What monthly fees may come to; null is no limit.
    recurring_per_month: Option<Amount>,
    /// Full monthly fees of what is bought.
    recurring: Amount,
    /// Full monthly fees of what is under way.
    recurring_held: Amount,
}

impl BudgetView {
    pub(super) fn of(position: &Position, currency: Currency) -> Self {
        let amount = |amount| Amount::new(amount, currency);
        Self {
            team: position.team.as_ref().map(ToString::to_string),
            spend_per_month: position.budget.spend_per_month.map(amount),
            spent: amount(position.spent),
            held: amount(position.held),
            due: amount(position.due),
            left: position.left().map(amount),
            projected: amount(position.projected()),
            left_after: None,
            recurring_per_month: position.budget.recurring_per_month.map(amount),
            recurring: amount(position.recurring),
            recurring_held: amount(position.recurring_held),
        }
    }

    /// The same beside a purchase of so much.
    pub(super) fn with(position: &Position, currency: Currency, more: Money) -> Self {
        let left_after = position.left().and_then(|left| left.checked_sub(more));
        let left_after = left_after.map(|left| Amount::new(left, currency));
        Self { left_after, ..Self::of(position, currency) }
    }
}

/// Budgets of the caller's teams, or of all with a role that sees all teams.
#[utoipa::path(get, path = "/v1/budgets", tag = "Gateway", operation_id = "list_budgets",
    responses(
        (status = 200, description = "The budgets of this month", body = BudgetList),
    ))]
pub(super) async fn list(State(public): State<Public>, caller: Caller) -> Result<Json<BudgetList>, Failure> {
    let budgets = public.budgets.list(&caller.0).await?;
    let items = match budgets.currency {
        Some(currency) => {
            budgets.positions.iter().map(|position| BudgetView::of(position, currency)).collect()
        }
        None => Vec::new(),
    };
    Ok(Json(BudgetList { month: budgets.month, items }))
}
