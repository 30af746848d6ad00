//! Answers that take the place of the real one.

use axum::http::{HeaderValue, StatusCode, header};
use serde_json::Value;

use super::answers::Envelope;
use super::settings::{Refusal, Settings};
use super::throttle::Allowance;
use super::wire::{Answer, Reply};

/// An answer that takes the place of the real one.
#[derive(Clone, Debug)]
pub(super) enum Substitute {
    HangUp,
    Html { status: u16 },
    ErrorEnvelope(Refusal),
    Throttled { seconds: u32 },
    Redirect { location: Option<String> },
    Arbitrary { status: u16, content_type: String, body: Value },
}

impl Substitute {
    pub(super) fn reply(&self, path: &str, settings: &Settings) -> Reply {
        Reply::Answer(match self {
            Self::HangUp => return Reply::HangUp,
            Self::Html { status } => Answer::text(code(*status), "text/html", HTML),
            Self::ErrorEnvelope(refusal) => {
                Answer::json(StatusCode::OK, &Envelope::refusal(refusal).into_json())
            }
            Self::Throttled { seconds } => {
                let envelope = Envelope::throttled();
                let mut answer = Answer::json(envelope.status, &envelope.into_json());
                answer.headers = Allowance::used_up(settings.throttle, *seconds).headers();
                answer
            }
            Self::Redirect { location } => {
                let mut answer = Answer::text(StatusCode::FOUND, "text/html", HTML);
                let location = location.as_deref().unwrap_or(path);
                answer.headers.extend(HeaderValue::from_str(location).map(|to| (header::LOCATION, to)));
                answer
            }
            Self::Arbitrary { status, content_type, body } => {
                let text = body.as_str().map_or_else(|| body.to_string(), ToOwned::to_owned);
                Answer::text(code(*status), content_type, text)
            }
        })
    }
}

const HTML: &str =
    "<html><head><title>Error</title></head><body><center><h1>Error</h1></center></body></html>\n";

fn code(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
