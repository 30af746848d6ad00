//! Searching for numbers on sale, from a cache.
//!
//! Upstream is asked for pages of 100 rows, whatever page the caller wants: pages are cut from those, so six
//! callers' pages cost one call. One call serves all who wait for it. An entry is *fresh*, then *stale* (served
//! while one call refreshes it, or while upstream is down), then gone.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use moka::future::Cache;
use tracing::Instrument as _;

use crate::clicksend::{ClickSend, Purpose, ReadError};
use crate::clock::Clock;
use crate::domain::principal::Principal;
use crate::domain::search::{CurrencyBlock, Offer, OfferPage, SearchQuery, UPSTREAM_ROWS};
use crate::metrics::{CacheName, CacheResult, Metrics};
use crate::service::background::Background;
use crate::service::limits::{PersonLimit, Rate};
use crate::service::refusal::{Code, Refusal};
use crate::service::single_flight::{Flight, Part, SingleFlight};

/// A caller may insist on asking upstream, but not more often than this for one question.
const INSIST_AFTER: Duration = Duration::from_secs(5);

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
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct PageKey {
    query: SearchQuery,
    page: u32,
}

struct Entry {
    page: OfferPage,
    fetched: Duration,
}

type Fetched = Result<Arc<Entry>, ReadError>;

/// The search service. Cheap to clone.
#[derive(Clone)]
pub struct Searches(Arc<Inner>);

struct Inner {
    upstream: ClickSend,
    pages: Cache<PageKey, Arc<Entry>>,
    flights: SingleFlight<PageKey, Fetched>,
    /// Numbers that were bought or found gone: cached pages must not offer them any more.
    taken: moka::sync::Cache<String, ()>,
    freshness: Freshness,
    misses: PersonLimit,
    clock: Clock,
    metrics: Metrics,
}

impl Searches {
    /// An empty cache.
    pub fn new(
        upstream: ClickSend,
        freshness: Freshness,
        misses: PersonLimit,
        background: Background,
        clock: Clock,
        metrics: Metrics,
    ) -> Self {
        let pages = Cache::builder()
            .max_capacity(freshness.max_bytes)
            .weigher(|key: &PageKey, entry: &Arc<Entry>| weight(key, entry))
            .time_to_live(freshness.stale_for)
            .build();
        let taken =
            moka::sync::Cache::builder().max_capacity(10_000).time_to_live(freshness.stale_for).build();
        Self(Arc::new(Inner {
            upstream,
            pages,
            flights: SingleFlight::new(background),
            taken,
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
        };
        for index in first_row / rows..=last_row / rows {
            let key =
                PageKey { query: request.query.clone(), page: u32::try_from(index + 1).unwrap_or(u32::MAX) };
            let (entry, cache) = cache_span("search", self.0.entry(principal, key, request.insist)).await?;
            let page_start = index * rows;
            // What was sold is gone before pages are cut, so that a page is short only where upstream's end.
            let on_sale =
                entry.page.offers.iter().filter(|offer| !self.0.taken.contains_key(&offer.dedicated_number));
            let cut = on_sale.zip(page_start..).filter(|(_, row)| (first_row..=last_row).contains(row));
            answer.offers.extend(cut.map(|(offer, _)| offer.clone()));
            answer.total = entry.page.total;
            answer.currency.clone_from(&entry.page.currency);
            answer.age = answer.age.max(self.0.age(&entry));
            answer.cache = answer.cache.max(cache);
        }
        self.0.metrics.cached(CacheName::Search, answer.cache);
        Ok(answer)
    }

    /// Takes a number out of every page that is kept.
    pub fn forget_number(&self, number: &str) {
        self.0.taken.insert(number.to_owned(), ());
    }

    /// Lets it be offered again: it certainly was not bought.
    pub fn offer_again(&self, number: &str) {
        self.0.taken.invalidate(number);
    }

    /// Another limit for searches that go upstream.
    pub fn limit_misses(&self, rate: Rate) {
        self.0.misses.replace(rate);
    }

    /// How many pages are kept, and what they take by estimate.
    pub async fn kept(&self) -> (u64, u64) {
        // The cache counts when it tidies up.
        self.0.pages.run_pending_tasks().await;
        (self.0.pages.entry_count(), self.0.pages.weighted_size())
    }

    /// Lets go of what nobody uses; for a slow timer.
    pub fn tidy(&self) {
        self.0.misses.forget_idle();
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
        let kept = self.pages.get(&key).await;
        match &kept {
            Some(entry) if insist && self.age(entry) >= INSIST_AFTER => {}
            Some(entry) if self.age(entry) < self.freshness.fresh_for => {
                return Ok((Arc::clone(entry), CacheResult::Hit));
            }
            Some(entry) if !insist => {
                // A refresh that the limit does not allow is left to the next caller.
                let _ = self.join(principal, &key);
                return Ok((Arc::clone(entry), CacheResult::Stale));
            }
            Some(entry) => return Ok((Arc::clone(entry), CacheResult::Hit)),
            None => {}
        }
        let (flight, cache) = self.join(principal, &key)?;
        match (flight.landed().await, kept) {
            (Some(Ok(entry)), _) => Ok((entry, cache)),
            (Some(Err(ReadError::Busy { .. } | ReadError::Unavailable(_))) | None, Some(entry)) => {
                Ok((entry, CacheResult::Stale))
            }
            (Some(Err(error)), _) => Err(error.into()),
            (None, None) => Err(Refusal::new(Code::UpstreamUnavailable, "the search was lost; ask again")),
        }
    }

    fn join(
        self: &Arc<Self>,
        principal: &Principal,
        key: &PageKey,
    ) -> Result<(Flight<Fetched>, CacheResult), Refusal> {
        let work = || {
            let (inner, key) = (Arc::clone(self), key.clone());
            async move { inner.fetch(key).await }
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
        let entry = Arc::new(Entry { page, fetched });
        self.pages.insert(key, Arc::clone(&entry)).await;
        Ok(entry)
    }

    fn age(&self, entry: &Entry) -> Duration {
        self.clock.boot().saturating_sub(entry.fetched)
    }
}

/// Roughly the bytes an entry takes: the texts of a row and what holds them together.
fn weight(key: &PageKey, entry: &Entry) -> u32 {
    const ROW: usize = 360;
    let bytes = 256 + key.query.digits().len() + entry.page.offers.len() * ROW;
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
