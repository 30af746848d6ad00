//! Purchases, registrations and the ledger against the events that tell of them.

use crate::domain::chain::RecordedEvent;
use crate::domain::money::Money;
use crate::domain::purchase::Story;
use crate::domain::registration::RegistrationState;
use crate::service::evidence::findings::{Place, Report};
use crate::store::books::{self, EntryRow, PurchaseRow, RegistrationRow};
use crate::store::ledger::Kind;
use crate::store::{self, Session, StoreError};

/// Every purchase, and its money.
pub(super) fn purchases(session: &Session<'_>, page: i64, report: &mut Report) -> Result<(), StoreError> {
    let mut last: Option<String> = None;
    loop {
        let rows = books::purchases_after(session, last.as_deref(), page)?;
        for row in &rows {
            report.purchases += 1;
            let mut tell = |what: String| report.tell(Place::Purchase(row.id.clone()), what);
            if let Some(story) = story(session, row, page, &mut tell)? {
                compare_row(row, &story, &mut tell);
                ledger(session, row, &story, page, &mut tell)?;
            }
        }
        match rows.into_iter().next_back() {
            Some(row) => last = Some(row.id),
            None => return Ok(()),
        }
    }
}

/// The events of a target that can be read, oldest first; those that cannot are told of where the chain is read.
pub(super) fn each_event(
    session: &Session<'_>,
    target: (&str, &str),
    page: i64,
    mut take: impl FnMut(RecordedEvent),
) -> Result<(), StoreError> {
    let mut last = i64::MIN;
    loop {
        let bodies = store::audit::about_after(session, target, last, page)?;
        let Some((sequence, _)) = bodies.last() else { return Ok(()) };
        last = *sequence;
        bodies.iter().filter_map(|(_, body)| serde_json::from_str(body).ok()).for_each(&mut take);
    }
}

fn story(
    session: &Session<'_>,
    row: &PurchaseRow,
    page: i64,
    tell: &mut impl FnMut(String),
) -> Result<Option<Story>, StoreError> {
    let mut story: Option<Story> = None;
    let mut broken = false;
    each_event(session, ("purchase", &row.id), page, |event| {
        let told = match &mut story {
            // After a break every later event would seem wrong.
            _ if broken => return,
            Some(story) => story.go_on(&event),
            None => Story::beginning(&event).map(|begun| {
                compare_submission(row, &event, tell);
                story = Some(begun);
            }),
        };
        if let Err(error) = told {
            broken = true;
            tell(format!("event {}: {error}", event.seq));
        }
    })?;
    if story.is_none() && !broken {
        tell("no event tells of it".to_owned());
    }
    Ok(story.filter(|_| !broken))
}

/// What a purchase is about never changes.
fn compare_submission(row: &PurchaseRow, event: &RecordedEvent, tell: &mut impl FnMut(String)) {
    let actor = event.actor.person();
    let columns = [
        ("number", Some(row.number.as_str()), event.text("number")),
        ("message_type", Some(row.message_type.as_str()), event.text("type")),
        ("team", Some(row.team.as_str()), event.text("team")),
        ("issuer", Some(row.issuer.as_str()), actor.map(|person| person.issuer.as_str())),
        ("subject", Some(row.subject.as_str()), actor.map(|person| person.subject.as_str())),
    ];
    for (column, found, said) in columns {
        if found != said {
            tell(format!(
                "its {column} is {}, event {} says {}",
                found.unwrap_or("nothing"),
                event.seq,
                said.unwrap_or("nothing")
            ));
        }
    }
}

fn compare_row(row: &PurchaseRow, story: &Story, tell: &mut impl FnMut(String)) {
    let columns = [
        ("state", row.state.clone(), story.state.to_string()),
        ("version", row.version.to_string(), story.version.to_string()),
        ("attempts", row.attempts.to_string(), story.claims.to_string()),
    ];
    for (column, found, told) in columns {
        if found != told {
            tell(format!("its {column} is {found}, its events make it {told}"));
        }
    }
}

/// What the ledger has of one purchase.
#[derive(Default)]
struct Sums {
    held: Money,
    released: Money,
    charged: Money,
}

