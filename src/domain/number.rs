//! A dedicated number: E.164, checked once at the edge and trusted from there on.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};

/// A telephone number in E.164 form, `^\+[1-9]\d{6,14}$` (ITU-T E.164 allows 15 digits; ClickSend sells none
/// shorter than 7).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct DedicatedNumber(String);

/// A text that is not such a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a number in E.164 form: a plus and 7 to 15 digits, like +61491570156")]
pub struct NumberError;

impl DedicatedNumber {
    /// The number with its plus.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The digits without the plus, as a search pattern.
    pub fn digits(&self) -> &str {
        self.0.strip_prefix('+').unwrap_or(&self.0)
    }

    /// The last `count` digits, or all there are.
    pub fn last_digits(&self, count: usize) -> &str {
        let digits = self.digits();
        digits.get(digits.len().saturating_sub(count)..).unwrap_or(digits)
    }

    /// For log lines, which must not carry whole numbers: the first three and the last two digits.
    pub fn masked(&self) -> String {
        let digits = self.digits();
        format!("+{}•••{}", digits.get(..3).unwrap_or_default(), self.last_digits(2))
    }
}

impl FromStr for DedicatedNumber {
    type Err = NumberError;

    fn from_str(text: &str) -> Result<Self, NumberError> {
        let digits = text.strip_prefix('+').ok_or(NumberError)?;
        let well_formed = (7..=15).contains(&digits.len())
            && !digits.starts_with('0')
            && digits.bytes().all(|byte| byte.is_ascii_digit());
        if well_formed { Ok(Self(text.to_owned())) } else { Err(NumberError) }
    }
}

impl fmt::Display for DedicatedNumber {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for DedicatedNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]

    use super::DedicatedNumber;

    #[test]
    fn only_e164_is_a_number() {
        for text in ["+61491570156", "+1202555", "+123456789012345"] {
            assert_eq!(text.parse::<DedicatedNumber>().unwrap().as_str(), text);
        }
        for text in [
            "",
            "+",
            "61491570156",
            "+0491570156",
            "+123456",
            "+1234567890123456",
            "+1202555a",
            " +12025550143",
            "++12025550143",
            "+12025550143/..",
            "+٣٣٣٣٣٣٣٣",
        ] {
            assert!(text.parse::<DedicatedNumber>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_masked_number_cannot_be_called() {
        let number: DedicatedNumber = "+61491570156".parse().unwrap();
        assert_eq!(number.masked(), "+614•••56");
        assert_eq!(number.last_digits(7), "1570156");
    }
}
