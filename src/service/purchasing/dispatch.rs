//! Dispatch: an approved purchase is quoted again if need be, reserved, claimed and sent, once.
//!
//! The whole of it runs in a task that belongs to the purchase. Who asked may wait for it, for as long as was
//! promised; hanging up changes nothing.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::time::Instant;

use crate::clicksend::BuySlot;
use crate::domain::order::{Receipt, Sent};
use crate::domain::principal::TeamId;
use crate::domain::purchase::{Purchase, PurchaseId, State};
use crate::service::buying::Mode;
use crate::service::passage::Passing;
use crate::service::purchasing::reservation::{Claim, Reserved};
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

/// The right to send one buy now.
pub(super) struct Clearance {
    slot: BuySlot,
    _passing: Passing,
    /// [`Clock::boot`](crate::clock::Clock::boot) before the claim.
    boot: Duration,
    mode: Mode,
}

impl Inner {
    /// Begins to drive a purchase that is approved, unless a task does already.
    pub(super) fn drive_in_background(self: &Arc<Self>, purchase: &Purchase) {
        if purchase.state != State::Approved {
            return;
        }
        let Some(lease) = self.driven.lease(purchase.id) else { return };
        let (inner, purchase) = (Arc::clone(self), purchase.clone());
        self.parts.ground.background.spawn(async move {
            let first = inner.drive_once(purchase).await;
            let ended = inner.keep_trying(first).await;
            lease.end(ended);
        });
    }

    /// Waits for the task that drives a purchase, at most until `deadline`; the purchase as it stands then, or why it
    /// could not be sent yet.
    pub(super) async fn wait_until(
        &self,
        purchase: Purchase,
        deadline: Instant,
    ) -> Result<Purchase, Refusal> {
        let id = purchase.id;
        if let Some(ended) = self.driven.ended(id, deadline).await {
            return ended.map_err(|refusal| refusal.about(id));
        }
        self.wait_for_others(purchase, deadline).await
    }

    /// The purchase as it stands once nobody sends it any more, another replica least of all, or at `deadline`.
    async fn wait_for_others(&self, purchase: Purchase, deadline: Instant) -> Result<Purchase, Refusal> {
        let (id, store) = (purchase.id, &self.parts.ground.store);
        let mut events = store.newest_event();
        loop {
            events.mark_unchanged();
            let current = store.read(move |session| store::purchases::find(session, id)).await?;
            let is_sent = |current: &Purchase| matches!(current.state, State::Reserved | State::Dispatching);
            if !store.is_shared() || !current.as_ref().is_some_and(is_sent) {
                return Ok(current.unwrap_or(purchase));
            }
            if tokio::time::timeout_at(deadline, events.changed()).await.is_err() {
                return Ok(current.unwrap_or(purchase));
            }
        }
    }

    /// Tries until there is an outcome, or until it has not left this machine often enough. `first` is what became of
    /// the first try.
    pub(super) async fn keep_trying(&self, first: Result<Purchase, Refusal>) -> Result<Purchase, Refusal> {
        let mut tried = first;
        for tries in 1..TRIES {
            match tried {
                Ok(purchase) if purchase.state == State::Approved => {
                    tokio::time::sleep(PAUSE * tries).await;
                    tried = self.drive_once(purchase).await;
                }
                Ok(_) | Err(_) => break,
            }
        }
        if let Err(refusal) = &tried {
            tracing::warn!(%refusal, "an approved purchase could not be sent; it is tried again when asked for");
        }
        tried
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
        let clearance = self.clearance(&purchase.requester.team, SLOT_WITHIN).await?;
        let reservation = self.reservation(purchase, quote);
        let claim = reservation.names();
        match self.parts.ground.store.write(move |tx| reservation.run(tx)).await {
            Ok(reserved) => self.carry_out(reserved, claim, clearance).await,
            Err(error) => {
                if error.may_stand() {
                    self.take_back(claim).await;
                }
                Err(error.into())
            }
        }
    }

    /// Everything that has to be waited for before a claim, because a claim does not stay fresh for long.
    pub(super) async fn clearance(&self, team: &TeamId, within: Duration) -> Result<Clearance, Refusal> {
        let slot = self.parts.ground.upstream.reserve_buy_slot(within).await?;
        let passing = self.parts.ground.passage.enter(within).await?;
        let boot = self.parts.ground.clock.boot();
        // Last: the gateway may not have as much time left as the slot took.
        let mode = self.parts.ground.buying.check(team)?;
        Ok(Clearance { slot, _passing: passing, boot, mode })
    }

