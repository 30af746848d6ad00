//! The finished bytes of an answer, in the room of what differs between its rows.
//!
//! Between one number and the next the same hundred bytes stand again and again, in this answer and in others. Each such
//! stretch is kept once, and the answer is written by copying stretches and numbers in their order: some dozens of
//! copies, where a row takes sixteen bytes and not two hundred.

use std::sync::Arc;

use axum::body::Bytes;

use crate::alike::Alike;

/// What stands before each number in an answer; inside of a JSON text its quotes would be escaped.
const BEFORE: &[u8] = b"\"dedicated_number\":\"";

/// The counters of a stretch, its place among others, and what the allocator needs.
const HELD_FOR_A_STRETCH: usize = 48;

/// A body that is written again and again.
#[derive(Debug)]
pub(super) struct Woven {
    /// Different ones.
    stretches: Box<[Arc<[u8]>]>,
    /// All, one after the other.
    numbers: Box<[u8]>,
    rows: Box<[Row]>,
    length: usize,
}

/// A stretch, and the number after it, which may be empty.
#[derive(Clone, Copy, Debug)]
struct Row {
    stretch: u16,
    /// Where the number ends; it begins where the one before ends.
    end: u16,
}

impl Woven {
    /// The body, if its different parts are as few as those of an answer of ours are.
    pub(super) fn of(body: &[u8]) -> Option<Self> {
        let (mut stretches, mut numbers, mut rows) = (Vec::<&[u8]>::new(), Vec::new(), Vec::new());
        for (stretch, number) in split(body) {
            let known = stretches.iter().position(|known| *known == stretch);
            let stretch = known.unwrap_or_else(|| {
                stretches.push(stretch);
                stretches.len() - 1
            });
            numbers.extend_from_slice(number);
            rows.push(Row { stretch: stretch.try_into().ok()?, end: numbers.len().try_into().ok()? });
        }
        Some(Self {
            stretches: stretches.into_iter().map(Arc::from).collect(),
            numbers: numbers.into(),
            rows: rows.into(),
            length: body.len(),
        })
    }

    /// Has in common what others have as well.
    pub(super) fn share(&mut self, common: &Alike<[u8]>) {
        for stretch in &mut self.stretches {
            *stretch = common.one_or_own(Arc::clone(stretch));
        }
    }

    /// The body.
    pub(super) fn bytes(&self) -> Bytes {
        let (mut body, mut begin) = (Vec::with_capacity(self.length), 0);
        for row in &self.rows {
            let end = usize::from(row.end);
            body.extend_from_slice(self.stretches.get(usize::from(row.stretch)).map_or(&[], |it| it));
            body.extend_from_slice(self.numbers.get(begin..end).unwrap_or_default());
            begin = end;
        }
        body.into()
    }

    /// What it takes in memory, as if no other had the same stretches.
    pub(super) fn size(&self) -> usize {
        let stretches = self.stretches.iter().map(|stretch| stretch.len() + HELD_FOR_A_STRETCH);
        stretches.sum::<usize>() + self.numbers.len() + self.rows.len() * size_of::<Row>()
    }
}

/// The parts of a body in their order: up to a number, and the number.
fn split(body: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = body;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let before = rest.windows(BEFORE.len()).position(|window| window == BEFORE);
        let (stretch, after) = rest.split_at(before.map_or(rest.len(), |at| at + BEFORE.len()));
        let (number, after) =
            after.split_at(after.iter().position(|byte| *byte == b'"').unwrap_or(after.len()));
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

    use super::Woven;
    use crate::alike::Alike;

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
        let common = Alike::at_most(100);
        let [one, other] = [20, 30].map(|count| {
            let mut woven = Woven::of(rows(count).as_bytes()).unwrap();
            woven.share(&common);
            assert_eq!(woven.bytes(), rows(count).as_bytes());
            woven
        });
        assert_eq!(one.stretches.len(), 3);
        for (one, other) in one.stretches.iter().zip(&other.stretches) {
            assert!(Arc::ptr_eq(one, other));
        }
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
