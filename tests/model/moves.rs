//! What can happen next, and how a trace tells it.

use std::fmt;

use crate::setting::Setting;
use crate::world::{Told, World};
use crate::{claimant, outside, sweep};

/// One thing that happens. Purchases and claimants go by their places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Move {
    Approve(usize),
    Withdraw(usize),
    PriceMoves(usize),
    ApprovalRunsOut(usize),
    Claim { by: usize, of: usize },
    ClaimIsRefused { by: usize, of: usize },
    ClaimIsNotAnswered { by: usize, of: usize },
    Connect { by: usize, of: usize },
    CannotConnect { by: usize, of: usize },
    ClaimTooOld { by: usize, of: usize },
    Send { by: usize, of: usize },
    Sell(usize),
    TurnDown(usize),
    Show(usize),
    Answer { by: usize, of: usize, read_as: Told },
    TimeOut { by: usize, of: usize },
    Write { by: usize, of: usize, told: Told },
    WriteIsNotAnswered { by: usize, of: usize, told: Told },
    FindItSettled { by: usize, of: usize },
    Crash(usize),
    Restart(usize),
    LoseLock(usize),
    LockAgain(usize),
    DeclareGone(usize),
    ReadList,
    ActOnList,
    TimePasses,
    LookAtBudget { by: usize, of: usize },
    DispatchAgain { by: usize, of: usize },
    FreeHold(usize),
}

/// Collects the worlds after one.
pub(crate) struct Next<'w> {
    pub(crate) world: &'w World,
    pub(crate) setting: &'w Setting,
    found: Vec<(Move, World)>,
}

/// Every move that changes a world, with the world after it.
pub(crate) fn all(world: &World, setting: &Setting) -> Vec<(Move, World)> {
    let mut next = Next { world, setting, found: Vec::new() };
    claimant::moves(&mut next);
    sweep::moves(&mut next);
    outside::moves(&mut next);
    next.found
}

impl Next<'_> {
    /// One that may happen; forgotten where it changes nothing.
    pub(crate) fn may(&mut self, happens: Move, change: impl FnOnce(&mut World)) {
        let mut world = *self.world;
        change(&mut world);
        world.forget(self.setting);
        if world != *self.world {
            self.found.push((happens, world));
        }
    }
}

impl fmt::Display for Move {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (c, p) = (|claimant: usize| ["A", "B"][claimant], |purchase: usize| ["P", "Q"][purchase]);
        match *self {
            Self::Approve(of) => write!(out, "somebody approves {}", p(of)),
            Self::Withdraw(of) => write!(out, "the requester withdraws {}", p(of)),
            Self::PriceMoves(of) => write!(out, "the price of {} moves: its approvals are void", p(of)),
            Self::ApprovalRunsOut(of) => write!(out, "the approval of {} runs out", p(of)),
            Self::Claim { by, of } => write!(out, "{} reserves and claims {}", c(by), p(of)),
            Self::ClaimIsRefused { by, of } => {
                write!(out, "{} cancels {}: no money, or the number is taken", c(by), p(of))
            }
            Self::ClaimIsNotAnswered { by, of } => {
                write!(out, "{} claims {}, and the commit's answer is lost", c(by), p(of))
            }
            Self::Connect { by, of } => write!(out, "{} connects for {}", c(by), p(of)),
            Self::CannotConnect { by, of } => write!(out, "{} cannot connect for {}", c(by), p(of)),
            Self::ClaimTooOld { by, of } => write!(out, "{} finds its claim of {} too old", c(by), p(of)),
            Self::Send { by, of } => write!(out, "{} sends the buy of {}", c(by), p(of)),
            Self::Sell(of) => write!(out, "upstream sells {}", p(of)),
            Self::TurnDown(of) => write!(out, "upstream decides not to sell {}", p(of)),
            Self::Show(of) => write!(out, "upstream's list shows {} from now on", p(of)),
            Self::Answer { by, of, read_as } => {
                let answer = match read_as {
                    Told::Sold => "a receipt",
                    Told::Refused => "what is read as a refusal",
                    Told::Unclear | Told::NothingSent => "a 503, or the connection breaks",
                };
                write!(out, "{} gets for {}: {answer}", c(by), p(of))
            }
            Self::TimeOut { by, of } => write!(out, "{} waits for {} no longer", c(by), p(of)),
            Self::Write { by, of, told } => write!(out, "{} writes {} as {}", c(by), p(of), word(told)),
            Self::WriteIsNotAnswered { by, of, told } => {
                write!(out, "{} writes {} as {}, and the commit's answer is lost", c(by), p(of), word(told))
            }
            Self::FindItSettled { by, of } => write!(out, "{} finds {} settled by another", c(by), p(of)),
            Self::Crash(by) => write!(out, "{} crashes", c(by)),
            Self::Restart(by) => write!(out, "{} starts again", c(by)),
            Self::LoseLock(by) => write!(out, "{} loses its lock and lives on", c(by)),
            Self::LockAgain(by) => write!(out, "{} locks again under another identity", c(by)),
            Self::DeclareGone(of) => {
                write!(out, "the claimant of {} is taken for gone: it is unknown", p(of))
            }
            Self::ReadList => write!(out, "the list of owned numbers is read"),
            Self::ActOnList => write!(out, "what the list said is acted on"),
            Self::TimePasses => write!(out, "time passes"),
            Self::LookAtBudget { by, of } => {
                write!(out, "{} sees that the budget has room for {}", c(by), p(of))
            }
            Self::DispatchAgain { by, of } => write!(out, "{} takes over the attempt of {}", c(by), p(of)),
            Self::FreeHold(of) => write!(out, "the hold of {} times out", p(of)),
        }
    }
}

const fn word(told: Told) -> &'static str {
    match told {
        Told::Sold => "bought",
        Told::Refused => "failed",
        Told::Unclear => "unknown",
        Told::NothingSent => "not sent",
    }
}
