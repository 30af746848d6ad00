//! Everything there is at one moment: rows in the database, processes, orders at upstream, a list being read.
//!
//! Two purchases, two claimants, and time as small counters that stop where more makes no difference, so that there
//! are finitely many worlds. What makes no difference any more is forgotten ([`World::forget`]), so that two worlds
//! with the same future are one.

use numbers_gateway::domain::purchase::{State, Step};

use crate::invariants::Invariant;
use crate::setting::{Setting, Shortcut, Upstream};

/// A claim older than this is not sent.
pub(crate) const FRESH: u8 = 1;
/// How long a claimant waits for an answer.
pub(crate) const TIMEOUT: u8 = 1;
/// The age at which a claim's socket is certainly closed, whoever has which lock.
pub(crate) const SURELY_CLOSED: u8 = TIMEOUT + 1;
/// `absence_window`.
pub(crate) const WINDOW: u8 = 2;
/// What upstream needs at most after a socket closed, where it keeps to the window.
pub(crate) const SETTLES_WITHIN: u8 = WINDOW - 1;
/// How often a purchase is claimed before it waits for somebody.
pub(crate) const CLAIMS: u8 = 2;

pub(crate) const BOTH: [usize; 2] = [0, 1];

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct World {
    pub(crate) purchases: [Purchase; 2],
    pub(crate) claimants: [Claimant; 2],
    /// A list that was read and not acted on yet.
    pub(crate) list: Option<List>,
    /// The table of owned numbers, by number.
    pub(crate) owned: [bool; 2],
    pub(crate) is_frozen: bool,
    pub(crate) crashes_left: u8,
    pub(crate) lock_losses_left: u8,
    /// What went wrong on the way here.
    pub(crate) broken: Option<Invariant>,
}

/// A purchase's rows, and its order at upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Purchase {
    pub(crate) state: State,
    /// An approval that was not used up by a send.
    pub(crate) is_approved: bool,
    pub(crate) claims: u8,
    pub(crate) claimed_by: Claimed,
    pub(crate) claim_age: u8,
    /// Since `unknown_since`.
    pub(crate) quiet: u8,
    /// Whether a complete list that was begun late enough did not show it.
    pub(crate) was_absent: bool,
    pub(crate) money: Money,
    pub(crate) order: Order,
}

/// What the ledger has for a purchase: one unit, or nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Money {
    Free,
    Held,
    Posted,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Claimed {
    Nobody,
    /// This claimant, as it is now.
    By(usize),
    /// One that has ended since, or goes by another identity now.
    Former,
}

/// What upstream has received of a purchase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Order {
    pub(crate) stage: Stage,
    /// Since the socket closed, while that still bounds what may come.
    pub(crate) closed: Option<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Stage {
    Nothing,
    Pending,
    Refused,
    /// Sold, and not in the list yet.
    Sold,
    /// Sold, and in the list.
    Listed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Claimant {
    pub(crate) phase: Phase,
    pub(crate) has_lock: bool,
}

/// Where a claimant stands; most phases are about one purchase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Phase {
    Down,
    Idle,
    /// Has looked at the budget before its transaction: only with that shortcut.
    Looked(usize),
    /// Its claim is durable, and this old.
    Claimed(usize, u8),
    Connected(usize),
    /// Every byte is sent, since this long.
    Waiting(usize, u8),
    /// The socket is closed and the outcome is not written.
    Told(usize, Told),
}

