//! People decide: approve, reject, withdraw. As with purchases, but that a form has no price that could move.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::domain::approval::{Approval, Objection, Progress};
use crate::domain::canonical::Digest;
use crate::domain::principal::{Principal, Role};
use crate::domain::registration::{Registration, RegistrationId, RegistrationState, RegistrationStep};
use crate::service::refusal::{Code, Refusal};
use crate::service::registrations::settlement::expire;
use crate::service::registrations::{Inner, KIND, Registrations, current, event_by, gone, shown_name};
use crate::store::approvals::Asked;
use crate::store::registrations::Trace;
use crate::store::{self, Finished, StoreError, Tx};

/// What somebody decides, and about what.
#[derive(Clone, Debug)]
pub struct Deciding {
    /// The registration.
    pub id: RegistrationId,
    /// The digest that they were shown.
    pub form_digest: Option<Digest>,
    /// Why; personal, so it stands in the evidence as a commitment.
    pub comment: Option<String>,
}

impl Registrations {
    /// Approves. With the last approval that the rule wants, the registration is sent; `wait` is how long the answer
    /// waits for that. Approving twice counts once.
    pub async fn approve(
        &self,
        principal: &Principal,
        deciding: Deciding,
        wait: Duration,
    ) -> Result<Registration, Refusal> {
        let deadline = Instant::now() + wait;
        let id = deciding.id;
        match self.0.approve(principal, deciding).await {
            Ok(registration) => {
                self.0.drive_in_background(&registration);
                if wait.is_zero() {
                    return Ok(registration);
                }
                self.0.wait_until(registration, deadline).await
            }
            Err(refusal) => Err(self.0.refuse_decision(principal, id, "approve", refusal).await),
        }
    }

    /// Says no, for everybody.
    pub async fn reject(&self, principal: &Principal, deciding: Deciding) -> Result<Registration, Refusal> {
        let id = deciding.id;
        match self.0.reject(principal, deciding).await {
            Ok(registration) => Ok(registration),
            Err(refusal) => Err(self.0.refuse_decision(principal, id, "reject", refusal).await),
        }
    }

    /// Takes a request back, as long as nothing of it was sent.
    pub async fn withdraw(&self, principal: &Principal, deciding: Deciding) -> Result<Registration, Refusal> {
        let id = deciding.id;
        match self.0.withdraw(principal, deciding).await {
            Ok(registration) => Ok(registration),
            Err(refusal) => Err(self.0.refuse_decision(principal, id, "withdraw", refusal).await),
        }
    }
}

impl Inner {
    async fn approve(&self, principal: &Principal, deciding: Deciding) -> Result<Registration, Refusal> {
        let registration = self.to_decide(principal, deciding.id).await?;
        if deciding.form_digest == Some(registration.form_digest)
            && self.approvals_of(&registration).await?.iter().any(|given| given.is_of(principal))
        {
            return Ok(registration);
        }
        check_open(&registration)?;
        admit(&registration, principal)?;
        check_digest(&registration, deciding.form_digest)?;
        if deciding.form_digest.is_none() {
            return Err(Refusal::field(
                "digest",
                "is required: the form_digest that the registration shows.",
            ));
        }
        let (by, ends) = (principal.clone(), self.ground.approval_ends(self.ground.clock.now()));
        let decided: Registration =
            self.ground.store.write(move |tx| approve(tx, &by, deciding, ends)).await?;
        if decided.state == RegistrationState::Expired { Err(gone(&decided)) } else { Ok(decided) }
    }

    async fn reject(&self, principal: &Principal, deciding: Deciding) -> Result<Registration, Refusal> {
        let registration = self.to_decide(principal, deciding.id).await?;
        check_open(&registration)?;
        admit(&registration, principal)?;
        check_digest(&registration, deciding.form_digest)?;
        let trace = Trace {
            code: Some(Code::ApprovalRejected.as_str()),
            explanation: Some(format!("{} said no", shown_name(principal))),
            ..Trace::default()
        };
        self.end_by(principal, deciding, RegistrationStep::Reject, trace).await
    }

    async fn withdraw(&self, principal: &Principal, deciding: Deciding) -> Result<Registration, Refusal> {
        let registration = self.to_decide(principal, deciding.id).await?;
        if !registration.requester.involves(principal) && !principal.has(Role::Administrator) {
            let message =
                "a request is withdrawn by who made it, or by an administrator; an approver rejects it";
            return Err(Refusal::new(Code::Forbidden, message).about(registration.id));
        }
        check_digest(&registration, deciding.form_digest)?;
        let trace = Trace {
            explanation: Some(format!("{} took it back", shown_name(principal))),
            ..Trace::default()
        };
        self.end_by(principal, deciding, RegistrationStep::Withdraw, trace).await
    }

