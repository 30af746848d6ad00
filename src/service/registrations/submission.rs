//! Submit: a request becomes a registration, or finds the one it already is, or is refused and makes none.

use jiff::{SignedDuration, Timestamp};

use crate::domain::audit::{Actor, AuditEvent, Target};
use crate::domain::canonical::{self, Digest};
use crate::domain::policy::Action;
use crate::domain::principal::{Principal, TeamId};
use crate::domain::purchase::Requester;
use crate::domain::registration::{Registration, RegistrationForm, RegistrationId, RegistrationState};
use crate::service::judging::Case;
use crate::service::purchasing::submission::on_behalf_of;
use crate::service::refusal::{Code, Refusal};
use crate::service::registrations::{Answered, Inner, KIND, RegistrationRequest, refusal_for};
use crate::store::idempotency::{ScopedKey, Use};
use crate::store::{self, Finished, Session, StoreError, Tx};

/// The same content again within this time of its arrival is a repeat.
const REPEATS_WITHIN: SignedDuration = SignedDuration::from_hours(24);

/// What a request is compared with to find its earlier self.
#[derive(Clone)]
struct Sought {
    key: Option<(ScopedKey, Digest)>,
    person: Actor,
    team: TeamId,
    form_digest: Digest,
    since: Timestamp,
}

/// An earlier self.
enum Earlier {
    /// Made or found under this very key.
    ByKey(Registration),
    /// With the same content.
    ByContent(Registration),
}

impl Inner {
    /// Roles, form and the earlier self first; then limits and rules.
    pub(super) async fn find_or_submit(
        &self,
        principal: &Principal,
        request: RegistrationRequest,
    ) -> Result<Answered, Refusal> {
        if !principal.may_request() {
            return Err(Refusal::new(Code::Forbidden, "registering needs the role requester"));
        }
        let team = self.ground.teams.now().paying(principal, request.team.as_ref())?;
        let on_behalf_of = on_behalf_of(principal, request.on_behalf_of.clone())?;
        self.check_form(&request.form)?;
        let sought = self.sought(principal, &team, &request)?;
        if let Some(found) = self.find_repeat(sought.clone()).await? {
            return Ok(Answered { registration: found, replayed: true });
        }
        self.ground.writes.charge(principal).await?;
        self.ground.buying.check(&team)?;
        self.refuse_rejected(&sought).await?;
        let requester = Requester::of(principal, on_behalf_of, team);
        let submission = self.submission(requester, request, sought).await?;
        self.ground.store.write(move |tx| submission.run(tx)).await
    }

    /// What the rules make of a request.
    async fn submission(
        &self,
        requester: Requester,
        request: RegistrationRequest,
        sought: Sought,
    ) -> Result<Submission, Refusal> {
        let case = Case {
            action: Action::Register,
            team: requester.team.clone(),
            roles: requester.roles.iter().copied().collect(),
            country: Some(request.country),
            message_type: None,
            number_type: Some(request.number_type.as_str().to_owned()),
            price: None,
        };
        let ruling = self.ground.rule(&case).await?;
        ruling.check_fields(request.reason.as_deref(), request.reference.as_deref())?;
        let at = self.ground.clock.now();
        let waits = ruling.terms.is_some();
        let registration = Registration {
            id: RegistrationId::random(),
            number_type: request.number_type,
            country: request.country,
            requester,
            reference: request.reference,
            form_digest: sought.form_digest,
            rule: ruling.rule,
            policy_digest: ruling.policy_digest,
            terms: ruling.terms,
            round: 1,
            decide_by: ruling.decide_by,
            approved_until: ruling.approved_until,
            state: if waits { RegistrationState::PendingApproval } else { RegistrationState::Approved },
            code: None,
            explanation: None,
            version: 1,
            created_at: at,
            updated_at: at,
        };
        Ok(Submission { sought, registration, form: request.form, reason: request.reason })
    }

    fn check_form(&self, form: &RegistrationForm) -> Result<(), Refusal> {
        let mut faults = form.faults();
        if self.settings.strict {
            let missing = form.missing_newest().into_iter();
            faults.extend(missing.map(|field| (field.to_owned(), format!("{field} field is required."))));
        }
        if faults.is_empty() { Ok(()) } else { Err(Refusal::fields(faults)) }
    }

    fn sought(
        &self,
        principal: &Principal,
        team: &TeamId,
        request: &RegistrationRequest,
    ) -> Result<Sought, Refusal> {
        let content = serde_json::json!({
            "number_type": request.number_type,
            "country": request.country,
            "form": request.form,
        });
        let key = request.idempotency.as_ref().map(|idempotency| {
            let scoped = ScopedKey {
                person: principal.person.clone(),
                route: idempotency.route,
                key: idempotency.key.clone(),
            };
            (scoped, idempotency.fingerprint)
        });
        Ok(Sought {
            key,
            person: Actor::from(principal),
            team: team.clone(),
            form_digest: canonical::digest(&content).map_err(StoreError::from)?,
            since: self.ground.clock.now() - REPEATS_WITHIN,
        })
    }

