//! How an answer leaves: whole, or in one of the ways in which answers break.
//!
//! A connection is dropped by a body that fails. hyper keeps the head in its buffer until the body gives it
//! something or makes it wait, so a body that fails at once costs the client even the status line, and a body
//! that fails after a pause has been sent up to there. The tests watch both on a real socket.

use std::io;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use futures_util::stream;
use serde_json::Value;

/// What the client will see.
#[derive(Debug)]
pub(super) enum Reply {
    /// The connection closes without a byte.
    HangUp,
    Answer(Answer),
}

/// An HTTP answer and the manner of its delivery.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) content_type: String,
    pub(super) body: Bytes,
    pub(super) delivery: Delivery,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Delivery {
    #[default]
    Whole,
    /// The full length is announced, half of it comes, the connection closes.
    Truncated,
    /// A few bytes at a time.
    Dripped {
        bytes: usize,
        every: Duration,
    },
    /// Followed by spaces up to this many bytes: still valid JSON.
    Padded {
        bytes: u64,
    },
    Empty,
}

impl Answer {
    pub(super) fn json(status: StatusCode, body: &Value) -> Self {
        Self::text(status, "application/json", body.to_string())
    }

    pub(super) fn text(status: StatusCode, content_type: &str, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            content_type: content_type.to_owned(),
            body: body.into(),
            delivery: Delivery::Whole,
        }
    }
}

impl From<Reply> for Response {
    fn from(reply: Reply) -> Self {
        match reply {
            Reply::HangUp => Self::new(Body::from_stream(stream::once(async { Err::<Bytes, _>(broken()) }))),
            Reply::Answer(answer) => deliver(answer),
        }
    }
}

fn deliver(answer: Answer) -> Response {
    let whole_length = answer.body.len();
    let body = match answer.delivery {
        Delivery::Whole => Body::from(answer.body),
        Delivery::Truncated => truncated(&answer.body),
        Delivery::Dripped { bytes, every } => dripped(answer.body, bytes, every),
        Delivery::Padded { bytes } => padded(answer.body, bytes),
        Delivery::Empty => Body::empty(),
    };
    let mut response = Response::new(body);
    *response.status_mut() = answer.status;
    let headers = response.headers_mut();
    if let Ok(content_type) = HeaderValue::from_str(&answer.content_type) {
        headers.insert(header::CONTENT_TYPE, content_type);
    }
    if answer.delivery == Delivery::Truncated {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(whole_length));
    }
    headers.extend(answer.headers);
    response
}

fn truncated(whole: &Bytes) -> Body {
    let half = whole.slice(..whole.len() / 2);
    Body::from_stream(stream::unfold(Some(half), |half| async {
        if let Some(half) = half {
            return Some((Ok(half), None));
        }
        // Waiting makes hyper send what it has; failing at once would take the first half with it.
        tokio::time::sleep(Duration::from_millis(20)).await;
        Some((Err(broken()), None))
    }))
}

fn dripped(whole: Bytes, bytes: usize, every: Duration) -> Body {
    Body::from_stream(stream::unfold(whole, move |mut left| async move {
        if left.is_empty() {
            return None;
        }
        tokio::time::sleep(every).await;
        let drop = left.split_to(bytes.clamp(1, left.len()));
        Some((Ok::<_, io::Error>(drop), left))
    }))
}

fn padded(whole: Bytes, up_to: u64) -> Body {
    static SPACES: [u8; 65_536] = [b' '; 65_536];
    let missing = up_to.saturating_sub(u64::try_from(whole.len()).unwrap_or(u64::MAX));
    Body::from_stream(stream::unfold((Some(whole), missing), |(first, missing)| async move {
        if let Some(first) = first {
            return Some((Ok::<_, io::Error>(first), (None, missing)));
        }
        let chunk = usize::try_from(missing).unwrap_or(usize::MAX).min(SPACES.len());
        let spaces = SPACES.get(..chunk).filter(|spaces| !spaces.is_empty())?;
        let sent = u64::try_from(chunk).unwrap_or(u64::MAX);
        Some((Ok(Bytes::from_static(spaces)), (None, missing - sent)))
    }))
}

fn broken() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "the simulator drops this connection on purpose")
}
