//! Submit: a request becomes a purchase, or finds the one it already is, or is refused and makes none.

use crate::domain::audit::{Actor, AuditEvent, Target};
use crate::domain::number::DedicatedNumber;
use crate::domain::policy::Action;
use crate::domain::principal::{Principal, Role, TeamId};
use crate::domain::purchase::{MessageType, Purchase, PurchaseId, Requester, State};
use crate::domain::quote::Quote;
use crate::domain::registration::RegistrationData;
use crate::service::judging::Case;
use crate::service::purchasing::{Idempotency, Inner, PurchaseRequest, refusal_for};
use crate::service::refusal::{Code, Refusal};
use crate::store::idempotency::{ScopedKey, Use};
use crate::store::{self, Finished, Session, StoreError, Tx};

/// A purchase for a request, new or found.
pub(super) struct Submitted {
    pub(super) purchase: Purchase,
    pub(super) replayed: bool,
}

/// What a request is compared with to find its earlier self.
#[derive(Clone)]
struct Sought {
    key: Option<(ScopedKey, Idempotency)>,
    principal: Principal,
    number: DedicatedNumber,
    message_type: MessageType,
}

impl Inner {
    /// Rules without a price, roles and limits first; then a live quote; then the rule decides.
    pub(super) async fn find_or_submit(
        &self,
        principal: &Principal,
        request: PurchaseRequest,
    ) -> Result<Submitted, Refusal> {
        if !principal.may_request() {
            return Err(Refusal::new(Code::Forbidden, "buying needs the role requester"));
        }
        let team = self.parts.ground.teams.paying(principal, request.team.as_ref())?;
        let on_behalf_of = on_behalf_of(principal, request.on_behalf_of.clone())?;
        let sought = sought(principal, &request);
        if let Some(found) = self.find_repeat(sought.clone()).await? {
            return Ok(Submitted { purchase: found, replayed: true });
        }
        let submitted = self.submit(principal, team, on_behalf_of, request, sought.clone()).await;
        match submitted {
            // An equal request may have been faster: what stands in this one's way can be its own purchase.
            Err(refusal) => match self.find_repeat(sought).await? {
                Some(found) => Ok(Submitted { purchase: found, replayed: true }),
                None => Err(refusal),
            },
            Ok(submitted) => Ok(submitted),
        }
    }

    async fn submit(
        &self,
        principal: &Principal,
        team: TeamId,
        on_behalf_of: Option<String>,
        request: PurchaseRequest,
        sought: Sought,
    ) -> Result<Submitted, Refusal> {
        self.parts.ground.writes.charge(principal)?;
        self.check_before_asking(principal, &team, &request).await?;
        self.refuse_rejected(sought.clone()).await?;
        self.parts.owned.ensure_younger_than(self.parts.settings.list_younger_than).await?;
        self.refuse_taken(principal, &team, &request.number).await?;
        let quote = self.quote(&request.number, request.country).await?;
        self.check_price(&quote, &request)?;
        let case = Case {
            country: Some(quote.country),
            price: Some(quote.price()),
            ..case(principal, &team, &request)
        };
        let ruling = self.parts.ground.rule(&case).await?;
        ruling.check_fields(request.reason.as_deref(), request.reference.as_deref())?;
        let registration_data = self.registration_data(&team, &request, &quote)?;
        let at = self.parts.ground.clock.now();
        let purchase = Purchase {
            id: PurchaseId::random(),
            quote_digest: quote
                .digest(&request.number, request.message_type, registration_data.as_ref())
                .map_err(StoreError::from)?,
            number: request.number,
            message_type: request.message_type,
            requester: Requester::of(principal, on_behalf_of, team),
            reference: request.reference,
            max_price: request.max_price,
            quote,
            state: if ruling.terms.is_some() { State::PendingApproval } else { State::Approved },
            rule: ruling.rule,
            policy_digest: ruling.policy_digest,
            terms: ruling.terms,
            round: 1,
            decide_by: ruling.decide_by,
            approved_until: ruling.approved_until,
            code: None,
            explanation: None,
            version: 1,
            attempts: 0,
            created_at: at,
            updated_at: at,
            receipt: None,
        };
        let submission = Submission { sought, purchase, registration_data, reason: request.reason };
        let submitted = self.parts.ground.store.write(move |tx| submission.run(tx)).await?;
        if !submitted.replayed {
            self.parts.ground.metrics.purchase_moved(submitted.purchase.state);
        }
        Ok(submitted)
    }

