//! Settle: what upstream's answer, or its absence, does to a registration; and what ends one that is not sent.

use std::time::Duration;

use crate::domain::audit::{Actor, AuditEvent};
use crate::domain::order::Sent;
use crate::domain::registration::{Registration, RegistrationId, RegistrationState, RegistrationStep};
use crate::service::refusal::{Code, Refusal};
use crate::service::registrations::{Inner, current, event};
use crate::store::attempts::LeftBehind;
use crate::store::emergency::Outcome;
use crate::store::registrations::{ClaimId, Trace};
use crate::store::{self, Finished, StoreError, Tx};

/// Rows of an earlier process that are settled in one go; a crash leaves a handful.
const LEFT_BEHIND: i64 = 10_000;

/// One claim of a registration.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attempt {
    pub(super) id: RegistrationId,
    /// The version that the claim made.
    pub(super) claimed: i64,
    /// Its name, where it has one.
    pub(super) claim: Option<ClaimId>,
}

impl Inner {
    /// Writes an outcome down, and does not give up while this process lives: it is the only one who knows.
    pub(super) async fn settle_for_certain(&self, attempt: Attempt, sent: Sent<()>) -> Registration {
        let Attempt { id, claimed, claim } = attempt;
        let outcome = Outcome::Registration { id, claimed, claim, sent: sent.clone() };
        self.ground.settle_for_certain(&outcome, || self.settle(attempt, &sent)).await
    }

    /// Writes the outcome of an attempt, once: one that is settled already stays as it is, so this can be repeated
    /// whenever the store did not answer.
    async fn settle(&self, attempt: Attempt, sent: &Sent<()>) -> Result<Registration, Refusal> {
        let sent = sent.clone();
        let settled: Registration = self.ground.store.write(move |tx| settle(tx, attempt, &sent)).await?;
        let id = settled.id;
        tracing::info!(registration = %id, state = settled.state.as_str(), code = settled.code, "registration settled");
        Ok(settled)
    }

    /// Writes down what an earlier process knew and could not, before anything is called unknown.
    pub(super) async fn settle_owed(&self) -> Result<(), Refusal> {
        let emergency = self.ground.store.emergency();
        for owed in emergency.left_behind() {
            let Outcome::Registration { id, claimed, claim, sent } = &owed.outcome else { continue };
            let (id, claimed, claim) = (*id, *claimed, *claim);
            let reading = self.ground.store.read(move |session| store::registrations::find(session, id));
            if reading.await?.is_none_or(|found| claimed > found.version) {
                tracing::error!(
                    registration = %id,
                    "the emergency file tells of a registration that this database does not know so, and buying stays \
                     off: is it a restored one? Ask ClickSend about it, then blank the line"
                );
                continue;
            }
            self.settle(Attempt { id, claimed, claim }, sent).await?;
            emergency.settled(owed.clone()).await;
        }
        Ok(())
    }

    /// Ends one that was not sent and shall not be; one that has moved on stays as it is.
    pub(super) async fn cancel(&self, id: RegistrationId, refusal: Refusal) -> Result<Registration, Refusal> {
        self.ground.store.write(move |tx| end(tx, id, RegistrationStep::Cancel, trace_of(refusal))).await
    }

    /// Nobody decided in time.
    pub(super) async fn expire(&self, id: RegistrationId) -> Result<Registration, Refusal> {
        self.ground.store.write(move |tx| expire(tx, id)).await
    }

    /// Nothing can be read back, so what nobody knows is left to people.
    pub(super) async fn stall(&self, id: RegistrationId) -> Result<Registration, Refusal> {
        tracing::error!(
            registration = %id,
            "nobody knows whether a registration arrived: ask ClickSend, then say so with POST /v1/registrations/{id}/resolve"
        );
        let trace = Trace {
            code: Some(Code::PurchaseOutcomeUnknown.as_str()),
            explanation: Some("ClickSend's answer was lost and nothing can be read back".to_owned()),
            ..Trace::default()
        };
        self.ground.store.write(move |tx| end(tx, id, RegistrationStep::Stall, trace)).await
    }

    /// What instances claimed that are gone: what they sent, nobody knows.
    pub(super) async fn lose_left_behind(&self) -> Result<usize, Refusal> {
        let left =
            self.ground.store.read(|session| store::registrations::under_way(session, LEFT_BEHIND)).await?;
        let (mut count, after) = (0, self.ground.takeover_after);
        for left in left {
            let lost: Option<Registration> =
                self.ground.store.write(move |tx| lose_if_gone(tx, left, after)).await?;
            let Some(lost) = lost else { continue };
            tracing::error!(
                registration = %lost.id,
                "a registration was under way when its gateway stopped; it is not sent again"
            );
            count += 1;
        }
        Ok(count)
    }
}

