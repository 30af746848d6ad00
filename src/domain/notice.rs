//! A notice: what somebody outside is told about an event of the evidence.
//!
//! Which events are worth a notice is decided here, from the event alone: the store asks [`Kind::of`] for each event
//! it appends, so no service can forget to tell.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::domain::audit::AuditEvent;

/// What a notice is about: the words of `notifications.webhooks.events`, and the `type` on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A request waits for people.
    ApprovalWanted,
    /// People approved, rejected or withdrew it, or let it expire.
    Decided,
    /// The time to decide, or to use an approval, runs out.
    ExpiresSoon,
    /// A number was bought.
    Bought,
    /// A registration was sent to ClickSend, or accepted there.
    Registered,
    /// A purchase or registration came to nothing.
    Failed,
    /// Only a person can find out what became of it.
    NeedsAttention,
    /// A budget has reached 80 or 100 %.
    Budget,
    /// The account has a number that nobody here bought.
    Orphan,
    /// Buying was frozen, or a freeze lifted.
    Frozen,
}

/// Told once when a budget is nearly used, so that somebody can act before a purchase is refused.
pub const BUDGET_REACHED: &str = "budget.reached";

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::ApprovalWanted,
        Self::Decided,
        Self::ExpiresSoon,
        Self::Bought,
        Self::Registered,
        Self::Failed,
        Self::NeedsAttention,
        Self::Budget,
        Self::Orphan,
        Self::Frozen,
    ];

    /// What an event is told as, if it is told at all.
    pub fn of(event: &AuditEvent) -> Option<Self> {
        let state = event.details.get("state").and_then(Value::as_str).unwrap_or_default();
        match (event.action, state) {
            (
                "purchase.submitted" | "purchase.price_changed" | "registration.requested",
                "pending_approval",
            ) => Some(Self::ApprovalWanted),
            // An approval that wants more beside it decides nothing yet.
            ("purchase.approved" | "registration.approved", "approved")
            | (
                "purchase.rejected"
                | "purchase.withdrawn"
                | "purchase.expired"
                | "registration.rejected"
                | "registration.withdrawn"
                | "registration.expired",
                _,
            ) => Some(Self::Decided),
            ("purchase.expires_soon" | "registration.expires_soon", _) => Some(Self::ExpiresSoon),
            ("purchase.bought" | "purchase.bought_late", _) => Some(Self::Bought),
            ("registration.submitted" | "registration.accepted", _) => Some(Self::Registered),
            (
                "purchase.failed"
                | "purchase.not_bought"
                | "purchase.given_up"
                | "purchase.cancelled"
                | "registration.failed"
                | "registration.declined"
                | "registration.cancelled",
                _,
            ) => Some(Self::Failed),
            ("purchase.stalled" | "registration.stalled", _) => Some(Self::NeedsAttention),
            (BUDGET_REACHED, _) => Some(Self::Budget),
            ("number.orphaned", _) => Some(Self::Orphan),
            ("buying.frozen" | "freeze.lifted", _) => Some(Self::Frozen),
            _ => None,
        }
    }

    /// The word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ApprovalWanted => "approval_wanted",
            Self::Decided => "decided",
            Self::ExpiresSoon => "expires_soon",
            Self::Bought => "bought",
            Self::Registered => "registered",
            Self::Failed => "failed",
            Self::NeedsAttention => "needs_attention",
            Self::Budget => "budget",
            Self::Orphan => "orphan",
            Self::Frozen => "frozen",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// A text that names no kind of notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a kind of notice")]
pub struct KindError;

impl FromStr for Kind {
    type Err = KindError;

    fn from_str(text: &str) -> Result<Self, KindError> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(KindError)
    }
}

/// A notice in words, before it takes the form that its receiver reads.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// What it is about.
    pub kind: Kind,
    /// When it happened.
    pub at: Timestamp,
    /// What happened, as one sentence.
    pub summary: String,
    /// What matters about it, for people: label and text.
    pub facts: Vec<(&'static str, String)>,
    /// The page about it, where the gateway knows its own address.
    pub link: Option<String>,
    /// The same for programs.
    pub data: Map<String, Value>,
}

#[cfg(test)]
mod tests {
    use super::Kind;
    use crate::domain::audit::{Actor, AuditEvent, Target};
    use crate::domain::purchase::{State, Step};
    use crate::domain::registration::{RegistrationState, RegistrationStep};

    fn told(action: &'static str, state: &str) -> Option<Kind> {
        let event = AuditEvent::new(action, Actor::Gateway("test"), Target::new("purchase", &7));
        Kind::of(&event.with("state", state))
    }

    #[test]
    fn what_leads_a_purchase_to_people_or_to_its_end_is_told_and_nothing_between() {
        for from in State::ALL {
            for step in Step::ALL {
                let Ok(to) = from.after(step) else { continue };
                let wanted = match to {
                    State::PendingApproval if step == Step::AskAgain => Some(Kind::ApprovalWanted),
                    State::Approved if step == Step::Approve => Some(Kind::Decided),
                    State::Rejected | State::Withdrawn | State::Expired => Some(Kind::Decided),
                    State::Bought | State::BoughtLate => Some(Kind::Bought),
                    State::Failed | State::NotBought | State::Cancelled => Some(Kind::Failed),
                    State::NeedsAttention => Some(Kind::NeedsAttention),
                    State::PendingApproval
                    | State::Approved
                    | State::Reserved
                    | State::Dispatching
                    | State::Unknown => None,
                };
                assert_eq!(told(step.event(), to.as_str()), wanted, "{from}: {step:?}");
            }
        }
        assert_eq!(told("purchase.submitted", "pending_approval"), Some(Kind::ApprovalWanted));
        assert_eq!(told("purchase.submitted", "approved"), None, "a rule decided, and the purchase is told");
    }

    #[test]
    fn every_end_of_a_registration_is_told() {
        for from in RegistrationState::ALL {
            for step in RegistrationStep::ALL {
                let Ok(to) = from.after(step) else { continue };
                let kind = told(step.event(), to.as_str());
                assert!(kind.is_some() || !to.is_final(), "{from}: {step:?} leads to {to}");
            }
        }
    }

    #[test]
    fn a_kind_is_read_by_its_word() {
        for kind in Kind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(kind));
        }
    }
}
