//! The two doors: ClickSend's own paths, answered in ClickSend's envelope, and the gateway's own API, answered
//! with RFC 9457 problems. Which one a request came through is a matter of its path.

use axum::body::Body;
use axum::http::Response;

use crate::http::refusal::HttpRefusal;
use crate::http::{v1, v3};

/// A door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Door {
    /// Everything that is not the other.
    ClickSend,
    /// `/v1`, the documents and the problem pages.
    Gateway,
}

impl Door {
    /// The door that a path leads through.
    pub(super) fn of(path: &str) -> Self {
        let own = ["/v1", "/problems", "/openapi.json", "/console", "/docs"];
        let is_own = own.iter().any(|prefix| {
            path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        });
        if is_own { Self::Gateway } else { Self::ClickSend }
    }

    /// A refusal in this door's form.
    pub(super) fn refuse(self, refusal: &HttpRefusal) -> Response<Body> {
        let mut response = match self {
            Self::ClickSend => v3::envelope::refusal(refusal),
            Self::Gateway => v1::problem::refusal(refusal),
        };
        refusal.decorate(&mut response);
        response
    }
}
