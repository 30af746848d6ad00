//! People decide: approve, reject, withdraw.
//!
//! Whoever decides has seen a digest of number, place and price, and decides about exactly that. When the price has
//! moved since, nothing is approved: the rules are asked again, and so are the people.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::approval::{Approval, Objection, Progress};
use crate::domain::audit::{Actor, AuditEvent, Target};
use crate::domain::canonical::Digest;
use crate::domain::principal::{Principal, Role};
use crate::domain::purchase::{Purchase, PurchaseId, State, Step};
use crate::service::purchasing::reservation::event;
use crate::service::purchasing::{Inner, Purchasing, sees};
use crate::service::refusal::{Code, Refusal};
use crate::store::approvals::Asked;
use crate::store::purchases::Trace;
use crate::store::{self, Finished, StoreError, Tx};

/// How long an approver waits for the live price before the decision is taken without it: the reservation asks for it
/// again in any case.
const LIVE_PRICE_WITHIN: Duration = Duration::from_secs(3);

/// What somebody decides, and about what.
#[derive(Clone, Debug)]
pub struct Deciding {
    /// The purchase.
    pub id: PurchaseId,
    /// The digest that they were shown.
    pub quote_digest: Option<Digest>,
    /// Why; personal, so it stands in the evidence as a commitment.
    pub comment: Option<String>,
}

impl Purchasing {
    /// Approves. With the last approval that the rule wants, the purchase is sent; `wait` is how long the answer waits
    /// for that. Approving twice counts once.
    pub async fn approve(
        &self,
        principal: &Principal,
        deciding: Deciding,
        wait: Duration,
    ) -> Result<Purchase, Refusal> {
        let deadline = Instant::now() + wait;
        let id = deciding.id;
        match self.0.approve(principal, deciding).await {
            Ok(purchase) => {
                self.0.drive_in_background(&purchase);
                if wait.is_zero() {
                    return Ok(purchase);
                }
                // The approval counts, whatever keeps the purchase from being sent now.
                let waited = self.0.wait_until(purchase.clone(), deadline).await;
                Ok(waited.unwrap_or(purchase))
            }
            Err(refusal) => Err(self.0.refuse_decision(principal, id, "approve", refusal).await),
        }
    }

    /// Says no, for everybody.
    pub async fn reject(&self, principal: &Principal, deciding: Deciding) -> Result<Purchase, Refusal> {
        let id = deciding.id;
        match self.0.reject(principal, deciding).await {
            Ok(purchase) => Ok(purchase),
            Err(refusal) => Err(self.0.refuse_decision(principal, id, "reject", refusal).await),
        }
    }

    /// Takes a request back, as long as nothing of it was sent.
    pub async fn withdraw(&self, principal: &Principal, deciding: Deciding) -> Result<Purchase, Refusal> {
        let id = deciding.id;
        match self.0.withdraw(principal, deciding).await {
            Ok(purchase) => Ok(purchase),
            Err(refusal) => Err(self.0.refuse_decision(principal, id, "withdraw", refusal).await),
        }
    }
}

impl Inner {
    async fn approve(
        self: &Arc<Self>,
        principal: &Principal,
        deciding: Deciding,
    ) -> Result<Purchase, Refusal> {
        let purchase = self.to_decide(principal, &deciding).await?;
        if deciding.quote_digest == Some(purchase.quote_digest)
            && self.approvals_of(&purchase).await?.iter().any(|given| given.is_of(principal))
        {
            return Ok(purchase);
        }
        check_open(&purchase)?;
        admit(&purchase, principal)?;
        check_digest(&purchase, deciding.quote_digest)?;
        // A price that moved must not renew what is over.
        if is_overdue(&purchase, self.parts.ground.clock.now()) {
            return Err(gone(&self.expire(purchase).await?));
        }
        let purchase = self.at_live_price(purchase).await?;
        let (approval, ends) =
            (principal.clone(), self.parts.ground.approval_ends(self.parts.ground.clock.now()));
        let comment = deciding.comment;
        let shown = deciding.quote_digest;
        let approving = self
            .parts
            .ground
            .store
            .write(move |tx| approve(tx, purchase.id, &approval, shown, comment, ends));
        let approved: Purchase = approving.await?;
        self.parts.ground.decided(&approved);
        if approved.state == State::Expired { Err(gone(&approved)) } else { Ok(approved) }
    }

    async fn reject(&self, principal: &Principal, deciding: Deciding) -> Result<Purchase, Refusal> {
        let purchase = self.to_decide(principal, &deciding).await?;
        check_open(&purchase)?;
        admit(&purchase, principal)?;
        if deciding.quote_digest.is_some() {
            check_digest(&purchase, deciding.quote_digest)?;
        }
        let said = Said {
            step: Step::Reject,
            action: "purchase.rejected",
            code: Some(Code::ApprovalRejected),
            explanation: format!("{} said no", shown_name(principal)),
        };
        self.end(principal, purchase.id, said, deciding.comment).await
    }

