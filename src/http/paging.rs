//! One page of a list that has the newest first: so many rows, and where the next page begins. Both doors with lists cut
//! theirs here.

use std::str::FromStr;

use crate::http::context::Params;
use crate::service::Refusal;

/// Rows of a page where nobody says how many, and at most.
const ROWS: u32 = 50;
const MOST_ROWS: u32 = 100;

/// The page that is asked for with `cursor` and `limit`.
pub(super) struct PageAsked<Id> {
    /// Only what is older than this.
    pub(super) before: Option<Id>,
    rows: u32,
}

impl<Id: FromStr> PageAsked<Id> {
    pub(super) fn of(params: &Params) -> Result<Self, Refusal> {
        Self::of_rows(params, params.clamped("limit", 1, MOST_ROWS, ROWS)?)
    }

    /// As [`PageAsked::of`], where the page itself says how many rows it has.
    pub(super) fn of_rows(params: &Params, rows: u32) -> Result<Self, Refusal> {
        let before = params.find("cursor").map(str::parse).transpose();
        let before = before.map_err(|_| Refusal::field("cursor", "is not one of ours."))?;
        Ok(Self { before, rows })
    }
}

/// The number that a list in the order of digits goes on after, as that list wrote it.
pub(super) fn number_cursor(params: &Params) -> Result<Option<&str>, Refusal> {
    const LONGEST: usize = 64;
    let cursor = params.find("cursor");
    let is_ours = |text: &str| text.len() <= LONGEST && text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if cursor.is_some_and(|text| !is_ours(text)) {
        return Err(Refusal::field("cursor", "is not one of ours."));
    }
    Ok(cursor)
}

impl<Id> PageAsked<Id> {
    /// How many rows to look for: one more than is shown tells whether there is a next page.
    pub(super) fn wanted(&self) -> i64 {
        i64::from(self.rows) + 1
    }

    /// The rows of the page, and the cursor of the next one.
    pub(super) fn cut<T>(
        &self,
        mut found: Vec<T>,
        cursor: impl Fn(&T) -> String,
    ) -> (Vec<T>, Option<String>) {
        let rows = usize::try_from(self.rows).unwrap_or(usize::MAX);
        let has_more = found.len() > rows;
        found.truncate(rows);
        let next_cursor = found.last().filter(|_| has_more).map(cursor);
        (found, next_cursor)
    }
}