    /// The registration that somebody wants to decide about, if it is theirs to see.
    pub(super) async fn to_decide(
        &self,
        principal: &Principal,
        id: RegistrationId,
    ) -> Result<Registration, Refusal> {
        self.ground.decisions.charge(principal).await?;
        self.visible(principal, id).await
    }

    /// The approvals that count.
    pub(super) async fn approvals_of(&self, registration: &Registration) -> Result<Vec<Approval>, Refusal> {
        let asked = asked(registration);
        Ok(self.ground.store.read(move |session| store::approvals::of(session, &asked)).await?)
    }

    /// A request ends by somebody's word.
    async fn end_by(
        &self,
        principal: &Principal,
        deciding: Deciding,
        step: RegistrationStep,
        trace: Trace,
    ) -> Result<Registration, Refusal> {
        let by = principal.clone();
        let ending = move |mut tx: Tx<'_>| {
            let mut registration = current(&tx, deciding.id)?;
            if registration.state.after(step).is_err() {
                return Err(gone(&registration));
            }
            store::registrations::step(&mut tx, &mut registration, step, trace)?;
            let event = event_by(&by, step, &registration).with_personal("comment", deciding.comment);
            Ok(tx.commit(&event, registration)?)
        };
        self.ground.store.write(ending).await
    }
}

/// One approval, counted in the transaction that sees the newest row; one that comes too late ends the asking.
fn approve(
    mut tx: Tx<'_>,
    principal: &Principal,
    deciding: Deciding,
    ends: Timestamp,
) -> Result<Finished<Registration>, Refusal> {
    let mut registration = current(&tx, deciding.id)?;
    check_open(&registration)?;
    if registration.decide_by.is_some_and(|until| until <= tx.at()) {
        return expire(tx, registration.id);
    }
    let (asked, at) = (asked(&registration), tx.at());
    let given = store::approvals::of(tx.session(), &asked)?;
    let Some(terms) = &registration.terms else { return Err(gone(&registration)) };
    let progress = terms
        .with(&registration.requester, &given, principal, at)
        .map_err(|objection| object(&registration, objection))?;
    store::approvals::insert(&mut tx, &asked, &Approval::by(principal, at))?;
    let (step, missing, approved_until) = match progress {
        Progress::Wants(missing) => (RegistrationStep::Endorse, missing, None),
        Progress::Complete => (RegistrationStep::Approve, 0, Some(ends)),
    };
    let trace = Trace { approved_until, ..Trace::default() };
    store::registrations::step(&mut tx, &mut registration, step, trace)?;
    let event = event_by(principal, step, &registration)
        .with("form_digest", registration.form_digest.to_string())
        .with("round", registration.round)
        .with("still_wanted", missing)
        .with("roles", serde_json::to_value(&principal.roles).map_err(StoreError::from)?)
        .with_some("approved_until", approved_until.map(|until| until.to_string()))
        .with_personal("comment", deciding.comment);
    Ok(tx.commit(&event, registration)?)
}

fn asked(registration: &Registration) -> Asked {
    Asked { kind: KIND, id: registration.id.to_string(), round: registration.round }
}

fn admit(registration: &Registration, principal: &Principal) -> Result<(), Refusal> {
    let Some(terms) = &registration.terms else { return Err(gone(registration)) };
    terms.admit(&registration.requester, principal).map_err(|objection| object(registration, objection))
}

fn object(registration: &Registration, objection: Objection) -> Refusal {
    Refusal::new(Code::Forbidden, objection.to_string()).about(registration.id)
}

fn check_open(registration: &Registration) -> Result<(), Refusal> {
    let is_open = registration.state == RegistrationState::PendingApproval;
    if is_open { Ok(()) } else { Err(gone(registration)) }
}

/// A form never changes, so another digest is one that was never shown.
fn check_digest(registration: &Registration, shown: Option<Digest>) -> Result<(), Refusal> {
    match shown {
        Some(shown) if shown != registration.form_digest => {
            let fault = "is not the form_digest that the registration shows.";
            Err(Refusal::field("digest", fault).about(registration.id))
        }
        Some(_) | None => Ok(()),
    }
}
