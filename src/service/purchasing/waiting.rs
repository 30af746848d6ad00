//! What waits for somebody: the purchases that they may decide about now.

use crate::domain::principal::Principal;
use crate::domain::purchase::{Purchase, PurchaseId};
use crate::service::purchasing::{AllowedAction, Purchasing, sight};
use crate::service::refusal::{Code, Refusal};
use crate::store;

/// Rows that are read at once.
const READ: i64 = 100;
/// How many times that for one page: an approver who may decide nothing of what they see looks no further than here.
const READS: usize = 10;

/// A page of what waits.
#[derive(Clone, Debug, Default)]
pub struct Waiting {
    /// Oldest first.
    pub purchases: Vec<Purchase>,
    /// Where the next page begins; nothing on the last.
    pub next: Option<PurchaseId>,
}

impl Purchasing {
    /// What waits for the caller's decision, after `after`, at most `limit`.
    pub async fn waiting(
        &self,
        principal: &Principal,
        after: Option<PurchaseId>,
        limit: usize,
    ) -> Result<Waiting, Refusal> {
        if !principal.may_decide() {
            let message =
                "deciding needs the role approver or administrator, from an issuer that stands for people";
            return Err(Refusal::new(Code::Forbidden, message));
        }
        let (mut waiting, mut after) = (Waiting::default(), after);
        for _ in 0..READS {
            let (sight, person) = (sight(principal), principal.person.clone());
            let reading = self
                .ground()
                .store
                .read(move |session| store::purchases::waiting(session, &sight, &person, after, READ));
            let rows = reading.await?;
            let is_last = i64::try_from(rows.len()).is_ok_and(|rows| rows < READ);
            for purchase in rows {
                if waiting.purchases.len() == limit {
                    waiting.next = after;
                    return Ok(waiting);
                }
                after = Some(purchase.id);
                if AllowedAction::of(principal, &purchase, &[]).contains(&AllowedAction::Approve) {
                    waiting.purchases.push(purchase);
                }
            }
            if is_last {
                return Ok(waiting);
            }
        }
        Ok(Waiting { next: after, ..waiting })
    }
}
