//! Dispatch: an approved registration is claimed and sent, once.
//!
//! The whole of it runs in a task that belongs to the registration. Who asked may wait for it, for as long as was
//! promised; hanging up changes nothing.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use jiff::Timestamp;
use tokio::time::{Instant, timeout_at};

use crate::domain::audit::Actor;
use crate::domain::order::Sent;
use crate::domain::registration::{
    Registration, RegistrationForm, RegistrationId, RegistrationState, RegistrationStep,
};
use crate::service::buying::{Mode, frozen};
use crate::service::purchasing::PANICKED;
use crate::service::refusal::{Code, Refusal};
use crate::service::registrations::settlement::{self, Attempt};
use crate::service::registrations::{Inner, current, event};
use crate::store::registrations::{ClaimId, Trace};
use crate::store::{self, Finished, StoreError, Tx};

/// A registration of which not one byte left may be tried again this often before it waits for the sweep.
const TRIES: u32 = 3;
/// Between those tries, times the number of tries so far.
const PAUSE: Duration = Duration::from_millis(500);
/// How long a registration waits for a slot of the outbound limiter.
const SLOT_WITHIN: Duration = Duration::from_secs(10);

/// How the attempt to claim ended.
enum Claimed {
    /// By this process: send it.
    Ours(Registration, Box<RegistrationForm>),
    /// Not as it was, or too late: whoever moved it meanwhile has the only right to what comes next.
    Elsewhere(Registration),
    /// Frozen in the meantime; it stays approved.
    Frozen(Refusal),
}

impl Inner {
    /// Begins to drive a registration that is approved, unless a task does already.
    pub(super) fn drive_in_background(self: &Arc<Self>, registration: &Registration) {
        if registration.state != RegistrationState::Approved {
            return;
        }
        let Some(lease) = self.driven.lease(registration.id) else { return };
        let (inner, registration) = (Arc::clone(self), registration.clone());
        self.ground.background.spawn(async move {
            let ended = inner.drive(registration).await;
            if let Err(refusal) = &ended {
                tracing::warn!(%refusal, "an approved registration could not be sent; it is tried again by the sweep");
            }
            lease.end(ended);
        });
    }

    /// Waits for the task that drives a registration, at most until `deadline`; the registration as it stands then, or
    /// why it could not be sent yet.
    pub(super) async fn wait_until(
        &self,
        registration: Registration,
        deadline: Instant,
    ) -> Result<Registration, Refusal> {
        let id = registration.id;
        if let Some(ended) = self.driven.ended(id, deadline).await {
            return ended.map_err(|refusal| refusal.about(id));
        }
        let store = &self.ground.store;
        let mut events = store.newest_event();
        // Another replica may be sending it.
        loop {
            events.mark_unchanged();
            let current = store.read(move |session| store::registrations::find(session, id)).await?;
            let is_sent = current.as_ref().is_some_and(|now| now.state == RegistrationState::Dispatching);
            if !store.is_shared() || !is_sent || timeout_at(deadline, events.changed()).await.is_err() {
                return Ok(current.unwrap_or(registration));
            }
        }
    }

    /// Tries until there is an outcome, or until it has not left this machine often enough.
    async fn drive(&self, mut registration: Registration) -> Result<Registration, Refusal> {
        for tries in 1..=TRIES {
            registration = self.drive_once(registration).await?;
            if registration.state != RegistrationState::Approved {
                break;
            }
            tokio::time::sleep(PAUSE * tries).await;
        }
        Ok(registration)
    }

