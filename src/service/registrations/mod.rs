//! Registering for a kind of number: the care of a purchase, without money.
//!
//! A registration mails a compliance team, and nothing can be read back. So it is claimed before it is sent, sent
//! once, and a repeat within a day finds the first by its content instead of mailing again.

mod record;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use jiff::SignedDuration;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::clicksend::RegistrationSlot;
use crate::domain::audit::{Actor, AuditEvent, Target};
use crate::domain::canonical::{self, Digest};
use crate::domain::country::Country;
use crate::domain::order::Sent;
use crate::domain::policy::Action;
use crate::domain::principal::{Principal, TeamId};
use crate::domain::purchase::Requester;
use crate::domain::registration::{
    NumberType, Registration, RegistrationForm, RegistrationId, RegistrationState,
};
use crate::service::ground::Ground;
use crate::service::judging::Case;
use crate::service::purchasing::PANICKED;
use crate::service::purchasing::submission::on_behalf_of;
use crate::service::refusal::{Code, Refusal};
use crate::store::emergency::Outcome;
use crate::store::{self, StoreError};
use record::{claim, settle};

/// The same content again within this time is a repeat.
const REPEATS_WITHIN: SignedDuration = SignedDuration::from_hours(24);
/// How long a registration waits for a slot of the outbound limiter.
const SLOT_WITHIN: Duration = Duration::from_secs(10);
const LEFT_BEHIND: i64 = 10_000;

/// What somebody wants to register.
#[derive(Clone, Debug)]
pub struct RegistrationRequest {
    /// For which kind of number.
    pub number_type: NumberType,
    /// Where.
    pub country: Country,
    /// The form.
    pub form: RegistrationForm,
    /// The team that asks, when the token names several.
    pub team: Option<TeamId>,
    /// The caller's own reference.
    pub reference: Option<String>,
    /// For whom, when an application asks.
    pub on_behalf_of: Option<String>,
}

/// What registering is built from.
pub struct RegistrationParts {
    /// What it shares with buying.
    pub ground: Ground,
    /// A request is answered by then.
    pub answer_within: Duration,
    /// Whether the two newest fields are required as well.
    pub strict: bool,
}

/// The registration service. Cheap to clone.
#[derive(Clone)]
pub struct Registrations(Arc<RegistrationParts>);

impl Registrations {
    /// A service that sends nothing yet.
    pub fn new(parts: RegistrationParts) -> Self {
        Self(Arc::new(parts))
    }

    /// Registers, or says where the registration stands when the caller has waited long enough.
    pub async fn request(
        &self,
        principal: &Principal,
        request: RegistrationRequest,
    ) -> Result<Registration, Refusal> {
        let deadline = Instant::now() + self.0.answer_within;
        match self.submit(principal, request).await {
            Ok(Submitted::Found(found)) => Ok(found),
            Ok(Submitted::New { registration, sent }) => {
                let _ = tokio::time::timeout_at(deadline, sent).await;
                self.read(registration.id).await
            }
            Err(refusal) => Err(self.refuse(principal, refusal).await),
        }
    }

    /// One registration that the caller may see.
    pub async fn show(&self, principal: &Principal, id: RegistrationId) -> Result<Registration, Refusal> {
        let registration = self.read(id).await?;
        if principal.may_read() && principal.sees_team(&registration.requester.team) {
            Ok(registration)
        } else {
            Err(Refusal::new(Code::NotFound, "there is no such registration"))
        }
    }

    /// Writes down what an earlier process knew, and ends what else it left behind as unknown. How many of these there
    /// were.
    pub async fn recover(&self) -> Result<usize, Refusal> {
        self.settle_owed().await?;
        let instance = self.0.ground.instance;
        let left = self
            .0
            .ground
            .store
            .read(move |session| store::registrations::left_behind(session, instance, LEFT_BEHIND))
            .await?;
        let count = left.len();
        for registration in left {
            tracing::error!(registration = %registration.id, "a registration was under way when the gateway stopped; it is not sent again");
            let outcome = Sent::Ambiguous("the gateway stopped while it was under way".to_owned());
            self.settle(registration.id, &outcome).await?;
        }
        Ok(count)
    }

