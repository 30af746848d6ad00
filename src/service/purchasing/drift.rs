//! The price between decision and buy: as long as it stays, the decision stays; when it moves, the rules are asked
//! again and every approval of the old price is void.

use jiff::SignedDuration;

use crate::domain::policy::Action;
use crate::domain::purchase::{Purchase, Step};
use crate::domain::quote::Quote;
use crate::service::judging::{Case, Ruling};
use crate::service::purchasing::Inner;
use crate::service::purchasing::reservation::event;
use crate::service::refusal::{Code, Refusal};
use crate::store::purchases::{Redecided, Trace};
use crate::store::{self, Finished, StoreError, Tx};

/// A quote older than this is asked for again before money is held.
const QUOTE_LASTS: SignedDuration = SignedDuration::from_secs(30);

impl Inner {
    /// The price now: the purchase's own quote while it is young, else upstream's. A number that nobody sells any more
    /// cancels the purchase.
    pub(super) async fn current_quote(&self, purchase: &Purchase) -> Result<Quote, Refusal> {
        let age = self.parts.ground.clock.now().duration_since(purchase.quote.at);
        // A quote from the future is one from before the calendar was set back.
        if (SignedDuration::ZERO..=QUOTE_LASTS).contains(&age) {
            return Ok(purchase.quote.clone());
        }
        self.parts.owned.ensure_younger_than(self.parts.settings.list_younger_than).await?;
        match self.quote(&purchase.number, Some(purchase.quote.country)).await {
            Err(refusal) if refusal.code == Code::NumberNotAvailable => {
                self.cancel(purchase.clone(), &refusal).await?;
                Err(refusal)
            }
            quoted => quoted,
        }
    }

    /// Whether a price is not what was decided on, or more than the requester would pay.
    pub(super) fn has_moved(&self, purchase: &Purchase, quote: &Quote) -> bool {
        !quote.is_within(&purchase.quote, self.parts.settings.price_tolerance)
            || purchase.max_price.is_some_and(|most| quote.price().total() > most)
    }

    /// Asks the rules about a price that moved. The purchase waits for people, is approved by a rule, or is cancelled.
    pub(super) async fn redecide(&self, purchase: Purchase, quote: Quote) -> Result<Purchase, Refusal> {
        let total = quote.price().total();
        let currency = quote.currency;
        let moved = format!(
            "setup and month are {} and {} {currency} now, they were {} and {} when it was decided",
            quote.setup, quote.monthly, purchase.quote.setup, purchase.quote.monthly
        );
        if let Some(most) = purchase.max_price.filter(|most| total > *most) {
            let message = format!("{moved}; together that is more than the {most} asked for");
            return self.cancel(purchase, &Refusal::new(Code::PriceChanged, message)).await;
        }
        if self.parts.settings.currency != Some(currency) {
            let message = format!("ClickSend sells in {currency} now, the budgets are in another currency");
            return self.cancel(purchase, &Refusal::new(Code::CurrencyMismatch, message)).await;
        }
        let case = Case {
            action: Action::Buy,
            team: purchase.requester.team.clone(),
            roles: purchase.requester.roles.iter().copied().collect(),
            country: Some(quote.country),
            message_type: Some(purchase.message_type),
            number_type: None,
            price: Some(quote.price()),
        };
        let ruling = match self.parts.ground.rule(&case).await {
            Err(refusal) if refusal.code == Code::PolicyDenied => {
                let refusal = Refusal::new(Code::PolicyDenied, format!("{moved}; {}", refusal.message));
                return self.cancel(purchase, &refusal).await;
            }
            ruling => ruling?,
        };
        let reason = self.reason_of(&purchase).await?;
        let missing = ruling.missing_fields(reason.as_deref(), purchase.reference.as_deref());
        if !missing.is_empty() {
            // Nobody can add them to a request that was made; one that is made anew brings them.
            let (rule, missing) = (&ruling.rule, missing.join(" and "));
            let wanted = format!("the rule \"{rule}\" wants {missing} now, and the request has none");
            let message = format!("{moved}; {wanted}: ask again with it");
            return self.cancel(purchase, &Refusal::new(Code::PriceChanged, message)).await;
        }
        let moving = self.parts.ground.store.write(move |tx| redecide(tx, purchase, quote, ruling, moved));
        let decided: Purchase = moving.await?;
        self.parts.ground.moved(&decided);
        Ok(decided)
    }

    /// Why it was asked for. Personal, so it stands beside the evidence, where it stays until the purchase has ended.
    async fn reason_of(&self, purchase: &Purchase) -> Result<Option<String>, Refusal> {
        let id = purchase.id.to_string();
        let reading =
            self.parts.ground.store.read(move |session| store::personal::of(session, "purchase", &id));
        let said = reading.await?.into_iter().find(|said| said.field == "reason");
        Ok(said.map(|said| said.value))
    }
}

fn redecide(
    mut tx: Tx<'_>,
    mut purchase: Purchase,
    quote: Quote,
    ruling: Ruling,
    moved: String,
) -> Result<Finished<Purchase>, Refusal> {
    let current = store::purchases::find(tx.session(), purchase.id)?;
    if current.as_ref().is_none_or(|current| current.version != purchase.version) {
        // Decided, withdrawn or sent in the meantime: what it is now counts.
        return Ok(tx.unchanged(current.unwrap_or(purchase))?);
    }
    let data = store::purchases::registration_data(tx.session(), purchase.id)?;
    let digest = quote.digest(&purchase.number, purchase.message_type, data.as_ref());
    let step = if ruling.terms.is_some() { Step::AskAgain } else { Step::Redecide };
    let decided = Redecided {
        quote_digest: digest.map_err(StoreError::from)?,
        quote,
        rule: ruling.rule,
        policy_digest: ruling.policy_digest,
        terms: ruling.terms,
        decide_by: ruling.decide_by,
        approved_until: ruling.approved_until,
    };
    store::purchases::redecide(&mut tx, &mut purchase, decided)?;
    let trace = Trace {
        code: Some(Code::PriceChanged.as_str()),
        explanation: Some(moved.clone()),
        ..Trace::default()
    };
    store::purchases::step(&mut tx, &mut purchase, step, trace)?;
    let event = event("purchase.price_changed", &purchase)
        .with("why", moved)
        .with("round", purchase.round)
        .with("quote", serde_json::to_value(&purchase.quote).map_err(StoreError::from)?)
        .with("quote_digest", purchase.quote_digest.to_string())
        .with("rule", purchase.rule.clone())
        .with("policy", purchase.policy_digest.to_string())
        .with_some("decide_by", purchase.decide_by.map(|at| at.to_string()));
    Ok(tx.commit(&event, purchase)?)
}
