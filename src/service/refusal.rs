//! Every no that the gateway says: one closed list of codes, the same words on both doors, in metrics and in the
//! evidence.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::clicksend::ReadError;
use crate::domain::canonical::CanonicalError;
use crate::domain::order::UpstreamRefusal;
use crate::domain::purchase::PurchaseId;
use crate::domain::registration::{FieldFaults, RegistrationId};
use crate::service::limits::LimitReached;
use crate::store::StoreError;

/// Why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Code {
    /// The request cannot be understood; the fields say where.
    BadRequest,
    /// The token's roles do not allow it.
    Forbidden,
    /// A write needs one team, and the token names none or several.
    TeamRequired,
    /// The team is not configured here.
    TeamUnknown,
    /// A policy rule says no, or none says yes.
    PolicyDenied,
    /// The budget of the team or the organisation is too small for it.
    BudgetExceeded,
    /// The day's number of purchases is used up.
    DayLimitReached,
    /// People have to decide first.
    ApprovalRequired,
    /// An approver said no.
    ApprovalRejected,
    /// Nobody decided, or nothing could be bought, in time.
    ApprovalExpired,
    /// It does not wait for a decision any more.
    AlreadyDecided,
    /// The purchase is under way; ask again.
    PurchaseInProgress,
    /// The answer to a buy was lost; it is being found out.
    PurchaseOutcomeUnknown,
    /// The live price is above what was agreed to.
    PriceChanged,
    /// Nobody sells the number now.
    NumberNotAvailable,
    /// The account has the number already.
    AlreadyOwned,
    /// Upstream sells in another currency than the one of the budgets.
    CurrencyMismatch,
    /// The same key came with another request.
    IdempotencyKeyReused,
    /// A limit of the gateway.
    TooManyRequests,
    /// The ClickSend account has no money.
    UpstreamBalance,
    /// ClickSend refused, in its own words.
    UpstreamRefused,
    /// ClickSend does not accept the gateway's credentials.
    UpstreamCredentialsRefused,
    /// ClickSend cannot be asked, and nothing was sent.
    UpstreamUnavailable,
    /// ClickSend's limits are used up for the moment.
    UpstreamBusy,
    /// Buying is switched off.
    BuyingFrozen,
    /// The evidence cannot be written, so nothing is done.
    AuditUnavailable,
    /// There is no such thing, or it is not yours to see.
    NotFound,
}

impl Code {
    /// Every code.
    pub const ALL: [Self; 27] = [
        Self::BadRequest,
        Self::Forbidden,
        Self::TeamRequired,
        Self::TeamUnknown,
        Self::PolicyDenied,
        Self::BudgetExceeded,
        Self::DayLimitReached,
        Self::ApprovalRequired,
        Self::ApprovalRejected,
        Self::ApprovalExpired,
        Self::AlreadyDecided,
        Self::PurchaseInProgress,
        Self::PurchaseOutcomeUnknown,
        Self::PriceChanged,
        Self::NumberNotAvailable,
        Self::AlreadyOwned,
        Self::CurrencyMismatch,
        Self::IdempotencyKeyReused,
        Self::TooManyRequests,
        Self::UpstreamBalance,
        Self::UpstreamRefused,
        Self::UpstreamCredentialsRefused,
        Self::UpstreamUnavailable,
        Self::UpstreamBusy,
        Self::BuyingFrozen,
        Self::AuditUnavailable,
        Self::NotFound,
    ];

    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BadRequest => "BAD_REQUEST",
            Self::Forbidden => "FORBIDDEN",
            Self::TeamRequired => "TEAM_REQUIRED",
            Self::TeamUnknown => "TEAM_UNKNOWN",
            Self::PolicyDenied => "POLICY_DENIED",
            Self::BudgetExceeded => "BUDGET_EXCEEDED",
            Self::DayLimitReached => "DAY_LIMIT_REACHED",
            Self::ApprovalRequired => "APPROVAL_REQUIRED",
            Self::ApprovalRejected => "APPROVAL_REJECTED",
            Self::ApprovalExpired => "APPROVAL_EXPIRED",
            Self::AlreadyDecided => "ALREADY_DECIDED",
            Self::PurchaseInProgress => "PURCHASE_IN_PROGRESS",
            Self::PurchaseOutcomeUnknown => "PURCHASE_OUTCOME_UNKNOWN",
            Self::PriceChanged => "PRICE_CHANGED",
            Self::NumberNotAvailable => "NUMBER_NOT_AVAILABLE",
            Self::AlreadyOwned => "ALREADY_OWNED",
            Self::CurrencyMismatch => "CURRENCY_MISMATCH",
            Self::IdempotencyKeyReused => "IDEMPOTENCY_KEY_REUSED",
            Self::TooManyRequests => "TOO_MANY_REQUESTS",
            Self::UpstreamBalance => "UPSTREAM_BALANCE",
            Self::UpstreamRefused => "UPSTREAM_REFUSED",
            Self::UpstreamCredentialsRefused => "UPSTREAM_CREDENTIALS_REFUSED",
            Self::UpstreamUnavailable => "UPSTREAM_UNAVAILABLE",
            Self::UpstreamBusy => "UPSTREAM_BUSY",
            Self::BuyingFrozen => "BUYING_FROZEN",
            Self::AuditUnavailable => "AUDIT_UNAVAILABLE",
            Self::NotFound => "NOT_FOUND",
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// A text that is no code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a code")]
pub struct CodeError;

impl FromStr for Code {
    type Err = CodeError;

