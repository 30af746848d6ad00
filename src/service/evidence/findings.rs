//! What a verification found: every fault with its place, and what was looked at.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::domain::audit::Head;

/// Faults that are kept; the rest is only counted. Who has as many needs no more of them.
const KEPT: usize = 100;

/// Where a fault is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The event with this number.
    Event(i64),
    /// The line of an export, counted from 1.
    Line(u64),
    /// The purchase with this id.
    Purchase(String),
    /// The registration with this id.
    Registration(String),
    /// The entry of the ledger with this number.
    LedgerEntry(i64),
    /// The policy with this digest.
    Policy(String),
    /// The personal values as a whole.
    PersonalValues,
    /// The end of the chain, against what was witnessed of it.
    Head,
    /// The database file.
    File,
}

impl Place {
    const fn kind(&self) -> &'static str {
        match self {
            Self::Event(_) => "event",
            Self::Line(_) => "line",
            Self::Purchase(_) => "purchase",
            Self::Registration(_) => "registration",
            Self::LedgerEntry(_) => "ledger entry",
            Self::Policy(_) => "policy",
            Self::PersonalValues => "personal values",
            Self::Head => "head",
            Self::File => "file",
        }
    }

    fn id(&self) -> Option<String> {
        match self {
            Self::Event(number) | Self::LedgerEntry(number) => Some(number.to_string()),
            Self::Line(number) => Some(number.to_string()),
            Self::Purchase(id) | Self::Registration(id) | Self::Policy(id) => Some(id.clone()),
            Self::PersonalValues | Self::Head | Self::File => None,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.id() {
            Some(id) => write!(out, "{} {id}", self.kind()),
            None => out.write_str(self.kind()),
        }
    }
}

impl Serialize for Place {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Something that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// Where.
    pub place: Place,
    /// What is wrong there.
    pub what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.place, self.what)
    }
}

/// What was looked at and what was found, `audit verify --json`.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Whether there is no fault.
    pub whole: bool,
    /// Which database it is about.
    pub database_id: String,
    /// The first event that was read: 1, but for a part of an export.
    pub from: i64,
    /// How many events there are.
    pub events: i64,
    /// The newest.
    pub head: Head,
    /// What the chain was compared with.
    pub witnessed: Option<Head>,
    /// How many purchases agree with their events, or do not.
    pub purchases: i64,
    /// How many registrations.
    pub registrations: i64,
    /// How many entries of the ledger.
    pub ledger_entries: i64,
    /// How many policies.
    pub policies: i64,
    /// How many personal values were compared with their commitments.
    pub personal_values: i64,
    /// How many commitments have no value any more.
    pub personal_values_erased: i64,
    /// How many faults there are.
    pub faults_found: u64,
    /// The first hundred of them.
    pub faults: Vec<Fault>,
}

impl Report {
    pub(super) const fn new(database_id: String, after: i64, witnessed: Option<Head>) -> Self {
        Self {
            whole: true,
            database_id,
            from: after + 1,
            events: 0,
            head: Head::GENESIS,
            witnessed,
            purchases: 0,
            registrations: 0,
            ledger_entries: 0,
            policies: 0,
            personal_values: 0,
            personal_values_erased: 0,
            faults_found: 0,
            faults: Vec::new(),
        }
    }

    pub(super) fn tell(&mut self, place: Place, what: impl Into<String>) {
        self.whole = false;
        self.faults_found += 1;
        if self.faults.len() < KEPT {
            self.faults.push(Fault { place, what: what.into() });
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = |what: &str, said: fmt::Arguments<'_>| writeln!(out, "{what:<15} {said}");
        line("database", format_args!("{}", self.database_id))?;
        line("events", format_args!("{}, from {} on", self.events, self.from))?;
        line("head", format_args!("{} {}", self.head.sequence, self.head.hash))?;
        match self.witnessed {
            Some(head) => line("compared with", format_args!("{} {}", head.sequence, head.hash))?,
            None => line("compared with", format_args!("nothing: a cut or rewritten chain would not show"))?,
        }
        line("purchases", format_args!("{}", self.purchases))?;
        line("registrations", format_args!("{}", self.registrations))?;
        line("ledger entries", format_args!("{}", self.ledger_entries))?;
        line("policies", format_args!("{}", self.policies))?;
        let (kept, erased) = (self.personal_values, self.personal_values_erased);
        line("personal values", format_args!("{kept}, and {erased} erased"))?;
        writeln!(out)?;
        for fault in &self.faults {
            writeln!(out, "{fault}")?;
        }
        let more = self.faults_found.saturating_sub(u64::try_from(self.faults.len()).unwrap_or(u64::MAX));
        if more > 0 {
            writeln!(out, "and {more} more")?;
        }
        match self.faults_found {
            0 => writeln!(out, "whole: no fault was found"),
            1 => writeln!(out, "NOT WHOLE: 1 fault"),
            faults => writeln!(out, "NOT WHOLE: {faults} faults"),
        }
    }
}
