//! What is valid and yet hardly meant: said once at start, never a reason to stop.

use crate::config::fault::Origin;
use crate::config::{Config, Origins};
use crate::domain::policy::Condition;

/// Keys that this version reads and checks but does not act on yet. Their comments in `config/gateway.toml` say
/// so too; a test keeps the two together.
pub(super) const NOT_ACTED_ON: [&str; 3] =
    ["purchases.resolve_people", "purchases.absence_window", "purchases.scan_spacing"];

pub(super) fn about(config: &Config, origins: &Origins) -> Vec<String> {
    let mut warnings = Vec::new();
    if config.auth.issuers.is_empty() {
        warnings.push("nobody may do anything: there is no [[auth.issuers]]".to_owned());
    }
    if config.upstream.username.is_none() {
        warnings.push("serve does not start yet: upstream.username and its API key are not set".to_owned());
    }
    let ignored = origins
        .as_slice()
        .iter()
        .filter(|setting| setting.origin != Origin::Default && NOT_ACTED_ON.contains(&setting.key.as_str()));
    warnings
        .extend(ignored.map(|setting| format!("{}: {} is not acted on yet", setting.origin, setting.key)));
    rules(config, &mut warnings);
    warnings
}

fn rules(config: &Config, warnings: &mut Vec<String>) {
    let rules = config.policy.rules();
    for (index, rule) in rules.iter().enumerate() {
        if let Some(earlier) =
            rules.iter().take(index).find(|earlier| leaves_nothing(&earlier.when, &rule.when))
        {
            warnings.push(format!("rule {:?} is never reached: {:?} comes first", rule.name, earlier.name));
        }
    }
}

/// Whether a condition narrows nothing but the action, so that a later rule for that action has nothing left.
fn leaves_nothing(earlier: &Condition, later: &Condition) -> bool {
    let narrows_only_action = *earlier == Condition { action: earlier.action, ..Condition::default() };
    narrows_only_action && earlier.action.is_none_or(|action| later.action == Some(action))
}
