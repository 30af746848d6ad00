//! Registering for a kind of number: the care of a purchase, without money.
//!
//! A registration mails a compliance team, and nothing can be read back. So it is decided, by a rule or by people,
//! claimed before it is sent and sent once; what nobody knows is left to people, and a repeat finds the first by its
//! content instead of mailing again. The files follow the steps: submission, deciding, dispatch, settlement, outcome.

mod briefing;
mod deciding;
mod dispatch;
mod outcome;
mod settlement;
mod submission;
mod sweep;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::audit::{Actor, AuditEvent, Target};
use crate::domain::country::Country;
use crate::domain::principal::{Principal, TeamId};
use crate::domain::registration::{
    NumberType, Registration, RegistrationForm, RegistrationId, RegistrationState, RegistrationStep,
};
use crate::service::driving::Driven;
use crate::service::ground::Ground;
use crate::service::purchasing::{Idempotency, sees, sight};
use crate::service::refusal::{Code, Refusal};
use crate::store::{self, StoreError, Tx};

pub use crate::store::registrations::Filter;
pub use briefing::{AllowedAction, Briefing};
pub use deciding::Deciding;
pub use outcome::{MailedAnswer, Reporting, Resolved, Resolving, Whereabouts};

/// What an event about a registration names as its kind.
const KIND: &str = "registration";
/// Events of one registration that its history shows.
const HISTORY: i64 = 200;

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
    /// Why.
    pub reason: Option<String>,
    /// The caller's own reference.
    pub reference: Option<String>,
    /// For whom, when an application asks.
    pub on_behalf_of: Option<String>,
    /// The caller's key, where one was sent.
    pub idempotency: Option<Idempotency>,
    /// How long the caller waits for an answer; nothing means as long as is configured.
    pub wait: Option<Duration>,
}

/// The answer to a request.
#[derive(Clone, Debug)]
pub struct Answered {
    /// The registration as it stands.
    pub registration: Registration,
    /// Whether an earlier request made it.
    pub replayed: bool,
}

/// How registering is configured.
#[derive(Clone, Debug)]
pub struct RegistrationSettings {
    /// A request is answered by then.
    pub answer_within: Duration,
    /// How long a person's no answers the same request.
    pub rejected_for: Duration,
    /// How many people settle what nobody knows.
    pub resolve_people: usize,
    /// Whether the two newest fields of the form are required as well.
    pub strict: bool,
}

/// What registering is built from.
pub struct RegistrationParts {
    /// What it shares with buying.
    pub ground: Ground,
    /// Configuration.
    pub settings: RegistrationSettings,
}

/// The registration service. Cheap to clone.
#[derive(Clone)]
pub struct Registrations(Arc<Inner>);

struct Inner {
    ground: Ground,
    settings: RegistrationSettings,
    driven: Driven<RegistrationId, Registration>,
}

impl Registrations {
    /// A service that drives nothing yet.
    pub fn new(parts: RegistrationParts) -> Self {
        let RegistrationParts { ground, settings } = parts;
        Self(Arc::new(Inner { ground, settings, driven: Driven::default() }))
    }

    /// Registers, or says where the registration stands when the caller has waited long enough. Calling again is always
    /// safe: the same content of the same team finds the same registration.
    pub async fn request(
        &self,
        principal: &Principal,
        request: RegistrationRequest,
    ) -> Result<Answered, Refusal> {
        let deadline = Instant::now() + request.wait.unwrap_or(self.0.settings.answer_within);
        match self.0.find_or_submit(principal, request).await {
            Ok(answered) => {
                self.0.drive_in_background(&answered.registration);
                let registration = self.0.wait_until(answered.registration, deadline).await?;
                Ok(Answered { registration, replayed: answered.replayed })
            }
            Err(refusal) => Err(self.0.refuse(principal, refusal).await),
        }
    }

    /// One registration that the caller may see.
    pub async fn show(&self, principal: &Principal, id: RegistrationId) -> Result<Registration, Refusal> {
        self.0.visible(principal, id).await
    }

    /// What happened to a registration, oldest first: the bodies of its audit events.
    pub async fn history(&self, principal: &Principal, id: RegistrationId) -> Result<Vec<String>, Refusal> {
        self.show(principal, id).await?;
        let id = id.to_string();
        let reading =
            self.0.ground.store.read(move |session| store::audit::about(session, KIND, &id, HISTORY));
        Ok(reading.await?)
    }

    /// Registrations that the caller may see, newest first, at most `limit`.
    pub async fn list(
        &self,
        principal: &Principal,
        mut filter: Filter,
        limit: i64,
    ) -> Result<Vec<Registration>, Refusal> {
        if !principal.may_read() {
            return Err(Refusal::new(Code::Forbidden, "the token gives no role here"));
        }
        filter.sight = sight(principal);
        let reading =
            self.0.ground.store.read(move |session| store::registrations::list(session, &filter, limit));
        Ok(reading.await?)
    }

    /// Writes down what an earlier process knew, and ends what else it left behind as unknown; it is never sent again.
    /// How many of these there were. Called once, before anything is served.
    pub async fn recover(&self) -> Result<usize, Refusal> {
        self.0.settle_owed().await?;
        self.lose_left_behind().await
    }

    /// The second half of [`Registrations::recover`], which other replicas may leave work for at any time.
    pub async fn lose_left_behind(&self) -> Result<usize, Refusal> {
        self.0.lose_left_behind().await
    }
}

