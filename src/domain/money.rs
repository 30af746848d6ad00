//! Money: whole micro-units of one currency, never a float.
//!
//! ClickSend writes prices as decimal strings of two, four or six places (and sometimes as JSON numbers); six
//! places is what an `i64` of micro-units holds exactly. Anything finer is refused rather than rounded, because
//! a rounded quote is a quote for something else.

use std::fmt;
use std::iter::Sum;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

const MICROS_PER_UNIT: i64 = 1_000_000;
const MICROS_PER_CENT: i64 = 10_000;
const MAX_DECIMALS: usize = 6;

/// An amount in micro-units (1/1,000,000 of the currency's major unit). May be negative: refunds are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money(i64);

/// Why a text is not an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Not digits with at most one point.
    #[error("not an amount: write digits with a point, like 25.00")]
    Malformed,
    /// More than six decimals that are not zero.
    #[error("more than 6 decimals")]
    TooFine,
    /// Beyond what micro-units in 64 bits hold (about 9.2 million million).
    #[error("amount out of range")]
    OutOfRange,
}

impl Money {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// An amount from micro-units, as the store keeps it.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// The micro-units, as the store keeps them.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// The sum, or `None` beyond 64 bits.
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(sum) => Some(Self(sum)),
            None => None,
        }
    }

    /// The difference, or `None` beyond 64 bits.
    pub const fn checked_sub(self, other: Self) -> Option<Self> {
        match self.0.checked_sub(other.0) {
            Some(difference) => Some(Self(difference)),
            None => None,
        }
    }

    /// So many parts of this amount, cut into `of` equal ones: rounded half up to micro-units. `of` is at least 1.
    #[must_use]
    pub fn share(self, parts: u8, of: u8) -> Self {
        let of = i128::from(of.max(1));
        let micros = (i128::from(self.0) * i128::from(parts) * 2 + of).div_euclid(of * 2);
        Self(i64::try_from(micros).unwrap_or(i64::MAX))
    }

    /// To the nearest hundredth, half away from zero: what can be charged.
    #[must_use]
    pub const fn rounded_to_cents(self) -> Self {
        let half = if self.0 < 0 { -(MICROS_PER_CENT / 2) } else { MICROS_PER_CENT / 2 };
        Self(self.0.saturating_add(half) / MICROS_PER_CENT * MICROS_PER_CENT)
    }

    /// The same amount with the other sign.
    #[must_use]
    pub const fn negated(self) -> Self {
        Self(self.0.saturating_neg())
    }

    /// This amount raised by a percentage in basis points, rounded down: the ceiling a tolerance allows.
    #[must_use]
    pub fn raised_by_basis_points(self, basis_points: u32) -> Self {
        let raised = i128::from(self.0) * (10_000 + i128::from(basis_points)) / 10_000;
        Self(i64::try_from(raised).unwrap_or(i64::MAX))
    }
}

impl Sum for Money {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        Self(amounts.fold(0_i64, |total, amount| total.saturating_add(amount.0)))
    }
}

impl FromStr for Money {
    type Err = MoneyError;

    fn from_str(text: &str) -> Result<Self, MoneyError> {
        let (sign, digits) = match text.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, text),
        };
        let (whole, decimals) = digits.split_once('.').unwrap_or((digits, "0"));
        let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !all_digits(whole) || !all_digits(decimals) {
            return Err(MoneyError::Malformed);
        }
        let decimals = decimals.trim_end_matches('0');
        if decimals.len() > MAX_DECIMALS {
            return Err(MoneyError::TooFine);
        }
        let whole: i64 = whole.parse().map_err(|_| MoneyError::OutOfRange)?;
        let fraction: i64 =
            format!("{decimals:0<MAX_DECIMALS$}").parse().map_err(|_| MoneyError::OutOfRange)?;
        whole
            .checked_mul(MICROS_PER_UNIT)
            .and_then(|micros| micros.checked_add(fraction))
            .map(|micros| Self(sign * micros))
            .ok_or(MoneyError::OutOfRange)
    }
}