    async fn withdraw(&self, principal: &Principal, deciding: Deciding) -> Result<Purchase, Refusal> {
        let purchase = self.to_decide(principal, &deciding).await?;
        if !purchase.requester.involves(principal) && !principal.has(Role::Administrator) {
            let message =
                "a request is withdrawn by who made it, or by an administrator; an approver rejects it";
            return Err(Refusal::new(Code::Forbidden, message));
        }
        if !matches!(purchase.state, State::PendingApproval | State::Approved) {
            return Err(gone(&purchase));
        }
        let said = Said {
            step: Step::Withdraw,
            action: "purchase.withdrawn",
            code: None,
            explanation: format!("{} took it back", shown_name(principal)),
        };
        self.end(principal, purchase.id, said, deciding.comment).await
    }

    /// The purchase that somebody wants to decide about, if it is theirs to see.
    async fn to_decide(&self, principal: &Principal, deciding: &Deciding) -> Result<Purchase, Refusal> {
        self.parts.ground.decisions.charge(principal).await?;
        let id = deciding.id;
        let found = self.parts.ground.store.read(move |session| store::purchases::find(session, id)).await?;
        found
            .filter(|purchase| sees(principal, &purchase.requester.team, purchase.terms.as_ref()))
            .ok_or_else(|| Refusal::new(Code::NotFound, "there is no such purchase"))
    }

    /// The approvals that count for a purchase now.
    pub(super) async fn approvals_of(&self, purchase: &Purchase) -> Result<Vec<Approval>, Refusal> {
        let asked = asked(purchase);
        Ok(self.parts.ground.store.read(move |session| store::approvals::of(session, &asked)).await?)
    }

    /// The purchase, unless its price has moved: then the rules decide anew and nobody has approved anything. An
    /// upstream that does not answer holds up nobody, the reservation asks again.
    async fn at_live_price(self: &Arc<Self>, purchase: Purchase) -> Result<Purchase, Refusal> {
        let asking = tokio::time::timeout(LIVE_PRICE_WITHIN, self.current_quote(&purchase)).await;
        let quote = match asking {
            Ok(Ok(quote)) => quote,
            Ok(Err(refusal)) if refusal.code == Code::NumberNotAvailable => {
                return Err(refusal.about(purchase.id));
            }
            Ok(Err(_)) | Err(_) => return Ok(purchase),
        };
        if !self.has_moved(&purchase, &quote) {
            return Ok(purchase);
        }
        let id = purchase.id;
        let decided = self.redecide(purchase, quote).await?;
        self.drive_in_background(&decided);
        let what = if decided.state == State::Approved {
            "a rule allows the new price, so it needs no approval any more"
        } else {
            "nothing was approved: look at the purchase as it stands now"
        };
        let why = decided.explanation.unwrap_or_else(|| "the price has moved".to_owned());
        let message = format!("{why}; {what}");
        Err(Refusal::new(Code::PriceChanged, message).about(id))
    }

    /// Nobody decided in time.
    pub(super) async fn expire(&self, purchase: Purchase) -> Result<Purchase, Refusal> {
        let id = purchase.id;
        let expired: Purchase = self.parts.ground.store.write(move |tx| expire(tx, id)).await?;
        self.parts.ground.decided(&expired);
        Ok(expired)
    }

    async fn end(
        &self,
        principal: &Principal,
        id: PurchaseId,
        said: Said,
        comment: Option<String>,
    ) -> Result<Purchase, Refusal> {
        let by = principal.clone();
        let ended: Purchase =
            self.parts.ground.store.write(move |tx| end(tx, id, &by, said, comment)).await?;
        self.parts.ground.decided(&ended);
        Ok(ended)
    }

    /// Attempts at deciding are evidence, too.
    pub(super) async fn refuse_decision(
        &self,
        principal: &Principal,
        id: PurchaseId,
        what: &'static str,
        refusal: Refusal,
    ) -> Refusal {
        self.parts.ground.metrics.refused(refusal.code.as_str());
        if refusal.code == Code::AuditUnavailable {
            return refusal;
        }
        let target = Target::new("purchase_decision", &id);
        let event = AuditEvent::new("decision.refused", Actor::from(principal), target)
            .with("what", what)
            .with("code", refusal.code.as_str())
            .with("why", refusal.message.clone());
        let written: Result<(), Refusal> =
            self.parts.ground.store.write(move |tx| Ok(tx.commit(&event, ())?)).await;
        written.err().unwrap_or(refusal)
    }
}

