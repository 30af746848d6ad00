//! `/v1/audit`: the evidence, page by page or as a whole.

use axum::Json;
use axum::body::Body;
use axum::extract::{OriginalUri, State};
use axum::http::{HeaderValue, Response, header};
use futures_util::stream;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::http::context::Params;
use crate::http::paging::PageAsked;
use crate::http::state::{Caller, Public};
use crate::http::v1::Failure;
use crate::service::Refusal;
use crate::service::evidence::{Filter, SaidValue, SeenEvent, Wanted};

/// An event of the evidence.
#[derive(Serialize, ToSchema)]
pub(super) struct EventView {
    /// Its number; the first is 1, and there are no gaps.
    seq: i64,
    /// SHA-256 over the hash before and the event's RFC 8785 form.
    hash: Option<String>,
    /// The hash of the event before.
    previous_hash: Option<String>,
    /// What happened: `at`, `action`, `actor`, `target`, `details`, and commitments to personal values.
    #[schema(value_type = Object)]
    event: Value,
    /// The personal values themselves.
    personal: Vec<PersonalView>,
}

/// A personal value: something that a person said, and that is erased when its time is over.
#[derive(Serialize, ToSchema)]
pub(super) struct PersonalView {
    /// The event that commits to it: `seq` in the history.
    seq: i64,
    /// Which value: `reason`, `comment`, `registration_data`, `form`.
    #[schema(example = "reason")]
    field: String,
    /// The value, or `[erased]`.
    value: String,
}

/// A page of events.
#[derive(Serialize, ToSchema)]
pub(super) struct EventList {
    /// Newest first.
    items: Vec<EventView>,
    /// For the next page; null on the last.
    next_cursor: Option<String>,
}

impl PersonalView {
    pub(super) fn of(said: SaidValue) -> Self {
        let value = said.value.unwrap_or_else(|| "[erased]".to_owned());
        Self { seq: said.sequence, field: said.field, value }
    }
}

impl EventView {
    fn of(seen: SeenEvent) -> Self {
        let link = seen.row.link;
        Self {
            seq: link.sequence,
            hash: link.hash.map(|hash| hash.to_string()),
            previous_hash: link.previous_hash.map(|hash| hash.to_string()),
            // A body that is no JSON is shown as what it is.
            event: serde_json::from_str(&link.body).unwrap_or(Value::String(link.body)),
            personal: seen.personal.into_iter().map(PersonalView::of).collect(),
        }
    }
}

/// Events of the evidence, newest first, with their personal values. For auditors and administrators.
#[utoipa::path(get, path = "/v1/audit", tag = "Gateway", operation_id = "list_events",
    params(
        ("action" = Option<String>, Query, description = "Only this action (`purchase.bought`), or all that begin with it and a dot (`purchase`)"),
        ("target" = Option<String>, Query, description = "Only about the target with this id, or `kind:id`"),
        ("actor" = Option<String>, Query, description = "Only by this subject, or by a part of the gateway (`gateway:purchasing`)"),
        ("from" = Option<String>, Query, description = "Not before, RFC 3339"),
        ("to" = Option<String>, Query, description = "Before, RFC 3339"),
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before"),
        ("limit" = Option<i64>, Query, description = "1 to 100, 50 if absent"),
    ),
    responses(
        (status = 200, description = "A page", body = EventList),
    ))]
pub(super) async fn list(
    State(public): State<Public>,
    caller: Caller,
    OriginalUri(uri): OriginalUri,
) -> Result<Json<EventList>, Failure> {
    let params = Params::of(&uri)?;
    let page = PageAsked::of(&params)?;
    let filter = Filter { before: page.before, ..filter(&params)? };
    let found = public.evidence.list(&caller.0, filter, page.wanted()).await?;
    let (found, next_cursor) = page.cut(found, |last| last.row.link.sequence.to_string());
    Ok(Json(EventList { items: found.into_iter().map(EventView::of).collect(), next_cursor }))
}

/// What the parameters of a list ask for.
pub(in crate::http) fn filter(params: &Params) -> Result<Filter, Refusal> {
    let text = |name: &str| params.find(name).map(ToOwned::to_owned);
    let time = |name: &str| {
        let at = params.find(name).map(str::parse::<Timestamp>).transpose();
        at.map_err(|_| Refusal::field(name, "is no time: write it like 2026-11-23T12:00:00Z."))
    };
    let (target_kind, target_id) = match params.find("target") {
        None => (None, None),
        Some(target) => match target.split_once(':') {
            Some((kind, id)) => (Some(kind.to_owned()), Some(id.to_owned())),
            None => (None, Some(target.to_owned())),
        },
    };
    Ok(Filter {
        action: text("action"),
        target_kind,
        target_id,
        actor: text("actor"),
        from: time("from")?,
        to: time("to")?,
        before: None,
    })
}

/// The whole chain as lines of JSON, for `numbers-gateway audit verify --export`: the first line says what follows,
/// each further one is an event with the exact text that was hashed. An answer that breaks off ends before the
/// head that its first line names. For auditors and administrators.
#[utoipa::path(get, path = "/v1/audit/export", tag = "Gateway", operation_id = "export_events",
    params(
        ("from" = Option<i64>, Query, description = "The first event, 1 if absent"),
        ("personal" = Option<bool>, Query, description = "`true`: with the personal values that are not erased"),
    ),
    responses(
        (status = 200, description = "Lines of JSON", body = String, content_type = "application/x-ndjson"),
    ))]
pub(super) async fn export(
    State(public): State<Public>,
    caller: Caller,
    OriginalUri(uri): OriginalUri,
) -> Result<Response<Body>, Failure> {
    let params = Params::of(&uri)?;
    let from = params.find("from").map_or(Ok(1), str::parse::<i64>).ok().filter(|from| *from >= 1);
    let from = from.ok_or_else(|| Refusal::field("from", "must be the number of an event, 1 or more."))?;
    let personal = match params.find("personal") {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(Refusal::field("personal", "must be true or false.").into()),
    };
    let export = public.evidence.export(&caller.0, Wanted { from, personal }).await?;
    // A page is read when the one before has left: whoever reads slowly holds one page and no connection.
    let pages = stream::try_unfold(export, async |export| export.next_page().await);
    let mut response = Response::new(Body::from_stream(pages));
    let content_type = HeaderValue::from_static("application/x-ndjson");
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    Ok(response)
}