fn ledger(
    session: &Session<'_>,
    row: &PurchaseRow,
    story: &Story,
    page: i64,
    tell: &mut impl FnMut(String),
) -> Result<(), StoreError> {
    let mut sums = Sums::default();
    let mut last = i64::MIN;
    loop {
        let entries = books::entries_after(session, &row.id, last, page)?;
        for entry in &entries {
            last = entry.id;
            compare_entry(row, story, entry, tell);
            sums.add(entry, tell);
        }
        if entries.is_empty() {
            break;
        }
    }
    let columns = [
        ("held", sums.held, story.held),
        ("released", sums.released, story.released),
        ("charged", sums.charged, story.charged),
    ];
    for (what, found, told) in columns {
        if found != told {
            tell(format!("the ledger has {found} {what}, its events {told}"));
        }
    }
    Ok(())
}

fn compare_entry(row: &PurchaseRow, story: &Story, entry: &EntryRow, tell: &mut impl FnMut(String)) {
    if entry.team != row.team {
        tell(format!("ledger entry {} is of the team {:?}", entry.id, entry.team));
    }
    if story.month.as_deref() != Some(entry.month.as_str()) {
        let month = story.month.as_deref().unwrap_or("no month");
        tell(format!("ledger entry {} counts in {:?}, its events say {month}", entry.id, entry.month));
    }
}

impl Sums {
    fn add(&mut self, entry: &EntryRow, tell: &mut impl FnMut(String)) {
        let (sum, amount) = match entry.kind.parse() {
            Ok(Kind::Hold) => (&mut self.held, Some(entry.amount)),
            Ok(Kind::Release) => (&mut self.released, Money::ZERO.checked_sub(entry.amount)),
            Ok(Kind::Setup | Kind::FirstPeriod) => (&mut self.charged, Some(entry.amount)),
            // Not of a purchase's steps, and not read here.
            Ok(Kind::Renewal | Kind::Adjustment | Kind::Refund) => return,
            Err(_) => return tell(format!("ledger entry {} is of no known kind", entry.id)),
        };
        match amount.and_then(|amount| sum.checked_add(amount)) {
            Some(total) => *sum = total,
            None => tell(format!("ledger entry {} does not fit into any sum", entry.id)),
        }
    }
}

/// Every registration.
pub(super) fn registrations(session: &Session<'_>, page: i64, report: &mut Report) -> Result<(), StoreError> {
    let mut last: Option<String> = None;
    loop {
        let rows = books::registrations_after(session, last.as_deref(), page)?;
        for row in &rows {
            report.registrations += 1;
            let mut tell = |what: String| report.tell(Place::Registration(row.id.clone()), what);
            registration(session, row, page, &mut tell)?;
        }
        match rows.into_iter().next_back() {
            Some(row) => last = Some(row.id),
            None => return Ok(()),
        }
    }
}

/// A registration begins with its request; each later event is a step of the machine, and counts one version. One that
/// names no version is a remark and tells of no step.
fn registration(
    session: &Session<'_>,
    row: &RegistrationRow,
    page: i64,
    tell: &mut impl FnMut(String),
) -> Result<(), StoreError> {
    use RegistrationState::{Approved, PendingApproval};
    let mut told: Option<(RegistrationState, i64)> = None;
    each_event(session, ("registration", &row.id), page, |event| {
        let Some(version_told) = event.int("version") else { return };
        let said = event.text("state").and_then(|said| said.parse::<RegistrationState>().ok());
        told = match (told, said) {
            (None, Some(state @ (PendingApproval | Approved)))
                if event.action == "registration.requested" =>
            {
                Some((state, 1))
            }
            (Some((state, version)), Some(next))
                if state.may_become(next, &event.action) && version_told == version + 1 =>
            {
                Some((next, version + 1))
            }
            (told, _) => {
                tell(format!("event {}: {} does not follow from the events before", event.seq, event.action));
                told
            }
        };
    })?;
    let Some((state, version)) = told else {
        tell("no event tells of it".to_owned());
        return Ok(());
    };
    let columns = [
        ("state", &row.state, state.to_string()),
        ("version", &row.version.to_string(), version.to_string()),
    ];
    for (column, found, told) in columns {
        if *found != told {
            tell(format!("its {column} is {found}, its events make it {told}"));
        }
    }
    Ok(())
}
