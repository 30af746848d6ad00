//! The one place where a no becomes a status: what services refuse, and what never reaches a service.
//!
//! Both matches are exhaustive on purpose. A new code does not compile until somebody has given it a status.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode, header};

use crate::domain::registration::FieldFaults;
use crate::service::limits::LimitReached;
use crate::service::{Code, Refusal, Subject};

/// Why a request gets no other answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HttpCode {
    /// A service said no.
    Service(Code),
    /// No token, or none that is accepted. One answer for all reasons.
    Unauthorized,
    /// The token's issuer cannot be asked for its keys.
    IssuerUnavailable,
    /// A path of `ClickSend`'s that is no business of ours.
    NotServedHere,
    /// A path that nobody has.
    NotFound,
    /// The path exists, the method does not.
    MethodNotAllowed,
    /// More than 64 KiB.
    PayloadTooLarge,
    /// More than 64 fields in a head.
    HeadTooLarge,
    /// A body that is not JSON, or is compressed.
    UnsupportedMediaType,
    /// A fault of ours.
    Internal,
}

impl HttpCode {
    /// Every code, for the catalogue of problems.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        Code::ALL.into_iter().map(Self::Service).chain([
            Self::Unauthorized,
            Self::IssuerUnavailable,
            Self::NotServedHere,
            Self::MethodNotAllowed,
            Self::PayloadTooLarge,
            Self::HeadTooLarge,
            Self::UnsupportedMediaType,
            Self::Internal,
        ])
    }

    /// The word on the wire.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Service(code) => code.as_str(),
            Self::Unauthorized => "UNAUTHORIZED",
            Self::IssuerUnavailable => "ISSUER_UNAVAILABLE",
            Self::NotServedHere => "NOT_SERVED_HERE",
            Self::NotFound => "NOT_FOUND",
            Self::MethodNotAllowed => "METHOD_NOT_ALLOWED",
            Self::PayloadTooLarge => "PAYLOAD_TOO_LARGE",
            Self::HeadTooLarge => "REQUEST_HEADER_FIELDS_TOO_LARGE",
            Self::UnsupportedMediaType => "UNSUPPORTED_MEDIA_TYPE",
            Self::Internal => "INTERNAL_SERVER_ERROR",
        }
    }

    /// The status.
    pub(super) const fn status(self) -> StatusCode {
        match self {
            Self::Service(code) => match code {
                Code::BadRequest => StatusCode::BAD_REQUEST,
                Code::UpstreamBalance => StatusCode::PAYMENT_REQUIRED,
                Code::Forbidden
                | Code::TeamRequired
                | Code::TeamUnknown
                | Code::PolicyDenied
                | Code::BudgetExceeded
                | Code::DayLimitReached => StatusCode::FORBIDDEN,
                Code::NotFound => StatusCode::NOT_FOUND,
                Code::ApprovalRequired
                | Code::ApprovalRejected
                | Code::ApprovalExpired
                | Code::AlreadyDecided
                | Code::PurchaseInProgress
                | Code::PurchaseOutcomeUnknown
                | Code::PriceChanged
                | Code::NumberNotAvailable
                | Code::AlreadyOwned
                | Code::CurrencyMismatch => StatusCode::CONFLICT,
                Code::IdempotencyKeyReused => StatusCode::UNPROCESSABLE_ENTITY,
                Code::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
                Code::UpstreamRefused | Code::UpstreamCredentialsRefused => StatusCode::BAD_GATEWAY,
                Code::UpstreamUnavailable
                | Code::UpstreamBusy
                | Code::BuyingFrozen
                | Code::AuditUnavailable => StatusCode::SERVICE_UNAVAILABLE,
            },
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::IssuerUnavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::NotServedHere | Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::HeadTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// A refusal on its way out; the door gives it its body.
#[derive(Clone, Debug)]
pub(super) struct HttpRefusal {
    pub(super) code: HttpCode,
    pub(super) message: String,
    pub(super) fields: FieldFaults,
    subject: Option<Subject>,
    retry_after: Option<Duration>,
    limit: Option<Box<LimitReached>>,
}

impl HttpRefusal {
    pub(super) fn new(code: HttpCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            fields: FieldFaults::new(),
            subject: None,
            retry_after: None,
            limit: None,
        }
    }

    /// The same words for whatever was wrong with a token: the reason is for the log.
    pub(super) fn unauthorized() -> Self {
        Self::new(HttpCode::Unauthorized, "Authorization failed.")
    }

    /// Adds what travels in headers on either door.
    pub(super) fn decorate(&self, response: &mut Response<Body>) {
        let headers = response.headers_mut();
        let mut set = |name: HeaderName, value: String| {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(name, value);
            }
        };
        if self.code == HttpCode::Unauthorized {
            set(header::WWW_AUTHENTICATE, "Bearer".to_owned());
        }
        match self.subject {
            Some(Subject::Purchase(id)) => {
                set(HeaderName::from_static("x-gateway-purchase"), id.to_string());
                set(header::LOCATION, format!("/v1/purchases/{id}"));
            }
            Some(Subject::Registration(id)) => {
                set(HeaderName::from_static("x-gateway-registration"), id.to_string());
                set(header::LOCATION, format!("/v1/registrations/{id}"));
            }
            None => {}
        }
        if let Some(wait) = self.retry_after {
            set(header::RETRY_AFTER, whole_seconds(wait).to_string());
        }
        if let Some(limit) = &self.limit {
            let wait = whole_seconds(self.retry_after.unwrap_or_default());
            set(HeaderName::from_static("ratelimit"), format!("\"{}\";r=0;t={wait}", limit.name));
            let policy = format!("\"{}\";q={};w={}", limit.name, limit.burst, whole_seconds(limit.window));
            set(HeaderName::from_static("ratelimit-policy"), policy);
        }
    }
}

/// Rounded up and never 0: a program that takes 0 for "at once" would ask in a circle.
fn whole_seconds(wait: Duration) -> u64 {
    wait.as_millis().div_ceil(1000).clamp(1, 86_400).try_into().unwrap_or(86_400)
}

impl From<Refusal> for HttpRefusal {
    fn from(refusal: Refusal) -> Self {
        Self {
            code: HttpCode::Service(refusal.code),
            message: refusal.message,
            fields: refusal.fields,
            subject: refusal.subject,
            retry_after: refusal.retry_after,
            limit: refusal.limit,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{HttpCode, whole_seconds};

    #[test]
    fn nobody_is_told_to_come_back_in_no_time() {
        assert_eq!(whole_seconds(Duration::ZERO), 1);
        assert_eq!(whole_seconds(Duration::from_millis(1001)), 2);
        assert_eq!(whole_seconds(Duration::from_secs(39)), 39);
    }

    #[test]
    fn codes_are_told_apart_by_their_words() {
        let mut words: Vec<_> = HttpCode::all().map(HttpCode::as_str).collect();
        words.sort_unstable();
        let count = words.len();
        words.dedup();
        assert_eq!(words.len(), count);
    }
}