/// One approval, counted in the transaction that sees the newest row.
fn approve(
    mut tx: Tx<'_>,
    id: PurchaseId,
    principal: &Principal,
    shown: Option<Digest>,
    comment: Option<String>,
    ends: jiff::Timestamp,
) -> Result<Finished<Purchase>, Refusal> {
    let mut purchase = current(&tx, id)?;
    check_open(&purchase)?;
    check_digest(&purchase, shown)?;
    if is_overdue(&purchase, tx.at()) {
        return expire(tx, id);
    }
    let (asked, at) = (asked(&purchase), tx.at());
    let given = store::approvals::of(tx.session(), &asked)?;
    let Some(terms) = &purchase.terms else { return Err(gone(&purchase)) };
    let progress = terms
        .with(&purchase.requester, &given, principal, at)
        .map_err(|objection| object(&purchase, objection))?;
    store::approvals::insert(&mut tx, &asked, &Approval::by(principal, at))?;
    let (step, missing, approved_until) = match progress {
        Progress::Wants(missing) => (Step::Endorse, missing, None),
        Progress::Complete => (Step::Approve, 0, Some(ends)),
    };
    let trace = Trace { approved_until, ..Trace::default() };
    store::purchases::step(&mut tx, &mut purchase, step, trace)?;
    let event = by(principal, "purchase.approved", &purchase)
        .with("quote_digest", purchase.quote_digest.to_string())
        .with("round", purchase.round)
        .with("still_wanted", missing)
        .with("roles", serde_json::to_value(&principal.roles).map_err(StoreError::from)?)
        .with_some("approved_until", approved_until.map(|until| until.to_string()))
        .with_personal("comment", comment);
    Ok(tx.commit(&event, purchase)?)
}

/// How a request ends by somebody's word.
struct Said {
    step: Step,
    action: &'static str,
    code: Option<Code>,
    explanation: String,
}

fn end(
    mut tx: Tx<'_>,
    id: PurchaseId,
    principal: &Principal,
    said: Said,
    comment: Option<String>,
) -> Result<Finished<Purchase>, Refusal> {
    let mut purchase = current(&tx, id)?;
    if purchase.state.after(said.step).is_err() {
        return Err(gone(&purchase));
    }
    let trace =
        Trace { code: said.code.map(Code::as_str), explanation: Some(said.explanation), ..Trace::default() };
    store::purchases::step(&mut tx, &mut purchase, said.step, trace)?;
    let event = by(principal, said.action, &purchase).with_personal("comment", comment);
    Ok(tx.commit(&event, purchase)?)
}

fn expire(mut tx: Tx<'_>, id: PurchaseId) -> Result<Finished<Purchase>, Refusal> {
    let mut purchase = current(&tx, id)?;
    if purchase.state != State::PendingApproval {
        return Ok(tx.unchanged(purchase)?);
    }
    let code = Some(Code::ApprovalExpired.as_str());
    let explanation = Some("nobody decided in time; ask again".to_owned());
    store::purchases::step(
        &mut tx,
        &mut purchase,
        Step::Expire,
        Trace { code, explanation, ..Trace::default() },
    )?;
    let event = event("purchase.expired", &purchase);
    Ok(tx.commit(&event, purchase)?)
}

fn current(tx: &Tx<'_>, id: PurchaseId) -> Result<Purchase, StoreError> {
    let found = store::purchases::find(tx.session(), id)?;
    found.ok_or_else(|| StoreError::Corrupt(format!("no purchase {id}")))
}

fn asked(purchase: &Purchase) -> Asked {
    Asked { kind: "purchase", id: purchase.id.to_string(), round: purchase.round }
}

/// A person's event about a purchase.
fn by(principal: &Principal, action: &'static str, purchase: &Purchase) -> AuditEvent {
    AuditEvent::new(action, Actor::from(principal), Target::new("purchase", &purchase.id))
        .with("state", purchase.state.as_str())
        .with("version", purchase.version)
        .with("name", shown_name(principal))
}

fn shown_name(principal: &Principal) -> String {
    principal.name.clone().unwrap_or_else(|| principal.person.subject.clone())
}

fn admit(purchase: &Purchase, principal: &Principal) -> Result<(), Refusal> {
    let Some(terms) = &purchase.terms else { return Err(gone(purchase)) };
    terms.admit(&purchase.requester, principal).map_err(|objection| object(purchase, objection))
}

fn object(purchase: &Purchase, objection: Objection) -> Refusal {
    Refusal::new(Code::Forbidden, objection.to_string()).about(purchase.id)
}

fn check_open(purchase: &Purchase) -> Result<(), Refusal> {
    if purchase.state == State::PendingApproval { Ok(()) } else { Err(gone(purchase)) }
}

/// Whether it is too late to decide.
fn is_overdue(purchase: &Purchase, at: jiff::Timestamp) -> bool {
    purchase.decide_by.is_some_and(|until| until <= at)
}

fn check_digest(purchase: &Purchase, shown: Option<Digest>) -> Result<(), Refusal> {
    match shown {
        Some(shown) if shown == purchase.quote_digest => Ok(()),
        Some(_) => {
            let message = "the digest is not the one of the purchase as it stands: look at its price again";
            Err(Refusal::new(Code::PriceChanged, message).about(purchase.id))
        }
        None => Err(Refusal::field("quote_digest", "is required: the one that the purchase shows.")),
    }
}

/// What was wanted does not fit the state any more.
fn gone(purchase: &Purchase) -> Refusal {
    let refusal = if purchase.state == State::Expired {
        Refusal::new(Code::ApprovalExpired, "nobody decided in time; it has to be asked for again")
    } else {
        Refusal::new(Code::AlreadyDecided, format!("the purchase is {} already", purchase.state))
    };
    refusal.about(purchase.id)
}
