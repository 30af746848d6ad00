//! `/v1/spend/forecast`: what the next twelve 1sts will take, and how far the balance reaches.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::money::Currency;
use crate::http::csv::{Cell, Table};
use crate::http::state::{Caller, Public};
use crate::http::v1::{Amount, Failure};
use crate::service::spend::{Covered, First, Forecast, Payer, SeenAccount};

/// What is to come, if nothing is bought and nothing given up.
#[derive(Serialize, ToSchema)]
pub(in crate::http::v1) struct ForecastView {
    /// The next twelve 1sts, soonest first.
    items: Vec<FirstView>,
    /// What purchases that are under way, or of which nobody knows, would add to each.
    under_way: Amount,
    /// Renewals of 1sts that have been, and that are not posted yet.
    overdue: Amount,
    /// Numbers that no price is known of, at most 1,000: they renew too, and nothing is made up for them.
    unpriced: Vec<UnpricedView>,
    /// The account's money, for roles that see all teams; null where ClickSend has not said it yet.
    account: Option<AccountView>,
}

/// One 1st.
#[derive(Serialize, ToSchema)]
pub(super) struct FirstView {
    /// Of this month, where ClickSend's months turn.
    month: String,
    /// The day.
    date: String,
    /// What it takes.
    total: Amount,
    /// From whom.
    teams: Vec<PayerView>,
}

/// A team's part.
#[derive(Serialize, ToSchema)]
pub(super) struct PayerView {
    /// A team, or `(suspense)` for numbers that no team has.
    team: String,
    /// How many rows of ClickSend's list renew.
    rows: i64,
    /// For how much.
    amount: Amount,
}

/// A number without a price.
#[derive(Serialize, ToSchema)]
pub(super) struct UnpricedView {
    /// As ClickSend writes it.
    number: String,
    /// Who will pay.
    team: String,
}

/// The account's money. Messages draw on the same balance.
#[derive(Serialize, ToSchema)]
pub(super) struct AccountView {
    /// As ClickSend said it last.
    balance: Amount,
    /// Whether a card is charged when the balance is low; a purchase switches it on.
    auto_recharge: Option<bool>,
    /// When ClickSend said so, RFC 3339.
    as_of: String,
    /// How many of the next twelve 1sts the balance pays; null where it is in other money.
    firsts_covered: Option<usize>,
}

impl FirstView {
    fn of(first: &First<Payer>, currency: Currency) -> Self {
        let teams = first.payers.iter().map(|(payer, (rows, amount))| PayerView {
            team: payer.to_string(),
            rows: *rows,
            amount: Amount::new(*amount, currency),
        });
        Self {
            month: first.month.to_string(),
            date: first.month.first_day().to_string(),
            total: Amount::new(first.total(), currency),
            teams: teams.collect(),
        }
    }
}

impl AccountView {
    fn of((seen, covered): (SeenAccount, Covered)) -> Self {
        Self {
            balance: Amount::new(seen.balance, seen.currency),
            auto_recharge: seen.auto_recharge,
            as_of: seen.at.to_string(),
            firsts_covered: covered.firsts(),
        }
    }
}

impl From<Forecast> for ForecastView {
    fn from(forecast: Forecast) -> Self {
        let currency = forecast.currency;
        let unpriced = forecast.unpriced.into_iter();
        Self {
            items: forecast.firsts.iter().map(|first| FirstView::of(first, currency)).collect(),
            under_way: Amount::new(forecast.under_way, currency),
            overdue: Amount::new(forecast.overdue, currency),
            unpriced: unpriced
                .map(|number| UnpricedView { number: number.number, team: number.payer.to_string() })
                .collect(),
            account: forecast.account.map(AccountView::of),
        }
    }
}

/// What the next twelve 1sts will take for what is owned now, by team. Of the caller's teams, or of all with a role that
/// sees all teams.
#[utoipa::path(get, path = "/v1/spend/forecast", tag = "Gateway", operation_id = "forecast_spend",
    responses(
        (status = 200, description = "The forecast", body = ForecastView),
    ))]
pub(in crate::http::v1) async fn show(
    State(public): State<Public>,
    caller: Caller,
) -> Result<Json<ForecastView>, Failure> {
    Ok(Json(public.spend.forecast(&caller.0).await?.into()))
}

/// The same as a table for spreadsheets: a line for each 1st and team.
#[utoipa::path(get, path = "/v1/spend/forecast.csv", tag = "Gateway", operation_id = "export_forecast",
    responses(
        (status = 200, description = "A table", body = String, content_type = "text/csv"),
    ))]
pub(in crate::http::v1) async fn table(
    State(public): State<Public>,
    caller: Caller,
) -> Result<Response<Body>, Failure> {
    let forecast = public.spend.forecast(&caller.0).await?;
    let mut table = Table::new(&["month", "date", "team", "rows", "amount", "currency"]);
    for first in &forecast.firsts {
        for (payer, (rows, amount)) in &first.payers {
            table.add(&[
                Cell::Exact(first.month.to_string()),
                Cell::Exact(first.month.first_day().to_string()),
                Cell::Text(payer.to_string()),
                Cell::Exact(rows.to_string()),
                Cell::Exact(amount.to_string()),
                Cell::Exact(forecast.currency.to_string()),
            ]);
        }
    }
    // Nobody knows for how much, but they are known to come: a line without an amount.
    for number in &forecast.unpriced {
        table.add(&[
            Cell::Text(format!("unknown price: {}", number.number)),
            Cell::Exact(String::new()),
            Cell::Text(number.payer.to_string()),
            Cell::Exact("1".to_owned()),
            Cell::Exact(String::new()),
            Cell::Exact(forecast.currency.to_string()),
        ]);
    }
    Ok(table.response("attachment; filename=\"forecast.csv\""))
}
