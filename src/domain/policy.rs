//! Who may buy what: ordered rules, the first that matches decides, no match refuses.
//!
//! Deciding is a pure function of the rules and of what is asked, so the answer to a request, the explanation
//! of it and a dry run are the same code. A rule with a price limit does not match before a price is known;
//! [`Policy::possible_before_price`] tells whether asking upstream for one is worth a call.

use serde::{Deserialize, Serialize};

use crate::domain::canonical::{self, CanonicalError, Digest};
use crate::domain::country::Country;
use crate::domain::money::Money;
use crate::domain::principal::{Role, TeamId};
use crate::domain::purchase::MessageType;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// A purchase.
    Buy,
    /// A registration.
    Register,
}

/// When a rule applies. An empty list or an absent limit asks for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Condition {
    /// The action; absent means both.
    pub action: Option<Action>,
    /// The team that buys is one of these.
    pub teams: Vec<TeamId>,
    /// The requester has one of these roles.
    pub roles: Vec<Role>,
    /// The number's country is one of these.
    pub countries: Vec<Country>,
    /// The message type of a purchase is one of these.
    pub types: Vec<MessageType>,
    /// The number type of a registration is one of these, compared in lower case.
    pub number_types: Vec<String>,
    /// The setup price is at most this.
    pub max_setup: Option<Money>,
    /// The monthly price is at most this.
    pub max_monthly: Option<Money>,
    /// Setup and one month together are at most this.
    pub max_total: Option<Money>,
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

/// Who must approve, and by when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ApprovalTerms {
    /// The stages, all of them needed; a plain number of approvals is that many equal stages' worth in one.
    pub stages: Vec<ApprovalStage>,
    /// How long the request waits, in seconds.
    pub expires_after_s: u64,
    /// What the request must bring.
    pub require: Vec<RequiredField>,
}

/// One group of approvers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ApprovalStage {
    /// How many distinct people.
    pub approvals: u32,
    /// Their role.
    pub role: Role,
    /// Their team.
    pub team: ApproverTeam,
}

/// Which team an approver belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ApproverTeam {
    /// The requester's.
    Same,
    /// Whichever.
    Any,
    /// This one.
    Team(TeamId),
}

/// A field that a rule may insist on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequiredField {
    /// Why.
    Reason,
    /// The requester's own reference.
    Reference,
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

/// The facts a decision rests on.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// What is asked for.
    pub action: Action,
    /// The team that pays.
    pub team: &'a TeamId,
    /// The requester's roles.
    pub roles: &'a [Role],
    /// The country, as far as known: a number alone does not always tell.
    pub country: Option<Country>,
    /// The message type of a purchase.
    pub message_type: Option<MessageType>,
    /// The number type of a registration.
    pub number_type: Option<&'a str>,
    /// The live price of a purchase, once upstream was asked.
    pub price: Option<Price>,
}

/// The two prices that a quote fixes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Price {
    /// Once.
    pub setup: Money,
    /// Every month.
    pub monthly: Money,
}

impl Price {
    /// Setup and one full month: what a purchase is held against. Saturates, so that an absurd price stays
    /// too high instead of wrapping into a cheap one.
    pub fn total(self) -> Money {
        self.setup.checked_add(self.monthly).unwrap_or(Money::from_micros(i64::MAX))
    }
}

/// Which rule decided, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// The rule's name, or none when no rule matched.
    pub rule: Option<String>,
    /// What it said.
    pub verdict: Verdict,
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

/// How a condition relates to facts that may be incomplete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Match {
    Yes,
    No,
    /// A fact that the condition asks about is not known yet.
    Open,
}

impl Condition {
    fn matches(&self, facts: &Facts<'_>) -> Match {
        let limit = |max: Option<Money>, of: fn(Price) -> Money| match (max, facts.price) {
            (None, _) => Match::Yes,
            (Some(_), None) => Match::Open,
            (Some(max), Some(price)) => Match::of(of(price) <= max),
        };
        let tests = [
            Match::of(self.action.is_none_or(|action| action == facts.action)),
            Match::of(self.teams.is_empty() || self.teams.contains(facts.team)),
            Match::of(self.roles.is_empty() || self.roles.iter().any(|role| facts.roles.contains(role))),
            listed(&self.countries, facts.country.as_ref()),
            Match::of(
                self.types.is_empty() || facts.message_type.is_some_and(|kind| self.types.contains(&kind)),
            ),
            Match::of(
                self.number_types.is_empty()
                    || facts.number_type.is_some_and(|kind| {
                        self.number_types.iter().any(|listed| listed.eq_ignore_ascii_case(kind))
                    }),
            ),
            limit(self.max_setup, |price| price.setup),
            limit(self.max_monthly, |price| price.monthly),
            limit(self.max_total, Price::total),
        ];
        if tests.contains(&Match::No) {
            Match::No
        } else if tests.contains(&Match::Open) {
            Match::Open
        } else {
            Match::Yes
        }
    }
}

impl Match {
    const fn of(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }
}

fn listed<T: PartialEq>(list: &[T], fact: Option<&T>) -> Match {
    match fact {
        _ if list.is_empty() => Match::Yes,
        None => Match::Open,
        Some(fact) => Match::of(list.contains(fact)),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]

    use super::{Action, Condition, Facts, Policy, Price, Rule, Verdict};
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
    fn the_digest_names_the_rules() {
        assert_eq!(policy().digest(), policy().digest());
        assert_ne!(policy().digest(), Policy::new(Vec::new()).unwrap().digest());
    }
}
