//! Numbers that cost money and are worth a look. Whether a number is used, nobody here can know; how long it is there, a
//! registration that does not move, and a team that is gone can be known.

use jiff::{SignedDuration, Timestamp};

use crate::domain::owned::RegistrationStatus;
use crate::domain::principal::{Principal, TeamId};
use crate::service::reconciling::Reconciling;
use crate::service::reconciling::numbers::{NumberRow, cut, numbers};
use crate::service::refusal::Refusal;
use crate::store;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Idle {
    /// Only numbers after this one.
    pub after: Option<String>,
    /// At most so many.
    pub limit: usize,
    /// How many days are long.
    pub days: u32,
}

/// Why a number is worth a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It is there for long.
    Age,
    /// Its registration has not moved for long.
    RegistrationStuck,
    /// Its team is not configured any more.
    TeamGone,
    /// No team has it.
    NoTeam,
}

impl Why {
    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Age => "age",
            Self::RegistrationStuck => "registration_stuck",
            Self::TeamGone => "team_gone",
            Self::NoTeam => "no_team",
        }
    }
}

/// A number and why it is worth a look.
#[derive(Clone, Debug)]
pub struct IdleNumber {
    /// The number.
    pub number: NumberRow,
    /// Every reason there is.
    pub why: Vec<Why>,
}

/// A page of them.
#[derive(Clone, Debug)]
pub struct IdlePage {
    /// In the order of their digits.
    pub numbers: Vec<IdleNumber>,
    /// Whether there are more.
    pub has_more: bool,
    /// A letter to ClickSend about the numbers of this page.
    pub cancellation: Option<String>,
}

impl Reconciling {
    /// The numbers that the caller may see and somebody should look at.
    pub async fn idle(&self, principal: &Principal, asked: Idle) -> Result<IdlePage, Refusal> {
        let scopes = self.scopes(principal)?;
        let ground = &self.0.parts.ground;
        let teams: Vec<TeamId> = ground.teams.now().teams.keys().cloned().collect();
        let before = ground
            .clock
            .now()
            .saturating_sub(SignedDuration::from_hours(i64::from(asked.days) * 24))
            .unwrap_or(Timestamp::MIN);
        let (after, limit, configured) = (asked.after.unwrap_or_default(), asked.limit, teams.clone());
        let reading = ground.store.read(move |session| {
            let user_id = store::account::user_id(session)?;
            let found = numbers(session, &scopes, limit.saturating_add(1), |scope, from, rows| {
                let from = if from.is_empty() { &after } else { from };
                store::owned::stale(session, scope, from, rows, before, &configured)
            })?;
            Ok((user_id, found))
        });
        let (user_id, found) = reading.await?;
        let page = cut(found, limit);
        let numbers: Vec<IdleNumber> = page
            .numbers
            .into_iter()
            .map(|number| IdleNumber { why: reasons(&number, before, &teams), number })
            .collect();
        let cancellation = (!numbers.is_empty()).then(|| letter(&numbers, user_id.as_deref()));
        Ok(IdlePage { numbers, has_more: page.has_more, cancellation })
    }
}

fn reasons(number: &NumberRow, before: Timestamp, teams: &[TeamId]) -> Vec<Why> {
    let is_old = |at: Option<Timestamp>| at.is_some_and(|at| at < before);
    let is_open = |status| match status {
        RegistrationStatus::RegistrationNotInitiated
        | RegistrationStatus::RegistrationInitiated
        | RegistrationStatus::CustActionRequired
        | RegistrationStatus::RegistrationSubmitted => true,
        RegistrationStatus::RegistrationNotRequired | RegistrationStatus::Registered => false,
    };
    let said = [
        (is_old(number.first_seen), Why::Age),
        (
            number.registration.is_some_and(is_open) && is_old(number.registration_since),
            Why::RegistrationStuck,
        ),
        (number.team.as_ref().is_some_and(|team| !teams.contains(team)), Why::TeamGone),
        (number.team.is_none(), Why::NoTeam),
    ];
    said.into_iter().filter(|(holds, _)| *holds).map(|(_, why)| why).collect()
}

/// ClickSend has no call that cancels: it wants to be written to.
fn letter(numbers: &[IdleNumber], user_id: Option<&str>) -> String {
    let account = user_id.map(|id| format!(" (user id {id})")).unwrap_or_default();
    let lines = numbers.iter().map(|idle| {
        let number = &idle.number;
        let kind = [number.country.as_deref(), number.number_type.as_deref()];
        let kind: Vec<&str> = kind.into_iter().flatten().collect();
        format!(
            "  {}{}\n",
            number.number,
            if kind.is_empty() { String::new() } else { format!(" ({})", kind.join(", ")) }
        )
    });
    format!(
        "To ClickSend support\n\n\
         Please cancel the following dedicated numbers of our account{account} at the end of the current billing month, \
         and confirm each cancellation and its date in writing:\n\n{}\n\
         We know that a cancelled number cannot be had back, and that fees already paid are not refunded.\n\n\
         Name, position, date:\n",
        lines.collect::<String>()
    )
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]

    use super::{IdleNumber, NumberRow, Why, letter, reasons};
    use crate::domain::owned::{Origin, RegistrationStatus};

    fn number() -> NumberRow {
        NumberRow {
            number: "+61491570156".into(),
            country: Some("AU".into()),
            message_types: vec!["sms".into()],
            number_type: Some("longcode".into()),
            team: Some("growth".parse().unwrap()),
            origin: Origin::Bought,
            purchase: None,
            price: None,
            registration: Some(RegistrationStatus::RegistrationInitiated),
            registration_since: Some("2026-01-01T00:00:00Z".parse().unwrap()),
            first_seen: Some("2026-10-01T00:00:00Z".parse().unwrap()),
            last_seen: None,
        }
    }

    #[test]
    fn a_number_is_worth_a_look_for_what_can_be_known_of_it() {
        let before = "2026-06-01T00:00:00Z".parse().unwrap();
        let teams = ["growth".parse().unwrap()];
        assert_eq!(reasons(&number(), before, &teams), [Why::RegistrationStuck]);
        let done = NumberRow { registration: Some(RegistrationStatus::Registered), ..number() };
        assert!(reasons(&done, before, &teams).is_empty());
        let old = NumberRow { first_seen: Some("2026-05-01T00:00:00Z".parse().unwrap()), ..done.clone() };
        assert_eq!(reasons(&old, before, &[]), [Why::Age, Why::TeamGone]);
        assert_eq!(reasons(&NumberRow { team: None, ..done }, before, &teams), [Why::NoTeam]);
    }

    #[test]
    fn the_letter_names_the_account_and_every_number() {
        let idle = IdleNumber { number: number(), why: vec![Why::Age] };
        let text = letter(&[idle], Some("1042"));
        assert!(
            text.contains("(user id 1042)") && text.contains("  +61491570156 (AU, longcode)\n"),
            "{text}"
        );
    }
}