    /// One try, from the claim to the outcome. An error means that the registration stays approved.
    async fn drive_once(&self, registration: Registration) -> Result<Registration, Refusal> {
        let (id, team) = (registration.id, registration.requester.team.clone());
        self.ground.buying.check(&team)?;
        if let Some(refusal) = self.reason_to_cancel(&registration) {
            return self.cancel(id, refusal).await;
        }
        // The slot first: waiting for it may take longer than a claim stays fresh.
        let slot = self.ground.upstream.reserve_registration_slot(SLOT_WITHIN).await?;
        let claimed_boot = self.ground.clock.boot();
        // Once more: the slot may have taken longer than the gateway had left.
        let mode = self.ground.buying.check(&team)?;
        let (name, seen) = (ClaimId::fresh(), registration.version);
        let attempt = Attempt { id, claimed: seen + 1, claim: Some(name) };
        let claimed: Result<Claimed, StoreError> =
            self.ground.store.write(move |tx| claim(tx, id, seen, name)).await;
        match claimed {
            Ok(Claimed::Elsewhere(registration)) => Ok(registration),
            Ok(Claimed::Frozen(refusal)) => Err(refusal),
            Ok(Claimed::Ours(..)) if mode == Mode::Rehearsal => self.end_rehearsal(attempt).await,
            Ok(Claimed::Ours(registration, form)) => {
                let Registration { number_type, country, .. } = registration;
                let sending = self.ground.upstream.register(slot, number_type, country, &form, claimed_boot);
                // A fault of ours in the middle of sending proves nothing: it may have arrived.
                let sent = AssertUnwindSafe(sending).catch_unwind().await;
                let sent = sent.unwrap_or_else(|_| Sent::Ambiguous(PANICKED.to_owned()));
                Ok(self.settle_for_certain(attempt, sent).await)
            }
            Err(error) if error.may_stand() => {
                // Nothing was sent and nothing will be. The writer works in order, so what is written now comes after
                // the claim, if there is one.
                let not_sent = Sent::NotSent("the claim was not confirmed".to_owned());
                self.settle_for_certain(attempt, not_sent).await;
                Err(error.into())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// What makes sending an approved registration pointless or wrong.
    pub(super) fn reason_to_cancel(&self, registration: &Registration) -> Option<Refusal> {
        if self.ground.teams.now().find(&registration.requester.team).is_none() {
            return Some(Refusal::new(Code::TeamUnknown, "the team is not configured any more"));
        }
        too_late(registration, self.ground.clock.now())
    }

    /// Every rule and limit was passed and nothing is sent; the registration says so.
    async fn end_rehearsal(&self, attempt: Attempt) -> Result<Registration, Refusal> {
        let why = "the gateway rehearses: rules and limits would have let it through, and nothing was sent";
        self.settle_for_certain(attempt, Sent::NotSent(why.to_owned())).await;
        self.cancel(attempt.id, Refusal::new(Code::BuyingFrozen, why)).await
    }
}

fn too_late(registration: &Registration, at: Timestamp) -> Option<Refusal> {
    let is_late = registration.approved_until.is_some_and(|until| until <= at);
    let message = "it could not be sent while its approval lasted; ask again";
    is_late.then(|| Refusal::new(Code::ApprovalExpired, message))
}

/// The intent is durable when this commits, and only then may a byte leave. `seen` is the version that was looked at.
fn claim(
    mut tx: Tx<'_>,
    id: RegistrationId,
    seen: i64,
    name: ClaimId,
) -> Result<Finished<Claimed>, StoreError> {
    let mut registration = current(&tx, id)?;
    if registration.state != RegistrationState::Approved || registration.version != seen {
        return tx.unchanged(Claimed::Elsewhere(registration));
    }
    if let Some(freeze) = store::freezes::stopping(tx.session(), &registration.requester.team)? {
        return tx.unchanged(Claimed::Frozen(frozen(&freeze)));
    }
    // Once more: the slot may have taken longer than the approval had left.
    if let Some(refusal) = too_late(&registration, tx.at()) {
        let cancel = RegistrationStep::Cancel;
        let event = settlement::take(&mut tx, &mut registration, cancel, settlement::trace_of(refusal))?;
        return tx.commit(&event, Claimed::Elsewhere(registration));
    }
    let form = store::registrations::form(tx.session(), id)?;
    let form = form.ok_or_else(|| StoreError::Corrupt(format!("registration {id} has no form")))?;
    let trace = Trace { claim: Some(name), ..Trace::default() };
    store::registrations::step(&mut tx, &mut registration, RegistrationStep::Claim, trace)?;
    let event = event(Actor::Gateway("registrations"), RegistrationStep::Claim, &registration)
        .with("instance", tx.instance().0.to_string())
        .with("number_type", registration.number_type.as_str())
        .with("country", registration.country.as_str())
        .with("form_digest", registration.form_digest.to_string());
    tx.commit(&event, Claimed::Ours(registration, Box::new(form)))
}
