//! What came of it, as people say: `ClickSend`'s answer by mail, and what became of a registration that nobody knows
//! about. Nothing else can tell.

use crate::domain::audit::{Actor, AuditEvent, Target};
use crate::domain::principal::{Principal, Role};
use crate::domain::registration::{Registration, RegistrationId, RegistrationState, RegistrationStep};
use crate::service::refusal::{Code, Refusal};
use crate::service::registrations::{Inner, KIND, Registrations, current, event_by, gone};
use crate::service::voices;
use crate::store::registrations::Trace;
use crate::store::{self, Finished, Tx};

/// What `ClickSend`'s mail said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailedAnswer {
    /// Yes.
    Accepted,
    /// No.
    Declined,
}

/// Somebody passes on `ClickSend`'s mail.
#[derive(Clone, Debug)]
pub struct Reporting {
    /// The registration.
    pub id: RegistrationId,
    /// What the mail said.
    pub answer: MailedAnswer,
    /// More of it; personal, so it stands in the evidence as a commitment.
    pub comment: Option<String>,
}

/// Where a registration turned out to be that nobody knew about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whereabouts {
    /// `ClickSend` has it.
    Submitted,
    /// It never arrived.
    Failed,
}

/// Somebody says what became of it.
#[derive(Clone, Debug)]
pub struct Resolving {
    /// The registration.
    pub id: RegistrationId,
    /// Where it is.
    pub outcome: Whereabouts,
    /// How they know; personal, so it stands in the evidence as a commitment.
    pub comment: Option<String>,
}

/// What a voice has done.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// The registration as it stands.
    pub registration: Registration,
    /// How many more people have to say the same; 0 once it is settled.
    pub wanted: usize,
}

impl MailedAnswer {
    const fn step(self) -> RegistrationStep {
        match self {
            Self::Accepted => RegistrationStep::Accept,
            Self::Declined => RegistrationStep::Decline,
        }
    }
}

impl Whereabouts {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Submitted => "submitted",
            Self::Failed => "failed",
        }
    }

    const fn step(self) -> RegistrationStep {
        match self {
            Self::Submitted => RegistrationStep::Submit,
            Self::Failed => RegistrationStep::Fail,
        }
    }

    fn trace(self) -> Trace {
        match self {
            Self::Submitted => Trace::default(),
            Self::Failed => Trace {
                code: Some(Code::UpstreamRefused.as_str()),
                explanation: Some("people found out that it did not arrive".to_owned()),
                ..Trace::default()
            },
        }
    }
}

impl Registrations {
    /// Passes on what `ClickSend`'s mail said: for the team's approvers and administrators.
    pub async fn report(&self, principal: &Principal, reporting: Reporting) -> Result<Registration, Refusal> {
        let id = reporting.id;
        match self.0.report(principal, reporting).await {
            Ok(registration) => Ok(registration),
            Err(refusal) => Err(self.0.refuse_decision(principal, id, "outcome", refusal).await),
        }
    }

    /// Says what became of a registration that nobody knows about. It counts when as many administrators as
    /// `purchases.resolve_people` says the same, none of whom asked for it; a person's newest word replaces the last.
    pub async fn resolve(&self, principal: &Principal, resolving: Resolving) -> Result<Resolved, Refusal> {
        let id = resolving.id;
        match self.0.resolve(principal, resolving).await {
            Ok(resolved) => Ok(resolved),
            Err(refusal) => Err(self.0.refuse_decision(principal, id, "resolve", refusal).await),
        }
    }
}

impl Inner {
    async fn report(&self, principal: &Principal, reporting: Reporting) -> Result<Registration, Refusal> {
        let registration = self.to_decide(principal, reporting.id).await?;
        if !may_report(principal, &registration) {
            let message = "ClickSend's answer is passed on by an approver of the requester's team, or by an administrator";
            return Err(Refusal::new(Code::Forbidden, message).about(registration.id));
        }
        let by = principal.clone();
        let telling = move |mut tx: Tx<'_>| {
            let step = reporting.answer.step();
            let mut registration = current(&tx, reporting.id)?;
            if registration.state.after(step).is_err() {
                return Err(gone(&registration));
            }
            store::registrations::step(&mut tx, &mut registration, step, Trace::default())?;
            let event = event_by(&by, step, &registration).with_personal("comment", reporting.comment);
            Ok(tx.commit(&event, registration)?)
        };
        self.ground.store.write(telling).await
    }

    async fn resolve(&self, principal: &Principal, resolving: Resolving) -> Result<Resolved, Refusal> {
        let registration = self.to_decide(principal, resolving.id).await?;
        if !may_resolve(principal, &registration) {
            let message =
                "what nobody knows is settled by administrators who sign in as people and did not ask for it";
            return Err(Refusal::new(Code::Forbidden, message).about(registration.id));
        }
        let (by, people) = (principal.clone(), self.settings.resolve_people);
        self.ground.store.write(move |tx| resolve(tx, &by, resolving, people)).await
    }
}

/// Whether somebody may pass on what the mail said.
pub(super) fn may_report(principal: &Principal, registration: &Registration) -> bool {
    let of_team = principal.has(Role::Approver) && principal.teams.contains(&registration.requester.team);
    of_team || principal.has(Role::Administrator)
}

/// Whether somebody's word may settle what nobody knows.
pub(super) fn may_resolve(principal: &Principal, registration: &Registration) -> bool {
    principal.has(Role::Administrator) && principal.may_approve && !registration.requester.involves(principal)
}

/// One voice, counted in the transaction that sees all others.
fn resolve(
    mut tx: Tx<'_>,
    principal: &Principal,
    resolving: Resolving,
    people: usize,
) -> Result<Finished<Resolved>, Refusal> {
    let Resolving { id, outcome, comment } = resolving;
    let mut registration = current(&tx, id)?;
    if registration.state != RegistrationState::NeedsAttention {
        return Err(not_for_people(&registration));
    }
    let agreeing = voices::speak(&mut tx, KIND, &id.to_string(), principal, outcome.as_str())?;
    let wanted = people.saturating_sub(agreeing);
    // A remark in the registration's history: it names no version, because a voice alone moves nothing.
    let target = Target::new(KIND, &id);
    let voice = AuditEvent::new("registration.resolution", Actor::from(principal), target)
        .with("outcome", outcome.as_str())
        .with("wanted", wanted)
        .with_personal("comment", comment);
    if wanted > 0 {
        return Ok(tx.commit(&voice, Resolved { registration, wanted })?);
    }
    tx.record(&voice)?;
    store::registrations::step(&mut tx, &mut registration, outcome.step(), outcome.trace())?;
    let event = event_by(principal, outcome.step(), &registration);
    Ok(tx.commit(&event, Resolved { registration, wanted })?)
}

fn not_for_people(registration: &Registration) -> Refusal {
    if registration.state == RegistrationState::Unknown {
        let message = "the next sweep leaves it to people; say so then";
        return Refusal::new(Code::PurchaseOutcomeUnknown, message).about(registration.id);
    }
    gone(registration)
}
