//! What the two instances do with a purchase, one durable or visible act at a time: between any two of them it may
//! crash, and anything else may happen.

use numbers_gateway::domain::purchase::{State, Step};

use crate::invariants::Invariant;
use crate::moves::{Move, Next};
use crate::setting::{Setting, Shortcut, Upstream};
use crate::sweep;
use crate::world::{BOTH, CLAIMS, Claimed, FRESH, Order, Phase, Stage, TIMEOUT, Told, World};

pub(crate) fn moves(next: &mut Next<'_>) {
    for by in BOTH {
        match next.world.claimants[by].phase {
            Phase::Down => {}
            Phase::Idle => begin(next, by),
            Phase::Looked(of) => claim(next, by, of),
            Phase::Claimed(of, age) => connect(next, by, of, age),
            Phase::Connected(of) => next.may(Move::Send { by, of }, |world| send(world, by, of)),
            Phase::Waiting(of, age) => wait(next, by, of, age),
            Phase::Told(of, told) => write(next, by, of, told),
        }
    }
}

/// What is approved is driven by whoever is free, unless its team may not buy, or it was tried often enough.
fn begin(next: &mut Next<'_>, by: usize) {
    for of in BOTH {
        let (world, setting) = (next.world, next.setting);
        let purchase = &world.purchases[of];
        if setting.takes(Shortcut::DispatchAgain) && sweep::is_gone(world, setting, of) {
            next.may(Move::DispatchAgain { by, of }, |world| {
                world.purchases[of].claimed_by = Claimed::By(by);
                world.claimants[by].phase = Phase::Claimed(of, 0);
            });
        }
        let is_due = purchase.state == State::Approved && purchase.claims < CLAIMS;
        if !is_due || world.is_frozen || !world.claimants[by].has_lock {
            continue;
        }
        if setting.takes(Shortcut::IntentAfterTheSend) {
            next.may(Move::Send { by, of }, |world| send(world, by, of));
        } else if setting.takes(Shortcut::BudgetOutsideTheTransaction) && world.spoken_for() < setting.budget
        {
            next.may(Move::LookAtBudget { by, of }, |world| world.claimants[by].phase = Phase::Looked(of));
        } else {
            claim(next, by, of);
        }
    }
}

/// Reserve and claim in one commit, with their guards inside it.
fn claim(next: &mut Next<'_>, by: usize, of: usize) {
    let (world, setting) = (next.world, next.setting);
    let has_looked = world.claimants[by].phase == Phase::Looked(of);
    let has_room = has_looked || world.spoken_for() < setting.budget;
    let is_owned = world.owned[setting.number_of(of)];
    if world.purchases[of].state != State::Approved {
        return next.may(Move::FindItSettled { by, of }, |world| world.claimants[by].phase = Phase::Idle);
    }
    if !has_room || is_owned || world.is_taken(setting, of) {
        return next.may(Move::ClaimIsRefused { by, of }, |world| {
            world.step(setting, of, Step::Cancel);
            world.claimants[by].phase = Phase::Idle;
        });
    }
    let commit = |world: &mut World| {
        world.step(setting, of, Step::Reserve);
        world.step(setting, of, Step::Claim);
        let purchase = &mut world.purchases[of];
        (purchase.claimed_by, purchase.claim_age) = (Claimed::By(by), 0);
    };
    next.may(Move::Claim { by, of }, |world| {
        commit(world);
        world.claimants[by].phase = Phase::Claimed(of, 0);
    });
    // Whatever became of it, nothing is sent, and that is written behind it.
    next.may(Move::ClaimIsNotAnswered { by, of }, |world| {
        commit(world);
        world.claimants[by].phase = Phase::Told(of, Told::NothingSent);
    });
}

/// The claim's age is the last thing that is looked at before connecting.
fn connect(next: &mut Next<'_>, by: usize, of: usize, age: u8) {
    let nothing_sent = |world: &mut World| world.claimants[by].phase = Phase::Told(of, Told::NothingSent);
    if age >= FRESH {
        return next.may(Move::ClaimTooOld { by, of }, nothing_sent);
    }
    next.may(Move::Connect { by, of }, |world| world.claimants[by].phase = Phase::Connected(of));
    next.may(Move::CannotConnect { by, of }, nothing_sent);
}

/// The bytes leave this machine, and upstream has an order.
fn send(world: &mut World, by: usize, of: usize) {
    let purchase = &mut world.purchases[of];
    let has_intent = purchase.claimed_by == Claimed::By(by);
    let (is_first, is_approved) = (purchase.order.stage == Stage::Nothing, purchase.is_approved);
    purchase.order = Order { stage: Stage::Pending, closed: None };
    purchase.is_approved = false;
    world.claimants[by].phase = Phase::Waiting(of, 0);
    for (holds, invariant) in
        [(has_intent, Invariant::I2), (is_first, Invariant::I1), (is_approved, Invariant::I9)]
    {
        if !holds {
            world.broke(invariant);
        }
    }
}

fn wait(next: &mut Next<'_>, by: usize, of: usize, age: u8) {
    let (stage, setting) = (next.world.purchases[of].order.stage, next.setting);
    let mut hears = |happens: Move, told: Told| {
        next.may(happens, |world| {
            close_socket(world, of);
            world.claimants[by].phase = Phase::Told(of, told);
        });
    };
    let answer = |read_as: Told| Move::Answer { by, of, read_as };
    if matches!(stage, Stage::Sold | Stage::Listed) {
        hears(answer(Told::Sold), Told::Sold);
    }
    if stage == Stage::Refused || setting.upstream == Upstream::Faithless {
        hears(answer(Told::Refused), Told::Refused);
    }
    hears(answer(Told::Unclear), Told::Unclear);
    if setting.takes(Shortcut::ServerErrorMeansRefused) {
        hears(answer(Told::Refused), Told::Refused);
    }
    if age == TIMEOUT {
        hears(Move::TimeOut { by, of }, Told::Unclear);
    }
}

/// From here on nothing more of this order reaches upstream.
pub(crate) fn close_socket(world: &mut World, of: usize) {
    world.purchases[of].order.closed = Some(0);
}

/// Repeated until it is answered. What another has settled meanwhile stays as it is.
fn write(next: &mut Next<'_>, by: usize, of: usize, told: Told) {
    let setting = next.setting;
    if !next.world.may_settle(setting, by, of) {
        return next.may(Move::FindItSettled { by, of }, |world| world.claimants[by].phase = Phase::Idle);
    }
    next.may(Move::Write { by, of, told }, |world| {
        record(world, setting, of, told);
        world.claimants[by].phase = Phase::Idle;
    });
    next.may(Move::WriteIsNotAnswered { by, of, told }, |world| record(world, setting, of, told));
}

fn record(world: &mut World, setting: &Setting, of: usize, told: Told) {
    let step = match told {
        Told::Sold => Step::Book,
        Told::Refused => Step::Fail,
        Told::Unclear => Step::Lose,
        Told::NothingSent => Step::NotSent,
    };
    world.step(setting, of, step);
}
