//! Settle: what upstream's answer, or its absence, does to purchase and money.

use std::time::Duration;

use crate::domain::billing::Billing;
use crate::domain::order::{Receipt, Sent, UpstreamRefusal};
use crate::domain::purchase::{Purchase, PurchaseId, State, Step};
use crate::service::purchasing::Inner;
use crate::service::purchasing::booking::{Booked, Booking, release};
use crate::service::purchasing::reservation::event;
use crate::service::refusal::{Code, Refusal};
use crate::service::teams::Teams;
use crate::store::attempts::{AttemptId, LeftBehind};
use crate::store::emergency::Outcome;
use crate::store::purchases::Trace;
use crate::store::{self, Finished, StoreError, Tx};

/// Rows of an earlier process that are settled in one go; a crash leaves a handful.
const LEFT_BEHIND: i64 = 10_000;

impl Inner {
    /// Writes the outcome of an attempt, once: an attempt that is settled already stays as it is, so this can be
    /// repeated whenever the store did not answer.
    pub(super) async fn settle(
        &self,
        id: PurchaseId,
        claim: Option<AttemptId>,
        sent: &Sent<Receipt>,
    ) -> Result<Purchase, Refusal> {
        let (outcome, teams) = (sent.clone(), self.parts.ground.teams.now());
        let billing = self.parts.ground.billing.clone();
        let settling =
            self.parts.ground.store.write(move |tx| settle(tx, (id, claim), outcome, (&teams, &billing)));
        let (settled, booked): Settled = settling.await?;
        if let Some(booked) = booked {
            self.parts.owned.note(booked.row.clone()).await;
            booked.tell(&self.parts.ground).await?;
        }
        if settled.state == State::Unknown {
            // The socket is closed: from here on its number may or may not appear in a list.
            self.parts.ground.lost.notify_one();
        }
        tracing::info!(
            purchase = %settled.id, number = settled.number.masked(), state = settled.state.as_str(),
            code = settled.code, "purchase settled"
        );
        Ok(settled)
    }

    pub(super) async fn cancel(
        &self,
        mut purchase: Purchase,
        refusal: &Refusal,
    ) -> Result<Purchase, Refusal> {
        let (code, why) = (refusal.code, refusal.message.clone());
        let cancelled: Purchase = self
            .parts
            .ground
            .store
            .write(move |mut tx| {
                let current = store::purchases::find(tx.session(), purchase.id)?;
                if let Some(current) = current.filter(|current| current.version != purchase.version) {
                    // Decided, withdrawn or sent in the meantime: what it is now counts.
                    return Ok(tx.unchanged(current)?);
                }
                let trace =
                    Trace { code: Some(code.as_str()), explanation: Some(why.clone()), ..Trace::default() };
                store::purchases::step(&mut tx, &mut purchase, Step::Cancel, trace)?;
                let event =
                    event("purchase.cancelled", &purchase).with("code", code.as_str()).with("why", why);
                tx.commit(&event, purchase).map_err(Refusal::from)
            })
            .await?;
        self.parts.ground.moved(&cancelled);
        Ok(cancelled)
    }

    /// Books what an earlier process knew and could not write down, before anything is called unknown.
    pub(super) async fn settle_owed(&self) -> Result<(), Refusal> {
        let emergency = self.parts.ground.store.emergency();
        for owed in emergency.left_behind() {
            let Outcome::Purchase { id, attempt, claim, sent } = &owed.outcome else { continue };
            let id = *id;
            let reading = self.parts.ground.store.read(move |session| store::purchases::find(session, id));
            let Some(purchase) = reading.await? else {
                if matches!(sent, Sent::NotSent(_)) {
                    // Its first commit was never confirmed, and nothing was sent: there is nothing to tell.
                    emergency.settled(owed.clone()).await;
                    continue;
                }
                tracing::error!(
                    purchase = %id,
                    "the emergency file tells of a purchase that this database does not have, and buying stays off: \
                     is it a restored one? Compare it with ClickSend's dashboard, then blank the line"
                );
                continue;
            };
            if *attempt > purchase.attempts {
                tracing::error!(
                    purchase = %id,
                    "the emergency file tells of an attempt that this database does not know, and buying stays off: is it \
                     a restored one? Compare it with ClickSend's dashboard, then blank the line"
                );
                continue;
            }
            // A record that was settled and could not be blanked must not speak for a later attempt.
            if purchase.attempts == *attempt {
                let settled = self.settle(id, *claim, sent).await?;
                self.parts.ground.moved(&settled);
            }
            emergency.settled(owed.clone()).await;
        }
        Ok(())
    }

    /// What instances claimed that are gone: what they sent, nobody knows.
    pub(super) async fn lose_left_behind(&self) -> Result<usize, Refusal> {
        let ground = &self.parts.ground;
        let left = ground.store.read(|session| store::attempts::under_way(session, LEFT_BEHIND)).await?;
        let (mut count, after) = (0, ground.takeover_after);
        for left in left {
            let lost: Option<Purchase> = ground.store.write(move |tx| lose_if_gone(tx, left, after)).await?;
            let Some(lost) = lost else { continue };
            tracing::error!(
                purchase = %lost.id, number = lost.number.masked(),
                "a buy was under way when its gateway stopped; its outcome is unknown and it is not sent again"
            );
            ground.moved(&lost);
            ground.lost.notify_one();
            count += 1;
        }
        Ok(count)
    }
}