    /// The earlier self. A key that came with content which was asked for before belongs to that from now on: it must
    /// not send anything of its own once the content is forgotten.
    async fn find_repeat(&self, sought: Sought) -> Result<Option<Registration>, Refusal> {
        let asked = sought.clone();
        let earlier = self.ground.store.read(move |session| Ok(find_earlier(session, &asked))).await??;
        match earlier {
            None => Ok(None),
            Some(Earlier::ByContent(_)) if sought.key.is_some() => {
                self.ground.store.write(move |tx| bind_key(tx, &sought)).await
            }
            Some(Earlier::ByKey(found) | Earlier::ByContent(found)) => Ok(Some(found)),
        }
    }

    /// Who was told no by a person asks somebody else, not the machine again.
    async fn refuse_rejected(&self, sought: &Sought) -> Result<(), Refusal> {
        let since = self.ground.clock.now() - self.settings.rejected_for;
        let (team, digest) = (sought.team.clone(), sought.form_digest);
        let rejected = self
            .ground
            .store
            .read(move |session| store::registrations::rejected_since(session, &team, &digest, since));
        rejected.await?.map_or(Ok(()), |rejected| Err(refusal_for(&rejected)))
    }
}

/// By its key where that is known, else by its content.
fn find_earlier(session: &Session<'_>, sought: &Sought) -> Result<Option<Earlier>, Refusal> {
    if let Some((scoped, fingerprint)) = &sought.key
        && let Some(used) = store::idempotency::find(session, scoped)?
    {
        if used.fingerprint != *fingerprint {
            return Err(Refusal::new(
                Code::IdempotencyKeyReused,
                "this Idempotency-Key came with another request before; use a new key for a new request",
            ));
        }
        let id = used.target_id.parse().map_err(|_| StoreError::Corrupt("an id is a UUID".to_owned()))?;
        return Ok(store::registrations::find(session, id)?.map(Earlier::ByKey));
    }
    let found = store::registrations::repeat_of(session, &sought.team, &sought.form_digest, sought.since)?;
    Ok(found.map(Earlier::ByContent))
}

fn bind_key(mut tx: Tx<'_>, sought: &Sought) -> Result<Finished<Option<Registration>>, Refusal> {
    match find_earlier(tx.session(), sought)? {
        Some(Earlier::ByContent(found)) => {
            let Some((scoped, fingerprint)) = &sought.key else { return Ok(tx.unchanged(Some(found))?) };
            let used = Use { fingerprint: *fingerprint, target_id: found.id.to_string() };
            store::idempotency::insert(&mut tx, scoped, &used)?;
            // Nothing happens to the registration, so the event is about another target.
            let target = Target::new("registration_key", &found.id);
            let event = AuditEvent::new("registration.repeated", sought.person.clone(), target);
            Ok(tx.commit(&event, Some(found))?)
        }
        Some(Earlier::ByKey(found)) => Ok(tx.unchanged(Some(found))?),
        None => Ok(tx.unchanged(None)?),
    }
}

struct Submission {
    sought: Sought,
    registration: Registration,
    form: RegistrationForm,
    reason: Option<String>,
}

impl Submission {
    /// Looks once more, now that nobody else can write, and only then makes the registration.
    fn run(self, mut tx: Tx<'_>) -> Result<Finished<Answered>, Refusal> {
        if let Some(Earlier::ByKey(found) | Earlier::ByContent(found)) =
            find_earlier(tx.session(), &self.sought)?
        {
            return Ok(tx.unchanged(Answered { registration: found, replayed: true })?);
        }
        store::registrations::insert(&mut tx, &self.registration, &self.form)?;
        if let Some((scoped, fingerprint)) = &self.sought.key {
            let used = Use { fingerprint: *fingerprint, target_id: self.registration.id.to_string() };
            store::idempotency::insert(&mut tx, scoped, &used)?;
        }
        let event = self.event()?;
        Ok(tx.commit(&event, Answered { registration: self.registration, replayed: false })?)
    }

    fn event(&self) -> Result<AuditEvent, Refusal> {
        let registration = &self.registration;
        let terms = registration.terms.as_ref().map(serde_json::to_value).transpose();
        let form = serde_json::to_string(&self.form).map_err(StoreError::from)?;
        let target = Target::new(KIND, &registration.id);
        let event = AuditEvent::new("registration.requested", self.sought.person.clone(), target);
        Ok(event
            .with("state", registration.state.as_str())
            .with("version", registration.version)
            .with("number_type", registration.number_type.as_str())
            .with("country", registration.country.as_str())
            .with("team", registration.requester.team.as_str())
            .with("form_digest", registration.form_digest.to_string())
            .with("rule", registration.rule.clone())
            .with("policy", registration.policy_digest.to_string())
            .with_some("terms", terms.map_err(StoreError::from)?)
            .with_some("decide_by", registration.decide_by.map(|at| at.to_string()))
            .with_some("reference", registration.reference.clone())
            .with_some("on_behalf_of", registration.requester.on_behalf_of.clone())
            .with_personal("reason", self.reason.clone())
            .with_personal("form", Some(form)))
    }
}
