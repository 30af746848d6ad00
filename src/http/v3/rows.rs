//! The rows of a search, put into the text that stands around them.
//!
//! Most rows differ from one before them in nothing but their number: such a one is copied within the text around another
//! number, and not written field by field once more.

use std::ops::Range;
use std::sync::Arc;

use memchr::memmem;

use crate::domain::search::{Offer, Terms};
use crate::http::v3::shapes::OfferRow;
use crate::http::woven::BEFORE;

/// The place for the rows. Inside of a JSON text its quotes would be escaped.
const NO_ROWS: &[u8] = b"\"data\":[]";
/// More than a usual row has.
const USUAL_ROW: usize = 256;

/// The answer `around` with rows in place of none; nothing where it has no place for them.
pub(super) fn filled(around: &[u8], offers: &[Offer]) -> Option<Vec<u8>> {
    let place = memmem::find(around, NO_ROWS)? + NO_ROWS.len() - 1;
    let (before, after) = around.split_at_checked(place)?;
    let mut body = Vec::with_capacity(around.len() + offers.len() * USUAL_ROW);
    body.extend_from_slice(before);
    let mut example = None::<Example<'_>>;
    for (index, offer) in offers.iter().enumerate() {
        if index > 0 {
            body.push(b',');
        }
        if let Some(example) = example.as_ref().filter(|example| example.is_like(offer)) {
            example.copy(&mut body, &offer.dedicated_number);
            continue;
        }
        let begin = body.len();
        serde_json::to_writer(&mut body, &OfferRow::from(offer)).ok()?;
        example = Example::of(&body, begin, offer);
    }
    body.extend_from_slice(after);
    Some(body)
}

/// A row that was written: what it says, and where it stands before and after its number.
struct Example<'a> {
    terms: &'a Arc<Terms>,
    before: Range<usize>,
    after: Range<usize>,
}

impl<'a> Example<'a> {
    /// The row that begins there, if its number can be found in it.
    fn of(body: &[u8], begin: usize, offer: &'a Offer) -> Option<Self> {
        let Offer { dedicated_number: number, terms } = offer;
        let at = begin + memmem::find(body.get(begin..)?, BEFORE)? + BEFORE.len();
        is_plain(number).then(|| Self { terms, before: begin..at, after: at + number.len()..body.len() })
    }

    fn is_like(&self, offer: &Offer) -> bool {
        Arc::ptr_eq(self.terms, &offer.terms) && is_plain(&offer.dedicated_number)
    }

    fn copy(&self, body: &mut Vec<u8>, number: &str) {
        body.extend_from_within(self.before.clone());
        body.extend_from_slice(number.as_bytes());
        body.extend_from_within(self.after.clone());
    }
}

/// Whether JSON has a number as it is.
fn is_plain(number: &str) -> bool {
    number.bytes().all(|byte| byte == b'+' || byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]

    use std::sync::Arc;

    use proptest::prelude::{ProptestConfig, prop_assert_eq, proptest};

    use super::filled;
    use crate::domain::search::{CurrencyBlock, Offer, Terms};
    use crate::http::v3::envelope::Envelope;
    use crate::http::v3::shapes::{OfferRow, Page};

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
        /// Whatever upstream calls its countries and numbers.
        #[test]
        fn rows_are_as_serde_would_write_them(
            names in proptest::array::uniform3("[a-z\"\\\\é:,]{0,3}|\"data\":\\[\\]|\"dedicated_number\":\""),
            rows in proptest::collection::vec(("\\+?[0-9]{0,12}|[+0-9\"\\\\é]{0,4}", 0..3_usize), 0..20),
        ) {
            let terms = names.map(|name| Arc::new(Terms { country_name: Some(name), ..Terms::default() }));
            let offer = |(number, which): &(String, usize)| Offer {
                dedicated_number: number.clone(),
                terms: Arc::clone(terms.get(*which).unwrap()),
            };
            let offers: Vec<Offer> = rows.iter().map(offer).collect();
            let currency = CurrencyBlock { currency_name_long: terms[0].country_name.clone(), ..CurrencyBlock::default() };
            let link = |page| format!("/?page={page}");
            let around = Page::<OfferRow<'_>>::around(99, (2, 15), offers.len(), Some(currency.clone()), link);
            let around = Envelope::success("\"data\":[]", Some(around)).text().unwrap();
            let rows = offers.iter().map(OfferRow::from).collect();
            let whole = Page::new(99, (2, 15), rows, Some(currency), link);
            let whole = Envelope::success("\"data\":[]", Some(whole)).text().unwrap();
            prop_assert_eq!(filled(&around, &offers), Some(whole));
        }
    }

    #[test]
    fn a_text_without_a_place_for_rows_is_none() {
        assert_eq!(filled(b"{\"data\":null}", &[Offer::default()]), None);
    }
}
