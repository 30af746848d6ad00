//! What stands in a request's way, or is its answer: its earlier self, a person's no, a number that is taken.

use jiff::Timestamp;

use crate::domain::number::DedicatedNumber;
use crate::domain::principal::Principal;
use crate::domain::purchase::{MessageType, Purchase};
use crate::service::purchasing::{Idempotency, Inner, PurchaseRequest, refusal_for};
use crate::service::refusal::{Code, Refusal};
use crate::store::idempotency::ScopedKey;
use crate::store::{self, Session, StoreError};

/// What a request is compared with to find its earlier self.
#[derive(Clone)]
pub(super) struct Sought {
    pub(super) key: Option<(ScopedKey, Idempotency)>,
    principal: Principal,
    number: DedicatedNumber,
    message_type: MessageType,
}

/// What there is already about a request.
pub(super) struct Standing {
    /// The purchase that the same request made.
    pub(super) repeat: Option<Purchase>,
    /// The newest one that people said no to, a short while ago.
    rejected: Option<Purchase>,
    /// The purchase that has the number taken.
    pub(super) active: Option<Purchase>,
    /// Whether the account owns the number.
    pub(super) is_owned: bool,
}

impl Standing {
    /// Who was told no by a person asks somebody else, not the machine again.
    pub(super) fn refuse_rejected(&self) -> Result<(), Refusal> {
        self.rejected.as_ref().map_or(Ok(()), |rejected| Err(refusal_for(rejected)))
    }
}

impl Inner {
    /// Everything in one reading: a buy pays for each by waiting.
    pub(super) async fn standing(&self, sought: Sought) -> Result<Standing, Refusal> {
        let since = self.rejected_since();
        self.parts.ground.store.read(move |session| Ok(sought.standing(session, since))).await?
    }

    /// A no from before this moment does not count any more.
    pub(super) fn rejected_since(&self) -> Timestamp {
        self.parts.ground.clock.now() - self.parts.settings.rejected_for
    }
}

impl Sought {
    pub(super) fn new(principal: &Principal, request: &PurchaseRequest) -> Self {
        let key = request.idempotency.clone().map(|idempotency| {
            let scoped = ScopedKey {
                person: principal.person.clone(),
                route: idempotency.route,
                key: idempotency.key.clone(),
            };
            (scoped, idempotency)
        });
        Self {
            key,
            principal: principal.clone(),
            number: request.number.clone(),
            message_type: request.message_type,
        }
    }

    fn standing(&self, session: &Session<'_>, since: Timestamp) -> Result<Standing, Refusal> {
        Ok(Standing {
            repeat: self.find_repeat(session)?,
            rejected: self.find_rejected(session, since)?,
            active: store::purchases::active_for(session, &self.number)?,
            is_owned: !store::owned::rows_of(session, &self.number)?.is_empty(),
        })
    }

    /// The newest purchase of this person, number and type that people rejected at or after a moment.
    pub(super) fn find_rejected(
        &self,
        session: &Session<'_>,
        since: Timestamp,
    ) -> Result<Option<Purchase>, StoreError> {
        let (person, number) = (&self.principal.person, &self.number);
        store::purchases::rejected_since(session, person, number, self.message_type, since)
    }

    /// The earlier self of a request: by its key where it has one, else by person, number and type.
    pub(super) fn find_repeat(&self, session: &Session<'_>) -> Result<Option<Purchase>, Refusal> {
        if let Some((scoped, idempotency)) = &self.key {
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
            store::purchases::repeat_of(session, &self.principal.person, &self.number, self.message_type)?;
        let Some(earlier) = earlier else { return Ok(None) };
        // A purchase that was bought answers for as long as the number is owned.
        let gone = earlier.is_bought() && store::owned::rows_of(session, &self.number)?.is_empty();
        Ok((!gone).then_some(earlier))
    }
}
