//! The account's own numbers: one complete list for everybody, kept in the store, filtered here.
//!
//! Upstream is asked for the whole list at once, by one caller for all who wait, and the list counts only when it
//! is whole: every page says the same total, and that many rows came.

mod filter;
mod listing;
mod mirror;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::clicksend::{ClickSend, ListFilter, Purpose};
use crate::clock::Clock;
use crate::domain::billing::Billing;
use crate::domain::number::DedicatedNumber;
use crate::domain::owned::OwnedNumber;
use crate::domain::principal::{Principal, TeamId};
use crate::domain::search::CurrencyBlock;
use crate::metrics::{CacheName, CacheResult, Metrics};
use crate::service::background::Background;
use crate::service::refusal::{Code, Refusal};
use crate::service::search::cache_span;
use crate::service::single_flight::{Flight, Part, SingleFlight};
use crate::store::{self, Session, Store, StoreError};

use listing::{Asking, WholeList};

pub use filter::{FilterKey, OwnedFilter};

/// While upstream is down, an old list beats none, for a day.
const SERVED_STALE_FOR: Duration = Duration::from_hours(24);

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

/// What one reading of upstream's list gave: evidence for whoever waits for a number to appear or to be absent.
#[derive(Clone, Debug)]
pub struct Reading {
    /// [`Clock::boot`] before the first page was asked for.
    pub begun: Duration,
    /// Every row of every page that came, also of lists that were thrown away.
    pub rows: Arc<Vec<OwnedNumber>>,
    listing: Result<Listing, Refusal>,
    /// It was read to its end, often enough, and its pages never belonged together.
    pub contradicts_itself: bool,
}

impl Reading {
    /// Why it is no complete list, if it is none: then nothing follows from what it lacks.
    pub fn fault(&self) -> Option<&Refusal> {
        self.listing.as_ref().err()
    }
}

/// The owned numbers. Cheap to clone.
#[derive(Clone)]
pub struct OwnedNumbers(Arc<Inner>);

/// How the list is kept and shown.
#[derive(Clone, Debug)]
pub struct OwnedSettings {
    /// Served without asking.
    pub fresh_for: Duration,
    /// How long a caller waits for a list that is being read; the reading goes on.
    pub answer_within: Duration,
    /// Whether numbers without a team are everybody's to see.
    pub preexisting_visible_to_all: bool,
    /// How upstream bills.
    pub billing: Billing,
}

struct Inner {
    upstream: ClickSend,
    store: Store,
    settings: OwnedSettings,
    listings: Mutex<BTreeMap<bool, Listing>>,
    flights: SingleFlight<bool, Reading>,
    /// The right to read the table: one at a time, so that no list is followed by an older one.
    table: tokio::sync::Mutex<()>,
    /// The credentials open another account: its list says nothing about ours.
    is_foreign: AtomicBool,
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
            table: tokio::sync::Mutex::default(),
            is_foreign: AtomicBool::new(false),
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
        let (listing, cache) = cache_span("numbers", self.0.shown(false)).await?;
        self.0.metrics.cached(CacheName::Numbers, cache);
        let without_campaign =
            if filter.exclude_10dlc_campaign { Some(self.0.shown(true).await?.0) } else { None };
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

    /// Makes sure that the table of owned numbers is no older than `max_age`; whether it had to be read for that.
    pub async fn ensure_younger_than(&self, max_age: Duration) -> Result<bool, Refusal> {
        let (_, cache) = self.0.listing(false, max_age, Purpose::Buying).await?;
        Ok(cache != CacheResult::Hit)
    }

    /// Reads the whole list now, or joins whoever is reading it; nothing where it takes longer than `within`.
    pub async fn read(&self, within: Duration) -> Option<Reading> {
        let flight = self.0.reading(false, Purpose::Buying).ok()?;
        tokio::time::timeout(within, flight.landed()).await.ok().flatten()
    }

    /// Whether upstream's list is another account's, and so believed by nobody.
    pub fn ignore_upstream(&self, is_foreign: bool) {
        self.0.is_foreign.store(is_foreign, Ordering::Release);
    }

    /// Whether the caller may see a number that the account owns, going by the table.
    pub async fn sees(&self, principal: &Principal, number: &DedicatedNumber) -> Result<bool, Refusal> {
        let teams = self.teams().await?;
        Ok(self.0.is_visible(principal, teams.get(number.as_str())))
    }

    /// Adds what was just booked into the table, so that the buyer's next list has it.
    pub async fn note(&self, row: OwnedNumber) {
        // Whoever reads the table now may have begun before the booking.
        let _turn = self.0.table.lock().await;
        let mut listings = self.0.listings.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(listing) = listings.get_mut(&false)
            && !listing.numbers.iter().any(|known| known.dedicated_number == row.dedicated_number)
        {
            Arc::make_mut(&mut listing.numbers).push(row);
        }
    }

    /// Takes the table as the store has it now: after a purchase was booked into it.
    pub async fn reread(&self) -> Result<(), Refusal> {
        self.0.reread().await
    }

