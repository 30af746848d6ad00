//! A page of numbers on sale, in any of the three shapes that ClickSend has documented within one month.
//!
//! | shape | `data` | `_currency` |
//! |---|---|---|
//! | page text | array of rows | beside `data` |
//! | July 2026 | page object | beside `data` |
//! | today | page object | inside `data` |

use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Envelope, array, check_page_size, currency, integer, object, rows, string, text};
use crate::domain::search::{CurrencyBlock, Offer, OfferPage, Terms};

/// The page in `data`; an absent `data` is an empty page. Upstream's page links are not read: they lead nowhere.
pub(in crate::clicksend) fn offer_page(envelope: &Envelope<'_>) -> Result<OfferPage, &'static str> {
    #[derive(Deserialize)]
    struct Fields<'a> {
        #[serde(borrow)]
        total: Option<&'a RawValue>,
        per_page: Option<&'a RawValue>,
        data: Option<Vec<&'a RawValue>>,
        #[serde(rename = "_currency")]
        currency: Option<&'a RawValue>,
    }
    let outer = currency(envelope.currency);
    let Some(data) = envelope.data else {
        return Ok(OfferPage { currency: outer, ..OfferPage::default() });
    };
    if let Some(values) = array(data) {
        return Ok(page(&values, None, outer));
    }
    let fields: Fields<'_> = object(data.get()).ok_or("the search has no page of rows")?;
    check_page_size(fields.per_page);
    let values = fields.data.unwrap_or_default();
    Ok(page(&values, integer(fields.total), currency(fields.currency).or(outer)))
}

fn page(values: &[&RawValue], total: Option<u64>, currency: Option<CurrencyBlock>) -> OfferPage {
    let mut example = None;
    let rows = rows(values, |value| Row::read(value, &mut example));
    let currency = currency.or_else(|| currency_of_rows(&rows));
    OfferPage {
        total: total.unwrap_or_else(|| u64::try_from(values.len()).unwrap_or(u64::MAX)),
        offers: rows.into_iter().map(|row| row.offer).collect(),
        currency,
    }
}

struct Row {
    offer: Offer,
    currency: Option<Arc<str>>,
}

impl Row {
    /// Until 2021 a row had one `price` (a month's) and its own `currency`.
    fn read<'a>(value: &'a RawValue, example: &mut Option<Example<'a>>) -> Option<Self> {
        #[derive(Deserialize)]
        struct Fields<'a> {
            #[serde(borrow)]
            dedicated_number: Option<&'a RawValue>,
            country: Option<&'a RawValue>,
            country_name: Option<&'a RawValue>,
            price_setup: Option<&'a RawValue>,
            price_monthly: Option<&'a RawValue>,
            price_total: Option<&'a RawValue>,
            price: Option<&'a RawValue>,
            currency: Option<&'a RawValue>,
            address_requirement: Option<&'a RawValue>,
        }
        if let Some(row) = example.as_ref().and_then(|example| example.followed_by(value.get())) {
            return Some(row);
        }
        let fields: Fields<'_> = object(value.get())?;
        let dedicated_number = text(fields.dedicated_number)?;
        let terms = Arc::new(Terms {
            country: string(fields.country),
            country_name: string(fields.country_name),
            price_setup: text(fields.price_setup),
            price_monthly: text(fields.price_monthly.or(fields.price)),
            price_total: text(fields.price_total),
            address_requirement: string(fields.address_requirement),
        });
        let currency: Option<Arc<str>> = string(fields.currency).map(Into::into);
        *example = fields
            .dedicated_number
            .and_then(|number| Example::of(value.get(), number.get(), Arc::clone(&terms), currency.clone()));
        Some(Self { offer: Offer { dedicated_number, terms }, currency })
    }
}

/// A row that was read. Most rows differ from the one before in nothing but their number: those need not be read again.
struct Example<'a> {
    before: &'a str,
    after: &'a str,
    terms: Arc<Terms>,
    currency: Option<Arc<str>>,
}

impl<'a> Example<'a> {
    /// `number` is the text that stands in `row`, with its quotes. Where it stands there twice, nobody can tell which it is.
    fn of(row: &'a str, number: &str, terms: Arc<Terms>, currency: Option<Arc<str>>) -> Option<Self> {
        let (before, after) = row.split_once(number)?;
        (unquoted(number).is_some() && !after.contains(number)).then_some(Self {
            before,
            after,
            terms,
            currency,
        })
    }

    /// What such a row says, if it is one.
    fn followed_by(&self, row: &str) -> Option<Row> {
        let number = unquoted(row.strip_prefix(self.before)?.strip_suffix(self.after)?)?;
        let offer = Offer { dedicated_number: number.to_owned(), terms: Arc::clone(&self.terms) };
        Some(Row { offer, currency: self.currency.clone() })
    }
}

/// The digits in quotes; nothing where anything else stands there, which would have to be read as JSON.
fn unquoted(number: &str) -> Option<&str> {
    let number = number.strip_prefix('"')?.strip_suffix('"')?;
    number.bytes().all(|byte| byte == b'+' || byte.is_ascii_digit()).then_some(number)
}

/// The currency that every row names; a mixture is none, because a page has one currency.
fn currency_of_rows(rows: &[Row]) -> Option<CurrencyBlock> {
    let short = rows.first()?.currency.as_ref()?;
    let agreed = rows.iter().all(|row| row.currency.as_ref() == Some(short));
    agreed.then(|| CurrencyBlock { currency_name_short: Some(short.to_string()), ..CurrencyBlock::default() })
}
