//! The account's numbers as the gateway knows them: whose, from where, for how much, since when. From the mirror, a page
//! at a time.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::domain::owned::{Origin, Price, RegistrationStatus};
use crate::domain::principal::{Principal, TeamId};
use crate::domain::purchase::PurchaseId;
use crate::service::reconciling::Reconciling;
use crate::service::refusal::{Code, Refusal};
use crate::store::owned::{PageRow, Scope};
use crate::store::{self, Session, StoreError};

/// One number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumberRow {
    /// As upstream writes it.
    pub number: String,
    /// Two letters.
    pub country: Option<String>,
    /// The message types of its rows.
    pub message_types: Vec<String>,
    /// longcode, tollfree …
    pub number_type: Option<String>,
    /// Whose it is.
    pub team: Option<TeamId>,
    /// Where it came from.
    pub origin: Origin,
    /// The purchase that bought it; nothing for what was bought elsewhere.
    pub purchase: Option<PurchaseId>,
    /// The monthly price, where somebody named one.
    pub price: Option<Price>,
    /// Where its registration stands.
    pub registration: Option<RegistrationStatus>,
    /// Since when it stands there, as far as anybody looked.
    pub registration_since: Option<Timestamp>,
    /// When a list showed it first; nothing where none has.
    pub first_seen: Option<Timestamp>,
    /// When a complete list showed it last; likewise.
    pub last_seen: Option<Timestamp>,
}

/// A page of them.
#[derive(Clone, Debug)]
pub struct NumbersPage {
    /// In the order of their digits.
    pub numbers: Vec<NumberRow>,
    /// Whether there are more.
    pub has_more: bool,
}

impl Reconciling {
    /// The numbers that the caller may see, in order, after `after`, at most `limit`: from the mirror, without asking
    /// upstream.
    pub async fn numbers(
        &self,
        principal: &Principal,
        after: Option<String>,
        limit: usize,
    ) -> Result<NumbersPage, Refusal> {
        let scopes = self.scopes(principal)?;
        let reading = self.0.parts.ground.store.read(move |session| {
            let after = after.unwrap_or_default();
            numbers(session, &scopes, limit.saturating_add(1), |scope, from, rows| {
                let from = if from.is_empty() { &after } else { from };
                store::owned::page(session, scope, from, rows)
            })
        });
        Ok(cut(reading.await?, limit))
    }

    /// Whose numbers somebody may see.
    pub(super) fn scopes(&self, principal: &Principal) -> Result<Vec<Scope>, Refusal> {
        if !principal.may_read() {
            return Err(Refusal::new(Code::Forbidden, "the token gives no role here"));
        }
        if principal.sees_all_teams() {
            return Ok(vec![Scope::All]);
        }
        let teams = principal.teams.iter().cloned().map(Scope::Team);
        let nobodys = self.0.parts.settings.preexisting_visible_to_all.then_some(Scope::Nobody);
        Ok(teams.chain(nobodys).collect())
    }
}

/// The first `limit` of one more than that.
pub(super) fn cut(mut numbers: Vec<NumberRow>, limit: usize) -> NumbersPage {
    let has_more = numbers.len() > limit;
    numbers.truncate(limit);
    NumbersPage { numbers, has_more }
}

/// The first `wanted` numbers of these owners together, in the order of their digits. `rows` gives at most so many rows
/// of one owner after a number.
pub(super) fn numbers(
    session: &Session<'_>,
    scopes: &[Scope],
    wanted: usize,
    rows: impl Fn(&Scope, &str, i64) -> Result<Vec<PageRow>, StoreError>,
) -> Result<Vec<NumberRow>, StoreError> {
    let scanned = store::account::scanned(session)?;
    let mut found: BTreeMap<String, NumberRow> = BTreeMap::new();
    for scope in scopes {
        // Each owner's first ones are enough: a number is one owner's.
        let groups = whole_numbers(wanted, |from, count| rows(scope, from, count))?;
        let of_scope = groups.into_iter().filter_map(|group| NumberRow::of(group, scanned));
        found.extend(of_scope.map(|row| (row.number.clone(), row)));
    }
    Ok(found.into_values().take(wanted).collect())
}

