//! Values as people read them: money, time, states and what happened.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::domain::approval::{ApprovalTerms, ApproverTeam};
use crate::domain::money::{Currency, Money};
use crate::domain::principal::TeamId;
use crate::domain::purchase::{Purchase, Requester, State};
use crate::domain::registration::RegistrationState;
use crate::service::teams::Teams;

/// `AUD 20.71`.
pub(super) fn money(amount: Money, currency: Currency) -> String {
    format!("{currency} {amount}")
}

/// A moment: for machines, and for people where the budgets' days turn.
#[derive(Clone, Debug)]
pub(super) struct When {
    pub(super) iso: String,
    pub(super) text: String,
}

impl When {
    pub(super) fn new(at: Timestamp, zone: &TimeZone) -> Self {
        let text = at.to_zoned_datetime(zone.clone()).strftime("%-d %b %Y, %H:%M %Z").to_string();
        Self { iso: at.to_string(), text }
    }
}

/// A state in a word, and how it looks: `wait`, `busy`, `good`, `bad`, `alarm`, `quiet`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Badge {
    /// The state's own word, for programs that look at a page.
    pub(super) state: &'static str,
    pub(super) word: &'static str,
    pub(super) tone: &'static str,
}

impl From<State> for Badge {
    fn from(state: State) -> Self {
        let (word, tone) = match state {
            State::PendingApproval => ("Waits for approval", "wait"),
            State::Approved => ("Approved", "busy"),
            State::Reserved | State::Dispatching => ("Being bought", "busy"),
            State::Bought => ("Bought", "good"),
            State::BoughtLate => ("Bought late", "good"),
            State::Failed => ("Refused by ClickSend", "bad"),
            State::NotBought => ("Not bought", "bad"),
            State::Unknown => ("Being found out", "alarm"),
            State::NeedsAttention => ("Needs attention", "alarm"),
            State::Rejected => ("Rejected", "bad"),
            State::Withdrawn => ("Withdrawn", "quiet"),
            State::Expired => ("Expired", "quiet"),
            State::Cancelled => ("Cancelled", "bad"),
        };
        Self { state: state.as_str(), word, tone }
    }
}

impl From<RegistrationState> for Badge {
    fn from(state: RegistrationState) -> Self {
        let (word, tone) = match state {
            RegistrationState::PendingApproval => ("Waits for approval", "wait"),
            RegistrationState::Approved => ("Approved", "busy"),
            RegistrationState::Dispatching => ("Being sent", "busy"),
            RegistrationState::Submitted => ("With ClickSend", "busy"),
            RegistrationState::Accepted => ("Accepted", "good"),
            RegistrationState::Declined => ("Declined by ClickSend", "bad"),
            RegistrationState::Failed => ("Refused by ClickSend", "bad"),
            RegistrationState::Unknown => ("Outcome unknown", "alarm"),
            RegistrationState::NeedsAttention => ("Needs attention", "alarm"),
            RegistrationState::Rejected => ("Rejected", "bad"),
            RegistrationState::Withdrawn => ("Withdrawn", "quiet"),
            RegistrationState::Expired => ("Expired", "quiet"),
            RegistrationState::Cancelled => ("Cancelled", "bad"),
        };
        Self { state: state.as_str(), word, tone }
    }
}

/// What happens next to a registration, and by whom. Final states have nothing.
pub(super) const fn next_of_registration(state: RegistrationState) -> Option<&'static str> {
    Some(match state {
        RegistrationState::PendingApproval => "Approvers decide. Whoever asked may withdraw it.",
        RegistrationState::Approved => "The gateway sends it as soon as it can.",
        RegistrationState::Dispatching => "The gateway is sending it to ClickSend right now.",
        RegistrationState::Submitted => "ClickSend answers by mail; an approver passes the answer on.",
        RegistrationState::Unknown => {
            "ClickSend's answer was lost. It is left to people; nothing is sent again."
        }
        RegistrationState::NeedsAttention => "An administrator finds out at ClickSend whether it arrived.",
        RegistrationState::Accepted
        | RegistrationState::Declined
        | RegistrationState::Failed
        | RegistrationState::Rejected
        | RegistrationState::Withdrawn
        | RegistrationState::Expired
        | RegistrationState::Cancelled => return None,
    })
}

