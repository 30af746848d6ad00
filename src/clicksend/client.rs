//! What all calls share, and the two that cannot be taken back: one send, never repeated.
//!
//! Reads and writes share nothing but the limiter and the observer: a read (`reading.rs`) may be repeated and is waited
//! for by somebody, a write is neither.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;
use tracing::Instrument as _;

use crate::clicksend::limit::{Limiter, Slot, pause_asked};
use crate::clicksend::reading::Reads;
use crate::clicksend::transport::{Answer, NoAnswer, Transport};
use crate::clicksend::{
    Call, ClientError, Credentials, Observer, Operation, Options, Outcome, Purpose, ReadError, verdict,
};
use crate::clock::Clock;
use crate::domain::country::Country;
use crate::domain::order::{Order, Receipt, Sent, UpstreamRefusal};
use crate::domain::purchase::MessageType;
use crate::domain::registration::{NumberType, RegistrationData, RegistrationForm};

/// How old a claim may be when its request goes out. A process that was stopped or suspended for longer may have
/// been declared gone by another, so what it then sends would be sent twice (purchase-protocol.md §2).
const MAX_CLAIM_AGE: Duration = Duration::from_secs(2);

/// The one way to ClickSend. Cheap to clone; all clones share pools, limits and credentials.
#[derive(Clone)]
pub struct ClickSend(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) transport: Transport,
    pub(super) limiter: Limiter,
    pub(super) reads: Reads,
    clock: Clock,
    observer: Observer,
    pub(super) people_wait: Duration,
    pub(super) buying_wait: Duration,
    pub(super) read_timeout: Duration,
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
            reads: Reads::new(),
            clock,
            observer,
            people_wait: options.people_wait,
            buying_wait: options.buying_wait,
            read_timeout: options.read_timeout,
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

    /// Waits at most `within` for the right to send one buy; [`ReadError::Busy`] where there is none by then, and
    /// [`ReadError::Unavailable`] while upstream cannot be read.
    pub async fn reserve_buy_slot(&self, within: Duration) -> Result<BuySlot, ReadError> {
        self.write_slot(Operation::Buy, within).await.map(BuySlot)
    }

    /// Waits at most `within` for the right to send one registration, as [`reserve_buy_slot`](Self::reserve_buy_slot).
    pub async fn reserve_registration_slot(&self, within: Duration) -> Result<RegistrationSlot, ReadError> {
        self.write_slot(Operation::Register, within).await.map(RegistrationSlot)
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

impl ClickSend {
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
            let (outcome, elapsed) = (outcome_of_write(&sent), begun.elapsed());
            self.report(&Call { operation, outcome, status, elapsed, again: None });
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

    /// A slot for what cannot be taken back. None while upstream is not read: the list is what tells whether a lost buy
    /// was a sale, and the search what it costs; and one that is only tried after so many failures would be a probe.
    async fn write_slot(&self, operation: Operation, within: Duration) -> Result<Slot, ReadError> {
        self.check_reads(operation)?;
        let slot = self.slot(operation, Purpose::Buying, within).await?;
        // Once more: the slot may have taken its time.
        self.check_reads(operation)?;
        Ok(slot)
    }

    fn check_reads(&self, operation: Operation) -> Result<(), ReadError> {
        let Reads { list, search, .. } = &self.0.reads;
        for needed in [list, search] {
            if let Some(wait) = needed.circuit.away_for() {
                return Err(self.left_alone(operation, needed.operation, wait));
            }
        }
        Ok(())
    }

    pub(super) async fn slot(
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

    pub(super) fn limited(&self, operation: Operation, retry_after: Duration) -> ReadError {
        self.report(&Call::not_made(operation, Outcome::Limited));
        ReadError::Busy { retry_after }
    }

    /// `operation` is not sent because `failed` did not answer too often.
    pub(super) fn left_alone(&self, operation: Operation, failed: Operation, wait: Duration) -> ReadError {
        self.report(&Call::not_made(operation, Outcome::CircuitOpen));
        let (failed, seconds) = (failed.as_str(), wait.as_millis().div_ceil(1000));
        ReadError::Unavailable(format!("{failed} failed too often; it is asked again in {seconds} s"))
    }

    /// Leaves the endpoint alone for as long as the answer asks.
    pub(super) fn heed(&self, operation: Operation, throttled: bool, answer: &Answer) {
        if let Some(pause) = pause_asked(throttled, &answer.headers) {
            self.0.limiter.pause(operation, pause);
        }
    }

    pub(super) fn credentials_accepted(&self) {
        self.0.credentials_refused.store(false, Ordering::Relaxed);
    }

    /// A 403 may concern one operation; only a 401 is about the credentials as such.
    pub(super) fn credentials_in_doubt(&self, refusal: &UpstreamRefusal) {
        if refusal.status == 401 && !self.0.credentials_refused.swap(true, Ordering::Relaxed) {
            tracing::error!("ClickSend refuses the gateway's credentials: check username and api_key");
        }
    }

    pub(super) fn report(&self, call: &Call) {
        let (outcome, status) = (call.outcome.as_str(), call.status);
        tracing::debug!(outcome, status, elapsed = ?call.elapsed, "upstream call");
        let span = tracing::Span::current();
        tracing::record_all!(span, outcome = outcome, status = status.map(i64::from));
        (self.0.observer)(call);
    }
}

/// A call as a span of its own, from the wait for the outbound limiter to the last byte.
pub(super) fn attempt(operation: Operation) -> tracing::Span {
    tracing::info_span!(
        "upstream",
        otel.kind = "client",
        operation = operation.as_str(),
        outcome = tracing::field::Empty,
        status = tracing::field::Empty,
    )
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