    async fn submit(
        &self,
        principal: &Principal,
        request: RegistrationRequest,
    ) -> Result<Submitted, Refusal> {
        if !principal.may_request() {
            return Err(Refusal::new(Code::Forbidden, "registering needs the role requester"));
        }
        let team = self.0.ground.teams.paying(principal, request.team.as_ref())?;
        let on_behalf_of = on_behalf_of(principal, request.on_behalf_of.clone())?;
        self.check_form(&request.form)?;
        let digest = digest(&request)?;
        let since = self.0.ground.clock.now() - REPEATS_WITHIN;
        let asking = team.clone();
        let repeat = self
            .0
            .ground
            .store
            .read(move |session| store::registrations::repeat_of(session, &asking, &digest, since))
            .await?;
        if let Some(found) = repeat {
            return Ok(Submitted::Found(found));
        }
        self.0.ground.writes.charge(principal)?;
        self.0.ground.buying.check(&team)?;
        let rule = self.decide(principal, &team, &request).await?;
        let slot = self.0.ground.upstream.reserve_registration_slot(SLOT_WITHIN).await?;
        let at = self.0.ground.clock.now();
        let registration = Registration {
            id: RegistrationId::random(),
            number_type: request.number_type,
            country: request.country,
            requester: Requester::of(principal, on_behalf_of, team),
            reference: request.reference,
            form_digest: digest,
            rule,
            policy_digest: self.0.ground.policy.digest(),
            state: RegistrationState::Dispatching,
            code: None,
            explanation: None,
            version: 1,
            created_at: at,
            updated_at: at,
        };
        let (claimed, sent) = self.claim_and_send(slot, &registration, request.form, since);
        match claimed.await {
            Ok(Ok(None)) => Ok(Submitted::New { registration, sent }),
            Ok(Ok(Some(found))) => Ok(Submitted::Found(found)),
            Ok(Err(refusal)) => Err(refusal),
            Err(_) => Err(Refusal::new(Code::AuditUnavailable, "the registration was lost; ask again")),
        }
    }

    /// Claims and sends in a task that no hang-up stops: a claim without its send would stay under way until the
    /// next start. The receivers hear whether the claim stands, and when the outcome is written down.
    fn claim_and_send(
        &self,
        slot: RegistrationSlot,
        new: &Registration,
        form: RegistrationForm,
        since: jiff::Timestamp,
    ) -> (oneshot::Receiver<Claimed>, oneshot::Receiver<()>) {
        let ((tell, claimed), (done, sent)) = (oneshot::channel(), oneshot::channel());
        let (service, new) = (self.clone(), new.clone());
        self.0.ground.background.spawn(async move {
            let claimed_boot = service.0.ground.clock.boot();
            let (instance, row, its_form) = (service.0.ground.instance, new.clone(), form.clone());
            let claimed: Result<Option<Registration>, StoreError> =
                service.0.ground.store.write(move |tx| claim(tx, &row, &its_form, instance, since)).await;
            let is_ours = matches!(claimed, Ok(None));
            let may_stand = claimed.as_ref().is_err_and(StoreError::may_stand);
            // Whoever asked may have stopped waiting, here as well as below.
            let _ = tell.send(claimed.map_err(Refusal::from));
            let outcome = if is_ours {
                let (upstream, number_type, country) =
                    (&service.0.ground.upstream, new.number_type, new.country);
                let sending = upstream.register(slot, number_type, country, &form, claimed_boot);
                AssertUnwindSafe(sending)
                    .catch_unwind()
                    .await
                    .unwrap_or_else(|_| Sent::Ambiguous(PANICKED.to_owned()))
            } else if may_stand {
                // The writer works in order, so what is written now comes after the claim, if there is one.
                Sent::NotSent("the claim was not confirmed".to_owned())
            } else {
                return;
            };
            service.settle_for_certain(new.id, outcome).await;
            let _ = done.send(());
        });
        (claimed, sent)
    }

