//! The live price that a purchase is decided on, and the digest that binds the decision to it.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::domain::billing;
use crate::domain::canonical::{self, CanonicalError, Digest};
use crate::domain::country::Country;
use crate::domain::money::{Currency, Money, MoneyError};
use crate::domain::number::DedicatedNumber;
use crate::domain::policy::Price;
use crate::domain::purchase::MessageType;
use crate::domain::registration::RegistrationData;
use crate::domain::search::{CurrencyBlock, Offer};

/// What upstream asked for the number, moments ago.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// Where the number is sold.
    pub country: Country,
    /// The country in upstream's words.
    #[serde(default)]
    pub country_name: Option<String>,
    /// The account's currency.
    pub currency: Currency,
    /// Once.
    pub setup: Money,
    /// Every month.
    pub monthly: Money,
    /// Upstream's own first charge: may be pro-rated, so it is stored and never calculated with.
    pub total_as_shown: Option<String>,
    /// When upstream said so.
    pub at: Timestamp,
}

/// Why an offer gives no quote.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuoteError {
    /// No currency came with the prices.
    #[error("upstream named no currency")]
    NoCurrency,
    /// A price is missing.
    #[error("upstream named no {0} price")]
    NoPrice(&'static str),
    /// A price cannot be held exactly.
    #[error("upstream's {0} price cannot be used: {1}")]
    BadPrice(&'static str, MoneyError),
}

impl Quote {
    /// The quote in an offer that was found in `country`; where the row names another one, the row counts.
    pub fn from_offer(
        offer: &Offer,
        country: Country,
        currency: Option<&CurrencyBlock>,
        at: Timestamp,
    ) -> Result<Self, QuoteError> {
        let currency = currency
            .and_then(|block| block.currency_name_short.as_deref())
            .and_then(|short| short.parse().ok())
            .ok_or(QuoteError::NoCurrency)?;
        let terms = &offer.terms;
        let named = terms.country.as_deref().and_then(|text| text.parse().ok());
        Ok(Self {
            country: named.unwrap_or(country),
            country_name: terms.country_name.clone(),
            currency,
            setup: price("setup", terms.price_setup.as_deref())?,
            monthly: price("monthly", terms.price_monthly.as_deref())?,
            total_as_shown: terms.price_total.clone(),
            at,
        })
    }

    /// The two prices, for policy.
    pub const fn price(&self) -> Price {
        Price { setup: self.setup, monthly: self.monthly }
    }

    /// What the first month probably costs when upstream sells at `at`: the monthly price for the days that the month
    /// has left, that day among them. Nobody knows the formula; an invoice has the last word.
    pub fn first_period(&self, at: Timestamp, zone: &TimeZone) -> Money {
        billing::first_period(self.setup, self.monthly, at, zone)
    }

    /// Whether this quote still is what was decided on: the same number in the same place and money, and
    /// neither price above the old one raised by the tolerance. Cheaper is always within.
    pub fn is_within(&self, decided: &Self, tolerance_basis_points: u32) -> bool {
        self.country == decided.country
            && self.currency == decided.currency
            && self.setup <= decided.setup.raised_by_basis_points(tolerance_basis_points)
            && self.monthly <= decided.monthly.raised_by_basis_points(tolerance_basis_points)
    }

    /// SHA-256 over the RFC 8785 form of everything a decision is about.
    pub fn digest(
        &self,
        number: &DedicatedNumber,
        message_type: MessageType,
        registration_data: Option<&RegistrationData>,
    ) -> Result<Digest, CanonicalError> {
        canonical::digest(&serde_json::json!({
            "number": number,
            "country": self.country,
            "type": message_type,
            "currency": self.currency,
            "setup": self.setup,
            "monthly": self.monthly,
            "registration_data": registration_data.map(canonical::digest).transpose()?,
        }))
    }
}

fn price(which: &'static str, text: Option<&str>) -> Result<Money, QuoteError> {
    let text = text.ok_or(QuoteError::NoPrice(which))?;
    let money: Money = text.parse().map_err(|error| QuoteError::BadPrice(which, error))?;
    if money < Money::ZERO { Err(QuoteError::BadPrice(which, MoneyError::OutOfRange)) } else { Ok(money) }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]

    use jiff::Timestamp;
    use jiff::tz::TimeZone;

    use super::{Quote, QuoteError};
    use crate::domain::purchase::MessageType;
    use crate::domain::search::{CurrencyBlock, Offer, Terms};

    fn offer(terms: Terms) -> Offer {
        Offer { dedicated_number: "+61491570156".into(), terms: terms.into() }
    }

    fn terms(setup: &str, monthly: &str) -> Terms {
        Terms {
            country: Some("AU".into()),
            country_name: None,
            price_setup: Some(setup.into()),
            price_monthly: Some(monthly.into()),
            price_total: Some("3.10".into()),
            address_requirement: None,
        }
    }

    fn quote(setup: &str, monthly: &str) -> Result<Quote, QuoteError> {
        let currency = CurrencyBlock { currency_name_short: Some("AUD".into()), ..CurrencyBlock::default() };
        let country = "AU".parse().unwrap();
        Quote::from_offer(&offer(terms(setup, monthly)), country, Some(&currency), Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn a_price_that_is_not_exact_gives_no_quote() {
        assert!(quote("0.0000", "20.7100").is_ok());
        assert!(matches!(quote("0.00000001", "1.00"), Err(QuoteError::BadPrice("setup", _))));
        assert!(matches!(quote("0", "1e3"), Err(QuoteError::BadPrice("monthly", _))));
        assert!(matches!(quote("-1.00", "1.00"), Err(QuoteError::BadPrice("setup", _))));
    }

    #[test]
    fn policy_sees_the_country_of_the_row_and_not_the_one_asked_in() {
        let currency = CurrencyBlock { currency_name_short: Some("AUD".into()), ..CurrencyBlock::default() };
        let country = |named: Option<&str>| {
            let offer = offer(Terms { country: named.map(Into::into), ..terms("0", "1.00") });
            let asked = "CA".parse().unwrap();
            Quote::from_offer(&offer, asked, Some(&currency), Timestamp::UNIX_EPOCH).unwrap().country
        };
        assert_eq!(country(Some("US")).as_str(), "US");
        assert_eq!((country(None).as_str(), country(Some("?")).as_str()), ("CA", "CA"));
    }

    #[test]
    fn only_setup_and_monthly_drift_and_only_upwards() {
        let decided = quote("1.00", "20.00").unwrap();
        assert!(quote("1.00", "20.00").unwrap().is_within(&decided, 0));
        assert!(quote("0.00", "10.00").unwrap().is_within(&decided, 0));
        assert!(!quote("1.00", "20.01").unwrap().is_within(&decided, 0));
        assert!(quote("1.00", "20.20").unwrap().is_within(&decided, 100));
        assert!(!quote("1.02", "20.20").unwrap().is_within(&decided, 100));
    }

    #[test]
    fn the_first_month_is_the_days_that_are_left_where_bills_are_written() {
        let price = quote("1.00", "20.71").unwrap();
        let sydney = TimeZone::get("Australia/Sydney").unwrap();
        for (at, zone, wanted) in [
            ("2026-11-23T12:00:00Z", &TimeZone::UTC, "5.52"),
            ("2026-11-01T00:00:00Z", &TimeZone::UTC, "20.71"),
            ("2026-11-30T23:59:59Z", &TimeZone::UTC, "0.69"),
            ("2028-02-29T00:00:00Z", &TimeZone::UTC, "0.71"),
            ("2026-10-31T20:30:00Z", &TimeZone::UTC, "0.67"),
            ("2026-10-31T20:30:00Z", &sydney, "20.71"),
        ] {
            assert_eq!(price.first_period(at.parse().unwrap(), zone).to_string(), wanted, "{at}");
        }
    }

    #[test]
    fn the_digest_changes_with_everything_a_decision_is_about_and_with_nothing_else() {
        let number = "+61491570156".parse().unwrap();
        let digest = |quote: &Quote, kind| quote.digest(&number, kind, None).unwrap();
        let first = quote("1.00", "20.00").unwrap();
        let later = Quote { at: Timestamp::MAX, total_as_shown: None, ..first.clone() };
        assert_eq!(digest(&first, MessageType::Sms), digest(&later, MessageType::Sms));
        assert_ne!(digest(&first, MessageType::Sms), digest(&first, MessageType::Mms));
        let dearer = quote("1.00", "20.01").unwrap();
        assert_ne!(digest(&first, MessageType::Sms), digest(&dearer, MessageType::Sms));
    }
}
