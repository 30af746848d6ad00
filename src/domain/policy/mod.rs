//! Who may buy what: ordered rules, the first that matches decides, no match refuses.
//!
//! Deciding is a pure function of the rules and of what is asked, so the answer to a request, the explanation
//! of it and a dry run are the same code. A rule with a price limit does not match before a price is known;
//! [`Policy::possible_before_price`] tells whether asking upstream for one is worth a call.

mod condition;

use serde::{Deserialize, Serialize};

use crate::domain::approval::ApprovalTerms;
use crate::domain::canonical::{self, CanonicalError, Digest};
use condition::Match;

pub use condition::{BudgetLeft, Condition, Day, DayError, Facts, Hours, HoursError, Price};

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// A purchase.
    Buy,
    /// A registration.
    Register,
}

/// What a matching rule says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Go on.
    Allow,
    /// No, and why: the text is shown to the requester.
    Deny(String),
    /// People decide.
    Approvals(ApprovalTerms),
}

impl Verdict {
    /// The word in metrics.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny(_) => "deny",
            Self::Approvals(_) => "approvals",
        }
    }
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rule {
    /// The name people see in decisions.
    pub name: String,
    /// When it applies.
    pub when: Condition,
    /// What it says.
    pub then: Verdict,
}

/// Which rule decided, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// The rule's name, or none when no rule matched.
    pub rule: Option<String>,
    /// What it said.
    pub verdict: Verdict,
}

/// How one rule relates to a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RuleTrace {
    /// The rule's name.
    pub rule: String,
    /// The keys of its condition that the request does not meet.
    pub unmet: Vec<&'static str>,
    /// Whether it is the one that decides.
    pub decides: bool,
    /// Whether no earlier rule decided.
    pub is_reached: bool,
}

/// The configured rules, and the digest that names exactly these.
#[derive(Clone, Debug)]
pub struct Policy {
    rules: Vec<Rule>,
    digest: Digest,
}

impl Policy {
    /// The policy of these rules, in this order.
    pub fn new(rules: Vec<Rule>) -> Result<Self, CanonicalError> {
        let digest = canonical::digest(&rules)?;
        Ok(Self { rules, digest })
    }

    /// The SHA-256 over the RFC 8785 form of the rules.
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// The rules, in order.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The first rule that matches decides; none refuses.
    pub fn decide(&self, facts: &Facts<'_>) -> Decision {
        self.rules.iter().find(|rule| rule.when.matches(facts) == Match::Yes).map_or_else(
            || Decision { rule: None, verdict: Verdict::Deny("no policy rule allows it".to_owned()) },
            |rule| Decision { rule: Some(rule.name.clone()), verdict: rule.then.clone() },
        )
    }

    /// Every rule in order, and what kept it from deciding: for people who ask why.
    pub fn explain(&self, facts: &Facts<'_>) -> Vec<RuleTrace> {
        let decided = self.rules.iter().position(|rule| rule.when.matches(facts) == Match::Yes);
        let trace = |(index, rule): (usize, &Rule)| {
            let unmet = rule.when.parts(facts).into_iter().filter(|(_, part)| *part == Match::No);
            RuleTrace {
                rule: rule.name.clone(),
                unmet: unmet.map(|(key, _)| key).collect(),
                decides: decided == Some(index),
                is_reached: decided.is_none_or(|decided| index <= decided),
            }
        };
        self.rules.iter().enumerate().map(trace).collect()
    }

    /// Whether some country or price could still lead to anything but a refusal; otherwise the refusal that is
    /// certain already. Keeps requests that policy forbids from costing an upstream call.
    pub fn possible_before_price(&self, facts: &Facts<'_>) -> Result<(), Decision> {
        for rule in &self.rules {
            match (rule.when.matches(facts), &rule.then) {
                (Match::No, _) | (Match::Open, Verdict::Deny(_)) => {}
                (Match::Open | Match::Yes, Verdict::Allow | Verdict::Approvals(_)) => return Ok(()),
                (Match::Yes, Verdict::Deny(_)) => break,
            }
        }
        Err(self.decide(facts))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]

