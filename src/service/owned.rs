//! The account's own numbers: one complete list for everybody, kept in the store, filtered here.
//!
//! Upstream is asked for the whole list at once, by one caller for all who wait, and the list counts only when it
//! is whole: every page says the same total, and that many rows came.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::clicksend::{ClickSend, ListFilter, Purpose, ReadError};
use crate::clock::Clock;
use crate::domain::audit::{Actor, AuditEvent, Target};
use crate::domain::number::DedicatedNumber;
use crate::domain::owned::OwnedNumber;
use crate::domain::principal::{Principal, TeamId};
use crate::domain::search::CurrencyBlock;
use crate::metrics::{CacheName, CacheResult, Metrics};
use crate::service::background::Background;
use crate::service::refusal::{Code, Refusal};
use crate::service::single_flight::{Part, SingleFlight};
use crate::store::{self, Store, StoreError, Tx};

/// A list that keeps changing under us, or lies, is asked for this often before we say that it cannot be had.
const TRIES: u32 = 3;
/// Bound of one list: 500 pages of 100. An account beyond that needs another design.
const MAX_PAGES: u32 = 500;
/// While upstream is down, an old list beats none, for a day.
const SERVED_STALE_FOR: Duration = Duration::from_hours(24);
/// A number that we bought may appear in upstream's list later than its receipt; until then ours counts.
const OWN_PURCHASE_COUNTS_FOR: jiff::SignedDuration = jiff::SignedDuration::from_mins(15);

/// What a caller wants to see: `ClickSend`'s own filters.
#[derive(Clone, Debug, Default)]
pub struct OwnedFilter {
    /// `q`: every pair must hold.
    pub all: Vec<(FilterKey, String)>,
    /// `q2`: further message types, any of which does as well.
    pub or_types: Vec<String>,
    /// `excluding_number_type`.
    pub without_number_types: Vec<String>,
    /// `exclude_10dlc_campaign`: upstream alone can tell.
    pub exclude_10dlc_campaign: bool,
}

/// What `q` may ask about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilterKey {
    /// `type`
    MessageType,
    /// `number_type`
    NumberType,
    /// `country`
    Country,
}

impl OwnedFilter {
    fn admits(&self, number: &OwnedNumber) -> bool {
        let is = |field: Option<&String>, value: &str| {
            field.is_some_and(|field| field.eq_ignore_ascii_case(value))
        };
        let all = self.all.iter().all(|(key, value)| match key {
            FilterKey::MessageType => {
                is(number.message_type.as_ref(), value)
                    || self.or_types.iter().any(|other| is(number.message_type.as_ref(), other))
            }
            FilterKey::NumberType => is(number.number_type.as_ref(), value),
            FilterKey::Country => is(number.country.as_ref(), value),
        });
        let asks_for_type = self.all.iter().any(|(key, _)| *key == FilterKey::MessageType);
        let or_types = asks_for_type
            || self.or_types.is_empty()
            || self.or_types.iter().any(|value| is(number.message_type.as_ref(), value));
        let excluded = self.without_number_types.iter().any(|value| is(number.number_type.as_ref(), value));
        all && or_types && !excluded
    }
}

/// One page of owned numbers.
#[derive(Clone, Debug)]
pub struct OwnedAnswer {
    /// Rows in all, after filters and visibility.
    pub total: usize,
    /// The rows of this page.
    pub numbers: Vec<OwnedNumber>,
    /// The currency of the prices.
    pub currency: Option<CurrencyBlock>,
    /// How old the list is.
    pub age: Duration,
    /// Where it came from.
    pub cache: CacheResult,
}

/// A complete list at a moment.
#[derive(Clone, Debug)]
struct Listing {
    numbers: Arc<Vec<OwnedNumber>>,
    currency: Option<CurrencyBlock>,
    read: Duration,
}

type WholeList = (Vec<OwnedNumber>, Option<CurrencyBlock>);

/// What one reading of all pages gave.
enum Scan {
    /// A list that agrees with itself.
    Whole(WholeList),
    /// The same, but for rows that stand there twice.
    Twins(WholeList),
    /// Pages that do not belong together.
    Torn,
}

