//! What the reconciler counts: sales by who knew of them, lists by what they are worth, and what people must look at.

use prometheus::{IntCounterVec, Registry};

use super::{Metrics, counter};

/// Who knew that a number was bought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BookedBy {
    /// Upstream's answer to the buy.
    Answer,
    /// A list of owned numbers.
    Sighting,
    /// A list, after the purchase was given up.
    LateSighting,
    /// People.
    People,
}

impl BookedBy {
    const ALL: [Self; 4] = [Self::Answer, Self::Sighting, Self::LateSighting, Self::People];

    /// The metric label, and the word in the evidence.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::Sighting => "list",
            Self::LateSighting => "late_list",
            Self::People => "people",
        }
    }
}

/// What somebody has to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alarm {
    /// A number was sold after its purchase was given up.
    LateSale,
    /// Upstream charged more than it had quoted.
    Overcharge,
    /// No list tells whether a number was bought.
    Stalled,
    /// A number is owned that nobody bought here.
    Orphaned,
    /// An owned number is not listed any more.
    Gone,
    /// The credentials open another account than at first.
    AnotherAccount,
    /// The balance does not pay the number fees of the next 1st.
    BalanceLow,
}

impl Alarm {
    const ALL: [Self; 7] = [
        Self::LateSale,
        Self::Overcharge,
        Self::Stalled,
        Self::Orphaned,
        Self::Gone,
        Self::AnotherAccount,
        Self::BalanceLow,
    ];

    const fn as_str(self) -> &'static str {
        match self {
            Self::LateSale => "late_sale",
            Self::Overcharge => "overcharge",
            Self::Stalled => "stalled",
            Self::Orphaned => "orphaned",
            Self::Gone => "gone",
            Self::AnotherAccount => "another_account",
            Self::BalanceLow => "balance_low",
        }
    }
}

/// What became of a reading of the whole list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scan {
    /// It is one list, and of our account.
    Complete,
    /// Only what it shows counts, not what it lacks.
    InPart,
    /// It was not read: another account, or one that upstream does not name.
    Ignored,
}

impl Scan {
    const ALL: [Self; 3] = [Self::Complete, Self::InPart, Self::Ignored];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::InPart => "in_part",
            Self::Ignored => "ignored",
        }
    }
}

/// The families.
pub(super) struct Reconciled {
    bookings: IntCounterVec,
    alarms: IntCounterVec,
    scans: IntCounterVec,
}

impl Reconciled {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        Ok(Self {
            bookings: counter(
                registry,
                "numbers_gateway_bookings_total",
                "Sales booked, by who knew of them and whether the charge is upstream's word or an estimate.",
                &["by", "basis"],
            )?,
            alarms: counter(
                registry,
                "numbers_gateway_alarms_total",
                "What somebody has to look at; the evidence says more.",
                &["alarm"],
            )?,
            scans: counter(
                registry,
                "numbers_gateway_scans_total",
                "Readings of the whole list of owned numbers by the reconciler, by what they are worth.",
                &["outcome"],
            )?,
        })
    }

    pub(super) fn start_at_zero(&self) {
        for by in BookedBy::ALL {
            for basis in ["receipt", "estimated"] {
                self.bookings.with_label_values(&[by.as_str(), basis]);
            }
        }
        for alarm in Alarm::ALL {
            self.alarms.with_label_values(&[alarm.as_str()]);
        }
        for scan in Scan::ALL {
            self.scans.with_label_values(&[scan.as_str()]);
        }
    }
}

impl Metrics {
    /// A sale was booked.
    pub fn booked(&self, by: BookedBy, is_estimated: bool) {
        let basis = if is_estimated { "estimated" } else { "receipt" };
        self.0.reconciled.bookings.with_label_values(&[by.as_str(), basis]).inc();
    }

    /// Somebody has to look.
    pub fn alarmed(&self, alarm: Alarm) {
        self.0.reconciled.alarms.with_label_values(&[alarm.as_str()]).inc();
    }

    /// The whole list was read, or was to be.
    pub fn scanned(&self, scan: Scan) {
        self.0.reconciled.scans.with_label_values(&[scan.as_str()]).inc();
    }
}
