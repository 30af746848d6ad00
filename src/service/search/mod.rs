//! Searching for numbers on sale, from a cache.
//!
//! Upstream is asked for pages of 100 rows, whatever page the caller wants: pages are cut from those, so six
//! callers' pages cost one call. One call serves all who wait for it. An entry is *fresh*, then *stale* (served
//! while one call refreshes it, or while upstream is down), then gone.
//!
//! An answer says until when it may be given again as it is ([`Standing`]), so that the edge can keep it whole.

mod kept;
mod pages;

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tracing::Instrument as _;

use crate::clicksend::{ClickSend, Purpose, ReadError};
use crate::clock::Clock;
use crate::domain::principal::Principal;
use crate::domain::search::{CurrencyBlock, Offer, SearchQuery, UPSTREAM_ROWS};
use crate::metrics::{CacheName, CacheResult, Metrics};
use crate::service::background::Background;
use crate::service::lasting::Lasting;
use crate::service::limits::{KeyedLimit, Rate};
use crate::service::refusal::{Code, Refusal};
use crate::service::single_flight::{Flight, Part, SingleFlight};

use kept::{Common, KeptPage};
use pages::{Entry, Origin, PageKey, Pages};

/// A caller may insist on asking upstream, but not more often than this for one question.
const INSIST_AFTER: Duration = Duration::from_secs(5);

/// Nothing on sale is news that may change soon: an answer without rows is fresh for no longer than this.
const EMPTY_FRESH_FOR: Duration = Duration::from_secs(10);

/// Longer than any call for a page takes, from the wait for its slot to the last byte (`upstream.read_timeout`: 2 minutes at
/// most). A page that was made before a sale comes that much later, and is kept from then on.
const LONGEST_CALL: Duration = Duration::from_mins(3);

/// Numbers that are remembered as sold; whoever sells more within a page's life shows one that is gone, and upstream says so.
const TAKEN: usize = 10_000;

/// How long answers are kept.
#[derive(Clone, Copy, Debug)]
pub struct Freshness {
    /// Served without asking.
    pub fresh_for: Duration,
    /// Served while asking, counted from the start as well.
    pub stale_for: Duration,
    /// Bytes in all.
    pub max_bytes: u64,
}

/// What a caller wants to see.
#[derive(Clone, Debug)]
pub struct SearchRequest {
    /// The question.
    pub query: SearchQuery,
    /// The page, from 1.
    pub page: u32,
    /// Rows on a page, 15 to 100.
    pub limit: u32,
    /// `Cache-Control: no-cache`.
    pub insist: bool,
}

/// One page of the caller's.
#[derive(Clone, Debug)]
pub struct SearchAnswer {
    /// Offers in all.
    pub total: u64,
    /// The rows of this page.
    pub offers: Vec<Offer>,
    /// The currency of the prices.
    pub currency: Option<CurrencyBlock>,
    /// How old the oldest part of the answer is.
    pub age: Duration,
    /// Where it came from.
    pub cache: CacheResult,
    /// Until when it may be given again.
    pub standing: Standing,
}

/// Until when an answer may be given again as it is: while everything in it is fresh, nothing newer is known, and no
/// number was sold since.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The upstream pages it was cut from: two at most, as long as it is no longer than one of them.
    of: [Option<Arc<Origin>>; 2],
    /// [`Inner::sales`] before the first look at what is taken.
    sales: u64,
    searches: Searches,
}

impl Standing {
    /// How old the answer is, if it still stands.
    pub fn age(&self) -> Option<Duration> {
        let inner = &self.searches.0;
        if inner.sales.load(Ordering::SeqCst) != self.sales {
            return None;
        }
        let now = inner.clock.boot();
        let mut oldest = Duration::ZERO;
        for origin in self.of.iter().flatten() {
            if !origin.is_fresh(now) || origin.is_superseded.load(Ordering::Relaxed) {
                return None;
            }
            oldest = oldest.max(origin.age(now));
        }
        Some(oldest)
    }

    /// It was cut from this page as well.
    fn rest_on(&mut self, origin: &Arc<Origin>) {
        match self.of.iter_mut().find(|place| place.is_none()) {
            Some(place) => *place = Some(Arc::clone(origin)),
            // What cannot be watched whole does not stand: so often nothing is ever sold.
            None => self.sales = u64::MAX,
        }
    }
}

