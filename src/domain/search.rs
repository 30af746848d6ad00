//! Looking for a number that is on sale: the question in one canonical form, and upstream's answer.
//!
//! Equal questions must be equal values, because the value is the key of the cache: whatever upstream would
//! ignore (punctuation, the mode of an empty pattern) is gone before the query exists.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::domain::country::Country;

/// How many rows upstream is asked for: its maximum, so that a caller's pages cost one call.
pub const UPSTREAM_ROWS: u32 = 100;

/// Where in the number the pattern must stand; ClickSend's `search_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SearchMode {
    /// 0: at the start.
    StartsWith,
    /// 1: anywhere.
    Anywhere,
    /// 2: at the end.
    EndsWith,
}

impl SearchMode {
    /// ClickSend's number for it.
    pub const fn search_type(self) -> u8 {
        match self {
            Self::StartsWith => 0,
            Self::Anywhere => 1,
            Self::EndsWith => 2,
        }
    }

    /// The mode for ClickSend's number. Official samples send 56, so everything unknown means "anywhere".
    pub const fn from_search_type(search_type: i64) -> Self {
        match search_type {
            0 => Self::StartsWith,
            2 => Self::EndsWith,
            _ => Self::Anywhere,
        }
    }
}

/// The length of the longest number.
const LONGEST: usize = 15;

/// What is looked for. As the key of thousands of pages it holds its few digits in itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SearchQuery {
    country: Country,
    /// Zeros behind the last.
    digits: [u8; LONGEST],
    count: u8,
    mode: SearchMode,
}

impl SearchQuery {
    /// A query for a pattern as people and SDKs write it. Everything but digits is dropped (`+1 228`), then at
    /// most 15 digits remain, the length of the longest number.
    pub fn new(country: Country, pattern: &str, mode: SearchMode) -> Self {
        let (mut digits, mut count) = ([0; LONGEST], 0);
        for (place, digit) in digits.iter_mut().zip(pattern.bytes().filter(u8::is_ascii_digit)) {
            (*place, count) = (digit, count + 1);
        }
        let mode = if count == 0 { SearchMode::Anywhere } else { mode };
        Self { country, digits, count, mode }
    }

    /// The country that sells the number.
    pub const fn country(&self) -> Country {
        self.country
    }

    /// The pattern; empty means every number.
    pub fn digits(&self) -> &str {
        let digits = self.digits.get(..usize::from(self.count)).unwrap_or_default();
        str::from_utf8(digits).unwrap_or_default()
    }

    /// Where the pattern must stand.
    pub const fn mode(&self) -> SearchMode {
        self.mode
    }
}

/// One number on sale, as upstream describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offer {
    /// The number, in E.164 as far as upstream keeps to it.
    pub dedicated_number: String,
    /// Everything else, which many numbers have in common.
    pub terms: Arc<Terms>,
}

/// What upstream says of a number on sale beside the number. Prices keep upstream's own decimals, whatever their scale.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Terms {
    /// The country's two letters.
    pub country: Option<String>,
    /// The country in words.
    pub country_name: Option<String>,
    /// Once, a decimal.
    pub price_setup: Option<String>,
    /// Every month, a decimal.
    pub price_monthly: Option<String>,
    /// What upstream says the first charge is; may be pro-rated, so it is shown and never calculated with.
    pub price_total: Option<String>,
    /// `local` or nothing.
    pub address_requirement: Option<String>,
}

/// The currency block that ClickSend adds to prices; all texts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CurrencyBlock {
    /// ISO 4217, like AUD.
    pub currency_name_short: Option<String>,
    /// The sign before dollars.
    pub currency_prefix_d: Option<String>,
    /// The sign before cents.
    pub currency_prefix_c: Option<String>,
    /// In words.
    pub currency_name_long: Option<String>,
}

/// One upstream page of up to [`UPSTREAM_ROWS`] offers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OfferPage {
    /// How many offers there are in all.
    pub total: u64,
    /// The rows of this page.
    pub offers: Vec<Offer>,
    /// The currency of all prices; absent on old shapes and empty answers.
    pub currency: Option<CurrencyBlock>,
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]

    use super::{SearchMode, SearchQuery};

    #[test]
    fn equal_questions_are_equal_keys() {
        let us = "US".parse().unwrap();
        let query = |pattern: &str, mode| SearchQuery::new(us, pattern, mode);
        assert_eq!(query("+1 228", SearchMode::StartsWith), query("1-228", SearchMode::StartsWith));
        assert_eq!(query("", SearchMode::EndsWith), query("abc", SearchMode::StartsWith));
        assert_ne!(query("1228", SearchMode::StartsWith), query("1228", SearchMode::EndsWith));
        assert_eq!(query(&"9".repeat(99), SearchMode::Anywhere).digits(), "9".repeat(15));
        assert_eq!(query("+1 2\u{0663}28", SearchMode::Anywhere).digits(), "1228");
    }

    #[test]
    fn unknown_search_types_mean_anywhere() {
        assert_eq!(SearchMode::from_search_type(56), SearchMode::Anywhere);
        for mode in [SearchMode::StartsWith, SearchMode::Anywhere, SearchMode::EndsWith] {
            assert_eq!(SearchMode::from_search_type(i64::from(mode.search_type())), mode);
        }
    }
}
