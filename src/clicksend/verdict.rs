//! What an answer means. For a buy the question is whether money moved, and "certainly not" has to be proven.
//!
//! A refusal counts only in ClickSend's own words: a status of the list below inside a whole envelope that repeats
//! it. Anything a proxy, a crash or a half-read answer could produce stays [`Sent::Ambiguous`], which costs a look
//! at the owned numbers; a wrong "refused" costs a sale nobody knows of.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::clicksend::limit::{self, WINDOW};
use crate::clicksend::transport::Answer;
use crate::clicksend::wire::{self, Envelope};
use crate::clicksend::{Account, ReadError};
use crate::domain::number::DedicatedNumber;
use crate::domain::order::{Receipt, Sent, UpstreamRefusal};
use crate::domain::owned::OwnedPage;
use crate::domain::search::OfferPage;

/// The statuses that mean "not done". 405, 408, 409 and 425 are not among them: nobody documents them for a buy,
/// and a front end can produce each of them after the sale.
const DEFINITE_REFUSALS: [u16; 7] = [400, 401, 402, 403, 404, 422, 429];

/// Upstream's texts are kept for people; more than this is not a message.
const MAX_WORDS: usize = 300;

/// A page of numbers on sale.
pub(super) fn read_offers(answer: &Answer) -> Result<OfferPage, ReadError> {
    read_page(wire::offer_page(read_envelope(answer, Envelope::of_search)?))
}

/// A page of owned numbers.
pub(super) fn read_owned(answer: &Answer) -> Result<OwnedPage, ReadError> {
    read_page(wire::owned_page(&read_envelope(answer, Envelope::parse)?))
}

/// The account.
pub(super) fn read_account(answer: &Answer) -> Result<Account, ReadError> {
    read_page(wire::account(&read_envelope(answer, Envelope::parse)?))
}

fn read_page<T>(page: Result<T, &'static str>) -> Result<T, ReadError> {
    page.map_err(|fault| ReadError::Unavailable(fault.to_owned()))
}

