//! `/v1/spend`: what was charged, from the ledger, added up the way somebody asks; as JSON and as a table.

pub(super) mod adjusting;
pub(super) mod forecast;

use axum::Json;
use axum::body::Body;
use axum::extract::{OriginalUri, State};
use axum::http::Response;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::money::Currency;
use crate::http::context::Params;
use crate::http::csv::{Cell, Table};
use crate::http::state::{Caller, Public};
use crate::http::v1::{Amount, Failure, parsed};
use crate::service::spend::{Asked, Dimension, Sum};
use crate::service::teams::Teams;
use crate::service::{Code, Refusal};

const ROWS: u32 = 1_000;
const MOST_ROWS: u32 = 10_000;
/// Of a table, which comes as a whole.
const TABLE_ROWS: u32 = 50_000;

/// What was charged.
#[derive(Serialize, ToSchema)]
pub(super) struct SpendView {
    /// The first month, like 2026-11, where the budgets' months turn.
    from: String,
    /// The last month.
    to: String,
    /// How it is cut.
    #[schema(example = json!(["team", "month"]))]
    group_by: Vec<&'static str>,
    /// In the order of what they are of.
    items: Vec<SpendRow>,
    /// All of it, whatever page this is.
    total: Amount,
    /// For the next page; null on the last.
    next_cursor: Option<String>,
}

/// A sum. It says what it is of for each dimension that was asked for; empty where nobody knows.
#[derive(Serialize, ToSchema)]
pub(super) struct SpendRow {
    /// Who pays: a team, or `(suspense)` for numbers that no team has.
    #[serde(skip_serializing_if = "Option::is_none")]
    team: Option<String>,
    /// The team's cost center, where the configuration names one.
    #[serde(skip_serializing_if = "Option::is_none")]
    cost_center: Option<String>,
    /// ISO 3166-1 alpha-2.
    #[serde(skip_serializing_if = "Option::is_none")]
    country: Option<String>,
    /// longcode, tollfree, shortcode, 10DLC.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    number_type: Option<String>,
    /// The month that it counts in.
    #[serde(skip_serializing_if = "Option::is_none")]
    month: Option<String>,
    /// Who asked for the number: subject and issuer.
    #[serde(skip_serializing_if = "Option::is_none")]
    requester: Option<String>,
    /// setup, `first_period`, renewal, adjustment or refund.
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    /// Of how many entries of the ledger.
    entries: i64,
    /// How much; below zero where more came back than was charged.
    charged: Amount,
}

impl SpendRow {
    fn of(sum: Sum, group_by: &[Dimension], currency: Currency, teams: &Teams) -> Self {
        let mut row = Self {
            cost_center: cost_center(&sum, group_by, teams),
            team: None,
            country: None,
            number_type: None,
            month: None,
            requester: None,
            kind: None,
            entries: sum.entries,
            charged: Amount::new(sum.amount, currency),
        };
        for (dimension, text) in group_by.iter().zip(sum.of) {
            let place = match dimension {
                Dimension::Team => &mut row.team,
                Dimension::Country => &mut row.country,
                Dimension::Type => &mut row.number_type,
                Dimension::Month => &mut row.month,
                Dimension::Requester => &mut row.requester,
                Dimension::Kind => &mut row.kind,
            };
            *place = Some(text);
        }
        row
    }
}

/// Of the team that a sum is of.
fn cost_center(sum: &Sum, group_by: &[Dimension], teams: &Teams) -> Option<String> {
    let (_, team) = group_by.iter().zip(&sum.of).find(|(dimension, _)| **dimension == Dimension::Team)?;
    teams.find(&team.parse().ok()?)?.cost_center.clone()
}

/// What was charged in some months, by team, country, number type, month, requester or kind. Of the caller's teams, or
/// of all with a role that sees all teams.
#[utoipa::path(get, path = "/v1/spend", tag = "Gateway", operation_id = "list_spend",
    params(
        ("from" = Option<String>, Query, description = "The first month, like 2026-01; eleven before the last if absent"),
        ("to" = Option<String>, Query, description = "The last month; the one that runs if absent"),
        ("group_by" = Option<String>, Query, description = "A comma list of team, country, type, month, requester, kind; team,month if absent"),
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before"),
        ("limit" = Option<i64>, Query, description = "1 to 10000, 1000 if absent"),
    ),
    responses(
        (status = 200, description = "A page", body = SpendView),
    ))]
