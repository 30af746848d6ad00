//! Where fuzzers come in: an answer of upstream's, read as a page and as the outcome of a buy. Only in tests and in
//! `tests/fuzz`.

use reqwest::header::HeaderMap;

use super::transport::Answer;
use super::verdict;
use crate::domain::number::DedicatedNumber;
use crate::domain::order::Sent;

/// HTTP statuses that matter: the first byte chooses one.
const STATUSES: [u16; 10] = [200, 201, 302, 400, 401, 403, 404, 409, 429, 500];

/// Reads it in every way there is, and checks what must be true of a verdict: nothing is sold, or certainly not sold, by
/// an answer that does not say so.
///
/// # Panics
/// When one of those is not true.
pub fn answer(data: &[u8]) {
    let Some((first, body)) = data.split_first() else { return };
    let status = STATUSES.get(usize::from(*first) % STATUSES.len()).copied().unwrap_or(200);
    let answer = Answer { status, headers: HeaderMap::new(), body: Ok(body.to_vec()) };
    let text = String::from_utf8_lossy(body);
    let is_page = |read: bool| assert!(!read || status == 200, "a page that came as an error");
    is_page(verdict::read_account(&answer).is_ok());
    is_page(verdict::read_owned(&answer).is_ok());
    let offers = verdict::read_offers(&answer);
    is_page(offers.is_ok());
    if let Ok(page) = offers {
        assert!(page.offers.len() <= body.len(), "more offers than bytes");
        assert!(
            serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok(),
            "a page that is no JSON: {text}"
        );
    }
    let Ok(number) = "+61491570156".parse::<DedicatedNumber>() else { return };
    match verdict::read_buy_answer(&number, &answer) {
        Sent::Done(receipt) => {
            assert_eq!((status, receipt.dedicated_number.as_str()), (200, number.as_str()), "{text}");
        }
        Sent::Refused(refusal) => {
            assert!(
                (400..500).contains(&refusal.status) && [refusal.status, 200].contains(&status),
                "{text}"
            );
        }
        Sent::NotSent(reason) => assert!(reason.is_empty(), "an answer to what was not sent: {text}"),
        Sent::Ambiguous(reason) => assert!(!reason.is_empty()),
    }
    if let Sent::Done(()) = verdict::read_registration_answer(&answer) {
        assert!(status == 200 && text.contains("SUCCESS") || text.contains('\\'), "{text}");
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_fuzzers_found_is_still_read_as_it_should_be() {
        crate::domain::corpus::replay("answer", super::answer);
    }
}
