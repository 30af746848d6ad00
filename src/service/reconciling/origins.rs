//! Where the account's numbers came from, and which have left it.
//!
//! A number that nobody bought here is an orphan until somebody assigns it. A number counts as gone when complete lists
//! have lacked it for a while: one list that lies frees nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::domain::audit::{Actor, AuditEvent, Target};
use crate::domain::owned::Origin;
use crate::domain::purchase::State;
use crate::metrics::Alarm;
use crate::service::reconciling::{Evidence, Inner};
use crate::service::refusal::Refusal;
use crate::store::known_numbers::Known;
use crate::store::purchases::Holder;
use crate::store::{self, Finished, Session, StoreError, Tx};

/// A number that we bought and no list has shown yet may still appear for this long.
const FIRST_SHOWN_WITHIN: Duration = Duration::from_mins(15);
/// Numbers that are written down in one transaction; the next pass takes the rest.
const AT_ONCE: usize = 1_000;
/// Numbers that one event names.
const NAMED: usize = 100;

/// Numbers that complete lists lack, and since when.
#[derive(Debug, Default)]
pub(super) struct Missing(BTreeMap<String, Duration>);

impl Missing {
    /// Takes over what a list lacks that was begun at `begun`; each with how long it has been lacked.
    fn update(&mut self, lacking: Vec<String>, begun: Duration) -> Vec<(String, Duration)> {
        let now: BTreeMap<String, Duration> = lacking
            .into_iter()
            .map(|number| {
                let since = self.0.get(&number).copied().unwrap_or(begun);
                (number, since)
            })
            .collect();
        let lacked = now.iter().map(|(number, since)| (number.clone(), begun.saturating_sub(*since)));
        let lacked = lacked.collect();
        self.0 = now;
        lacked
    }
}

/// What the table says beside a list.
struct Compared {
    /// Shown for the first time, or again.
    appeared: Vec<Known>,
    /// Owned as far as we know, and not shown.
    lacking: Vec<String>,
}

/// What was written down.
struct Written {
    orphans: usize,
}

impl Inner {
    /// Compares a complete list with everything that is known.
    pub(super) async fn compare_origins(&self, evidence: &Evidence) -> Result<(), Refusal> {
        self.keep_that_it_was_empty().await?;
        let listed: Vec<String> = evidence.rows.keys().cloned().collect();
        let again = listed.clone();
        let Compared { appeared, lacking } =
            self.parts.ground.store.read(move |session| compare(session, &listed)).await?;
        if !appeared.is_empty() {
            let written: Written = self.parts.ground.store.write(move |tx| take_in(tx, &again)).await?;
            for _ in 0..written.orphans {
                self.parts.ground.metrics.alarmed(Alarm::Orphaned);
            }
        }
        let lacked = {
            let mut missing = self.missing.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            missing.update(lacking, evidence.begun)
        };
        let spacing = self.parts.settings.scan_spacing;
        for (number, lacked) in lacked.into_iter().filter(|(_, lacked)| *lacked >= spacing).take(AT_ONCE) {
            let is_gone: bool = self.parts.ground.store.write(move |tx| let_go(tx, &number, lacked)).await?;
            if is_gone {
                self.parts.ground.metrics.alarmed(Alarm::Gone);
                self.parts.owned.reread().await?;
            }
        }
        Ok(())
    }

    /// An account that owned nothing at first has no numbers from before: whatever appears later is somebody's.
    async fn keep_that_it_was_empty(&self) -> Result<(), Refusal> {
        if self.parts.ground.store.read(store::account::is_listed).await? {
            return Ok(());
        }
        let kept: Result<(), StoreError> = self.parts.ground.store.write(keep_listed).await;
        Ok(kept?)
    }
}

fn keep_listed(mut tx: Tx<'_>) -> Result<Finished<()>, StoreError> {
    if store::account::is_listed(tx.session())? {
        return tx.unchanged(());
    }
    store::account::listed(&mut tx)?;
    let target = Target::new("account", &"numbers");
    tx.commit(&AuditEvent::new("account.listed", Actor::Gateway("reconciler"), target), ())
}