/// Loses a claim whose instance is proven gone (PROTOCOL.md): here the row counts, not what was read before.
fn lose_if_gone(
    tx: Tx<'_>,
    left: LeftBehind<(RegistrationId, ClaimId)>,
    after: Duration,
) -> Result<Finished<Option<Registration>>, Refusal> {
    let (id, claim) = left.claimed;
    let registration = current(&tx, id)?;
    let is_left = registration.state == RegistrationState::Dispatching
        && store::registrations::claim_of(tx.session(), id)? == Some(claim);
    if !is_left || !tx.is_proven_gone(left.by, left.since, after)? {
        return Ok(tx.unchanged(None)?);
    }
    let lost = Sent::Ambiguous("the gateway stopped while it was under way".to_owned());
    let attempt = Attempt { id, claimed: registration.version, claim: Some(claim) };
    Ok(settle(tx, attempt, &lost)?.map(Some))
}

fn settle(mut tx: Tx<'_>, attempt: Attempt, sent: &Sent<()>) -> Result<Finished<Registration>, Refusal> {
    let mut registration = current(&tx, attempt.id)?;
    // Another replica may have claimed it again meanwhile: what became of this claim says nothing about that one.
    let is_ours =
        attempt.claim.is_none() || attempt.claim == store::registrations::claim_of(tx.session(), attempt.id)?;
    if registration.state != RegistrationState::Dispatching
        || registration.version != attempt.claimed
        || !is_ours
    {
        return Ok(tx.unchanged(registration)?);
    }
    let (step, code, why) = match sent {
        Sent::Done(()) => (RegistrationStep::Submit, None, None),
        Sent::Refused(refusal) => {
            let said = Refusal::from_upstream(refusal);
            // A 404 here is not about a number.
            let code = if said.code == Code::NumberNotAvailable { Code::UpstreamRefused } else { said.code };
            (RegistrationStep::Fail, Some(code), Some(said.message))
        }
        Sent::NotSent(why) => {
            let why = format!("ClickSend could not be reached ({why}); nothing was sent");
            (RegistrationStep::NotSent, Some(Code::UpstreamUnavailable), Some(why))
        }
        Sent::Ambiguous(why) => {
            (RegistrationStep::Lose, Some(Code::PurchaseOutcomeUnknown), Some(why.clone()))
        }
    };
    let trace = Trace { code: code.map(Code::as_str), explanation: why, ..Trace::default() };
    let event = take(&mut tx, &mut registration, step, trace)?;
    Ok(tx.commit(&event, registration)?)
}

/// Nobody decided in time.
pub(super) fn expire(tx: Tx<'_>, id: RegistrationId) -> Result<Finished<Registration>, Refusal> {
    let refusal = Refusal::new(Code::ApprovalExpired, "nobody decided in time; ask again");
    end(tx, id, RegistrationStep::Expire, trace_of(refusal))
}

/// A step of the gateway's own; a registration that it does not fit any more stays as it is.
fn end(
    mut tx: Tx<'_>,
    id: RegistrationId,
    step: RegistrationStep,
    trace: Trace,
) -> Result<Finished<Registration>, Refusal> {
    let mut registration = current(&tx, id)?;
    if registration.state.after(step).is_err() {
        return Ok(tx.unchanged(registration)?);
    }
    let event = take(&mut tx, &mut registration, step, trace)?;
    Ok(tx.commit(&event, registration)?)
}

/// Takes a step of the gateway's own; the event that goes with it.
pub(super) fn take(
    tx: &mut Tx<'_>,
    registration: &mut Registration,
    step: RegistrationStep,
    trace: Trace,
) -> Result<AuditEvent, StoreError> {
    let (code, why) = (trace.code, trace.explanation.clone());
    store::registrations::step(tx, registration, step, trace)?;
    let event = event(Actor::Gateway("registrations"), step, registration);
    Ok(event.with_some("code", code).with_some("why", why))
}

/// What a refusal leaves behind in the row.
pub(super) fn trace_of(refusal: Refusal) -> Trace {
    Trace { code: Some(refusal.code.as_str()), explanation: Some(refusal.message), ..Trace::default() }
}
