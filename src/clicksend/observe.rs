//! What the rest of the gateway may know about a call to upstream: enough for a metric, nothing of its content.
//!
//! Both words of a [`Call`] are closed enums, because they become metric labels.

use std::sync::Arc;
use std::time::Duration;

/// Told about every call once, when it is over, and about each that was refused on our side. Runs on the caller's task, so it must not wait.
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
    /// What the try before it lacked, where this is a further one for the same read.
    pub again: Option<Lack>,
}

impl Call {
    /// One that was refused on our side.
    pub(super) const fn not_made(operation: Operation, outcome: Outcome) -> Self {
        Self { operation, outcome, status: None, elapsed: Duration::ZERO, again: None }
    }
}

/// Why a read without a usable answer was asked again. One that took too long never is: its time is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lack {
    /// There never was a connection.
    Connection,
    /// The connection ended without an answer.
    Answer,
    /// The answer was none: 5xx, HTML, broken off, another shape.
    Sense,
}

impl Lack {
    /// Everything that can be lacking.
    pub const ALL: [Self; 3] = [Self::Connection, Self::Answer, Self::Sense];

    /// The metric label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connection => "no_connection",
            Self::Answer => "no_answer",
            Self::Sense => "unusable_answer",
        }
    }
}

/// Whether an operation is asked, see `circuit.rs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CircuitState {
    /// Every call goes.
    Closed,
    /// The pause is over; one call at a time finds out.
    HalfOpen,
    /// No call goes.
    Open,
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
    /// Those that may be repeated; each has a circuit and a budget of retries.
    pub const READS: [Self; 3] = [Self::Search, Self::List, Self::Account];
    /// Every operation.
    pub const ALL: [Self; 5] = [Self::Search, Self::List, Self::Account, Self::Buy, Self::Register];

    /// How a call of it can end: what may not be sent twice knows more ways.
    pub fn outcomes(self) -> &'static [Outcome] {
        use Outcome::{
            Ambiguous, CircuitOpen, CredentialsRefused, Limited, NotSent, Refused, Success, Throttled,
            Unavailable,
        };
        match self {
            Self::Search | Self::List | Self::Account => {
                &[Success, Limited, CircuitOpen, Throttled, Unavailable, CredentialsRefused, Refused]
            }
            Self::Buy | Self::Register => {
                &[Success, Limited, CircuitOpen, CredentialsRefused, Refused, NotSent, Ambiguous]
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
    /// Upstream is left alone for the moment; nothing was sent.
    CircuitOpen,
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
    /// Whether there was a call, so that its time means something.
    pub const fn is_of_a_call(self) -> bool {
        !matches!(self, Self::Limited | Self::CircuitOpen)
    }

    /// The metric label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Limited => "limited",
            Self::CircuitOpen => "circuit_open",
            Self::Throttled => "throttled",
            Self::Unavailable => "unavailable",
            Self::CredentialsRefused => "credentials_refused",
            Self::Refused => "refused",
            Self::NotSent => "not_sent",
            Self::Ambiguous => "ambiguous",
        }
    }
}