pub(super) async fn list(
    State(public): State<Public>,
    caller: Caller,
    OriginalUri(uri): OriginalUri,
) -> Result<Json<SpendView>, Failure> {
    let params = Params::of(&uri)?;
    let offset = params.find("cursor").map_or(Some(0), offset);
    let offset = offset.ok_or_else(|| Refusal::field("cursor", "is not one of ours."))?;
    let limit = params.clamped("limit", 1, MOST_ROWS, ROWS)?;
    let asked = Asked { offset, limit, ..asked(&params)? };
    let group_by = asked.group_by.clone();
    let currency = public.spend.currency()?;
    let spent = public.spend.spent(&caller.0, asked).await?;
    let (next, teams) = (offset.saturating_add(limit), public.teams.now());
    Ok(Json(SpendView {
        from: spent.from.to_string(),
        to: spent.to.to_string(),
        group_by: group_by.iter().map(|dimension| dimension.as_str()).collect(),
        next_cursor: spent.has_more.then(|| next.to_string()),
        total: Amount::new(spent.total, currency),
        items: spent.sums.into_iter().map(|sum| SpendRow::of(sum, &group_by, currency, &teams)).collect(),
    }))
}

/// The same as a table for spreadsheets (RFC 4180): a column for each dimension, then entries, amount and
/// currency, and the team's cost center where it is cut by team.
#[utoipa::path(get, path = "/v1/spend.csv", tag = "Gateway", operation_id = "export_spend",
    params(
        ("from" = Option<String>, Query, description = "The first month, like 2026-01; eleven before the last if absent"),
        ("to" = Option<String>, Query, description = "The last month; the one that runs if absent"),
        ("group_by" = Option<String>, Query, description = "A comma list of team, country, type, month, requester, kind; team,month if absent"),
    ),
    responses(
        (status = 200, description = "A table", body = String, content_type = "text/csv"),
    ))]
pub(super) async fn table(
    State(public): State<Public>,
    caller: Caller,
    OriginalUri(uri): OriginalUri,
) -> Result<Response<Body>, Failure> {
    let asked = Asked { limit: TABLE_ROWS, ..asked(&Params::of(&uri)?)? };
    let currency = public.spend.currency()?;
    let heading: Vec<&str> = asked.group_by.iter().map(|dimension| dimension.as_str()).collect();
    let by_team = asked.group_by.contains(&Dimension::Team);
    let cost_center_too: &[&str] = if by_team { &["cost_center"] } else { &[] };
    let mut table =
        Table::new(&[heading.as_slice(), &["entries", "amount", "currency"], cost_center_too].concat());
    let (group_by, teams) = (asked.group_by.clone(), public.teams.now());
    let spent = public.spend.spent(&caller.0, asked).await?;
    if spent.has_more {
        let message =
            format!("the table has more than {TABLE_ROWS} lines; ask for fewer months or dimensions");
        return Err(Refusal::new(Code::BadRequest, message).into());
    }
    for sum in spent.sums {
        let cost_center = cost_center(&sum, &group_by, &teams);
        let mut cells: Vec<Cell> = sum.of.into_iter().map(Cell::Text).collect();
        cells.push(Cell::Exact(sum.entries.to_string()));
        cells.push(Cell::Exact(sum.amount.to_string()));
        cells.push(Cell::Exact(currency.to_string()));
        if by_team {
            cells.push(Cell::Text(cost_center.unwrap_or_default()));
        }
        table.add(&cells);
    }
    Ok(table.response("attachment; filename=\"spend.csv\""))
}

/// As [`list`] wrote it.
fn offset(cursor: &str) -> Option<u32> {
    const LONGEST: usize = 9;
    let is_ours = cursor.len() <= LONGEST && cursor.bytes().all(|byte| byte.is_ascii_digit());
    is_ours.then(|| cursor.parse().ok()).flatten()
}

fn asked(params: &Params) -> Result<Asked, Refusal> {
    let month = |name: &str| params.find(name).map(|text| parsed(name, text)).transpose();
    let mut group_by: Vec<Dimension> = Vec::new();
    for word in params.find("group_by").unwrap_or("team,month").split(',') {
        let dimension = parsed("group_by", word.trim())?;
        if group_by.contains(&dimension) {
            return Err(Refusal::field("group_by", format!("names {} twice.", dimension.as_str())));
        }
        group_by.push(dimension);
    }
    Ok(Asked { from: month("from")?, to: month("to")?, group_by, ..Asked::default() })
}
