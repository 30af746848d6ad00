//! Reads the keys of one table and goes on after a fault, so that all faults are told at once.
//!
//! A key is read by one line that names it and the [`Kind`] of its value. Where the value is wrong the fault is
//! noted and a stand-in takes its place; it is never seen, because a load with a fault returns the faults and
//! nothing else.

use std::collections::BTreeMap;
use std::path::PathBuf;

use secrecy::SecretString;

use crate::config::fault::{Fault, Origin};
use crate::config::kind::Kind;
use crate::config::kinds::PATH;
use crate::config::layers;
use crate::config::reading::Reading;
use crate::config::spelling;
use crate::config::stand_in::StandIn;
use crate::config::tree::{self, Node, Table, Value};

/// One table being read. Every key that was asked for is known; what is left at the end is refused.
pub(super) struct Section<'r> {
    path: String,
    table: Table,
    known: Vec<&'static str>,
    reading: &'r mut Reading,
}

/// What stands at a key, where several shapes are allowed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Scalar,
    List,
    Table,
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
        self.reading.record(full, kind.show(&node), node.value.written(), node.origin);
        value
    }

    /// A value that must be there.
    pub(super) fn required<T: StandIn>(&mut self, key: &'static str, kind: &Kind<T>) -> T {
        self.optional(key, kind).unwrap_or_else(|| {
            let full = self.key(key);
            self.reading.refuse_missing(&full, kind.valid());
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
        let inside = matches!((kind.read(least), kind.read(most)),
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
        let written: Vec<String> = elements.iter().map(|element| element.value.written()).collect();
        self.reading.record(full.clone(), value, format!("{written:?}"), origin);
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
            self.refuse(key, "nothing listed", kind.valid());
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
            let written = entry.node.value.written();
            self.reading.record(at, kind.show(&entry.node), written, entry.node.origin);
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
                    self.reading.record_section(&at, origin);
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
                    self.reading.record_section(&at, origin);
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
        self.reading.record(full, kind.show(&node), node.value.written(), origin);
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
                self.reading.record_section(&full, origin);
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
