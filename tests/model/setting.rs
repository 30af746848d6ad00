//! What one search is about: how the world may behave, and which care the gateway leaves out.

use std::fmt;

/// A world to search.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    pub(crate) numbers: Numbers,
    /// For how many purchases the money is enough.
    pub(crate) budget: usize,
    pub(crate) upstream: Upstream,
    pub(crate) lock: Lock,
    pub(crate) crashes: u8,
    pub(crate) shortcut: Option<Shortcut>,
}

/// What the two purchases are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Numbers {
    /// Different numbers.
    Two,
    /// The same number.
    One,
}

/// How upstream behaves where nobody can see it. Always: it sells or refuses, answers, answers 503 or not at all,
/// and shows a sale in its list only later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Upstream {
    /// Whatever it does with an order is done, and shows, before the absence window has passed.
    WithinTheWindow,
    /// It may sell after any time, and may refuse what it then sells.
    Faithless,
}

/// How one claimant learns that another is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lock {
    /// A file's lock ends with its process, and only who holds it serves: SQLite.
    OfTheProcess,
    /// A lock that ends with a database session, which its process may outlive: PostgreSQL.
    OfTheSession,
}

/// A harmless looking simplification, of which the protocol says that it loses money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shortcut {
    /// The claim is written once the buy is under way.
    IntentAfterTheSend,
    /// What a dead claimant left is sent by the next one.
    DispatchAgain,
    /// Two lists without the number are enough at any time.
    NoQuietWindow,
    /// The window is counted from the claim, and not from the closed socket or the proof that its claimant is gone.
    WindowFromTheClaim,
    /// The hold of an unknown purchase is given back after a while.
    HoldTimesOut,
    /// The budget is looked at before the transaction that takes the hold.
    BudgetOutsideTheTransaction,
    /// A 5xx counts as a refusal.
    ServerErrorMeansRefused,
    /// Lists are not compared with what failed or was not bought.
    NeverLookedAtAgain,
    /// A free lock is taken for a dead claimant, however young the claim.
    FreeLockMeansGone,
    /// An outcome is written to whatever is dispatching, and not to the attempt that it is of.
    OutcomeByStateAlone,
}

impl Setting {
    /// Two numbers and money for both, upstream and lock as they should be, and two crashes.
    pub(crate) const fn plain() -> Self {
        Self {
            numbers: Numbers::Two,
            budget: 2,
            upstream: Upstream::WithinTheWindow,
            lock: Lock::OfTheProcess,
            crashes: 2,
            shortcut: None,
        }
    }

    /// Both claimants at work at once, and a lock that one of them may lose.
    pub(crate) const fn shared(self) -> Self {
        Self { lock: Lock::OfTheSession, crashes: 1, ..self }
    }

    pub(crate) const fn with_one_number(self) -> Self {
        Self { numbers: Numbers::One, ..self }
    }

    pub(crate) const fn with_money_for_one(self) -> Self {
        Self { budget: 1, ..self }
    }

    pub(crate) const fn with_a_faithless_upstream(self) -> Self {
        Self { upstream: Upstream::Faithless, ..self }
    }

    pub(crate) const fn taking(self, shortcut: Shortcut) -> Self {
        Self { shortcut: Some(shortcut), ..self }
    }

    /// Which number a purchase is for.
    pub(crate) const fn number_of(&self, purchase: usize) -> usize {
        match self.numbers {
            Numbers::Two => purchase,
            Numbers::One => 0,
        }
    }

    /// Whether the lock lets one process serve at a time.
    pub(crate) fn serves_alone(&self) -> bool {
        self.lock == Lock::OfTheProcess
    }

    pub(crate) fn takes(&self, shortcut: Shortcut) -> bool {
        self.shortcut == Some(shortcut)
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { numbers, budget, upstream, lock, crashes, shortcut } = self;
        write!(
            out,
            "numbers: {numbers:?}, budget for {budget}, upstream {upstream:?}, lock {lock:?}, crashes: {crashes}"
        )?;
        shortcut.map_or(Ok(()), |shortcut| write!(out, ", shortcut {shortcut:?}"))
    }
}
