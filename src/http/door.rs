//! The doors: ClickSend's own paths, answered in ClickSend's envelope; the gateway's own API, answered with RFC 9457
//! problems; and the console, answered with pages. Which one a request came through is a matter of its path.

use axum::body::Body;
use axum::http::{Response, header};

use crate::http::refusal::HttpRefusal;
use crate::http::{console, v1, v3};

/// A door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Door {
    /// Everything that is none of the others.
    ClickSend,
    /// `/v1`, the documents and the problem pages.
    Gateway,
    /// `/console`.
    Console,
}

impl Door {
    /// The door that a path leads through.
    pub(super) fn of(path: &str) -> Self {
        let leads_to = |prefix: &&str| {
            path.strip_prefix(*prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        if leads_to(&"/console") {
            Self::Console
        } else if ["/v1", "/problems", "/openapi.json", "/docs"].iter().any(leads_to) {
            Self::Gateway
        } else {
            Self::ClickSend
        }
    }

    /// A refusal in this door's form.
    pub(super) fn refuse(self, refusal: &HttpRefusal) -> Response<Body> {
        let mut response = match self {
            Self::ClickSend => v3::envelope::refusal(refusal),
            Self::Gateway => v1::problem::refusal(refusal),
            Self::Console => console::refusal(refusal),
        };
        refusal.decorate(&mut response);
        if self == Self::Console {
            // The thing's address on another door, and no place for a browser to go.
            response.headers_mut().remove(header::LOCATION);
        }
        response
    }
}
