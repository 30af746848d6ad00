//! How a row moves: by [`step`] alone, which asks the state machine and names the version it saw.

use jiff::Timestamp;

use crate::domain::approval::ApprovalTerms;
use crate::domain::canonical::Digest;
use crate::domain::money::Money;
use crate::domain::order::Receipt;
use crate::domain::purchase::{Purchase, Step};
use crate::domain::quote::Quote;
use crate::store::error::StoreError;
use crate::store::owned;
use crate::store::purchases::deciding_teams;
use crate::store::tx::Tx;

/// What a step leaves behind beside the new state.
#[derive(Clone, Debug, Default)]
pub struct Trace<'a> {
    /// A code of the API.
    pub code: Option<&'static str>,
    /// A sentence for people.
    pub explanation: Option<String>,
    /// Upstream's answer.
    pub receipt: Option<&'a Receipt>,
    /// The day that a reservation counts against.
    pub reserved_day: Option<&'a str>,
    /// The monthly price that a reservation counts as a recurring fee: the newest quote's.
    pub monthly: Option<Money>,
    /// Until when an approval may be used.
    pub approved_until: Option<Timestamp>,
}

/// Moves a purchase one step. The purchase in hand is brought along; `Conflict` when it was moved meanwhile.
pub fn step(
    tx: &mut Tx<'_>,
    purchase: &mut Purchase,
    step: Step,
    trace: Trace<'_>,
) -> Result<(), StoreError> {
    let state = purchase.state.after(step)?;
    let attempts = purchase.attempts + i64::from(step == Step::Claim);
    let receipt = trace.receipt.map(serde_json::to_string).transpose()?;
    let at = tx.at();
    tx.execute_one(
        "UPDATE purchases SET state = $1, code = $2, explanation = $3, version = version + 1, attempts = $4,
             holds_number = $5, updated_us = $6, receipt = coalesce($7, receipt),
             reserved_day = coalesce($8, reserved_day), monthly_micros = coalesce($9, monthly_micros),
             approved_until_us = coalesce($10, approved_until_us)
         WHERE id = $11 AND version = $12",
        &[
            state.as_str().into(),
            trace.code.into(),
            trace.explanation.as_deref().into(),
            attempts.into(),
            state.is_active().into(),
            at.into(),
            receipt.as_deref().into(),
            trace.reserved_day.into(),
            trace.monthly.map(Money::micros).into(),
            trace.approved_until.into(),
            (&purchase.id.to_string()).into(),
            purchase.version.into(),
        ],
    )?;
    if state.is_active() != purchase.state.is_active() {
        owned::reown(tx, purchase.number.as_str())?;
    }
    purchase.state = state;
    purchase.approved_until = trace.approved_until.or(purchase.approved_until);
    purchase.code = trace.code.map(ToOwned::to_owned);
    purchase.explanation = trace.explanation;
    purchase.version += 1;
    purchase.attempts = attempts;
    purchase.updated_at = at;
    purchase.receipt = trace.receipt.cloned().or_else(|| purchase.receipt.take());
    Ok(())
}

/// What the rules say at a new price.
#[derive(Clone, Debug)]
pub struct Redecided {
    /// The price.
    pub quote: Quote,
    /// Its digest.
    pub quote_digest: Digest,
    /// The rule that decided.
    pub rule: String,
    /// The policy it stood in.
    pub policy_digest: Digest,
    /// Who must approve; nothing where the rule allows it.
    pub terms: Option<ApprovalTerms>,
    /// Until when they may.
    pub decide_by: Option<Timestamp>,
    /// Until when it may be reserved, where the rule allows it.
    pub approved_until: Option<Timestamp>,
}

/// Puts a new decision into the place of the old one: a new round, in which no earlier approval counts. Comes before
/// the step it belongs to, in the same transaction, and counts no version of its own.
pub fn redecide(tx: &mut Tx<'_>, purchase: &mut Purchase, decided: Redecided) -> Result<(), StoreError> {
    let terms = decided.terms.as_ref().map(serde_json::to_string).transpose()?;
    let deciding = decided.terms.as_ref().map(|terms| deciding_teams(terms, &purchase.requester.team));
    tx.execute_one(
        "UPDATE purchases SET quote = $1, quote_digest = $2, country = $3, currency = $4, monthly_micros = $5,
             total_micros = $6, rule = $7, policy_digest = $8, terms = $9, deciding_teams = $10, round = round + 1,
             decide_by_us = $11, approved_until_us = $12
         WHERE id = $13 AND version = $14",
        &[
            (&serde_json::to_string(&decided.quote)?).into(),
            (&decided.quote_digest).into(),
            decided.quote.country.as_str().into(),
            decided.quote.currency.as_str().into(),
            decided.quote.monthly.micros().into(),
            decided.quote.price().total().micros().into(),
            (&decided.rule).into(),
            (&decided.policy_digest).into(),
            terms.as_deref().into(),
            deciding.as_deref().into(),
            decided.decide_by.into(),
            decided.approved_until.into(),
            (&purchase.id.to_string()).into(),
            purchase.version.into(),
        ],
    )?;
    purchase.quote = decided.quote;
    purchase.quote_digest = decided.quote_digest;
    purchase.rule = decided.rule;
    purchase.policy_digest = decided.policy_digest;
    purchase.terms = decided.terms;
    purchase.round += 1;
    purchase.decide_by = decided.decide_by;
    purchase.approved_until = decided.approved_until;
    Ok(())
}
