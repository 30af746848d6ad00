//! The mirror of upstream's rows beside a list: what has to be written so that it shows what the list shows.
//!
//! A row is known again by number, type and guid. What a purchase wrote before any list showed it has no guid yet, and is
//! given the one that upstream lists. Money goes by the row: what a list shows for the first time is paid until the
//! next 1st, since whoever bought it was charged then.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::domain::audit::{Actor, AuditEvent, Target};
use crate::domain::billing::Billing;
use crate::domain::money::{Currency, Money};
use crate::domain::owned::{OwnedNumber, Price, PriceBasis};
use crate::domain::search::CurrencyBlock;
use crate::store::owned::{Key, Mirrored};
use crate::store::{self, StoreError, Tx};

/// A complete list.
pub(super) struct List<'l> {
    pub(super) rows: &'l [OwnedNumber],
    pub(super) currency: Option<&'l CurrencyBlock>,
    pub(super) at: Timestamp,
    pub(super) billing: &'l Billing,
}

/// What has to be written.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// Rows that no list has shown before.
    new: Vec<Mirrored>,
    /// Rows that say something else, under the key they had.
    changed: Vec<(Key, Mirrored)>,
    /// Rows that the list lacks.
    lacking: Vec<(Key, WasShown)>,
    /// Rows that this list lacks as did the one before, while it shows others of the number.
    left: Vec<Key>,
    /// Prices that moved: number, what was known, what the list says.
    prices: Vec<(String, Price, Price)>,
}

/// Whether any list has ever shown a row.
#[derive(Debug)]
struct WasShown(bool);

/// What stands in the mirror and was not found in the list yet.
struct Standing {
    rows: BTreeMap<String, Vec<Mirrored>>,
}

/// Compares. Own purchases of numbers in `recent` may be listed later than they were bought.
pub(super) fn compare(stands: Vec<Mirrored>, list: &List<'_>, recent: &BTreeSet<String>) -> Changes {
    let mut changes = Changes::default();
    let keys = keys_of(list.rows);
    let mut standing = Standing::new(stands);
    // Exact ones first, so that no row takes what is another one's.
    let exact: Vec<Option<Mirrored>> =
        keys.iter().map(|key| standing.take(|row| row.key == *key, key)).collect();
    let mut position = 0;
    for ((listed, key), exact) in list.rows.iter().zip(keys).zip(exact) {
        let found = exact.or_else(|| standing.adopt(&key));
        let now = list.row(listed, key, found.as_ref(), position);
        position = now.position;
        match found {
            None => changes.new.push(now),
            Some(was) if was == now => {}
            Some(was) => {
                if let Some((old, new)) = moved(was.price.as_ref(), now.price.as_ref()) {
                    changes.prices.push((now.key.number.clone(), old, new));
                }
                changes.changed.push((was.key, now));
            }
        }
    }
    let listed: BTreeSet<&str> = list.rows.iter().map(|row| row.dedicated_number.as_str()).collect();
    for row in standing.rows.into_values().flatten() {
        if row.is_lacking && listed.contains(row.key.number.as_str()) {
            changes.left.push(row.key);
        } else if !row.is_lacking && !recent.contains(&row.key.number) {
            changes.lacking.push((row.key, WasShown(row.since.is_some())));
        }
    }
    changes
}

/// The keys of a list; rows that are quite the same are counted.
fn keys_of(rows: &[OwnedNumber]) -> Vec<Key> {
    let mut twins: BTreeMap<(&str, &str, &str), i64> = BTreeMap::new();
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    rows.iter()
        .map(|row| {
            let (kind, guid) = (row.message_type.as_deref(), row.number_guid.as_deref());
            let same = (row.dedicated_number.as_str(), kind.unwrap_or_default(), guid.unwrap_or_default());
            let seen = twins.entry(same).or_default();
            let twin = *seen;
            *seen += 1;
            Key {
                number: row.dedicated_number.clone(),
                message_type: text(&row.message_type),
                guid: text(&row.number_guid),
                twin,
            }
        })
        .collect()
}

fn moved(was: Option<&Price>, now: Option<&Price>) -> Option<(Price, Price)> {
    let (was, now) = was.zip(now)?;
    let differs =
        was.monthly.rounded_to_cents() != now.monthly.rounded_to_cents() || was.currency != now.currency;
    differs.then(|| (was.clone(), now.clone()))
}

impl Standing {
    fn new(stands: Vec<Mirrored>) -> Self {
        let mut rows: BTreeMap<String, Vec<Mirrored>> = BTreeMap::new();
        for row in stands {
            rows.entry(row.key.number.clone()).or_default().push(row);
        }
        Self { rows }
    }

    fn take(&mut self, is_it: impl Fn(&Mirrored) -> bool, key: &Key) -> Option<Mirrored> {
        let of_number = self.rows.get_mut(&key.number)?;
        let at = of_number.iter().position(is_it)?;
        Some(of_number.swap_remove(at))
    }

