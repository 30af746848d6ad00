//! Lists of purchases: what somebody may see, a page at a time.

use crate::domain::principal::TeamId;
use crate::domain::purchase::{Purchase, PurchaseId, State};
use crate::store::error::StoreError;
use crate::store::purchases::{COLUMNS, read};
use crate::store::session::{Param, Session};

/// Which purchases a list shows.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only what may be seen.
    pub sight: Sight,
    /// Only of this team.
    pub team: Option<TeamId>,
    /// Only in this state.
    pub state: Option<State>,
    /// Only older than this one.
    pub before: Option<PurchaseId>,
}

/// Whose purchases somebody sees.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Sight {
    /// Everybody's.
    #[default]
    All,
    /// Those of their teams.
    Teams(Vec<TeamId>),
    /// Those of their teams, and those that their teams' approvers decide.
    Approver(Vec<TeamId>),
}

/// Purchases, newest first, at most `limit`.
pub fn list(session: &Session<'_>, filter: &Filter, limit: i64) -> Result<Vec<Purchase>, StoreError> {
    let (teams, is_approver) = match &filter.sight {
        Sight::All => (None, false),
        Sight::Teams(teams) => (Some(teams), false),
        Sight::Approver(teams) => (Some(teams), true),
    };
    let before = filter.before.map(|id| id.to_string());
    let spaced: Vec<String> = teams.into_iter().flatten().map(|team| format!(" {team} ")).collect();
    let mut params: Vec<Param<'_>> = vec![
        before.as_deref().into(),
        filter.state.map(State::as_str).into(),
        filter.team.as_ref().map(TeamId::as_str).into(),
        limit.into(),
    ];
    params.extend(spaced.iter().map(Param::from));
    let places = 5..5 + spaced.len();
    // No engine-neutral word finds a text in a text without wildcards; what a replacement changes, holds it.
    let sees = |place: usize| {
        let own = format!(" OR ' ' || team || ' ' = ${place}");
        if is_approver {
            format!("{own} OR replace(deciding_teams, ${place}, '') <> deciding_teams")
        } else {
            own
        }
    };
    let sight = if teams.is_some() {
        let any = if is_approver { "deciding_teams = '*'" } else { "1 = 0" };
        format!("AND ({any}{})", places.map(sees).collect::<String>())
    } else {
        String::new()
    };
    let statement = format!(
        "SELECT {COLUMNS} FROM purchases
         WHERE ($1 IS NULL OR id < $1) AND ($2 IS NULL OR state = $2) AND ($3 IS NULL OR team = $3) {sight}
         ORDER BY id DESC LIMIT $4"
    );
    session.query(&statement, &params, read)
}
