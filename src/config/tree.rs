//! A configuration before it is understood: values that remember where they stand.
//!
//! What came through the environment has no type yet: the key it is meant for decides whether `3` is a number or
//! a name, so such a value stays [`Value::Unshaped`] until a key asks for it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use crate::config::fault::{Fault, Origin};

pub(super) type Table = BTreeMap<String, Entry>;

/// A key and its value in a table.
pub(super) struct Entry {
    /// Where the key stands.
    pub(super) key_origin: Origin,
    pub(super) node: Node,
}

/// A value and where it stands.
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) origin: Origin,
}

// No `Debug` on purpose: secrets pass through here.
pub(super) enum Value {
    Text(String),
    Integer(i64),
    Boolean(bool),
    /// What no key wants: dates, fractions, integers beyond 64 bits.
    Odd {
        what: &'static str,
        written: String,
    },
    List(Vec<Node>),
    Table(Table),
    /// The text of an environment variable.
    Unshaped(String),
}

impl Value {
    /// A single value's text, which may be a secret: equal texts are equal values, whether they came from a file or through
    /// the environment. What holds others is no value of any key.
    pub(super) fn written(&self) -> String {
        match self {
            Self::Text(text) | Self::Unshaped(text) => text.clone(),
            Self::Integer(number) => number.to_string(),
            Self::Boolean(flag) => flag.to_string(),
            Self::Odd { written, .. } => written.clone(),
            Self::List(_) | Self::Table(_) => String::new(),
        }
    }

