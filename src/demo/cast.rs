//! The people of the demo: one for each role, in two teams, each with a token.

use std::time::Duration;

use jiff::Timestamp;

use super::ready::Token;
use crate::auth::{NewToken, SignError, Signer};
use crate::domain::principal::{Role, TeamId};
use crate::local_key::{AUDIENCE, ISSUER};

/// A day of playing; the demo's issuer allows an hour more.
const LIFETIME: Duration = Duration::from_hours(24);

/// One of the cast.
struct Part {
    /// The key in `--json`; in capitals the variable that is exported.
    key: &'static str,
    subject: &'static str,
    name: &'static str,
    team: Option<&'static str>,
    role: Role,
}

const CAST: [Part; 9] = [
    part("viewer", "vera", "Vera Lind", Some("growth"), Role::Viewer),
    part("requester", "rita", "Rita Moreau", Some("growth"), Role::Requester),
    part("other_team_requester", "sam", "Sam Okafor", Some("support"), Role::Requester),
    part("application", "crm", "CRM", Some("growth"), Role::Application),
    part("approver", "ann", "Ann Lee", Some("growth"), Role::Approver),
    part("second_approver", "ben", "Ben Haddad", Some("growth"), Role::Approver),
    part("finance", "finn", "Finn Berg", None, Role::Finance),
    part("auditor", "olga", "Olga Petrova", None, Role::Auditor),
    part("administrator", "ada", "Ada Costa", Some("growth"), Role::Administrator),
];

const fn part(
    key: &'static str,
    subject: &'static str,
    name: &'static str,
    team: Option<&'static str>,
    role: Role,
) -> Part {
    Part { key, subject, name, team, role }
}

/// A new token for everybody, in the order of the cast.
pub(super) fn tokens(signer: &Signer, now: Timestamp) -> Result<Vec<Token>, SignError> {
    CAST.iter().map(|part| part.token(signer, now)).collect()
}

impl Part {
    fn token(&self, signer: &Signer, now: Timestamp) -> Result<Token, SignError> {
        let teams: Vec<TeamId> = self.team.into_iter().filter_map(|team| team.parse().ok()).collect();
        let token = NewToken {
            issuer: ISSUER.to_owned(),
            audience: AUDIENCE.to_owned(),
            subject: self.subject.to_owned(),
            teams,
            roles: [self.role].into(),
            ttl: LIFETIME,
            name: Some(self.name.to_owned()),
            email: Some(format!("{}@demo.example", self.subject)),
            kid: None,
            act: None,
        };
        let who = match self.team {
            Some(team) => format!("{}, {team}", self.name),
            None => self.name.to_owned(),
        };
        Ok(Token { key: self.key, who, token: signer.sign(&token, now)? })
    }
}