    mod ordered_by_price;

    use jiff::civil::date;

    use super::{Action, BudgetLeft, Condition, Facts, Policy, Price, Rule, Verdict};
    use crate::domain::money::Money;
    use crate::domain::principal::{Role, TeamId};
    use crate::domain::purchase::MessageType;

    fn money(text: &str) -> Money {
        text.parse().unwrap()
    }

    fn rule(name: &str, when: Condition, then: Verdict) -> Rule {
        Rule { name: name.to_owned(), when, then }
    }

    fn policy() -> Policy {
        let buy = || Condition { action: Some(Action::Buy), ..Condition::default() };
        Policy::new(vec![
            rule(
                "not there",
                Condition { countries: vec!["GB".parse().unwrap()], ..buy() },
                Verdict::Deny("not in GB".to_owned()),
            ),
            rule(
                "small",
                Condition {
                    teams: vec!["growth".parse().unwrap()],
                    countries: vec!["AU".parse().unwrap()],
                    max_monthly: Some(money("25.00")),
                    ..buy()
                },
                Verdict::Allow,
            ),
        ])
        .unwrap()
    }

    fn facts<'a>(team: &'a TeamId, country: Option<&str>, monthly: Option<&str>) -> Facts<'a> {
        Facts {
            action: Action::Buy,
            team,
            roles: &[Role::Requester],
            country: country.map(|code| code.parse().unwrap()),
            message_type: Some(MessageType::Sms),
            number_type: None,
            price: monthly.map(|monthly| Price { setup: Money::ZERO, monthly: money(monthly) }),
            budget_left: BudgetLeft::Unlimited,
            at: date(2026, 11, 23).at(12, 0, 0, 0),
        }
    }

    #[test]
    fn the_first_matching_rule_decides_and_no_match_refuses() {
        let (growth, support): (TeamId, TeamId) = ("growth".parse().unwrap(), "support".parse().unwrap());
        let decide = |team, country, monthly| policy().decide(&facts(team, Some(country), Some(monthly)));
        assert_eq!(decide(&growth, "AU", "25.00").rule.as_deref(), Some("small"));
        assert_eq!(decide(&growth, "AU", "25.01").rule, None);
        assert_eq!(decide(&support, "AU", "1.00").rule, None);
        assert_eq!(decide(&growth, "GB", "1.00").verdict, Verdict::Deny("not in GB".to_owned()));
        assert!(matches!(decide(&support, "US", "1.00").verdict, Verdict::Deny(_)));
    }

    #[test]
    fn what_can_only_be_refused_costs_no_upstream_call() {
        let (growth, support): (TeamId, TeamId) = ("growth".parse().unwrap(), "support".parse().unwrap());
        assert!(policy().possible_before_price(&facts(&growth, None, None)).is_ok());
        assert!(policy().possible_before_price(&facts(&growth, Some("AU"), None)).is_ok());
        let certain = policy().possible_before_price(&facts(&growth, Some("GB"), None)).unwrap_err();
        assert_eq!(certain.rule.as_deref(), Some("not there"));
        assert!(policy().possible_before_price(&facts(&support, None, None)).is_err());
    }

    #[test]
    fn an_explanation_names_what_was_not_met_and_which_rule_decides() {
        let growth: TeamId = "growth".parse().unwrap();
        let traces = policy().explain(&facts(&growth, Some("AU"), Some("30.00")));
        let seen: Vec<_> = traces.iter().map(|trace| (trace.unmet.as_slice(), trace.decides)).collect();
        assert_eq!(seen, [(&["countries"][..], false), (&["max_monthly"][..], false)]);
        let traces = policy().explain(&facts(&growth, Some("GB"), Some("30.00")));
        assert!(traces.first().is_some_and(|trace| trace.decides));
        assert!(traces.last().is_some_and(|trace| !trace.is_reached));
    }

    #[test]
    fn the_digest_names_the_rules() {
        assert_eq!(policy().digest(), policy().digest());
        assert_ne!(policy().digest(), Policy::new(Vec::new()).unwrap().digest());
    }
}
