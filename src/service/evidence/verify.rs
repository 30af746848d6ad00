//! Verification of a database: events, then everything that they tell about, in one snapshot and page by page.

use crate::domain::canonical::Digest;
use crate::domain::chain::RecordedEvent;
use crate::service::evidence::books;
use crate::service::evidence::findings::{Place, Report};
use crate::service::evidence::head::WitnessedHead;
use crate::service::evidence::links::Links;
use crate::service::evidence::recurring;
use crate::store::audit::EventRow;
use crate::store::personal::{self, KeptValue};
use crate::store::{self, Session, Snapshot, StoreError};

/// Rows in memory at a time.
const PAGE: i64 = 500;
/// What is listed by a query of its own is bounded by what a report keeps.
const LISTED: i64 = 100;

/// Verifies everything that a database holds as evidence. Read the witnessed head before the snapshot is taken: a
/// gateway may go on writing.
pub fn database(snapshot: &Snapshot, witnessed: Option<&WitnessedHead>) -> Result<Report, StoreError> {
    let session = &snapshot.session();
    let id = store::audit::database_id(session)?;
    let mut report = Report::new(id, 0, witnessed.map(|witnessed| witnessed.head));
    for complaint in store::books::complaints_about_the_file(session, LISTED)? {
        report.tell(Place::File, complaint);
    }
    let links = chain(session, &mut report)?;
    links.compare_erasures(&mut report);
    links.compare_head(witnessed, &mut report);
    books::purchases(session, PAGE, &mut report)?;
    books::registrations(session, PAGE, &mut report)?;
    for (kind, id) in store::books::told_of_and_missing(session, LISTED)? {
        let place = if kind == "purchase" { Place::Purchase(id) } else { Place::Registration(id) };
        report.tell(place, "events tell of it, and its row is not there");
    }
    for entry in store::books::entries_without_purchase(session, LISTED)? {
        report.tell(Place::LedgerEntry(entry), "belongs to no purchase");
    }
    recurring::renewals(session, PAGE, &mut report)?;
    recurring::adjustments(session, PAGE, &mut report)?;
    report.ledger_entries = store::books::count_entries(session)?;
    policies(session, &mut report)?;
    Ok(report)
}

fn chain(session: &Session<'_>, report: &mut Report) -> Result<Links, StoreError> {
    let mut links = Links::after(0);
    // No number of ours is below 1; somebody else's may be.
    let mut last = i64::MIN;
    loop {
        let rows = store::audit::after(session, last, PAGE)?;
        let before = last;
        last = rows.last().map_or(i64::MAX, |row| row.link.sequence);
        // To the end of the page, so that values beside an event that is missing are seen as well.
        let values = personal::between(session, before + 1, last)?;
        let mut values = values.as_slice();
        for row in &rows {
            let event = links.follow(&row.link, report);
            if let Some(event) = &event {
                compare_columns(row, event, report);
            }
            let own = values_of(row.link.sequence, &mut values, report);
            Links::compare_values(event.as_ref(), row.link.sequence, own, report);
        }
        values_of(i64::MAX, &mut values, report);
        if rows.is_empty() {
            return Ok(links);
        }
    }
}

/// The values of one event from the front of a page of them; those before it belong to no event.
fn values_of<'v>(sequence: i64, values: &mut &'v [KeptValue], report: &mut Report) -> &'v [KeptValue] {
    let before = values.partition_point(|value| value.sequence < sequence);
    let (strays, rest) = values.split_at(before);
    for stray in strays {
        let what = format!("a personal value {} of an event that is not there", stray.field);
        report.tell(Place::Event(stray.sequence), what);
    }
    let (own, rest) = rest.split_at(rest.partition_point(|value| value.sequence == sequence));
    *values = rest;
    own
}

fn compare_columns(row: &EventRow, event: &RecordedEvent, report: &mut Report) {
    let columns = [
        ("action", &row.action, &event.action),
        ("actor", &row.actor, &event.actor.word()),
        ("target_kind", &row.target_kind, &event.target.kind),
        ("target_id", &row.target_id, &event.target.id),
        ("at_us", &row.at_us.to_string(), &event.at.as_microsecond().to_string()),
    ];
    for (column, found, said) in columns {
        if found != said {
            let what = format!("its column {column} has {found:?}, its body {said:?}");
            report.tell(Place::Event(row.link.sequence), what);
        }
    }
}

fn policies(session: &Session<'_>, report: &mut Report) -> Result<(), StoreError> {
    loop {
        let page = store::books::policies(session, report.policies, PAGE)?;
        for policy in &page {
            report.policies += 1;
            let actual = Digest::of(&[policy.rules.as_bytes()]);
            if policy.digest != Some(actual) {
                let kept_as =
                    policy.digest.map_or_else(|| "without one".to_owned(), |digest| digest.to_string());
                report.tell(Place::Policy(kept_as), format!("its rules have the digest {actual}"));
            }
        }
        if page.is_empty() {
            return Ok(());
        }
    }
}