    async fn find_repeat(&self, sought: Sought) -> Result<Option<Purchase>, Refusal> {
        self.parts.ground.store.read(move |session| Ok(find_repeat(session, &sought))).await?
    }

    /// What needs no call to upstream.
    async fn check_before_asking(
        &self,
        principal: &Principal,
        team: &TeamId,
        request: &PurchaseRequest,
    ) -> Result<(), Refusal> {
        let settings = &self.parts.settings;
        self.parts.ground.buying.check(team)?;
        if !settings.types.contains(&request.message_type) {
            return Err(Refusal::field("type", format!("{} is not bought here.", request.message_type)));
        }
        if let Some(faults) = request
            .registration_data
            .as_ref()
            .map(RegistrationData::faults)
            .filter(|faults| !faults.is_empty())
        {
            return Err(Refusal::fields(faults));
        }
        self.parts.ground.judge_before_price(&case(principal, team, request)).await
    }

    /// Who was told no by a person asks somebody else, not the machine again.
    async fn refuse_rejected(&self, sought: Sought) -> Result<(), Refusal> {
        let since = self.parts.ground.clock.now() - self.parts.settings.rejected_for;
        let rejected = self.parts.ground.store.read(move |session| {
            let Sought { principal, number, message_type, .. } = &sought;
            store::purchases::rejected_since(session, &principal.person, number, *message_type, since)
        });
        rejected.await?.map_or(Ok(()), |rejected| Err(refusal_for(&rejected)))
    }

    /// A number that is taken already, and by whom the caller may know.
    async fn refuse_taken(
        &self,
        principal: &Principal,
        team: &TeamId,
        number: &DedicatedNumber,
    ) -> Result<(), Refusal> {
        let looked_up = number.clone();
        let (active, owned) = self
            .parts
            .ground
            .store
            .read(move |session| {
                Ok((
                    store::purchases::active_for(session, &looked_up)?,
                    !store::owned::rows_of(session, &looked_up)?.is_empty(),
                ))
            })
            .await?;
        match active {
            Some(active) if active.requester.team != *team => Err(Refusal::new(
                Code::NumberNotAvailable,
                format!("nobody sells {number} now; search for another one"),
            )),
            Some(active) if active.is_bought() => {
                Err(Refusal::new(Code::AlreadyOwned, format!("{number} is owned already")).about(active.id))
            }
            Some(active) => Err(refusal_for(&active)),
            None if owned && self.parts.owned.sees(principal, number).await? => {
                Err(Refusal::new(Code::AlreadyOwned, format!("{number} is owned already")))
            }
            None if owned => Err(Refusal::new(
                Code::NumberNotAvailable,
                format!("nobody sells {number} now; search for another one"),
            )),
            None => Ok(()),
        }
    }

    fn check_price(&self, quote: &Quote, request: &PurchaseRequest) -> Result<(), Refusal> {
        let Some(currency) = self.parts.settings.currency else {
            return Err(Refusal::new(Code::BuyingFrozen, "no budget currency is configured"));
        };
        if quote.currency != currency {
            return Err(Refusal::new(
                Code::CurrencyMismatch,
                format!("ClickSend sells in {}, the budgets are in {currency}", quote.currency),
            ));
        }
        let total = quote.price().total();
        match request.max_price {
            Some(most) if total > most => Err(Refusal::new(
                Code::PriceChanged,
                format!("setup and one month are {total} {currency} now, more than the {most} asked for"),
            )),
            _ => Ok(()),
        }
    }

