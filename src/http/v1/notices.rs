//! `/v1/notices`: what webhooks were not told yet, or never will be unless somebody says so.

use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::context::Params;
use crate::http::document::words;
use crate::http::path::PathParams;
use crate::http::state::{Caller, Public};
use crate::http::v1::Failure;
use crate::service::notices::{NoticeFilter, NoticeId, UndeliveredNotice};
use crate::service::{Code, Refusal};

const ROWS: u32 = 50;

/// A notice that was not delivered.
#[derive(Serialize, ToSchema)]
pub(super) struct NoticeView {
    /// The event's number, a colon and the webhook.
    #[schema(value_type = words::NoticeId)]
    id: String,
    /// `waiting`, or `dead`: given up after 24 h.
    #[schema(value_type = words::NoticeState)]
    state: &'static str,
    /// The webhook's name.
    webhook: String,
    /// What it is about: `approval_wanted`, `bought` …
    #[schema(value_type = words::NoticeKind)]
    event: &'static str,
    /// The event's number in the evidence.
    seq: i64,
    /// When it happened, or was last sent again by hand, RFC 3339.
    #[schema(format = DateTime)]
    created_at: String,
    /// How many times it was sent in vain.
    attempts: i64,
    /// When it is sent next, RFC 3339; null once it is dead.
    #[schema(format = DateTime)]
    next_attempt_at: Option<String>,
    /// Since when it is dead, RFC 3339.
    #[schema(format = DateTime)]
    dead_since: Option<String>,
    /// Why the newest attempt failed.
    last_error: Option<String>,
}

/// A page of notices.
#[derive(Serialize, ToSchema)]
pub(super) struct NoticeList {
    /// Newest first.
    items: Vec<NoticeView>,
    /// For the next page; null on the last.
    next_cursor: Option<String>,
}

impl NoticeView {
    fn of(notice: UndeliveredNotice) -> Self {
        Self {
            id: word(&notice.key),
            state: if notice.dead_since.is_some() { "dead" } else { "waiting" },
            event: notice.kind.as_str(),
            seq: notice.key.seq,
            webhook: notice.key.subscriber,
            created_at: notice.created_at.to_string(),
            attempts: notice.attempts,
            next_attempt_at: notice.dead_since.is_none().then(|| notice.next_at.to_string()),
            dead_since: notice.dead_since.map(|since| since.to_string()),
            last_error: notice.last_error,
        }
    }
}

fn word(id: &NoticeId) -> String {
    format!("{}:{}", id.seq, id.subscriber)
}

fn read(word: &str) -> Option<NoticeId> {
    let (seq, subscriber) = word.split_once(':')?;
    Some(NoticeId { seq: seq.parse().ok()?, subscriber: subscriber.to_owned() })
}

/// Notices that webhooks did not take, newest first. For auditors and administrators.
#[utoipa::path(get, path = "/v1/notices", tag = "Gateway", operation_id = "list_notices",
    params(
        ("state" = Option<String>, Query, description = "Only `waiting` ones, or only `dead` ones"),
        ("webhook" = Option<String>, Query, description = "Only one webhook's"),
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before"),
        ("limit" = Option<i64>, Query, description = "1 to 100, 50 if absent"),
    ),
    responses(
        (status = 200, description = "A page", body = NoticeList),
    ))]
pub(super) async fn list(
    State(public): State<Public>,
    caller: Caller,
    OriginalUri(uri): OriginalUri,
) -> Result<Json<NoticeList>, Failure> {
    let params = Params::of(&uri)?;
    let limit = params.clamped("limit", 1, 100, ROWS)?;
    // One more than asked for tells whether there is a next page.
    let mut found = public.notices.list(&caller.0, filter(&params)?, i64::from(limit) + 1).await?;
    let rows = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = found.len() > rows;
    found.truncate(rows);
    let next_cursor = found.last().filter(|_| has_more).map(|last| word(&last.key));
    Ok(Json(NoticeList { items: found.into_iter().map(NoticeView::of).collect(), next_cursor }))
}

fn filter(params: &Params) -> Result<NoticeFilter, Refusal> {
    let dead = match params.find("state") {
        None => None,
        Some("waiting") => Some(false),
        Some("dead") => Some(true),
        Some(_) => return Err(Refusal::field("state", "is waiting or dead.")),
    };
    let cursor = |text: &str| {
        read(text).ok_or_else(|| Refusal::field("cursor", "is the next_cursor of the page before."))
    };
    Ok(NoticeFilter {
        dead,
        subscriber: params.find("webhook").map(ToOwned::to_owned),
        after: params.find("cursor").map(cursor).transpose()?,
    })
}

/// Sends a notice again that was given up. For administrators.
#[utoipa::path(post, path = "/v1/notices/{id}/resend", tag = "Gateway", operation_id = "resend_notice",
    params(("id" = String, Path, description = "The notice's id")),
    responses(
        (status = 202, description = "It is tried for another 24 h"),
    ))]
pub(super) async fn resend(
    State(public): State<Public>,
    caller: Caller,
    PathParams(id): PathParams<String>,
) -> Result<StatusCode, Failure> {
    let id = read(&id).ok_or_else(|| Refusal::new(Code::NotFound, "no such notice was given up"))?;
    public.notices.resend(&caller.0, id).await?;
    Ok(StatusCode::ACCEPTED)
}