type Fetched = Result<Arc<Entry>, ReadError>;

/// The search service. Cheap to clone.
#[derive(Clone)]
pub struct Searches(Arc<Inner>);

impl fmt::Debug for Searches {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Searches")
    }
}

struct Inner {
    upstream: ClickSend,
    pages: Pages,
    common: Common,
    flights: SingleFlight<PageKey, Fetched>,
    /// Numbers that were bought or found gone: cached pages must not offer them any more.
    taken: Lasting<String, ()>,
    /// How often `taken` has changed, counted after each change.
    sales: AtomicU64,
    freshness: Freshness,
    misses: KeyedLimit,
    clock: Clock,
    metrics: Metrics,
}

impl Searches {
    /// An empty cache.
    pub fn new(
        upstream: ClickSend,
        freshness: Freshness,
        misses: KeyedLimit,
        background: Background,
        clock: Clock,
        metrics: Metrics,
    ) -> Self {
        // Longer than any page that may still show the number.
        let remembered = freshness.stale_for + LONGEST_CALL;
        let taken = Lasting::new(TAKEN, remembered, clock.clone());
        Self(Arc::new(Inner {
            upstream,
            pages: Pages::new(freshness.max_bytes, freshness.stale_for),
            common: Common::new(),
            flights: SingleFlight::new(background),
            taken,
            sales: AtomicU64::new(0),
            freshness,
            misses,
            clock,
            metrics,
        }))
    }

    /// One page of numbers on sale.
    pub async fn search(
        &self,
        principal: &Principal,
        request: &SearchRequest,
    ) -> Result<SearchAnswer, Refusal> {
        if !principal.may_read() {
            return Err(Refusal::new(Code::Forbidden, "the token gives no role here"));
        }
        let first_row = u64::from(request.page.saturating_sub(1)) * u64::from(request.limit);
        let last_row = first_row + u64::from(request.limit) - 1;
        let rows = u64::from(UPSTREAM_ROWS);
        let mut answer = SearchAnswer {
            total: 0,
            offers: Vec::new(),
            currency: None,
            age: Duration::ZERO,
            cache: CacheResult::Hit,
            standing: Standing {
                of: [None, None],
                sales: self.0.sales.load(Ordering::SeqCst),
                searches: self.clone(),
            },
        };
        for index in first_row / rows..=last_row / rows {
            let key = PageKey { query: request.query, page: u32::try_from(index + 1).unwrap_or(u32::MAX) };
            let (entry, cache) = cache_span("search", self.0.entry(principal, key, request.insist)).await?;
            let page_start = index * rows;
            // What was sold is gone before pages are cut, so that a page is short only where upstream's end.
            let on_sale = entry.page.rows().filter(|row| !self.0.taken.has(row.number));
            let wanted = first_row.saturating_sub(page_start)..(last_row + 1).saturating_sub(page_start);
            let cut = (0..wanted.end).zip(on_sale).filter(|(row, _)| wanted.contains(row));
            answer.offers.extend(cut.map(|(_, row)| row.offer()));
            answer.total = entry.page.total;
            answer.currency = entry.page.currency().cloned();
            answer.age = answer.age.max(self.0.age(&entry));
            answer.cache = answer.cache.max(cache);
            answer.standing.rest_on(&entry.origin);
        }
        self.0.metrics.cached(CacheName::Search, answer.cache);
        Ok(answer)
    }

    /// Takes a number out of every page that is kept.
    pub fn forget_number(&self, number: &str) {
        self.0.taken.keep(number.to_owned(), ());
        self.0.sales.fetch_add(1, Ordering::SeqCst);
    }

    /// Lets it be offered again: it certainly was not bought.
    pub fn offer_again(&self, number: &str) {
        self.0.taken.forget(number);
        self.0.sales.fetch_add(1, Ordering::SeqCst);
    }

    /// Another limit for searches that go upstream.
    pub fn limit_misses(&self, rate: Rate) {
        self.0.misses.replace(rate);
    }

    /// How many pages are kept, and what they take by estimate.
    pub fn kept(&self) -> (u64, u64) {
        self.0.pages.size()
    }

