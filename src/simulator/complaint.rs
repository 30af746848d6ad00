//! What the control API answers to an order it cannot follow.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// The field at fault, empty for the body as a whole, and what would do instead. Answers 400.
#[derive(Debug)]
pub(super) struct Complaint {
    pub(super) field: String,
    pub(super) reason: String,
}

impl Complaint {
    pub(super) fn new(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { field: field.into(), reason: reason.into() }
    }
}

impl<E: ToString> From<serde_path_to_error::Error<E>> for Complaint {
    fn from(error: serde_path_to_error::Error<E>) -> Self {
        let path = error.path().to_string();
        Self::new(if path == "." { String::new() } else { path }, error.into_inner().to_string())
    }
}

impl IntoResponse for Complaint {
    fn into_response(self) -> Response {
        let body = json!({ "error": self.reason, "field": self.field, "help": "GET /_simulator/" });
        (StatusCode::BAD_REQUEST, Json(body)).into_response()
    }
}
