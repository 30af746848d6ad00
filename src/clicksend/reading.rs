//! Reads: a question, and asking it again while there is time for it, budget and a chance.
//!
//! One deadline covers all tries and the pauses between them, so a retry never makes a caller wait longer than a slow
//! answer would. Each try is a call: it has its slot, its span and its line for the observer, and counts for the circuit.

use std::time::Duration;

use tokio::time::Instant;
use tracing::Instrument as _;

use crate::clicksend::circuit::{Circuit, Meaning, Permit};
use crate::clicksend::client::attempt;
use crate::clicksend::retry::{self, Budget, TRIES};
use crate::clicksend::transport::{Answer, NoAnswer};
use crate::clicksend::{
    Account, Call, CircuitState, ClickSend, Lack, ListFilter, Operation, Outcome, Purpose, ReadError, verdict,
};
use crate::domain::owned::OwnedPage;
use crate::domain::search::{OfferPage, SearchQuery, UPSTREAM_ROWS};

/// What is known of each operation that reads.
pub(super) struct Reads {
    pub(super) search: Endpoint,
    pub(super) list: Endpoint,
    pub(super) account: Endpoint,
}

pub(super) struct Endpoint {
    pub(super) operation: Operation,
    pub(super) circuit: Circuit,
    budget: Budget,
}

/// What reads one kind of page out of an answer.
type Parse<T> = fn(&Answer) -> Result<T, ReadError>;

struct Question<'q, T> {
    endpoint: &'q Endpoint,
    purpose: Purpose,
    path: &'q str,
    query: &'q [(&'q str, String)],
    parse: Parse<T>,
}

/// What one try gave; `lack` matters where that is [`ReadError::Unavailable`].
struct Tried<T> {
    result: Result<T, ReadError>,
    lack: Lack,
}

impl Reads {
    pub(super) fn new() -> Self {
        let endpoint =
            |operation| Endpoint { operation, circuit: Circuit::new(operation), budget: Budget::new() };
        let [search, list, account] = Operation::READS.map(endpoint);
        Self { search, list, account }
    }

    pub(super) const fn all(&self) -> [&Endpoint; 3] {
        [&self.search, &self.list, &self.account]
    }
}

impl ClickSend {
    /// One page of [`UPSTREAM_ROWS`] numbers on sale, the first being 1. An empty pattern is not sent at all.
    pub async fn search(
        &self,
        query: &SearchQuery,
        page: u32,
        purpose: Purpose,
    ) -> Result<OfferPage, ReadError> {
        let mut parameters = page_parameters(page);
        if !query.digits().is_empty() {
            parameters.push(("search", query.digits().to_owned()));
            parameters.push(("search_type", query.mode().search_type().to_string()));
        }
        let path = format!("/v3/numbers/search/{}", query.country());
        let (endpoint, query, parse) = (&self.0.reads.search, parameters.as_slice(), verdict::read_offers);
        self.read(Question { endpoint, purpose, path: &path, query, parse }).await
    }

    /// One page of up to 100 owned numbers, the first being 1.
    pub async fn owned_page(
        &self,
        page: u32,
        filter: ListFilter,
        purpose: Purpose,
    ) -> Result<OwnedPage, ReadError> {
        let mut parameters = page_parameters(page);
        if filter.exclude_10dlc_campaign {
            parameters.push(("exclude_10dlc_campaign", "true".to_owned()));
        }
        let (endpoint, query, parse) = (&self.0.reads.list, parameters.as_slice(), verdict::read_owned);
        self.read(Question { endpoint, purpose, path: "/v3/numbers", query, parse }).await
    }

    /// The account behind the credentials.
    pub async fn account(&self) -> Result<Account, ReadError> {
        let (endpoint, purpose) = (&self.0.reads.account, Purpose::Buying);
        self.read(Question {
            endpoint,
            purpose,
            path: "/v3/account",
            query: &[],
            parse: verdict::read_account,
        })
        .await
    }

    /// Whether each operation that reads is asked just now.
    pub fn circuits(&self) -> [(Operation, CircuitState); 3] {
        self.0.reads.all().map(|endpoint| (endpoint.operation, endpoint.circuit.state()))
    }

    async fn read<T>(&self, question: Question<'_, T>) -> Result<T, ReadError> {
        let endpoint = question.endpoint;
        let first = async {
            let permit = self.turn(&question).await?;
            endpoint.budget.earn();
            let deadline = Instant::now() + self.0.read_timeout;
            // In a box, as below: a call is large while it is under way, and so would be all that waits for one.
            Ok((deadline, Box::pin(self.ask(&question, permit, deadline, None)).await))
        };
        let (deadline, mut tried) = first.instrument(attempt(endpoint.operation)).await?;
        for tries in 1..TRIES {
            if !matches!(tried.result, Err(ReadError::Unavailable(_))) {
                break;
            }
            let Some(permit) = self.turn_again(&question, tries, deadline).await else { break };
            let asking = Box::pin(self.ask(&question, permit, deadline, Some(tried.lack)));
            tried = asking.instrument(attempt(endpoint.operation)).await;
        }
        tried.result
    }

