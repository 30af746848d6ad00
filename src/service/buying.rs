//! Whether anything may be begun that cannot be taken back, and why not.
//!
//! Off and frozen are states of buying, not of the service: searches go on, and the gateway stays ready.

use std::sync::{Arc, Mutex, PoisonError};

use crate::domain::freeze::{Freeze, Scope};
use crate::domain::principal::TeamId;
use crate::service::background::Background;
use crate::service::refusal::{Code, Refusal};
use crate::store::emergency::Emergency;

/// The switch. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Buying(Arc<Inner>);

struct Inner {
    configured: Result<Mode, &'static str>,
    background: Background,
    /// Those in force, as the store last said.
    freezes: Mutex<Vec<Freeze>>,
    turn: tokio::sync::Mutex<()>,
    /// Outcomes that wait to be written down: until they are, nothing more is sent.
    emergency: Emergency,
}

/// What buying does with a purchase that is ready to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Sends it.
    Live,
    /// Does everything else.
    Rehearsal,
}

/// How buying stands, for operators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BuyingState {
    /// Purchases are sent.
    On,
    /// Everything but the send is done.
    Rehearsing,
    /// Nothing is sent, for everybody, until what is said is mended.
    Off(String),
    /// Nothing is sent in some scope, until an administrator lifts it.
    Frozen(String),
}

impl Buying {
    /// A switch as configured, with no freeze in force.
    pub fn new(configured: Result<Mode, &'static str>, background: Background, emergency: Emergency) -> Self {
        Self(Arc::new(Inner {
            configured,
            background,
            freezes: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
            emergency,
        }))
    }

    /// The right to read the freezes and to tell them, one after the other.
    pub(super) async fn turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.0.turn.lock().await
    }

    /// The freezes that are in force from now on.
    pub fn take_freezes(&self, freezes: Vec<Freeze>) {
        *self.0.freezes.lock().unwrap_or_else(PoisonError::into_inner) = freezes;
    }

    /// Whether a team may buy now, and in earnest or as a rehearsal.
    pub fn check(&self, team: &TeamId) -> Result<Mode, Refusal> {
        let mode = self.check_sending()?;
        let freezes = self.0.freezes.lock().unwrap_or_else(PoisonError::into_inner);
        match freezes.iter().find(|freeze| freeze.scope.covers(team)) {
            Some(freeze) => Err(frozen(freeze)),
            None => Ok(mode),
        }
    }

    /// Whether anything at all may be sent.
    fn check_sending(&self) -> Result<Mode, Refusal> {
        let mode = self.0.configured.map_err(|why| Refusal::new(Code::BuyingFrozen, why))?;
        if self.0.background.is_draining() {
            return Err(Refusal::new(Code::BuyingFrozen, "the gateway is stopping; nothing was sent"));
        }
        if self.0.emergency.is_owed() {
            let why = "the outcome of an earlier buy cannot be written down yet, so nothing more is sent";
            return Err(Refusal::new(Code::AuditUnavailable, why));
        }
        Ok(mode)
    }

    /// How buying stands.
    pub fn state(&self) -> BuyingState {
        match self.check_sending() {
            Err(refusal) => return BuyingState::Off(refusal.message),
            Ok(Mode::Rehearsal) => return BuyingState::Rehearsing,
            Ok(Mode::Live) => {}
        }
        let freezes = self.0.freezes.lock().unwrap_or_else(PoisonError::into_inner);
        let worst = freezes.iter().find(|freeze| freeze.scope == Scope::All).or_else(|| freezes.first());
        worst.map_or(BuyingState::On, |freeze| BuyingState::Frozen(frozen(freeze).message))
    }
}

/// What a freeze says to who wants to buy.
pub(super) fn frozen(freeze: &Freeze) -> Refusal {
    let message =
        format!("buying is frozen ({}): {}; an administrator lifts it", freeze.scope, freeze.reason);
    Refusal::new(Code::BuyingFrozen, message)
}
