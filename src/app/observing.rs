//! What the operators' listener looks at, wired.

use std::sync::Arc;

use crate::app::wiring::Wired;
use crate::auth;
use crate::clicksend::{CircuitState, Lack, Operation};
use crate::http::ops::{OpsParts, Readiness};
use crate::metrics::CircuitFigure;
use crate::service::Code;
use crate::service::figures::FigureReader;
use crate::service::ground::Ground;
use crate::service::search::Searches;
use crate::service::spend::Spend;

impl Wired<'_> {
    /// Begins what may happen at zero: a series that is born with its first event loses it to `increase()`, and an alert that
    /// counts events would miss the one that matters.
    pub(super) fn expect(&self) {
        self.metrics.expect_refusals(Code::ALL.into_iter().map(Code::as_str));
        let reasons = auth::Reason::ALL.into_iter().map(auth::Reason::as_str);
        self.metrics.expect_refused_tokens(reasons.chain(["missing", "issuer_unavailable"]));
        for operation in Operation::ALL {
            for outcome in operation.outcomes() {
                self.metrics.expect_call(operation.as_str(), outcome.as_str());
            }
        }
        for operation in Operation::READS {
            for lack in Lack::ALL {
                self.metrics.expect_retry(operation.as_str(), lack.as_str());
            }
        }
        for rule in self.config.policy.rules() {
            self.metrics.expect_rule(Some(&rule.name), rule.then.as_str());
        }
        // Where no rule matches, the answer is no.
        self.metrics.expect_rule(None, "deny");
    }

    /// Everything behind the operators' listener.
    pub(super) fn ops(&self, ground: &Ground, readiness: &Readiness, searches: Searches) -> OpsParts {
        let (upstream, watched) = (self.upstream.clone(), self.upstream.clone());
        let figure = |state| match state {
            CircuitState::Closed => CircuitFigure::Closed,
            CircuitState::HalfOpen => CircuitFigure::HalfOpen,
            CircuitState::Open => CircuitFigure::Open,
        };
        let circuits =
            move || watched.circuits().map(|(operation, state)| (operation.as_str(), figure(state)));
        OpsParts {
            metrics: self.metrics.clone(),
            figures: FigureReader::new(
                self.store.clone(),
                self.live.teams.clone(),
                self.config.budget.currency,
                self.config.budget.time_zone.clone(),
                self.clock.clone(),
                Spend::new(ground.clone()),
            ),
            verifier: Arc::clone(&self.verifier),
            buying: self.buying.clone(),
            searches,
            credentials_refused: Box::new(move || upstream.credentials_refused()),
            circuits: Box::new(circuits),
            ready: readiness.clone(),
        }
    }
}
