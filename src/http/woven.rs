//! The finished bytes of an answer, in the room of what differs between its rows.
//!
//! Between one number and the next the same hundred bytes stand again and again. Each such stretch is kept once, and the
//! answer is written by copying stretches and numbers in their order: some dozens of copies within one small piece of
//! memory, where a row takes sixteen bytes and not two hundred.

use axum::body::Bytes;

/// What stands before each number in an answer; inside of a JSON text its quotes would be escaped.
const BEFORE: &[u8] = b"\"dedicated_number\":\"";

/// A body that is written again and again.
#[derive(Debug)]
pub(super) struct Woven {
    /// Different stretches and then all numbers, one after the other.
    texts: Box<[u8]>,
    /// The pieces of the body in their order: ranges of `texts`.
    pieces: Box<[Piece]>,
    length: usize,
}

#[derive(Clone, Copy, Debug)]
struct Piece {
    begin: u16,
    end: u16,
}

impl Woven {
    /// The body, if its different parts are as few as those of an answer of ours are.
    pub(super) fn of(body: &[u8]) -> Option<Self> {
        let (mut texts, mut pieces, mut stretches) = (Vec::new(), Vec::new(), Vec::<(&[u8], Piece)>::new());
        for part in split(body) {
            let piece = match part {
                Part::Number(number) => add(&mut texts, number)?,
                Part::Stretch(stretch) => {
                    let known =
                        stretches.iter().find(|(known, _)| *known == stretch).map(|(_, piece)| *piece);
                    let piece = known.map_or_else(|| add(&mut texts, stretch), Some)?;
                    if known.is_none() {
                        stretches.push((stretch, piece));
                    }
                    piece
                }
            };
            pieces.push(piece);
        }
        Some(Self { texts: texts.into(), pieces: pieces.into(), length: body.len() })
    }

    /// The body.
    pub(super) fn bytes(&self) -> Bytes {
        let mut body = Vec::with_capacity(self.length);
        for piece in &self.pieces {
            body.extend_from_slice(self.texts.get(piece.begin.into()..piece.end.into()).unwrap_or_default());
        }
        body.into()
    }

    /// What it takes in memory.
    pub(super) fn size(&self) -> usize {
        self.texts.len() + self.pieces.len() * size_of::<Piece>()
    }
}

fn add(texts: &mut Vec<u8>, text: &[u8]) -> Option<Piece> {
    let begin = texts.len().try_into().ok()?;
    texts.extend_from_slice(text);
    Some(Piece { begin, end: texts.len().try_into().ok()? })
}

enum Part<'a> {
    Stretch(&'a [u8]),
    Number(&'a [u8]),
}

/// The parts of a body in their order.
fn split(body: &[u8]) -> impl Iterator<Item = Part<'_>> {
    let mut rest = body;
    let mut is_number = false;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let length = if is_number {
            rest.iter().position(|byte| *byte == b'"')
        } else {
            rest.windows(BEFORE.len()).position(|window| window == BEFORE).map(|at| at + BEFORE.len())
        };
        let (part, after) = rest.split_at(length.unwrap_or(rest.len()));
        rest = after;
        let part = if is_number { Part::Number(part) } else { Part::Stretch(part) };
        is_number = !is_number;
        Some(part)
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]

    use proptest::prelude::{ProptestConfig, any, prop_assert_eq, prop_oneof, proptest};
    use proptest::strategy::{Just, Strategy};

    use super::Woven;

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
        assert!(Woven::of(&vec![b'x'; 65_536]).is_none());
        assert!(Woven::of(&vec![b'x'; 65_535]).is_some());
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
