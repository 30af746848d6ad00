//! Dispatch: an approved purchase is quoted again if need be, reserved, claimed and sent, once.
//!
//! The whole of it runs in a task that belongs to the purchase. Who asked may wait for it, for as long as was
//! promised; hanging up changes nothing.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::domain::order::{Receipt, Sent};
use crate::domain::purchase::{Purchase, PurchaseId, State};
use crate::service::buying::Mode;
use crate::service::purchasing::reservation::Reserved;
use crate::service::purchasing::{Inner, PANICKED};
use crate::service::refusal::{Code, Refusal};
use crate::store;
use crate::store::emergency::Outcome;

/// A purchase of which not one byte left may be tried again this often before it waits to be asked for.
const TRIES: u32 = 3;
/// Between those tries, times the number of tries so far.
const PAUSE: Duration = Duration::from_millis(500);
/// How long a buy waits for a slot of the outbound limiter.
const SLOT_WITHIN: Duration = Duration::from_secs(10);

impl Inner {
    /// Begins to drive a purchase that is approved, unless a task does already.
    pub(super) fn drive_in_background(self: &Arc<Self>, purchase: &Purchase) {
        if purchase.state != State::Approved {
            return;
        }
        let mut driven = self.driven.lock().unwrap_or_else(PoisonError::into_inner);
        if driven.contains_key(&purchase.id) {
            return;
        }
        let (end, ended) = watch::channel(None);
        driven.insert(purchase.id, ended);
        let lease = Lease { inner: Arc::clone(self), id: purchase.id, end };
        let purchase = purchase.clone();
        self.parts.ground.background.spawn(async move {
            if let Err(refusal) = lease.inner.drive(purchase).await {
                tracing::warn!(%refusal, "an approved purchase could not be sent; it is tried again when asked for");
                lease.end.send_replace(Some(refusal));
            }
        });
    }

    /// Waits for the task that drives a purchase, at most until `deadline`; the purchase as it stands then, or why it
    /// could not be sent yet.
    pub(super) async fn wait_until(
        &self,
        purchase: Purchase,
        deadline: Instant,
    ) -> Result<Purchase, Refusal> {
        let ended = self.driven.lock().unwrap_or_else(PoisonError::into_inner).get(&purchase.id).cloned();
        if let Some(mut ended) = ended {
            // Ends with a reason, or by being dropped. Running out of time is an answer as well.
            let _ = tokio::time::timeout_at(deadline, ended.changed()).await;
            let why = ended.borrow().clone();
            if let Some(refusal) = why {
                return Err(refusal.about(purchase.id));
            }
        }
        let id = purchase.id;
        let current =
            self.parts.ground.store.read(move |session| store::purchases::find(session, id)).await?;
        Ok(current.unwrap_or(purchase))
    }

    /// Tries until there is an outcome, or until it has not left this machine often enough.
    async fn drive(&self, mut purchase: Purchase) -> Result<(), Refusal> {
        for tries in 1..=TRIES {
            purchase = self.drive_once(purchase).await?;
            if purchase.state != State::Approved {
                break;
            }
            tokio::time::sleep(PAUSE * tries).await;
        }
        Ok(())
    }

    /// One try, from quote to outcome. An error means that the purchase stays approved.
    async fn drive_once(&self, purchase: Purchase) -> Result<Purchase, Refusal> {
        self.parts.ground.buying.check(&purchase.requester.team)?;
        if purchase.approved_until.is_some_and(|until| until <= self.parts.ground.clock.now()) {
            return self.cancel(purchase, &too_late()).await;
        }
        let quote = self.current_quote(&purchase).await?;
        if self.has_moved(&purchase, &quote) {
            return self.redecide(purchase, quote).await;
        }
        // The slot first: waiting for it may take longer than a claim stays fresh.
        let slot = self.parts.ground.upstream.reserve_buy_slot(SLOT_WITHIN).await?;
        let _passing = self.parts.ground.passage.enter(SLOT_WITHIN).await?;
        let claimed_boot = self.parts.ground.clock.boot();
        // Once more: quote and slot may have taken longer than the gateway had left.
        let mode = self.parts.ground.buying.check(&purchase.requester.team)?;
        let (id, attempt) = (purchase.id, purchase.attempts + 1);
        match self.reserve_and_claim(purchase, quote).await {
            Ok(Reserved::Elsewhere(purchase)) => Ok(purchase),
            Ok(Reserved::Frozen(refusal)) => Err(refusal),
            Ok(Reserved::Cancelled(purchase)) => {
                self.parts.ground.metrics.purchase_moved(purchase.state);
                Ok(purchase)
            }
            Ok(Reserved::Claimed(purchase, order)) => {
                // Two transitions in one commit.
                self.parts.ground.metrics.purchase_moved(State::Reserved);
                self.parts.ground.metrics.purchase_moved(purchase.state);
                self.parts.searches.forget_number(purchase.number.as_str());
                if mode == Mode::Rehearsal {
                    return self.end_rehearsal(purchase).await;
                }
                let sending = AssertUnwindSafe(self.parts.ground.upstream.buy(slot, &order, claimed_boot));
                // A fault of ours in the middle of sending proves nothing: the number may have been sold.
                let sent =
                    sending.catch_unwind().await.unwrap_or_else(|_| Sent::Ambiguous(PANICKED.to_owned()));
                let settled = self.settle_for_certain(id, attempt, sent).await;
                self.parts.ground.metrics.purchase_moved(settled.state);
                let is_gone = settled.code.as_deref() == Some(Code::NumberNotAvailable.as_str());
                if !settled.state.is_active() && !is_gone {
                    self.parts.searches.offer_again(settled.number.as_str());
                }
                Ok(settled)
            }
            Err(error) if error.may_stand() => {
                // Nothing was sent and nothing will be. The writer works in order, so what is written now comes after
                // the claim, if there is one, and gives the hold back.
                let not_sent = Sent::NotSent("the claim was not confirmed".to_owned());
                self.settle_for_certain(id, attempt, not_sent).await;
                Err(error.into())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Every rule, budget and hold was passed and nothing is sent: the hold goes back, and the purchase says so.
    async fn end_rehearsal(&self, purchase: Purchase) -> Result<Purchase, Refusal> {
        self.parts.searches.offer_again(purchase.number.as_str());
        let why = "the gateway rehearses: rules, budgets and limits would have let it through, and nothing was sent";
        let given_back =
            self.settle_for_certain(purchase.id, purchase.attempts, Sent::NotSent(why.to_owned())).await;
        self.cancel(given_back, &Refusal::new(Code::BuyingFrozen, why)).await
    }

    async fn settle_for_certain(&self, id: PurchaseId, attempt: i64, sent: Sent<Receipt>) -> Purchase {
        let outcome = Outcome::Purchase { id, attempt, sent: sent.clone() };
        self.parts.ground.settle_for_certain(&outcome, || self.settle(id, &sent)).await
    }
}

pub(super) fn too_late() -> Refusal {
    Refusal::new(Code::ApprovalExpired, "it could not be bought while its approval lasted; ask again")
}

/// The right to drive a purchase; ends for everybody who waits when it is dropped.
struct Lease {
    inner: Arc<Inner>,
    id: PurchaseId,
    end: watch::Sender<Option<Refusal>>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.inner.driven.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}
