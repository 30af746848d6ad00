//! The sweep: what nobody asks about any more is expired, closed, or tried once more.

use std::sync::Arc;

use crate::domain::purchase::{Purchase, State};
use crate::service::purchasing::dispatch::too_late;
use crate::service::purchasing::{Inner, Purchasing};
use crate::service::refusal::{Code, Refusal};
use crate::store;

/// Purchases of a state that one sweep looks at; the next sweep takes the rest.
const AT_ONCE: i64 = 1_000;

impl Purchasing {
    /// Expires requests that nobody decided, cancels what could not be bought while its approval lasted or whose team is
    /// gone, and drives what is approved. For a timer.
    pub async fn sweep(&self) -> Result<(), Refusal> {
        // One that fails is met again by the next sweep, and holds up nobody behind it.
        let mut swept = Ok(());
        for purchase in self.0.oldest(State::PendingApproval).await? {
            swept = swept.and(self.0.tidy_pending(purchase).await);
        }
        for purchase in self.0.oldest(State::Approved).await? {
            swept = swept.and(self.0.tidy_approved(purchase).await);
        }
        swept
    }
}

impl Inner {
    /// The oldest purchases of a state.
    async fn oldest(&self, state: State) -> Result<Vec<Purchase>, Refusal> {
        let reading =
            self.parts.ground.store.read(move |session| store::purchases::oldest(session, state, AT_ONCE));
        Ok(reading.await?)
    }

    async fn tidy_pending(&self, purchase: Purchase) -> Result<(), Refusal> {
        if self.parts.ground.teams.now().find(&purchase.requester.team).is_none() {
            self.cancel(purchase, &team_is_gone()).await?;
        } else if purchase.decide_by.is_some_and(|until| until <= self.parts.ground.clock.now()) {
            self.expire(purchase).await?;
        }
        Ok(())
    }

    async fn tidy_approved(self: &Arc<Self>, purchase: Purchase) -> Result<(), Refusal> {
        if self.parts.ground.teams.now().find(&purchase.requester.team).is_none() {
            self.cancel(purchase, &team_is_gone()).await?;
        } else if purchase.approved_until.is_some_and(|until| until <= self.parts.ground.clock.now()) {
            self.cancel(purchase, &too_late()).await?;
        } else {
            self.drive_in_background(&purchase);
        }
        Ok(())
    }
}

fn team_is_gone() -> Refusal {
    Refusal::new(Code::TeamUnknown, "the team is not configured any more")
}