    /// What follows from a reservation: a claim is sent, once, and settled.
    pub(super) async fn carry_out(
        &self,
        reserved: Reserved,
        claim: Claim,
        clearance: Clearance,
    ) -> Result<Purchase, Refusal> {
        let (purchase, order) = match reserved {
            Reserved::Claimed(purchase, order) => (purchase, order),
            Reserved::Elsewhere(purchase) => return Ok(purchase),
            Reserved::Frozen(refusal) => return Err(refusal),
            Reserved::Cancelled(purchase) => {
                self.parts.ground.moved(&purchase);
                return Ok(purchase);
            }
        };
        // Two transitions in one commit.
        self.parts.ground.metrics.purchase_moved(State::Reserved);
        self.parts.ground.moved(&purchase);
        self.parts.searches.forget_number(purchase.number.as_str());
        if clearance.mode == Mode::Rehearsal {
            return self.end_rehearsal(purchase, claim).await;
        }
        let sending =
            AssertUnwindSafe(self.parts.ground.upstream.buy(clearance.slot, &order, clearance.boot));
        // A fault of ours in the middle of sending proves nothing: the number may have been sold.
        let sent = sending.catch_unwind().await.unwrap_or_else(|_| Sent::Ambiguous(PANICKED.to_owned()));
        let settled = self.settle_for_certain(claim, sent).await;
        self.parts.ground.moved(&settled);
        let is_gone = settled.code.as_deref() == Some(Code::NumberNotAvailable.as_str());
        let number = settled.number.as_str();
        if settled.state.is_active() || is_gone {
            // Once more: an earlier purchase of the number, which failed, may have offered it again in the meantime.
            self.parts.searches.forget_number(number);
        } else {
            self.parts.searches.offer_again(number);
        }
        Ok(settled)
    }

    /// A claim whose commit was not confirmed: nothing was sent and nothing will be. The writer works in order, so
    /// what is written now comes after the claim, if there is one, and gives the hold back.
    pub(super) async fn take_back(&self, claim: Claim) {
        let (id, sent) = (claim.purchase, Sent::NotSent("the claim was not confirmed".to_owned()));
        let settling = || async {
            match self.settle(id, Some(claim.attempt), &sent).await {
                Err(refusal) if !self.is_there(id).await? => {
                    tracing::info!(%refusal, purchase = %id, "the purchase was never written down");
                    Ok(())
                }
                settled => settled.map(|_| ()),
            }
        };
        self.parts.ground.settle_for_certain(&claim.became(sent.clone()), settling).await;
    }

    async fn is_there(&self, id: PurchaseId) -> Result<bool, Refusal> {
        let found = self.parts.ground.store.read(move |session| store::purchases::find(session, id));
        Ok(found.await?.is_some())
    }

    /// Every rule, budget and hold was passed and nothing is sent: the hold goes back, and the purchase says so.
    async fn end_rehearsal(&self, purchase: Purchase, claim: Claim) -> Result<Purchase, Refusal> {
        self.parts.searches.offer_again(purchase.number.as_str());
        let why = "the gateway rehearses: rules, budgets and limits would have let it through, and nothing was sent";
        let given_back = self.settle_for_certain(claim, Sent::NotSent(why.to_owned())).await;
        self.cancel(given_back, &Refusal::new(Code::BuyingFrozen, why)).await
    }

    async fn settle_for_certain(&self, claim: Claim, sent: Sent<Receipt>) -> Purchase {
        let settling = || self.settle(claim.purchase, Some(claim.attempt), &sent);
        self.parts.ground.settle_for_certain(&claim.became(sent.clone()), settling).await
    }
}

impl Claim {
    fn became(self, sent: Sent<Receipt>) -> Outcome {
        Outcome::Purchase { id: self.purchase, attempt: self.number, claim: Some(self.attempt), sent }
    }
}

pub(super) fn too_late() -> Refusal {
    Refusal::new(Code::ApprovalExpired, "it could not be bought while its approval lasted; ask again")
}
