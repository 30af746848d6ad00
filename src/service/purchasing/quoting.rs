//! The live quote: what upstream asks for exactly this number, now.

use crate::clicksend::Purpose;
use crate::domain::country::Country;
use crate::domain::number::DedicatedNumber;
use crate::domain::quote::Quote;
use crate::domain::search::{Offer, OfferPage, SearchMode, SearchQuery};
use crate::service::purchasing::Inner;
use crate::service::refusal::{Code, Refusal};

/// Digits of the second try: nobody knows whether upstream's search matches a whole number, so the end of it is
/// asked for as well.
const LAST_DIGITS: usize = 7;

impl Inner {
    /// Asks upstream in each country that the number may belong to. Costs one call where search matches whole
    /// numbers and the country is plain, at most six otherwise.
    pub(super) async fn quote(
        &self,
        number: &DedicatedNumber,
        country: Option<Country>,
    ) -> Result<Quote, Refusal> {
        let likely = Country::candidates(number);
        let asked = country.map_or_else(|| likely.clone(), |country| vec![country]);
        let was_asked = |country: &Country| self.unavailable.has(&(number.clone(), *country));
        for country in asked.into_iter().filter(|country| !was_asked(country)) {
            if let Some((offer, page)) = self.exact_offer(number, country).await? {
                let at = self.parts.ground.clock.now();
                return Quote::from_offer(&offer, country, page.currency.as_ref(), at).map_err(|error| {
                    Refusal::new(Code::UpstreamUnavailable, format!("no usable price: {error}"))
                });
            }
            self.unavailable.keep((number.clone(), country), ());
        }
        // Who asks in the wrong country must not hide the number from everybody else.
        if likely.iter().all(was_asked) {
            self.parts.searches.forget_number(number.as_str());
        }
        Err(not_available(number))
    }

    async fn exact_offer(
        &self,
        number: &DedicatedNumber,
        country: Country,
    ) -> Result<Option<(Offer, OfferPage)>, Refusal> {
        let tries = [
            SearchQuery::new(country, number.digits(), SearchMode::Anywhere),
            SearchQuery::new(country, number.last_digits(LAST_DIGITS), SearchMode::EndsWith),
        ];
        for query in tries {
            let page = self.parts.ground.upstream.search(&query, 1, Purpose::Buying).await?;
            let exact = page.offers.iter().find(|offer| offer.dedicated_number == number.as_str()).cloned();
            if let Some(offer) = exact {
                return Ok(Some((offer, page)));
            }
        }
        Ok(None)
    }
}

fn not_available(number: &DedicatedNumber) -> Refusal {
    Refusal::new(Code::NumberNotAvailable, format!("nobody sells {number} now; search for another one"))
}
