//! Buying a number: from the request to the booked sale, at most once.
//!
//! The request is decided here and now; what follows belongs to the purchase, not to the request, and runs in a
//! task of its own that no hang-up can stop. `domain/PROTOCOL.md` tells the protocol; the files follow its steps:
//! quoting, submission, reservation, dispatch, settlement.

pub(super) mod booking;
mod briefing;
mod deciding;
mod dispatch;
mod drift;
mod entering;
mod quoting;
pub(super) mod reservation;
mod settlement;
mod standing;
pub(super) mod submission;
mod sweep;
mod waiting;

use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use tokio::time::Instant;

use crate::domain::approval::ApprovalTerms;
use crate::domain::audit::{Actor, AuditEvent, Target};
use crate::domain::canonical::Digest;
use crate::domain::country::Country;
use crate::domain::money::{Currency, Money};
use crate::domain::number::DedicatedNumber;
use crate::domain::principal::{Principal, Role, TeamId};
use crate::domain::purchase::{MessageType, Purchase, PurchaseId, State};
use crate::domain::quote::Quote;
use crate::domain::registration::RegistrationData;
use crate::service::driving::Driven;
use crate::service::ground::Ground;
use crate::service::judging::day_of;
use crate::service::lasting::Lasting;
use crate::service::owned::OwnedNumbers;
use crate::service::refusal::{Code, Refusal};
use crate::service::search::Searches;
use crate::store;
use crate::store::purchases::Sight;

pub use crate::store::purchases::Filter;
pub use briefing::{AllowedAction, Briefing};
pub use deciding::Deciding;
pub use waiting::Waiting;

/// What somebody wants to buy.
#[derive(Clone, Debug)]
pub struct PurchaseRequest {
    /// The number.
    pub number: DedicatedNumber,
    /// What for.
    pub message_type: MessageType,
    /// Where it is sold, when the caller knows.
    pub country: Option<Country>,
    /// The team that pays, when the token names several.
    pub team: Option<TeamId>,
    /// Why.
    pub reason: Option<String>,
    /// The caller's own reference.
    pub reference: Option<String>,
    /// For whom, when an application asks.
    pub on_behalf_of: Option<String>,
    /// Setup and one month at most.
    pub max_price: Option<Money>,
    /// For Australian SMS and MMS numbers.
    pub registration_data: Option<RegistrationData>,
    /// The caller's key, where one was sent.
    pub idempotency: Option<Idempotency>,
    /// How long the caller waits for an answer; nothing means as long as is configured.
    pub wait: Option<Duration>,
}

/// A caller's key, and the request it came with.
#[derive(Clone, Debug)]
pub struct Idempotency {
    /// On which route.
    pub route: &'static str,
    /// 1–255 printable ASCII characters.
    pub key: String,
    /// SHA-256 over the RFC 8785 form of body, path and query.
    pub fingerprint: Digest,
}

/// The answer to a request.
#[derive(Clone, Debug)]
pub struct Answered {
    /// The purchase as it stands.
    pub purchase: Purchase,
    /// Whether an earlier request made it.
    pub replayed: bool,
}

/// How buying is configured.
#[derive(Clone, Debug)]
pub struct PurchasingSettings {
    /// The types that may be asked for.
    pub types: Vec<MessageType>,
    /// The one currency; nothing is bought without.
    pub currency: Option<Currency>,
    /// Where months and days turn.
    pub time_zone: TimeZone,
    /// How long a person's no answers the same request.
    pub rejected_for: Duration,
    /// How far a price may rise between decision and buy, in basis points.
    pub price_tolerance: u32,
    /// A request is answered by then.
    pub answer_within: Duration,
    /// The table of owned numbers must be younger than this.
    pub list_younger_than: Duration,
}

/// What purchasing is built from.
pub struct PurchasingParts {
    /// What it shares with registering.
    pub ground: Ground,
    /// The table of owned numbers.
    pub owned: OwnedNumbers,
    /// The search cache, which must forget what is sold.
    pub searches: Searches,
    /// Configuration.
    pub settings: PurchasingSettings,
}

/// The purchasing service. Cheap to clone.
#[derive(Clone)]
pub struct Purchasing(Arc<Inner>);

