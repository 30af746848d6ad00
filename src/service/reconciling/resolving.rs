//! What no list can settle, people do: enough of them have to say the same, and none of them asked for it.

use std::sync::Arc;

use crate::domain::audit::{Actor, AuditEvent, Target};
use crate::domain::billing::Billing;
use crate::domain::principal::{Principal, Role};
use crate::domain::purchase::{Purchase, PurchaseId, State, Step};
use crate::metrics::BookedBy;
use crate::service::purchasing::booking::{Booked, Booking, release};
use crate::service::purchasing::reservation::event;
use crate::service::reconciling::{Inner, Reconciling};
use crate::service::refusal::{Code, Refusal};
use crate::service::teams::Teams;
use crate::service::voices;
use crate::store::purchases::Trace;
use crate::store::{self, Finished, Tx};

/// What is settled.
const TARGET: &str = "purchase";

/// What somebody says became of a purchase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// ClickSend has sold it.
    Bought,
    /// ClickSend has not.
    NotBought,
}

impl Resolution {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bought => "bought",
            Self::NotBought => "not_bought",
        }
    }
}

/// What a voice has done.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// The purchase as it stands.
    pub purchase: Purchase,
    /// How many more people have to say the same; 0 once it is settled.
    pub wanted: usize,
}

impl Reconciling {
    /// Takes an administrator's word about a purchase that waits for people. Somebody who says something else later
    /// takes their first word back.
    pub async fn resolve(
        &self,
        principal: &Principal,
        id: PurchaseId,
        resolution: Resolution,
        comment: Option<String>,
    ) -> Result<Resolved, Refusal> {
        if !principal.has(Role::Administrator) {
            return Err(Refusal::new(Code::Forbidden, "settling a purchase needs the role administrator"));
        }
        if !principal.may_approve {
            let message = "tokens of this issuer may not decide; sign in as a person";
            return Err(Refusal::new(Code::Forbidden, message));
        }
        let job = Job {
            principal: principal.clone(),
            id,
            resolution,
            comment,
            people: self.0.parts.settings.resolve_people,
            teams: self.0.parts.ground.teams.now(),
            billing: self.0.parts.ground.billing.clone(),
        };
        let (resolved, booked): Outcome = self.0.parts.ground.store.write(move |tx| job.run(tx)).await?;
        self.0.tell_resolved(&resolved.purchase, booked).await?;
        Ok(resolved)
    }
}

impl Inner {
    async fn tell_resolved(&self, purchase: &Purchase, booked: Option<Booked>) -> Result<(), Refusal> {
        if let Some(booked) = booked {
            return self.tell_booked(purchase, booked).await;
        }
        if purchase.state == State::NotBought {
            self.tell_given_up(purchase);
        }
        Ok(())
    }
}

type Outcome = (Resolved, Option<Booked>);

/// One voice; it runs on the writer's thread.
struct Job {
    principal: Principal,
    id: PurchaseId,
    resolution: Resolution,
    comment: Option<String>,
    people: usize,
    teams: Arc<Teams>,
    billing: Billing,
}

impl Job {
    fn run(self, mut tx: Tx<'_>) -> Result<Finished<Outcome>, Refusal> {
        let found = store::purchases::find(tx.session(), self.id)?;
        let purchase = found.ok_or_else(|| Refusal::new(Code::NotFound, "there is no such purchase"))?;
        if purchase.state != State::NeedsAttention {
            return Err(not_for_people(&purchase));
        }
        if purchase.requester.involves(&self.principal) {
            let message = "nobody settles their own request; somebody else has to";
            return Err(Refusal::new(Code::Forbidden, message));
        }
        let (id, outcome) = (self.id.to_string(), self.resolution.as_str());
        let agreeing = voices::speak(&mut tx, TARGET, &id, &self.principal, outcome)?;
        let voice = self.event();
        if agreeing < self.people {
            let wanted = self.people - agreeing;
            let resolved = Resolved { purchase, wanted };
            return Ok(tx.commit(&voice.with("wanted", wanted), (resolved, None))?);
        }
        tx.record(&voice.with("wanted", 0))?;
        match self.resolution {
            Resolution::Bought => self.book(tx, purchase),
            Resolution::NotBought => give_up(tx, purchase),
        }
    }

    /// A remark in the purchase's history: it names no version, because a voice alone moves nothing.
    fn event(&self) -> AuditEvent {
        AuditEvent::new("purchase.resolution", Actor::from(&self.principal), Target::new(TARGET, &self.id))
            .with("outcome", self.resolution.as_str())
            .with_personal("comment", self.comment.clone())
    }

    fn book(&self, mut tx: Tx<'_>, mut purchase: Purchase) -> Result<Finished<Outcome>, Refusal> {
        let attempt = store::attempts::newest_sent(tx.session(), purchase.id)?;
        let booking = Booking::estimated(BookedBy::People, &purchase, attempt.as_ref(), &self.billing);
        let (event, booked) = booking.enter(&mut tx, &mut purchase, (&self.teams, &self.billing))?;
        Ok(tx.commit(&event, (Resolved { purchase, wanted: 0 }, Some(booked)))?)
    }
}

fn give_up(mut tx: Tx<'_>, mut purchase: Purchase) -> Result<Finished<Outcome>, Refusal> {
    let why = "administrators found at ClickSend that it was not bought; what was held is given back";
    let trace = Trace {
        code: Some(Code::UpstreamUnavailable.as_str()),
        explanation: Some(why.to_owned()),
        ..Trace::default()
    };
    release(&mut tx, &purchase)?;
    store::purchases::step(&mut tx, &mut purchase, Step::GiveUp, trace)?;
    let event = event(Step::GiveUp.event(), &purchase).with("why", why);
    Ok(tx.commit(&event, (Resolved { purchase, wanted: 0 }, None))?)
}

fn not_for_people(purchase: &Purchase) -> Refusal {
    if purchase.state == State::Unknown {
        let message =
            "lists of owned numbers are still being read for it; people settle it when a day has not";
        return Refusal::new(Code::PurchaseOutcomeUnknown, message).about(purchase.id);
    }
    let message = format!("the purchase is {}; nothing about it has to be settled", purchase.state);
    Refusal::new(Code::AlreadyDecided, message).about(purchase.id)
}
