//! The stop button: freezing the buying of all or of a team, by hand or by the gateway itself, and lifting it.

use jiff::Timestamp;

use crate::domain::audit::{Actor, AuditEvent, Target};
use crate::domain::freeze::{Cause, Freeze, FreezeId, Scope};
use crate::domain::principal::{Principal, Role};
use crate::service::buying::Buying;
use crate::service::live::Live;
use crate::service::refusal::{Code, Refusal};
use crate::service::teams::Teams;
use crate::store::{self, Finished, Store, StoreError, Tx};

/// How many are listed, lifted ones included.
const LISTED: i64 = 200;

/// The service. Cheap to clone.
#[derive(Clone)]
pub struct Freezes {
    store: Store,
    buying: Buying,
    teams: Live<Teams>,
}

impl Freezes {
    /// A service over this switch.
    pub const fn new(store: Store, buying: Buying, teams: Live<Teams>) -> Self {
        Self { store, buying, teams }
    }

    /// Tells the switch what is in force. Called at start, and after whatever changed it.
    pub async fn reread(&self) -> Result<(), Refusal> {
        reread(&self.store, &self.buying).await
    }

    /// The newest, lifted or not: for whoever sees all teams.
    pub async fn list(&self, principal: &Principal) -> Result<Vec<Freeze>, Refusal> {
        if !principal.sees_all_teams() {
            let message = "freezes are shown to the roles finance, auditor and administrator";
            return Err(Refusal::new(Code::Forbidden, message));
        }
        Ok(self.store.read(|session| store::freezes::newest(session, LISTED)).await?)
    }

    /// Freezes by hand.
    pub async fn freeze(
        &self,
        principal: &Principal,
        scope: Scope,
        reason: String,
    ) -> Result<Freeze, Refusal> {
        administers(principal, "freezing")?;
        if let Scope::Team(team) = &scope
            && self.teams.now().find(team).is_none()
        {
            return Err(Refusal::field("scope", format!("names the team {team}, which is not configured.")));
        }
        let (by, subject) = (Actor::from(principal), principal.person.subject.clone());
        let freeze: Freeze = self
            .store
            .write(move |tx| {
                let freeze = Freeze {
                    id: FreezeId::random(),
                    scope,
                    cause: Cause::ByHand,
                    reason,
                    created_by: subject,
                    created_at: tx.at(),
                    lifted: None,
                };
                commit(tx, freeze, by)
            })
            .await?;
        self.reread().await?;
        Ok(freeze)
    }

    /// Lets buying go on.
    pub async fn lift(&self, principal: &Principal, id: FreezeId) -> Result<Freeze, Refusal> {
        administers(principal, "lifting a freeze")?;
        let (by, subject) = (Actor::from(principal), principal.person.subject.clone());
        let lifted: Result<Freeze, Refusal> = self
            .store
            .write(move |mut tx| {
                let freeze = match store::freezes::find(tx.session(), id)? {
                    None => return Ok::<_, Refusal>(tx.unchanged(Err(unknown_freeze()))?),
                    Some(Freeze { lifted: Some((by, at)), .. }) => {
                        return Ok(tx.unchanged(Err(lifted_already(&by, at)))?);
                    }
                    Some(freeze) => freeze,
                };
                store::freezes::lift(&mut tx, id, &subject)?;
                let at = tx.at();
                let event = AuditEvent::new("freeze.lifted", by, Target::new("freeze", &id))
                    .with("scope", freeze.scope.to_string());
                Ok(tx.commit(&event, Ok(Freeze { lifted: Some((subject, at)), ..freeze }))?)
            })
            .await?;
        self.reread().await?;
        lifted
    }

    /// Freezes by the gateway itself, unless the same is in force already.
    pub async fn impose(&self, scope: Scope, cause: Cause, reason: String) -> Result<(), Refusal> {
        self.store
            .write(move |mut tx| match store::freezes::impose(&mut tx, scope, cause, reason)? {
                Some(event) => tx.commit(&event, ()),
                None => tx.unchanged(()),
            })
            .await
            .map_err(|error: StoreError| Refusal::from(error))?;
        self.reread().await
    }
}

/// Tells a switch what is in force.
pub(super) async fn reread(store: &Store, buying: &Buying) -> Result<(), Refusal> {
    // One after the other: an older reading must not be the last word.
    let _turn = buying.turn().await;
    let freezes = store.read(store::freezes::in_force).await?;
    buying.take_freezes(freezes);
    Ok(())
}

fn commit(mut tx: Tx<'_>, freeze: Freeze, by: Actor) -> Result<Finished<Freeze>, Refusal> {
    store::freezes::insert(&mut tx, &freeze)?;
    let event = store::freezes::event(&freeze, by);
    Ok(tx.commit(&event, freeze)?)
}

/// An id that no freeze has.
pub fn unknown_freeze() -> Refusal {
    Refusal::new(Code::NotFound, "there is no such freeze")
}

fn lifted_already(by: &str, at: Timestamp) -> Refusal {
    Refusal::new(Code::AlreadyDecided, format!("{by} lifted it at {at}"))
}

fn administers(principal: &Principal, what: &str) -> Result<(), Refusal> {
    if principal.has(Role::Administrator) {
        return Ok(());
    }
    Err(Refusal::new(Code::Forbidden, format!("{what} needs the role administrator")))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]

    use std::pin::pin;
    use std::time::Duration;

    use super::reread;
    use crate::clock::Clock;
    use crate::domain::freeze::{Cause, Scope};
    use crate::service::background::Background;
    use crate::service::buying::{Buying, Mode};
    use crate::service::refusal::Refusal;
    use crate::store::{Finished, Store, Tx};

    /// Longer than the reading of an empty table takes.
    const A_WHILE: Duration = Duration::from_millis(300);

    #[tokio::test]
    async fn what_was_read_first_is_never_the_last_word() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(
            &crate::store::tests::engine::location(&folder.path().join("gateway.db")),
            Clock::system(),
        )
        .unwrap();
        let buying = Buying::new(Ok(Mode::Live), Background::default(), store.emergency().clone());
        let turn = buying.turn().await;
        let mut reading = pin!(reread(&store, &buying));
        assert!(tokio::time::timeout(A_WHILE, &mut reading).await.is_err(), "it is another one's turn");
        let imposed: Result<(), Refusal> = store.write(freeze_all).await;
        imposed.unwrap();
        drop(turn);
        reading.await.unwrap();
        assert!(buying.check(&"growth".parse().unwrap()).is_err(), "the freeze was there before its turn");
    }

    fn freeze_all(mut tx: Tx<'_>) -> Result<Finished<()>, Refusal> {
        let event =
            crate::store::freezes::impose(&mut tx, Scope::All, Cause::WentBack, "why".to_owned())?.unwrap();
        Ok(tx.commit(&event, ())?)
    }
}
