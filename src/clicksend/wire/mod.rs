//! Upstream's JSON, read without trusting its types.
//!
//! Every field is taken as raw text first and then asked what it is: a price is a string or a number and keeps its
//! own decimals, a counter may be a string, an empty array means nothing, and one odd field costs that field and
//! not the page. Money never becomes a float.

mod account;
mod cursor;
mod offers;
mod owned;

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::domain::search::{CurrencyBlock, UPSTREAM_ROWS};

use cursor::Cursor;

pub(super) use account::account;
pub(super) use offers::offer_page;
pub(super) use owned::owned_page;

/// The frame around every answer of ClickSend's v3. Whoever speaks otherwise is not ClickSend but something in
/// between.
pub(super) struct Envelope<'a, D = &'a RawValue> {
    /// `http_code`, which should repeat the HTTP status.
    pub(super) http_code: Option<u16>,
    /// `response_code`: SUCCESS or one of an open list.
    pub(super) response_code: String,
    /// `response_msg`, for people.
    pub(super) response_msg: Option<String>,
    /// `data`; null and absent are the same.
    pub(super) data: Option<D>,
    /// `_currency` at this level: the oldest shape of a search.
    pub(super) currency: Option<&'a RawValue>,
}

impl<'a> Envelope<'a> {
    /// The envelope in a body, or what the body is instead.
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, &'static str> {
        #[derive(Deserialize)]
        struct Fields<'a> {
            #[serde(borrow)]
            http_code: Option<&'a RawValue>,
            response_code: Option<&'a RawValue>,
            response_msg: Option<&'a RawValue>,
            data: Option<&'a RawValue>,
            #[serde(rename = "_currency")]
            currency: Option<&'a RawValue>,
        }
        let fields: Fields<'a> = object(text_of(body)?).ok_or(NO_OBJECT)?;
        Self::of(fields.http_code, fields.response_code, fields.response_msg, fields.data, fields.currency)
    }
}

impl<'a, D> Envelope<'a, D> {
    /// The same, where `data` is read by who knows what should be in it; nothing from there means that it is no JSON.
    fn parse_with(
        body: &'a [u8],
        data_at: impl Fn(&mut Cursor<'a>) -> Option<D>,
    ) -> Result<Self, &'static str> {
        let [mut code, mut response_code, mut message, mut currency] = [None; 4];
        let (mut data, mut cursor) = (None, Cursor::of(text_of(body)?));
        let read = cursor.object(|name, cursor| match name {
            "http_code" => once(&mut code, cursor.value()?),
            "response_code" => once(&mut response_code, cursor.value()?),
            "response_msg" => once(&mut message, cursor.value()?),
            "_currency" => once(&mut currency, cursor.value()?),
            "data" => once(&mut data, data_at(cursor)?),
            _ => cursor.value().map(drop),
        });
        if read.is_none() || !cursor.is_at_end() {
            return Err(NO_OBJECT);
        }
        Self::of(code, response_code, message, data, currency)
    }

    fn of(
        http_code: Option<&RawValue>,
        response_code: Option<&RawValue>,
        response_msg: Option<&RawValue>,
        data: Option<D>,
        currency: Option<&'a RawValue>,
    ) -> Result<Self, &'static str> {
        Ok(Self {
            http_code: integer(http_code),
            response_code: string(response_code).ok_or("the answer is not in ClickSend's envelope")?,
            response_msg: string(response_msg),
            data,
            currency,
        })
    }

    /// Whether it says SUCCESS.
    pub(super) fn is_success(&self) -> bool {
        self.response_code == "SUCCESS"
    }
}

const NO_OBJECT: &str = "the answer is not a JSON object";

/// The text of a body.
fn text_of(body: &[u8]) -> Result<&str, &'static str> {
    let text = str::from_utf8(body).map_err(|_| "the answer is not UTF-8")?.trim_ascii();
    if text.is_empty() { Err("the answer is empty") } else { Ok(text) }
}

/// Puts a member where it belongs. A name that stands twice is refused, because nobody knows which of them is meant.
fn once<T>(place: &mut Option<T>, value: T) -> Option<()> {
    place.replace(value).is_none().then_some(())
}

/// A JSON object. The check is needed because serde would read an array into a struct too.
pub(super) fn object<'a, T: Deserialize<'a>>(text: &'a str) -> Option<T> {
    if text.starts_with('{') { serde_json::from_str(text).ok() } else { None }
}

/// A text, and nothing else.
fn string(value: Option<&RawValue>) -> Option<String> {
    quoted(value).map(Cow::into_owned)
}

/// The same, where it stands if nothing in it is escaped.
fn quoted(value: Option<&RawValue>) -> Option<Cow<'_, str>> {
    let text = value?.get();
    let inside = text.strip_prefix('"')?.strip_suffix('"')?;
    if inside.contains('\\') { serde_json::from_str(text).ok() } else { Some(inside.into()) }
}

/// A text, or a number exactly as upstream wrote it.
pub(super) fn text(value: Option<&RawValue>) -> Option<String> {
    let raw = value?.get();
    let is_number = raw.starts_with(|first: char| first == '-' || first.is_ascii_digit());
    if is_number { Some(raw.to_owned()) } else { string(value) }
}

/// A whole number, or a text that is one.
fn integer<T: std::str::FromStr>(value: Option<&RawValue>) -> Option<T> {
    text(value)?.parse().ok()
}

/// The currency block, where it says anything.
pub(super) fn currency(value: Option<&RawValue>) -> Option<CurrencyBlock> {
    #[derive(Deserialize)]
    struct Fields<'a> {
        #[serde(borrow)]
        #[serde(rename = "currency_name_short")]
        short: Option<&'a RawValue>,
        #[serde(rename = "currency_prefix_d")]
        dollars: Option<&'a RawValue>,
        #[serde(rename = "currency_prefix_c")]
        cents: Option<&'a RawValue>,
        #[serde(rename = "currency_name_long")]
        long: Option<&'a RawValue>,
    }
    let fields: Fields<'_> = object(value?.get())?;
    let block = CurrencyBlock {
        currency_name_short: string(fields.short),
        currency_prefix_d: string(fields.dollars),
        currency_prefix_c: string(fields.cents),
        currency_name_long: string(fields.long),
    };
    (block != CurrencyBlock::default()).then_some(block)
}

/// Says once for a page how many of its rows were left out.
fn tell_left_out(left_out: usize, of: usize) {
    if left_out > 0 {
        tracing::warn!(left_out, of, "rows of upstream that are no numbers");
    }
}

/// Upstream may clamp what it is asked for; then our pages are not its pages.
fn check_page_size(per_page: Option<&RawValue>) {
    let rows: Option<u32> = integer(per_page);
    if rows.is_some_and(|rows| rows != UPSTREAM_ROWS) {
        tracing::warn!(per_page = rows, "upstream pages by another size than it was asked for");
    }
}

#[cfg(test)]
mod tests;
