//! Reading upstream's whole list, and keeping it.
//!
//! A list counts only when it is whole: every page says the same total, and that many rows came.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use crate::clicksend::{ListFilter, Purpose, ReadError};
use crate::domain::audit::{Actor, AuditEvent, Target};
use crate::domain::billing::Billing;
use crate::domain::owned::{Origin, OwnedNumber, OwnedPage};
use crate::domain::search::CurrencyBlock;
use crate::service::owned::Inner;
use crate::service::owned::mirror::{self, List};
use crate::service::refusal::Refusal;
use crate::store::known_numbers::Known;
use crate::store::{self, StoreError, Tx};

/// A list that keeps changing under us, or lies, is asked for this often before we say that it cannot be had.
const TRIES: u32 = 3;
/// Bound of one list: 500 pages of 100. An account beyond that needs another design.
const MAX_PAGES: u32 = 500;
/// How often a page is asked for while the limiter is full; it empties within a minute.
const PATIENCE: u32 = 5;
/// A number that we bought may appear in upstream's list later than its receipt; until then ours counts.
const OWN_PURCHASE_COUNTS_FOR: jiff::SignedDuration = jiff::SignedDuration::from_mins(15);

pub(super) type WholeList = (Vec<OwnedNumber>, Option<CurrencyBlock>);

/// What one reading of all pages gave.
enum Scan {
    /// A list that agrees with itself.
    Whole(WholeList),
    /// The same, but for rows that stand there twice.
    Twins(WholeList),
    /// Pages that do not belong together.
    Torn,
}

/// Which list, and for whom: who only looks must not use up the calls that buying needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asking {
    pub(super) filter: ListFilter,
    pub(super) purpose: Purpose,
}

impl Inner {
    /// The list, as soon as a reading of it agrees with itself; nothing when none of them does. `seen` gets every row that came, also of lists that were
    /// thrown away: one sighting is enough to know that a number was sold.
    pub(super) async fn complete_list(
        &self,
        asking: Asking,
        seen: &mut Vec<OwnedNumber>,
    ) -> Result<Option<WholeList>, ReadError> {
        let mut with_twins = None;
        for _ in 0..TRIES {
            match self.scan(asking, seen).await? {
                Scan::Whole(list) => return Ok(Some(list)),
                // One account was seen to list a number twice: believed when two scans in a row say the same.
                Scan::Twins(list) if with_twins.as_ref() == Some(&list) => return Ok(Some(list)),
                Scan::Twins(list) => with_twins = Some(list),
                Scan::Torn => {}
            }
        }
        Ok(None)
    }

    /// Every page, one after the other.
    async fn scan(&self, asking: Asking, seen: &mut Vec<OwnedNumber>) -> Result<Scan, ReadError> {
        let first = self.page(1, asking).await?;
        seen.extend_from_slice(&first.numbers);
        let (total, last_page) = (first.total, first.last_page.min(MAX_PAGES));
        let (mut numbers, currency) = (first.numbers, first.currency);
        for page in 2..=last_page {
            let next = self.further_page(page, asking).await?;
            seen.extend_from_slice(&next.numbers);
            if next.total != total {
                tracing::warn!(page, "upstream's list changed while it was read; reading it again");
                return Ok(Scan::Torn);
            }
            numbers.extend(next.numbers);
        }
        if u64::try_from(numbers.len()).ok() != Some(total) {
            tracing::warn!(total, counted = numbers.len(), "upstream's list is not whole; reading it again");
            return Ok(Scan::Torn);
        }
        let distinct: BTreeSet<_> = numbers
            .iter()
            .map(|number| (&number.dedicated_number, &number.message_type, &number.number_guid))
            .collect();
        let twins = distinct.len() != numbers.len();
        Ok(if twins { Scan::Twins((numbers, currency)) } else { Scan::Whole((numbers, currency)) })
    }

