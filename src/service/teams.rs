//! The teams that are configured: who pays for a write, and what they may spend.

use std::collections::BTreeMap;

use crate::domain::money::Money;
use crate::domain::principal::{Principal, Role, TeamId};
use crate::domain::registration::RegistrationData;
use crate::service::refusal::{Code, Refusal};

/// What may be spent; `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Budget {
    /// In a calendar month: holds and charges together.
    pub spend_per_month: Option<Money>,
    /// Full monthly fees of everything that is owned or may be.
    pub recurring_per_month: Option<Money>,
}

/// One configured team.
#[derive(Clone, Debug)]
pub struct Team {
    /// The name people see.
    pub name: String,
    /// Where the company's accounts put what it spends.
    pub cost_center: Option<String>,
    /// Its budget.
    pub budget: Budget,
    /// Sent with Australian purchases that bring no registration data of their own.
    pub registration_data: Option<RegistrationData>,
}

/// All teams, and the organisation above them.
#[derive(Clone, Debug, Default)]
pub struct Teams {
    /// By key.
    pub teams: BTreeMap<TeamId, Team>,
    /// Of everybody together.
    pub organisation: Budget,
}

impl Teams {
    /// A configured team.
    pub fn find(&self, id: &TeamId) -> Option<&Team> {
        self.teams.get(id)
    }

    /// The team that pays for a write: the one the caller chose, else the only one the token names.
    pub fn paying(&self, principal: &Principal, chosen: Option<&TeamId>) -> Result<TeamId, Refusal> {
        let team = match (chosen, principal.teams.as_slice()) {
            (Some(chosen), own) if own.contains(chosen) || principal.has(Role::Administrator) => chosen,
            (Some(chosen), _) => {
                return Err(Refusal::new(
                    Code::Forbidden,
                    format!("the token does not name the team {chosen}"),
                ));
            }
            (None, [only]) => only,
            (None, []) => {
                return Err(Refusal::new(
                    Code::TeamRequired,
                    "a purchase needs a team that pays, and the token names none",
                ));
            }
            (None, _) => {
                return Err(Refusal::new(
                    Code::TeamRequired,
                    "the token names several teams; choose one with the header X-Gateway-Team",
                ));
            }
        };
        match self.find(team) {
            Some(_) => Ok(team.clone()),
            None => Err(Refusal::new(
                Code::TeamUnknown,
                format!("the team {team} is not configured here, so it may search and not buy"),
            )),
        }
    }
}