    /// A row that had no guid until now: of the same type, or one that no list has shown yet.
    fn adopt(&mut self, key: &Key) -> Option<Mirrored> {
        let is_nameless = |row: &Mirrored| row.key.guid.is_empty() && row.key.twin == key.twin;
        let same = self.take(|row| is_nameless(row) && row.key.message_type == key.message_type, key);
        same.or_else(|| self.take(|row| is_nameless(row) && row.since.is_none(), key))
    }
}

impl List<'_> {
    /// What the mirror has to say of a listed row.
    fn row(&self, listed: &OwnedNumber, key: Key, was: Option<&Mirrored>, after: i64) -> Mirrored {
        let price = self.price(listed, was.and_then(|was| was.price.as_ref()));
        let fee = price.as_ref().and_then(|price| self.billing.fee(price.monthly, price.currency));
        let has_status_of = |was: &&Mirrored| was.listing.status == listed.status && was.since.is_some();
        let status_since = was.filter(has_status_of).map_or(Some(self.at), |was| was.status_since);
        Mirrored {
            key,
            // Upstream's order is kept, not its numbering: what goes in front moves nothing behind it.
            position: was.map(|was| was.position).filter(|at| *at > after).unwrap_or(after + 1),
            listing: listed.clone(),
            status_since: listed.status.and(status_since),
            price,
            fee,
            paid: was.map_or_else(|| self.billing.month(self.at), |was| was.paid),
            since: Some(was.and_then(|was| was.since).unwrap_or(self.at)),
            is_lacking: false,
        }
    }

    /// The price of a quote counts for as long as the list, which has cents, says the same; after that the list does. A
    /// list without a usable price takes none away.
    fn price(&self, listed: &OwnedNumber, known: Option<&Price>) -> Option<Price> {
        let short = self.currency.and_then(|block| block.currency_name_short.as_deref());
        let currency: Option<Currency> = short.and_then(|short| short.parse().ok());
        let monthly = listed.price.as_deref().and_then(|text| text.parse::<Money>().ok());
        let monthly = monthly.filter(|monthly| *monthly >= Money::ZERO);
        let said = monthly.zip(currency).map(|(monthly, currency)| Price {
            monthly,
            currency,
            basis: PriceBasis::List,
        });
        match (known, said) {
            (Some(known), Some(said)) => {
                Some(moved(Some(known), Some(&said)).map_or_else(|| known.clone(), |(_, said)| said))
            }
            (Some(known), None) => Some(known.clone()),
            (None, said) => said,
        }
    }
}

impl Changes {
    pub(super) const fn is_empty(&self) -> bool {
        self.new.is_empty() && self.changed.is_empty() && self.lacking.is_empty() && self.left.is_empty()
    }

    /// Writes them; the list before was read at `seen`.
    pub(super) fn write(&self, tx: &mut Tx<'_>, seen: Option<Timestamp>) -> Result<(), StoreError> {
        for key in &self.left {
            store::owned::leave(tx, key)?;
        }
        for (key, was_shown) in &self.lacking {
            store::owned::lack(tx, key, seen.filter(|_| was_shown.0))?;
        }
        for (was, now) in &self.changed {
            store::owned::update(tx, was, now)?;
        }
        store::owned::insert_all(tx, &self.new)
    }

    /// An event for each price that moved.
    pub(super) fn price_events(&self) -> impl Iterator<Item = AuditEvent> {
        self.prices.iter().map(|(number, was, now)| {
            AuditEvent::new(
                "number.price_changed",
                Actor::Gateway("owned numbers"),
                Target::new("number", number),
            )
            .with("from", was.monthly.to_string())
            .with("to", now.monthly.to_string())
            .with("currency", now.currency.as_str())
        })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]

    use std::collections::BTreeSet;

    use jiff::Timestamp;
    use jiff::tz::TimeZone;
    use serde_json::json;

    use super::{Changes, Key, List, Mirrored, OwnedNumber, compare};
    use crate::domain::billing::Billing;
    use crate::domain::search::CurrencyBlock;

    const ONE: &str = "+61491570156";

    fn listed(number: &str, kind: &str, guid: &str, price: &str) -> OwnedNumber {
        let fields = json!({"dedicated_number": number, "type": kind, "number_guid": guid, "price": price,
                            "status": "REGISTRATION_INITIATED"});
        serde_json::from_value(fields).unwrap()
    }

    fn at(day: u8) -> Timestamp {
        format!("2027-11-{day:02}T09:00:00Z").parse().unwrap()
    }

