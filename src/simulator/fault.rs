//! What can be made to go wrong: names, parameters, defaults.

use serde::Deserialize;
use serde_json::Value;

use super::complaint::Complaint;
use super::journal::Operation;
use super::money::Micros;

/// A body above this tests the simulator rather than its client.
const MOST_BYTES: u64 = 1 << 30;

/// Everything that can be made to go wrong. `sale` stands for whatever the operation does.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Fault {
    Delay {
        ms: u64,
    },
    Hold {
        #[serde(default)]
        at: Moment,
    },
    DropBeforeSale {},
    DropAfterSale {},
    Truncate {},
    #[serde(rename = "html_500_before_sale")]
    HtmlBeforeSale {
        #[serde(default = "internal_error")]
        status: u16,
    },
    #[serde(rename = "html_500_after_sale")]
    HtmlAfterSale {
        #[serde(default = "internal_error")]
        status: u16,
    },
    #[serde(rename = "error_envelope_in_200")]
    ErrorEnvelope {
        #[serde(default = "bad_request")]
        http_code: u16,
        #[serde(default = "something_is_wrong")]
        response_code: String,
        #[serde(default = "something_is_wrong")]
        response_msg: String,
        #[serde(default)]
        at: Moment,
    },
    #[serde(rename = "throttle_429")]
    Throttle {
        #[serde(default = "twenty")]
        retry_after_seconds: u32,
    },
    #[serde(rename = "redirect_302")]
    Redirect {
        location: Option<String>,
    },
    Arbitrary {
        status: u16,
        #[serde(default)]
        body: Value,
        #[serde(default = "json_type")]
        content_type: String,
        #[serde(default)]
        at: Moment,
    },
    NumberGone {},
    InsufficientBalance {
        status: Option<u16>,
    },
    PriceDrift {
        percent: Option<i32>,
        monthly: Option<Micros>,
    },
    RepeatBuyChargesAgain {},
    LateVisibility {
        /// Until `POST /_simulator/release` when absent.
        ms: Option<u64>,
    },
    OtherNumber {
        number: Option<String>,
    },
    FullDigitSearchFindsNothing {},
    BareListSearch {},
    TopCurrencySearch {},
    ListPageLies {
        omit: Option<usize>,
        #[serde(default)]
        total_off: i64,
    },
    UnknownStatusValue {
        #[serde(default = "nine")]
        value: i64,
    },
    StatusNull {},
    NumberTypedPrices {},
    StringTypedCounters {},
    HugeBody {
        bytes: u64,
    },
    EmptyBody {},
    WrongContentType {
        #[serde(default = "html_type")]
        content_type: String,
    },
    Drip {
        #[serde(default = "one")]
        bytes: usize,
        every_ms: u64,
    },
}

/// Before or after the work is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Moment {
    #[default]
    BeforeSale,
    AfterSale,
}

