//! The upstream pages that are kept: so many bytes of them, and each until it is too old for anybody.
//!
//! How old a page is, is looked at where it is met, by the gateway's own clock. One that nobody meets any more goes with
//! the slow timer, or before that where its room is needed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::kept::KeptPage;
use crate::domain::search::SearchQuery;

/// A guess at how many pages there will be, by which the cache sizes itself at its beginning.
const USUALLY: usize = 1_000;

/// The pages by what was asked for.
#[derive(Debug)]
pub(super) struct Pages {
    kept: Cache<PageKey, Arc<Entry>, ByBytes>,
    stale_for: Duration,
}

/// What upstream was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct PageKey {
    pub(super) query: SearchQuery,
    pub(super) page: u32,
}

/// A page, and since when it is known.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) page: KeptPage,
    pub(super) origin: Arc<Origin>,
}

/// When an upstream page was asked for, and whether there is a newer one.
#[derive(Debug)]
pub(super) struct Origin {
    pub(super) fetched: Duration,
    pub(super) fresh_for: Duration,
    pub(super) is_superseded: AtomicBool,
}

impl Origin {
    pub(super) const fn age(&self, now: Duration) -> Duration {
        now.saturating_sub(self.fetched)
    }

    pub(super) fn is_fresh(&self, now: Duration) -> bool {
        self.age(now) < self.fresh_for
    }
}

impl Pages {
    /// None yet; never more than so many bytes, and none that is older.
    pub(super) fn new(max_bytes: u64, stale_for: Duration) -> Self {
        Self { kept: Cache::with_weighter(USUALLY, max_bytes, ByBytes), stale_for }
    }

    /// The page, if it may still be shown to anybody.
    pub(super) fn get(&self, key: &PageKey, now: Duration) -> Option<Arc<Entry>> {
        let entry = self.kept.get(key)?;
        if self.is_of_use(&entry, now) {
            return Some(entry);
        }
        // A newer one may have come in between.
        self.kept.remove_if(key, |kept| Arc::ptr_eq(kept, &entry));
        None
    }

    /// Keeps a page, in the place of the older one if there is one.
    pub(super) fn keep(&self, key: PageKey, entry: Arc<Entry>) {
        let older = self.kept.peek(&key);
        self.kept.insert(key, entry);
        if let Some(older) = older {
            older.origin.is_superseded.store(true, Ordering::Relaxed);
        }
    }

    /// How many there are, and what they take by estimate.
    pub(super) fn size(&self) -> (u64, u64) {
        (u64::try_from(self.kept.len()).unwrap_or(u64::MAX), self.kept.weight())
    }

    /// Lets go of what is too old for anybody.
    pub(super) fn tidy(&self, now: Duration) {
        self.kept.retain(|_, entry| self.is_of_use(entry, now));
    }

    fn is_of_use(&self, entry: &Entry, now: Duration) -> bool {
        entry.origin.age(now) < self.stale_for
    }
}

#[derive(Clone, Debug)]
struct ByBytes;

impl Weighter<PageKey, Arc<Entry>> for ByBytes {
    /// Roughly the bytes an entry takes, with what the cache itself needs for it.
    fn weight(&self, key: &PageKey, entry: &Arc<Entry>) -> u64 {
        /// Key and place in the table, when it was fetched, and what the allocator needs for each.
        const HELD: usize = 250;
        u64::try_from(HELD + key.query.digits().len() + entry.page.bytes()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]

    use std::sync::Arc;
    use std::time::Duration;

    use super::{Entry, Origin, PageKey, Pages};
    use crate::domain::search::{Offer, OfferPage, SearchMode, SearchQuery};
    use crate::service::search::kept::{Common, KeptPage};

    const SECOND: Duration = Duration::from_secs(1);

    fn key(digits: u32) -> PageKey {
        let query = SearchQuery::new("AU".parse().unwrap(), &digits.to_string(), SearchMode::Anywhere);
        PageKey { query, page: 1 }
    }

    fn entry(rows: usize, fetched: Duration, common: &Common) -> Arc<Entry> {
        let offer = |row| Offer { dedicated_number: format!("+6149157{row:04}"), ..Offer::default() };
        let offers = (0..rows).map(offer).collect();
        let page = KeptPage::of(OfferPage { total: 15, offers, currency: None }, common);
        let origin = Origin { fetched, fresh_for: SECOND, is_superseded: false.into() };
        Arc::new(Entry { page, origin: Arc::new(origin) })
    }

    #[test]
    fn what_is_too_old_is_gone_whether_it_is_met_or_not() {
        let (pages, common) = (Pages::new(1 << 20, 10 * SECOND), Common::new());
        for digits in [1, 2, 3] {
            pages.keep(key(digits), entry(15, digits * SECOND, &common));
        }
        assert!(pages.get(&key(1), 10 * SECOND).is_some());
        assert!(pages.get(&key(1), 11 * SECOND).is_none());
        assert_eq!(pages.size().0, 2, "it was met");
        pages.tidy(12 * SECOND);
        assert_eq!(pages.size().0, 1, "nobody had to meet it");
        assert!(pages.get(&key(3), 12 * SECOND).is_some());
    }

    #[test]
    fn the_older_page_of_a_question_is_told_that_there_is_a_newer_one() {
        let (pages, common) = (Pages::new(1 << 20, 10 * SECOND), Common::new());
        let [older, newer] = [1, 2].map(|second| entry(15, second * SECOND, &common));
        pages.keep(key(1), Arc::clone(&older));
        pages.keep(key(1), Arc::clone(&newer));
        assert!(Arc::ptr_eq(&pages.get(&key(1), 3 * SECOND).unwrap(), &newer));
        assert_eq!(
            [older, newer].map(|of| of.origin.is_superseded.load(super::Ordering::Relaxed)),
            [true, false]
        );
    }

    #[test]
    fn as_many_are_kept_as_there_is_room_for() {
        const BYTES: u64 = 1 << 20;
        let (pages, common) = (Pages::new(BYTES, SECOND), Common::new());
        for digits in 0..5_000 {
            pages.keep(key(digits), entry(15, Duration::ZERO, &common));
        }
        let (count, bytes) = pages.size();
        assert!(bytes <= BYTES && bytes > BYTES / 10 * 9, "{count} pages, {bytes} bytes");
        pages.keep(key(0), entry(100, Duration::ZERO, &common));
        assert!(pages.get(&key(0), Duration::ZERO).is_some(), "a full page has a place as well");
    }
}
