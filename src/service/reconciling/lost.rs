//! Lost purchases: booked when a list shows them, given up when two complete ones do not, left to people when a day
//! has settled nothing.

use jiff::SignedDuration;

use crate::domain::billing::Billing;
use crate::domain::purchase::{Purchase, PurchaseId, State, Step};
use crate::metrics::{Alarm, BookedBy};
use crate::service::purchasing::booking::{Booked, Booking, release};
use crate::service::purchasing::reservation::event;
use crate::service::reconciling::{Evidence, Inner, UNSETTLED, is_new};
use crate::service::refusal::{Code, Refusal};
use crate::service::teams::Teams;
use crate::store::purchases::Trace;
use crate::store::{self, Finished, StoreError, Tx};

/// A purchase that is unknown for longer waits for people. By the calendar, because it only calls them.
const LISTS_HAVE: SignedDuration = SignedDuration::from_hours(24);

impl Inner {
    /// What a reading says about every purchase whose outcome nobody knows.
    pub(super) async fn settle_lost(&self, evidence: &Evidence) -> Result<(), Refusal> {
        let read = self.parts.ground.store.read(|session| store::purchases::unsettled(session, UNSETTLED));
        for purchase in read.await? {
            let guids = evidence.guids_of(purchase.number.as_str());
            if !guids.is_empty() && self.waiting().may_show(purchase.id, evidence.begun) {
                self.book_found(purchase.id, guids).await?;
            } else if guids.is_empty()
                && evidence.is_complete
                && self.waiting().missed(purchase.id, evidence.begun)
            {
                self.give_up(purchase.id).await?;
            }
        }
        Ok(())
    }

    async fn book_found(&self, id: PurchaseId, guids: Vec<Option<String>>) -> Result<(), Refusal> {
        let teams = self.parts.ground.teams.now();
        let billing = self.parts.ground.billing.clone();
        let booking = self.parts.ground.store.write(move |tx| book_found(tx, id, &guids, &teams, &billing));
        let booked: Option<(Purchase, Booked)> = booking.await?;
        if let Some((purchase, booked)) = booked {
            self.tell_booked(&purchase, booked).await?;
        }
        Ok(())
    }

    /// What follows from a booking outside of its transaction.
    pub(super) async fn tell_booked(&self, purchase: &Purchase, booked: Booked) -> Result<(), Refusal> {
        tracing::warn!(
            purchase = %purchase.id, number = purchase.number.masked(), state = purchase.state.as_str(),
            "a purchase was booked without upstream's answer; its charge is an estimate"
        );
        self.parts.ground.moved(purchase);
        self.parts.searches.forget_number(purchase.number.as_str());
        booked.tell(&self.parts.ground).await?;
        self.parts.owned.reread().await
    }

    async fn give_up(&self, id: PurchaseId) -> Result<(), Refusal> {
        let given_up: Option<Purchase> = self.parts.ground.store.write(move |tx| give_up(tx, id)).await?;
        if let Some(purchase) = given_up {
            tracing::warn!(
                purchase = %purchase.id, number = purchase.number.masked(),
                "a lost purchase is not in two complete lists: it was not bought, and its hold is given back"
            );
            self.tell_given_up(&purchase);
        }
        Ok(())
    }

    pub(super) fn tell_given_up(&self, purchase: &Purchase) {
        self.parts.ground.moved(purchase);
        self.parts.searches.offer_again(purchase.number.as_str());
    }

    /// Calls people where a day of lists has settled nothing.
    pub(super) async fn stall(&self) -> Result<(), Refusal> {
        let since = self.parts.ground.clock.now() - LISTS_HAVE;
        let read = self.parts.ground.store.read(|session| store::purchases::unsettled(session, UNSETTLED));
        let overdue = |purchase: &Purchase| purchase.state == State::Unknown && purchase.updated_at < since;
        for purchase in read.await?.into_iter().filter(overdue) {
            let id = purchase.id;
            let stalled: Option<Purchase> = self.parts.ground.store.write(move |tx| stall(tx, id)).await?;
            let Some(purchase) = stalled else { continue };
            tracing::error!(
                purchase = %purchase.id, number = purchase.number.masked(),
                "nobody knows for a day whether this was bought; compare with ClickSend's dashboard and resolve it"
            );
            self.parts.ground.moved(&purchase);
            self.parts.ground.metrics.alarmed(Alarm::Stalled);
        }
        Ok(())
    }
}

/// The purchase, if it still stands where it may be settled so.
fn in_state(
    tx: &Tx<'_>,
    id: PurchaseId,
    wanted: impl Fn(State) -> bool,
) -> Result<Option<Purchase>, StoreError> {
    Ok(store::purchases::find(tx.session(), id)?.filter(|purchase| wanted(purchase.state)))
}

fn book_found(
    mut tx: Tx<'_>,
    id: PurchaseId,
    guids: &[Option<String>],
    teams: &Teams,
    billing: &Billing,
) -> Result<Finished<Option<(Purchase, Booked)>>, StoreError> {
    let is_lost = |state| matches!(state, State::Unknown | State::NeedsAttention);
    let (purchase, attempt) = (in_state(&tx, id, is_lost)?, store::attempts::newest_sent(tx.session(), id)?);
    let Some((mut purchase, attempt)) = purchase.zip(attempt) else { return tx.unchanged(None) };
    if !is_new(guids, &attempt.baseline) {
        return tx.unchanged(None);
    }
    let booking = Booking::estimated(BookedBy::Sighting, &purchase, Some(&attempt), billing);
    let (event, booked) = booking.enter(&mut tx, &mut purchase, (teams, billing))?;
    tx.commit(&event, Some((purchase, booked)))
}

fn give_up(mut tx: Tx<'_>, id: PurchaseId) -> Result<Finished<Option<Purchase>>, StoreError> {
    let Some(mut purchase) = in_state(&tx, id, |state| state == State::Unknown)? else {
        return tx.unchanged(None);
    };
    let why = "ClickSend's answer was lost, and two complete lists of owned numbers, read after the quiet time, do not \
               show the number: it was not bought, and what was held is given back; ask again to try anew";
    let trace = Trace {
        code: Some(Code::UpstreamUnavailable.as_str()),
        explanation: Some(why.to_owned()),
        ..Trace::default()
    };
    release(&mut tx, &purchase)?;
    store::purchases::step(&mut tx, &mut purchase, Step::Absent, trace)?;
    let event = event(Step::Absent.event(), &purchase).with("why", why);
    tx.commit(&event, Some(purchase))
}

fn stall(mut tx: Tx<'_>, id: PurchaseId) -> Result<Finished<Option<Purchase>>, StoreError> {
    let Some(mut purchase) = in_state(&tx, id, |state| state == State::Unknown)? else {
        return tx.unchanged(None);
    };
    let why =
        "no list of owned numbers has settled this for a day; administrators look at ClickSend's dashboard";
    let trace = Trace {
        code: Some(Code::PurchaseOutcomeUnknown.as_str()),
        explanation: Some(why.to_owned()),
        ..Trace::default()
    };
    store::purchases::step(&mut tx, &mut purchase, Step::Stall, trace)?;
    let event = event(Step::Stall.event(), &purchase).with("why", why);
    tx.commit(&event, Some(purchase))
}
