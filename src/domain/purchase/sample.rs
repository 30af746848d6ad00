//! A purchase for unit tests: on its way, of a number for 2.00 and 10.00 a month.

#![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::domain::canonical::Digest;
use crate::domain::principal::Person;
use crate::domain::purchase::{MessageType, Purchase, PurchaseId, Requester, State};
use crate::domain::quote::Quote;

/// Ann's of growth, at the beginning of 1970.
pub(crate) fn purchase() -> Purchase {
    Purchase {
        id: PurchaseId::random(),
        number: "+12025550143".parse().unwrap(),
        message_type: MessageType::Sms,
        requester: Requester {
            person: Person { issuer: "local".into(), subject: "ann".into() },
            name: None,
            roles: BTreeSet::new(),
            email: None,
            actor: None,
            on_behalf_of: None,
            team: "growth".parse().unwrap(),
        },
        reference: None,
        max_price: None,
        quote: Quote {
            country: "US".parse().unwrap(),
            country_name: None,
            currency: "AUD".parse().unwrap(),
            setup: "2.00".parse().unwrap(),
            monthly: "10.00".parse().unwrap(),
            total_as_shown: None,
            at: Timestamp::UNIX_EPOCH,
        },
        quote_digest: Digest::ZERO,
        rule: String::new(),
        policy_digest: Digest::ZERO,
        terms: None,
        round: 1,
        decide_by: None,
        approved_until: None,
        state: State::Dispatching,
        code: None,
        explanation: None,
        version: 3,
        attempts: 1,
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
        receipt: None,
    }
}
