//! What all the faults that meet one request amount to.
//!
//! The only place that says what a fault does: [`Plan::add`] sorts every fault into what happens before the
//! work, instead of it, differently within it, and to its answer.

use std::time::Duration;

use serde_json::{Value, json};

use super::answers::{Envelope, rewrite};
use super::fault::{Fault, Moment};
use super::inventory::FullDigits;
use super::money::Micros;
use super::settings::{Refusal, RepeatBuy, Settings};
use super::substitute::Substitute;
use super::wire::{Answer, Delivery, Reply};

/// The course of one request.
#[derive(Debug, Default)]
pub(super) struct Plan {
    names: Vec<String>,
    pub(super) delay: Duration,
    pub(super) hold_before: bool,
    pub(super) hold_after: bool,
    /// Answered without doing the work.
    pub(super) instead: Option<Substitute>,
    pub(super) quirks: Quirks,
    /// Answered after the work, but otherwise than the work deserves.
    afterwards: Option<Substitute>,
    prices: PriceForm,
    counters: CounterForm,
    delivery: Delivery,
    content_type: Option<String>,
}

/// What goes differently within the work.
#[derive(Clone, Debug, Default)]
pub(super) struct Quirks {
    pub(super) drift: Option<Drift>,
    pub(super) obstacle: Option<Obstacle>,
    pub(super) repeat_buy: Option<RepeatBuy>,
    pub(super) lateness: Option<Lateness>,
    pub(super) other_number: Option<OtherNumber>,
    pub(super) full_digits: FullDigits,
    pub(super) search_shape: SearchShape,
    pub(super) lie: Option<PageLie>,
    pub(super) status: StatusForm,
}

/// Another monthly price.
#[derive(Clone, Copy, Debug)]
pub(super) enum Drift {
    Percent(i32),
    Monthly(Micros),
}

impl Drift {
    pub(super) fn applied(drift: Option<Self>, monthly: Micros) -> Micros {
        match drift {
            None => monthly,
            Some(Self::Monthly(price)) => price,
            Some(Self::Percent(percent)) => monthly.share(100 + i64::from(percent), 100),
        }
    }
}

/// Why a purchase cannot be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Obstacle {
    Gone,
    NoCredit { status: Option<u16> },
}

/// When a sold number appears in the list.
#[derive(Clone, Copy, Debug)]
pub(super) enum Lateness {
    Millis(u64),
    UntilReleased,
}

/// The number a purchase is answered with; none means the sold one with its last digit changed.
#[derive(Clone, Debug)]
pub(super) struct OtherNumber(pub(super) Option<String>);

/// The shapes that a search answer had over the years.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum SearchShape {
    #[default]
    Page,
    PageAndTopCurrency,
    BareList,
}

/// A list page that is not true.
#[derive(Clone, Copy, Debug)]
pub(super) struct PageLie {
    pub(super) omit: usize,
    pub(super) total_off: i64,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) enum StatusForm {
    #[default]
    Known,
    Unknown(i64),
    Null,
}

#[derive(Clone, Copy, Debug, Default)]
enum PriceForm {
    #[default]
    Text,
    Number,
}

#[derive(Clone, Copy, Debug, Default)]
enum CounterForm {
    #[default]
    Number,
    Text,
}

impl Plan {
    /// The faults in it, joined by a plus.
    pub(super) fn names(&self) -> Option<String> {
        (!self.names.is_empty()).then(|| self.names.join("+"))
    }

