//! What an answer means. For a buy the question is whether money moved, and "certainly not" has to be proven.
//!
//! A refusal counts only in ClickSend's own words: a status of the list below inside a whole envelope that repeats
//! it. Anything a proxy, a crash or a half-read answer could produce stays [`Sent::Ambiguous`], which costs a look
//! at the owned numbers; a wrong "refused" costs a sale nobody knows of.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::clicksend::ReadError;
use crate::clicksend::limit::{self, WINDOW};
use crate::clicksend::transport::Answer;
use crate::clicksend::wire::{self, Envelope};
use crate::domain::number::DedicatedNumber;
use crate::domain::order::{Receipt, Sent, UpstreamRefusal};

/// The statuses that mean "not done". 405, 408, 409 and 425 are not among them: nobody documents them for a buy,
/// and a front end can produce each of them after the sale.
const DEFINITE_REFUSALS: [u16; 7] = [400, 401, 402, 403, 404, 422, 429];

/// Upstream's texts are kept for people; more than this is not a message.
const MAX_WORDS: usize = 300;

/// The envelope of a read that succeeded, or why there is none. A 429 needs no envelope: its two known bodies differ.
pub(super) fn read_envelope(answer: &Answer) -> Result<Envelope<'_>, ReadError> {
    let busy =
        || ReadError::Busy { retry_after: limit::pause_asked(true, &answer.headers).unwrap_or(WINDOW) };
    if answer.status == 429 {
        return Err(busy());
    }
    let envelope = envelope(answer).map_err(ReadError::Unavailable)?;
    let said = if answer.status == 200 { envelope.http_code.unwrap_or(200) } else { answer.status };
    match said {
        200 if envelope.is_success() => Ok(envelope),
        429 => Err(busy()),
        401 | 403 => Err(ReadError::CredentialsRefused(refusal(said, &envelope))),
        200 | 400..500 => Err(ReadError::Refused(refusal(said, &envelope))),
        _ => Err(ReadError::Unavailable(format!("upstream answered {said}"))),
    }
}

/// The class of an answer to a buy of `number` (purchase-protocol.md §3).
pub(super) fn read_buy_answer(number: &DedicatedNumber, answer: &Answer) -> Sent<Receipt> {
    let envelope = match read_write_answer(answer) {
        Sent::Done(envelope) => envelope,
        Sent::Refused(refusal) => return Sent::Refused(refusal),
        Sent::NotSent(reason) => return Sent::NotSent(reason),
        Sent::Ambiguous(reason) => return Sent::Ambiguous(reason),
    };
    match envelope.data.and_then(receipt) {
        Some(receipt) if receipt.dedicated_number == number.as_str() => Sent::Done(receipt),
        Some(_) => Sent::Ambiguous("SUCCESS for another number".to_owned()),
        None => Sent::Ambiguous("SUCCESS without a number".to_owned()),
    }
}

/// The class of an answer to a registration; its `data` is null, an object or an empty array, and says nothing.
pub(super) fn read_registration_answer(answer: &Answer) -> Sent<()> {
    match read_write_answer(answer) {
        Sent::Done(_) => Sent::Done(()),
        Sent::Refused(refusal) => Sent::Refused(refusal),
        Sent::NotSent(reason) => Sent::NotSent(reason),
        Sent::Ambiguous(reason) => Sent::Ambiguous(reason),
    }
}

fn read_write_answer(answer: &Answer) -> Sent<Envelope<'_>> {
    let status = answer.status;
    let envelope = match envelope(answer) {
        Ok(envelope) => envelope,
        Err(reason) => return Sent::Ambiguous(reason),
    };
    let Some(said) = envelope.http_code else {
        return Sent::Ambiguous(format!("an envelope without http_code (HTTP {status})"));
    };
    if (status, said) == (200, 200) && envelope.is_success() {
        return Sent::Done(envelope);
    }
    let agrees = status == said || (status == 200 && is_empty_or_field_map(envelope.data));
    let is_whole = envelope.response_msg.is_some() && !envelope.is_success();
    if agrees && is_whole && DEFINITE_REFUSALS.contains(&said) {
        return Sent::Refused(refusal(said, &envelope));
    }
    let code = words(&envelope.response_code);
    Sent::Ambiguous(format!("HTTP {status} with http_code {said} and {code}"))
}

fn envelope(answer: &Answer) -> Result<Envelope<'_>, String> {
    let body = answer.body.as_deref().map_err(|lost| format!("{lost} (HTTP {})", answer.status))?;
    Envelope::parse(body).map_err(|fault| format!("{fault} (HTTP {})", answer.status))
}

/// Whether `data` holds at most messages about fields. A message has letters; what a receipt says has a number or
/// a price without any, so a receipt is never taken for one.
fn is_empty_or_field_map(data: Option<&RawValue>) -> bool {
    let Some(data) = data else { return true };
    let messages: Option<BTreeMap<String, String>> = wire::object(data.get());
    let is_message = |text: &String| text.contains(char::is_alphabetic);
    data.get() == "[]" || messages.is_some_and(|messages| messages.values().all(is_message))
}

fn receipt(data: &RawValue) -> Option<Receipt> {
    #[derive(Deserialize)]
    struct Fields<'a> {
        #[serde(borrow)]
        dedicated_number: Option<&'a RawValue>,
        country: Option<&'a RawValue>,
        price_total: Option<&'a RawValue>,
        #[serde(rename = "_price_setup")]
        price_setup: Option<&'a RawValue>,
        #[serde(rename = "_price_monthly")]
        price_monthly: Option<&'a RawValue>,
        #[serde(rename = "_currency")]
        currency: Option<&'a RawValue>,
    }
    let fields: Fields<'_> = wire::object(data.get())?;
    Some(Receipt {
        dedicated_number: wire::text(fields.dedicated_number)?,
        country: wire::text(fields.country),
        price_total: wire::text(fields.price_total),
        price_setup: wire::text(fields.price_setup),
        price_monthly: wire::text(fields.price_monthly),
        currency: wire::currency(fields.currency),
    })
}

fn refusal(status: u16, envelope: &Envelope<'_>) -> UpstreamRefusal {
    UpstreamRefusal {
        status,
        response_code: words(&envelope.response_code),
        response_msg: words(envelope.response_msg.as_deref().unwrap_or_default()),
    }
}

/// Upstream's words on one line, and not too many.
fn words(text: &str) -> String {
    text.chars().take(MAX_WORDS).map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}
