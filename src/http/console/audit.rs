//! The evidence, page by page, for those who audit.

use askama::Template;
use axum::body::Body;
use axum::extract::{OriginalUri, State};
use axum::http::{Response, StatusCode};

use super::history::{Said, detail_lines};
use super::page::{self, Failure, Frame, Place};
use super::session::Visitor;
use super::words::{self, When};
use crate::domain::chain::RecordedEvent;
use crate::http::context::{Params, escaped};
use crate::http::paging::PageAsked;
use crate::http::state::Public;
use crate::http::v1::audit::filter;
use crate::service::evidence::{Filter, SeenEvent};

const ROWS: u32 = 25;

#[derive(Template)]
#[template(path = "audit.html", config = "src/http/console/askama.toml")]
struct AuditPage {
    frame: Frame,
    action: String,
    target: String,
    actor: String,
    is_narrowed: bool,
    events: Vec<Row>,
    next: Option<String>,
}

struct Row {
    sequence: i64,
    at: Option<When>,
    what: String,
    action: String,
    actor: String,
    target: String,
    /// The page of what it is about.
    href: Option<String>,
    details: Vec<String>,
    said: Vec<Said>,
}

impl Row {
    /// An event as it was written; of one that cannot be read, its columns.
    fn of(seen: &SeenEvent, public: &Public) -> Self {
        let row = &seen.row;
        let event = serde_json::from_str::<RecordedEvent>(&row.link.body).ok();
        let folder = match row.target_kind.as_str() {
            "purchase" | "purchase_decision" => Some("purchases"),
            "registration" | "registration_decision" => Some("registrations"),
            _ => None,
        };
        Self {
            sequence: row.link.sequence,
            at: event.as_ref().map(|event| When::new(event.at, &public.settings.time_zone)),
            what: words::happened(&row.action),
            action: row.action.clone(),
            actor: row.actor.clone(),
            target: format!("{} {}", row.target_kind.replace('_', " "), row.target_id),
            href: folder.map(|folder| format!("/console/{folder}/{}", escaped(&row.target_id))),
            details: event.map(|event| detail_lines(&event.details)).unwrap_or_default(),
            said: seen.personal.iter().map(Said::of).collect(),
        }
    }
}

/// Events, newest first.
pub(super) async fn list(
    State(public): State<Public>,
    visitor: Visitor,
    OriginalUri(uri): OriginalUri,
) -> Result<Response<Body>, Failure> {
    let params = Params::of(&uri)?;
    let asked = PageAsked::of_rows(&params, ROWS)?;
    let filter = Filter { before: asked.before, ..filter(&params)? };
    let found = public.evidence.list(&visitor.principal, filter, asked.wanted()).await?;
    let (found, cursor) = asked.cut(found, |last| last.row.link.sequence.to_string());
    let kept = ["action", "target", "actor"];
    let kept = kept.into_iter().filter_map(|name| Some((name, params.find(name)?)));
    let narrowed: Vec<_> = kept.map(|(name, value)| format!("&{name}={}", escaped(value))).collect();
    let narrowed = narrowed.concat();
    let next = cursor.map(|cursor| format!("/console/audit?cursor={cursor}{narrowed}"));
    let text = |name: &str| params.find(name).unwrap_or_default().to_owned();
    let page = AuditPage {
        frame: Frame::new(&visitor, "Audit", Place::Audit),
        action: text("action"),
        target: text("target"),
        actor: text("actor"),
        is_narrowed: !narrowed.is_empty() || asked.before.is_some(),
        events: found.iter().map(|seen| Row::of(seen, &public)).collect(),
        next,
    };
    Ok(page::html(StatusCode::OK, &page))
}
