//! The story that a purchase's events tell: where it must stand now, and what it must have held and paid.
//!
//! The events are folded through the state machine itself, so evidence that tells of a step which the machine does
//! not have is found out as well as a row that was moved behind its back.

use crate::domain::chain::RecordedEvent;
use crate::domain::money::Money;
use crate::domain::purchase::{State, Step};

/// What the events of one purchase come to so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Story {
    /// Where it stands.
    pub state: State,
    /// How many transitions there were.
    pub version: i64,
    /// How many times it was claimed.
    pub claims: i64,
    /// The month of the newest reservation, which all its money belongs to.
    pub month: Option<String>,
    /// Every hold ever taken.
    pub held: Money,
    /// Every hold given back, as a positive amount.
    pub released: Money,
    /// Everything charged.
    pub charged: Money,
}

/// An event that does not go on from those before it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoryError {
    /// A story begins with its submission.
    #[error("begins with {0}")]
    Beginning(String),
    /// The machine has no such transition.
    #[error("{action} leads from {from} to {to:?}: there is no such step")]
    Step {
        /// The event.
        action: String,
        /// Where the purchase stood.
        from: State,
        /// Where the event says that it led.
        to: String,
    },
    /// Versions count transitions.
    #[error("{action} makes version {said}, {expected} was to come")]
    Version {
        /// The event.
        action: String,
        /// What it says.
        said: i64,
        /// What comes next.
        expected: i64,
    },
    /// A detail is missing or is no amount, or the sum has no room for it.
    #[error("{action} has no usable {detail}")]
    Detail {
        /// The event.
        action: String,
        /// Which detail.
        detail: &'static str,
    },
}

const SUBMITTED: &str = "purchase.submitted";

impl Step {
    /// The action of the event that tells of it. Steps that share one differ in where they lead.
    pub const fn event(self) -> &'static str {
        match self {
            Self::Endorse | Self::Approve => "purchase.approved",
            Self::Reject => "purchase.rejected",
            Self::Withdraw => "purchase.withdrawn",
            Self::Expire => "purchase.expired",
            Self::AskAgain | Self::Redecide => "purchase.price_changed",
            Self::Reserve => "purchase.reserved",
            Self::Claim => "purchase.intent",
            Self::NotSent => "purchase.not_sent",
            Self::Book => "purchase.bought",
            Self::Fail => "purchase.failed",
            Self::Lose => "purchase.lost",
            Self::Absent => "purchase.not_bought",
            Self::Stall => "purchase.stalled",
            Self::GiveUp => "purchase.given_up",
            Self::BookLate => "purchase.bought_late",
            Self::Cancel => "purchase.cancelled",
        }
    }
}

impl Story {
    /// A story begins with the submission.
    pub fn beginning(event: &RecordedEvent) -> Result<Self, StoryError> {
        let state = event.text("state").and_then(|said| said.parse().ok());
        match state {
            Some(state @ (State::PendingApproval | State::Approved)) if event.action == SUBMITTED => {
                Ok(Self {
                    state,
                    version: 1,
                    claims: 0,
                    month: None,
                    held: Money::ZERO,
                    released: Money::ZERO,
                    charged: Money::ZERO,
                })
            }
            Some(_) | None => Err(StoryError::Beginning(event.action.clone())),
        }
    }

    /// Goes on by one event; one without a version is a remark and tells of no step. On an error the story stays where
    /// it was.
    pub fn go_on(&mut self, event: &RecordedEvent) -> Result<(), StoryError> {
        let Some(version) = event.int("version") else { return Ok(()) };
        let said = event.text("state").unwrap_or_default();
        // Several steps may be told by one word; what they lead to tells them apart.
        let step = Step::ALL.into_iter().find(|step| {
            step.event() == event.action && self.state.after(*step).is_ok_and(|to| to.as_str() == said)
        });
        let Some((step, state)) = step.and_then(|step| Some((step, self.state.after(step).ok()?))) else {
            let (action, to) = (event.action.clone(), said.to_owned());
            return Err(StoryError::Step { action, from: self.state, to });
        };
        let expected = self.version + 1;
        if version != expected {
            return Err(StoryError::Version { action: event.action.clone(), said: version, expected });
        }
        let mut next = Self { state, version: expected, ..self.clone() };
        next.pay(step, event)?;
        *self = next;
        Ok(())
    }

    /// What is held and not given back.
    pub fn open_hold(&self) -> Money {
        self.held.checked_sub(self.released).unwrap_or_default()
    }

