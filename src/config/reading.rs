//! What was found while reading: faults, and every value with its place.

use std::collections::{BTreeMap, BTreeSet};

use secrecy::SecretString;

use crate::config::fault::{Fault, Origin};
use crate::config::kind::Kind;
use crate::config::print::Setting;
use crate::config::tree::Node;

/// What was found so far.
#[derive(Default)]
pub(super) struct Reading {
    pub(super) faults: Vec<Fault>,
    pub(super) settings: BTreeMap<String, Setting>,
    /// The same values as they were written, for being compared.
    pub(super) written: BTreeMap<String, SecretString>,
    /// Keys whose values are missing or could not be understood.
    unknown: BTreeSet<String>,
    /// Where the tables stand that are not in the default.
    sections: BTreeMap<String, Origin>,
}

impl Reading {
    /// Notes a fault at a key that was read before, unless nothing was understood there: what is judged then is
    /// only its stand-in.
    pub(super) fn refuse(&mut self, key: &str, problem: impl Into<String>, valid: impl Into<String>) {
        if self.unknown.iter().any(|unknown| at_or_in(key, unknown, &['['])) {
            return;
        }
        self.faults.push(Fault {
            origin: self.origin(key),
            key: key.to_owned(),
            value: self
                .settings
                .get(key)
                .filter(|setting| setting.is_set())
                .map(|setting| setting.value.clone()),
            problem: problem.into(),
            valid: valid.into(),
        });
    }

    /// Notes that a required value is not there.
    pub(super) fn refuse_missing(&mut self, key: &str, valid: &str) {
        self.refuse(key, "missing", valid);
        self.unknown.insert(key.to_owned());
    }

    /// Whether a key that was read has another value than the empty one.
    pub(super) fn is_set(&self, key: &str) -> bool {
        self.settings.get(key).is_some_and(Setting::is_set)
    }

    /// Remembers a value for people, as it is written, and where it stands.
    pub(super) fn record(&mut self, key: String, value: String, written: String, origin: Origin) {
        self.written.insert(key.clone(), written.into());
        self.settings.insert(key.clone(), Setting { key, value, origin });
    }

    /// Remembers where a section stands.
    pub(super) fn record_section(&mut self, key: &str, origin: Origin) {
        self.sections.insert(key.to_owned(), origin);
    }

    /// Where a key stands, or the section that lacks it.
    pub(super) fn origin(&self, key: &str) -> Origin {
        self.settings.get(key).map_or_else(|| self.section_origin(key), |setting| setting.origin.clone())
    }

    /// Whether a fault was noted at this key or below it.
    pub(super) fn is_faulty(&self, key: &str) -> bool {
        self.faults.iter().any(|fault| at_or_in(key, &fault.key, &['.', '[']))
    }

    fn section_origin(&self, key: &str) -> Origin {
        std::iter::successors(Some(key), |key| key.rfind(['.', '[']).and_then(|at| key.get(..at)))
            .find_map(|key| self.sections.get(key))
            .cloned()
            .unwrap_or(Origin::Default)
    }

    /// The value at a key; none when it is wrong, or empty.
    pub(super) fn understand<T>(&mut self, key: &str, node: &Node, kind: &Kind<T>) -> Option<T> {
        kind.understand(node).unwrap_or_else(|problem| {
            self.note(key, node, kind, problem.into_owned());
            None
        })
    }

    /// The value of an element or entry, where an empty one says nothing and is a fault.
    pub(super) fn understand_filled<T>(&mut self, key: &str, node: &Node, kind: &Kind<T>) -> Option<T> {
        let value = self.understand(key, node, kind);
        if value.is_none() && !self.unknown.contains(key) {
            self.note(key, node, kind, "empty".to_owned());
        }
        value
    }

    fn note<T>(&mut self, key: &str, node: &Node, kind: &Kind<T>, problem: String) {
        self.unknown.insert(key.to_owned());
        self.faults.push(Fault {
            origin: node.origin.clone(),
            key: key.to_owned(),
            value: Some(kind.show(node)),
            problem,
            valid: kind.valid().to_owned(),
        });
    }

    /// Notes a value of another shape than the key has. It is not shown: nobody knows what is in it.
    pub(super) fn misshapen(&mut self, key: &str, node: &Node, wanted: &str, valid: &str) {
        self.unknown.insert(key.to_owned());
        self.faults.push(Fault {
            origin: node.origin.clone(),
            key: key.to_owned(),
            value: None,
            problem: format!("{} where {wanted} belongs", node.value.what()),
            valid: valid.to_owned(),
        });
    }
}

/// Whether `other` is `key`, or follows it after one of `separators`.
fn at_or_in(key: &str, other: &str, separators: &[char]) -> bool {
    other.strip_prefix(key).is_some_and(|rest| rest.is_empty() || rest.starts_with(separators))
}