/// What happens next to a purchase, and by whom. Final states have nothing.
pub(super) fn next(purchase: &Purchase) -> Option<&'static str> {
    Some(match purchase.state {
        State::PendingApproval => "Approvers decide. Whoever asked may withdraw it.",
        State::Approved => "The gateway buys it as soon as it can.",
        State::Reserved | State::Dispatching => "The gateway is asking ClickSend for it right now.",
        State::Unknown => {
            "ClickSend's answer was lost. The gateway looks for the number; nothing is sent again."
        }
        State::NeedsAttention => "An administrator finds out at ClickSend whether it was bought.",
        State::Bought
        | State::BoughtLate
        | State::Failed
        | State::NotBought
        | State::Rejected
        | State::Withdrawn
        | State::Expired
        | State::Cancelled => return None,
    })
}

/// Who asked: `Ann Lee`, or `Ann Lee, said by crm-app`.
pub(super) fn asked_by(requester: &Requester) -> String {
    let name = requester.name.clone().unwrap_or_else(|| requester.person.subject.clone());
    match &requester.on_behalf_of {
        Some(person) => format!("{person}, said by {name}"),
        None => name,
    }
}

/// Who must approve, as one line: `1 approver of growth, and 1 finance of any team`.
pub(super) fn approvers(terms: &ApprovalTerms, of: &TeamId) -> String {
    let stages = terms.stages.iter().map(|stage| {
        let team = match &stage.team {
            ApproverTeam::Same => format!("of {of}"),
            ApproverTeam::Any => "of any team".to_owned(),
            ApproverTeam::Team(team) => format!("of {team}"),
        };
        format!("{} {} {team}", stage.approvals, stage.role)
    });
    stages.collect::<Vec<_>>().join(", and ")
}

/// What happened, in words; what nobody gave words to keeps its own.
pub(super) fn happened(action: &str) -> String {
    let words = match action {
        "purchase.submitted" | "registration.requested" => "Asked for",
        "purchase.approved" | "registration.approved" => "Approved",
        "purchase.rejected" | "registration.rejected" => "Rejected",
        "purchase.withdrawn" | "registration.withdrawn" => "Withdrawn",
        "purchase.expired" | "registration.expired" => "Expired: nobody decided in time",
        "purchase.cancelled" | "registration.cancelled" => "Cancelled",
        "purchase.price_changed" => "The price changed; the rules decided again",
        "purchase.reserved" => "Money set aside",
        "purchase.intent" => "Sent to ClickSend",
        "purchase.not_sent" => "Could not be sent; nothing left the gateway",
        "purchase.bought" => "Bought",
        "purchase.bought_late" => "Found to be bought after all",
        "purchase.failed" => "Refused by ClickSend",
        "purchase.lost" => "ClickSend's answer was lost",
        "purchase.not_bought" => "Found not to be bought",
        "purchase.resolution" | "registration.resolution" => "An administrator said what became of it",
        "purchase.refused" | "registration.refused" => "A request was refused",
        "decision.refused" => "A decision was refused",
        "owned_numbers.listed" => "The list of owned numbers changed",
        "numbers.taken_in" => "Numbers taken in",
        "number.orphaned" => "A number that nobody bought here",
        "number.assigned" => "A number given to a team",
        "number.renewed" => "A number renewed",
        "number.price_changed" => "ClickSend changed a number's price",
        "spend.adjusted" => "The ledger put right",
        "account.balance_low" => "The balance does not pay the next 1st",
        "number.gone" => "A number left the account",
        "buying.frozen" => "Buying stopped",
        "freeze.lifted" => "Buying goes on",
        _ => {
            let own = action.split_once('.').map_or(action, |(_, own)| own).replace('_', " ");
            return super::page::capitalized(&own);
        }
    };
    words.to_owned()
}

/// A team by its name, or by its key where it is not configured any more.
pub(super) fn team(id: &TeamId, teams: &Teams) -> String {
    teams.find(id).map_or_else(|| id.to_string(), |team| team.name.clone())
}

/// `2026-11` as `November 2026`.
pub(super) fn month(key: &str) -> String {
    let first: Result<jiff::civil::Date, _> = format!("{key}-01").parse();
    first.map_or_else(|_| key.to_owned(), |day| day.strftime("%B %Y").to_string())
}
