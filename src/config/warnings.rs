//! What is valid and yet hardly meant: said once at start, never a reason to stop.

use crate::config::Config;
use crate::domain::policy::Condition;

pub(super) fn about(config: &Config) -> Vec<String> {
    let mut warnings = Vec::new();
    if config.auth.issuers.is_empty() {
        warnings.push("nobody may do anything: there is no [[auth.issuers]]".to_owned());
    }
    if config.upstream.username.is_none() {
        warnings.push("serve does not start yet: upstream.username and its API key are not set".to_owned());
    }
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
