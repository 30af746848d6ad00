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
    let before = filter.before.map(|id| id.to_string());
    let (sight, teams) = sighted(&filter.sight, 5);
    let mut params: Vec<Param<'_>> = vec![
        before.as_deref().into(),
        filter.state.map(State::as_str).into(),
        filter.team.as_ref().map(TeamId::as_str).into(),
        limit.into(),
    ];
    params.extend(teams.iter().map(Param::from));
    let statement = format!(
        "SELECT {COLUMNS} FROM purchases
         WHERE ($1 IS NULL OR id < $1) AND ($2 IS NULL OR state = $2) AND ($3 IS NULL OR team = $3) {sight}
         ORDER BY id DESC LIMIT $4"
    );
    session.query(&statement, &params, read)
}

/// What a sight adds to a statement about rows with `team` and `deciding_teams`: a condition, and its parameters, of
/// which the first is number `first`.
pub(in crate::store) fn sighted(sight: &Sight, first: usize) -> (String, Vec<String>) {
    let (teams, is_approver) = match sight {
        Sight::All => return (String::new(), Vec::new()),
        Sight::Teams(teams) => (teams, false),
        Sight::Approver(teams) => (teams, true),
    };
    // No engine-neutral word finds a text in a text without wildcards; what a replacement changes, holds it.
    let sees = |place: usize| {
        let own = format!(" OR ' ' || team || ' ' = ${place}");
        if is_approver {
            format!("{own} OR replace(deciding_teams, ${place}, '') <> deciding_teams")
        } else {
            own
        }
    };
    let any = if is_approver { "deciding_teams = '*'" } else { "1 = 0" };
    let condition = format!("AND ({any}{})", (first..first + teams.len()).map(sees).collect::<String>());
    (condition, teams.iter().map(|team| format!(" {team} ")).collect())
}
