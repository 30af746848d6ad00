//! The numbers that the account owns, as upstream lists them, and the filters that decide over them.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::domain::money::{Currency, Money};

/// One row of upstream's list. Only the first four fields have always existed; every other may be absent. One
/// number can stand in several rows (one a message type).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnedNumber {
    /// The number.
    pub dedicated_number: String,
    /// The country's two letters.
    pub country: Option<String>,
    /// The monthly price, a decimal.
    pub price: Option<String>,
    /// The country in words.
    #[serde(rename = "_country_name")]
    pub country_name: Option<String>,
    /// The account's own notes.
    pub notes: Option<String>,
    /// The message type: sms, mms.
    #[serde(rename = "type")]
    pub message_type: Option<String>,
    /// longcode, tollfree, shortcode, 10DLC …
    pub number_type: Option<String>,
    /// Upstream's category.
    pub number_category: Option<String>,
    /// Upstream's identity of this row.
    pub number_guid: Option<String>,
    /// The registration form, where there is one.
    pub form_submission_id: Option<String>,
    /// The registration status; nothing where upstream says a word that its own SDKs would choke on.
    pub status: Option<RegistrationStatus>,
}

/// Where a number's registration stands: one of upstream's six, whose labels its SDKs know as a closed list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RegistrationStatus {
    /// 0.
    RegistrationNotRequired,
    /// 1.
    RegistrationNotInitiated,
    /// 2.
    RegistrationInitiated,
    /// 3.
    CustActionRequired,
    /// 4.
    RegistrationSubmitted,
    /// 5.
    Registered,
}

impl RegistrationStatus {
    /// Every status, in the order of upstream's numbers.
    pub const ALL: [Self; 6] = [
        Self::RegistrationNotRequired,
        Self::RegistrationNotInitiated,
        Self::RegistrationInitiated,
        Self::CustActionRequired,
        Self::RegistrationSubmitted,
        Self::Registered,
    ];

    /// Upstream's number.
    pub const fn value(self) -> u8 {
        match self {
            Self::RegistrationNotRequired => 0,
            Self::RegistrationNotInitiated => 1,
            Self::RegistrationInitiated => 2,
            Self::CustActionRequired => 3,
            Self::RegistrationSubmitted => 4,
            Self::Registered => 5,
        }
    }

    /// Upstream's label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::RegistrationNotRequired => "REGISTRATION_NOT_REQUIRED",
            Self::RegistrationNotInitiated => "REGISTRATION_NOT_INITIATED",
            Self::RegistrationInitiated => "REGISTRATION_INITIATED",
            Self::CustActionRequired => "CUST_ACTION_REQUIRED",
            Self::RegistrationSubmitted => "REGISTRATION_SUBMITTED",
            Self::Registered => "REGISTERED",
        }
    }

    /// What it means, for people.
    pub const fn description(self) -> &'static str {
        match self {
            Self::RegistrationNotRequired => "Your number is ready to go.",
            Self::RegistrationNotInitiated => {
                "Your number is not registered; it cannot send to some countries."
            }
            Self::RegistrationInitiated => "The registration is being looked at; news come by email.",
            Self::CustActionRequired => "The registration waits for something from you.",
            Self::RegistrationSubmitted => "The number may be restricted until its registration is done.",
            Self::Registered => "Your number is registered.",
        }
    }

    /// Upstream's name for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RegistrationNotRequired => "Ready to use",
            Self::RegistrationNotInitiated => "Unregistered",
            Self::RegistrationInitiated => "Decision Pending",
            Self::CustActionRequired => "Action Required",
            Self::RegistrationSubmitted => "Limited Availability",
            Self::Registered => "Registered",
        }
    }
}

/// How a number came to be the account's, as far as the gateway knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// A purchase of ours.
    Bought,
    /// It was there at the first complete list of an empty database.
    Preexisting,
    /// No purchase explains it.
    Orphan,
    /// An administrator gave it to a team.
    Assigned,
}

/// A text that names no origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an origin: bought, preexisting, orphan or assigned")]
pub struct OriginError;

impl Origin {
    const ALL: [Self; 4] = [Self::Bought, Self::Preexisting, Self::Orphan, Self::Assigned];

    /// The word for it, in rows, answers and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bought => "bought",
            Self::Preexisting => "preexisting",
            Self::Orphan => "orphan",
            Self::Assigned => "assigned",
        }
    }
}

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        Self::ALL.into_iter().find(|origin| origin.as_str() == text).ok_or(OriginError)
    }
}

/// The monthly price of an owned number, and who said so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    /// Every month.
    pub monthly: Money,
    /// In this money.
    pub currency: Currency,
    /// Whose word it is.
    pub basis: PriceBasis,
}

/// Who named a price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PriceBasis {
    /// The live quote that the number was bought at.
    Quote,
    /// Upstream's list of owned numbers.
    List,
}

/// A text that is no basis of a price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a basis of a price: quote or list")]
pub struct PriceBasisError;

impl PriceBasis {
    /// The word for it, in rows and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Quote => "quote",
            Self::List => "list",
        }
    }
}

impl FromStr for PriceBasis {
    type Err = PriceBasisError;

    fn from_str(text: &str) -> Result<Self, PriceBasisError> {
        [Self::Quote, Self::List].into_iter().find(|basis| basis.as_str() == text).ok_or(PriceBasisError)
    }
}

/// One upstream page of owned numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnedPage {
    /// How many rows there are in all.
    pub total: u64,
    /// The last page's number, 0 when there is none.
    pub last_page: u32,
    /// The rows of this page.
    pub numbers: Vec<OwnedNumber>,
    /// The currency of the prices; absent when the list is empty.
    pub currency: Option<crate::domain::search::CurrencyBlock>,
}
