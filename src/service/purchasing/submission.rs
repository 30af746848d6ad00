//! Submit: a request becomes a purchase, or finds the one it already is, or is refused and makes none.

use std::sync::Arc;

use crate::domain::number::DedicatedNumber;
use crate::domain::policy::Action;
use crate::domain::principal::{Principal, Role, TeamId};
use crate::domain::purchase::{MessageType, Purchase, PurchaseId, Requester, State};
use crate::domain::quote::Quote;
use crate::domain::registration::RegistrationData;
use crate::service::judging::Case;
use crate::service::purchasing::entering::Submission;
use crate::service::purchasing::standing::{Sought, Standing};
use crate::service::purchasing::{Inner, PurchaseRequest, refusal_for};
use crate::service::refusal::{Code, Refusal};
use crate::store::StoreError;

/// A purchase for a request, new or found.
#[derive(Clone)]
pub(super) struct Submitted {
    pub(super) purchase: Purchase,
    pub(super) replayed: bool,
}

/// A request on its way to become a purchase.
struct Asked {
    team: TeamId,
    on_behalf_of: Option<String>,
    request: PurchaseRequest,
    sought: Sought,
    standing: Standing,
}

impl Inner {
    /// Rules without a price, roles and limits first; then a live quote; then the rule decides.
    pub(super) async fn find_or_submit(
        self: &Arc<Self>,
        principal: &Principal,
        request: PurchaseRequest,
    ) -> Result<Submitted, Refusal> {
        if !principal.may_request() {
            return Err(Refusal::new(Code::Forbidden, "buying needs the role requester"));
        }
        let team = self.parts.ground.teams.now().paying(principal, request.team.as_ref())?;
        let on_behalf_of = on_behalf_of(principal, request.on_behalf_of.clone())?;
        let sought = Sought::new(principal, &request);
        let mut standing = self.standing(sought.clone()).await?;
        if let Some(found) = standing.repeat.take() {
            return Ok(Submitted { purchase: found, replayed: true });
        }
        let asked = Asked { team, on_behalf_of, request, sought: sought.clone(), standing };
        // Giving up here is safe: nothing is written before the purchase is, and asking again finds it.
        let patience = self.parts.settings.answer_within;
        let prepared = tokio::time::timeout(patience, Box::pin(self.prepare(principal, asked))).await;
        let submitted = match prepared {
            Ok(Ok(submission)) => Box::pin(self.enter(submission)).await,
            Ok(Err(refusal)) => Err(refusal),
            Err(_) => {
                let message = "ClickSend did not name a price in time; nothing was sent";
                Err(Refusal::new(Code::UpstreamUnavailable, message))
            }
        };
        match submitted {
            // An equal request may have been faster: what stands in this one's way can be its own purchase.
            Err(refusal) => match self.standing(sought).await?.repeat {
                Some(found) => Ok(Submitted { purchase: found, replayed: true }),
                None => Err(refusal),
            },
            Ok(submitted) => Ok(submitted),
        }
    }

    async fn prepare(&self, principal: &Principal, asked: Asked) -> Result<Submission, Refusal> {
        let Asked { team, on_behalf_of, request, sought, mut standing } = asked;
        self.parts.ground.writes.charge(principal).await?;
        self.check_before_asking(principal, &team, &request).await?;
        standing.refuse_rejected()?;
        if self.parts.owned.ensure_younger_than(self.parts.settings.list_younger_than).await? {
            standing = self.standing(sought.clone()).await?;
        }
        self.refuse_taken(principal, &team, &request.number, standing).await?;
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
        let rejected_since = self.rejected_since();
        let reason = request.reason;
        Ok(Submission { sought, rejected_since, purchase, registration_data, reason })
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
        self.parts.ground.store.check_moving()?;
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

    /// A number that is taken already, and by whom the caller may know.
    async fn refuse_taken(
        &self,
        principal: &Principal,
        team: &TeamId,
        number: &DedicatedNumber,
        Standing { active, is_owned: owned, .. }: Standing,
    ) -> Result<(), Refusal> {
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
                Ok(self.parts.ground.teams.now().find(team).and_then(|team| team.registration_data.clone()))
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
