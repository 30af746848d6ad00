//! The events of a chain, one after the other: each link, its personal values, and the end against what was witnessed.
//!
//! Shared by a database and an export, so that both are judged by the same words.

use std::collections::BTreeMap;

use crate::domain::audit::{Head, commitment};
use crate::domain::chain::{Chain, FoundLink, RecordedEvent};
use crate::service::evidence::ERASED;
use crate::service::evidence::findings::{Place, Report};
use crate::service::evidence::head::{FoundHead, WitnessedHead};
use crate::store::personal::KeptValue;

/// A chain under way.
pub(super) struct Links {
    chain: Chain,
    /// How many values the events say were erased.
    said_erased: i64,
    /// What stands at the place that was witnessed.
    at_witnessed: Option<Head>,
}

impl Links {
    /// The links after `sequence`; 0 is the whole chain.
    pub(super) const fn after(sequence: i64) -> Self {
        let chain = if sequence == 0 { Chain::whole() } else { Chain::after(sequence) };
        Self { chain, said_erased: 0, at_witnessed: None }
    }

    /// The next link; what its body says, where that can be read.
    pub(super) fn follow(&mut self, link: &FoundLink, report: &mut Report) -> Option<RecordedEvent> {
        let mut tell = |what: String| report.tell(Place::Event(link.sequence), what);
        let event = self.chain.follow(link, &mut tell);
        report.events += 1;
        report.head = self.chain.head();
        if report.witnessed.is_some_and(|head| head.sequence == link.sequence) {
            self.at_witnessed = Some(self.chain.head());
        }
        if let Some(event) = event.as_ref().filter(|event| event.action == ERASED) {
            self.said_erased += event.int("values").unwrap_or_default();
        }
        event
    }

    /// The values beside an event, against its commitments. What is committed to and not there counts as erased.
    pub(super) fn compare_values(
        event: Option<&RecordedEvent>,
        sequence: i64,
        values: &[KeptValue],
        report: &mut Report,
    ) {
        let nothing = BTreeMap::new();
        let commitments = event.map_or(&nothing, |event| &event.personal);
        for value in values {
            match commitments.get(&value.field) {
                Some(committed) if *committed == commitment(&value.salt, &value.value) => {
                    report.personal_values += 1;
                }
                Some(_) => {
                    let what = format!("the personal value {} is not the one it commits to", value.field);
                    report.tell(Place::Event(sequence), what);
                }
                None => {
                    let what = format!("a personal value {} that it does not commit to", value.field);
                    report.tell(Place::Event(sequence), what);
                }
            }
        }
        let is_kept = |field: &str| values.iter().any(|value| value.field == field);
        let gone = commitments.keys().filter(|field| !is_kept(field)).count();
        report.personal_values_erased += i64::try_from(gone).unwrap_or(i64::MAX);
    }

    /// Every value that is gone was erased by an event. Only a whole chain can tell.
    pub(super) fn compare_erasures(&self, report: &mut Report) {
        let (gone, said) = (report.personal_values_erased, self.said_erased);
        if gone != said {
            report.tell(
                Place::PersonalValues,
                format!("{gone} are gone, and events tell of {said} that were erased"),
            );
        }
    }

    /// The end, against what was witnessed.
    pub(super) fn compare_head(&self, witnessed: Option<&WitnessedHead>, report: &mut Report) {
        let Some(witnessed) = witnessed else { return };
        if (1..report.from).contains(&witnessed.head.sequence) {
            let what =
                format!("event {} was witnessed and is before the first one here", witnessed.head.sequence);
            return report.tell(Place::Head, what);
        }
        let found = FoundHead {
            database_id: report.database_id.clone(),
            end: self.chain.head().sequence,
            hash_there: self.at_witnessed.map(|head| head.hash),
        };
        if let Err(went_back) = witnessed.compare(&found) {
            report.tell(Place::Head, went_back.to_string());
        }
    }
}
