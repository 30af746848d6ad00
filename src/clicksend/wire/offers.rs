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

use super::cursor::{Cursor, are_digits};
use super::{Envelope, check_page_size, currency, integer, object, once, string, tell_left_out, text};
use crate::domain::search::{CurrencyBlock, Offer, OfferPage, Terms, UPSTREAM_ROWS};

/// What a search has in `data`.
#[derive(Default)]
pub(in crate::clicksend) struct Offered<'a> {
    total: Option<&'a RawValue>,
    per_page: Option<&'a RawValue>,
    rows: Rows,
    currency: Option<&'a RawValue>,
    /// Something that is neither a page nor rows.
    is_odd: bool,
}

impl<'a> Envelope<'a, Offered<'a>> {
    /// The envelope around a search.
    pub(in crate::clicksend) fn of_search(body: &'a [u8]) -> Result<Self, &'static str> {
        Self::parse_with(body, Offered::read)
    }
}

impl<'a> Offered<'a> {
    fn read(cursor: &mut Cursor<'a>) -> Option<Self> {
        match cursor.peek()? {
            b'[' => Some(Self { rows: Rows::read(cursor)?, ..Self::default() }),
            b'{' => Self::page(cursor),
            _ => Some(Self { is_odd: cursor.value()?.get() != "null", ..Self::default() }),
        }
    }

    fn page(cursor: &mut Cursor<'a>) -> Option<Self> {
        let [mut total, mut per_page, mut currency] = [None; 3];
        let (mut rows, mut is_odd) = (None, false);
        cursor.object(|name, cursor| match name {
            "total" => once(&mut total, cursor.value()?),
            "per_page" => once(&mut per_page, cursor.value()?),
            "_currency" => once(&mut currency, cursor.value()?),
            "data" if cursor.peek() == Some(b'[') => once(&mut rows, Rows::read(cursor)?),
            "data" => {
                is_odd = cursor.value()?.get() != "null";
                once(&mut rows, Rows::default())
            }
            _ => cursor.value().map(drop),
        })?;
        Some(Self { total, per_page, rows: rows.unwrap_or_default(), currency, is_odd })
    }
}

/// The page in `data`; an absent `data` is an empty page. Upstream's page links are not read: they lead nowhere.
pub(in crate::clicksend) fn offer_page(
    envelope: Envelope<'_, Offered<'_>>,
) -> Result<OfferPage, &'static str> {
    let offered = envelope.data.unwrap_or_default();
    if offered.is_odd {
        return Err("the search has no page of rows");
    }
    check_page_size(offered.per_page);
    let Rows { rows, of } = offered.rows;
    tell_left_out(of - rows.len(), of);
    let block = currency(offered.currency).or_else(|| currency(envelope.currency));
    let currency = block.or_else(|| currency_of_rows(&rows));
    Ok(OfferPage {
        total: integer(offered.total).unwrap_or_else(|| u64::try_from(of).unwrap_or(u64::MAX)),
        offers: rows.into_iter().map(|row| row.offer).collect(),
        currency,
    })
}

/// The rows that are numbers, of so many.
#[derive(Default)]
struct Rows {
    rows: Vec<Row>,
    of: usize,
}

impl Rows {
    fn read(cursor: &mut Cursor<'_>) -> Option<Self> {
        let (mut read, mut example) = (Self::default(), None::<Example<'_>>);
        read.rows.reserve(usize::try_from(UPSTREAM_ROWS).unwrap_or_default());
        cursor.array(|cursor| {
            let like = example.as_ref().and_then(|example| example.follows(cursor));
            let row = match like {
                Some(row) => Some(row),
                None => Row::read(cursor.value()?, &mut example),
            };
            read.of += 1;
            read.rows.extend(row);
            Some(())
        })?;
        Some(read)
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
        let digits = number.strip_prefix('"')?.strip_suffix('"')?;
        (are_digits(digits) && !after.contains(number)).then_some(Self { before, after, terms, currency })
    }

    /// The next row, if it is such a one.
    fn follows(&self, cursor: &mut Cursor<'_>) -> Option<Row> {
        let number = cursor.digits_between(self.before, self.after)?;
        let offer = Offer { dedicated_number: number.to_owned(), terms: Arc::clone(&self.terms) };
        Some(Row { offer, currency: self.currency.clone() })
    }
}

/// The currency that every row names; a mixture is none, because a page has one currency.
fn currency_of_rows(rows: &[Row]) -> Option<CurrencyBlock> {
    let short = rows.first()?.currency.as_ref()?;
    let agreed = rows.iter().all(|row| row.currency.as_ref() == Some(short));
    agreed.then(|| CurrencyBlock { currency_name_short: Some(short.to_string()), ..CurrencyBlock::default() })
}