    /// A page after the first. An account of thousands of numbers has more pages than a minute allows calls, so a
    /// full limiter is waited for: in the task that reads the list, which holds up nobody.
    async fn further_page(&self, page: u32, asking: Asking) -> Result<OwnedPage, ReadError> {
        for _ in 1..PATIENCE {
            match self.page(page, asking).await {
                Err(ReadError::Busy { retry_after }) => tokio::time::sleep(retry_after).await,
                answer => return answer,
            }
        }
        self.page(page, asking).await
    }

    async fn page(&self, page: u32, asking: Asking) -> Result<OwnedPage, ReadError> {
        self.upstream.owned_page(page, asking.filter, asking.purpose).await
    }

    /// Puts the list into the store, if it says anything new.
    pub(super) async fn keep(&self, (numbers, currency): WholeList, begun: Duration) -> Result<(), Refusal> {
        let (billing, clock) = (self.settings.billing.clone(), self.clock.clone());
        let keeping = move |mut tx: Tx<'_>| {
            let seen = store::account::scanned(tx.session())?;
            store::account::scanned_now(&mut tx, clock.boot().saturating_sub(begun))?;
            replace(tx, (&numbers, currency.as_ref()), seen, &billing)
        };
        let kept: Result<(), StoreError> = self.store.write(keeping).await;
        Ok(kept?)
    }
}

/// The list before was read at `seen`.
fn replace(
    mut tx: Tx<'_>,
    (listed, currency): (&[OwnedNumber], Option<&CurrencyBlock>),
    seen: Option<Timestamp>,
    billing: &Billing,
) -> Result<store::Finished<()>, StoreError> {
    let booked_after = tx.at() - OWN_PURCHASE_COUNTS_FOR;
    let recent: BTreeSet<String> =
        store::purchases::bought_since(tx.session(), booked_after)?.into_iter().collect();
    let stands = store::owned::mirrored(tx.session(), None)?;
    let before: BTreeSet<String> = stands.iter().filter(|row| !row.is_lacking).map(number_of).collect();
    let list = List { rows: listed, currency, at: tx.at(), billing };
    let changes = mirror::compare(stands, &list, &recent);
    if changes.is_empty() {
        return tx.unchanged(());
    }
    let is_first = !store::account::is_listed(tx.session())?;
    let preexisting = if is_first { keep_first(&mut tx, listed)? } else { 0 };
    changes.write(&mut tx, seen)?;
    if let Some(block) = currency {
        store::owned::put_currency(&mut tx, block)?;
    }
    for event in changes.price_events() {
        tx.record(&event)?;
    }
    let now = store::owned::all(tx.session())?;
    let after: BTreeSet<String> = now.iter().map(|row| row.dedicated_number.clone()).collect();
    let list = |set: BTreeSet<String>| serde_json::Value::from(set.into_iter().take(100).collect::<Vec<_>>());
    let event = AuditEvent::new(
        "owned_numbers.listed",
        Actor::Gateway("owned numbers"),
        Target::new("account", &"numbers"),
    )
    .with("total", now.len())
    .with("preexisting", preexisting)
    .with("appeared", list(&after - &before))
    .with("disappeared", list(&before - &after));
    tx.commit(&event, ())
}

fn number_of(row: &store::owned::Mirrored) -> String {
    row.key.number.clone()
}

/// The first complete list ever. What an empty database finds there was bought before the gateway came, and is no
/// reason for an alarm; how many those are.
fn keep_first(tx: &mut Tx<'_>, listed: &[OwnedNumber]) -> Result<usize, StoreError> {
    store::account::listed(tx)?;
    if !store::purchases::are_none(tx.session())? {
        return Ok(0);
    }
    let numbers: BTreeSet<&str> = listed.iter().map(|row| row.dedicated_number.as_str()).collect();
    let since = tx.at();
    let known: Vec<Known> = numbers
        .into_iter()
        .map(|number| Known {
            number: number.to_owned(),
            origin: Origin::Preexisting,
            team: None,
            purchase: None,
            since,
            gone: None,
        })
        .collect();
    store::known_numbers::put_all(tx, &known)?;
    Ok(known.len())
}
