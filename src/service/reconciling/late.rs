//! Late sales: a number that was refused or given up, and stands in the list all the same.
//!
//! It is paid for, so it is booked, also above the budget; and because nothing was held for it, its team buys nothing
//! more until somebody has looked.

use crate::domain::billing::Billing;
use crate::domain::number::DedicatedNumber;
use crate::domain::purchase::Purchase;
use crate::metrics::BookedBy;
use crate::service::purchasing::booking::{Booked, Booking};
use crate::service::reconciling::{Evidence, Inner, is_new};
use crate::service::refusal::Refusal;
use crate::service::teams::Teams;
use crate::store::attempts::Attempt;
use crate::store::{self, Finished, Session, StoreError, Tx};

impl Inner {
    pub(super) async fn book_late(&self, evidence: &Evidence) -> Result<(), Refusal> {
        let listed: Vec<String> = evidence.rows.keys().cloned().collect();
        let unexplained = self.parts.ground.store.read(move |session| unexplained(session, listed)).await?;
        for number in unexplained {
            let guids = evidence.guids_of(number.as_str());
            let teams = self.parts.ground.teams.now();
            let billing = self.parts.ground.billing.clone();
            let booking =
                self.parts.ground.store.write(move |tx| book_late(tx, &number, &guids, &teams, &billing));
            let booked: Option<(Purchase, Booked)> = booking.await?;
            if let Some((purchase, booked)) = booked {
                self.tell_booked(&purchase, booked).await?;
            }
        }
        Ok(())
    }
}

/// Listed numbers that neither a purchase nor an earlier list explains. What is no E.164 was never bought here.
fn unexplained(session: &Session<'_>, listed: Vec<String>) -> Result<Vec<DedicatedNumber>, StoreError> {
    let holders = store::purchases::holders(session)?;
    let held: std::collections::BTreeSet<String> = holders.into_iter().map(|holder| holder.number).collect();
    let known = store::known_numbers::all(session)?;
    let is_explained = |number: &String| {
        held.contains(number) || known.get(number).is_some_and(|known| known.gone.is_none())
    };
    Ok(listed
        .into_iter()
        .filter(|number| !is_explained(number))
        .filter_map(|number| number.parse().ok())
        .collect())
}

fn book_late(
    mut tx: Tx<'_>,
    number: &DedicatedNumber,
    guids: &[Option<String>],
    teams: &Teams,
    billing: &Billing,
) -> Result<Finished<Option<(Purchase, Booked)>>, StoreError> {
    // A request may have been faster: then its purchase explains the row.
    if store::purchases::active_for(tx.session(), number)?.is_some() {
        return tx.unchanged(None);
    }
    // An attempt from before the number left the account explains nothing that is there now.
    let gone = store::known_numbers::find(tx.session(), number.as_str())?.and_then(|known| known.gone);
    for mut purchase in store::purchases::suspects(tx.session(), number.as_str())? {
        let attempt = store::attempts::newest_sent(tx.session(), purchase.id)?;
        let explains = |attempt: &Attempt| {
            is_new(guids, &attempt.baseline) && gone.is_none_or(|gone| attempt.claimed_at > gone)
        };
        let Some(attempt) = attempt.filter(explains) else { continue };
        let booking = Booking::estimated(BookedBy::LateSighting, &purchase, Some(&attempt), billing);
        let (event, booked) = booking.enter(&mut tx, &mut purchase, (teams, billing))?;
        return tx.commit(&event, Some((purchase, booked)));
    }
    tx.unchanged(None)
}
