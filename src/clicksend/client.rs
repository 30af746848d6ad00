//! One call from slot to observer, and the verbs that are made of it.
//!
//! Reads and writes share nothing but the limiter and the observer: a read may be repeated and is waited for by
//! somebody, a write is neither.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;
use tracing::Instrument as _;

use crate::clicksend::limit::{Limiter, Slot, pause_asked};
use crate::clicksend::transport::{Answer, NoAnswer, Transport};
use crate::clicksend::wire::{self, Envelope};
use crate::clicksend::{
    Account, Call, ClientError, Credentials, ListFilter, Observer, Operation, Options, Outcome, Purpose,
    ReadError, verdict,
};
use crate::clock::Clock;
use crate::domain::country::Country;
use crate::domain::order::{Order, Receipt, Sent, UpstreamRefusal};
use crate::domain::owned::OwnedPage;
use crate::domain::purchase::MessageType;
use crate::domain::registration::{NumberType, RegistrationData, RegistrationForm};
use crate::domain::search::{OfferPage, SearchQuery, UPSTREAM_ROWS};

/// How old a claim may be when its request goes out. A process that was stopped or suspended for longer may have
/// been declared gone by another, so what it then sends would be sent twice (purchase-protocol.md §2).
const MAX_CLAIM_AGE: Duration = Duration::from_secs(2);

/// The one way to ClickSend. Cheap to clone; all clones share pools, limits and credentials.
#[derive(Clone)]
pub struct ClickSend(Arc<Inner>);

struct Inner {
    transport: Transport,
    limiter: Limiter,
    clock: Clock,
    observer: Observer,
    people_wait: Duration,
    buying_wait: Duration,
    credentials_refused: AtomicBool,
}

/// The right to send one buy. Take it before the claim, because it may have to be waited for longer than a claim
/// stays fresh; dropping it gives it back.
pub struct BuySlot(Slot);

/// The right to send one registration; see [`BuySlot`].
pub struct RegistrationSlot(Slot);

impl ClickSend {
    /// A client that has not connected yet. `clock` only measures the age of claims.
    pub fn new(options: &Options, clock: Clock, observer: Observer) -> Result<Self, ClientError> {
        if options.requests_per_minute == 0 {
            return Err(ClientError::Limits("requests_per_minute: at least 1"));
        }
        if options.reserved_for_buying > 90 {
            return Err(ClientError::Limits("reserved_for_buying: 0 to 90 %"));
        }
        Ok(Self(Arc::new(Inner {
            transport: Transport::new(options)?,
            limiter: Limiter::new(options.requests_per_minute, options.reserved_for_buying),
            clock,
            observer,
            people_wait: options.people_wait,
            buying_wait: options.buying_wait,
            credentials_refused: AtomicBool::new(false),
        })))
    }

    /// Other credentials from the next call on; what is under way keeps the old ones. Whether they are others.
    pub fn replace_credentials(&self, credentials: Credentials) -> bool {
        self.0.transport.authorize(credentials)
    }

    /// From now on so many processes share the address that upstream counts by.
    pub fn share_address(&self, sharers: u32) {
        self.0.limiter.share(usize::try_from(sharers).unwrap_or(usize::MAX));
    }

