//! Asking the rules: the same facts for a request, a price that moved, a dry run and a page of numbers on sale.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::domain::approval::{ApprovalTerms, RequiredField};
use crate::domain::canonical::Digest;
use crate::domain::country::Country;
use crate::domain::money::Money;
use crate::domain::policy::{Action, BudgetLeft, Decision, Facts, Policy, Price, RuleTrace, Verdict};
use crate::domain::principal::{Role, TeamId};
use crate::domain::purchase::MessageType;
use crate::domain::registration::FieldFaults;
use crate::service::budgets::{self, Purses};
use crate::service::ground::Ground;
use crate::service::refusal::{Code, Refusal};

/// What the rules are asked about.
#[derive(Clone, Debug)]
pub struct Case {
    /// What is asked for.
    pub action: Action,
    /// The team that pays.
    pub team: TeamId,
    /// The requester's roles.
    pub roles: Vec<Role>,
    /// The country, as far as known.
    pub country: Option<Country>,
    /// The message type of a purchase.
    pub message_type: Option<MessageType>,
    /// The number type of a registration.
    pub number_type: Option<String>,
    /// The live price of a purchase, once upstream was asked.
    pub price: Option<Price>,
}

/// What the rules' word makes of a request: it may go on, or people are asked.
#[derive(Clone, Debug)]
pub struct Ruling {
    /// The rule that decided.
    pub rule: String,
    /// The policy it stands in.
    pub policy_digest: Digest,
    /// Who must approve; nothing where the rule allows it.
    pub terms: Option<ApprovalTerms>,
    /// Until when they may.
    pub decide_by: Option<Timestamp>,
    /// Until when it may be sent, where the rule allows it.
    pub approved_until: Option<Timestamp>,
}

impl Ruling {
    /// Whether the request brings what the rule insists on.
    pub fn check_fields(&self, reason: Option<&str>, reference: Option<&str>) -> Result<(), Refusal> {
        let fault = format!("is required by the rule \"{}\".", self.rule);
        let missing = self.missing_fields(reason, reference).into_iter();
        let faults: FieldFaults = missing.map(|field| (field.to_owned(), fault.clone())).collect();
        if faults.is_empty() { Ok(()) } else { Err(Refusal::fields(faults)) }
    }

    /// What the rule insists on and the request does not bring.
    pub fn missing_fields(&self, reason: Option<&str>, reference: Option<&str>) -> Vec<&'static str> {
        let required = self.terms.iter().flat_map(|terms| terms.require.iter());
        let missing = required.filter(|field| match field {
            RequiredField::Reason => reason.is_none(),
            RequiredField::Reference => reference.is_none(),
        });
        missing.map(|field| field.as_str()).collect()
    }
}

impl Ground {
    /// What the rules say; a refusal where they say no.
    pub async fn rule(&self, case: &Case) -> Result<Ruling, Refusal> {
        // One from here to the end, whatever is reloaded meanwhile.
        let policy = self.policy.now();
        let left = self.budget_left(&policy, &case.team, Purses::All).await?;
        let decision = policy.decide(&self.facts(case, left));
        self.metrics.ruled(decision.rule.as_deref(), decision.verdict.as_str());
        let now = self.clock.now();
        let terms = match decision.verdict {
            Verdict::Deny(_) => return Err(denied(&decision)),
            Verdict::Allow => None,
            Verdict::Approvals(terms) => Some(terms),
        };
        let waits = terms.as_ref().map(|terms| Duration::from_secs(terms.expires_after_s));
        Ok(Ruling {
            rule: decision.rule.unwrap_or_default(),
            policy_digest: policy.digest(),
            decide_by: waits.and_then(|waits| now.checked_add(waits).ok()),
            approved_until: terms.is_none().then(|| self.approval_ends(now)),
            terms,
        })
    }

    /// When an approval that is given now can be used no more.
    pub fn approval_ends(&self, now: Timestamp) -> Timestamp {
        now.checked_add(self.approval_lasts).unwrap_or(Timestamp::MAX)
    }