struct Inner {
    parts: PurchasingParts,
    /// Numbers that a country just did not have: asking again at once would only cost calls.
    unavailable: Lasting<(DedicatedNumber, Country), ()>,
    /// Prices that people who decide were shown: looking twice costs one call.
    live_quotes: Lasting<(DedicatedNumber, Country), Quote>,
    /// Purchases that a task of this process is driving, and a way to wait for its end.
    driven: Driven<PurchaseId, Purchase>,
}

/// Why nobody knows what became of a request that was being sent, when the fault was ours.
pub(super) const PANICKED: &str = "the gateway failed while it was sending";
/// How long a number stays "not available" without asking again.
const UNAVAILABLE_FOR: Duration = Duration::from_secs(30);
/// How long a live price is shown without asking again.
const LIVE_QUOTE_LASTS: Duration = Duration::from_secs(30);

impl Purchasing {
    /// A service that drives nothing yet.
    pub fn new(parts: PurchasingParts) -> Self {
        let clock = &parts.ground.clock;
        let unavailable = Lasting::new(10_000, UNAVAILABLE_FOR, clock.clone());
        let live_quotes = Lasting::new(1_000, LIVE_QUOTE_LASTS, clock.clone());
        Self(Arc::new(Inner { parts, unavailable, live_quotes, driven: Driven::default() }))
    }

    /// Buys a number, or says where the purchase stands when the caller has waited long enough. Calling again is
    /// always safe: the same person and number find the same purchase.
    pub async fn request(
        &self,
        principal: &Principal,
        request: PurchaseRequest,
    ) -> Result<Answered, Refusal> {
        let deadline = Instant::now() + request.wait.unwrap_or(self.0.parts.settings.answer_within);
        let (number, message_type) = (request.number.clone(), request.message_type);
        match self.0.find_or_submit(principal, request).await {
            Ok(submitted) => {
                self.0.drive_in_background(&submitted.purchase);
                let purchase = self.0.wait_until(submitted.purchase, deadline).await?;
                Ok(Answered { purchase, replayed: submitted.replayed })
            }
            Err(refusal) => Err(self.0.refuse(principal, &number, message_type, refusal).await),
        }
    }

    /// One purchase that the caller may see.
    pub async fn show(&self, principal: &Principal, id: PurchaseId) -> Result<Purchase, Refusal> {
        let found =
            self.0.parts.ground.store.read(move |session| store::purchases::find(session, id)).await?;
        found
            .filter(|purchase| sees(principal, &purchase.requester.team, purchase.terms.as_ref()))
            .ok_or_else(|| Refusal::new(Code::NotFound, "there is no such purchase"))
    }

    /// What happened to a purchase, oldest first: the bodies of its audit events.
    pub async fn history(&self, principal: &Principal, id: PurchaseId) -> Result<Vec<String>, Refusal> {
        self.show(principal, id).await?;
        let id = id.to_string();
        Ok(self
            .0
            .parts
            .ground
            .store
            .read(move |session| store::audit::about(session, "purchase", &id, 200))
            .await?)
    }

    /// Purchases that the caller may see, newest first, at most `limit`.
    pub async fn list(
        &self,
        principal: &Principal,
        mut filter: Filter,
        limit: i64,
    ) -> Result<Vec<Purchase>, Refusal> {
        if !principal.may_read() {
            return Err(Refusal::new(Code::Forbidden, "the token gives no role here"));
        }
        filter.sight = sight(principal);
        Ok(self
            .0
            .parts
            .ground
            .store
            .read(move |session| store::purchases::list(session, &filter, limit))
            .await?)
    }

    /// How many more reservations the day allows a person.
    pub async fn left_today(&self, principal: &Principal) -> Result<i64, Refusal> {
        let settings = &self.0.parts.settings;
        let day = day_of(self.ground().clock.now(), &settings.time_zone);
        let person = principal.person.clone();
        let reading = self.ground().store.read(move |session| {
            store::purchases::reserved_on(session, &day, &store::purchases::Whose::Person(&person))
        });
        Ok(self.0.parts.ground.per_day.now().subject.saturating_sub(reading.await?).max(0))
    }

