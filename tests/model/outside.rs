//! What the gateway does not decide: people, upstream, crashes, lost locks, and time.

use numbers_gateway::domain::purchase::{State, Step};

use crate::claimant::close_socket;
use crate::moves::{Move, Next};
use crate::world::{
    BOTH, CLAIMS, Claimed, FRESH, Phase, SETTLES_WITHIN, SURELY_CLOSED, Stage, TIMEOUT, WINDOW, World,
};

pub(crate) fn moves(next: &mut Next<'_>) {
    for of in BOTH {
        people(next, of);
        upstream(next, of);
    }
    for by in BOTH {
        processes(next, by);
    }
    if time_may_pass(next.world) {
        next.may(Move::TimePasses, time_passes);
    }
}

fn people(next: &mut Next<'_>, of: usize) {
    let (setting, purchase, is_frozen) = (next.setting, &next.world.purchases[of], next.world.is_frozen);
    if purchase.state == State::PendingApproval {
        next.may(Move::Approve(of), |world| world.step(setting, of, Step::Approve));
        next.may(Move::Withdraw(of), |world| world.step(setting, of, Step::Withdraw));
    }
    if purchase.state == State::Approved {
        next.may(Move::Withdraw(of), |world| world.step(setting, of, Step::Withdraw));
        next.may(Move::PriceMoves(of), |world| world.step(setting, of, Step::AskAgain));
        if is_frozen || purchase.claims == CLAIMS {
            next.may(Move::ApprovalRunsOut(of), |world| world.step(setting, of, Step::Cancel));
        }
    }
}

/// A number is sold once, whoever asks.
fn upstream(next: &mut Next<'_>, of: usize) {
    let (world, setting) = (next.world, next.setting);
    let rival = BOTH.into_iter().find(|at| *at != of && setting.number_of(*at) == setting.number_of(of));
    let is_sold_already = rival.is_some_and(|rival| world.purchases[rival].order.is_sold());
    let becomes = |stage: Stage| move |world: &mut World| world.purchases[of].order.stage = stage;
    match world.purchases[of].order.stage {
        Stage::Pending => {
            if !is_sold_already {
                next.may(Move::Sell(of), becomes(Stage::Sold));
            }
            next.may(Move::TurnDown(of), becomes(Stage::Refused));
        }
        Stage::Sold => next.may(Move::Show(of), becomes(Stage::Listed)),
        Stage::Nothing | Stage::Refused | Stage::Listed => {}
    }
}

fn processes(next: &mut Next<'_>, by: usize) {
    let (world, setting) = (next.world, next.setting);
    let claimant = &world.claimants[by];
    let other_is_down = world.claimants[1 - by].phase == Phase::Down;
    match claimant.phase {
        Phase::Down => {
            if other_is_down || !setting.serves_alone() {
                next.may(Move::Restart(by), |world| take_lock(world, by));
            }
            return;
        }
        Phase::Idle if !claimant.has_lock => next.may(Move::LockAgain(by), |world| take_lock(world, by)),
        Phase::Idle
        | Phase::Looked(_)
        | Phase::Claimed(..)
        | Phase::Connected(_)
        | Phase::Waiting(..)
        | Phase::Told(..) => {}
    }
    if world.crashes_left > 0 {
        next.may(Move::Crash(by), |world| crash(world, by));
    }
    if world.lock_losses_left > 0 && claimant.has_lock {
        next.may(Move::LoseLock(by), |world| {
            world.lock_losses_left -= 1;
            world.claimants[by].has_lock = false;
        });
    }
}

fn crash(world: &mut World, by: usize) {
    world.crashes_left -= 1;
    if let Phase::Waiting(of, _) = world.claimants[by].phase {
        close_socket(world, of);
    }
    world.claimants[by].phase = Phase::Down;
    world.claimants[by].has_lock = false;
}

/// A new identity: what it claimed before belongs to nobody who lives.
fn take_lock(world: &mut World, by: usize) {
    world.claimants[by].phase = Phase::Idle;
    world.claimants[by].has_lock = true;
    for purchase in &mut world.purchases {
        if purchase.claimed_by == Claimed::By(by) {
            purchase.claimed_by = Claimed::Former;
        }
    }
}

/// Time stands still before whatever has to happen by now.
fn time_may_pass(world: &World) -> bool {
    let is_at_its_end = |phase: Phase| matches!(phase, Phase::Connected(_) | Phase::Waiting(_, TIMEOUT));
    let upstream_owes = |closed: Option<u8>| closed.is_some_and(|closed| closed >= SETTLES_WITHIN);
    !world.claimants.iter().any(|claimant| is_at_its_end(claimant.phase))
        && !world.purchases.iter().any(|purchase| upstream_owes(purchase.order.closed))
}

fn time_passes(world: &mut World) {
    let older = |age: u8, most: u8| most.min(age + 1);
    for claimant in &mut world.claimants {
        claimant.phase = match claimant.phase {
            Phase::Claimed(of, age) => Phase::Claimed(of, older(age, FRESH)),
            Phase::Waiting(of, age) => Phase::Waiting(of, older(age, TIMEOUT)),
            same @ (Phase::Down | Phase::Idle | Phase::Looked(_) | Phase::Connected(_) | Phase::Told(..)) => {
                same
            }
        };
    }
    for purchase in &mut world.purchases {
        purchase.claim_age = older(purchase.claim_age, SURELY_CLOSED.max(WINDOW));
        purchase.quiet = older(purchase.quiet, WINDOW);
        purchase.order.closed = purchase.order.closed.map(|closed| older(closed, SETTLES_WITHIN));
    }
}
