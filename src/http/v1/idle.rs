//! `/v1/numbers/idle`: numbers that cost money and are worth a look, with a letter that cancels them.

use axum::Json;
use axum::body::Body;
use axum::extract::{OriginalUri, State};
use axum::http::Response;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::context::Params;
use crate::http::csv::{Cell, Table};
use crate::http::paging::number_cursor;
use crate::http::state::{Caller, Public};
use crate::http::v1::Failure;
use crate::http::v1::numbers::NumberView;
use crate::service::reconciling::{Idle, IdleNumber};
use crate::service::{Code, Refusal};

const ROWS: u32 = 50;
const MOST_ROWS: u32 = 500;
/// Of a table, which comes as a whole.
const TABLE_ROWS: usize = 50_000;
/// How many days are long, where nobody says.
const DAYS: u32 = 180;
const MOST_DAYS: u32 = 36_500;

/// A number that is worth a look.
#[derive(Serialize, ToSchema)]
pub(super) struct IdleView {
    /// `age`: it is there for long. `registration_stuck`: its registration has not moved for long. `team_gone`: its team
    /// is not configured any more. `no_team`: nobody has it. Whether a number is used, ClickSend does not say.
    why: Vec<&'static str>,
    #[serde(flatten)]
    number: NumberView,
}

/// A page of them.
#[derive(Serialize, ToSchema)]
pub(super) struct IdleList {
    /// In the order of their digits.
    items: Vec<IdleView>,
    /// For the next page; null on the last.
    next_cursor: Option<String>,
    /// A letter to ClickSend's support that cancels the numbers of this page, ready to be signed: there is no call that
    /// does. Take out what is to stay. Null where there is no number.
    cancellation: Option<String>,
}

/// Owned numbers that somebody should look at, of those that the caller may see.
#[utoipa::path(get, path = "/v1/numbers/idle", tag = "Gateway", operation_id = "list_idle_numbers",
    params(
        ("days" = Option<i64>, Query, description = "How many days are long: 1 to 36500, 180 if absent"),
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before"),
        ("limit" = Option<i64>, Query, description = "1 to 500, 50 if absent"),
    ),
    responses(
        (status = 200, description = "A page", body = IdleList),
    ))]
pub(super) async fn list(
    State(public): State<Public>,
    caller: Caller,
    OriginalUri(uri): OriginalUri,
) -> Result<Json<IdleList>, Failure> {
    let params = Params::of(&uri)?;
    let limit = params.clamped("limit", 1, MOST_ROWS, ROWS)?;
    let asked = asked(&params, usize::try_from(limit).unwrap_or(usize::MAX))?;
    let page = public.reconciling.idle(&caller.0, asked).await?;
    let last = page.numbers.last().filter(|_| page.has_more);
    Ok(Json(IdleList {
        next_cursor: last.map(|last| last.number.number.clone()),
        items: page.numbers.into_iter().map(IdleView::of).collect(),
        cancellation: page.cancellation,
    }))
}

/// The same as a table for spreadsheets.
#[utoipa::path(get, path = "/v1/numbers/idle.csv", tag = "Gateway", operation_id = "export_idle_numbers",
    params(("days" = Option<i64>, Query, description = "How many days are long: 1 to 36500, 180 if absent")),
    responses(
        (status = 200, description = "A table", body = String, content_type = "text/csv"),
    ))]
pub(super) async fn table(
    State(public): State<Public>,
    caller: Caller,
    OriginalUri(uri): OriginalUri,
) -> Result<Response<Body>, Failure> {
    let page = public.reconciling.idle(&caller.0, asked(&Params::of(&uri)?, TABLE_ROWS)?).await?;
    if page.has_more {
        let message = format!("the table has more than {TABLE_ROWS} lines; read the list page by page");
        return Err(Refusal::new(Code::BadRequest, message).into());
    }
    let mut table = Table::new(&[
        "number",
        "country",
        "team",
        "why",
        "monthly",
        "currency",
        "registration_status",
        "registration_since",
        "first_seen",
    ]);
    for IdleNumber { number, why } in page.numbers {
        let text = |text: Option<String>| Cell::Text(text.unwrap_or_default());
        let exact = |text: Option<String>| Cell::Exact(text.unwrap_or_default());
        table.add(&[
            Cell::Text(number.number),
            text(number.country),
            text(number.team.map(|team| team.to_string())),
            Cell::Exact(why.iter().map(|why| why.as_str()).collect::<Vec<_>>().join(" ")),
            exact(number.price.as_ref().map(|price| price.monthly.to_string())),
            exact(number.price.as_ref().map(|price| price.currency.to_string())),
            exact(number.registration.map(|status| status.label().to_owned())),
            exact(number.registration_since.map(|at| at.to_string())),
            exact(number.first_seen.map(|at| at.to_string())),
        ]);
    }
    Ok(table.response("attachment; filename=\"idle-numbers.csv\""))
}

fn asked(params: &Params, limit: usize) -> Result<Idle, Refusal> {
    let days = params.clamped("days", 1, MOST_DAYS, DAYS)?;
    Ok(Idle { after: number_cursor(params)?.map(ToOwned::to_owned), limit, days })
}

impl IdleView {
    fn of(idle: IdleNumber) -> Self {
        Self { why: idle.why.iter().map(|why| why.as_str()).collect(), number: NumberView::from(idle.number) }
    }
}
