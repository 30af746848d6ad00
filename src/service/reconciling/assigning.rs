//! Assign: an administrator says whose a number is, whoever bought it.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::audit::{Actor, AuditEvent, Target};
use crate::domain::country::Country;
use crate::domain::owned::{Origin, OwnedNumber};
use crate::domain::principal::{Principal, Role, TeamId};
use crate::domain::registration::FieldFaults;
use crate::service::reconciling::Reconciling;
use crate::service::refusal::{Code, Refusal};
use crate::store::known_numbers::Known;
use crate::store::{self, Finished, StoreError, Tx};

/// Numbers of one transaction: others must not wait long for the writer.
const AT_ONCE: usize = 500;

/// What is assigned.
#[derive(Clone, Debug)]
pub enum Assignment {
    /// Numbers, each to its team. Who has one already hands it over.
    Each(BTreeMap<String, TeamId>),
    /// Everything that no team has, or a country's part of it.
    Rest(Selection, TeamId),
}

/// Which of the numbers that no team has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selection {
    /// All of them.
    All,
    /// Those of a country.
    Country(Country),
}

/// What was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Assigned {
    /// Numbers that have another team now.
    pub assigned: usize,
    /// Numbers that were the team's already.
    pub unchanged: usize,
}

impl Reconciling {
    /// Gives numbers to teams. All of the order is checked before any of it is done.
    pub async fn assign(&self, principal: &Principal, assignment: Assignment) -> Result<Assigned, Refusal> {
        if !principal.has(Role::Administrator) {
            return Err(Refusal::new(Code::Forbidden, "assigning numbers needs the role administrator"));
        }
        let order = self.order(assignment).await?;
        let mut done = Assigned::default();
        for part in order.chunks(AT_ONCE) {
            let (part, by) = (part.to_vec(), Actor::from(principal));
            let of_part: Assigned = self.0.parts.ground.store.write(move |tx| assign(tx, &part, &by)).await?;
            done.assigned += of_part.assigned;
            done.unchanged += of_part.unchanged;
        }
        Ok(done)
    }

    /// The numbers of an assignment, all owned, each with a team that is configured.
    async fn order(&self, assignment: Assignment) -> Result<Vec<(String, TeamId)>, Refusal> {
        let parts = &self.0.parts;
        let read = parts
            .ground
            .store
            .read(|session| Ok((store::owned::all(session)?, store::known_numbers::teams(session)?)));
        let (owned, teams) = read.await?;
        let order: Vec<(String, TeamId)> = match assignment {
            Assignment::Each(order) => order.into_iter().collect(),
            Assignment::Rest(selection, team) => {
                let rest = owned.iter().filter(|row| !teams.contains_key(&row.dedicated_number));
                let rest: BTreeSet<&str> = rest
                    .filter(|row| is_selected(row, selection))
                    .map(|row| row.dedicated_number.as_str())
                    .collect();
                rest.into_iter().map(|number| (number.to_owned(), team.clone())).collect()
            }
        };
        let owned: BTreeSet<&str> = owned.iter().map(|row| row.dedicated_number.as_str()).collect();
        let mut faults = FieldFaults::new();
        for (number, team) in &order {
            if !owned.contains(number.as_str()) {
                faults.insert(number.clone(), "is not owned.".to_owned());
            } else if parts.ground.teams.now().find(team).is_none() {
                faults.insert(number.clone(), format!("cannot be {team}'s: that team is not configured."));
            }
        }
        if faults.is_empty() { Ok(order) } else { Err(Refusal::fields(faults)) }
    }
}

fn is_selected(row: &OwnedNumber, selection: Selection) -> bool {
    match selection {
        Selection::All => true,
        Selection::Country(country) => {
            row.country.as_deref().is_some_and(|of| of.eq_ignore_ascii_case(country.as_str()))
        }
    }
}

fn assign(mut tx: Tx<'_>, order: &[(String, TeamId)], by: &Actor) -> Result<Finished<Assigned>, StoreError> {
    let teams = store::known_numbers::teams(tx.session())?;
    let holders = store::purchases::holders(tx.session())?;
    let mut done = Assigned::default();
    let mut events = Vec::new();
    for (number, team) in order {
        let before = teams.get(number);
        if before == Some(team) {
            done.unchanged += 1;
            continue;
        }
        let known = store::known_numbers::find(tx.session(), number)?.filter(|known| known.gone.is_none());
        let holder = holders.iter().find(|holder| holder.number == *number).map(|holder| holder.id);
        let was = known.as_ref().map(|known| known.origin);
        let since = known.as_ref().map_or(tx.at(), |known| known.since);
        let assigned = Known {
            number: number.clone(),
            origin: Origin::Assigned,
            team: Some(team.clone()),
            purchase: holder.or_else(|| known.and_then(|known| known.purchase)),
            since,
            gone: None,
        };
        store::known_numbers::put(&mut tx, &assigned)?;
        done.assigned += 1;
        let event = AuditEvent::new("number.assigned", by.clone(), Target::new("number", number))
            .with("team", team.as_str())
            .with_some("from", before.map(TeamId::as_str))
            .with_some("was", was.map(Origin::as_str));
        events.push(event);
    }
    let Some(last) = events.pop() else { return tx.unchanged(done) };
    for event in &events {
        tx.record(event)?;
    }
    tx.commit(&last, done)
}