/// The envelope of a read that succeeded, or why there is none. A 429 needs no envelope: its two known bodies differ.
fn read_envelope<'a, D>(
    answer: &'a Answer,
    parse: impl FnOnce(&'a [u8]) -> Result<Envelope<'a, D>, &'static str>,
) -> Result<Envelope<'a, D>, ReadError> {
    let busy =
        || ReadError::Busy { retry_after: limit::pause_asked(true, &answer.headers).unwrap_or(WINDOW) };
    if answer.status == 429 {
        return Err(busy());
    }
    let envelope = envelope(answer, parse).map_err(ReadError::Unavailable)?;
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
    let envelope = match envelope(answer, Envelope::parse) {
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

fn envelope<'a, D>(
    answer: &'a Answer,
    parse: impl FnOnce(&'a [u8]) -> Result<Envelope<'a, D>, &'static str>,
) -> Result<Envelope<'a, D>, String> {
    let body = answer.body.as_deref().map_err(|lost| format!("{lost} (HTTP {})", answer.status))?;
    parse(body).map_err(|fault| format!("{fault} (HTTP {})", answer.status))
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

fn refusal<D>(status: u16, envelope: &Envelope<'_, D>) -> UpstreamRefusal {
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

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]

    use proptest::prelude::{any, prop_assert, proptest};
    use reqwest::header::HeaderMap;

    use super::{Answer, read_buy_answer, read_registration_answer};
    use crate::domain::number::DedicatedNumber;
    use crate::domain::order::{Receipt, Sent};

    const SOLD: &str = r#"{"dedicated_number":"+61491570156","country":"AU","price_total":"8.98"}"#;

    fn number() -> DedicatedNumber {
        "+61491570156".parse().unwrap()
    }

    fn answer(status: u16, body: &[u8]) -> Answer {
        Answer { status, headers: HeaderMap::new(), body: Ok(body.to_vec()) }
    }

    fn buy(status: u16, body: &str) -> Sent<Receipt> {
        read_buy_answer(&number(), &answer(status, body.as_bytes()))
    }

    fn envelope(http_code: &str, code: &str, data: &str) -> String {
        format!(
            r#"{{"http_code":{http_code},"response_code":"{code}","response_msg":"Words.","data":{data}}}"#
        )
    }

    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Class {
        Done,
        Refused,
        Ambiguous,
    }

    fn class<T>(sent: &Sent<T>) -> Class {
        match sent {
            Sent::Done(_) => Class::Done,
            Sent::Refused(_) => Class::Refused,
            Sent::Ambiguous(_) => Class::Ambiguous,
            Sent::NotSent(reason) => unreachable!("an answer to what was not sent: {reason}"),
        }
    }

    #[test]
    fn only_a_whole_success_for_our_number_is_a_sale() {
        let row = |changes: &[(&str, &str)]| {
            let whole = envelope("200", "SUCCESS", SOLD);
            changes.iter().fold(whole, |text, (from, to)| {
                assert!(text.contains(from), "{from}");
                text.replace(from, to)
            })
        };
        for (class_of, status, body) in [
            (Class::Done, 200, row(&[])),
            (Class::Done, 200, row(&[("200", "\"200\"")])),
            (Class::Done, 200, row(&[(r#""8.98""#, "8.98")])),
            (Class::Done, 200, row(&[(r#""AU""#, "null")])),
            (Class::Done, 200, row(&[(r#","response_msg":"Words.""#, "")])),
            (Class::Done, 200, format!("\n {} \n", row(&[]))),
            (Class::Ambiguous, 201, row(&[])),
            (Class::Ambiguous, 201, row(&[("200", "201")])),
            (Class::Ambiguous, 202, row(&[])),
            (Class::Ambiguous, 302, row(&[])),
            (Class::Ambiguous, 400, row(&[])),
            (Class::Ambiguous, 400, row(&[("200", "400")])),
            (Class::Ambiguous, 404, row(&[])),
            (Class::Ambiguous, 500, row(&[])),
            (Class::Ambiguous, 200, row(&[("200", "201")])),
            (Class::Ambiguous, 200, row(&[("200", "null")])),
            (Class::Ambiguous, 200, row(&[("200", "true")])),
            (Class::Ambiguous, 200, row(&[("200", "200.0")])),
            (Class::Ambiguous, 200, row(&[(r#""http_code":200,"#, "")])),
            (Class::Ambiguous, 200, row(&[(r#""http_code":200,"#, r#""http_code":200,"http_code":400,"#)])),
            (Class::Ambiguous, 200, row(&[("SUCCESS", "success")])),
            (Class::Ambiguous, 200, row(&[("SUCCESS", "")])),
            (Class::Ambiguous, 200, row(&[("SUCCESS", "INSUFFICIENT_CREDIT")])),
            (Class::Ambiguous, 200, row(&[(r#""SUCCESS""#, "null")])),
            (Class::Ambiguous, 200, row(&[("+61491570156", "+61491570157")])),
            (Class::Ambiguous, 200, row(&[("+61491570156", "61491570156")])),
            (Class::Ambiguous, 200, row(&[(r#""+61491570156""#, "null")])),
            (Class::Ambiguous, 200, row(&[(r#""+61491570156""#, r#"["+61491570156"]"#)])),
            (Class::Ambiguous, 200, row(&[(SOLD, "null")])),
            (Class::Ambiguous, 200, row(&[(SOLD, "[]")])),
            (Class::Ambiguous, 200, row(&[(SOLD, &format!("[{SOLD}]"))])),
            (Class::Ambiguous, 200, row(&[(SOLD, r#"["+61491570156"]"#)])),
            (Class::Ambiguous, 200, SOLD.to_owned()),
            (Class::Ambiguous, 200, format!("[{}]", row(&[]))),
            (Class::Ambiguous, 200, format!(r#"[200,"SUCCESS","Words.",{SOLD},null]"#)),
            (Class::Ambiguous, 200, format!("{}{}", row(&[]), row(&[]))),
            (Class::Ambiguous, 200, row(&[]).trim_end_matches('}').to_owned()),
            (Class::Ambiguous, 200, String::new()),
            (Class::Ambiguous, 200, "null".to_owned()),
            (Class::Ambiguous, 200, "<html>Here is your new number.</html>".to_owned()),
        ] {
            assert_eq!(class(&buy(status, &body)), class_of, "HTTP {status} {body}");
        }
    }

    #[test]
    fn a_refusal_needs_clicksends_words_and_one_of_seven_statuses() {
        for status in 100..600 {
            let code = status.to_string();
            let is_definite = matches!(status, 400..=404 | 422 | 429);
            let expected = if is_definite { Class::Refused } else { Class::Ambiguous };
            assert_eq!(class(&buy(status, &envelope(&code, "NO", "null"))), expected, "{status}");
            assert_eq!(class(&buy(200, &envelope(&code, "NO", "null"))), expected, "{status} in a 200");
            for html in ["<html>No.</html>", "", "{}", r#"{"error":"no"}"#, r#"{"message":"Not Found"}"#] {
                assert_eq!(class(&buy(status, html)), Class::Ambiguous, "{status} {html}");
            }
        }
    }

    #[test]
    fn a_refusal_that_contradicts_itself_is_none() {
        let field_map = r#"{"dedicated_number":"The number is invalid."}"#;
        for (class_of, status, body) in [
            (Class::Refused, 400, envelope("400", "BAD_REQUEST", field_map)),
            (Class::Refused, 400, envelope("\"400\"", "BAD_REQUEST", "null")),
            (Class::Refused, 404, envelope("404", "NOT_FOUND", r#"{"unforeseen":[1,2]}"#)),
            (Class::Refused, 200, envelope("400", "BAD_REQUEST", field_map)),
            (Class::Refused, 200, envelope("400", "BAD_REQUEST", "{}")),
            (Class::Refused, 200, envelope("400", "BAD_REQUEST", "[]")),
            (Class::Ambiguous, 200, envelope("400", "BAD_REQUEST", SOLD)),
            (Class::Ambiguous, 200, envelope("400", "BAD_REQUEST", r#"{"dedicated_number":"+61491570156"}"#)),
            (Class::Ambiguous, 200, envelope("400", "BAD_REQUEST", r#"{"price_total":8.98}"#)),
            (Class::Ambiguous, 200, envelope("400", "BAD_REQUEST", "[1]")),
            (Class::Ambiguous, 200, envelope("400", "SUCCESS", "null")),
            (Class::Ambiguous, 400, envelope("400", "SUCCESS", "null")),
            (Class::Ambiguous, 400, envelope("404", "NOT_FOUND", "null")),
            (Class::Ambiguous, 400, envelope("200", "BAD_REQUEST", "null")),
            (Class::Ambiguous, 400, envelope("500", "INTERNAL_SERVER_ERROR", "null")),
            (Class::Ambiguous, 500, envelope("400", "BAD_REQUEST", "null")),
            (Class::Ambiguous, 405, envelope("405", "NOT_FOUND", "null")),
            (Class::Ambiguous, 409, envelope("409", "ALREADY_EXISTS", "null")),
            (Class::Ambiguous, 429, r#"{"http_code":429,"response_code":"THROTTLED"}"#.to_owned()),
            (Class::Refused, 429, envelope("429", "HTTP_TOO_MANY_REQUESTS", "null")),
        ] {
            assert_eq!(class(&buy(status, &body)), class_of, "HTTP {status} {body}");
        }
    }

    #[test]
    fn a_registration_needs_no_data_but_the_same_proof() {
        let read = |status, body: &str| class(&read_registration_answer(&answer(status, body.as_bytes())));
        for data in ["null", "{}", "[]", r#""sent""#] {
            assert_eq!(read(200, &envelope("200", "SUCCESS", data)), Class::Done, "{data}");
        }
        let fields = r#"{"email":"Email field is required."}"#;
        assert_eq!(read(400, &envelope("400", "BAD_REQUEST", fields)), Class::Refused);
        assert_eq!(read(500, &envelope("500", "ERROR", "null")), Class::Ambiguous);
        assert_eq!(read(204, ""), Class::Ambiguous);
    }

    #[test]
    fn upstreams_words_are_kept_on_one_line_and_short() {
        let message = "Insufficient Balance.\\r\\nforged log line ";
        let body = envelope("400", "BAD_REQUEST", "null").replace("Words.", &message.repeat(20));
        let Sent::Refused(refusal) = buy(400, &body) else { unreachable!("{body}") };
        assert_eq!(refusal.response_msg.chars().count(), 300);
        assert!(!refusal.response_msg.contains(['\r', '\n']));
        assert!(refusal.is_about_balance());
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_are_never_a_sale(status in any::<u16>(), body in any::<Vec<u8>>()) {
            prop_assert!(matches!(read_buy_answer(&number(), &answer(status, &body)), Sent::Ambiguous(_)));
            prop_assert!(matches!(read_registration_answer(&answer(status, &body)), Sent::Ambiguous(_)));
        }

        /// One byte of a true receipt changed, or the receipt cut anywhere: still ours, or not a sale.
        #[test]
        fn a_damaged_receipt_is_a_sale_of_our_number_or_none(
            at in any::<proptest::sample::Index>(), byte in any::<u8>(), cut in any::<bool>(),
        ) {
            let mut body = envelope("200", "SUCCESS", SOLD).into_bytes();
            let at = at.index(body.len());
            if cut { body.truncate(at) } else { body.splice(at..=at, [byte]); }
            match read_buy_answer(&number(), &answer(200, &body)) {
                Sent::Done(receipt) => prop_assert!(!cut && receipt.dedicated_number == number().as_str()),
                Sent::Ambiguous(_) => {}
                wrong @ (Sent::Refused(_) | Sent::NotSent(_)) => prop_assert!(false, "{wrong:?}"),
            }
        }
    }
}