    pub(super) fn add(&mut self, name: &str, fault: &Fault) {
        self.names.push(name.to_owned());
        match fault.clone() {
            Fault::Delay { ms } => self.delay += Duration::from_millis(ms),
            Fault::Hold { at: Moment::BeforeSale } => self.hold_before = true,
            Fault::Hold { at: Moment::AfterSale } => self.hold_after = true,
            Fault::DropBeforeSale {} => self.instead = Some(Substitute::HangUp),
            Fault::DropAfterSale {} => self.afterwards = Some(Substitute::HangUp),
            Fault::HtmlBeforeSale { status } => self.instead = Some(Substitute::Html { status }),
            Fault::HtmlAfterSale { status } => self.afterwards = Some(Substitute::Html { status }),
            Fault::ErrorEnvelope { http_code, response_code, response_msg, at } => {
                let refusal = Refusal { status: http_code, response_code, response_msg };
                self.substitute(at, Substitute::ErrorEnvelope(refusal));
            }
            Fault::Throttle { retry_after_seconds } => {
                self.instead = Some(Substitute::Throttled { seconds: retry_after_seconds });
            }
            Fault::Redirect { location } => self.instead = Some(Substitute::Redirect { location }),
            Fault::Arbitrary { status, body, content_type, at } => {
                self.substitute(at, Substitute::Arbitrary { status, content_type, body });
            }
            Fault::NumberGone {} => self.quirks.obstacle = Some(Obstacle::Gone),
            Fault::InsufficientBalance { status } => {
                self.quirks.obstacle = Some(Obstacle::NoCredit { status });
            }
            Fault::PriceDrift { percent, monthly } => {
                self.quirks.drift = monthly.map(Drift::Monthly).or(percent.map(Drift::Percent));
            }
            Fault::RepeatBuyChargesAgain {} => self.quirks.repeat_buy = Some(RepeatBuy::ChargeAgain),
            Fault::LateVisibility { ms } => {
                self.quirks.lateness = Some(ms.map_or(Lateness::UntilReleased, Lateness::Millis));
            }
            Fault::OtherNumber { number } => self.quirks.other_number = Some(OtherNumber(number)),
            Fault::FullDigitSearchFindsNothing {} => self.quirks.full_digits = FullDigits::NotFound,
            Fault::BareListSearch {} => self.quirks.search_shape = SearchShape::BareList,
            Fault::TopCurrencySearch {} => self.quirks.search_shape = SearchShape::PageAndTopCurrency,
            Fault::ListPageLies { omit, total_off } => {
                let omit = omit.unwrap_or(usize::from(total_off == 0));
                self.quirks.lie = Some(PageLie { omit, total_off });
            }
            Fault::UnknownStatusValue { value } => self.quirks.status = StatusForm::Unknown(value),
            Fault::StatusNull {} => self.quirks.status = StatusForm::Null,
            Fault::NumberTypedPrices {} => self.prices = PriceForm::Number,
            Fault::StringTypedCounters {} => self.counters = CounterForm::Text,
            Fault::Truncate {} => self.delivery = Delivery::Truncated,
            Fault::HugeBody { bytes } => self.delivery = Delivery::Padded { bytes },
            Fault::EmptyBody {} => self.delivery = Delivery::Empty,
            Fault::WrongContentType { content_type } => self.content_type = Some(content_type),
            Fault::Drip { bytes, every_ms } => {
                self.delivery = Delivery::Dripped { bytes, every: Duration::from_millis(every_ms) };
            }
        }
    }

    fn substitute(&mut self, at: Moment, substitute: Substitute) {
        match at {
            Moment::BeforeSale => self.instead = Some(substitute),
            Moment::AfterSale => self.afterwards = Some(substitute),
        }
    }

    /// The envelope as bytes, in the form and by the delivery that is planned. `path` is the request's own.
    pub(super) fn reply(&self, envelope: Envelope, path: &str, settings: &Settings) -> Reply {
        if let Some(substitute) = &self.afterwards {
            return self.deliver(substitute.reply(path, settings));
        }
        let status = envelope.status;
        let mut json = envelope.into_json();
        if let PriceForm::Number = self.prices {
            rewrite(&mut json, &PRICES, as_number);
        }
        if let CounterForm::Text = self.counters {
            rewrite(&mut json, &COUNTERS, as_text);
        }
        self.deliver(Reply::Answer(Answer::json(status, &json)))
    }

    /// An answer as the plan wants it delivered.
    pub(super) fn deliver(&self, reply: Reply) -> Reply {
        match reply {
            Reply::HangUp => Reply::HangUp,
            Reply::Answer(answer) => Reply::Answer(Answer {
                delivery: self.delivery,
                content_type: self.content_type.clone().unwrap_or(answer.content_type),
                ..answer
            }),
        }
    }
}

const PRICES: [&str; 7] =
    ["price", "price_setup", "price_monthly", "price_total", "_price_setup", "_price_monthly", "balance"];

const COUNTERS: [&str; 7] = ["http_code", "total", "per_page", "current_page", "last_page", "from", "to"];

fn as_number(value: &Value) -> Value {
    value.as_str().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_else(|| value.clone())
}

fn as_text(value: &Value) -> Value {
    if value.is_number() { json!(value.to_string()) } else { value.clone() }
}
