//! The parts of the configuration that a reload replaces: one of each, which everything shares.

use crate::app::wiring;
use crate::config::Config;
use crate::domain::policy::Policy;
use crate::service::limits::PerDay;
use crate::service::live::Live;
use crate::service::teams::Teams;

/// What a reload replaces, and everything shares.
#[derive(Clone)]
pub(super) struct LiveParts {
    pub(super) teams: Live<Teams>,
    pub(super) policy: Live<Policy>,
    pub(super) per_day: Live<PerDay>,
}

impl LiveParts {
    pub(super) fn of(config: &Config) -> Self {
        Self {
            teams: Live::new(wiring::teams(config)),
            policy: Live::new(config.policy.clone()),
            per_day: Live::new(per_day(config)),
        }
    }

    /// Another configuration's are in force from now on.
    pub(super) fn replace(&self, config: &Config) {
        self.teams.replace(wiring::teams(config));
        self.policy.replace(config.policy.clone());
        self.per_day.replace(per_day(config));
    }
}

fn per_day(config: &Config) -> PerDay {
    let per_day = config.limits.purchases_per_day;
    PerDay { subject: per_day.subject.get().into(), team: per_day.team.get().into() }
}