    fn check_form(&self, form: &RegistrationForm) -> Result<(), Refusal> {
        let mut faults = form.faults();
        if self.0.strict {
            let missing = form.missing_newest().into_iter();
            faults.extend(missing.map(|field| (field.to_owned(), format!("{field} field is required."))));
        }
        if faults.is_empty() { Ok(()) } else { Err(Refusal::fields(faults)) }
    }

    async fn decide(
        &self,
        principal: &Principal,
        team: &TeamId,
        request: &RegistrationRequest,
    ) -> Result<String, Refusal> {
        let case = Case {
            action: Action::Register,
            team: team.clone(),
            roles: principal.roles.iter().copied().collect(),
            country: Some(request.country),
            message_type: None,
            number_type: Some(request.number_type.as_str().to_owned()),
            price: None,
        };
        let ruling = self.0.ground.rule(&case).await?;
        match ruling.terms {
            None => Ok(ruling.rule),
            Some(_) => Err(Refusal::new(Code::PolicyDenied, "registrations cannot be approved yet")),
        }
    }

    async fn settle_for_certain(&self, id: RegistrationId, sent: Sent<()>) {
        let outcome = Outcome::Registration { id, sent: sent.clone() };
        self.0.ground.settle_for_certain(&outcome, || self.settle(id, &sent)).await;
    }

    async fn settle(&self, id: RegistrationId, sent: &Sent<()>) -> Result<(), Refusal> {
        let sent = sent.clone();
        self.0.ground.store.write(move |tx| settle(tx, id, &sent)).await
    }

    /// Writes down what an earlier process knew and could not, before anything is called unknown.
    async fn settle_owed(&self) -> Result<(), Refusal> {
        let emergency = self.0.ground.store.emergency();
        for owed in emergency.left_behind() {
            let Outcome::Registration { id, sent } = &owed.outcome else { continue };
            self.settle(*id, sent).await?;
            emergency.settled(owed.clone()).await;
        }
        Ok(())
    }

    async fn read(&self, id: RegistrationId) -> Result<Registration, Refusal> {
        let found = self.0.ground.store.read(move |session| store::registrations::find(session, id)).await?;
        found.ok_or_else(|| Refusal::new(Code::NotFound, "there is no such registration"))
    }

    async fn refuse(&self, principal: &Principal, refusal: Refusal) -> Refusal {
        self.0.ground.metrics.refused(refusal.code.as_str());
        if refusal.code == Code::AuditUnavailable {
            return refusal;
        }
        let target = Target::new("registration", &"none");
        let event = AuditEvent::new("registration.refused", Actor::from(principal), target)
            .with("code", refusal.code.as_str())
            .with("why", refusal.message.clone());
        let written: Result<(), Refusal> =
            self.0.ground.store.write(move |tx| Ok(tx.commit(&event, ())?)).await;
        written.err().unwrap_or(refusal)
    }
}

/// What a registration that was not submitted means for the one who asked.
pub fn refusal_for(registration: &Registration) -> Refusal {
    let explanation = registration.explanation.clone();
    match registration.state {
        RegistrationState::Dispatching | RegistrationState::Submitted => {
            Refusal::new(Code::PurchaseInProgress, "the registration is under way; ask again for its outcome")
        }
        RegistrationState::Unknown => Refusal::new(
            Code::PurchaseOutcomeUnknown,
            "ClickSend's answer was lost; the registration may have arrived, and is not sent again",
        ),
        RegistrationState::Failed => Refusal::new(
            registration.code.as_deref().and_then(|code| code.parse().ok()).unwrap_or(Code::UpstreamRefused),
            explanation.unwrap_or_else(|| "ClickSend refused the registration".to_owned()),
        ),
    }
}

/// The earlier registration that a claim found in its place, if any.
type Claimed = Result<Option<Registration>, Refusal>;

enum Submitted {
    Found(Registration),
    New { registration: Registration, sent: oneshot::Receiver<()> },
}

fn digest(request: &RegistrationRequest) -> Result<Digest, Refusal> {
    let content = serde_json::json!({
        "number_type": request.number_type,
        "country": request.country,
        "form": request.form,
    });
    Ok(canonical::digest(&content).map_err(StoreError::from)?)
}
