//! Entering the books: a submission becomes a purchase and, where nothing stands in its way, is claimed in the same
//! commit: an allowed buy waits for two fsyncs, this one before it is sent and that of its outcome.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::oneshot;

use crate::domain::audit::{Actor, AuditEvent, Target};
use crate::domain::purchase::{Purchase, State};
use crate::domain::registration::RegistrationData;
use crate::service::purchasing::dispatch::Clearance;
use crate::service::purchasing::reservation::{Reservation, Reserved};
use crate::service::purchasing::standing::Sought;
use crate::service::purchasing::submission::Submitted;
use crate::service::purchasing::{Inner, refusal_for};
use crate::service::refusal::Refusal;
use crate::store::idempotency::Use;
use crate::store::{self, Finished, StoreError, Tx};

/// A request that passed every rule, and is about to be written down.
pub(super) struct Submission {
    pub(super) sought: Sought,
    /// A person's no from before does not count any more.
    pub(super) rejected_since: Timestamp,
    pub(super) purchase: Purchase,
    pub(super) registration_data: Option<RegistrationData>,
    pub(super) reason: Option<String>,
}

/// A purchase, and what became of the attempt to reserve it at once.
type Entered = (Submitted, Option<Reserved>);

/// Why a submission was not written down.
enum NotEntered {
    Refused(Refusal),
    Store(StoreError),
}

impl From<Refusal> for NotEntered {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<StoreError> for NotEntered {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<NotEntered> for Refusal {
    fn from(not_entered: NotEntered) -> Self {
        match not_entered {
            NotEntered::Refused(refusal) => refusal,
            NotEntered::Store(error) => error.into(),
        }
    }
}

impl Inner {
    /// Writes a purchase down, or finds the one that an equal request made meanwhile. What may be sent at once is
    /// claimed in the same commit, by the task that drives it from then on.
    pub(super) async fn enter(self: &Arc<Self>, submission: Submission) -> Result<Submitted, Refusal> {
        let purchase = &submission.purchase;
        let may_go = if purchase.state == State::Approved {
            // What has to wait for the limiter, or for a freeze to be lifted, is better written down first.
            let clearance = self.clearance(&purchase.requester.team, Duration::ZERO).await.ok();
            clearance.zip(self.driven.lease(purchase.id))
        } else {
            None
        };
        let Some((clearance, lease)) = may_go else {
            let (submitted, _) = self.write_down(submission, None).await?;
            return Ok(submitted);
        };
        let (tell, told) = oneshot::channel();
        let inner = Arc::clone(self);
        self.parts.ground.background.spawn(async move {
            // No hang-up may stop this: from its claim on, the purchase belongs to itself.
            if let Some(outcome) = Box::pin(inner.enter_and_send(submission, clearance, tell)).await {
                lease.end(outcome);
            }
        });
        told.await.unwrap_or_else(|_| Err(StoreError::Unanswered.into()))
    }

    /// The whole way of a purchase that may be sent at once; nothing where it never began.
    async fn enter_and_send(
        &self,
        submission: Submission,
        clearance: Clearance,
        tell: oneshot::Sender<Result<Submitted, Refusal>>,
    ) -> Option<Result<Purchase, Refusal>> {
        let (purchase, quote) = (submission.purchase.clone(), submission.purchase.quote.clone());
        let reservation = self.reservation(purchase, quote);
        let claim = reservation.names();
        // Whoever asked may be gone; the purchase goes on.
        match self.write_down(submission, Some(reservation)).await {
            Ok((submitted, reserved)) => {
                let _ = tell.send(Ok(submitted));
                // Nothing was reserved where an equal request had been faster.
                let carried = self.carry_out(reserved?, claim, clearance).await;
                Some(self.keep_trying(carried).await)
            }
            Err(NotEntered::Store(error)) if error.may_stand() => {
                self.take_back(claim).await;
                let _ = tell.send(Err(error.into()));
                None
            }
            Err(error) => {
                let _ = tell.send(Err(error.into()));
                None
            }
        }
    }

    async fn write_down(
        &self,
        submission: Submission,
        at_once: Option<Reservation>,
    ) -> Result<Entered, NotEntered> {
        let entered: Entered = self.parts.ground.store.write(move |tx| submission.run(tx, at_once)).await?;
        if !entered.0.replayed {
            self.parts.ground.moved(&entered.0.purchase);
        }
        Ok(entered)
    }
}

impl Submission {
    /// Looks once more, now that nobody else can write, and only then makes the purchase.
    fn run(self, mut tx: Tx<'_>, at_once: Option<Reservation>) -> Result<Finished<Entered>, NotEntered> {
        if let Some(found) = self.sought.find_repeat(tx.session())? {
            return Ok(tx.unchanged((Submitted { purchase: found, replayed: true }, None))?);
        }
        if let Some(rejected) = self.sought.find_rejected(tx.session(), self.rejected_since)? {
            return Err(refusal_for(&rejected).into());
        }
        store::purchases::insert(&mut tx, &self.purchase, self.registration_data.as_ref())?;
        if let Some((scoped, idempotency)) = &self.sought.key {
            let used = Use { fingerprint: idempotency.fingerprint, target_id: self.purchase.id.to_string() };
            store::idempotency::insert(&mut tx, scoped, &used)?;
        }
        tx.record(&self.event()?)?;
        let reserved = at_once.map(|reservation| reservation.take(&mut tx)).transpose()?;
        Ok(tx.recorded((Submitted { purchase: self.purchase, replayed: false }, reserved))?)
    }

    fn event(&self) -> Result<AuditEvent, Refusal> {
        let purchase = &self.purchase;
        let data = self
            .registration_data
            .as_ref()
            .map(serde_json::to_string)
            .transpose()
            .map_err(StoreError::from)?;
        let event = AuditEvent::new(
            "purchase.submitted",
            Actor::Person(purchase.requester.person.clone()),
            Target::new("purchase", &purchase.id),
        );
        Ok(event
            .with("state", purchase.state.as_str())
            .with("number", purchase.number.as_str())
            .with("type", purchase.message_type.as_str())
            .with("team", purchase.requester.team.as_str())
            .with("quote", serde_json::to_value(&purchase.quote).map_err(StoreError::from)?)
            .with("quote_digest", purchase.quote_digest.to_string())
            .with("rule", purchase.rule.clone())
            .with("policy", purchase.policy_digest.to_string())
            .with_some("reference", purchase.reference.clone())
            .with_some(
                "terms",
                purchase.terms.as_ref().map(serde_json::to_value).transpose().map_err(StoreError::from)?,
            )
            .with_some("decide_by", purchase.decide_by.map(|at| at.to_string()))
            .with_some("on_behalf_of", purchase.requester.on_behalf_of.clone())
            .with_personal("reason", self.reason.clone())
            .with_personal("registration_data", data))
    }
}