    fn pay(&mut self, step: Step, event: &RecordedEvent) -> Result<(), StoryError> {
        match step {
            Step::Reserve => {
                self.month = event.text("month").map(ToOwned::to_owned);
                self.held = sum(self.held, event, "hold")?;
            }
            Step::Claim => self.claims += 1,
            Step::NotSent | Step::Fail | Step::Absent | Step::GiveUp => self.released = self.held,
            Step::Book | Step::BookLate => {
                self.released = self.held;
                self.charged = sum(self.charged, event, "charged")?;
            }
            Step::Endorse
            | Step::Approve
            | Step::Reject
            | Step::Withdraw
            | Step::Expire
            | Step::AskAgain
            | Step::Redecide
            | Step::Lose
            | Step::Stall
            | Step::Cancel => {}
        }
        Ok(())
    }
}

fn sum(so_far: Money, event: &RecordedEvent, detail: &'static str) -> Result<Money, StoryError> {
    let amount: Option<Money> = event.text(detail).and_then(|text| text.parse().ok());
    let unusable = || StoryError::Detail { action: event.action.clone(), detail };
    amount.and_then(|amount| so_far.checked_add(amount)).ok_or_else(unusable)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]

    use serde_json::{Value, json};

    use super::Story;
    use crate::domain::chain::RecordedEvent;
    use crate::domain::purchase::{State, Step};

    fn event(action: &str, details: &Value) -> RecordedEvent {
        let body = json!({
            "v": 1, "seq": 1, "at": "2026-11-23T12:00:00Z", "action": action, "actor": {"gateway": "test"},
            "target": {"kind": "purchase", "id": "7"}, "details": details, "personal": {},
        });
        serde_json::from_value(body).unwrap()
    }

    fn story(events: &[(&str, Value)]) -> Result<Story, String> {
        let mut events = events.iter().map(|(action, details)| event(action, details));
        let mut story = Story::beginning(&events.next().unwrap()).map_err(|error| error.to_string())?;
        for event in events {
            story.go_on(&event).map_err(|error| error.to_string())?;
        }
        Ok(story)
    }

    fn submitted() -> (&'static str, Value) {
        ("purchase.submitted", json!({"state": "approved"}))
    }

    fn reserved(version: i64) -> (&'static str, Value) {
        let details = json!({"state": "reserved", "version": version, "hold": "20.71", "month": "2026-11"});
        ("purchase.reserved", details)
    }

    fn intent(version: i64) -> (&'static str, Value) {
        ("purchase.intent", json!({"state": "dispatching", "version": version}))
    }

    #[test]
    fn money_follows_the_steps() {
        let not_sent = ("purchase.not_sent", json!({"state": "approved", "version": 4}));
        let bought = ("purchase.bought", json!({"state": "bought", "version": 7, "charged": "5.50"}));
        let told =
            story(&[submitted(), reserved(2), intent(3), not_sent, reserved(5), intent(6), bought]).unwrap();
        let money = (told.held.to_string(), told.released.to_string(), told.charged.to_string());
        assert_eq!(money, ("41.42".into(), "41.42".into(), "5.50".into()));
        assert_eq!((told.version, told.claims, told.month.as_deref()), (7, 2, Some("2026-11")));
    }

    #[test]
    fn what_nobody_knows_keeps_its_hold() {
        let lost = ("purchase.lost", json!({"state": "unknown", "version": 4}));
        let told = story(&[submitted(), reserved(2), intent(3), lost]).unwrap();
        assert_eq!((told.state.as_str(), told.open_hold().to_string()), ("unknown", "20.71".into()));
    }

    #[test]
    fn what_the_machine_does_not_know_is_no_story() {
        let cases = [
            (vec![reserved(1)], "begins with purchase.reserved"),
            (
                vec![submitted(), intent(2)],
                r#"purchase.intent leads from approved to "dispatching": there is no such step"#,
            ),
            (vec![submitted(), reserved(3)], "purchase.reserved makes version 3, 2 was to come"),
            (
                vec![
                    submitted(),
                    ("purchase.reserved", json!({"state": "reserved", "version": 2, "hold": "lots"})),
                ],
                "purchase.reserved has no usable hold",
            ),
        ];
        for (events, wanted) in cases {
            assert_eq!(story(&events), Err(wanted.to_owned()));
        }
    }

    #[test]
    fn an_event_and_where_it_leads_tell_which_step_it_was() {
        for from in State::ALL {
            let told: Vec<_> = Step::ALL
                .into_iter()
                .filter_map(|step| Some((step.event(), from.after(step).ok()?)))
                .collect();
            for (index, one) in told.iter().enumerate() {
                assert!(!told.iter().skip(index + 1).any(|other| other == one), "{from}: {one:?}");
            }
        }
    }
}