    /// What goes out with the buy: the caller's data, else the team's profile, and only where carriers want it.
    fn registration_data(
        &self,
        team: &TeamId,
        request: &PurchaseRequest,
        quote: &Quote,
    ) -> Result<Option<RegistrationData>, Refusal> {
        let wanted = quote.country.as_str() == "AU" && request.message_type != MessageType::Voice;
        match &request.registration_data {
            Some(_) if !wanted => {
                Err(Refusal::field("registration_data", "is only for Australian numbers of type sms or mms."))
            }
            Some(data) => Ok(Some(data.clone())),
            None if wanted => {
                Ok(self.parts.ground.teams.find(team).and_then(|team| team.registration_data.clone()))
            }
            None => Ok(None),
        }
    }
}

/// What the rules are asked before there is a price.
fn case(principal: &Principal, team: &TeamId, request: &PurchaseRequest) -> Case {
    Case {
        action: Action::Buy,
        team: team.clone(),
        roles: principal.roles.iter().copied().collect(),
        country: request.country,
        message_type: Some(request.message_type),
        number_type: None,
        price: None,
    }
}

/// An application says for whom it asks; a person asks for nobody else.
pub(in crate::service) fn on_behalf_of(
    principal: &Principal,
    named: Option<String>,
) -> Result<Option<String>, Refusal> {
    if principal.actor.is_some() {
        return Ok(Some(principal.name.clone().unwrap_or_else(|| principal.person.subject.clone())));
    }
    match named {
        Some(_) if !principal.has(Role::Application) => {
            Err(Refusal::new(Code::Forbidden, "only an application may ask on behalf of somebody"))
        }
        None if principal.has(Role::Application) && !principal.has(Role::Requester) => Err(Refusal::field(
            "on_behalf_of",
            "an application names the person it asks for, here or in X-Gateway-On-Behalf-Of.",
        )),
        named => Ok(named),
    }
}

fn sought(principal: &Principal, request: &PurchaseRequest) -> Sought {
    let key = request.idempotency.clone().map(|idempotency| {
        let scoped = ScopedKey {
            person: principal.person.clone(),
            route: idempotency.route,
            key: idempotency.key.clone(),
        };
        (scoped, idempotency)
    });
    Sought {
        key,
        principal: principal.clone(),
        number: request.number.clone(),
        message_type: request.message_type,
    }
}

/// The earlier self of a request: by its key where it has one, else by person, number and type.
fn find_repeat(session: &Session<'_>, sought: &Sought) -> Result<Option<Purchase>, Refusal> {
    if let Some((scoped, idempotency)) = &sought.key {
        let Some(used) = store::idempotency::find(session, scoped)? else { return Ok(None) };
        if used.fingerprint != idempotency.fingerprint {
            return Err(Refusal::new(
                Code::IdempotencyKeyReused,
                "this Idempotency-Key came with another request before; use a new key for a new request",
            ));
        }
        let id = used.target_id.parse().map_err(|_| StoreError::Corrupt("an id is a UUID".to_owned()))?;
        return Ok(store::purchases::find(session, id)?);
    }
    let earlier =
        store::purchases::repeat_of(session, &sought.principal.person, &sought.number, sought.message_type)?;
    let Some(earlier) = earlier else { return Ok(None) };
    // A purchase that was bought answers for as long as the number is owned.
    let gone = earlier.is_bought() && store::owned::rows_of(session, &sought.number)?.is_empty();
    Ok((!gone).then_some(earlier))
}

struct Submission {
    sought: Sought,
    purchase: Purchase,
    registration_data: Option<RegistrationData>,
    reason: Option<String>,
}

impl Submission {
    /// Looks once more, now that nobody else can write, and only then makes the purchase.
    fn run(self, mut tx: Tx<'_>) -> Result<Finished<Submitted>, Refusal> {
        if let Some(found) = find_repeat(tx.session(), &self.sought)? {
            return Ok(tx.unchanged(Submitted { purchase: found, replayed: true })?);
        }
        store::purchases::insert(&mut tx, &self.purchase, self.registration_data.as_ref())?;
        if let Some((scoped, idempotency)) = &self.sought.key {
            let used = Use { fingerprint: idempotency.fingerprint, target_id: self.purchase.id.to_string() };
            store::idempotency::insert(&mut tx, scoped, &used)?;
        }
        let event = self.event()?;
        Ok(tx.commit(&event, Submitted { purchase: self.purchase, replayed: false })?)
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
