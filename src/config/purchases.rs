//! How a purchase goes, and what is settled when its answer was lost.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use crate::config::kind::Kind;
use crate::config::kinds::{COUNT, MESSAGE_TYPE, PATH};
use crate::config::section::Section;
use crate::config::stand_in::StandIn;
use crate::config::units::{DURATION, PERCENT, Percent};
use crate::domain::purchase::MessageType;

/// `[purchases]`
#[derive(Clone, Debug)]
pub struct Purchases {
    /// Default live.
    pub mode: Mode,
    /// The message types that may be asked for, never empty. Default all three.
    pub types: Vec<MessageType>,
    /// How many people settle an outcome that no list can settle, 1 to 5. Default 2.
    pub resolve_people: NonZeroU32,
    /// Default all.
    pub preexisting_visible_to: PreexistingVisibility,
    /// A synchronous buy answers by then, and goes on: 1 s to 5 min. Default 25 s.
    pub answer_within: Duration,
    /// How far a price may rise between quote and buy, at most 100 %. Default 0 %.
    pub price_tolerance: Percent,
    /// How long an approval, by people or by a rule, may be used, 1 min to 90 d. Default 24 h.
    pub approval_lasts: Duration,
    /// How long a person's rejection answers the same request, up to 30 d. Default 24 h.
    pub rejected_for: Duration,
    /// How long after the claimant's end a lost purchase may still appear, 1 s to 24 h. Default 10 min.
    pub absence_window: Duration,
    /// Between the two scans that show absence, 1 s to 1 h. Default 60 s.
    pub scan_spacing: Duration,
    /// How often owned numbers are compared with purchases, 1 s to 24 h. Default 15 min.
    pub sweep_every: Duration,
}

/// `purchases.mode`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Purchases are sent.
    Live,
    /// Everything but the send.
    Rehearsal,
}

/// `purchases.preexisting_visible_to`: who sees numbers owned before the gateway came, until they are assigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PreexistingVisibility {
    /// `"all"`: everybody.
    All,
    /// `"all_teams_roles"`: finance, auditor and administrator.
    AllTeamsRoles,
}

/// `[audit]`
#[derive(Clone, Debug)]
pub struct Audit {
    /// Where the head of the chain is witnessed, on another disk if there is one. Default `data/audit-head`.
    pub head_file: PathBuf,
}

/// `[retention]`
#[derive(Clone, Debug)]
pub struct Retention {
    /// How long personal data of finished purchases is kept, 1 d to 3650 d. Default 90 d.
    pub personal_data: Duration,
}

const MODE: Kind<Mode> = Kind::text("write live or rehearsal", |text| match text {
    "live" => Ok(Mode::Live),
    "rehearsal" => Ok(Mode::Rehearsal),
    _ => Err("no such mode".into()),
});

const VISIBILITY: Kind<PreexistingVisibility> =
    Kind::text("write all or all_teams_roles", |text| match text {
        "all" => Ok(PreexistingVisibility::All),
        "all_teams_roles" => Ok(PreexistingVisibility::AllTeamsRoles),
        _ => Err("nobody is called that".into()),
    });

impl Purchases {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        Self {
            mode: section.required("mode", &MODE),
            types: section.some("types", &MESSAGE_TYPE),
            resolve_people: section.within("resolve_people", &COUNT, "1", "5"),
            preexisting_visible_to: section.required("preexisting_visible_to", &VISIBILITY),
            answer_within: section.within("answer_within", &DURATION, "1s", "5m"),
            price_tolerance: section.within("price_tolerance", &PERCENT, "0%", "100%"),
            approval_lasts: section.within("approval_lasts", &DURATION, "1m", "90d"),
            rejected_for: section.within("rejected_for", &DURATION, "0s", "30d"),
            absence_window: section.within("absence_window", &DURATION, "1s", "24h"),
            scan_spacing: section.within("scan_spacing", &DURATION, "1s", "1h"),
            sweep_every: section.within("sweep_every", &DURATION, "1s", "24h"),
        }
    }
}

impl Audit {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        Self { head_file: section.required("head_file", &PATH) }
    }
}

impl Retention {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        Self { personal_data: section.within("personal_data", &DURATION, "1d", "3650d") }
    }
}

impl StandIn for Mode {
    fn stand_in() -> Self {
        Self::Live
    }
}

impl StandIn for PreexistingVisibility {
    fn stand_in() -> Self {
        Self::All
    }
}
