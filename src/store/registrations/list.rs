//! Lists of registrations: what somebody may see, a page at a time.

use crate::domain::principal::TeamId;
use crate::domain::registration::{Registration, RegistrationId, RegistrationState};
use crate::store::error::StoreError;
use crate::store::purchases::{Sight, sighted};
use crate::store::registrations::{COLUMNS, read};
use crate::store::session::{Param, Session};

/// Which registrations a list shows.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only what may be seen.
    pub sight: Sight,
    /// Only of this team.
    pub team: Option<TeamId>,
    /// Only in this state.
    pub state: Option<RegistrationState>,
    /// Only older than this one.
    pub before: Option<RegistrationId>,
}

/// Registrations, newest first, at most `limit`.
pub fn list(session: &Session<'_>, filter: &Filter, limit: i64) -> Result<Vec<Registration>, StoreError> {
    let before = filter.before.map(|id| id.to_string());
    let (sight, teams) = sighted(&filter.sight, 5);
    let mut params: Vec<Param<'_>> = vec![
        before.as_deref().into(),
        filter.state.map(RegistrationState::as_str).into(),
        filter.team.as_ref().map(TeamId::as_str).into(),
        limit.into(),
    ];
    params.extend(teams.iter().map(Param::from));
    let statement = format!(
        "SELECT {COLUMNS} FROM registrations
         WHERE ($1 IS NULL OR id < $1) AND ($2 IS NULL OR state = $2) AND ($3 IS NULL OR team = $3) {sight}
         ORDER BY id DESC LIMIT $4"
    );
    session.query(&statement, &params, read)
}
