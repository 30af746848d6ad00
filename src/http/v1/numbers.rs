//! `/v1/numbers`: the account's numbers with their past, and giving them to teams.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{OriginalUri, Request, State};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::domain::country::Country;
use crate::domain::owned::RegistrationStatus;
use crate::domain::principal::TeamId;
use crate::http::body::{self, Lines};
use crate::http::context::Params;
use crate::http::document::words;
use crate::http::paging::number_cursor;
use crate::http::state::{Caller, Public};
use crate::http::v1::{Amount, Failure};
use crate::service::reconciling::{Assignment, NumberRow, Selection};
use crate::service::{Code, Refusal};

const ROWS: u32 = 50;
const MOST_ROWS: u32 = 500;

/// An owned number.
#[derive(Serialize, ToSchema)]
pub(super) struct NumberView {
    /// As ClickSend writes it.
    number: String,
    /// ISO 3166-1 alpha-2.
    country: Option<String>,
    /// sms, mms: as many as ClickSend lists it for.
    types: Vec<String>,
    /// longcode, tollfree, shortcode, 10DLC.
    number_type: Option<String>,
    /// Whose it is; null while it is nobody's.
    team: Option<String>,
    /// bought, preexisting, orphan or assigned.
    origin: &'static str,
    /// The purchase that bought it.
    purchase: Option<String>,
    /// `here` or `elsewhere`.
    bought: &'static str,
    /// Every month; null where nobody has named a price.
    monthly: Option<Amount>,
    /// Who named it: `quote`, the live one that it was bought at, or `list`, ClickSend's list of owned numbers.
    price_basis: Option<&'static str>,
    /// ClickSend's word for where its registration stands.
    registration_status: Option<&'static str>,
    /// Since when it stands there, as far as a list has shown, RFC 3339.
    #[schema(format = DateTime)]
    registration_since: Option<String>,
    /// When a list showed it first, RFC 3339; null while none has.
    #[schema(format = DateTime)]
    first_seen: Option<String>,
    /// When a complete list showed it last; likewise.
    #[schema(format = DateTime)]
    last_seen: Option<String>,
}

/// A page of owned numbers.
#[derive(Serialize, ToSchema)]
pub(super) struct NumberList {
    /// In the order of their digits.
    items: Vec<NumberView>,
    /// For the next page; null on the last.
    next_cursor: Option<String>,
}

/// Which numbers, and whose they are from now on: one of `numbers`, `country` and `all`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AssignBody {
    /// These, whoever has them now.
    numbers: Option<Vec<String>>,
    /// Those of a country that no team has.
    #[schema(value_type = Option<words::Country>)]
    country: Option<String>,
    /// All that no team has.
    #[serde(default)]
    all: bool,
    /// The team.
    #[schema(value_type = words::Team)]
    team: String,
}

/// What was done.
#[derive(Serialize, ToSchema)]
pub(super) struct AssignedView {
    /// Numbers that have another team now.
    assigned: usize,
    /// Numbers that were the team's already.
    unchanged: usize,
}

/// The account's numbers that the caller may see, from the table: in order, a page at a time.
#[utoipa::path(get, path = "/v1/numbers", tag = "Gateway", operation_id = "list_numbers",
    params(
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before"),
        ("limit" = Option<i64>, Query, description = "1 to 500, 50 if absent"),
    ),
    responses(
        (status = 200, description = "A page", body = NumberList),
    ))]
pub(super) async fn list(
    State(public): State<Public>,
    caller: Caller,
    OriginalUri(uri): OriginalUri,
) -> Result<Json<NumberList>, Failure> {
    let params = Params::of(&uri)?;
    let after = number_cursor(&params)?.map(ToOwned::to_owned);
    let limit = params.clamped("limit", 1, MOST_ROWS, ROWS)?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let page = public.reconciling.numbers(&caller.0, after, limit).await?;
    let next_cursor = page.numbers.last().filter(|_| page.has_more).map(|last| last.number.clone());
    Ok(Json(NumberList { items: page.numbers.into_iter().map(NumberView::from).collect(), next_cursor }))
}

/// Gives numbers to teams: orphans, numbers from before the gateway, and numbers of other teams. Administrators only;
/// all of it is checked before any of it is done. `text/csv` brings lines of `number,team`.
#[utoipa::path(post, path = "/v1/numbers/assign", tag = "Gateway", operation_id = "assign_numbers",
    request_body(content((AssignBody = "application/json"), (words::Lines = "text/csv"))),
    responses(
        (status = 200, description = "Done", body = AssignedView),
    ))]
