//! Budgets of this month as bars, what the last twelve months cost as a line, and what the next 1sts will take.

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
use crate::service::spend::{Covered, First, Forecast, Payer};

#[derive(Template)]
#[template(path = "budgets.html", config = "src/http/console/askama.toml")]
struct BudgetsPage {
    frame: Frame,
    month: String,
    budgets: Vec<BudgetBar>,
    line: Option<Line>,
    ahead: Option<Ahead>,
}

/// What is to come, in words.
struct Ahead {
    next: String,
    day: String,
    total: String,
    firsts: Vec<(String, String)>,
    unpriced: usize,
    balance: Option<String>,
}

impl Ahead {
    /// Nothing where nothing renews.
    fn of(forecast: &Forecast) -> Option<Self> {
        let currency = forecast.currency;
        let next = forecast.firsts.first()?;
        let total: Money = forecast.firsts.iter().map(First::total).sum();
        if total == Money::ZERO && forecast.unpriced.is_empty() {
            return None;
        }
        let balance = forecast.account.as_ref().and_then(|(seen, covered)| {
            let reach = match covered {
                Covered::Firsts(0) => "which does not pay the next 1st".to_owned(),
                Covered::Firsts(1) => "which pays the next 1st".to_owned(),
                Covered::Firsts(firsts) => format!("which pays the next {firsts} 1sts"),
                Covered::AtLeast(_) => "which pays all of them".to_owned(),
                Covered::OtherMoney => return None,
            };
            let recharge = if seen.auto_recharge == Some(true) { ", and auto-recharge is on" } else { "" };
            Some(format!("the balance is {}, {reach}{recharge}", words::money(seen.balance, seen.currency)))
        });
        let name = |first: &First<Payer>| words::month(&first.month.to_string());
        Some(Self {
            next: words::money(next.total(), currency),
            day: next.month.first_day().strftime("%-d %B %Y").to_string(),
            total: words::money(total, currency),
            firsts: forecast
                .firsts
                .iter()
                .map(|first| (name(first), words::money(first.total(), currency)))
                .collect(),
            unpriced: forecast.unpriced.len(),
            balance,
        })
    }
}

/// The page.
pub(super) async fn show(State(public): State<Public>, visitor: Visitor) -> Result<Response<Body>, Failure> {
    let budgets = public.budgets.list(&visitor.principal).await?;
    let months = public.budgets.months(&visitor.principal).await?;
    // Without a currency nothing is bought and nothing renews.
    let ahead = match budgets.currency {
        Some(_) => Ahead::of(&public.spend.forecast(&visitor.principal).await?),
        None => None,
    };
    let bars = budgets.currency.into_iter().flat_map(|currency| {
        let public = &public;
        budgets.positions.iter().map(move |position| {
            let team = position.team.as_ref();
            let name = team.map_or_else(
                || "Whole organisation".to_owned(),
                |team| words::team(team, &public.teams.now()),
            );
            BudgetBar::new(position, name, currency, Money::ZERO)
        })
    });
    let page = BudgetsPage {
        frame: Frame::new(&visitor, "Budgets", Place::Budgets),
        month: words::month(&budgets.month),
        budgets: bars.collect(),
        line: budgets.currency.and_then(|currency| Line::new(&months, currency)),
        ahead,
    };
    Ok(page::html(StatusCode::OK, &page))
}