/// The owned numbers. Cheap to clone.
#[derive(Clone)]
pub struct OwnedNumbers(Arc<Inner>);

/// How the list is kept and shown.
#[derive(Clone, Copy, Debug)]
pub struct OwnedSettings {
    /// Served without asking.
    pub fresh_for: Duration,
    /// Whether numbers without a team are everybody's to see.
    pub preexisting_visible_to_all: bool,
}

struct Inner {
    upstream: ClickSend,
    store: Store,
    settings: OwnedSettings,
    listings: Mutex<BTreeMap<bool, Listing>>,
    flights: SingleFlight<bool, Result<Listing, Refusal>>,
    clock: Clock,
    metrics: Metrics,
}

impl OwnedNumbers {
    /// A service that has not asked yet.
    pub fn new(
        upstream: ClickSend,
        store: Store,
        settings: OwnedSettings,
        background: Background,
        clock: Clock,
        metrics: Metrics,
    ) -> Self {
        Self(Arc::new(Inner {
            upstream,
            store,
            settings,
            listings: Mutex::default(),
            flights: SingleFlight::new(background),
            clock,
            metrics,
        }))
    }

    /// One page of the numbers that the caller may see, `page` from 1.
    pub async fn list(
        &self,
        principal: &Principal,
        filter: &OwnedFilter,
        page: u32,
        limit: u32,
    ) -> Result<OwnedAnswer, Refusal> {
        if !principal.may_read() {
            return Err(Refusal::new(Code::Forbidden, "the token gives no role here"));
        }
        let (listing, cache) = self.0.listing(false, self.0.settings.fresh_for).await?;
        self.0.metrics.cached(CacheName::Numbers, cache);
        let without_campaign = if filter.exclude_10dlc_campaign {
            Some(self.0.listing(true, self.0.settings.fresh_for).await?.0)
        } else {
            None
        };
        let shown_by_upstream: Option<BTreeSet<&str>> = without_campaign
            .as_ref()
            .map(|listing| listing.numbers.iter().map(|number| number.dedicated_number.as_str()).collect());
        let teams = self.teams().await?;
        let visible: Vec<&OwnedNumber> = listing
            .numbers
            .iter()
            .filter(|number| self.0.is_visible(principal, teams.get(&number.dedicated_number)))
            .filter(|number| filter.admits(number))
            .filter(|number| {
                shown_by_upstream
                    .as_ref()
                    .is_none_or(|shown| shown.contains(number.dedicated_number.as_str()))
            })
            .collect();
        let skip =
            usize::try_from(u64::from(page.saturating_sub(1)) * u64::from(limit)).unwrap_or(usize::MAX);
        let take = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(OwnedAnswer {
            total: visible.len(),
            numbers: visible.into_iter().skip(skip).take(take).cloned().collect(),
            currency: listing.currency.clone(),
            age: self.0.age(&listing),
            cache,
        })
    }

    /// Makes sure that the table of owned numbers is no older than `max_age`.
    pub async fn ensure_younger_than(&self, max_age: Duration) -> Result<(), Refusal> {
        self.0.listing(false, max_age).await.map(|_| ())
    }

    /// Whether the caller may see a number that the account owns, going by the table.
    pub async fn sees(&self, principal: &Principal, number: &DedicatedNumber) -> Result<bool, Refusal> {
        let teams = self.teams().await?;
        Ok(self.0.is_visible(principal, teams.get(number.as_str())))
    }

    /// Takes the table as the store has it now: after a purchase was booked into it.
    pub async fn reread(&self) -> Result<(), Refusal> {
        let (numbers, currency) = self
            .0
            .store
            .read(|session| Ok((store::owned::all(session)?, store::owned::currency(session)?)))
            .await?;
        let mut listings = self.0.listings.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(listing) = listings.get_mut(&false) {
            listing.numbers = Arc::new(numbers);
            listing.currency = currency;
        }
        Ok(())
    }