/// Rows, read in pieces and put together by number, until there are `wanted` numbers or no more.
fn whole_numbers(
    wanted: usize,
    read: impl Fn(&str, i64) -> Result<Vec<PageRow>, StoreError>,
) -> Result<Vec<Vec<PageRow>>, StoreError> {
    let mut groups: Vec<Vec<PageRow>> = Vec::new();
    let (mut from, mut piece) = (String::new(), wanted.saturating_add(1));
    while groups.len() < wanted {
        let rows = read(&from, i64::try_from(piece).unwrap_or(i64::MAX))?;
        let is_end = rows.len() < piece;
        let mut more: Vec<Vec<PageRow>> = Vec::new();
        for row in rows {
            match more.last_mut().filter(|group| group.last().is_some_and(|last| last.number == row.number)) {
                Some(group) => group.push(row),
                None => more.push(vec![row]),
            }
        }
        if is_end {
            groups.append(&mut more);
            break;
        }
        // The last number may have been cut off in the middle.
        more.pop();
        match more.last().and_then(|group| group.last()) {
            Some(last) => from.clone_from(&last.number),
            None => piece = piece.saturating_mul(2),
        }
        groups.append(&mut more);
    }
    groups.truncate(wanted);
    Ok(groups)
}

impl NumberRow {
    /// A number out of its rows.
    fn of(rows: Vec<PageRow>, scanned: Option<Timestamp>) -> Option<Self> {
        let message_types = rows.iter().filter_map(|row| row.listing.message_type.clone()).collect();
        let is_lacking = rows.iter().all(|row| row.is_lacking);
        let first_seen = rows.iter().filter_map(|row| row.since).min();
        let seen = rows.iter().filter_map(|row| row.seen).max();
        let first = rows.into_iter().next()?;
        Some(Self {
            number: first.number,
            country: first.listing.country,
            message_types,
            number_type: first.listing.number_type,
            team: first.team,
            origin: first.origin,
            purchase: first.purchase,
            price: first.price,
            registration: first.listing.status,
            registration_since: first.status_since,
            first_seen,
            last_seen: if is_lacking { seen } else { first_seen.and(scanned) },
        })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]

    use std::cell::Cell;

    use super::{PageRow, whole_numbers};
    use crate::domain::owned::{Origin, OwnedNumber};

    fn row(number: &str) -> PageRow {
        let listing: OwnedNumber =
            serde_json::from_value(serde_json::json!({ "dedicated_number": number })).unwrap();
        PageRow {
            number: number.to_owned(),
            listing,
            team: None,
            origin: Origin::Orphan,
            purchase: None,
            price: None,
            status_since: None,
            since: None,
            seen: None,
            is_lacking: false,
        }
    }

    #[test]
    fn a_number_is_never_cut_in_the_middle_of_its_rows() {
        let table: Vec<PageRow> =
            ["1", "2", "2", "2", "2", "2", "3", "4", "4"].iter().map(|number| row(number)).collect();
        for wanted in 1..6 {
            let reads = Cell::new(0);
            let groups = whole_numbers(wanted, |from, count| {
                reads.set(reads.get() + 1);
                let rows = table.iter().filter(|row| row.number.as_str() > from).cloned();
                Ok(rows.take(usize::try_from(count).unwrap()).collect())
            });
            let sizes: Vec<usize> = groups.unwrap().iter().map(Vec::len).collect();
            assert_eq!(sizes, [1, 5, 1, 2].into_iter().take(wanted).collect::<Vec<_>>(), "{wanted}");
            assert!(reads.get() < 8, "{} readings for {wanted}", reads.get());
        }
    }
}
