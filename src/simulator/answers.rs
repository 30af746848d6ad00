//! ClickSend's envelope, its page block and its currency object.

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use super::settings::{CurrencyCode, CurrencyKeys, Refusal, Settings, SmallLimit};

/// What nearly every answer looks like: `{http_code, response_code, response_msg, data}`.
#[derive(Debug)]
pub(super) struct Envelope {
    pub(super) status: StatusCode,
    code: String,
    message: String,
    data: Value,
    /// Stands beside `data` where the documentation's old search shape has it.
    currency: Option<Value>,
}

impl Envelope {
    pub(super) fn success(message: &str, data: Value) -> Self {
        Self::new(StatusCode::OK, "SUCCESS", message, data)
    }

    pub(super) fn refusal(refusal: &Refusal) -> Self {
        let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self::new(status, &refusal.response_code, &refusal.response_msg, Value::Null)
    }

    /// 400 with a map of field to message; an empty map becomes null.
    pub(super) fn invalid(fields: Map<String, Value>) -> Self {
        let data = if fields.is_empty() { Value::Null } else { Value::Object(fields) };
        Self::new(StatusCode::BAD_REQUEST, "BAD_REQUEST", "Invalid input.", data)
    }

    pub(super) fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", "Authorization failed.", Value::Null)
    }

    pub(super) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "NOT_FOUND", "Resource not found.", Value::Null)
    }

    /// 405, with the code that the documentation really gives it.
    pub(super) fn wrong_method() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "NOT_FOUND", "Method not allowed.", Value::Null)
    }

    /// As observed; the documentation says `TOO_MANY_REQUESTS`.
    pub(super) fn throttled() -> Self {
        let status = StatusCode::TOO_MANY_REQUESTS;
        Self::new(status, "HTTP_TOO_MANY_REQUESTS", "Too many attempts.", Value::Null)
    }

    pub(super) fn with_currency(self, currency: Value) -> Self {
        Self { currency: Some(currency), ..self }
    }

    fn new(status: StatusCode, code: &str, message: &str, data: Value) -> Self {
        Self { status, code: code.to_owned(), message: message.to_owned(), data, currency: None }
    }

    pub(super) fn into_json(self) -> Value {
        let mut json = json!({
            "http_code": self.status.as_u16(),
            "response_code": self.code,
            "response_msg": self.message,
            "data": self.data,
        });
        if let (Some(currency), Some(fields)) = (self.currency, json.as_object_mut()) {
            fields.insert("_currency".to_owned(), currency);
        }
        json
    }
}

/// The decoded parameters of a query; of a repeated one the first counts.
#[derive(Debug)]
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    pub(super) const fn new(pairs: Vec<(String, String)>) -> Self {
        Self(pairs)
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn integer(&self, name: &str) -> Option<i64> {
        self.text(name)?.trim().parse().ok()
    }
}

/// Which page is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Page {
    number: u64,
    limit: u64,
}

impl Page {
    const LEAST: i64 = 15;
    const MOST: i64 = 100;

    /// Page from 1, limit 15 to 100. Clamping, rather than refusing, is a guess: official samples ask for 10.
    pub(super) fn of(parameters: &Parameters, settings: &Settings) -> Self {
        let least = match settings.small_limit {
            SmallLimit::Clamp => Self::LEAST,
            SmallLimit::Honour => 1,
        };
        let limit = parameters.integer("limit").unwrap_or(Self::LEAST).clamp(least, Self::MOST);
        let number = parameters.integer("page").unwrap_or(1).max(1);
        Self { number: number.unsigned_abs(), limit: limit.unsigned_abs() }
    }

    pub(super) fn cut<T>(self, all: impl Iterator<Item = T>) -> (u64, Vec<T>) {
        let first = (self.number - 1).saturating_mul(self.limit);
        let mut total = 0;
        let mut rows = Vec::new();
        for item in all {
            if total >= first && total - first < self.limit {
                rows.push(item);
            }
            total += 1;
        }
        (total, rows)
    }