fn compare(session: &Session<'_>, listed: &[String]) -> Result<Compared, StoreError> {
    let known = store::known_numbers::all(session)?;
    let holders: BTreeMap<String, Holder> = store::purchases::holders(session)?
        .into_iter()
        .map(|holder| (holder.number.clone(), holder))
        .collect();
    let appeared = listed.iter().filter_map(|number| shown(number, known.get(number), holders.get(number)));
    let is_listed = |number: &String| listed.binary_search(number).is_ok();
    let owned = known.values().filter(|known| known.gone.is_none()).map(|known| &known.number);
    let bought = holders.values().filter(|holder| is_bought(holder)).map(|holder| &holder.number);
    let mut lacking: Vec<String> = owned.chain(bought).filter(|number| !is_listed(number)).cloned().collect();
    lacking.sort_unstable();
    lacking.dedup();
    Ok(Compared { appeared: appeared.collect(), lacking })
}

const fn is_bought(holder: &Holder) -> bool {
    matches!(holder.state, State::Bought | State::BoughtLate)
}

/// What has to be written down about a number that a list shows; nothing where it stands there already, or where its
/// purchase is under way.
fn shown(number: &str, known: Option<&Known>, holder: Option<&Holder>) -> Option<Known> {
    let fresh = |origin, purchase| Known {
        number: number.to_owned(),
        origin,
        team: None,
        purchase,
        since: jiff::Timestamp::UNIX_EPOCH,
        gone: None,
    };
    match (holder, known) {
        (Some(holder), _) if !is_bought(holder) => None,
        (Some(holder), Some(known)) if known.gone.is_none() && known.purchase == Some(holder.id) => None,
        (Some(holder), _) => Some(fresh(Origin::Bought, Some(holder.id))),
        (None, Some(known)) if known.gone.is_none() => None,
        // It was ours, was given free, and is back: whoever bought it anew, no purchase here did.
        (None, Some(Known { origin: Origin::Bought, .. }) | None) => Some(fresh(Origin::Orphan, None)),
        (None, Some(known)) => Some(Known { gone: None, purchase: None, ..known.clone() }),
    }
}

/// Writes down what appeared; an alarm for each that nobody bought here.
fn take_in(mut tx: Tx<'_>, listed: &[String]) -> Result<Finished<Written>, StoreError> {
    let mut appeared = compare(tx.session(), listed)?.appeared;
    appeared.truncate(AT_ONCE);
    if appeared.is_empty() {
        return tx.unchanged(Written { orphans: 0 });
    }
    for known in &mut appeared {
        known.since = tx.at();
    }
    store::known_numbers::put_all(&mut tx, &appeared)?;
    let mut orphans = 0;
    for known in &appeared {
        if known.origin == Origin::Orphan {
            orphans += 1;
            tracing::error!(
                number = masked(&known.number),
                "the account owns a number that nobody bought here; assign it to a team"
            );
            tx.record(&AuditEvent::new(
                "number.orphaned",
                Actor::Gateway("reconciler"),
                Target::new("number", &known.number),
            ))?;
        }
    }
    let named: Vec<&str> = appeared.iter().take(NAMED).map(|known| known.number.as_str()).collect();
    let event =
        AuditEvent::new("numbers.taken_in", Actor::Gateway("reconciler"), Target::new("account", &"numbers"))
            .with("count", appeared.len())
            .with("orphans", orphans)
            .with("numbers", named);
    tx.commit(&event, Written { orphans })
}