    /// What it stands on.
    pub(super) fn ground(&self) -> &Ground {
        &self.0.parts.ground
    }

    /// What upstream asks for a number now.
    pub(super) async fn live_quote(
        &self,
        number: &DedicatedNumber,
        country: Option<Country>,
    ) -> Result<Quote, Refusal> {
        self.0.quote(number, country).await
    }

    /// Settles what an earlier process left behind: what it knew is booked; whatever else it had claimed is unknown
    /// now, and is never sent again. How many of these there were. Called once, before anything is served.
    pub async fn recover(&self) -> Result<usize, Refusal> {
        self.0.settle_owed().await?;
        self.lose_left_behind().await
    }

    /// The second half of [`Purchasing::recover`], which other replicas may leave work for at any time. What this process
    /// owed to the database it told once, and must not tell again.
    pub async fn lose_left_behind(&self) -> Result<usize, Refusal> {
        self.0.lose_left_behind().await
    }
}

/// What a purchase that is not bought means for the one who asked.
pub fn refusal_for(purchase: &Purchase) -> Refusal {
    let stored = purchase.code.as_deref().and_then(|code| code.parse().ok());
    let explanation = purchase.explanation.clone();
    let refusal = match purchase.state {
        State::Unknown | State::NeedsAttention => Refusal::new(
            Code::PurchaseOutcomeUnknown,
            "ClickSend's answer was lost; whether the number was bought is being found out, and nothing is sent again",
        ),
        State::PendingApproval => Refusal::new(
            Code::ApprovalRequired,
            format!(
                "the rule \"{}\" wants other people to approve this; ask again when they have",
                purchase.rule
            ),
        ),
        State::Reserved | State::Dispatching | State::Bought | State::BoughtLate => {
            Refusal::new(Code::PurchaseInProgress, "the purchase is under way; ask again for its outcome")
        }
        State::Approved => Refusal::new(
            stored.unwrap_or(Code::PurchaseInProgress),
            explanation
                .unwrap_or_else(|| "the purchase is about to be sent; ask again for its outcome".to_owned()),
        ),
        State::Rejected => Refusal::new(Code::ApprovalRejected, "an approver said no; the purchase says who"),
        State::Expired => Refusal::new(Code::ApprovalExpired, "nobody decided in time; ask again"),
        State::Failed | State::NotBought | State::Withdrawn | State::Cancelled => Refusal::new(
            stored.unwrap_or(Code::NumberNotAvailable),
            explanation.unwrap_or_else(|| format!("the purchase is {}", purchase.state)),
        ),
    };
    refusal.about(purchase.id)
}

/// Whose purchases and registrations somebody sees in lists.
pub(super) fn sight(principal: &Principal) -> Sight {
    if principal.sees_all_teams() {
        Sight::All
    } else if principal.has(Role::Approver) {
        Sight::Approver(principal.teams.clone())
    } else {
        Sight::Teams(principal.teams.clone())
    }
}

/// Whether somebody may look: their team's, or for them to decide.
pub(super) fn sees(principal: &Principal, team: &TeamId, terms: Option<&ApprovalTerms>) -> bool {
    let decides = terms.is_some_and(|terms| terms.is_open_to(team, principal));
    principal.may_read() && (principal.sees_team(team) || decides)
}

impl Inner {
    /// Writes down what is refused before there is a purchase: attempts at buying are evidence too.
    async fn refuse(
        &self,
        principal: &Principal,
        number: &DedicatedNumber,
        message_type: MessageType,
        refusal: Refusal,
    ) -> Refusal {
        self.parts.ground.metrics.refused(refusal.code.as_str());
        tracing::info!(code = refusal.code.as_str(), number = number.masked(), "purchase refused");
        if matches!(refusal.code, Code::AuditUnavailable) || refusal.subject.is_some() {
            return refusal;
        }
        let event =
            AuditEvent::new("purchase.refused", Actor::from(principal), Target::new("number", number))
                .with("code", refusal.code.as_str())
                .with("type", message_type.as_str())
                .with("why", refusal.message.clone());
        let written: Result<(), Refusal> =
            self.parts.ground.store.write(move |tx| Ok(tx.commit(&event, ())?)).await;
        written.err().unwrap_or(refusal)
    }
}