    /// The page block around the rows. Every list writes its links in a style of its own.
    pub(super) fn block(
        self,
        total: u64,
        rows: Vec<Value>,
        link: impl Fn(u64) -> String,
    ) -> Map<String, Value> {
        let last = total.div_ceil(self.limit);
        let first_row = (self.number - 1).saturating_mul(self.limit) + 1;
        let span = total.min(first_row.saturating_add(self.limit - 1));
        let (from, to) = if first_row > total { (None, None) } else { (Some(first_row), Some(span)) };
        let mut block = Map::new();
        block.insert("total".to_owned(), total.into());
        block.insert("per_page".to_owned(), self.limit.into());
        block.insert("current_page".to_owned(), self.number.into());
        block.insert("last_page".to_owned(), last.into());
        block.insert("next_page_url".to_owned(), (self.number < last).then(|| link(self.number + 1)).into());
        block.insert("prev_page_url".to_owned(), (self.number > 1).then(|| link(self.number - 1)).into());
        block.insert("from".to_owned(), from.into());
        block.insert("to".to_owned(), to.into());
        block.insert("data".to_owned(), rows.into());
        block
    }
}

/// Which of the two spellings of the cent sign an answer uses: lists say `c`, a purchase says `¢`.
#[derive(Clone, Copy, Debug)]
pub(super) enum Cent {
    Letter,
    Sign,
}

/// The `_currency` object.
pub(super) fn currency(settings: &Settings, cent: Cent) -> Value {
    let (short, dollar, long) = match settings.currency {
        CurrencyCode::Aud => ("AUD", "$", "Australian Dollars"),
        CurrencyCode::Eur => ("EUR", "€", "Euros"),
        CurrencyCode::Gbp => ("GBP", "£", "British Pounds"),
        CurrencyCode::Nzd => ("NZD", "$", "New Zealand Dollars"),
        CurrencyCode::Usd => ("USD", "$", "US Dollars"),
    };
    let cent = match (settings.currency, cent) {
        (CurrencyCode::Gbp, _) => "p",
        (CurrencyCode::Aud | CurrencyCode::Eur | CurrencyCode::Nzd | CurrencyCode::Usd, Cent::Letter) => "c",
        (CurrencyCode::Aud | CurrencyCode::Eur | CurrencyCode::Nzd | CurrencyCode::Usd, Cent::Sign) => "¢",
    };
    let mut object = json!({
        "currency_name_short": short,
        "currency_prefix_d": dollar,
        "currency_prefix_c": cent,
        "currency_name_long": long,
    });
    if let (CurrencyKeys::Six, Some(fields)) = (settings.currency_keys, object.as_object_mut()) {
        fields.insert("min_recharge_amount".to_owned(), "20".into());
        fields.insert("max_recharge_amount".to_owned(), "10000".into());
    }
    object
}

/// Rewrites the named fields wherever they stand.
pub(super) fn rewrite(value: &mut Value, names: &[&str], change: fn(&Value) -> Value) {
    if let Some(fields) = value.as_object_mut() {
        for (name, field) in fields {
            if names.contains(&name.as_str()) {
                *field = change(field);
            }
            rewrite(field, names, change);
        }
    } else if let Some(items) = value.as_array_mut() {
        for item in items {
            rewrite(item, names, change);
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::indexing_slicing, reason = "a missing field stops the test")]

    use super::{Page, Parameters, Settings};

    fn page(number: &str, limit: &str) -> Page {
        let pairs = vec![("page".into(), number.into()), ("limit".into(), limit.into())];
        Page::of(&Parameters::new(pairs), &Settings::default())
    }

    #[test]
    fn page_and_limit_are_clamped() {
        assert_eq!(page("0", "10"), Page { number: 1, limit: 15 });
        assert_eq!(page("-3", "500"), Page { number: 1, limit: 100 });
        assert_eq!(page("2", "many"), Page { number: 2, limit: 15 });
    }

    #[test]
    fn a_page_is_cut_from_all_rows_and_counts_them_all() {
        assert_eq!(page("2", "15").cut(0..20), (20, vec![15, 16, 17, 18, 19]));
        assert_eq!(page("3", "15").cut(0..20), (20, vec![]));
        assert_eq!(page("9223372036854775807", "100").cut(0..20), (20, vec![]));
    }

    #[test]
    fn the_block_says_where_it_stands() {
        let shown = |number: &str, total| {
            serde_json::Value::Object(page(number, "15").block(total, vec![], |n| n.to_string()))
        };
        let middle = shown("2", 40);
        assert_eq!(
            (&middle["last_page"], &middle["from"], &middle["to"]),
            (&3.into(), &16.into(), &30.into())
        );
        assert_eq!((&middle["next_page_url"], &middle["prev_page_url"]), (&"3".into(), &"1".into()));
        let beyond = shown("4", 40);
        assert!(beyond["from"].is_null() && beyond["next_page_url"].is_null());
        assert_eq!(shown("1", 0)["last_page"], 0);
    }
}