    /// The team of every number that has one.
    async fn teams(&self) -> Result<BTreeMap<String, TeamId>, Refusal> {
        Ok(self.0.store.read(store::known_numbers::teams).await?)
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

    /// A list younger than `max_age`, from upstream if need be.
    async fn listing(
        self: &Arc<Self>,
        without_campaign: bool,
        max_age: Duration,
        purpose: Purpose,
    ) -> Result<(Listing, CacheResult), Refusal> {
        if let Some(listing) = self.kept(without_campaign).filter(|listing| self.age(listing) < max_age) {
            return Ok((listing, CacheResult::Hit));
        }
        if !without_campaign && let Some(listing) = self.read_by_another(max_age).await? {
            return Ok((listing, CacheResult::Hit));
        }
        let flight = self.reading(without_campaign, purpose)?;
        let cache = match flight.part {
            Part::Led => CacheResult::Miss,
            Part::Joined => CacheResult::Coalesced,
        };
        let landed = tokio::time::timeout(self.settings.answer_within, flight.landed()).await;
        match landed {
            Ok(Some(reading)) => reading.listing.map(|listing| (listing, cache)),
            Ok(None) => Err(Refusal::new(Code::UpstreamUnavailable, "the list was lost; ask again")),
            Err(_) => Err(Refusal::new(
                Code::UpstreamBusy,
                "the list of owned numbers is being read, as fast as ClickSend allows; ask again shortly",
            )
            .retry_after(self.settings.answer_within)),
        }
    }

    /// The list as another replica read it, if it did so less than `max_age` ago.
    async fn read_by_another(&self, max_age: Duration) -> Result<Option<Listing>, Refusal> {
        if *self.store.replicas().borrow() < 2 {
            return Ok(None);
        }
        // Whoever waits here finds what the one before him read.
        let _turn = self.table.lock().await;
        if let Some(listing) = self.kept(false).filter(|listing| self.age(listing) < max_age) {
            return Ok(Some(listing));
        }
        let now = self.clock.boot();
        let found = self
            .store
            .read(move |session| {
                let ago = store::account::scanned_ago(session)?.filter(|ago| *ago < max_age);
                ago.map(|ago| Ok((ago, store::owned::all(session)?, store::owned::currency(session)?)))
                    .transpose()
            })
            .await?;
        let Some((ago, numbers, currency)) = found else { return Ok(None) };
        let read = now.saturating_sub(ago);
        Ok(Some(self.show(false, Listing { numbers: Arc::new(numbers), currency, read })))
    }

    fn reading(
        self: &Arc<Self>,
        without_campaign: bool,
        purpose: Purpose,
    ) -> Result<Flight<Reading>, Refusal> {
        let work = || {
            let inner = Arc::clone(self);
            async move { inner.fetch(without_campaign, purpose).await }
        };
        self.flights.join(&without_campaign, || Ok::<(), Refusal>(()), work)
    }

    /// For showing: a fresh list, else an old one. Nothing may be bought by it.
    async fn shown(self: &Arc<Self>, without_campaign: bool) -> Result<(Listing, CacheResult), Refusal> {
        let refusal = match self.listing(without_campaign, self.settings.fresh_for, Purpose::People).await {
            Ok(found) => return Ok(found),
            Err(refusal) => refusal,
        };
        let kept = self.kept(without_campaign).filter(|listing| self.age(listing) < SERVED_STALE_FOR);
        kept.map(|listing| (listing, CacheResult::Stale)).ok_or(refusal)
    }

    fn kept(&self, without_campaign: bool) -> Option<Listing> {
        self.listings.lock().unwrap_or_else(PoisonError::into_inner).get(&without_campaign).cloned()
    }

    async fn reread(&self) -> Result<(), Refusal> {
        let _turn = self.table.lock().await;
        let (numbers, currency) = self.store.read(table).await?;
        let mut listings = self.listings.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(listing) = listings.get_mut(&false) {
            listing.numbers = Arc::new(numbers);
            listing.currency = currency;
        }
        Ok(())
    }

    fn show(&self, without_campaign: bool, listing: Listing) -> Listing {
        let mut listings = self.listings.lock().unwrap_or_else(PoisonError::into_inner);
        listings.insert(without_campaign, listing.clone());
        listing
    }

    async fn fetch(&self, without_campaign: bool, purpose: Purpose) -> Reading {
        let begun = self.clock.boot();
        let mut seen = Vec::new();
        let filter = ListFilter { exclude_10dlc_campaign: without_campaign };
        let whole = self.complete_list(Asking { filter, purpose }, &mut seen).await;
        let contradicts_itself = matches!(whole, Ok(None));
        let listing = match whole {
            Ok(Some(list)) => self.take_in(without_campaign, begun, list).await,
            Ok(None) => Err(Refusal::new(
                Code::UpstreamUnavailable,
                "ClickSend's list of numbers contradicts itself; nothing was done that rests on it",
            )),
            Err(error) => Err(error.into()),
        };
        Reading { begun, rows: Arc::new(seen), listing, contradicts_itself }
    }

    async fn take_in(
        &self,
        without_campaign: bool,
        begun: Duration,
        (numbers, currency): WholeList,
    ) -> Result<Listing, Refusal> {
        if self.is_foreign.load(Ordering::Acquire) {
            let message =
                "the credentials open another ClickSend account than at first; its list is not believed";
            return Err(Refusal::new(Code::UpstreamUnavailable, message));
        }
        if without_campaign {
            let listing = Listing { numbers: Arc::new(numbers), currency, read: begun };
            return Ok(self.show(true, listing));
        }
        self.keep((numbers, currency), begun).await?;
        // What is booked after the list was kept must not wait for the next one.
        let _turn = self.table.lock().await;
        let (numbers, currency) = self.store.read(table).await?;
        Ok(self.show(false, Listing { numbers: Arc::new(numbers), currency, read: begun }))
    }
}

/// The list as the table has it.
fn table(session: &Session<'_>) -> Result<(Vec<OwnedNumber>, Option<CurrencyBlock>), StoreError> {
    Ok((store::owned::all(session)?, store::owned::currency(session)?))
}
