//! The numbers that are for sale now.
//!
//! A country's list is made when it is first asked for. A number that was sold is remembered as taken and
//! disappears from search at once.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::countries::{COUNTRIES, Country};

/// A telephone number with its plus, as ClickSend writes it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct Number(String);

impl Number {
    /// Takes `+61491570006` and `61491570006`; everything but a plus and digits is no number.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('+').unwrap_or(text);
        let sound = (8..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        sound.then(|| Self(format!("+{digits}")))
    }

    pub(super) fn text(&self) -> &str {
        &self.0
    }

    pub(super) fn digits(&self) -> &str {
        self.0.trim_start_matches('+')
    }
}

/// Where in a number the pattern has to stand: ClickSend's `search_type` 0, 1, 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Start,
    Anywhere,
    End,
}

/// Whether a pattern that is a whole number finds it. Nobody outside ClickSend knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum FullDigits {
    #[default]
    Found,
    NotFound,
}

/// What is looked for: digits, and where they stand. No digits find everything.
#[derive(Debug)]
pub(super) struct Pattern {
    pub(super) digits: String,
    pub(super) place: Place,
    pub(super) full_digits: FullDigits,
}

impl Pattern {
    fn matches(&self, number: &Number) -> bool {
        let digits = number.digits();
        if self.full_digits == FullDigits::NotFound && digits == self.digits {
            return false;
        }
        match self.place {
            Place::Start => digits.starts_with(&self.digits),
            Place::Anywhere => digits.contains(&self.digits),
            Place::End => digits.ends_with(&self.digits),
        }
    }
}

/// The shop's stock.
#[derive(Debug)]
pub(super) struct Inventory {
    seed: u64,
    made: BTreeMap<&'static str, Vec<Number>>,
    taken: BTreeSet<Number>,
}

impl Inventory {
    pub(super) const fn new(seed: u64) -> Self {
        Self { seed, made: BTreeMap::new(), taken: BTreeSet::new() }
    }

    /// The matching numbers that are still for sale, ascending.
    pub(super) fn matching(
        &mut self,
        country: &'static Country,
        pattern: &Pattern,
    ) -> impl Iterator<Item = &Number> {
        let seed = self.seed;
        let numbers = self.made.entry(country.code).or_insert_with(|| country.numbers(seed));
        let taken = &self.taken;
        numbers.iter().filter(move |number| !taken.contains(number) && pattern.matches(number))
    }

    /// The first number of a country that is still for sale.
    pub(super) fn first(&mut self, country: &'static Country) -> Option<Number> {
        let all = Pattern { digits: String::new(), place: Place::Anywhere, full_digits: FullDigits::Found };
        self.matching(country, &all).next().cloned()
    }

    /// The country that sells this number, unless it is taken or never was for sale.
    pub(super) fn seller(&mut self, number: &Number) -> Option<&'static Country> {
        let seed = self.seed;
        let country = COUNTRIES.iter().find(|country| {
            number.digits().starts_with(country.calling_code)
                && self
                    .made
                    .entry(country.code)
                    .or_insert_with(|| country.numbers(seed))
                    .binary_search(number)
                    .is_ok()
        })?;
        (!self.taken.contains(number)).then_some(country)
    }

    /// Removes a number from the shop; false where it was not for sale.
    pub(super) fn take(&mut self, number: &Number) -> bool {
        self.seller(number).is_some() && self.taken.insert(number.clone())
    }

    /// Puts a number back that was taken.
    pub(super) fn offer_again(&mut self, number: &Number) {
        self.taken.remove(number);
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]

    use super::{Country, FullDigits, Inventory, Number, Pattern, Place};

    fn all(seed: u64, code: &str) -> Vec<Number> {
        Country::by_code(code).unwrap().numbers(seed)
    }

    #[test]
    fn a_pattern_is_looked_for_where_the_search_type_says() {
        let mut inventory = Inventory::new(1);
        let au = Country::by_code("au").unwrap();
        let sample = inventory.first(au).unwrap();
        let mut count = |digits: &str, place, full_digits| {
            let digits = digits.to_owned();
            inventory.matching(au, &Pattern { digits, place, full_digits }).count()
        };
        assert_eq!(count("614915", Place::Start, FullDigits::Found), all(1, "AU").len());
        assert_eq!(count("4915", Place::Start, FullDigits::Found), 0);
        assert_eq!(count("4915", Place::Anywhere, FullDigits::Found), all(1, "AU").len());
        assert_eq!(count(sample.digits(), Place::Anywhere, FullDigits::Found), 1);
        assert_eq!(count(sample.digits(), Place::Anywhere, FullDigits::NotFound), 0);
        assert_eq!(count(sample.digits().get(4..).unwrap(), Place::End, FullDigits::NotFound), 1);
    }

    #[test]
    fn a_taken_number_is_gone_at_once_and_cannot_be_taken_twice() {
        let mut inventory = Inventory::new(1);
        let us = Country::by_code("US").unwrap();
        let number = inventory.first(us).unwrap();
        assert_eq!(inventory.seller(&number).unwrap().code, "US");
        assert!(inventory.take(&number) && !inventory.take(&number));
        assert!(inventory.seller(&number).is_none());
        assert_ne!(inventory.first(us), Some(number));
    }
}
