//! Money as ClickSend prints it: decimals in text.
//!
//! An amount is a whole number of millionths of the currency unit, so nothing is ever rounded by accident; the
//! two places that do round (a share of a month, printing with fewer decimals) round half away from zero.

use std::ops::{Add, Sub};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

const PER_UNIT: i64 = 1_000_000;
const PER_CENT: i64 = 10_000;
const DECIMALS: usize = 6;

/// Millionths of the currency unit. Sums stop at the ends of `i64`, nine thousand billions away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Micros(i64);

impl Micros {
    pub(super) const ZERO: Self = Self(0);

    /// An amount in cents: `Micros::cents(2071)` is 20.71.
    pub(super) const fn cents(cents: i64) -> Self {
        Self(cents.saturating_mul(PER_CENT))
    }

    /// Reads `-12`, `20.71`, `0.000001`: at most six decimals, no exponent, no sign but a minus.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
        let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !all_digits(whole) || !all_digits(fraction) || fraction.len() > DECIMALS {
            return None;
        }
        let micros = whole
            .parse::<i64>()
            .ok()?
            .checked_mul(PER_UNIT)?
            .checked_add(format!("{fraction:0<DECIMALS$}").parse().ok()?)?;
        Some(Self(if negative { -micros } else { micros }))
    }

    /// This amount times `numerator / denominator`, to the nearest millionth.
    pub(super) fn share(self, numerator: i64, denominator: i64) -> Self {
        let product = i128::from(self.0) * i128::from(numerator);
        Self(nearest(product, i128::from(denominator.max(1))))
    }

    /// To the nearest cent: what can be charged.
    pub(super) fn rounded_to_cents(self) -> Self {
        Self::cents(nearest(i128::from(self.0), i128::from(PER_CENT)))
    }

    /// Printed with exactly this many decimals, six at most: `"20.7100"` for four.
    pub(super) fn text(self, decimals: usize) -> String {
        let decimals = decimals.min(DECIMALS);
        let hidden = (decimals..DECIMALS).fold(1_i128, |product, _| product * 10);
        let shown = nearest(i128::from(self.0), hidden);
        let sign = if shown < 0 { "-" } else { "" };
        let digits = format!("{:0>width$}", shown.unsigned_abs(), width = decimals + 1);
        let (whole, fraction) = digits.split_at(digits.len() - decimals);
        if decimals == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
    }
}

fn nearest(amount: i128, unit: i128) -> i64 {
    let half = if amount < 0 { -(unit / 2) } else { unit / 2 };
    i64::try_from((amount + half) / unit).unwrap_or(if amount < 0 { i64::MIN } else { i64::MAX })
}

impl Add for Micros {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Micros {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Serialize for Micros {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text(DECIMALS))
    }
}

impl<'de> Deserialize<'de> for Micros {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            D::Error::custom(format!(
                "{text:?} is not an amount; write it like \"20.71\", six decimals at most"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]

    use super::Micros;

    #[test]
    fn amounts_are_read_and_printed_without_loss() {
        for (text, four) in
            [("20.71", "20.7100"), ("-3", "-3.0000"), ("0.000001", "0.0000"), ("0.00005", "0.0001")]
        {
            assert_eq!(Micros::parse(text).unwrap().text(4), four);
        }
        assert_eq!(Micros::parse("-0.015").unwrap().text(2), "-0.02");
        assert_eq!(Micros::parse("7.5").unwrap().text(0), "8");
    }

    #[test]
    fn what_is_no_plain_decimal_is_not_an_amount() {
        for text in ["", "-", ".5", "1.", "1e3", "+1", "1.0000001", "1,5", "9223372036854775807"] {
            assert_eq!(Micros::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_share_of_a_month_is_rounded_half_away_from_zero() {
        let monthly = Micros::parse("20.71").unwrap();
        assert_eq!(monthly.share(10, 31).text(6), "6.680645");
        assert_eq!(monthly.share(10, 31).rounded_to_cents().text(2), "6.68");
        assert_eq!(Micros::parse("0.015").unwrap().rounded_to_cents().text(2), "0.02");
    }
}