/// Lets go of a number that complete lists have lacked for `lacked`.
fn let_go(mut tx: Tx<'_>, number: &str, lacked: Duration) -> Result<Finished<bool>, StoreError> {
    let known = store::known_numbers::find(tx.session(), number)?.filter(|known| known.gone.is_none());
    let holders = store::purchases::holders(tx.session())?;
    let holder = holders.into_iter().find(|holder| holder.number == number && is_bought(holder));
    let was_shown = match (&known, &holder) {
        (Some(known), Some(holder)) => known.purchase == Some(holder.id),
        (known, _) => known.is_some(),
    };
    if (known.is_none() && holder.is_none()) || (!was_shown && lacked < FIRST_SHOWN_WITHIN) {
        return tx.unchanged(false);
    }
    let at = tx.at();
    let team = known.as_ref().and_then(|known| known.team.clone());
    let team = team.or_else(|| holder.as_ref().map(|holder| holder.team.clone()));
    let known = known.unwrap_or(Known {
        number: number.to_owned(),
        origin: Origin::Bought,
        team: None,
        purchase: None,
        since: at,
        gone: None,
    });
    let event = AuditEvent::new("number.gone", Actor::Gateway("reconciler"), Target::new("number", &number))
        .with("origin", known.origin.as_str())
        .with_some("team", team.map(|team| team.to_string()))
        .with_some("purchase", holder.as_ref().map(|holder| holder.id.to_string()));
    if let Some(holder) = holder {
        store::purchases::free_number(&mut tx, holder.id)?;
    }
    // First, so that its rows keep whose they were.
    store::owned::let_go(&mut tx, number)?;
    store::known_numbers::put(&mut tx, &Known { gone: Some(at), ..known })?;
    tracing::warn!(number = masked(number), "an owned number is not listed any more; it may be bought again");
    tx.commit(&event, true)
}

/// What is no E.164 is a short code, which is no person's.
fn masked(number: &str) -> String {
    number
        .parse()
        .map_or_else(|_| number.to_owned(), |number: crate::domain::number::DedicatedNumber| number.masked())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]

    use super::{Duration, Holder, Known, Missing, Origin, State, shown};
    use crate::domain::purchase::PurchaseId;

    fn known(origin: Origin, purchase: Option<PurchaseId>, is_gone: bool) -> Known {
        let since = jiff::Timestamp::UNIX_EPOCH;
        let gone = is_gone.then_some(since);
        Known { number: "+61491570156".into(), origin, team: None, purchase, since, gone }
    }

    #[test]
    fn a_number_is_somebodys_before_it_is_an_orphan() {
        let id = PurchaseId::random();
        let holder =
            |state| Holder { number: "+61491570156".into(), id, team: "growth".parse().unwrap(), state };
        let origin = |known: Option<Known>, holder: Option<Holder>| {
            shown("+61491570156", known.as_ref(), holder.as_ref()).map(|known| known.origin)
        };
        for under_way in [State::Dispatching, State::Unknown, State::NeedsAttention] {
            assert_eq!(origin(None, Some(holder(under_way))), None, "{under_way}");
        }
        assert_eq!(origin(None, Some(holder(State::Bought))), Some(Origin::Bought));
        assert_eq!(origin(Some(known(Origin::Bought, Some(id), false)), Some(holder(State::Bought))), None);
        assert_eq!(origin(None, None), Some(Origin::Orphan));
        for settled in [Origin::Preexisting, Origin::Orphan, Origin::Assigned] {
            assert_eq!(origin(Some(known(settled, None, false)), None), None);
            assert_eq!(origin(Some(known(settled, None, true)), None), Some(settled), "it came back");
        }
        assert_eq!(origin(Some(known(Origin::Bought, Some(id), true)), None), Some(Origin::Orphan));
        let again = Some(holder(State::Bought));
        assert_eq!(origin(Some(known(Origin::Bought, None, true)), again), Some(Origin::Bought));
    }

    #[test]
    fn a_number_that_is_shown_in_between_is_missing_anew() {
        let seconds = Duration::from_secs;
        let mut missing = Missing::default();
        let lacking = || vec!["+1".to_owned()];
        assert_eq!(missing.update(lacking(), seconds(10)), [("+1".to_owned(), seconds(0))]);
        assert_eq!(missing.update(lacking(), seconds(70)), [("+1".to_owned(), seconds(60))]);
        assert!(missing.update(Vec::new(), seconds(80)).is_empty());
        assert_eq!(missing.update(lacking(), seconds(90)), [("+1".to_owned(), seconds(0))]);
    }
}
