//! Who may read the evidence, and what of it.
//!
//! Auditors and administrators read all of it. Personal values are also read by whoever said them, and by those who
//! decide about them.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::domain::canonical::Digest;
use crate::domain::chain::RecordedEvent;
use crate::domain::policy::Policy;
use crate::domain::principal::{Principal, Role};
use crate::domain::purchase::{Purchase, Requester};
use crate::domain::registration::Registration;
use crate::service::evidence::export::{Export, Wanted};
use crate::service::live::Live;
use crate::service::refusal::{Code, Refusal};
use crate::store::audit::{EventRow, Filter};
use crate::store::personal::{self, KeptValue};
use crate::store::{self, Session, Store, StoreError};

/// Events about one target that are looked through for personal values: as many as its history shows.
const EVENTS: i64 = 200;

/// The evidence for those who ask. Cheap to clone.
#[derive(Clone)]
pub struct Evidence {
    store: Store,
    policy: Live<Policy>,
}

/// An event with what is read beside it.
#[derive(Clone, Debug)]
pub struct SeenEvent {
    /// The event as its row has it.
    pub row: EventRow,
    /// Its personal values.
    pub personal: Vec<SaidValue>,
}

/// A personal value that an event commits to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaidValue {
    /// The event.
    pub sequence: i64,
    /// Which value.
    pub field: String,
    /// The value; none once it was erased.
    pub value: Option<String>,
}

/// Rules as they were.
#[derive(Clone, Debug)]
pub struct KeptPolicy {
    /// What names them.
    pub digest: Digest,
    /// When they were in force for the first time.
    pub loaded_at: Timestamp,
    /// Their RFC 8785 form.
    pub rules: String,
}

/// An export for somebody who may read it, page by page.
pub struct EvidenceExport {
    store: Store,
    export: Export,
}

impl Evidence {
    /// The evidence in a store; `policy` is the one in force.
    pub const fn new(store: Store, policy: Live<Policy>) -> Self {
        Self { store, policy }
    }

    /// Events, newest first, at most `limit`, with their personal values.
    pub async fn list(
        &self,
        principal: &Principal,
        filter: Filter,
        limit: i64,
    ) -> Result<Vec<SeenEvent>, Refusal> {
        may_read_evidence(principal)?;
        let listing = move |session: &Session<'_>| {
            let rows = store::audit::list(session, &filter, limit)?;
            rows.into_iter().map(|row| seen(session, row)).collect()
        };
        Ok(self.store.read(listing).await?)
    }

    /// The chain as it is now, as lines of JSON.
    pub async fn export(&self, principal: &Principal, wanted: Wanted) -> Result<EvidenceExport, Refusal> {
        may_read_evidence(principal)?;
        let export = self.store.read(move |session| Export::begin(session, wanted)).await?;
        Ok(EvidenceExport { store: self.store.clone(), export })
    }

    /// The rules under a digest, or those in force. Rules name teams and people's roles, so they are for those who
    /// look at more than their own purchases.
    pub async fn policy(&self, principal: &Principal, digest: Option<Digest>) -> Result<KeptPolicy, Refusal> {
        let readers = [Role::Approver, Role::Finance, Role::Auditor, Role::Administrator];
        if !readers.into_iter().any(|role| principal.has(role)) {
            let message = "reading the rules needs the role approver, finance, auditor or administrator";
            return Err(Refusal::new(Code::Forbidden, message));
        }
        let digest = digest.unwrap_or_else(|| self.policy.now().digest());
        let found = self.store.read(move |session| store::policies::find(session, &digest)).await?;
        let (rules, loaded_at) = found
            .ok_or_else(|| Refusal::new(Code::NotFound, "no policy with this digest was ever in force"))?;
        Ok(KeptPolicy { digest, loaded_at, rules })
    }

    /// What was said about a purchase, for those who may know it; nothing for the others.
    pub async fn personal_of_purchase(
        &self,
        principal: &Principal,
        purchase: &Purchase,
    ) -> Result<Option<Vec<SaidValue>>, Refusal> {
        let terms = purchase.terms.as_ref();
        let decides = terms.is_some_and(|terms| terms.admit(&purchase.requester, principal).is_ok());
        if decides || may_read_personal(principal, &purchase.requester) {
            return self.said("purchase", purchase.id.to_string()).await.map(Some);
        }
        Ok(None)
    }

    /// What was said in a registration, for those who may know it; nothing for the others.
    pub async fn personal_of_registration(
        &self,
        principal: &Principal,
        registration: &Registration,
    ) -> Result<Option<Vec<SaidValue>>, Refusal> {
        let terms = registration.terms.as_ref();
        let decides = terms.is_some_and(|terms| terms.admit(&registration.requester, principal).is_ok());
        if decides || may_read_personal(principal, &registration.requester) {
            return self.said("registration", registration.id.to_string()).await.map(Some);
        }
        Ok(None)
    }

    async fn said(&self, kind: &'static str, id: String) -> Result<Vec<SaidValue>, Refusal> {
        Ok(self.store.read(move |session| said_about(session, kind, &id)).await?)
    }
}

impl EvidenceExport {
    /// The next lines; nothing at the end.
    pub async fn next_page(mut self) -> Result<Option<(String, Self)>, Refusal> {
        let mut export = self.export.clone();
        let (page, export) = self
            .store
            .read(move |session| {
                let page = export.next_page(session)?;
                Ok((page, export))
            })
            .await?;
        self.export = export;
        Ok(page.map(|page| (page, self)))
    }
}

fn may_read_evidence(principal: &Principal) -> Result<(), Refusal> {
    if principal.has(Role::Auditor) || principal.has(Role::Administrator) {
        return Ok(());
    }
    Err(Refusal::new(Code::Forbidden, "reading the evidence needs the role auditor or administrator"))
}

/// Whether somebody may know what a requester said: who said it, and who audits.
fn may_read_personal(principal: &Principal, requester: &Requester) -> bool {
    requester.involves(principal) || may_read_evidence(principal).is_ok()
}

fn seen(session: &Session<'_>, row: EventRow) -> Result<SeenEvent, StoreError> {
    let kept = personal::between(session, row.link.sequence, row.link.sequence)?;
    let personal = said(&row.link.body, &kept);
    Ok(SeenEvent { row, personal })
}

fn said_about(session: &Session<'_>, kind: &str, id: &str) -> Result<Vec<SaidValue>, StoreError> {
    let bodies = store::audit::about(session, kind, id, EVENTS)?;
    let kept = personal::of(session, kind, id)?;
    Ok(bodies.iter().flat_map(|body| said(body, &kept)).collect())
}

/// What an event commits to, with the values that are still there.
fn said(body: &str, kept: &[KeptValue]) -> Vec<SaidValue> {
    let Ok(event) = serde_json::from_str::<RecordedEvent>(body) else { return Vec::new() };
    let of_event = kept.iter().filter(|value| value.sequence == event.seq);
    let mut values: BTreeMap<&str, &str> =
        of_event.map(|value| (value.field.as_str(), value.value.as_str())).collect();
    let fields = event.personal.keys();
    fields
        .map(|field| SaidValue {
            sequence: event.seq,
            field: field.clone(),
            value: values.remove(field.as_str()).map(ToOwned::to_owned),
        })
        .collect()
}