    /// The same with every rule's part in it, as far as `purses` tell: what somebody tries often enough is shown to them.
    pub async fn explain(
        &self,
        policy: &Policy,
        case: &Case,
        purses: Purses,
    ) -> Result<(Decision, Vec<RuleTrace>), Refusal> {
        let left = self.budget_left(policy, &case.team, purses).await?;
        let facts = self.facts(case, left);
        Ok((policy.decide(&facts), policy.explain(&facts)))
    }

    /// The refusal that is certain before a price is known, if it is.
    pub async fn judge_before_price(&self, case: &Case) -> Result<(), Refusal> {
        let policy = self.policy.now();
        let left = self.budget_left(&policy, &case.team, Purses::All).await?;
        let possible = policy.possible_before_price(&self.facts(case, left));
        possible.map_err(|decision| denied(&decision))
    }

    /// What the month has left for a team: the least of these budgets. It only steers which rule applies; what keeps a
    /// budget is the reservation's own transaction.
    async fn budget_left(
        &self,
        policy: &Policy,
        team: &TeamId,
        purses: Purses,
    ) -> Result<BudgetLeft, Refusal> {
        // Where no rule asks, no request pays for the reading.
        if policy.rules().iter().all(|rule| rule.when.min_budget_left.is_none()) {
            return Ok(BudgetLeft::Unlimited);
        }
        let (teams, team, month) = (self.teams.now(), team.clone(), self.month());
        let left = self.store.read(move |session| budgets::left(session, &teams, &team, purses, &month));
        Ok(left.await?)
    }

    /// The month that holds belong to now: `2026-11`, where the budgets' months turn.
    pub fn month(&self) -> String {
        month_of(self.clock.now(), &self.time_zone)
    }

    fn facts<'c>(&self, case: &'c Case, budget_left: BudgetLeft) -> Facts<'c> {
        Facts {
            action: case.action,
            team: &case.team,
            roles: &case.roles,
            country: case.country,
            message_type: case.message_type,
            number_type: case.number_type.as_deref(),
            price: case.price,
            budget_left,
            at: self.clock.now().to_zoned_datetime(self.time_zone.clone()).datetime(),
        }
    }
}

/// A refusal by policy, with the rule's name: people must be able to ask for the right change.
pub(super) fn denied(decision: &Decision) -> Refusal {
    let rule = decision.rule.as_deref().map_or_else(String::new, |rule| format!(" (rule \"{rule}\")"));
    let why = match &decision.verdict {
        Verdict::Deny(why) => why.as_str(),
        Verdict::Approvals(_) | Verdict::Allow => "",
    };
    Refusal::new(Code::PolicyDenied, format!("{why}{rule}"))
}

/// `2026-11-23`, where the budget's days turn.
pub(super) fn day_of(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned_datetime(zone.clone()).strftime("%Y-%m-%d").to_string()
}

/// `2026-11`, where the budget's months turn.
pub(super) fn month_of(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned_datetime(zone.clone()).strftime("%Y-%m").to_string()
}

/// Whether a budget has room. A sum beyond 64 bits has none.
pub(super) fn fits(used: Money, more: Money, limit: Money) -> bool {
    used.checked_add(more).is_some_and(|sum| sum <= limit)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]

    use jiff::tz::TimeZone;

    use super::{day_of, fits, month_of};
    use crate::domain::money::Money;

    #[test]
    fn months_and_days_turn_where_the_budget_says() {
        let at = "2026-10-31T20:30:00Z".parse().unwrap();
        let sydney = TimeZone::get("Australia/Sydney").unwrap();
        assert_eq!(
            (month_of(at, &TimeZone::UTC), day_of(at, &TimeZone::UTC)),
            ("2026-10".into(), "2026-10-31".into())
        );
        assert_eq!((month_of(at, &sydney), day_of(at, &sydney)), ("2026-11".into(), "2026-11-01".into()));
    }

    #[test]
    fn a_budget_is_filled_to_the_brim_and_not_beyond() {
        let money = |text: &str| text.parse::<Money>().unwrap();
        assert!(fits(money("79.29"), money("20.71"), money("100.00")));
        assert!(!fits(money("79.30"), money("20.71"), money("100.00")));
        assert!(!fits(Money::from_micros(i64::MAX), money("0.01"), Money::from_micros(i64::MAX)));
    }
}
