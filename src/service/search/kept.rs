//! An upstream page in little room.
//!
//! The rows of a page differ in their number and in little else: country, prices and requirement are the same for dozens
//! of them, and for the next page as well. So the terms are kept once for all pages, and of a row its number and
//! which terms it has. Which row has which is the same again for all pages that have as many rows at one price. Ten thousand
//! pages take some megabytes, where they would take hundreds.

use std::sync::Arc;

use crate::alike::Alike;
use crate::domain::search::{CurrencyBlock, Offer, OfferPage, Terms};

/// Different terms: prices of a country and a kind of number. Beyond that, a page has its own.
const TERMS: usize = 4_096;
/// Different currencies; an account has one.
const CURRENCIES: usize = 64;
/// Different plans; a page of several prices often has its own.
const PLANS: usize = 4_096;

/// The rows of one upstream page.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct KeptPage {
    /// Offers in all.
    pub(super) total: u64,
    /// All numbers, one after the other.
    numbers: Box<str>,
    plan: Arc<Plan>,
}

/// What makes rows of a page's numbers.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Plan {
    currency: Option<Arc<CurrencyBlock>>,
    rows: Box<[Row]>,
    /// What rows say beside their numbers, each once.
    terms: Box<[Arc<Terms>]>,
}

/// What pages have in common.
#[derive(Debug)]
pub(super) struct Common {
    terms: Alike<Terms>,
    currencies: Alike<CurrencyBlock>,
    plans: Alike<Plan>,
}

impl Common {
    pub(super) fn new() -> Self {
        Self {
            terms: Alike::at_most(TERMS),
            currencies: Alike::at_most(CURRENCIES),
            plans: Alike::at_most(PLANS),
        }
    }

    /// Lets go of what no page says any more.
    pub(super) fn tidy(&self) {
        // Plans hold the others.
        self.plans.tidy();
        self.terms.tidy();
        self.currencies.tidy();
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Row {
    /// Where its number ends; it begins where the one before ends.
    end: u32,
    terms: u32,
}

impl KeptPage {
    pub(super) fn of(page: OfferPage, common: &Common) -> Self {
        let length = page.offers.iter().map(|offer| offer.dedicated_number.len()).sum();
        let (mut numbers, mut terms) = (String::with_capacity(length), Vec::<Arc<Terms>>::new());
        let mut rows = Vec::with_capacity(page.offers.len());
        for offer in page.offers {
            numbers.push_str(&offer.dedicated_number);
            // Comparing two that are one costs nothing: an `Arc` looks at that first.
            let known = terms.iter().position(|known| *known == offer.terms);
            let which = known.unwrap_or_else(|| {
                terms.push(offer.terms);
                terms.len() - 1
            });
            // A page is far smaller than four gigabytes; a larger one would lose its rows and nothing else.
            if let (Ok(end), Ok(terms)) = (numbers.len().try_into(), which.try_into()) {
                rows.push(Row { end, terms });
            }
        }
        let terms = terms.into_iter().map(|terms| common.terms.one_or_own(terms)).collect();
        let currency = page.currency.map(|block| common.currencies.one_or_own(Arc::new(block)));
        let plan = Plan { currency, rows: rows.into(), terms };
        Self { total: page.total, numbers: numbers.into(), plan: common.plans.one_or_own(Arc::new(plan)) }
    }

    /// Whether upstream had nothing to offer.
    pub(super) fn is_empty(&self) -> bool {
        self.plan.rows.is_empty()
    }

    /// The currency of the prices.
    pub(super) fn currency(&self) -> Option<&CurrencyBlock> {
        self.plan.currency.as_deref()
    }

    /// The rows: each number, and what makes the whole offer of it.
    pub(super) fn rows(&self) -> impl Iterator<Item = KeptRow<'_>> {
        let mut begin = 0;
        self.plan.rows.iter().filter_map(move |row| {
            let end = usize::try_from(row.end).ok()?;
            let number = self.numbers.get(begin..end)?;
            begin = end;
            Some(KeptRow { number, terms: self.plan.terms.get(usize::try_from(row.terms).ok()?)? })
        })
    }

    /// Bytes, roughly: the texts and what holds them, as if no other page had the same plan and terms.
    pub(super) fn bytes(&self) -> usize {
        const TEXTS_OF_TERMS: usize = 160;
        size_of::<Self>()
            + self.numbers.len()
            + size_of::<Plan>()
            + self.plan.rows.len() * size_of::<Row>()
            + self.plan.terms.len() * (size_of::<Terms>() + TEXTS_OF_TERMS)
    }
}

/// One row.
#[derive(Clone, Copy)]
pub(super) struct KeptRow<'a> {
    pub(super) number: &'a str,
    terms: &'a Arc<Terms>,
}

impl KeptRow<'_> {
    /// The offer as upstream told it.
    pub(super) fn offer(self) -> Offer {
        Offer { dedicated_number: self.number.to_owned(), terms: Arc::clone(self.terms) }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Common, KeptPage};
    use crate::domain::search::{CurrencyBlock, Offer, OfferPage, Terms};

    fn offer(number: &str, price: Option<&str>) -> Offer {
        let terms = Terms {
            country: Some("US".to_owned()),
            price_total: price.map(str::to_owned),
            ..Terms::default()
        };
        Offer { dedicated_number: number.to_owned(), terms: Arc::new(terms) }
    }

    #[test]
    fn what_comes_out_is_what_went_in() {
        for offers in [
            vec![],
            vec![offer("+1228", Some("1.50"))],
            vec![
                offer("+1228", Some("1.50")),
                offer("", None),
                offer("\u{e9}", Some("1.50")),
                offer("+1228", Some("2")),
            ],
        ] {
            let page = OfferPage { total: 7, offers: offers.clone(), currency: None };
            let kept = KeptPage::of(page, &Common::new());
            assert_eq!(kept.rows().map(super::KeptRow::offer).collect::<Vec<_>>(), offers);
            assert_eq!((kept.total, kept.is_empty()), (7, offers.is_empty()));
        }
    }

    #[test]
    fn a_hundred_rows_of_one_price_take_the_room_of_their_numbers() {
        let offers = (0..100).map(|row| offer(&format!("+1228555{row:04}"), Some("1.50"))).collect();
        let (page, common) =
            (OfferPage { total: 100, offers, currency: Some(CurrencyBlock::default()) }, Common::new());
        let [kept, other] = [page.clone(), page].map(|page| KeptPage::of(page, &common));
        assert_eq!(kept.plan.terms.len(), 1);
        assert!(kept.bytes() < 3_000, "{}", kept.bytes());
        assert!(Arc::ptr_eq(&kept.plan, &other.plan), "once for all pages");
    }

    #[test]
    fn pages_that_differ_have_in_common_what_they_can() {
        let common = Common::new();
        let [long, short] = [3, 2].map(|count| {
            let offers = (0..count).map(|row| offer(&format!("+1228555{row:04}"), Some("1.50"))).collect();
            let currency = Some(CurrencyBlock::default());
            KeptPage::of(OfferPage { total: count, offers, currency }, &common)
        });
        assert!(!Arc::ptr_eq(&long.plan, &short.plan));
        let pairs = long.plan.terms.iter().zip(&short.plan.terms);
        assert_eq!(pairs.filter(|(one, other)| Arc::ptr_eq(one, other)).count(), 1);
        let [Some(currency), Some(of_other)] = [&long, &short].map(|page| page.plan.currency.as_ref()) else {
            unreachable!()
        };
        assert!(Arc::ptr_eq(currency, of_other));
    }
}
