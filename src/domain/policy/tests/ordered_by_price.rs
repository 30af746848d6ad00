//! A higher price never needs fewer people, as long as the rules grow stricter from the first to the last.
//!
//! It holds for every kind of limit at once, because each stops matching as the price rises and none begins to: what
//! a higher price falls through to stands further down. Rules in another order break it, which the last test shows.

use proptest::prelude::{Strategy, any, prop_assert, proptest};
use proptest::{collection, option};

use super::{facts, money, rule};
use crate::domain::approval::{ApprovalStage, ApprovalTerms, ApproverTeam};
use crate::domain::money::Money;
use crate::domain::policy::{BudgetLeft, Condition, Facts, Policy, Price, Rule, Verdict};
use crate::domain::principal::{Role, TeamId};

/// How many people a request needs; ordered from the mildest to the strictest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Needs {
    Approvals(u32),
    AnotherRequest,
}

impl Needs {
    fn of(policy: &Policy, price: Price, budget_left: BudgetLeft) -> Self {
        let growth: TeamId = "growth".parse().unwrap();
        let facts = facts(&growth, Some("AU"), None);
        let facts = Facts { price: Some(price), budget_left, ..facts };
        match policy.decide(&facts).verdict {
            Verdict::Allow => Self::Approvals(0),
            Verdict::Approvals(terms) => {
                Self::Approvals(terms.stages.iter().map(|stage| stage.approvals).sum())
            }
            Verdict::Deny(_) => Self::AnotherRequest,
        }
    }

    fn verdict(self) -> Verdict {
        match self {
            Self::Approvals(0) => Verdict::Allow,
            Self::Approvals(approvals) => Verdict::Approvals(ApprovalTerms {
                stages: vec![ApprovalStage { approvals, role: Role::Approver, team: ApproverTeam::Same }],
                expires_after_s: 3_600,
                require: Vec::new(),
            }),
            Self::AnotherRequest => Verdict::Deny("too dear".to_owned()),
        }
    }
}

/// Small amounts, so that prices and limits meet, to the micro-unit.
fn amount() -> impl Strategy<Value = Money> {
    (0_i64..40).prop_map(|quarters| Money::from_micros(quarters * 250_000))
}

fn condition() -> impl Strategy<Value = Condition> {
    let limit = || option::of(amount());
    (limit(), limit(), limit(), limit()).prop_map(|(max_setup, max_monthly, max_total, min_budget_left)| {
        Condition { max_setup, max_monthly, max_total, min_budget_left, ..Condition::default() }
    })
}

fn needs() -> impl Strategy<Value = Needs> {
    (0_u32..4).prop_map(|people| if people == 3 { Needs::AnotherRequest } else { Needs::Approvals(people) })
}

/// Rules with any limits, from the mildest to the strictest.
fn growing_stricter() -> impl Strategy<Value = Policy> {
    collection::vec((condition(), needs()), 0..6).prop_map(|mut parts| {
        parts.sort_by_key(|(_, needs)| *needs);
        let rules = parts.into_iter().enumerate();
        let rules = rules.map(|(at, (when, needs))| rule(&at.to_string(), when, needs.verdict()));
        Policy::new(rules.collect()).unwrap()
    })
}

fn budget() -> impl Strategy<Value = BudgetLeft> {
    option::of(amount()).prop_map(|left| left.map_or(BudgetLeft::Unlimited, BudgetLeft::Amount))
}

proptest! {
    #[test]
    fn a_higher_price_never_needs_fewer_approvals(
        policy in growing_stricter(),
        (setup, monthly, more, is_setup) in (amount(), amount(), amount(), any::<bool>()),
        left in budget(),
    ) {
        let price = Price { setup, monthly };
        let raised = if is_setup {
            Price { setup: setup.checked_add(more).unwrap(), monthly }
        } else {
            Price { setup, monthly: monthly.checked_add(more).unwrap() }
        };
        let (before, after) = (Needs::of(&policy, price, left), Needs::of(&policy, raised, left));
        prop_assert!(before <= after, "{before:?} at {price:?}, {after:?} at {raised:?}");
    }
}

/// The rules of a company that grow stricter with the price and with an empty purse.
fn company() -> Vec<Rule> {
    let up_to = |max: &str, least: &str| Condition {
        max_total: Some(money(max)),
        min_budget_left: Some(money(least)),
        ..Condition::default()
    };
    vec![
        rule("small", up_to("10.00", "50.00"), Needs::Approvals(0).verdict()),
        rule("middling", up_to("50.00", "20.00"), Needs::Approvals(1).verdict()),
        rule("large", up_to("200.00", "0.00"), Needs::Approvals(2).verdict()),
        rule("too large", Condition::default(), Needs::AnotherRequest.verdict()),
    ]
}

#[test]
fn prices_climb_through_the_rules_one_by_one() {
    let policy = Policy::new(company()).unwrap();
    let needs = |monthly: &str, left: &str| {
        let price = Price { setup: money("1.00"), monthly: money(monthly) };
        Needs::of(&policy, price, BudgetLeft::Amount(money(left)))
    };
    for (monthly, left, wanted) in [
        ("9.00", "60.00", Needs::Approvals(0)),
        ("9.01", "60.01", Needs::Approvals(1)),
        ("9.00", "59.99", Needs::Approvals(1)),
        ("49.01", "500.00", Needs::Approvals(2)),
        ("9.00", "29.99", Needs::Approvals(2)),
        ("199.01", "500.00", Needs::AnotherRequest),
        ("9.00", "9.99", Needs::AnotherRequest),
    ] {
        assert_eq!(needs(monthly, left), wanted, "{monthly} with {left} left");
    }
}

#[test]
fn rules_in_another_order_let_a_higher_price_need_fewer() {
    // The strict rule asks for a small price, so a higher one slips past it.
    let mut rules = company();
    if let [small, middling, ..] = rules.as_mut_slice() {
        std::mem::swap(&mut small.then, &mut middling.then);
    }
    let policy = Policy::new(rules).unwrap();
    let needs = |monthly: &str| {
        let price = Price { setup: Money::ZERO, monthly: money(monthly) };
        Needs::of(&policy, price, BudgetLeft::Unlimited)
    };
    assert!(needs("10.00") > needs("10.01"), "{:?} {:?}", needs("10.00"), needs("10.01"));
}