    /// The sort of value, for messages.
    pub(super) const fn what(&self) -> &'static str {
        match self {
            Self::Text(_) | Self::Unshaped(_) => "a text",
            Self::Integer(_) => "a whole number",
            Self::Boolean(_) => "true or false",
            Self::Odd { what, .. } => what,
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

impl Node {
    /// The entries of a table, or of `{ … }` in an environment variable; else the node unchanged.
    pub(super) fn into_table(self) -> Result<(Table, Origin), Self> {
        let node = self.shaped_if('{');
        if let Value::Table(table) = node.value { Ok((table, node.origin)) } else { Err(node) }
    }

    /// The elements of a list; from an environment variable either `[ … ]` or texts with commas between them.
    pub(super) fn into_list(self) -> Result<(Vec<Self>, Origin), Self> {
        let node = self.shaped_if('[');
        if let Value::Unshaped(text) = &node.value {
            let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
            let element =
                |part: &str| Self { value: Value::Unshaped(part.to_owned()), origin: node.origin.clone() };
            return Ok((parts.map(element).collect(), node.origin.clone()));
        }
        if let Value::List(elements) = node.value { Ok((elements, node.origin)) } else { Err(node) }
    }

    /// An environment variable's text as the TOML it seems to be; unchanged where it is none.
    fn shaped_if(self, opening: char) -> Self {
        let Value::Unshaped(text) = &self.value else { return self };
        if !text.trim_start().starts_with(opening) {
            return self;
        }
        match DeValue::parse(text.trim()) {
            Ok(value) => node(&value, &|_| self.origin.clone()),
            Err(_) => self,
        }
    }
}

/// The tree of a TOML text. A text that is no TOML gives its syntax errors and nothing else: what the rest of it
/// means cannot be known.
pub(super) fn parse(name: &Arc<str>, text: &str) -> Result<Table, Vec<Fault>> {
    let places = Places { lines: line_starts(text), text, file: name };
    let (document, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        return Ok(table(document.get_ref(), &|span| places.origin(&span)));
    }
    let fault = |error: &toml::de::Error| Fault {
        origin: places.origin(&error.span().unwrap_or_default()),
        key: String::new(),
        value: None,
        problem: format!("not TOML: {}", error.message()),
        valid: "nothing else was looked at until this is mended".to_owned(),
    };
    Err(errors.iter().map(fault).collect())
}

/// The tree of a text that is part of this program: every value's origin is the default.
pub(super) fn embedded(text: &str) -> Table {
    let (document, _) = DeTable::parse_recoverable(text);
    table(document.get_ref(), &|_| Origin::Default)
}

/// Lays `over` over `base`: tables merge by key, everything else is replaced. A section stays a section: what
/// would replace one is a fault, and the section below is kept so that the rest can still be read.
pub(super) fn overlay(base: &mut Table, over: Table, path: &str, faults: &mut Vec<Fault>) {
    for (key, above) in over {
        let path = join(path, &key);
        let Some(below) = base.remove(&key) else {
            base.insert(key, above);
            continue;
        };
        let node = match below.node.into_table() {
            Ok((lower, origin)) => overlay_section(lower, origin, above.node, path, faults),
            Err(_) => above.node,
        };
        base.insert(key, Entry { key_origin: above.key_origin, node });
    }
}

fn overlay_section(
    below: Table,
    below_origin: Origin,
    above: Node,
    path: String,
    faults: &mut Vec<Fault>,
) -> Node {
    let mut table = below;
    let origin = match above.into_table() {
        Ok((over, origin)) => {
            overlay(&mut table, over, &path, faults);
            origin
        }
        Err(above) => {
            faults.push(Fault {
                origin: above.origin,
                key: path,
                value: None,
                problem: format!("{} where a section belongs", above.value.what()),
                valid: format!("write its keys: {}", keys(&table)),
            });
            below_origin
        }
    };
    Node { value: Value::Table(table), origin }
}

/// `section.key`, with quotes where TOML needs them.
pub(super) fn join(path: &str, key: &str) -> String {
    let bare = !key.is_empty()
        && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    let key = if bare { key.to_owned() } else { format!("{key:?}") };
    if path.is_empty() { key } else { format!("{path}.{key}") }
}

fn keys(table: &Table) -> String {
    table.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
}

fn table(from: &DeTable<'_>, place: &dyn Fn(Range<usize>) -> Origin) -> Table {
    let entry = |(key, value): (&Spanned<DeString<'_>>, &Spanned<DeValue<'_>>)| {
        let entry = Entry { key_origin: place(key.span()), node: node(value, place) };
        (key.get_ref().clone().into_owned(), entry)
    };
    from.iter().map(entry).collect()
}

fn node(from: &Spanned<DeValue<'_>>, place: &dyn Fn(Range<usize>) -> Origin) -> Node {
    let value = match from.get_ref() {
        DeValue::String(text) => Value::Text(text.clone().into_owned()),
        DeValue::Integer(digits) => match i64::from_str_radix(digits.as_str(), digits.radix()) {
            Ok(integer) => Value::Integer(integer),
            Err(_) => Value::Odd { what: "a number beyond 64 bits", written: digits.to_string() },
        },
        DeValue::Float(number) => Value::Odd { what: "a fraction", written: number.to_string() },
        DeValue::Boolean(flag) => Value::Boolean(*flag),
        DeValue::Datetime(date) => Value::Odd { what: "a date or time", written: date.to_string() },
        DeValue::Array(elements) => {
            Value::List(elements.iter().map(|element| node(element, place)).collect())
        }
        DeValue::Table(entries) => Value::Table(table(entries, place)),
    };
    Node { value, origin: place(from.span()) }
}

/// Byte offsets of one text turned into lines and columns.
struct Places<'t> {
    lines: Vec<usize>,
    text: &'t str,
    file: &'t Arc<str>,
}

fn line_starts(text: &str) -> Vec<usize> {
    std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect()
}

impl Places<'_> {
    fn origin(&self, span: &Range<usize>) -> Origin {
        let line = self.lines.partition_point(|start| *start <= span.start);
        let start = self.lines.get(line.saturating_sub(1)).copied().unwrap_or_default();
        let column = self.text.get(start..span.start).map_or(0, |before| before.chars().count()) + 1;
        Origin::File { name: Arc::clone(self.file), position: Some((line, column)) }
    }
}