    /// Lets go of what nobody uses; for a slow timer.
    pub fn tidy(&self) {
        self.0.misses.forget_idle();
        self.0.taken.tidy();
        self.0.pages.tidy(self.0.clock.boot());
        self.0.common.tidy();
    }
}

/// A look into a cache as a span of its own, with where the answer came from.
pub(super) async fn cache_span<T, F>(cache: &'static str, look: F) -> Result<(T, CacheResult), Refusal>
where
    F: Future<Output = Result<(T, CacheResult), Refusal>>,
{
    let span = tracing::info_span!("cache", cache, result = tracing::field::Empty);
    let looked = look.instrument(span.clone()).await;
    span.record("result", looked.as_ref().map_or("refused", |(_, result)| result.as_str()));
    looked
}

impl Inner {
    async fn entry(
        self: &Arc<Self>,
        principal: &Principal,
        key: PageKey,
        insist: bool,
    ) -> Result<(Arc<Entry>, CacheResult), Refusal> {
        let kept = self.kept(&key);
        match &kept {
            Some(entry) if insist && self.age(entry) >= INSIST_AFTER => {}
            Some(entry) if entry.origin.is_fresh(self.clock.boot()) => {
                return Ok((Arc::clone(entry), CacheResult::Hit));
            }
            Some(entry) if !insist => {
                // A refresh that the limit does not allow is left to the next caller.
                let _ = self.join(principal, &key, Some(entry));
                return Ok((Arc::clone(entry), CacheResult::Stale));
            }
            Some(entry) => return Ok((Arc::clone(entry), CacheResult::Hit)),
            None => {}
        }
        let (flight, cache) = self.join(principal, &key, kept.as_ref())?;
        match (flight.landed().await, kept) {
            (Some(Ok(entry)), _) => Ok((entry, cache)),
            (Some(Err(ReadError::Busy { .. } | ReadError::Unavailable(_))) | None, Some(entry)) => {
                Ok((entry, CacheResult::Stale))
            }
            (Some(Err(error)), _) => Err(error.into()),
            (None, None) => Err(Refusal::new(Code::UpstreamUnavailable, "the search was lost; ask again")),
        }
    }

    /// Joins the call for a page, or begins one; `seen` is what the cache had before.
    fn join(
        self: &Arc<Self>,
        principal: &Principal,
        key: &PageKey,
        seen: Option<&Arc<Entry>>,
    ) -> Result<(Flight<Fetched>, CacheResult), Refusal> {
        let work = || {
            let (inner, key, seen) = (Arc::clone(self), key.clone(), seen.cloned());
            async move {
                // A call may have landed between the look at the cache and here: then there is nothing to ask for any more.
                match inner.kept(&key) {
                    Some(newer) if seen.is_none_or(|seen| !Arc::ptr_eq(&seen, &newer)) => Ok(newer),
                    Some(_) | None => inner.fetch(key).await,
                }
            }
        };
        let flight = self.flights.join(key, || self.misses.charge(principal), work)?;
        let cache = match flight.part {
            Part::Led => CacheResult::Miss,
            Part::Joined => CacheResult::Coalesced,
        };
        Ok((flight, cache))
    }

    async fn fetch(&self, key: PageKey) -> Fetched {
        let fetched = self.clock.boot();
        let page = self.upstream.search(&key.query, key.page, Purpose::People).await?;
        let page = KeptPage::of(page, &self.common);
        let fresh_for = self.freshness.fresh_for;
        let fresh_for = if page.is_empty() { fresh_for.min(EMPTY_FRESH_FOR) } else { fresh_for };
        let origin = Origin { fetched, fresh_for, is_superseded: AtomicBool::new(false) };
        let entry = Arc::new(Entry { page, origin: Arc::new(origin) });
        self.pages.keep(key, Arc::clone(&entry));
        Ok(entry)
    }

    fn kept(&self, key: &PageKey) -> Option<Arc<Entry>> {
        self.pages.get(key, self.clock.boot())
    }

    fn age(&self, entry: &Entry) -> Duration {
        entry.origin.age(self.clock.boot())
    }
}

#[cfg(test)]
mod tests;