    fn changes(stands: Vec<Mirrored>, rows: &[OwnedNumber], day: u8) -> Changes {
        let currency = CurrencyBlock { currency_name_short: Some("AUD".into()), ..CurrencyBlock::default() };
        let billing = Billing { zone: TimeZone::UTC, currency: Some("AUD".parse().unwrap()) };
        let list = List { rows, currency: Some(&currency), at: at(day), billing: &billing };
        compare(stands, &list, &BTreeSet::from(["+1".to_owned()]))
    }

    /// The mirror after a first list.
    fn mirror(rows: &[OwnedNumber]) -> Vec<Mirrored> {
        changes(Vec::new(), rows, 1).new
    }

    #[test]
    fn what_a_list_shows_first_is_paid_for_its_month_and_changes_nothing_when_it_is_shown_again() {
        let rows = [
            listed(ONE, "sms", "A", "20.71"),
            listed(ONE, "mms", "B", "20.71"),
            listed(ONE, "mms", "B", "20.71"),
        ];
        let first = mirror(&rows);
        let twins: Vec<i64> = first.iter().map(|row| row.key.twin).collect();
        assert_eq!((first.len(), twins), (3, vec![0, 0, 1]));
        let row = first.first().unwrap();
        assert_eq!((row.paid.to_string(), row.fee.unwrap().to_string()), ("2027-11".into(), "20.71".into()));
        assert_eq!((row.since, row.status_since), (Some(at(1)), Some(at(1))));
        assert!(changes(first.clone(), &rows, 9).is_empty());
        // What comes in front moves nothing behind it.
        let [a, b, c] = rows;
        let more = [listed("+5", "sms", "E", "1.00"), a, b, c];
        let again = changes(first, &more, 9);
        assert_eq!(again.new.len(), 1);
    }

    #[test]
    fn a_purchases_own_row_gets_the_guid_that_is_listed_and_keeps_its_price_and_what_is_paid() {
        let mut own = mirror(&[listed(ONE, "sms", "", "20.7100")]);
        let row = own.first_mut().unwrap();
        row.since = None;
        row.paid = "2027-10".parse().unwrap();
        row.price.as_mut().unwrap().basis = super::PriceBasis::Quote;
        let adopted = changes(own.clone(), &[listed(ONE, "sms", "A", "20.71")], 2);
        let (was, now) = adopted.changed.first().unwrap();
        assert_eq!((was.guid.as_str(), now.key.guid.as_str(), adopted.new.len()), ("", "A", 0));
        assert_eq!((now.paid.to_string(), now.since), ("2027-10".into(), Some(at(2))));
        assert_eq!(now.price, own.first().unwrap().price, "cents are equal");
        assert!(adopted.prices.is_empty());
        // Listed under another type, it is still the one.
        assert_eq!(changes(own, &[listed(ONE, "mms", "A", "20.71")], 2).changed.len(), 1);
    }

    #[test]
    fn a_price_moves_with_the_list_and_a_list_without_one_takes_none_away() {
        let stands = mirror(&[listed(ONE, "sms", "A", "20.71")]);
        let dearer = changes(stands.clone(), &[listed(ONE, "sms", "A", "22.50")], 2);
        assert_eq!(dearer.prices.len(), 1);
        let (_, now) = dearer.changed.first().unwrap();
        assert_eq!(now.fee.unwrap().to_string(), "22.50");
        for nothing in ["", "-1.00", "about twenty"] {
            let silent = changes(stands.clone(), &[listed(ONE, "sms", "A", nothing)], 2);
            let kept = silent.changed.first().map(|(_, now)| now.fee);
            assert_eq!((kept, silent.prices.len()), (Some(stands.first().unwrap().fee), 0), "{nothing}");
        }
    }

    #[test]
    fn a_row_lacks_once_and_leaves_when_another_list_shows_its_number_without_it() {
        let (a, b) = (listed(ONE, "sms", "A", "20.71"), listed(ONE, "mms", "B", "20.71"));
        let stands = mirror(&[a.clone(), b]);
        let key = |row: Option<&Key>| row.map(|key| key.guid.clone());
        let lacking = changes(stands.clone(), std::slice::from_ref(&a), 2);
        assert_eq!(
            (key(lacking.lacking.first().map(|(key, _)| key)), lacking.left.len()),
            (Some("B".into()), 0)
        );
        let stands: Vec<Mirrored> =
            stands.into_iter().map(|row| Mirrored { is_lacking: row.key.guid == "B", ..row }).collect();
        let left = changes(stands.clone(), &[a], 3);
        assert_eq!((key(left.left.first()), left.lacking.len()), (Some("B".into()), 0));
        // A number that nothing is shown of waits for whoever decides that it is gone.
        let gone = changes(stands, &[], 3);
        assert_eq!((gone.left.len(), gone.lacking.len()), (0, 1));
        // Just bought here: upstream's list may be late.
        let own = mirror(&[listed("+1", "sms", "", "20.71")]);
        assert!(changes(own, &[], 2).is_empty());
    }
}