    /// The right to ask for the first time: the limiter's, and the circuit's, which is taken last, so that a probe is
    /// never one that waits.
    async fn turn<'q, T>(&self, question: &Question<'q, T>) -> Result<Permit<'q>, ReadError> {
        let Endpoint { operation, circuit, .. } = question.endpoint;
        let within = match question.purpose {
            Purpose::People => self.0.people_wait,
            Purpose::Buying => self.0.buying_wait,
        };
        let left_alone = |wait| self.left_alone(*operation, *operation, wait);
        circuit.check().map_err(left_alone)?;
        let slot = self.slot(*operation, question.purpose, within).await?;
        let permit = circuit.admit().map_err(left_alone)?;
        slot.spend().map_err(|retry_after| self.limited(*operation, retry_after))?;
        Ok(permit)
    }

    /// The right to ask once more after a pause. Nothing where it would take time, a slot or a probe from others.
    async fn turn_again<'q, T>(
        &self,
        question: &Question<'q, T>,
        tries: u32,
        deadline: Instant,
    ) -> Option<Permit<'q>> {
        let Endpoint { operation, circuit, budget } = question.endpoint;
        let pause = retry::pause(tries);
        if Instant::now() + pause >= deadline || circuit.state() != CircuitState::Closed || !budget.pay() {
            return None;
        }
        tokio::time::sleep(pause).await;
        let slot = self.0.limiter.acquire(*operation, question.purpose, Duration::ZERO).await.ok()?;
        let permit = circuit.admit().ok().filter(|permit| !permit.is_probe())?;
        slot.spend().ok()?;
        Some(permit)
    }

    async fn ask<T>(
        &self,
        question: &Question<'_, T>,
        permit: Permit<'_>,
        deadline: Instant,
        again: Option<Lack>,
    ) -> Tried<T> {
        let (operation, begun) = (question.endpoint.operation, Instant::now());
        // Whole milliseconds, because it stands in messages.
        let left = deadline.saturating_duration_since(begun).as_millis();
        let within = Duration::from_millis(u64::try_from(left).unwrap_or(u64::MAX));
        let (status, lack, result) = match self.0.transport.get(question.path, question.query, within).await {
            Ok(answer) => {
                (Some(answer.status), Lack::Sense, self.understand(operation, &answer, question.parse))
            }
            Err(NoAnswer::NotSent(reason)) => (None, Lack::Connection, Err(ReadError::Unavailable(reason))),
            Err(NoAnswer::Lost(reason)) => (None, Lack::Answer, Err(ReadError::Unavailable(reason))),
        };
        permit.settle(meaning_of(&result));
        let outcome = outcome_of(&result);
        self.report(&Call { operation, outcome, status, elapsed: begun.elapsed(), again });
        Tried { result, lack }
    }

    fn understand<T>(&self, operation: Operation, answer: &Answer, parse: Parse<T>) -> Result<T, ReadError> {
        let result = parse(answer);
        self.heed(operation, matches!(result, Err(ReadError::Busy { .. })), answer);
        match &result {
            Ok(_) => self.credentials_accepted(),
            Err(ReadError::CredentialsRefused(refusal)) => self.credentials_in_doubt(refusal),
            Err(ReadError::Busy { .. } | ReadError::Unavailable(_) | ReadError::Refused(_)) => {}
        }
        result
    }
}

fn page_parameters(page: u32) -> Vec<(&'static str, String)> {
    vec![("page", page.to_string()), ("limit", UPSTREAM_ROWS.to_string())]
}

const fn outcome_of<T>(result: &Result<T, ReadError>) -> Outcome {
    match result {
        Ok(_) => Outcome::Success,
        Err(ReadError::Busy { .. }) => Outcome::Throttled,
        Err(ReadError::Unavailable(_)) => Outcome::Unavailable,
        Err(ReadError::CredentialsRefused(_)) => Outcome::CredentialsRefused,
        Err(ReadError::Refused(_)) => Outcome::Refused,
    }
}

/// Who refuses is there and speaks. Who wants to be asked later has not said whether it works.
const fn meaning_of<T>(result: &Result<T, ReadError>) -> Meaning {
    match result {
        Ok(_) | Err(ReadError::CredentialsRefused(_) | ReadError::Refused(_)) => Meaning::Answered,
        Err(ReadError::Unavailable(_)) => Meaning::Failed,
        Err(ReadError::Busy { .. }) => Meaning::Nothing,
    }
}
