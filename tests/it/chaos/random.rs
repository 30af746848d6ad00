//! Chance that can be had again.

use crate::stage::{Somebody, ann, somebody};

/// A small generator, so that a seed tells the whole run.
pub struct Random(pub u64);

impl Random {
    /// `SplitMix64`.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(u64::try_from(length).unwrap())).unwrap()
    }

    pub fn person(&mut self) -> Somebody {
        let people = [ann(), somebody("ben", "growth", "requester"), somebody("sue", "support", "requester")];
        people[self.index(3)].clone()
    }
}
