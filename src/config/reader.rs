//! Reads values out of the tree and goes on after a fault, so that all faults are told at once.
//!
//! A key is read by one line that names it and the [`Kind`] of its value. Where the value is wrong the fault is
//! noted and a stand-in takes its place; it never leaves this module's callers, because a load with a fault
//! returns the faults and nothing else.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;

use secrecy::SecretString;

use crate::config::fault::{Fault, Origin};
use crate::config::kinds::PATH;
use crate::config::layers;
use crate::config::print::Setting;
use crate::config::spelling;
use crate::config::stand_in::StandIn;
use crate::config::tree::{self, Node, Table, Value};

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

/// What stands at a key, where several shapes are allowed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Scalar,
    List,
    Table,
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

    fn show(&self, node: &Node) -> String {
        let is_empty = matches!(&node.value, Value::Text(text) | Value::Unshaped(text) if text.is_empty());
        match self.shown {
            Shown::Redacted if !is_empty => "[redacted]".to_owned(),
            Shown::Plainly | Shown::Redacted => show(&node.value),
        }
    }
}

/// What was found so far.
#[derive(Default)]
pub(super) struct Reading {
    pub(super) faults: Vec<Fault>,
    pub(super) settings: Vec<Setting>,
    sections: BTreeMap<String, Origin>,
}

impl Reading {
    /// Notes a fault at a key that was read before, unless one was noted there already: a value that could not
    /// be understood is not compared with others.
    pub(super) fn refuse(&mut self, key: &str, problem: impl Into<String>, valid: impl Into<String>) {
        if self.is_faulty(key) {
            return;
        }
        self.faults.push(Fault {
            origin: self.origin(key),
            key: key.to_owned(),
            value: self.setting(key).filter(|_| self.is_set(key)).map(|setting| setting.value.clone()),
            problem: problem.into(),
            valid: valid.into(),
        });
    }

    /// Whether a key that was read has another value than the empty one.
    pub(super) fn is_set(&self, key: &str) -> bool {
        self.setting(key).is_some_and(|setting| setting.value != "\"\"")
    }

    /// Where a key stands, or the section that lacks it.
    pub(super) fn origin(&self, key: &str) -> Origin {
        self.setting(key).map_or_else(|| self.section_origin(key), |setting| setting.origin.clone())
    }

    fn setting(&self, key: &str) -> Option<&Setting> {
        self.settings.iter().find(|setting| setting.key == key)
    }

    /// Whether a fault was noted at this key or below it.
    pub(super) fn is_faulty(&self, key: &str) -> bool {
        self.faults.iter().any(|fault| {
            fault.key.strip_prefix(key).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        })
    }

    fn section_origin(&self, key: &str) -> Origin {
        std::iter::successors(Some(key), |key| key.rfind(['.', '[']).and_then(|at| key.get(..at)))
            .find_map(|key| self.sections.get(key))
            .cloned()
            .unwrap_or(Origin::Default)
    }

    /// The value at a key; none when it is wrong, or empty, which is how a file says "not set".
    fn understand<T>(&mut self, key: &str, node: &Node, kind: &Kind<T>) -> Option<T> {
        let text = match (&node.value, kind.form) {
            (Value::Text(text), Form::Text) | (Value::Unshaped(text), _) => text.clone(),
            (Value::Integer(number), Form::Integer) => number.to_string(),
            (Value::Boolean(flag), Form::Boolean) => flag.to_string(),
            (other, _) => {
                self.note(key, node, kind, format!("{} does not belong here", other.what()));
                return None;
            }
        };
        if text.is_empty() {
            return None;
        }
        match (kind.read)(&text) {
            Ok(value) => Some(value),
            Err(problem) => {
                self.note(key, node, kind, problem.into_owned());
                None
            }
        }
    }

    /// The value of an element or entry, where an empty one says nothing and is a fault.
    fn understand_filled<T>(&mut self, key: &str, node: &Node, kind: &Kind<T>) -> Option<T> {
        let value = self.understand(key, node, kind);
        if value.is_none() && !self.is_faulty(key) {
            self.note(key, node, kind, "empty".to_owned());
        }
        value
    }

