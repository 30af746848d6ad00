//! How one sort of scalar value is written, read and shown.
//!
//! A [`Kind`] is a constant: the same line says what a key accepts, what a fault tells people to write instead,
//! and whether its value may be seen.

use std::borrow::Cow;

use crate::config::tree::{Node, Value};

/// One sort of scalar value.
pub(super) struct Kind<T> {
    form: Form,
    shown: Shown,
    /// What would be valid, as an instruction.
    valid: &'static str,
    read: fn(&str) -> Outcome<T>,
}

/// A value, or what is wrong with the text.
pub(super) type Outcome<T> = Result<T, Cow<'static, str>>;

/// How TOML writes it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    Integer,
    Boolean,
}

/// Whether people may see it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    Plainly,
    Redacted,
}

impl<T> Kind<T> {
    /// A value in quotes. `read` returns what is wrong with a text.
    pub(super) const fn text(valid: &'static str, read: fn(&str) -> Outcome<T>) -> Self {
        Self { form: Form::Text, shown: Shown::Plainly, valid, read }
    }

    /// A whole number.
    pub(super) const fn integer(valid: &'static str, read: fn(&str) -> Outcome<T>) -> Self {
        Self { form: Form::Integer, shown: Shown::Plainly, valid, read }
    }

    /// `true` or `false`.
    pub(super) const fn boolean(valid: &'static str, read: fn(&str) -> Outcome<T>) -> Self {
        Self { form: Form::Boolean, shown: Shown::Plainly, valid, read }
    }

    /// The same, never shown to anybody.
    pub(super) const fn redacted(self) -> Self {
        Self { shown: Shown::Redacted, ..self }
    }

    /// What would be valid, as an instruction.
    pub(super) const fn valid(&self) -> &'static str {
        self.valid
    }

    /// The value of a text, or what is wrong with it.
    pub(super) fn read(&self, text: &str) -> Outcome<T> {
        (self.read)(text)
    }

    /// The value that stands at a node; none when it is empty, which is how a file says "not set".
    pub(super) fn understand(&self, node: &Node) -> Outcome<Option<T>> {
        let text = match (&node.value, self.form) {
            (Value::Text(text), Form::Text) | (Value::Unshaped(text), _) => Cow::Borrowed(text.as_str()),
            (Value::Integer(number), Form::Integer) => Cow::Owned(number.to_string()),
            (Value::Boolean(flag), Form::Boolean) => Cow::Owned(flag.to_string()),
            (other, _) => return Err(format!("{} does not belong here", other.what()).into()),
        };
        if text.is_empty() { Ok(None) } else { self.read(&text).map(Some) }
    }

    /// The value for people.
    pub(super) fn show(&self, node: &Node) -> String {
        let is_empty = matches!(&node.value, Value::Text(text) | Value::Unshaped(text) if text.is_empty());
        match self.shown {
            Shown::Redacted if !is_empty => "[redacted]".to_owned(),
            Shown::Plainly | Shown::Redacted => show(&node.value),
        }
    }
}

/// A value as TOML writes it, short, and without the user and password of a URL.
fn show(value: &Value) -> String {
    match value {
        Value::Text(text) | Value::Unshaped(text) => format!("{:?}", shorten(&without_credentials(text))),
        Value::Integer(number) => number.to_string(),
        Value::Boolean(flag) => flag.to_string(),
        Value::Odd { written, .. } => shorten(written),
        Value::List(_) => "[…]".to_owned(),
        Value::Table(_) => "{…}".to_owned(),
    }
}

fn shorten(text: &str) -> String {
    const LONGEST_SHOWN: usize = 100;
    match text.char_indices().nth(LONGEST_SHOWN) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// From `://` to the last `@`, however wrong the rest is.
fn without_credentials(text: &str) -> Cow<'_, str> {
    let Some((scheme, rest)) = text.split_once("://") else { return Cow::Borrowed(text) };
    match rest.rsplit_once('@') {
        Some((_, host)) => Cow::Owned(format!("{scheme}://[redacted]@{host}")),
        None => Cow::Borrowed(text),
    }
}
