//! What is bought, what was sold, and what was charged for it.
//!
//! A purchase is paid for the rest of its month at once. The formula is a guess, and a switch.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::clock::days_after;
use super::countries::Country;
use super::inventory::Number;
use super::money::Micros;
use super::plan::Lateness;
use super::settings::FirstCharge;

/// What is bought.
#[derive(Clone, Debug)]
pub(super) struct Offer {
    pub(super) number: Number,
    pub(super) country: &'static Country,
    pub(super) monthly: Micros,
    pub(super) message_type: MessageType,
    pub(super) registration: Registration,
    pub(super) lateness: Lateness,
    /// The request that bought it; none for a sale behind everybody's back.
    pub(super) request: Option<u64>,
}

impl Offer {
    /// What it costs if it is bought now: cents, rounded once.
    pub(super) fn first_charge(&self, rule: FirstCharge, now: Timestamp) -> Micros {
        let (after, whole) = days_after(now);
        let share = match rule {
            FirstCharge::ProRated => self.monthly.share(after + 1, whole),
            FirstCharge::ProRatedFromTomorrow => self.monthly.share(after, whole),
            FirstCharge::Quote => self.monthly,
        };
        (self.country.setup + share).rounded_to_cents()
    }
}

/// ClickSend's `type` of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum MessageType {
    Sms,
    Mms,
    Voice,
}

impl MessageType {
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Sms => "sms",
            Self::Mms => "mms",
            Self::Voice => "voice",
        }
    }
}

/// Whether `registration_data` came along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Registration {
    Present,
    Absent,
}

/// One sale, as the ledger shows it. Money with six decimals.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Sale {
    pub(super) number: Number,
    pub(super) country: &'static str,
    #[serde(rename = "type")]
    pub(super) message_type: MessageType,
    pub(super) price_setup: Micros,
    pub(super) price_monthly: Micros,
    /// What was really charged.
    pub(super) price_total: Micros,
    pub(super) at: Timestamp,
    pub(super) registration_data_present: bool,
    pub(super) guid: String,
    pub(super) request: Option<u64>,
    /// The number was owned already and was charged once more.
    pub(super) repeat: bool,
}

/// One movement of the balance, as the invoice shows it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Charge {
    pub(super) at: Timestamp,
    pub(super) number: Number,
    pub(super) kind: ChargeKind,
    pub(super) amount: Micros,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ChargeKind {
    Purchase,
    Renewal,
}

/// A registration that was handed in.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Submission {
    pub(super) number_type: String,
    pub(super) country: String,
    pub(super) at: Timestamp,
    pub(super) request: u64,
    pub(super) body: serde_json::Value,
}
