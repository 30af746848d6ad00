//! Who finds out that upstream is back when nobody asks: nothing is bought or registered while an operation is left
//! alone, and a gateway where people only buy, or nobody does anything just now, would stay shut.

use std::time::Duration;

use crate::clicksend::reading::Endpoint;
use crate::clicksend::{CircuitState, ClickSend, ListFilter, Operation, Purpose, ReadError};
use crate::domain::country::Country;
use crate::domain::search::{SearchMode, SearchQuery};

/// A country that is asked about: any would do, because a refusal is an answer as well.
const ANYWHERE: &str = "US";
/// What a probe waits at least that upstream, or our own limit, sent away.
const BREATH: Duration = Duration::from_secs(1);

impl ClickSend {
    /// Asks what is left alone again, each time its pause is over, until it answers. For a task of its own; sends nothing
    /// as long as upstream answers, and nothing where a caller's question was quicker.
    pub async fn keep_asking(&self) {
        let [search, list, account] = self.0.reads.all().map(|endpoint| self.revive(endpoint));
        tokio::join!(search, list, account);
    }

    async fn revive(&self, endpoint: &Endpoint) {
        loop {
            endpoint.circuit.tripped().await;
            while let Some(pause) = endpoint.circuit.away_for() {
                tokio::time::sleep(pause).await;
                if endpoint.circuit.state() != CircuitState::HalfOpen {
                    continue;
                }
                if let Err(ReadError::Busy { retry_after }) = self.probe(endpoint.operation).await {
                    tokio::time::sleep(retry_after.max(BREATH)).await;
                }
            }
        }
    }

    async fn probe(&self, operation: Operation) -> Result<(), ReadError> {
        match (operation, ANYWHERE.parse::<Country>()) {
            (Operation::Search, Ok(country)) => {
                let everything = SearchQuery::new(country, "", SearchMode::Anywhere);
                self.search(&everything, 1, Purpose::Buying).await.map(drop)
            }
            (Operation::List, _) => {
                self.owned_page(1, ListFilter::default(), Purpose::Buying).await.map(drop)
            }
            (Operation::Account, _) => self.account().await.map(drop),
            // These have no circuit, and are never a probe.
            (Operation::Search | Operation::Buy | Operation::Register, _) => Ok(()),
        }
    }
}