    /// Whether upstream's last word about our credentials was 401.
    pub fn credentials_refused(&self) -> bool {
        self.0.credentials_refused.load(Ordering::Relaxed)
    }

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
        self.read(Operation::Search, purpose, &path, &parameters, wire::offer_page).await
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
        self.read(Operation::List, purpose, "/v3/numbers", &parameters, wire::owned_page).await
    }

    /// The account behind the credentials.
    pub async fn account(&self) -> Result<Account, ReadError> {
        self.read(Operation::Account, Purpose::Buying, "/v3/account", &[], wire::account).await
    }

    /// Waits at most `within` for the right to send one buy; [`ReadError::Busy`] is the only error.
    pub async fn reserve_buy_slot(&self, within: Duration) -> Result<BuySlot, ReadError> {
        self.slot(Operation::Buy, Purpose::Buying, within).await.map(BuySlot)
    }

    /// Waits at most `within` for the right to send one registration.
    pub async fn reserve_registration_slot(&self, within: Duration) -> Result<RegistrationSlot, ReadError> {
        self.slot(Operation::Register, Purpose::Buying, within).await.map(RegistrationSlot)
    }

    /// Sends one buy, once. `claimed_boot` is [`Clock::boot`] as read before the claim was committed; a claim of
    /// 2 s or more is not sent. Never drop this future: a dropped one leaves an outcome that nobody read.
    pub async fn buy(&self, slot: BuySlot, order: &Order, claimed_boot: Duration) -> Sent<Receipt> {
        let number = &order.number;
        let path = format!("/v3/numbers/buy/%2B{}", number.digits());
        let body = BuyBody {
            dedicated_number: number.as_str(),
            message_type: order.message_type,
            registration_data: order.registration_data.as_ref(),
        };
        let read = |answer: &Answer| verdict::read_buy_answer(number, answer);
        self.write(Operation::Buy, slot.0, claimed_boot, &path, &body, read).await
    }

    /// Sends one registration, once; as [`buy`](Self::buy).
    pub async fn register(
        &self,
        slot: RegistrationSlot,
        number_type: NumberType,
        country: Country,
        form: &RegistrationForm,
        claimed_boot: Duration,
    ) -> Sent<()> {
        let path = format!("/v3/numbers/registrations/number-types/{number_type}/country/{country}");
        let read = verdict::read_registration_answer;
        self.write(Operation::Register, slot.0, claimed_boot, &path, form, read).await
    }
}

#[derive(Serialize)]
struct BuyBody<'a> {
    dedicated_number: &'a str,
    #[serde(rename = "type")]
    message_type: MessageType,
    #[serde(skip_serializing_if = "Option::is_none")]
    registration_data: Option<&'a RegistrationData>,
}

fn page_parameters(page: u32) -> Vec<(&'static str, String)> {
    vec![("page", page.to_string()), ("limit", UPSTREAM_ROWS.to_string())]
}

