//! Renewals and adjustments against the events that tell of them: each entry has its event and each event its entry,
//! saying the same.

use std::collections::BTreeMap;

use crate::domain::chain::RecordedEvent;
use crate::domain::money::Money;
use crate::service::evidence::books::each_event;
use crate::service::evidence::findings::{Place, Report};
use crate::store::ledger::{ADJUSTED, RENEWED};
use crate::store::{Session, StoreError, books};

/// Renewals of one number: nobody lives long enough for more months of many rows.
const OF_A_NUMBER: i64 = 100_000;

/// Every renewal, number by number.
pub(super) fn renewals(session: &Session<'_>, page: i64, report: &mut Report) -> Result<(), StoreError> {
    let mut last = String::new();
    loop {
        let numbers = books::renewed_after(session, &last, page)?;
        let Some(newest) = numbers.last() else { return Ok(()) };
        last.clone_from(newest);
        for number in &numbers {
            of_number(session, number, page, report)?;
        }
    }
}

fn of_number(session: &Session<'_>, number: &str, page: i64, report: &mut Report) -> Result<(), StoreError> {
    let mut told: BTreeMap<[String; 5], Vec<i64>> = BTreeMap::new();
    each_event(session, ("number", number), page, |event| {
        if event.action != RENEWED {
            return;
        }
        let amount = event.text("amount").and_then(|text| text.parse::<Money>().ok());
        // A row that had paid before it came back pays nothing.
        if amount == Some(Money::ZERO) {
            return;
        }
        let said = ["month", "team", "amount", "type", "guid"].map(|detail| text(&event, detail));
        told.entry(said).or_default().push(event.seq);
    })?;
    for entry in books::renewals_of(session, number, OF_A_NUMBER)? {
        if told.get_mut(&entry.said).and_then(Vec::pop).is_none() {
            report.tell(Place::LedgerEntry(entry.id), "is a renewal that no event tells of");
        }
    }
    for sequence in told.into_values().flatten() {
        report.tell(Place::Event(sequence), "tells of a renewal that the ledger does not have");
    }
    Ok(())
}

/// Every adjustment and refund.
pub(super) fn adjustments(session: &Session<'_>, page: i64, report: &mut Report) -> Result<(), StoreError> {
    let mut last = i64::MIN;
    loop {
        let entries = books::adjustments_after(session, last, page)?;
        let Some(newest) = entries.last() else { break };
        last = newest.id;
        for entry in &entries {
            let mut tellings = 0_usize;
            each_event(session, ("adjustment", &entry.adjustment), page, |event| {
                let said = ["kind", "month", "team", "amount"].map(|detail| text(&event, detail));
                tellings += usize::from(event.action == ADJUSTED && said == entry.said);
            })?;
            if tellings != 1 {
                report.tell(Place::LedgerEntry(entry.id), "is an adjustment that no event tells of");
            }
        }
    }
    for sequence in books::adjustments_without_entry(session, page)? {
        report.tell(Place::Event(sequence), "tells of an adjustment that the ledger does not have");
    }
    Ok(())
}

fn text(event: &RecordedEvent, detail: &str) -> String {
    event.text(detail).unwrap_or_default().to_owned()
}
