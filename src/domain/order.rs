//! What is sent to upstream to buy, and how its answer is read.
//!
//! The three outcomes that are not a sale are kept apart by what they say about money: nothing left this
//! machine, upstream refused for certain, or nobody knows.

use serde::{Deserialize, Serialize};

use crate::domain::number::DedicatedNumber;
use crate::domain::purchase::MessageType;
use crate::domain::registration::RegistrationData;
use crate::domain::search::CurrencyBlock;

/// One buy, exactly as it goes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// The number.
    pub number: DedicatedNumber,
    /// What for.
    pub message_type: MessageType,
    /// For Australian SMS and MMS numbers.
    pub registration_data: Option<RegistrationData>,
}

/// Upstream's word that the number was sold; kept, so that a repeat gets the same answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The number.
    pub dedicated_number: String,
    /// The country's two letters.
    pub country: Option<String>,
    /// What was charged now, a decimal.
    pub price_total: Option<String>,
    /// The setup price, a decimal.
    #[serde(rename = "_price_setup")]
    pub price_setup: Option<String>,
    /// The monthly price, a decimal.
    #[serde(rename = "_price_monthly")]
    pub price_monthly: Option<String>,
    /// The currency of the three.
    #[serde(rename = "_currency")]
    pub currency: Option<CurrencyBlock>,
}

/// A refusal in upstream's own words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpstreamRefusal {
    /// The status: of the HTTP answer, or of the envelope inside a 200.
    pub status: u16,
    /// `response_code`.
    pub response_code: String,
    /// `response_msg`.
    pub response_msg: String,
}

impl UpstreamRefusal {
    /// Whether it means that the account has no money: the only message about it that was ever seen is
    /// `Insufficient Balance.`, its status is not confirmed.
    pub fn is_about_balance(&self) -> bool {
        self.status == 402
            || self.response_code == "INSUFFICIENT_CREDIT"
            || self.response_msg.to_ascii_lowercase().contains("insufficient balance")
    }
}

/// What came of sending a request that cannot be taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sent<T> {
    /// Upstream did it.
    Done(T),
    /// Upstream certainly did not: a 400/401/402/403/404/422/429 in ClickSend's envelope.
    Refused(UpstreamRefusal),
    /// Not one byte left this machine.
    NotSent(String),
    /// Everything else. It may have happened.
    Ambiguous(String),
}
