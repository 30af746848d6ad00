//! The two transactions of a registration: the claim before it is sent, and how the one attempt ended.

use crate::domain::audit::{Actor, AuditEvent, Target};
use crate::domain::order::Sent;
use crate::domain::registration::{Registration, RegistrationForm, RegistrationId, RegistrationState};
use crate::service::refusal::{Code, Refusal};
use crate::store::attempts::InstanceId;
use crate::store::{self, StoreError, Tx};

/// Claims, unless somebody was faster with the same content; then that one is found.
pub(super) fn claim(
    mut tx: Tx<'_>,
    registration: &Registration,
    form: &RegistrationForm,
    instance: InstanceId,
    since: jiff::Timestamp,
) -> Result<store::Finished<Option<Registration>>, StoreError> {
    let team = &registration.requester.team;
    let found = store::registrations::repeat_of(tx.session(), team, &registration.form_digest, since)?;
    if found.is_some() {
        return tx.unchanged(found);
    }
    store::registrations::insert(&mut tx, registration, form, instance)?;
    let event = AuditEvent::new(
        "registration.intent",
        Actor::Person(registration.requester.person.clone()),
        Target::new("registration", &registration.id),
    )
    .with("number_type", registration.number_type.as_str())
    .with("country", registration.country.as_str())
    .with("team", registration.requester.team.as_str())
    .with("rule", registration.rule.clone())
    .with("policy", registration.policy_digest.to_string())
    .with("instance", instance.0.to_string())
    .with_some("reference", registration.reference.clone())
    .with_some("on_behalf_of", registration.requester.on_behalf_of.clone())
    .with_personal("form", Some(serde_json::to_string(form)?));
    tx.commit(&event, None)
}

/// Ends the one attempt; one that is ended already, or was never claimed, stays as it is.
pub(super) fn settle(
    mut tx: Tx<'_>,
    id: RegistrationId,
    outcome: &Sent<()>,
) -> Result<store::Finished<()>, Refusal> {
    let found = store::registrations::find(tx.session(), id)?;
    let Some(mut registration) = found.filter(|found| found.state == RegistrationState::Dispatching) else {
        return Ok(tx.unchanged(())?);
    };
    let (state, action, code, why) = match outcome {
        Sent::Done(()) => (RegistrationState::Submitted, "registration.submitted", None, None),
        Sent::Refused(refusal) => {
            let said = Refusal::from_upstream(refusal);
            // A 404 here is not about a number.
            let code = if said.code == Code::NumberNotAvailable { Code::UpstreamRefused } else { said.code };
            (RegistrationState::Failed, "registration.failed", Some(code), Some(said.message))
        }
        Sent::NotSent(why) => {
            let why = format!("ClickSend could not be reached ({why}); nothing was sent");
            (RegistrationState::Failed, "registration.not_sent", Some(Code::UpstreamUnavailable), Some(why))
        }
        Sent::Ambiguous(why) => {
            let code = Some(Code::PurchaseOutcomeUnknown);
            (RegistrationState::Unknown, "registration.lost", code, Some(why.clone()))
        }
    };
    store::registrations::finish(&mut tx, &mut registration, state, code.map(Code::as_str), why.clone())?;
    let target = Target::new("registration", &registration.id);
    let event = AuditEvent::new(action, Actor::Gateway("registrations"), target)
        .with("state", state.as_str())
        .with_some("code", code.map(Code::as_str))
        .with_some("why", why);
    tracing::info!(registration = %id, state = state.as_str(), "registration settled");
    Ok(tx.commit(&event, ())?)
}
