//! What no request waits for: attempts whose claimant is gone, and the reading of upstream's list.
//!
//! The list is read in one act and acted on in another, because the world moves in between.

use numbers_gateway::domain::purchase::{State, Step};

use crate::moves::{Move, Next};
use crate::setting::{Setting, Shortcut};
use crate::world::{Absence, BOTH, Claimed, List, Money, Phase, SURELY_CLOSED, Stage, WINDOW, World};

pub(crate) fn moves(next: &mut Next<'_>) {
    let (world, setting) = (next.world, next.setting);
    if world.claimants.iter().all(|claimant| claimant.phase == Phase::Down) {
        return;
    }
    for of in BOTH {
        if is_gone(world, setting, of) {
            next.may(Move::DeclareGone(of), |world| world.step(setting, of, Step::Lose));
        }
        let purchase = &world.purchases[of];
        if setting.takes(Shortcut::HoldTimesOut) && purchase.state == State::Unknown && purchase.quiet > 0 {
            next.may(Move::FreeHold(of), |world| world.purchases[of].money = Money::Free);
        }
    }
    match world.list {
        Some(list) => next.may(Move::ActOnList, |world| act_on(world, setting, list)),
        None if tells_something(world, setting) => {
            next.may(Move::ReadList, |world| world.list = Some(read(world, setting)));
        }
        None => {}
    }
}

/// Whether the claimant of a purchase is proven gone: nothing it does can reach upstream any more.
pub(crate) fn is_gone(world: &World, setting: &Setting, of: usize) -> bool {
    let purchase = &world.purchases[of];
    if purchase.state != State::Dispatching {
        return false;
    }
    let lock_is_free = match purchase.claimed_by {
        Claimed::Nobody => false,
        Claimed::By(claimant) => {
            let claimant = &world.claimants[claimant];
            claimant.phase == Phase::Down || !claimant.has_lock
        }
        Claimed::Former => true,
    };
    let lock_is_enough = setting.serves_alone() || setting.takes(Shortcut::FreeLockMeansGone);
    lock_is_free && (lock_is_enough || purchase.claim_age >= SURELY_CLOSED)
}

fn tells_something(world: &World, setting: &Setting) -> bool {
    let list = read(world, setting);
    let mut after = *world;
    act_on(&mut after, setting, list);
    after != *world
}

fn read(world: &World, setting: &Setting) -> List {
    let shows = BOTH.map(|number| {
        BOTH.into_iter()
            .any(|at| setting.number_of(at) == number && world.purchases[at].order.stage == Stage::Listed)
    });
    let absence = BOTH.map(|at| {
        let purchase = &world.purchases[at];
        let quiet =
            if setting.takes(Shortcut::WindowFromTheClaim) { purchase.claim_age } else { purchase.quiet };
        let is_ripe = quiet >= WINDOW || setting.takes(Shortcut::NoQuietWindow);
        match purchase.was_absent {
            _ if purchase.state != State::Unknown || !is_ripe => Absence::TooEarly,
            true => Absence::Second,
            false => Absence::First,
        }
    });
    List { shows, absence }
}

/// The guards look at the rows as they are now; the list says only what it saw.
fn act_on(world: &mut World, setting: &Setting, list: List) {
    world.list = None;
    for of in BOTH {
        let is_shown = list.shows[setting.number_of(of)];
        if is_shown {
            world.owned[setting.number_of(of)] = true;
        }
        let may_be_late =
            is_shown && !world.is_taken(setting, of) && !setting.takes(Shortcut::NeverLookedAtAgain);
        match world.purchases[of].state {
            State::Unknown if is_shown => world.step(setting, of, Step::Book),
            State::Unknown => match list.absence[of] {
                Absence::TooEarly => {}
                Absence::First => world.purchases[of].was_absent = true,
                Absence::Second => world.step(setting, of, Step::Absent),
            },
            State::Failed | State::NotBought if may_be_late => world.step(setting, of, Step::BookLate),
            State::Failed
            | State::NotBought
            | State::PendingApproval
            | State::Approved
            | State::Reserved
            | State::Dispatching
            | State::Bought
            | State::NeedsAttention
            | State::BoughtLate
            | State::Rejected
            | State::Withdrawn
            | State::Expired
            | State::Cancelled => {}
        }
    }
}
