//! A page of numbers on sale, in any of the three shapes that ClickSend has documented within one month.
//!
//! | shape | `data` | `_currency` |
//! |---|---|---|
//! | page text | array of rows | beside `data` |
//! | July 2026 | page object | beside `data` |
//! | today | page object | inside `data` |

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Envelope, array, check_page_size, currency, integer, object, rows, string, text};
use crate::domain::search::{CurrencyBlock, Offer, OfferPage};

/// The page in `data`; an absent `data` is an empty page. Upstream's page links are not read: they lead nowhere.
pub(in crate::clicksend) fn offer_page(envelope: &Envelope<'_>) -> Result<OfferPage, &'static str> {
    #[derive(Deserialize)]
    struct Fields<'a> {
        #[serde(borrow)]
        total: Option<&'a RawValue>,
        per_page: Option<&'a RawValue>,
        data: Option<&'a RawValue>,
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
    let fields: Fields<'_> = object(data.get()).ok_or("the search has no page")?;
    check_page_size(fields.per_page);
    let values = match fields.data {
        Some(data) => array(data).ok_or("the search has no rows")?,
        None => Vec::new(),
    };
    Ok(page(&values, integer(fields.total), currency(fields.currency).or(outer)))
}

fn page(values: &[&RawValue], total: Option<u64>, currency: Option<CurrencyBlock>) -> OfferPage {
    let rows = rows(values, offer);
    let currency = currency.or_else(|| currency_of_rows(&rows));
    OfferPage {
        total: total.unwrap_or_else(|| u64::try_from(values.len()).unwrap_or(u64::MAX)),
        offers: rows.into_iter().map(|row| row.offer).collect(),
        currency,
    }
}

struct Row {
    offer: Offer,
    currency: Option<String>,
}

/// Until 2021 a row had one `price` (a month's) and its own `currency`.
fn offer(value: &RawValue) -> Option<Row> {
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
    let fields: Fields<'_> = object(value.get())?;
    let offer = Offer {
        dedicated_number: text(fields.dedicated_number)?,
        country: string(fields.country),
        country_name: string(fields.country_name),
        price_setup: text(fields.price_setup),
        price_monthly: text(fields.price_monthly.or(fields.price)),
        price_total: text(fields.price_total),
        address_requirement: string(fields.address_requirement),
    };
    Some(Row { offer, currency: string(fields.currency) })
}

/// The currency that every row names; a mixture is none, because a page has one currency.
fn currency_of_rows(rows: &[Row]) -> Option<CurrencyBlock> {
    let short = rows.first()?.currency.clone()?;
    let agreed = rows.iter().all(|row| row.currency.as_ref() == Some(&short));
    agreed.then(|| CurrencyBlock { currency_name_short: Some(short), ..CurrencyBlock::default() })
}