/// Name, parameters with their defaults, and what it does: the control index prints this.
pub(super) const FAULTS: &[(&str, &str, &str)] = &[
    ("delay", "ms", "waits before anything else"),
    (
        "hold",
        "at = before_sale | after_sale",
        "waits there until POST /_simulator/release, 10 minutes at most",
    ),
    ("drop_before_sale", "", "closes the connection without a byte, nothing was done"),
    ("drop_after_sale", "", "does the work, then closes the connection without a byte"),
    ("truncate", "", "does the work, announces the whole length, sends half and closes"),
    ("html_500_before_sale", "status = 500", "an HTML page from a proxy, nothing was done"),
    ("html_500_after_sale", "status = 500", "the same page, but the work was done"),
    (
        "error_envelope_in_200",
        "http_code = 400, response_code, response_msg, at = before_sale | after_sale",
        "HTTP 200 around an envelope that says otherwise",
    ),
    ("throttle_429", "retry_after_seconds = 20", "429 with the live headers"),
    ("redirect_302", "location = the same path", "302, which one SDK answers with a second POST"),
    (
        "arbitrary",
        "status, body, content_type = application/json, at = before_sale | after_sale",
        "any answer you like; a body that is text is sent as it is",
    ),
    ("number_gone", "", "buy: somebody else was faster; the number leaves the shop"),
    ("insufficient_balance", "[status]", "buy: refused for lack of credit, with this status or the switch's"),
    ("price_drift", "percent | monthly", "buy or search: another monthly price than elsewhere"),
    ("repeat_buy_charges_again", "", "buy: a number that is owned already is charged again"),
    (
        "late_visibility",
        "[ms]",
        "buy: the number is listed after so long, or after release when ms is left out",
    ),
    ("other_number", "[number]", "buy: the answer names another number than the one sold"),
    ("full_digit_search_finds_nothing", "", "search: a pattern that is a whole number finds nothing"),
    ("bare_list_search", "", "search: data is a bare list, _currency stands beside it"),
    ("top_currency_search", "", "search: data is a page, _currency stands beside it"),
    ("list_page_lies", "omit = 1, total_off = 0", "list: leaves out the page's first rows, or miscounts"),
    ("unknown_status_value", "value = 9", "list: a status outside the documented ones"),
    ("status_null", "", "list: status is null"),
    ("number_typed_prices", "", "prices are JSON numbers"),
    ("string_typed_counters", "", "http_code and the page counters are JSON strings"),
    ("huge_body", "bytes", "the answer, followed by spaces up to this length (1 GiB at most)"),
    ("empty_body", "", "the status without a body"),
    ("wrong_content_type", "content_type = text/html", "the answer under another content type"),
    ("drip", "bytes = 1, every_ms", "the answer in small pieces, slowly"),
];

impl Fault {
    /// The operation on which alone it has an effect.
    pub(super) const fn belongs_to(&self) -> Option<Operation> {
        match self {
            Self::NumberGone {}
            | Self::InsufficientBalance { .. }
            | Self::RepeatBuyChargesAgain {}
            | Self::LateVisibility { .. }
            | Self::OtherNumber { .. } => Some(Operation::Buy),
            Self::FullDigitSearchFindsNothing {} | Self::BareListSearch {} | Self::TopCurrencySearch {} => {
                Some(Operation::Search)
            }
            Self::ListPageLies { .. } | Self::UnknownStatusValue { .. } | Self::StatusNull {} => {
                Some(Operation::List)
            }
            Self::Delay { .. }
            | Self::Hold { .. }
            | Self::DropBeforeSale {}
            | Self::DropAfterSale {}
            | Self::Truncate {}
            | Self::HtmlBeforeSale { .. }
            | Self::HtmlAfterSale { .. }
            | Self::ErrorEnvelope { .. }
            | Self::Throttle { .. }
            | Self::Redirect { .. }
            | Self::Arbitrary { .. }
            | Self::PriceDrift { .. }
            | Self::NumberTypedPrices {}
            | Self::StringTypedCounters {}
            | Self::HugeBody { .. }
            | Self::EmptyBody {}
            | Self::WrongContentType { .. }
            | Self::Drip { .. } => None,
        }
    }

    /// What no type can say.
    pub(super) fn check(&self) -> Result<(), Complaint> {
        if let Self::PriceDrift { percent, monthly } = self {
            if percent.is_some() == monthly.is_some() {
                return Err(Complaint::new("percent", "give exactly one of percent and monthly"));
            }
            if percent.is_some_and(|percent| percent < -100) {
                return Err(Complaint::new("percent", "must be -100 or more"));
            }
        }
        if let Self::HtmlBeforeSale { status }
        | Self::HtmlAfterSale { status }
        | Self::Arbitrary { status, .. }
        | Self::InsufficientBalance { status: Some(status) } = self
            && !(200..=599).contains(status)
        {
            return Err(Complaint::new("status", "must be 200 to 599"));
        }
        if let Self::HugeBody { bytes } = self
            && *bytes > MOST_BYTES
        {
            return Err(Complaint::new("bytes", "must be 1073741824 or less"));
        }
        Ok(())
    }
}

const fn internal_error() -> u16 {
    500
}

const fn bad_request() -> u16 {
    400
}

const fn twenty() -> u32 {
    20
}

const fn one() -> usize {
    1
}

const fn nine() -> i64 {
    9
}

fn something_is_wrong() -> String {
    "SOMETHING_IS_WRONG".to_owned()
}

fn json_type() -> String {
    "application/json".to_owned()
}

fn html_type() -> String {
    "text/html".to_owned()
}
