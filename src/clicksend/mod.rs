//! The upstream client: typed values in, domain values out, and nothing of a client's request forwarded.
//!
//! Reads may fail in four ways and never hurt, so one without a usable answer is asked again while its time and its
//! budget last; an operation that keeps failing is left alone for a while. A buy or a registration is sent at most once,
//! after a slot of the outbound limiter was taken and only while its claim is fresh, and its answer is read so that
//! "certainly not" has to be proven; while upstream cannot be read, none gets a slot. What is known about the other side,
//! and how well, follows.
//!
#![doc = include_str!("UPSTREAM.md")]

mod circuit;
mod client;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod limit;
mod observe;
mod options;
mod reading;
mod recovering;
mod retry;
mod transport;
mod verdict;
mod wire;

use std::time::Duration;

use crate::domain::money::{Currency, Money};
use crate::domain::order::UpstreamRefusal;

pub use crate::clicksend::client::{BuySlot, ClickSend, RegistrationSlot};
pub use crate::clicksend::observe::{Call, CircuitState, Lack, Observer, Operation, Outcome};
pub use crate::clicksend::options::{ClientError, Options};
pub use crate::clicksend::transport::Credentials;

/// For whom upstream is asked. What is reserved for buying is out of reach for people's searches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Somebody looks around.
    People,
    /// A quote, a scan, a check before or after a purchase.
    Buying,
}

/// Which owned numbers are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListFilter {
    /// Leave out what belongs to a 10DLC campaign: the one filter that no row can decide.
    pub exclude_10dlc_campaign: bool,
}

/// What we keep of the account. A flag is nothing where upstream does not say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Upstream's identity of the account.
    pub user_id: u64,
    /// The currency of balance and prices.
    pub currency: Currency,
    /// May be negative: accounts can be postpaid.
    pub balance: Money,
    /// Whether a card is charged when the balance is low; a purchase switches it on.
    pub auto_recharge: Option<bool>,
    /// Whether the account may send.
    pub active: Option<bool>,
    /// Whether it was shut out.
    pub banned: Option<bool>,
}

/// Why a read has no result. Repeating it later is always safe.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Our limiter had no slot in time, or upstream said 429.
    #[error("upstream may be asked again in {retry_after:?}")]
    Busy {
        /// When the next call has a chance.
        retry_after: Duration,
    },
    /// No usable answer: unreachable, too late, 5xx, a redirect, HTML, too big, another shape. Or nobody asked, because
    /// the last ones who did got none.
    #[error("upstream is not available: {0}")]
    Unavailable(String),
    /// 401 or 403 in ClickSend's envelope.
    #[error("upstream refused the gateway's credentials: {}", .0.response_msg)]
    CredentialsRefused(UpstreamRefusal),
    /// Any other 4xx in ClickSend's envelope, or an error envelope in a 200.
    #[error("upstream refused: {}", .0.response_msg)]
    Refused(UpstreamRefusal),
}

#[cfg(test)]
mod tests;