    fn note<T>(&mut self, key: &str, node: &Node, kind: &Kind<T>, problem: String) {
        self.faults.push(Fault {
            origin: node.origin.clone(),
            key: key.to_owned(),
            value: Some(kind.show(node)),
            problem,
            valid: kind.valid.to_owned(),
        });
    }

    fn misshapen(&mut self, key: &str, node: &Node, wanted: &str, valid: &str) {
        self.faults.push(Fault {
            origin: node.origin.clone(),
            key: key.to_owned(),
            value: None,
            problem: format!("{} where {wanted} belongs", node.value.what()),
            valid: valid.to_owned(),
        });
    }
}

/// One table being read. Every key that was asked for is known; what is left at the end is refused.
pub(super) struct Section<'r> {
    path: String,
    table: Table,
    known: Vec<&'static str>,
    reading: &'r mut Reading,
}

/// Reads the whole tree.
pub(super) fn read_root<T>(table: Table, reading: &mut Reading, read: fn(&mut Section<'_>) -> T) -> T {
    let mut section = Section { path: String::new(), table, known: Vec::new(), reading };
    let value = read(&mut section);
    section.refuse_the_rest();
    value
}

impl Section<'_> {
    /// The full name of a key in this section.
    pub(super) fn key(&self, key: &str) -> String {
        tree::join(&self.path, key)
    }

    /// Lays what is written over these defaults, in TOML: for tables that may be there any number of times.
    pub(super) fn over(&mut self, defaults: &str) {
        let written = std::mem::replace(&mut self.table, tree::embedded(defaults));
        tree::overlay(&mut self.table, written, &self.path, &mut self.reading.faults);
    }

    /// What stands at a key.
    pub(super) fn shape(&self, key: &str) -> Option<Shape> {
        self.table.get(key).map(|entry| match &entry.node.value {
            Value::List(_) => Shape::List,
            Value::Table(_) => Shape::Table,
            Value::Unshaped(text) if text.trim_start().starts_with('[') => Shape::List,
            Value::Unshaped(text) if text.trim_start().starts_with('{') => Shape::Table,
            Value::Text(_)
            | Value::Integer(_)
            | Value::Boolean(_)
            | Value::Odd { .. }
            | Value::Unshaped(_) => Shape::Scalar,
        })
    }

    /// A value that may be missing or empty.
    pub(super) fn optional<T>(&mut self, key: &'static str, kind: &Kind<T>) -> Option<T> {
        let node = self.take(key)?;
        let full = self.key(key);
        let value = self.reading.understand(&full, &node, kind);
        self.reading.settings.push(Setting { value: kind.show(&node), key: full, origin: node.origin });
        value
    }

    /// A value that must be there.
    pub(super) fn required<T: StandIn>(&mut self, key: &'static str, kind: &Kind<T>) -> T {
        self.optional(key, kind).unwrap_or_else(|| {
            self.refuse(key, "missing", kind.valid);
            T::stand_in()
        })
    }

    /// A value that must be there, and from `least` to `most`. A bound that its own kind cannot read lets
    /// nothing pass, so the embedded default finds it.
    pub(super) fn within<T: PartialOrd + StandIn>(
        &mut self,
        key: &'static str,
        kind: &Kind<T>,
        least: &str,
        most: &str,
    ) -> T {
        let value = self.required(key, kind);
        let inside = matches!(((kind.read)(least), (kind.read)(most)),
            (Ok(least), Ok(most)) if least <= value && value <= most);
        if !inside {
            self.refuse(key, "out of range", format!("write something from {least} to {most}"));
        }
        value
    }

    /// Any number of values.
    pub(super) fn list<T>(&mut self, key: &'static str, kind: &Kind<T>) -> Vec<T> {
        let Some(node) = self.take(key) else { return Vec::new() };
        let full = self.key(key);
        let (elements, origin) = match node.into_list() {
            Ok(list) => list,
            Err(node) => {
                self.reading.misshapen(
                    &full,
                    &node,
                    "a list",
                    "write values in [ ], with commas between them",
                );
                return Vec::new();
            }
        };
        let shown: Vec<String> = elements.iter().map(|element| kind.show(element)).collect();
        let value = format!("[{}]", shown.join(", "));
        self.reading.settings.push(Setting { key: full.clone(), value, origin });
        let mut values = Vec::new();
        for (index, element) in elements.iter().enumerate() {
            let at = format!("{full}[{index}]");
            values.extend(self.reading.understand_filled(&at, element, kind));
        }
        values
    }

    /// At least one value.
    pub(super) fn some<T>(&mut self, key: &'static str, kind: &Kind<T>) -> Vec<T> {
        let values = self.list(key, kind);
        if values.is_empty() {
            self.refuse(key, "nothing listed", kind.valid);
        }
        values
    }

    /// Values by names that are free.
    pub(super) fn map<T>(&mut self, key: &'static str, kind: &Kind<T>) -> BTreeMap<String, T> {
        let Some((path, table)) = self.take_table(key) else { return BTreeMap::new() };
        let mut values = BTreeMap::new();
        for (name, entry) in table {
            let at = tree::join(&path, &name);
            if let Some(value) = self.reading.understand_filled(&at, &entry.node, kind) {
                values.insert(name, value);
            }
            let setting = Setting { key: at, value: kind.show(&entry.node), origin: entry.node.origin };
            self.reading.settings.push(setting);
        }
        values
    }

    /// A section in this section. A missing one is read as an empty one, so its required keys are told.
    pub(super) fn table<T>(&mut self, key: &'static str, read: impl FnOnce(&mut Section<'_>) -> T) -> T {
        let (path, table) = self.take_table(key).unwrap_or_else(|| (self.key(key), Table::new()));
        self.read_below(path, table, read)
    }

    /// Sections by names that are free, in the order of the names.
    pub(super) fn keyed<K: Ord, T>(
        &mut self,
        key: &'static str,
        name_kind: &Kind<K>,
        mut read: impl FnMut(&mut Section<'_>, &str) -> T,
    ) -> BTreeMap<K, T> {
        let Some((path, table)) = self.take_table(key) else { return BTreeMap::new() };
        let mut values = BTreeMap::new();
        for (name, entry) in table {
            let at = tree::join(&path, &name);
            let name_node = Node { value: Value::Text(name.clone()), origin: entry.key_origin };
            let known_as = self.reading.understand_filled(&at, &name_node, name_kind);
            let value = match entry.node.into_table() {
                Ok((table, origin)) => {
                    self.reading.sections.insert(at.clone(), origin);
                    self.read_below(at, table, |section| read(section, &name))
                }
                Err(node) => {
                    self.reading.misshapen(&at, &node, "a section", "write its keys");
                    continue;
                }
            };
            values.extend(known_as.map(|known_as| (known_as, value)));
        }
        values
    }

    /// Sections in a list (`[[section.key]]`).
    pub(super) fn tables<T>(
        &mut self,
        key: &'static str,
        mut read: impl FnMut(&mut Section<'_>) -> T,
    ) -> Vec<T> {
        const VALID: &str = "write each under a [[header]] of its own";
        let Some(node) = self.take(key) else { return Vec::new() };
        let full = self.key(key);
        let elements = match node.into_list() {
            Ok((elements, _)) => elements,
            Err(node) => {
                self.reading.misshapen(&full, &node, "a list of tables", VALID);
                return Vec::new();
            }
        };
        let mut values = Vec::new();
        for (index, element) in elements.into_iter().enumerate() {
            let at = format!("{full}[{index}]");
            match element.into_table() {
                Ok((table, origin)) => {
                    self.reading.sections.insert(at.clone(), origin);
                    values.push(self.read_below(at, table, &mut read));
                }
                Err(node) => self.reading.misshapen(&at, &node, "a table", VALID),
            }
        }
        values
    }

    /// A secret, written here or in the file that the twin key names: exactly one of the two may be set. One
    /// newline at the file's end is not part of it.
    pub(super) fn secret(
        &mut self,
        key: &'static str,
        file_key: &'static str,
        kind: &Kind<SecretString>,
    ) -> (Option<SecretString>, Option<PathBuf>) {
        let written = self.optional(key, kind);
        let Some(path) = self.optional(file_key, &PATH) else { return (written, None) };
        if self.is_set(key) {
            let other = self.reading.origin(&self.key(key)).to_string();
            self.refuse(
                file_key,
                format!("{key} is set too ({other})"),
                format!("keep one of {key} and {file_key}"),
            );
            return (None, None);
        }
        let text = match layers::secret_text(&path) {
            Ok(text) => text,
            Err(problem) => {
                self.refuse(file_key, problem, "name a file that holds the secret and nothing else");
                return (None, None);
            }
        };
        let origin = Origin::SecretFile(path.display().to_string());
        let node = Node { value: Value::Text(text), origin: origin.clone() };
        let full = self.key(key);
        let secret = self.reading.understand_filled(&full, &node, kind);
        let setting = Setting { key: full.clone(), value: kind.show(&node), origin };
        self.reading.settings.retain(|setting| setting.key != full);
        self.reading.settings.push(setting);
        (secret, Some(path))
    }

    /// Whether a key that was read has a value other than the empty one that means "not set", right or wrong.
    pub(super) fn is_set(&self, key: &str) -> bool {
        self.reading.is_set(&self.key(key))
    }

    /// Whether a fault was noted at a key of this section or below it.
    pub(super) fn is_faulty(&self, key: &str) -> bool {
        self.reading.is_faulty(&self.key(key))
    }

    /// Names keys that may stand here although nothing reads them in this case, so that a slip is recognised.
    pub(super) fn knows(&mut self, keys: &[&'static str]) {
        for key in keys {
            if !self.known.contains(key) {
                self.known.push(key);
            }
        }
    }

    /// Notes a fault at one of this section's keys.
    pub(super) fn refuse(&mut self, key: &str, problem: impl Into<String>, valid: impl Into<String>) {
        let full = self.key(key);
        self.reading.refuse(&full, problem, valid);
    }

    fn take(&mut self, key: &'static str) -> Option<Node> {
        self.knows(&[key]);
        self.table.remove(key).map(|entry| entry.node)
    }

    fn take_table(&mut self, key: &'static str) -> Option<(String, Table)> {
        let node = self.take(key)?;
        let full = self.key(key);
        match node.into_table() {
            Ok((table, origin)) => {
                self.reading.sections.insert(full.clone(), origin);
                Some((full, table))
            }
            Err(node) => {
                self.reading.misshapen(&full, &node, "a section", "write its keys");
                Some((full, Table::new()))
            }
        }
    }

    fn read_below<T>(&mut self, path: String, table: Table, read: impl FnOnce(&mut Section<'_>) -> T) -> T {
        let mut section = Section { path, table, known: Vec::new(), reading: &mut *self.reading };
        let value = read(&mut section);
        section.refuse_the_rest();
        value
    }

    /// What nobody asked for. The value is not shown: it may be a secret under a misspelled name.
    fn refuse_the_rest(mut self) {
        for (name, entry) in std::mem::take(&mut self.table) {
            let (problem, valid) = match spelling::closest(&name, &self.known) {
                Some(meant) if meant == name => {
                    ("does not go with the other keys", "leave it out".to_owned())
                }
                Some(meant) => ("no such key", format!("did you mean {meant}?")),
                None => ("no such key", format!("keys here are {}", self.known.join(", "))),
            };
            self.reading.faults.push(Fault {
                origin: entry.key_origin,
                key: self.key(&name),
                value: None,
                problem: problem.to_owned(),
                valid,
            });
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
