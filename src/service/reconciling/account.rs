//! Another account behind the credentials: nothing is bought, and its list says nothing about our numbers.

use std::sync::atomic::Ordering;

use crate::domain::audit::{Actor, AuditEvent, Target};
use crate::domain::freeze::{Cause, Scope};
use crate::metrics::Alarm;
use crate::service::freezes;
use crate::service::reconciling::Inner;
use crate::service::refusal::Refusal;
use crate::service::spend::keep_account;
use crate::store::freezes::impose;
use crate::store::{self, Finished, StoreError, Tx};

/// Whose account answers to our credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    /// The one that was seen first.
    Ours,
    /// Another one.
    Another,
    /// It was ours when upstream last said so, and upstream does not say now.
    NotSaid,
}

impl Inner {
    /// Asks upstream and compares. As long as it was never named since the start, nobody knows whose list is read, so
    /// that is an error; later a missing answer only makes absence unprovable.
    pub(super) async fn whose_account(&self) -> Result<Whose, Refusal> {
        let account = match self.parts.ground.upstream.account().await {
            Ok(account) => account,
            Err(_) if self.account_is_known.load(Ordering::Acquire) => return Ok(Whose::NotSaid),
            Err(error) => return Err(error.into()),
        };
        let user_id = account.user_id.to_string();
        let known = self.parts.ground.store.read(store::account::user_id).await?;
        let whose = match known {
            Some(known) if known == user_id => Whose::Ours,
            Some(_) | None => self.parts.ground.store.write(move |tx| compare(tx, &user_id)).await?,
        };
        if whose == Whose::Ours {
            keep_account(&self.parts.ground, &account).await?;
        }
        self.parts.owned.ignore_upstream(whose == Whose::Another);
        if whose == Whose::Another {
            self.parts.ground.metrics.alarmed(Alarm::AnotherAccount);
            freezes::reread(&self.parts.ground.store, &self.parts.ground.buying).await?;
        }
        self.account_is_known.store(whose == Whose::Ours, Ordering::Release);
        Ok(whose)
    }
}

/// Keeps the first identity; freezes everything over any other.
fn compare(mut tx: Tx<'_>, user_id: &str) -> Result<Finished<Whose>, StoreError> {
    match store::account::user_id(tx.session())? {
        None => {
            store::account::remember(&mut tx, user_id)?;
            let target = Target::new("account", &user_id);
            let event = AuditEvent::new("account.remembered", Actor::Gateway("reconciler"), target);
            tx.commit(&event, Whose::Ours)
        }
        Some(known) if known == user_id => tx.unchanged(Whose::Ours),
        Some(known) => {
            let reason =
                format!("the credentials open the ClickSend account {user_id}; at first it was {known}");
            match impose(&mut tx, Scope::All, Cause::AnotherAccount, reason)? {
                Some(event) => tx.commit(&event, Whose::Another),
                None => tx.unchanged(Whose::Another),
            }
        }
    }
}