    /// The team of every number that the gateway bought.
    async fn teams(&self) -> Result<BTreeMap<String, TeamId>, Refusal> {
        let teams = self.0.store.read(store::purchases::teams_of_bought).await?;
        Ok(teams.into_iter().map(|(number, team)| (number.to_string(), team)).collect())
    }
}

impl Inner {
    fn is_visible(&self, principal: &Principal, team: Option<&TeamId>) -> bool {
        match team {
            Some(team) => principal.sees_team(team),
            None => self.settings.preexisting_visible_to_all || principal.sees_all_teams(),
        }
    }

    fn age(&self, listing: &Listing) -> Duration {
        self.clock.boot().saturating_sub(listing.read)
    }

    async fn listing(
        self: &Arc<Self>,
        without_campaign: bool,
        max_age: Duration,
    ) -> Result<(Listing, CacheResult), Refusal> {
        let kept =
            self.listings.lock().unwrap_or_else(PoisonError::into_inner).get(&without_campaign).cloned();
        if let Some(listing) = kept.as_ref().filter(|listing| self.age(listing) < max_age) {
            return Ok((listing.clone(), CacheResult::Hit));
        }
        let work = || {
            let inner = Arc::clone(self);
            async move { inner.fetch(without_campaign).await }
        };
        let flight = self.flights.join(&without_campaign, || Ok::<(), Refusal>(()), work)?;
        let cache = match flight.part {
            Part::Led => CacheResult::Miss,
            Part::Joined => CacheResult::Coalesced,
        };
        let stale =
            kept.filter(|listing| self.age(listing) < SERVED_STALE_FOR && max_age <= self.settings.fresh_for);
        match (flight.landed().await, stale) {
            (Some(Ok(listing)), _) => Ok((listing, cache)),
            (Some(Err(_)) | None, Some(listing)) => Ok((listing, CacheResult::Stale)),
            (Some(Err(refusal)), None) => Err(refusal),
            (None, None) => Err(Refusal::new(Code::UpstreamUnavailable, "the list was lost; ask again")),
        }
    }

    async fn fetch(&self, without_campaign: bool) -> Result<Listing, Refusal> {
        let read = self.clock.boot();
        let filter = ListFilter { exclude_10dlc_campaign: without_campaign };
        let (numbers, currency) = self.complete_list(filter).await?;
        let numbers = if without_campaign { numbers } else { self.keep(numbers, currency.clone()).await? };
        let listing = Listing { numbers: Arc::new(numbers), currency, read };
        self.listings
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(without_campaign, listing.clone());
        Ok(listing)
    }

    async fn complete_list(&self, filter: ListFilter) -> Result<WholeList, Refusal> {
        let mut with_twins = None;
        for _ in 0..TRIES {
            match self.scan(filter).await? {
                Scan::Whole(list) => return Ok(list),
                // One account was seen to list a number twice: believed when two scans in a row say the same.
                Scan::Twins(list) if with_twins.as_ref() == Some(&list) => return Ok(list),
                Scan::Twins(list) => with_twins = Some(list),
                Scan::Torn => {}
            }
        }
        Err(Refusal::new(
            Code::UpstreamUnavailable,
            "ClickSend's list of numbers contradicts itself; nothing was done that rests on it",
        ))
    }

    /// Every page, one after the other.
    async fn scan(&self, filter: ListFilter) -> Result<Scan, ReadError> {
        let first = self.upstream.owned_page(1, filter, Purpose::Buying).await?;
        let (total, last_page) = (first.total, first.last_page.min(MAX_PAGES));
        let (mut numbers, currency) = (first.numbers, first.currency);
        for page in 2..=last_page {
            let next = self.upstream.owned_page(page, filter, Purpose::Buying).await?;
            if next.total != total {
                tracing::warn!(page, "upstream's list changed while it was read; reading it again");
                return Ok(Scan::Torn);
            }
            numbers.extend(next.numbers);
        }
        if u64::try_from(numbers.len()).ok() != Some(total) {
            tracing::warn!(total, counted = numbers.len(), "upstream's list is not whole; reading it again");
            return Ok(Scan::Torn);
        }
        let distinct: BTreeSet<_> = numbers
            .iter()
            .map(|number| (&number.dedicated_number, &number.message_type, &number.number_guid))
            .collect();
        let twins = distinct.len() != numbers.len();
        Ok(if twins { Scan::Twins((numbers, currency)) } else { Scan::Whole((numbers, currency)) })
    }

