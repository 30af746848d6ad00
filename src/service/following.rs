//! Following other replicas: what their commits changed is taken into the memory of this one.
//!
//! The store says that there are newer events; their targets say what to look at again. What this replica did itself it
//! meets here once more, which changes nothing. Where nobody else writes, nothing runs.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::domain::purchase::Purchase;
use crate::service::freezes::Freezes;
use crate::service::owned::OwnedNumbers;
use crate::service::refusal::{Code, Refusal};
use crate::service::search::Searches;
use crate::store::audit::Told;
use crate::store::{self, Store};

/// Events that are looked at in one go.
const AT_ONCE: i64 = 500;
/// After the store could not be read.
const PAUSE: Duration = Duration::from_millis(200);

/// What keeps something in memory that others change.
#[derive(Clone)]
pub struct Following {
    /// Where the events are.
    pub store: Store,
    /// What must not be offered any more.
    pub searches: Searches,
    /// The table of owned numbers.
    pub owned: OwnedNumbers,
    /// What stops buying.
    pub freezes: Freezes,
}

impl Following {
    /// Follows until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        if self.store.is_shared() {
            stop.run_until_cancelled(self.follow()).await;
        }
    }

    async fn follow(&self) {
        let mut newest = self.store.newest_event();
        let mut seen = *newest.borrow_and_update();
        loop {
            match self.take_in(seen).await {
                Ok(last) if last > seen => seen = last,
                Ok(_) => {
                    // Never an error: the store is ours.
                    let _ = newest.changed().await;
                }
                Err(refusal) => {
                    tracing::warn!(%refusal, "what other replicas did could not be read; trying again");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    /// The newest event that was taken in.
    async fn take_in(&self, seen: i64) -> Result<i64, Refusal> {
        let (told, purchases) = self.store.read(move |session| read(session, seen)).await?;
        let Some(last) = told.last() else { return Ok(seen) };
        for purchase in &purchases {
            let number = purchase.number.as_str();
            // One that upstream does not have any more stays out of the pages that still show it.
            let is_gone = purchase.code.as_deref() == Some(Code::NumberNotAvailable.as_str());
            if purchase.state.is_active() || is_gone {
                self.searches.forget_number(number);
            } else {
                self.searches.offer_again(number);
            }
        }
        if told.iter().any(|told| told.target_kind == "freeze") {
            self.freezes.reread().await?;
        }
        if !purchases.is_empty() || told.iter().any(|told| told.target_kind == "number") {
            self.owned.reread().await?;
        }
        Ok(last.sequence)
    }
}

fn read(session: &store::Session<'_>, seen: i64) -> Result<(Vec<Told>, Vec<Purchase>), store::StoreError> {
    let told = store::audit::told_after(session, seen, AT_ONCE)?;
    let ids: BTreeSet<&str> = told
        .iter()
        .filter(|told| told.target_kind == "purchase")
        .map(|told| told.target_id.as_str())
        .collect();
    let mut purchases = Vec::new();
    for id in ids {
        if let Ok(id) = id.parse() {
            purchases.extend(store::purchases::find(session, id)?);
        }
    }
    Ok((told, purchases))
}
