//! Lists of purchases: what somebody may see, a page at a time.

use crate::domain::principal::{Person, TeamId};
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
    /// Only of this requester.
    pub requester: Option<Person>,
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

/// Purchases, newest first, at most `limit`. Only the conditions that are asked for stand in the statement, so that each
/// combination finds its index.
pub fn list(session: &Session<'_>, filter: &Filter, limit: i64) -> Result<Vec<Purchase>, StoreError> {
    let before = filter.before.map(|id| id.to_string());
    let asked = [
        ("id <", before.as_deref()),
        ("state =", filter.state.map(State::as_str)),
        ("team =", filter.team.as_ref().map(TeamId::as_str)),
        ("issuer =", filter.requester.as_ref().map(|person| person.issuer.as_str())),
        ("subject =", filter.requester.as_ref().map(|person| person.subject.as_str())),
    ];
    let asked = asked.into_iter().filter_map(|(condition, value)| Some((condition, value?)));
    let (conditions, values): (Vec<_>, Vec<_>) = asked.unzip();
    let conditions = (2..).zip(conditions).map(|(place, condition)| format!(" AND {condition} ${place}"));
    let conditions = conditions.collect::<Vec<_>>().concat();
    let (sight, teams) = sighted(&filter.sight, values.len() + 2);
    let mut params: Vec<Param<'_>> = vec![limit.into()];
    params.extend(values.into_iter().map(Param::from));
    params.extend(teams.iter().map(Param::from));
    let statement =
        format!("SELECT {COLUMNS} FROM purchases WHERE 1 = 1{conditions} {sight} ORDER BY id DESC LIMIT $1");
    session.query(&statement, &params, read)
}

/// Purchases that wait for people and that `person` has not approved yet, oldest first, at most `limit`.
pub fn waiting(
    session: &Session<'_>,
    sight: &Sight,
    person: &Person,
    after: Option<PurchaseId>,
    limit: i64,
) -> Result<Vec<Purchase>, StoreError> {
    let after = after.map(|id| id.to_string()).unwrap_or_default();
    let (sight, teams) = sighted(sight, 5);
    let mut params: Vec<Param<'_>> =
        vec![(&after).into(), (&person.issuer).into(), (&person.subject).into(), limit.into()];
    params.extend(teams.iter().map(Param::from));
    let statement = format!(
        "SELECT {COLUMNS} FROM purchases
         WHERE state = 'pending_approval' AND id > $1 {sight} AND NOT EXISTS (
             SELECT 1 FROM approvals a WHERE a.target_kind = 'purchase' AND a.target_id = purchases.id
                 AND a.round = purchases.round AND a.issuer = $2 AND a.subject = $3)
         ORDER BY id LIMIT $4"
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
