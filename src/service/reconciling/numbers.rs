//! The account's numbers as the gateway knows them: whose, from where, for how much, since when.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::domain::money::{Currency, Money};
use crate::domain::owned::{Origin, OwnedNumber, RegistrationStatus};
use crate::domain::principal::{Principal, TeamId};
use crate::domain::purchase::PurchaseId;
use crate::service::reconciling::Reconciling;
use crate::service::refusal::{Code, Refusal};
use crate::store::known_numbers::Known;
use crate::store::purchases::Holder;
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
    /// The purchase that bought it.
    pub purchase: Option<PurchaseId>,
    /// The monthly price, where upstream names one that can be held.
    pub monthly: Option<(Money, Currency)>,
    /// Where its registration stands.
    pub registration: Option<RegistrationStatus>,
    /// When a list showed it first; nothing where none has.
    pub first_seen: Option<Timestamp>,
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
    /// The numbers that the caller may see, in order, after `after`, at most `limit`: from the table, without asking
    /// upstream.
    pub async fn numbers(
        &self,
        principal: &Principal,
        after: Option<String>,
        limit: usize,
    ) -> Result<NumbersPage, Refusal> {
        if !principal.may_read() {
            return Err(Refusal::new(Code::Forbidden, "the token gives no role here"));
        }
        let mut rows = self.0.parts.ground.store.read(rows).await?;
        let everybodys = self.0.parts.settings.preexisting_visible_to_all || principal.sees_all_teams();
        rows.retain(|row| row.team.as_ref().map_or(everybodys, |team| principal.sees_team(team)));
        rows.retain(|row| after.as_ref().is_none_or(|after| row.number > *after));
        let has_more = rows.len() > limit;
        rows.truncate(limit);
        Ok(NumbersPage { numbers: rows, has_more })
    }
}

fn rows(session: &Session<'_>) -> Result<Vec<NumberRow>, StoreError> {
    let block = store::owned::currency(session)?.and_then(|block| block.currency_name_short);
    let currency: Option<Currency> = block.and_then(|short| short.parse().ok());
    let known = store::known_numbers::all(session)?;
    let holders = store::purchases::holders(session)?;
    let holders: BTreeMap<&str, &Holder> =
        holders.iter().map(|holder| (holder.number.as_str(), holder)).collect();
    let mut rows: BTreeMap<String, NumberRow> = BTreeMap::new();
    for listed in store::owned::all(session)? {
        let number = listed.dedicated_number.clone();
        let message_type = listed.message_type.clone();
        let row = rows.entry(number).or_insert_with_key(|number| {
            let known = known.get(number).filter(|known| known.gone.is_none());
            row(listed, known, holders.get(number.as_str()).copied(), currency)
        });
        row.message_types.extend(message_type);
    }
    Ok(rows.into_values().collect())
}

fn row(
    listed: OwnedNumber,
    known: Option<&Known>,
    holder: Option<&Holder>,
    currency: Option<Currency>,
) -> NumberRow {
    let price = listed.price.as_deref().and_then(|price| price.parse().ok());
    // No list was compared since it appeared: a purchase explains it, or it is about to be an orphan.
    let guess = if holder.is_some() { Origin::Bought } else { Origin::Orphan };
    let assigned = known.and_then(|known| known.team.clone());
    NumberRow {
        number: listed.dedicated_number,
        country: listed.country,
        message_types: Vec::new(),
        number_type: listed.number_type,
        team: assigned.or_else(|| holder.map(|holder| holder.team.clone())),
        origin: known.map_or(guess, |known| known.origin),
        purchase: holder.map(|holder| holder.id).or_else(|| known.and_then(|known| known.purchase)),
        monthly: price.zip(currency),
        registration: listed.status,
        first_seen: known.map(|known| known.since),
    }
}
