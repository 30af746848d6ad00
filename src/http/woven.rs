//! The finished bytes of an answer, in the room of what differs between its rows.
//!
//! Between one number and the next the same hundred bytes stand again and again, in this answer and in others. Each such
//! stretch is kept once, and the answer is written by copying stretches and numbers in their order: some dozens of
//! copies. Their order is the same again for all answers with as many numbers between the same stretches, and kept once
//! for these: a row takes the bytes of its number and not two hundred.

use std::sync::Arc;

use axum::body::Bytes;
use memchr::memmem;
use smallvec::SmallVec;

use crate::alike::Alike;

/// What stands before each number in an answer; inside of a JSON text its quotes would be escaped.
pub(super) const BEFORE: &[u8] = b"\"dedicated_number\":\"";

/// The counters of a stretch, its place among others, and what the allocator needs.
const HELD_FOR_A_STRETCH: usize = 48;

/// Different stretches, some hundred bytes each. Beyond that, a pattern has its own.
const STRETCHES: usize = 4_096;

/// Different patterns. Beyond that, an answer has its own.
const PATTERNS: usize = 4_096;

/// Fifteen numbers, as many as an answer usually has, of thirteen characters: they lie in the body itself, because to look
/// at one more place in memory costs as much as to copy ten rows.
const USUAL_NUMBERS: usize = 15 * 13;

/// A body that is written again and again.
#[derive(Debug)]
pub(super) struct Woven {
    pattern: Arc<Pattern>,
    /// All, one after the other.
    numbers: SmallVec<[u8; USUAL_NUMBERS]>,
}

/// What makes a body of its numbers.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Pattern {
    /// Different ones.
    stretches: Box<[Arc<[u8]>]>,
    rows: Box<[Row]>,
    length: usize,
}

/// What bodies have in common.
#[derive(Debug)]
pub(super) struct Common {
    stretches: Alike<[u8]>,
    patterns: Alike<Pattern>,
}

impl Common {
    pub(super) fn new() -> Self {
        Self { stretches: Alike::at_most(STRETCHES), patterns: Alike::at_most(PATTERNS) }
    }

    /// Lets go of what no body says any more.
    pub(super) fn tidy(&self) {
        // Patterns hold the others.
        self.patterns.tidy();
        self.stretches.tidy();
    }
}

/// A stretch, and the number after it, which may be empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Row {
    stretch: u16,
    /// Where the number ends; it begins where the one before ends.
    end: u16,
}

impl Woven {
    /// The body, if its different parts are as few as those of an answer of ours are.
    pub(super) fn of(body: &[u8]) -> Option<Self> {
        let (mut stretches, mut numbers, mut rows) = (Vec::<&[u8]>::new(), SmallVec::new(), Vec::new());
        for (stretch, number) in split(body) {
            let known = stretches.iter().position(|known| *known == stretch);
            let stretch = known.unwrap_or_else(|| {
                stretches.push(stretch);
                stretches.len() - 1
            });
            numbers.extend_from_slice(number);
            rows.push(Row { stretch: stretch.try_into().ok()?, end: numbers.len().try_into().ok()? });
        }
        numbers.shrink_to_fit();
        let stretches = stretches.into_iter().map(Arc::from).collect();
        let pattern = Pattern { stretches, rows: rows.into(), length: body.len() };
        Some(Self { pattern: Arc::new(pattern), numbers })
    }

    /// Has in common what others have as well.
    pub(super) fn share(&mut self, common: &Common) {
        // Nobody else has a new body's pattern.
        if let Some(pattern) = Arc::get_mut(&mut self.pattern) {
            for stretch in &mut pattern.stretches {
                *stretch = common.stretches.one_or_own(Arc::clone(stretch));
            }
            self.pattern = common.patterns.one_or_own(Arc::clone(&self.pattern));
        }
    }

    /// The body.
    pub(super) fn bytes(&self) -> Bytes {
        let Pattern { stretches, rows, length } = &*self.pattern;
        let (mut body, mut begin) = (Vec::with_capacity(*length), 0);
        for row in rows {
            let end = usize::from(row.end);
            body.extend_from_slice(stretches.get(usize::from(row.stretch)).map_or(&[], |it| it));
            body.extend_from_slice(self.numbers.get(begin..end).unwrap_or_default());
            begin = end;
        }
        body.into()
    }

    /// What it takes in memory beside itself, as if no other had the same pattern and stretches.
    pub(super) fn size(&self) -> usize {
        let Pattern { stretches, rows, .. } = &*self.pattern;
        let stretches = stretches.iter().map(|stretch| stretch.len() + HELD_FOR_A_STRETCH);
        let numbers = if self.numbers.spilled() { self.numbers.len() } else { 0 };
        stretches.sum::<usize>() + numbers + size_of::<Pattern>() + size_of_val::<[Row]>(rows)
    }
}

/// The parts of a body in their order: up to a number, and the number.
fn split(body: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let (finder, mut rest) = (memmem::Finder::new(BEFORE), body);
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let before = finder.find(rest);
        let (stretch, after) = rest.split_at(before.map_or(rest.len(), |at| at + BEFORE.len()));
        let (number, after) = after.split_at(memchr::memchr(b'"', after).unwrap_or(after.len()));
        rest = after;
        Some((stretch, number))
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]

    use proptest::prelude::{ProptestConfig, any, prop_assert_eq, prop_oneof, proptest};
    use proptest::strategy::{Just, Strategy};

    use std::sync::Arc;

    use super::{Common, Woven};

    fn rows(count: usize) -> String {
        let row = |row| format!(r#"{{"country":"US","dedicated_number":"+1228555{row:04}","price":"1.50"}}"#);
        format!(r#"{{"data":[{}]}}"#, (0..count).map(row).collect::<Vec<_>>().join(","))
    }

    #[test]
    fn rows_take_the_room_of_their_numbers() {
        let body = rows(100);
        let woven = Woven::of(body.as_bytes()).unwrap();
        assert_eq!(woven.bytes(), body.as_bytes());
        assert!(woven.size() * 3 < body.len(), "{} of {}", woven.size(), body.len());
    }

    #[test]
    fn what_is_too_large_is_not_kept() {
        let number = |length| [super::BEFORE, &vec![b'1'; length]].concat();
        assert!(Woven::of(&number(65_536)).is_none());
        assert!(Woven::of(&number(65_535)).is_some());
    }

    #[test]
    fn what_others_have_as_well_is_there_once() {
        let common = Common::new();
        let [one, other, like_one] = [20, 30, 20].map(|count| {
            let mut woven = Woven::of(rows(count).as_bytes()).unwrap();
            woven.share(&common);
            assert_eq!(woven.bytes(), rows(count).as_bytes());
            woven
        });
        assert_eq!(one.pattern.stretches.len(), 3);
        for (one, other) in one.pattern.stretches.iter().zip(&other.pattern.stretches) {
            assert!(Arc::ptr_eq(one, other));
        }
        assert!(Arc::ptr_eq(&one.pattern, &like_one.pattern) && !Arc::ptr_eq(&one.pattern, &other.pattern));
    }

    fn piece() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            Just(super::BEFORE.to_vec()),
            Just(b"\"".to_vec()),
            Just(b"+1228\",\"a\":".to_vec()),
            proptest::collection::vec(any::<u8>(), 0..9),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn whatever_the_body_is_it_comes_back(pieces in proptest::collection::vec(piece(), 0..40)) {
            let body = pieces.concat();
            prop_assert_eq!(Woven::of(&body).unwrap().bytes(), body);
        }
    }
}
