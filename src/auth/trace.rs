//! What `token check` shows: the same verification, with a note taken at every rule.

use std::sync::Arc;

use super::refusal::Refusal;
use crate::domain::principal::Principal;

/// One rule and what it saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// `form`, `header`, `issuer`, `key`, `signature`, `audience`, `times`, `principal`; or the rule that was broken.
    pub rule: &'static str,
    /// What stood in the token, for the operator's eyes: never to be logged.
    pub seen: String,
    /// How the rule ended, where it did not pass.
    pub refused: Option<Refusal>,
}

/// A token, rule by rule, and who it would be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The rules in the order they were applied; where several configurations share the issuer, one after another.
    pub steps: Vec<Step>,
    /// What the same token would get at the door.
    pub outcome: Result<Arc<Principal>, Refusal>,
}

/// Takes notes, or does not: requests take none.
pub(super) enum Trace {
    Off,
    On(Vec<Step>),
}

impl Trace {
    pub(super) fn saw(&mut self, rule: &'static str, seen: impl FnOnce() -> String) {
        if let Self::On(steps) = self {
            steps.push(Step { rule, seen: seen(), refused: None });
        }
    }

    /// Notes a refusal and gives it back.
    pub(super) fn refused(&mut self, refusal: Refusal) -> Refusal {
        if let Self::On(steps) = self {
            let (rule, seen) = match refusal {
                Refusal::Invalid(reason) => (reason.as_str(), reason.hint()),
                Refusal::IssuerUnavailable => ("key", "the issuer's key set cannot be had"),
            };
            steps.push(Step { rule, seen: seen.to_owned(), refused: Some(refusal) });
        }
        refusal
    }

    pub(super) fn into_steps(self) -> Vec<Step> {
        match self {
            Self::Off => Vec::new(),
            Self::On(steps) => steps,
        }
    }
}
