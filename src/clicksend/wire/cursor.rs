//! A JSON text read from its front by who knows what should come next.
//!
//! A library takes a whole page, and passes over each row twice before one is read. Every value is still read by it; what is
//! ours is the way through the objects and arrays around them, so that a row is passed over once, and one like the row
//! before not at all.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::quoted;

/// What is left of a text.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a>(&'a str);

impl<'a> Cursor<'a> {
    pub(super) const fn of(text: &'a str) -> Self {
        Self(text)
    }

    /// The first letter of what comes next.
    pub(super) fn peek(&mut self) -> Option<u8> {
        // JSON's white space (RFC 8259 §2), which is not quite Unicode's.
        self.0 = self.0.trim_start_matches([' ', '\t', '\n', '\r']);
        self.0.bytes().next()
    }

    /// Whether nothing is left.
    pub(super) fn is_at_end(mut self) -> bool {
        self.peek().is_none()
    }

    /// The next value, whatever it is.
    pub(super) fn value(&mut self) -> Option<&'a RawValue> {
        let mut values = serde_json::Deserializer::from_str(self.0).into_iter();
        let value = values.next()?.ok()?;
        self.0 = self.0.get(values.byte_offset()..)?;
        Some(value)
    }

    /// The members of an object: each name, and the cursor before its value, which has to be read. Nothing as soon as
    /// what stands there is no object, or a member is refused.
    pub(super) fn object(&mut self, mut member: impl FnMut(&str, &mut Self) -> Option<()>) -> Option<()> {
        self.take(b'{')?;
        if self.take(b'}').is_some() {
            return Some(());
        }
        loop {
            let name: Cow<'_, str> = quoted(self.value())?;
            self.take(b':')?;
            member(&name, self)?;
            if self.take(b'}').is_some() {
                return Some(());
            }
            self.take(b',')?;
        }
    }

    /// The elements of an array: the cursor before each, which has to be read.
    pub(super) fn array(&mut self, mut element: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.take(b'[')?;
        if self.take(b']').is_some() {
            return Some(());
        }
        loop {
            element(self)?;
            if self.take(b']').is_some() {
                return Some(());
            }
            self.take(b',')?;
        }
    }

    /// What stands between two texts that are known, if they come next with digits in quotes between them.
    pub(super) fn digits_between(&mut self, before: &str, after: &str) -> Option<&'a str> {
        self.peek()?;
        let rest = self.0.strip_prefix(before)?.strip_prefix('"')?;
        let (digits, rest) = rest.split_once('"')?;
        let rest = rest.strip_prefix(after)?;
        are_digits(digits).then(|| {
            self.0 = rest;
            digits
        })
    }

    fn take(&mut self, letter: u8) -> Option<()> {
        (self.peek() == Some(letter)).then_some(())?;
        self.0 = self.0.get(1..)?;
        Some(())
    }
}

/// Whether a text is digits, and perhaps the sign of a number: nothing that JSON would have to unescape.
pub(super) fn are_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte == b'+' || byte.is_ascii_digit())
}
