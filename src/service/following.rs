//! Following other replicas: what their commits changed is taken into the memory of this one.
//!
//! The store says that there are newer events; their targets say what to look at again. What this replica did itself it
//! meets here once more, which changes nothing. Where nobody else writes, nothing runs.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::domain::audit::Head;
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
    /// From where to follow: to be read before anybody is served, so that no page can be older.
    pub async fn begin(&self) -> Result<Head, Refusal> {
        Ok(self.store.read(store::audit::head).await?)
    }

    /// Follows until `stop`.
    pub async fn run(self, begun: Head, stop: CancellationToken) {
        if self.store.is_shared() {
            stop.run_until_cancelled(self.follow(begun)).await;
        }
    }

    async fn follow(&self, begun: Head) {
        let mut newest = self.store.newest_event();
        let mut seen = begun;
        // What was read at the start may be older than what is read from now on.
        let mut is_behind = true;
        loop {
            newest.mark_unchanged();
            let taken = if is_behind { self.start_again(seen).await } else { self.take_in(seen).await };
            match taken {
                Ok(Taken::UpTo(last)) => (seen, is_behind) = (last, false),
                Ok(Taken::WentBack(head)) => (seen, is_behind) = (head, true),
                Ok(Taken::Nothing) => {
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

    /// Reads everything that is kept in memory, as of no earlier than `head`.
    async fn start_again(&self, head: Head) -> Result<Taken, Refusal> {
        self.freezes.reread().await?;
        self.owned.reread().await?;
        Ok(Taken::UpTo(head))
    }

    async fn take_in(&self, seen: Head) -> Result<Taken, Refusal> {
        let Some(news) = self.store.read(move |session| read(session, seen)).await? else {
            return Ok(Taken::WentBack(self.begin().await?));
        };
        if news.last == seen {
            return Ok(Taken::Nothing);
        }
        for (purchase, is_taken) in &news.purchases {
            let number = purchase.number.as_str();
            // One that upstream does not have any more stays out of the pages that still show it.
            let is_gone = purchase.code.as_deref() == Some(Code::NumberNotAvailable.as_str());
            if *is_taken || is_gone {
                self.searches.forget_number(number);
            } else {
                self.searches.offer_again(number);
            }
        }
        if news.told.iter().any(|told| told.target_kind == "freeze") {
            self.freezes.reread().await?;
        }
        if !news.purchases.is_empty() || news.told.iter().any(|told| told.target_kind == "number") {
            self.owned.reread().await?;
        }
        Ok(Taken::UpTo(news.last))
    }
}

/// How far the events were taken in.
enum Taken {
    /// There are no newer ones.
    Nothing,
    /// To here.
    UpTo(Head),
    /// The database does not have what was seen any more (PROTOCOL.md, evidence), but this.
    WentBack(Head),
}

/// Newer events.
struct News {
    last: Head,
    told: Vec<Told>,
    /// With whether its number is taken, by this purchase or by another one: who came too late does not free it.
    purchases: Vec<(Purchase, bool)>,
}

/// Nothing where the database went back.
fn read(session: &store::Session<'_>, seen: Head) -> Result<Option<News>, store::StoreError> {
    if store::audit::hash_of(session, seen.sequence)? != Some(seen.hash) {
        return Ok(None);
    }
    let told = store::audit::told_after(session, seen.sequence, AT_ONCE)?;
    let ids: BTreeSet<&str> = told
        .iter()
        .filter(|told| told.target_kind == "purchase")
        .map(|told| told.target_id.as_str())
        .collect();
    let mut purchases = Vec::new();
    for id in ids {
        let Ok(id) = id.parse() else { continue };
        let Some(purchase) = store::purchases::find(session, id)? else { continue };
        let is_taken =
            purchase.state.is_active() || store::purchases::active_for(session, &purchase.number)?.is_some();
        purchases.push((purchase, is_taken));
    }
    let last = told.last().map_or(seen, |last| last.head);
    Ok(Some(News { last, told, purchases }))
}