    /// Puts the list into the store, if it says anything new.
    async fn keep(
        &self,
        numbers: Vec<OwnedNumber>,
        currency: Option<CurrencyBlock>,
    ) -> Result<Vec<OwnedNumber>, Refusal> {
        let kept: Result<_, StoreError> =
            self.store.write(move |tx| replace(tx, numbers, currency.as_ref())).await;
        Ok(kept?)
    }
}

fn replace(
    mut tx: Tx<'_>,
    listed: Vec<OwnedNumber>,
    currency: Option<&CurrencyBlock>,
) -> Result<store::Finished<Vec<OwnedNumber>>, StoreError> {
    let before = store::owned::all(tx.session())?;
    let mut now = listed;
    let booked_after = tx.at() - OWN_PURCHASE_COUNTS_FOR;
    let recent = store::purchases::bought_since(tx.session(), booked_after)?;
    let ours = before.iter().filter(|row| recent.contains(&row.dedicated_number));
    let missing: Vec<OwnedNumber> = ours
        .filter(|row| now.iter().all(|other| other.dedicated_number != row.dedicated_number))
        .cloned()
        .collect();
    now.extend(missing);
    if now == before {
        return tx.unchanged(now);
    }
    store::owned::replace(&mut tx, &now, currency)?;
    let names = |rows: &[OwnedNumber]| -> BTreeSet<String> {
        rows.iter().map(|row| row.dedicated_number.clone()).collect()
    };
    let (old, new) = (names(&before), names(&now));
    let list = |set: BTreeSet<String>| serde_json::Value::from(set.into_iter().take(100).collect::<Vec<_>>());
    let event = AuditEvent::new(
        "owned_numbers.listed",
        Actor::Gateway("owned numbers"),
        Target::new("account", &"numbers"),
    )
    .with("total", now.len())
    .with("appeared", list(&new - &old))
    .with("disappeared", list(&old - &new));
    tx.commit(&event, now)
}

#[cfg(test)]
mod tests {
    use super::{FilterKey, OwnedFilter};
    use crate::domain::owned::OwnedNumber;

    fn number(message_type: &str, number_type: &str, country: &str) -> OwnedNumber {
        OwnedNumber {
            dedicated_number: "+61491570156".into(),
            country: Some(country.into()),
            price: None,
            country_name: None,
            notes: None,
            message_type: Some(message_type.into()),
            number_type: Some(number_type.into()),
            number_category: None,
            number_guid: None,
            form_submission_id: None,
            status: None,
        }
    }

    #[test]
    fn q_joins_with_and_q2_adds_types_and_exclusions_exclude() {
        let row = number("mms", "longcode", "AU");
        let with = |all: &[(FilterKey, &str)], or_types: &[&str], without: &[&str]| OwnedFilter {
            all: all.iter().map(|(key, value)| (*key, (*value).to_owned())).collect(),
            or_types: or_types.iter().map(|text| (*text).to_owned()).collect(),
            without_number_types: without.iter().map(|text| (*text).to_owned()).collect(),
            exclude_10dlc_campaign: false,
        };
        assert!(with(&[], &[], &[]).admits(&row));
        assert!(
            with(&[(FilterKey::Country, "au"), (FilterKey::NumberType, "LongCode")], &[], &[]).admits(&row)
        );
        assert!(!with(&[(FilterKey::Country, "AU"), (FilterKey::MessageType, "sms")], &[], &[]).admits(&row));
        assert!(
            with(&[(FilterKey::Country, "AU"), (FilterKey::MessageType, "sms")], &["mms"], &[]).admits(&row)
        );
        assert!(!with(&[], &["sms"], &[]).admits(&row));
        assert!(!with(&[], &[], &["shortcode", "longcode"]).admits(&row));
    }
}
