//! What the rest of the gateway may know about a call to upstream: enough for a metric, nothing of its content.
//!
//! Both words of a [`Call`] are closed enums, because they become metric labels.

use std::sync::Arc;
use std::time::Duration;

/// Told about every call once, when it is over. Runs on the caller's task, so it must not wait.
pub type Observer = Arc<dyn Fn(&Call) + Send + Sync>;

/// One finished call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// What was asked.
    pub operation: Operation,
    /// What came of it.
    pub outcome: Outcome,
    /// The HTTP status, where there was an answer; an error inside a 200 keeps the 200 here.
    pub status: Option<u16>,
    /// From the first attempt to connect to the last byte read; waiting for the limiter is not in it.
    pub elapsed: Duration,
}

/// The five things that are ever asked of upstream; also its rate limits' unit, which is one endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Numbers on sale.
    Search,
    /// Owned numbers.
    List,
    /// The account and its balance.
    Account,
    /// A buy.
    Buy,
    /// A registration.
    Register,
}

impl Operation {
    /// Every operation.
    pub const ALL: [Self; 5] = [Self::Search, Self::List, Self::Account, Self::Buy, Self::Register];

    /// How a call of it can end: what may not be sent twice knows more ways.
    pub fn outcomes(self) -> &'static [Outcome] {
        use Outcome::{
            Ambiguous, CredentialsRefused, Limited, NotSent, Refused, Success, Throttled, Unavailable,
        };
        match self {
            Self::Search | Self::List | Self::Account => {
                &[Success, Limited, Throttled, Unavailable, CredentialsRefused, Refused]
            }
            Self::Buy | Self::Register => {
                &[Success, Limited, CredentialsRefused, Refused, NotSent, Ambiguous]
            }
        }
    }

    /// The metric label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Search => "search",
            Self::List => "list",
            Self::Account => "account",
            Self::Buy => "buy",
            Self::Register => "register",
        }
    }
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Upstream did it.
    Success,
    /// Our own limiter had no slot in time; nothing was sent.
    Limited,
    /// A read that upstream answered with 429.
    Throttled,
    /// A read without a usable answer.
    Unavailable,
    /// Upstream said 401, or 403 to a read.
    CredentialsRefused,
    /// Upstream said no, in its own envelope.
    Refused,
    /// A buy or registration of which not one byte left.
    NotSent,
    /// A buy or registration that may have happened.
    Ambiguous,
}

impl Outcome {
    /// The metric label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Limited => "limited",
            Self::Throttled => "throttled",
            Self::Unavailable => "unavailable",
            Self::CredentialsRefused => "credentials_refused",
            Self::Refused => "refused",
            Self::NotSent => "not_sent",
            Self::Ambiguous => "ambiguous",
        }
    }
}