pub(super) async fn assign(
    State(public): State<Public>,
    caller: Caller,
    request: Request,
) -> Result<Json<AssignedView>, Failure> {
    let (parts, body) = request.into_parts();
    let assignment = match body::csv(&parts.headers, body).await? {
        Lines::Csv(lines) => assignment_of_lines(&lines)?,
        Lines::Other(body) => {
            let body = body::json(&parts.headers, body).await?.unwrap_or(Value::Null);
            assignment_of_fields(body::read(body)?)?
        }
    };
    let done = public.reconciling.assign(&caller.0, assignment).await?;
    Ok(Json(AssignedView { assigned: done.assigned, unchanged: done.unchanged }))
}

fn assignment_of_fields(fields: AssignBody) -> Result<Assignment, Refusal> {
    let team: TeamId = fields.team.parse().map_err(|error| Refusal::field("team", format!("{error}.")))?;
    match (fields.numbers, fields.country, fields.all) {
        (Some(numbers), None, false) => {
            Ok(Assignment::Each(numbers.into_iter().map(|number| (number, team.clone())).collect()))
        }
        (None, Some(country), false) => {
            let country: Country =
                country.parse().map_err(|error| Refusal::field("country", format!("{error}.")))?;
            Ok(Assignment::Rest(Selection::Country(country), team))
        }
        (None, None, true) => Ok(Assignment::Rest(Selection::All, team)),
        (Some(_) | None, Some(_) | None, _) => {
            Err(Refusal::new(Code::BadRequest, "name one of numbers, country and all"))
        }
    }
}

/// Lines of `number,team`; a first line `number,team` is a heading.
fn assignment_of_lines(text: &str) -> Result<Assignment, Refusal> {
    let mut each = BTreeMap::new();
    for (index, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || (index == 1 && line.eq_ignore_ascii_case("number,team")) {
            continue;
        }
        let at_fault = |fault: &str| Refusal::field(&format!("line {index}"), fault);
        let (number, team) =
            line.split_once(',').ok_or_else(|| at_fault("must be a number, a comma and a team."))?;
        let team: TeamId = team.trim().parse().map_err(|error| at_fault(&format!("{error}.")))?;
        if each.insert(number.trim().to_owned(), team).is_some() {
            return Err(at_fault("names a number that an earlier line names."));
        }
    }
    Ok(Assignment::Each(each))
}

impl From<NumberRow> for NumberView {
    fn from(row: NumberRow) -> Self {
        Self {
            number: row.number,
            country: row.country,
            types: row.message_types,
            number_type: row.number_type,
            team: row.team.map(|team| team.to_string()),
            origin: row.origin.as_str(),
            bought: if row.purchase.is_some() { "here" } else { "elsewhere" },
            purchase: row.purchase.map(|id| id.to_string()),
            monthly: row.price.as_ref().map(|price| Amount::new(price.monthly, price.currency)),
            price_basis: row.price.as_ref().map(|price| price.basis.as_str()),
            registration_status: row.registration.map(RegistrationStatus::label),
            registration_since: row.registration_since.map(|at| at.to_string()),
            first_seen: row.first_seen.map(|at| at.to_string()),
            last_seen: row.last_seen.map(|at| at.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::panic, reason = "a broken fixture stops the test")]

    use super::{Assignment, assignment_of_lines};

    #[test]
    fn lines_may_have_a_heading_and_name_each_number_once() {
        for (text, wanted) in [
            ("number,team\n+61491570156,growth\r\n\n 19000 , support \n", Ok(2)),
            ("", Ok(0)),
            ("+61491570156", Err("line 1")),
            ("+61491570156,growth\n+61491570156,support", Err("line 2")),
            ("+61491570156,Growth", Err("line 1")),
            ("+61491570156,growth\nnumber,team,", Err("line 2")),
        ] {
            match (assignment_of_lines(text), wanted) {
                (Ok(Assignment::Each(each)), Ok(wanted)) => assert_eq!(each.len(), wanted, "{text:?}"),
                (Err(refusal), Err(line)) => assert!(refusal.fields.contains_key(line), "{text:?}"),
                (read, wanted) => panic!("{text:?}: {read:?} instead of {wanted:?}"),
            }
        }
    }
}
