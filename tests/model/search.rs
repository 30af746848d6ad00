//! Breadth first through every world there is: what is found first is the shortest way to it.

use std::collections::HashSet;
use std::fmt;
use std::hash::{BuildHasher as _, BuildHasherDefault, Hasher};

use numbers_gateway::domain::purchase::State;

use crate::invariants::{self, Invariant};
use crate::moves::{self, Move};
use crate::setting::{Numbers, Setting};
use crate::world::{Claimed, Phase, World};

/// What a search has seen.
pub(crate) enum Outcome {
    Held(Explored),
    Broken(Trace),
}

/// All worlds that can be reached.
pub(crate) struct Explored {
    pub(crate) worlds: usize,
    /// Those in which nothing more can happen.
    pub(crate) ends: usize,
    /// Every state that a purchase was in.
    pub(crate) states: Vec<State>,
}

/// The shortest way to a violation.
pub(crate) struct Trace {
    pub(crate) invariant: Invariant,
    pub(crate) moves: Vec<Move>,
}

/// A world, and the move that first led to it from which other.
struct Reached {
    world: World,
    from: Option<(usize, Move)>,
}

pub(crate) fn explore(setting: &Setting) -> Outcome {
    let beginning = World::beginning(setting);
    let mut known: HashSet<World, BuildHasherDefault<Mix>> = HashSet::default();
    known.insert(beginning.named_alike(setting));
    let mut reached = vec![Reached { world: beginning, from: None }];
    let (mut at, mut ends, mut states) = (0, 0, Vec::new());
    while let Some(Reached { world, .. }) = reached.get(at) {
        let next = moves::all(world, setting);
        let broken = invariants::broken_in(world, setting);
        let at_the_end = || invariants::broken_at_the_end(world, setting).filter(|_| next.is_empty());
        if let Some(invariant) = broken.or_else(at_the_end) {
            return Outcome::Broken(Trace { invariant, moves: way_to(&reached, at) });
        }
        ends += usize::from(next.is_empty());
        for purchase in &world.purchases {
            if !states.contains(&purchase.state) {
                states.push(purchase.state);
            }
        }
        for (happens, world) in next {
            if known.insert(world.named_alike(setting)) {
                reached.push(Reached { world, from: Some((at, happens)) });
            }
        }
        at += 1;
    }
    Outcome::Held(Explored { worlds: reached.len(), ends, states })
}

fn way_to(reached: &[Reached], end: usize) -> Vec<Move> {
    let mut moves: Vec<Move> = std::iter::successors(reached[end].from, |(at, _)| reached[*at].from)
        .map(|(_, happens)| happens)
        .collect();
    moves.reverse();
    moves
}

impl fmt::Display for Trace {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, happens) in (1..).zip(&self.moves) {
            writeln!(out, "{at:>4}. {happens}")?;
        }
        write!(out, "   => {}", self.invariant)
    }
}

impl World {
    /// The same world for every two that differ only in which purchase or claimant is called the first.
    fn named_alike(mut self, setting: &Setting) -> Self {
        let hash = BuildHasherDefault::<Mix>::default();
        let [one, other] = &self.purchases;
        // A late sale of the one number goes to the first purchase, so that there they are not alike.
        if setting.numbers == Numbers::Two && hash.hash_one(one) > hash.hash_one(other) {
            self.swap_purchases();
        }
        let [one, other] = &self.claimants;
        if hash.hash_one(one) > hash.hash_one(other) {
            self.swap_claimants();
        }
        self
    }

    fn swap_purchases(&mut self) {
        self.purchases.swap(0, 1);
        self.owned.swap(0, 1);
        if let Some(list) = &mut self.list {
            list.shows.swap(0, 1);
            list.absence.swap(0, 1);
        }
        for claimant in &mut self.claimants {
            claimant.phase = match claimant.phase {
                Phase::Looked(of) => Phase::Looked(1 - of),
                Phase::Claimed(of, age) => Phase::Claimed(1 - of, age),
                Phase::Connected(of) => Phase::Connected(1 - of),
                Phase::Waiting(of, age) => Phase::Waiting(1 - of, age),
                Phase::Told(of, told) => Phase::Told(1 - of, told),
                Phase::Down => Phase::Down,
                Phase::Idle => Phase::Idle,
            };
        }
    }

    fn swap_claimants(&mut self) {
        self.claimants.swap(0, 1);
        for purchase in &mut self.purchases {
            if let Claimed::By(claimant) = &mut purchase.claimed_by {
                *claimant = 1 - *claimant;
            }
        }
    }
}

/// A quick hash of small numbers: there are millions of them and nobody chooses them to collide.
#[derive(Default)]
struct Mix(u64);

impl Hasher for Mix {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u8(&mut self, number: u8) {
        self.write_u64(u64::from(number));
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(u64::try_from(number).unwrap_or_default());
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0.rotate_left(5) ^ number).wrapping_mul(0x517c_c1b7_2722_0a95);
    }
}
