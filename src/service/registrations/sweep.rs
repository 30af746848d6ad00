//! The sweep: what nobody asks about any more is expired, closed, tried once more, or left to people.

use std::sync::Arc;

use crate::domain::registration::{Registration, RegistrationState};
use crate::service::refusal::{Code, Refusal};
use crate::service::registrations::{Inner, Registrations};
use crate::store;

/// Registrations of a state that one sweep looks at; the next sweep takes the rest.
const AT_ONCE: i64 = 1_000;

impl Registrations {
    /// Expires requests that nobody decided, cancels what could not be sent while its approval lasted or whose team is
    /// gone, drives what is approved, and leaves to people what nobody knows. For a timer.
    pub async fn sweep(&self) -> Result<(), Refusal> {
        // One that fails is met again by the next sweep, and holds up nobody behind it.
        let mut swept = Ok(());
        for registration in self.0.standing(RegistrationState::PendingApproval).await? {
            swept = swept.and(self.0.tidy_pending(registration).await);
        }
        for registration in self.0.standing(RegistrationState::Approved).await? {
            swept = swept.and(self.0.tidy_approved(&registration).await);
        }
        for registration in self.0.standing(RegistrationState::Unknown).await? {
            swept = swept.and(self.0.stall(registration.id).await.map(|_| ()));
        }
        swept
    }
}

impl Inner {
    /// The oldest registrations of a state.
    async fn standing(&self, state: RegistrationState) -> Result<Vec<Registration>, Refusal> {
        let reading =
            self.ground.store.read(move |session| store::registrations::in_state(session, state, AT_ONCE));
        Ok(reading.await?)
    }

    async fn tidy_pending(&self, registration: Registration) -> Result<(), Refusal> {
        if self.ground.teams.now().find(&registration.requester.team).is_none() {
            let refusal = Refusal::new(Code::TeamUnknown, "the team is not configured any more");
            self.cancel(registration.id, refusal).await?;
        } else if registration.decide_by.is_some_and(|until| until <= self.ground.clock.now()) {
            self.expire(registration.id).await?;
        }
        Ok(())
    }

    async fn tidy_approved(self: &Arc<Self>, registration: &Registration) -> Result<(), Refusal> {
        match self.reason_to_cancel(registration) {
            Some(refusal) => {
                self.cancel(registration.id, refusal).await?;
            }
            None => self.drive_in_background(registration),
        }
        Ok(())
    }
}
