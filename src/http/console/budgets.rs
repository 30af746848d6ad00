//! Budgets of this month as bars, and what the last twelve months cost as a line.

use askama::Template;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Response, StatusCode};

use super::bar::BudgetBar;
use super::line::Line;
use super::page::{self, Failure, Frame, Place};
use super::session::Visitor;
use super::words;
use crate::domain::money::Money;
use crate::http::state::Public;

#[derive(Template)]
#[template(path = "budgets.html", config = "src/http/console/askama.toml")]
struct BudgetsPage {
    frame: Frame,
    month: String,
    budgets: Vec<BudgetBar>,
    line: Option<Line>,
}

/// The page.
pub(super) async fn show(State(public): State<Public>, visitor: Visitor) -> Result<Response<Body>, Failure> {
    let budgets = public.budgets.list(&visitor.principal).await?;
    let months = public.budgets.months(&visitor.principal).await?;
    let bars = budgets.currency.into_iter().flat_map(|currency| {
        let public = &public;
        budgets.positions.iter().map(move |position| {
            let team = position.team.as_ref();
            let name =
                team.map_or_else(|| "Whole organisation".to_owned(), |team| words::team(team, &public.teams));
            BudgetBar::new(position, name, currency, Money::ZERO)
        })
    });
    let page = BudgetsPage {
        frame: Frame::new(&visitor, "Budgets", Place::Budgets),
        month: words::month(&budgets.month),
        budgets: bars.collect(),
        line: budgets.currency.and_then(|currency| Line::new(&months, currency)),
    };
    Ok(page::html(StatusCode::OK, &page))
}
