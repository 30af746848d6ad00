//! Which numbers there are, and what they cost.
//!
//! A country's numbers follow from the seed alone: the same seed sells the same numbers on every machine. All of
//! them lie in ranges set aside for fiction, or look as if they did.

use super::inventory::Number;
use super::money::Micros;

/// What kind of line a number is: ClickSend's `number_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NumberType {
    Longcode,
    Tollfree,
    TenDlc,
}

impl NumberType {
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Longcode => "longcode",
            Self::Tollfree => "tollfree",
            Self::TenDlc => "10DLC",
        }
    }
}

/// One country's part of the shop.
#[derive(Debug)]
pub(super) struct Country {
    pub(super) code: &'static str,
    pub(super) name: &'static str,
    pub(super) setup: Micros,
    pub(super) monthly: Micros,
    pub(super) address_requirement: Option<&'static str>,
    /// The ranges: calling code, these area codes, this block, then as many free digits.
    pub(super) calling_code: &'static str,
    areas: &'static [&'static str],
    block: &'static str,
    free_digits: usize,
    /// Of eight numbers in the range, how many are for sale.
    eighths: u64,
}

impl Country {
    pub(super) fn by_code(code: &str) -> Option<&'static Self> {
        COUNTRIES.iter().find(|country| country.code.eq_ignore_ascii_case(code))
    }

    /// A guess: 833, 844 and 855 are toll-free in the US; Toronto and Montreal are 10DLC in Canada.
    pub(super) fn type_of(&self, number: &Number) -> NumberType {
        let area = number.digits().get(1..4).unwrap_or_default();
        match (self.code, area) {
            ("US", "833" | "844" | "855") => NumberType::Tollfree,
            ("CA", "416" | "514") => NumberType::TenDlc,
            _ => NumberType::Longcode,
        }
    }

    /// Its numbers by this seed, ascending.
    pub(super) fn numbers(&self, seed: u64) -> Vec<Number> {
        let range = (0..self.free_digits).fold(1_u64, |size, _| size * 10);
        let mut numbers = Vec::new();
        for area in self.areas {
            let stem = format!("+{}{area}{}", self.calling_code, self.block);
            let salt = stem.bytes().fold(seed, |salt, byte| scramble(salt ^ u64::from(byte)));
            let free = (0..range).filter(|index| scramble(salt ^ index) % 8 < self.eighths);
            let width = self.free_digits;
            numbers.extend(free.filter_map(|index| Number::parse(&format!("{stem}{index:0width$}"))));
        }
        numbers
    }
}

/// Invented prices; Australia's is the one in ClickSend's own example. Japan is the dear one.
pub(super) static COUNTRIES: [Country; 6] = [
    Country {
        code: "AU",
        name: "Australia",
        setup: Micros::ZERO,
        monthly: Micros::cents(2_071),
        address_requirement: Some("local"),
        calling_code: "61",
        areas: &["491"],
        block: "570",
        free_digits: 3,
        eighths: 4,
    },
    Country {
        code: "CA",
        name: "Canada",
        setup: Micros::cents(300),
        monthly: Micros::cents(649),
        address_requirement: None,
        calling_code: "1",
        areas: &[
            "204", "226", "250", "289", "306", "403", "416", "418", "438", "506", "514", "519", "579", "604",
            "613", "705", "778", "807", "867", "902",
        ],
        block: "55501",
        free_digits: 2,
        eighths: 6,
    },
    Country {
        code: "GB",
        name: "United Kingdom",
        setup: Micros::ZERO,
        monthly: Micros::cents(1_490),
        address_requirement: None,
        calling_code: "44",
        areas: &["7700"],
        block: "900",
        free_digits: 3,
        eighths: 6,
    },
    Country {
        code: "JP",
        name: "Japan",
        setup: Micros::cents(15_000),
        monthly: Micros::cents(31_000),
        address_requirement: Some("local"),
        calling_code: "81",
        areas: &["50"],
        block: "55500",
        free_digits: 3,
        eighths: 1,
    },
    Country {
        code: "NZ",
        name: "New Zealand",
        setup: Micros::cents(500),
        monthly: Micros::cents(2_835),
        address_requirement: None,
        calling_code: "64",
        areas: &["21"],
        block: "5550",
        free_digits: 3,
        eighths: 2,
    },
    Country {
        code: "US",
        name: "United States",
        setup: Micros::cents(150),
        monthly: Micros::cents(499),
        address_requirement: None,
        calling_code: "1",
        areas: &[
            "202", "203", "205", "206", "207", "208", "209", "210", "212", "213", "214", "215", "216", "217",
            "218", "219", "224", "225", "228", "229", "231", "234", "239", "240", "248", "251", "252", "253",
            "254", "256", "260", "262", "267", "269", "270", "276", "281", "301", "302", "303", "304", "305",
            "307", "308", "309", "310", "312", "313", "314", "315", "316", "317", "318", "319", "320", "321",
            "323", "325", "330", "331", "334", "336", "337", "339", "833", "844", "855",
        ],
        block: "55501",
        free_digits: 2,
        eighths: 7,
    },
];

/// One step of splitmix64: enough to scatter numbers, and the same on every machine.
pub(super) const fn scramble(seed: u64) -> u64 {
    let mut mixed = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]

    use super::{COUNTRIES, Country, Number};

    fn all(seed: u64, code: &str) -> Vec<Number> {
        Country::by_code(code).unwrap().numbers(seed)
    }

    #[test]
    fn the_same_seed_sells_the_same_numbers_and_another_seed_others() {
        for country in &COUNTRIES {
            assert_eq!(all(7, country.code), all(7, country.code));
            assert_ne!(all(7, country.code), all(8, country.code));
        }
    }

    #[test]
    fn every_list_is_ascending_and_made_of_valid_numbers() {
        for country in &COUNTRIES {
            let numbers = all(1, country.code);
            assert!(numbers.len() > 50 && numbers.is_sorted(), "{}", country.code);
            assert!(numbers.iter().all(|number| Number::parse(number.text()).as_ref() == Some(number)));
        }
        assert!(all(1, "US").len() > 5_000);
    }
}