/// Loses a claim whose instance is proven gone (PROTOCOL.md): here the row counts, not what was read before.
fn lose_if_gone(
    tx: Tx<'_>,
    left: LeftBehind<(PurchaseId, AttemptId)>,
    after: Duration,
) -> Result<Finished<Option<Purchase>>, Refusal> {
    let (id, claim) = left.claimed;
    let is_left = store::attempts::open(tx.session(), id)? == Some(claim);
    let purchase = store::purchases::find(tx.session(), id)?;
    let Some(purchase) = purchase.filter(|_| is_left) else { return Ok(tx.unchanged(None)?) };
    if !tx.is_proven_gone(left.by, left.since, after)? {
        return Ok(tx.unchanged(None)?);
    }
    let lost = lose(tx, purchase, "the gateway stopped while the buy was under way".to_owned())?;
    Ok(lost.map(|(lost, _)| Some(lost)))
}

/// What was settled, and what its booking has to tell.
type Settled = (Purchase, Option<Booked>);

fn settle(
    tx: Tx<'_>,
    (id, claim): (PurchaseId, Option<AttemptId>),
    outcome: Sent<Receipt>,
    terms: (&Teams, &Billing),
) -> Result<Finished<Settled>, Refusal> {
    let current = store::purchases::find(tx.session(), id)?;
    let purchase = current.ok_or_else(|| StoreError::Corrupt(format!("no purchase {id}")))?;
    // Another replica may have claimed it again meanwhile: what became of this claim says nothing about that one.
    let is_ours = claim.is_none() || claim == store::attempts::open(tx.session(), id)?;
    if purchase.state != State::Dispatching || !is_ours {
        return Ok(tx.unchanged((purchase, None))?);
    }
    match outcome {
        Sent::Done(receipt) => book(tx, purchase, receipt, terms),
        Sent::Refused(refusal) => fail(tx, purchase, &refusal),
        Sent::NotSent(why) => not_sent(tx, purchase, why),
        Sent::Ambiguous(why) => lose(tx, purchase, why),
    }
}

/// The sale is certain.
fn book(
    mut tx: Tx<'_>,
    mut purchase: Purchase,
    receipt: Receipt,
    terms: (&Teams, &Billing),
) -> Result<Finished<Settled>, Refusal> {
    let attempt = store::attempts::newest_sent(tx.session(), purchase.id)?;
    let booking = Booking::of_receipt(&purchase, attempt.as_ref(), receipt);
    store::attempts::finish(&mut tx, purchase.id, "bought")?;
    let (event, booked) = booking.enter(&mut tx, &mut purchase, terms)?;
    Ok(tx.commit(&event, (purchase, Some(booked)))?)
}

/// The refusal is certain: the hold goes back.
fn fail(
    mut tx: Tx<'_>,
    mut purchase: Purchase,
    refusal: &UpstreamRefusal,
) -> Result<Finished<Settled>, Refusal> {
    let said = Refusal::from_upstream(refusal);
    let trace = Trace { code: Some(said.code.as_str()), explanation: Some(said.message), ..Trace::default() };
    release(&mut tx, &purchase)?;
    store::purchases::step(&mut tx, &mut purchase, Step::Fail, trace)?;
    store::attempts::finish(&mut tx, purchase.id, "refused")?;
    let event = event("purchase.failed", &purchase)
        .with("code", said.code.as_str())
        .with("upstream", serde_json::to_value(refusal).map_err(StoreError::from)?);
    Ok(tx.commit(&event, (purchase, None))?)
}

/// Nothing left this machine: the hold goes back, and the purchase may be tried again.
fn not_sent(mut tx: Tx<'_>, mut purchase: Purchase, why: String) -> Result<Finished<Settled>, Refusal> {
    let trace = Trace {
        code: Some(Code::UpstreamUnavailable.as_str()),
        explanation: Some(format!("ClickSend could not be reached ({why}); nothing was sent")),
        ..Trace::default()
    };
    release(&mut tx, &purchase)?;
    store::purchases::step(&mut tx, &mut purchase, Step::NotSent, trace)?;
    store::attempts::finish(&mut tx, purchase.id, "not_sent")?;
    let event = event("purchase.not_sent", &purchase).with("why", why);
    Ok(tx.commit(&event, (purchase, None))?)
}

/// Nobody knows: the hold stays.
fn lose(mut tx: Tx<'_>, mut purchase: Purchase, why: String) -> Result<Finished<Settled>, Refusal> {
    let trace = Trace {
        code: Some(Code::PurchaseOutcomeUnknown.as_str()),
        explanation: Some(why.clone()),
        ..Trace::default()
    };
    store::purchases::step(&mut tx, &mut purchase, Step::Lose, trace)?;
    store::attempts::finish(&mut tx, purchase.id, "unknown")?;
    let event = event("purchase.lost", &purchase).with("why", why);
    Ok(tx.commit(&event, (purchase, None))?)
}