/// What a registration that was not submitted means for the one who asked.
pub fn refusal_for(registration: &Registration) -> Refusal {
    let stored = registration.code.as_deref().and_then(|code| code.parse().ok());
    let explanation = registration.explanation.clone();
    let refusal = match registration.state {
        RegistrationState::PendingApproval => Refusal::new(
            Code::ApprovalRequired,
            format!(
                "the rule \"{}\" wants other people to approve this; ask again when they have",
                registration.rule
            ),
        ),
        RegistrationState::Approved => Refusal::new(
            stored.unwrap_or(Code::PurchaseInProgress),
            explanation.unwrap_or_else(|| {
                "the registration is about to be sent; ask again for its outcome".to_owned()
            }),
        ),
        RegistrationState::Dispatching | RegistrationState::Submitted | RegistrationState::Accepted => {
            Refusal::new(Code::PurchaseInProgress, "the registration is under way; ask again for its outcome")
        }
        RegistrationState::Unknown | RegistrationState::NeedsAttention => Refusal::new(
            Code::PurchaseOutcomeUnknown,
            "ClickSend's answer was lost; the registration may have arrived, and is not sent again",
        ),
        RegistrationState::Declined => Refusal::new(
            Code::UpstreamRefused,
            "ClickSend declined this registration; send a form that differs from it",
        ),
        RegistrationState::Rejected => {
            Refusal::new(Code::ApprovalRejected, "an approver said no; the registration says who")
        }
        RegistrationState::Expired => {
            Refusal::new(Code::ApprovalExpired, "nobody decided in time; ask again")
        }
        RegistrationState::Failed | RegistrationState::Withdrawn | RegistrationState::Cancelled => {
            Refusal::new(
                stored.unwrap_or(Code::UpstreamRefused),
                explanation.unwrap_or_else(|| format!("the registration is {}", registration.state)),
            )
        }
    };
    refusal.about(registration.id)
}

impl Inner {
    async fn visible(&self, principal: &Principal, id: RegistrationId) -> Result<Registration, Refusal> {
        let found = self.ground.store.read(move |session| store::registrations::find(session, id)).await?;
        found
            .filter(|found| sees(principal, &found.requester.team, found.terms.as_ref()))
            .ok_or_else(|| Refusal::new(Code::NotFound, "there is no such registration"))
    }

    /// Writes down what is refused before there is a registration: attempts at registering are evidence too.
    async fn refuse(&self, principal: &Principal, refusal: Refusal) -> Refusal {
        self.ground.metrics.refused(refusal.code.as_str());
        if refusal.code == Code::AuditUnavailable || refusal.subject.is_some() {
            return refusal;
        }
        let event =
            AuditEvent::new("registration.refused", Actor::from(principal), Target::new(KIND, &"none"))
                .with("code", refusal.code.as_str())
                .with("why", refusal.message.clone());
        self.write_down(event, refusal).await
    }

    /// Attempts at deciding are evidence, too.
    async fn refuse_decision(
        &self,
        principal: &Principal,
        id: RegistrationId,
        what: &'static str,
        refusal: Refusal,
    ) -> Refusal {
        self.ground.metrics.refused(refusal.code.as_str());
        if refusal.code == Code::AuditUnavailable {
            return refusal;
        }
        let target = Target::new("registration_decision", &id);
        let event = AuditEvent::new("decision.refused", Actor::from(principal), target)
            .with("what", what)
            .with("code", refusal.code.as_str())
            .with("why", refusal.message.clone());
        self.write_down(event, refusal).await
    }

    /// A refusal that cannot be written down becomes one that says so.
    async fn write_down(&self, event: AuditEvent, refusal: Refusal) -> Refusal {
        let written: Result<(), Refusal> =
            self.ground.store.write(move |tx| Ok(tx.commit(&event, ())?)).await;
        written.err().unwrap_or(refusal)
    }
}

/// The row as it is inside a transaction: it counts, not the copy that waited for it.
fn current(tx: &Tx<'_>, id: RegistrationId) -> Result<Registration, StoreError> {
    let found = store::registrations::find(tx.session(), id)?;
    found.ok_or_else(|| StoreError::Corrupt(format!("no registration {id}")))
}

/// The event of a step that a registration just took.
fn event(by: Actor, step: RegistrationStep, registration: &Registration) -> AuditEvent {
    AuditEvent::new(step.event(), by, Target::new(KIND, &registration.id))
        .with("state", registration.state.as_str())
        .with("version", registration.version)
}

/// The same of a person's, who shall be found by name as well.
fn event_by(principal: &Principal, step: RegistrationStep, registration: &Registration) -> AuditEvent {
    event(Actor::from(principal), step, registration).with("name", shown_name(principal))
}

fn shown_name(principal: &Principal) -> String {
    principal.name.clone().unwrap_or_else(|| principal.person.subject.clone())
}

/// What was wanted does not fit the state any more.
fn gone(registration: &Registration) -> Refusal {
    let refusal = if registration.state == RegistrationState::Expired {
        Refusal::new(Code::ApprovalExpired, "nobody decided in time; it has to be asked for again")
    } else {
        Refusal::new(Code::AlreadyDecided, format!("the registration is {} already", registration.state))
    };
    refusal.about(registration.id)
}