/// A parser of one kind of page; its error says what the page lacks.
type Parse<T> = fn(&Envelope<'_>) -> Result<T, &'static str>;

impl ClickSend {
    async fn read<T>(
        &self,
        operation: Operation,
        purpose: Purpose,
        path: &str,
        query: &[(&str, String)],
        parse: Parse<T>,
    ) -> Result<T, ReadError> {
        let within = match purpose {
            Purpose::People => self.0.people_wait,
            Purpose::Buying => self.0.buying_wait,
        };
        let exchange = async {
            let slot = self.slot(operation, purpose, within).await?;
            slot.spend().map_err(|retry_after| self.limited(operation, retry_after))?;
            let begun = Instant::now();
            let (status, result) = match self.0.transport.get(path, query).await {
                Ok(answer) => (Some(answer.status), self.understand(operation, &answer, parse)),
                Err(NoAnswer::NotSent(reason) | NoAnswer::Lost(reason)) => {
                    (None, Err(ReadError::Unavailable(reason)))
                }
            };
            self.report(operation, outcome_of_read(&result), status, begun);
            result
        };
        exchange.instrument(attempt(operation)).await
    }

    fn understand<T>(&self, operation: Operation, answer: &Answer, parse: Parse<T>) -> Result<T, ReadError> {
        let result = verdict::read_envelope(answer)
            .and_then(|envelope| parse(&envelope).map_err(|fault| ReadError::Unavailable(fault.to_owned())));
        self.heed(operation, matches!(result, Err(ReadError::Busy { .. })), answer);
        match &result {
            Ok(_) => self.credentials_accepted(),
            Err(ReadError::CredentialsRefused(refusal)) => self.credentials_in_doubt(refusal),
            Err(ReadError::Busy { .. } | ReadError::Unavailable(_) | ReadError::Refused(_)) => {}
        }
        result
    }

    async fn write<T>(
        &self,
        operation: Operation,
        slot: Slot,
        claimed_boot: Duration,
        path: &str,
        body: &impl Serialize,
        read: impl Fn(&Answer) -> Sent<T>,
    ) -> Sent<T> {
        let exchange = async {
            let begun = Instant::now();
            let (status, sent) = match self.send(slot, claimed_boot, path, body).await {
                Ok(answer) => {
                    let sent = read(&answer);
                    let refused = matches!(&sent, Sent::Refused(refusal) if refusal.status == 429);
                    self.heed(operation, refused || answer.status == 429, &answer);
                    (Some(answer.status), sent)
                }
                Err(NoAnswer::NotSent(reason)) => (None, Sent::NotSent(reason)),
                Err(NoAnswer::Lost(reason)) => (None, Sent::Ambiguous(reason)),
            };
            match &sent {
                Sent::Done(_) => self.credentials_accepted(),
                Sent::Refused(refusal) => self.credentials_in_doubt(refusal),
                Sent::NotSent(_) | Sent::Ambiguous(_) => {}
            }
            self.report(operation, outcome_of_write(&sent), status, begun);
            sent
        };
        exchange.instrument(attempt(operation)).await
    }

    /// Everything that can fail before the send comes first; the claim's age is the last thing looked at.
    async fn send(
        &self,
        slot: Slot,
        claimed_boot: Duration,
        path: &str,
        body: &impl Serialize,
    ) -> Result<Answer, NoAnswer> {
        let not_sent = |reason: String| Err(NoAnswer::NotSent(reason));
        let body = match serde_json::to_vec(body) {
            Ok(body) => body,
            Err(error) => return not_sent(error.to_string()),
        };
        if let Err(pause) = slot.spend() {
            return not_sent(format!("upstream wants a pause of {pause:?}"));
        }
        match self.0.clock.boot().checked_sub(claimed_boot) {
            Some(age) if age < MAX_CLAIM_AGE => self.0.transport.post(path, body).await,
            Some(_) => not_sent("claim too old".to_owned()),
            None => not_sent("claim from another boot".to_owned()),
        }
    }

    async fn slot(
        &self,
        operation: Operation,
        purpose: Purpose,
        within: Duration,
    ) -> Result<Slot, ReadError> {
        self.0
            .limiter
            .acquire(operation, purpose, within)
            .await
            .map_err(|retry_after| self.limited(operation, retry_after))
    }

    fn limited(&self, operation: Operation, retry_after: Duration) -> ReadError {
        self.report(operation, Outcome::Limited, None, Instant::now());
        ReadError::Busy { retry_after }
    }

    /// Leaves the endpoint alone for as long as the answer asks.
    fn heed(&self, operation: Operation, throttled: bool, answer: &Answer) {
        if let Some(pause) = pause_asked(throttled, &answer.headers) {
            self.0.limiter.pause(operation, pause);
        }
    }

    fn credentials_accepted(&self) {
        self.0.credentials_refused.store(false, Ordering::Relaxed);
    }

    /// A 403 may concern one operation; only a 401 is about the credentials as such.
    fn credentials_in_doubt(&self, refusal: &UpstreamRefusal) {
        if refusal.status == 401 && !self.0.credentials_refused.swap(true, Ordering::Relaxed) {
            tracing::error!("ClickSend refuses the gateway's credentials: check username and api_key");
        }
    }

    fn report(&self, operation: Operation, outcome: Outcome, status: Option<u16>, begun: Instant) {
        let call = Call { operation, outcome, status, elapsed: begun.elapsed() };
        tracing::debug!(outcome = outcome.as_str(), status, elapsed = ?call.elapsed, "upstream call");
        let span = tracing::Span::current();
        span.record("outcome", outcome.as_str());
        if let Some(status) = status {
            span.record("status", i64::from(status));
        }
        (self.0.observer)(&call);
    }
}

/// A call as a span of its own, from the wait for the outbound limiter to the last byte.
fn attempt(operation: Operation) -> tracing::Span {
    tracing::info_span!(
        "upstream",
        otel.kind = "client",
        operation = operation.as_str(),
        outcome = tracing::field::Empty,
        status = tracing::field::Empty,
    )
}

const fn outcome_of_read<T>(result: &Result<T, ReadError>) -> Outcome {
    match result {
        Ok(_) => Outcome::Success,
        Err(ReadError::Busy { .. }) => Outcome::Throttled,
        Err(ReadError::Unavailable(_)) => Outcome::Unavailable,
        Err(ReadError::CredentialsRefused(_)) => Outcome::CredentialsRefused,
        Err(ReadError::Refused(_)) => Outcome::Refused,
    }
}

const fn outcome_of_write<T>(sent: &Sent<T>) -> Outcome {
    match sent {
        Sent::Done(_) => Outcome::Success,
        Sent::Refused(UpstreamRefusal { status: 401, .. }) => Outcome::CredentialsRefused,
        Sent::Refused(_) => Outcome::Refused,
        Sent::NotSent(_) => Outcome::NotSent,
        Sent::Ambiguous(_) => Outcome::Ambiguous,
    }
}