    fn from_str(text: &str) -> Result<Self, CodeError> {
        Self::ALL.into_iter().find(|code| code.as_str() == text).ok_or(CodeError)
    }
}

/// What a refusal is about: something that the caller can look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A purchase.
    Purchase(PurchaseId),
    /// A registration.
    Registration(RegistrationId),
}

impl From<PurchaseId> for Subject {
    fn from(id: PurchaseId) -> Self {
        Self::Purchase(id)
    }
}

impl From<RegistrationId> for Subject {
    fn from(id: RegistrationId) -> Self {
        Self::Registration(id)
    }
}

/// One refusal: the code for programs, the sentence for people, and what goes with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why not.
    pub code: Code,
    /// What was wrong and what would be right, as a sentence.
    pub message: String,
    /// Which fields, for [`Code::BadRequest`].
    pub fields: FieldFaults,
    /// What it is about, where there is something that the caller may see.
    pub subject: Option<Subject>,
    /// When trying again has a chance.
    pub retry_after: Option<Duration>,
    /// The limit that was reached, for [`Code::TooManyRequests`].
    pub limit: Option<Box<LimitReached>>,
}

impl Refusal {
    /// A refusal with a sentence.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            fields: FieldFaults::new(),
            subject: None,
            retry_after: None,
            limit: None,
        }
    }

    /// A field that cannot be.
    pub fn field(field: &str, fault: impl Into<String>) -> Self {
        Self::fields(FieldFaults::from([(field.to_owned(), fault.into())]))
    }

    /// Several such fields.
    pub fn fields(fields: FieldFaults) -> Self {
        Self { fields, ..Self::new(Code::BadRequest, "Invalid input.") }
    }

    /// Names the purchase, or the registration.
    #[must_use]
    pub fn about(mut self, subject: impl Into<Subject>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// Says when to try again.
    #[must_use]
    pub const fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// What upstream's certain refusal of a write means here.
    pub fn from_upstream(refusal: &UpstreamRefusal) -> Self {
        let code = match refusal.status {
            _ if refusal.is_about_balance() => Code::UpstreamBalance,
            401 => Code::UpstreamCredentialsRefused,
            404 => Code::NumberNotAvailable,
            429 => Code::UpstreamBusy,
            _ => Code::UpstreamRefused,
        };
        Self::new(code, format!("ClickSend says: {}", refusal.response_msg))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for Refusal {}

impl From<ReadError> for Refusal {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Busy { retry_after } => Self::new(
                Code::UpstreamBusy,
                "ClickSend's request limit is used up for the moment; ask again shortly",
            )
            .retry_after(retry_after),
            ReadError::Unavailable(reason) => Self::new(
                Code::UpstreamUnavailable,
                format!(
                    "ClickSend could not be asked ({reason}); nothing was sent that could not be sent again"
                ),
            ),
            ReadError::CredentialsRefused(_) => Self::new(
                Code::UpstreamCredentialsRefused,
                "ClickSend refused the gateway's own credentials; its operator has to look",
            ),
            ReadError::Refused(refusal) => {
                Self::new(Code::UpstreamRefused, format!("ClickSend says: {}", refusal.response_msg))
            }
        }
    }
}

impl From<CanonicalError> for Refusal {
    fn from(error: CanonicalError) -> Self {
        Self::new(Code::BadRequest, error.to_string())
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        // Logged here and nowhere else: behind this point it is one of many refusals.
        tracing::error!(%error, "the store failed");
        Self::new(
            Code::AuditUnavailable,
            "the gateway cannot write its evidence now, so nothing was done; ask again",
        )
        .retry_after(Duration::from_secs(2))
    }
}
