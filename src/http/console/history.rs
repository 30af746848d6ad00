//! What happened to a purchase or a registration, as people read it: from the events of the evidence, with what was
//! said for those who may know it.

use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use super::page::as_sentence;
use super::words::{self, When};
use crate::domain::chain::RecordedEvent;
use crate::service::evidence::SaidValue;

/// Something that happened.
#[derive(Clone, Debug)]
pub(super) struct Happening {
    pub(super) what: String,
    pub(super) who: String,
    pub(super) at: When,
    /// Why, in the gateway's words.
    pub(super) why: Option<String>,
    /// What people said.
    pub(super) said: Vec<Said>,
}

/// A personal value.
#[derive(Clone, Debug)]
pub(super) struct Said {
    pub(super) field: String,
    /// One text, or the lines of a form.
    pub(super) lines: Vec<String>,
}

/// The events, oldest first. What cannot be read is for `audit verify` to find, and is left out.
pub(super) fn read(events: &[String], said: Option<&[SaidValue]>, zone: &TimeZone) -> Vec<Happening> {
    let events = events.iter().filter_map(|body| serde_json::from_str::<RecordedEvent>(body).ok());
    let happening = |event: RecordedEvent| {
        let values = said.unwrap_or_default().iter().filter(|value| value.sequence == event.seq);
        Happening {
            what: words::happened(&event.action),
            who: event.actor.person().map_or_else(|| "The gateway".to_owned(), |by| by.subject.clone()),
            at: When::new(event.at, zone),
            why: event.text("explanation").or_else(|| event.text("why")).map(as_sentence),
            said: values.map(Said::of).collect(),
        }
    };
    events.map(happening).collect()
}

/// What the requester gave as the reason, for those who may know it.
pub(super) fn reason(said: Option<&[SaidValue]>) -> Option<String> {
    let mut reasons = said?.iter().filter(|value| value.field == "reason");
    reasons.next().map(|reason| reason.value.clone().unwrap_or_else(erased))
}

impl Said {
    pub(super) fn of(value: &SaidValue) -> Self {
        let text = value.value.clone().unwrap_or_else(erased);
        let lines = match serde_json::from_str::<Map<String, Value>>(&text) {
            Ok(fields) => detail_lines(&fields),
            Err(_) => vec![text],
        };
        Self { field: value.field.replace('_', " "), lines }
    }
}

/// `contact name: Ann Lee`, a line a field.
pub(super) fn detail_lines(fields: &Map<String, Value>) -> Vec<String> {
    let line = |(key, value): (&String, &Value)| {
        let text = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
        format!("{}: {text}", key.replace('_', " "))
    };
    fields.iter().map(line).collect()
}

fn erased() -> String {
    "[erased]".to_owned()
}