/// At least two decimals, more only where they say something: `20.71`, `0.0125`.
impl fmt::Display for Money {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.0.unsigned_abs();
        let per_unit = MICROS_PER_UNIT.unsigned_abs();
        let fraction = format!("{:06}", micros % per_unit);
        let significant = fraction.trim_end_matches('0');
        let sign = if self.0 < 0 { "-" } else { "" };
        write!(out, "{sign}{}.{significant:0<2}", micros / per_unit)
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A currency by its three capital letters (ISO 4217 alpha-3, shape only: ClickSend decides which exist).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

/// A text that is not three capital letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a currency: three capital letters like AUD")]
pub struct CurrencyError;

impl Currency {
    /// The three letters.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl FromStr for Currency {
    type Err = CurrencyError;

    fn from_str(text: &str) -> Result<Self, CurrencyError> {
        let letters: [u8; 3] = text.as_bytes().try_into().map_err(|_| CurrencyError)?;
        if letters.iter().all(u8::is_ascii_uppercase) { Ok(Self(letters)) } else { Err(CurrencyError) }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]

    use proptest::prelude::{any, prop_assert_eq, proptest};

    use super::{Currency, Money, MoneyError};

    #[test]
    fn clicksends_scales_are_exact() {
        for (text, micros) in [
            ("20.7100", 20_710_000),
            ("8.98", 8_980_000),
            ("0.000001", 1),
            ("5", 5_000_000),
            ("-3.50", -3_500_000),
            ("1.10000000", 1_100_000),
        ] {
            assert_eq!(text.parse::<Money>().unwrap().micros(), micros, "{text}");
        }
    }

    #[test]
    fn what_is_not_an_amount_is_refused() {
        for text in ["", "-", ".5", "5.", "1e3", "1,50", " 1", "+1", "1.2.3", "NaN", "٣"] {
            assert_eq!(text.parse::<Money>(), Err(MoneyError::Malformed), "{text}");
        }
        assert_eq!("0.0000001".parse::<Money>(), Err(MoneyError::TooFine));
        assert_eq!("9223372036855".parse::<Money>(), Err(MoneyError::OutOfRange));
    }

    #[test]
    fn a_tolerance_is_rounded_down() {
        let price: Money = "20.710001".parse().unwrap();
        assert_eq!(price.raised_by_basis_points(0), price);
        assert_eq!(price.raised_by_basis_points(250).to_string(), "21.227751");
    }

    #[test]
    fn a_share_is_rounded_half_up() {
        let share = |text: &str, parts, of| text.parse::<Money>().unwrap().share(parts, of).to_string();
        assert_eq!(share("20.71", 8, 30), "5.522667");
        assert_eq!(share("0.000001", 1, 2), "0.000001");
        assert_eq!(share("0.000001", 1, 3), "0.00");
        assert_eq!(share("20.71", 31, 31), "20.71");
        assert_eq!(Money::from_micros(i64::MAX).share(30, 31).micros(), 8_925_843_906_633_654_007);
    }

    #[test]
    fn cents_are_rounded_half_away_from_zero() {
        let cents = |text: &str| text.parse::<Money>().unwrap().rounded_to_cents().to_string();
        for (text, wanted) in [
            ("20.71", "20.71"),
            ("20.715", "20.72"),
            ("20.714999", "20.71"),
            ("-0.005", "-0.01"),
            ("0.004999", "0.00"),
        ] {
            assert_eq!(cents(text), wanted, "{text}");
        }
        assert_eq!(Money::from_micros(i64::MAX).rounded_to_cents().micros(), 9_223_372_036_854_770_000);
    }

    #[test]
    fn a_currency_is_three_capital_letters() {
        assert_eq!("AUD".parse::<Currency>().unwrap().to_string(), "AUD");
        for text in ["aud", "AU", "AUDX", "A1D", ""] {
            assert!(text.parse::<Currency>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_what_is_read(micros in any::<i64>().prop_filter("range", |m| *m != i64::MIN)) {
            let money = Money::from_micros(micros);
            prop_assert_eq!(money.to_string().parse::<Money>().unwrap(), money);
        }
    }

    use proptest::strategy::Strategy as _;
}
