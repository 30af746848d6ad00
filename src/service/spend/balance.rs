//! The account's balance, as upstream said it last: how many 1sts it pays, and whether a card stands behind it.
//!
//! Messages draw on the same balance, so it is no ledger and proves nothing; it only warns.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

use crate::clicksend::Account;
use crate::domain::audit::{Actor, AuditEvent, Target};
use crate::domain::billing::{firsts_covered, forecast};
use crate::domain::money::{Currency, Money};
use crate::metrics::Alarm;
use crate::service::ground::Ground;
use crate::service::refusal::Refusal;
use crate::service::spend::forecasting::FIRSTS;
use crate::store::{self, Finished, StoreError, Tx};

/// What upstream said about the account's money.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenAccount {
    /// May be negative: accounts can be postpaid.
    pub balance: Money,
    /// In which money.
    pub currency: Currency,
    /// Whether a card is charged when the balance is low; a purchase switches it on.
    pub auto_recharge: Option<bool>,
    /// When.
    pub at: Timestamp,
}

/// What this process was told last. Clones are one.
#[derive(Clone, Debug, Default)]
pub struct LastAccount(Arc<Mutex<Option<SeenAccount>>>);

/// How far a balance reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Covered {
    /// So many 1sts, one after the other.
    Firsts(usize),
    /// All that are looked at, and maybe more.
    AtLeast(usize),
    /// It is in other money than the fees.
    OtherMoney,
}

impl Covered {
    /// How many of the 1sts that are looked at; nothing in other money.
    pub const fn firsts(self) -> Option<usize> {
        match self {
            Self::Firsts(firsts) | Self::AtLeast(firsts) => Some(firsts),
            Self::OtherMoney => None,
        }
    }
}

impl LastAccount {
    /// What upstream said, if it has.
    pub fn get(&self) -> Option<SeenAccount> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, seen: SeenAccount) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
    }
}

impl SeenAccount {
    /// How many of these 1sts the balance pays.
    pub fn covers(&self, currency: Currency, totals: &[Money]) -> Covered {
        if self.currency != currency {
            return Covered::OtherMoney;
        }
        match firsts_covered(self.balance, totals) {
            all if all == totals.len() => Covered::AtLeast(all),
            some => Covered::Firsts(some),
        }
    }
}

/// Keeps what upstream says about the account, and raises an alarm, once a month, where the balance does not pay the
/// next 1st and no card does.
pub(in crate::service) async fn keep(ground: &Ground, account: &Account) -> Result<(), Refusal> {
    let seen = SeenAccount {
        balance: account.balance,
        currency: account.currency,
        auto_recharge: account.auto_recharge,
        at: ground.clock.now(),
    };
    ground.account.set(seen.clone());
    let Some(currency) = ground.billing.currency else { return Ok(()) };
    let now = ground.billing.month(seen.at);
    let fees = ground.store.read(store::owned::fees).await?;
    let firsts = forecast(now, &fees, FIRSTS);
    let totals: Vec<Money> = firsts.iter().map(super::First::total).collect();
    let covered = seen.covers(currency, &totals);
    if covered != Covered::Firsts(0) || seen.auto_recharge == Some(true) {
        return Ok(());
    }
    let once = format!("balance/{}", now.next());
    let event =
        AuditEvent::new("account.balance_low", Actor::Gateway("balance"), Target::new("account", &"balance"))
            .with("balance", seen.balance.to_string())
            .with("currency", seen.currency.as_str())
            .with("month", now.next().to_string())
            .with("needed", totals.first().copied().unwrap_or_default().to_string());
    let is_new: bool = ground.store.write(move |tx| tell_once(tx, &once, &event)).await?;
    if is_new {
        tracing::error!(balance = %seen.balance, "the balance does not pay the number fees of the next 1st");
        ground.metrics.alarmed(Alarm::BalanceLow);
    }
    Ok(())
}

fn tell_once(mut tx: Tx<'_>, what: &str, event: &AuditEvent) -> Result<Finished<bool>, StoreError> {
    if store::notices::is_said(tx.session(), what)? {
        return tx.unchanged(false);
    }
    store::notices::say(&mut tx, what)?;
    tx.commit(event, true)
}