/// How an answer is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Told {
    Sold,
    Refused,
    Unclear,
    NothingSent,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct List {
    /// By number.
    pub(crate) shows: [bool; 2],
    /// By purchase: what this list may say where it does not show the number.
    pub(crate) absence: [Absence; 2],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Absence {
    /// It was begun too early to say anything.
    TooEarly,
    First,
    Second,
}

impl World {
    /// Two requests that wait for people, and no number owned.
    pub(crate) fn beginning(setting: &Setting) -> Self {
        let waiting = Purchase {
            state: State::PendingApproval,
            is_approved: false,
            claims: 0,
            claimed_by: Claimed::Nobody,
            claim_age: 0,
            quiet: 0,
            was_absent: false,
            money: Money::Free,
            order: Order { stage: Stage::Nothing, closed: None },
        };
        let up = Claimant { phase: Phase::Idle, has_lock: true };
        let down = Claimant { phase: Phase::Down, has_lock: false };
        let serves_alone = setting.serves_alone();
        Self {
            purchases: [waiting; 2],
            claimants: [up, if serves_alone { down } else { up }],
            list: None,
            owned: [false; 2],
            is_frozen: false,
            crashes_left: setting.crashes,
            lock_losses_left: u8::from(!serves_alone),
            broken: None,
        }
    }

    /// One transition of the domain, with what its transaction does to the money. What the domain refuses is
    /// a violation: nothing here moves a purchase on its own.
    pub(crate) fn step(&mut self, setting: &Setting, at: usize, step: Step) {
        let Ok(state) = self.purchases[at].state.after(step) else {
            return self.broke(Invariant::Machine);
        };
        if step == Step::Reserve && self.spoken_for() >= setting.budget {
            self.broke(Invariant::I3);
        }
        let given_back = matches!(step, Step::NotSent | Step::Fail | Step::Absent | Step::GiveUp);
        if given_back
            && self.purchases[at].order.may_be_sold()
            && setting.upstream == Upstream::WithinTheWindow
        {
            self.broke(Invariant::I4);
        }
        let purchase = &mut self.purchases[at];
        purchase.state = state;
        match step {
            Step::Approve => purchase.is_approved = true,
            Step::AskAgain => purchase.is_approved = false,
            Step::Reserve => purchase.money = Money::Held,
            Step::Claim => purchase.claims += 1,
            Step::NotSent | Step::Fail | Step::Absent | Step::GiveUp => purchase.money = Money::Free,
            Step::Book => {
                purchase.money = Money::Posted;
                self.owned[setting.number_of(at)] = true;
            }
            Step::BookLate => {
                purchase.money = Money::Posted;
                self.is_frozen = true;
            }
            Step::Endorse
            | Step::Reject
            | Step::Withdraw
            | Step::Expire
            | Step::Redecide
            | Step::Lose
            | Step::Stall
            | Step::Cancel => {}
        }
    }

    /// Holds and posts, in purchases.
    pub(crate) fn spoken_for(&self) -> usize {
        self.purchases.iter().filter(|purchase| purchase.money != Money::Free).count()
    }

    /// Whether another purchase has the number of this one.
    pub(crate) fn is_taken(&self, setting: &Setting, at: usize) -> bool {
        let is_rival = |other: usize| other != at && setting.number_of(other) == setting.number_of(at);
        BOTH.into_iter().any(|other| is_rival(other) && self.purchases[other].state.is_active())
    }

    /// An outcome is written for the attempt that it is of, and only while nobody else has settled that.
    pub(crate) fn may_settle(&self, setting: &Setting, by: usize, of: usize) -> bool {
        let purchase = &self.purchases[of];
        let is_own = purchase.claimed_by == Claimed::By(by) || setting.takes(Shortcut::OutcomeByStateAlone);
        purchase.state == State::Dispatching && is_own
    }

    /// Only the first thing that goes wrong counts.
    pub(crate) fn broke(&mut self, invariant: Invariant) {
        self.broken.get_or_insert(invariant);
    }

    /// Drops what no future depends on.
    pub(crate) fn forget(&mut self, setting: &Setting) {
        for by in BOTH {
            // An outcome that may not be written any more is found settled, sooner or later.
            if let Phase::Told(of, _) = self.claimants[by].phase
                && !self.may_settle(setting, by, of)
                && !setting.takes(Shortcut::OutcomeByStateAlone)
            {
                self.claimants[by].phase = Phase::Idle;
            }
        }
        for at in BOTH {
            let is_about_to_send = self.claimants.iter().any(
                |claimant| matches!(claimant.phase, Phase::Claimed(of, _) | Phase::Connected(of) if of == at),
            );
            let purchase = &mut self.purchases[at];
            let is_unknown = purchase.state == State::Unknown;
            let is_dispatching = purchase.state == State::Dispatching;
            if !is_dispatching && !is_about_to_send {
                purchase.claimed_by = Claimed::Nobody;
            }
            let is_counted_on = is_unknown && setting.takes(Shortcut::WindowFromTheClaim);
            if !is_dispatching && !is_counted_on {
                purchase.claim_age = 0;
            }
            if !is_unknown {
                (purchase.quiet, purchase.was_absent) = (0, false);
            }
            let is_bounded = setting.upstream == Upstream::WithinTheWindow && purchase.order.is_unsettled();
            if !is_bounded {
                purchase.order.closed = None;
            }
        }
    }
}

impl Order {
    /// Whether upstream has something left to do that shows.
    pub(crate) fn is_unsettled(self) -> bool {
        matches!(self.stage, Stage::Pending | Stage::Sold)
    }

    pub(crate) fn is_sold(self) -> bool {
        matches!(self.stage, Stage::Sold | Stage::Listed)
    }

    pub(crate) fn may_be_sold(self) -> bool {
        self.is_unsettled() || self.is_sold()
    }
}
