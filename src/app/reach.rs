//! How far the change of a configuration key reaches into a running gateway: from the next request on, or not before a
//! restart, and why not.
//!
//! Every key begins like exactly one line of these tables; the test beside them and `tests/it/reloading` see to it.

/// What becomes of a changed key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// It is in force from the next request on.
    AtOnce,
    /// The gateway goes on with what it was started with, because of this.
    AfterRestart(&'static str),
}

/// What is replaced under the running gateway.
const AT_ONCE: [&str; 11] = [
    "auth.denied_ids",
    "auth.denied_subjects",
    "auth.issuers",
    "budget.recurring_per_month",
    "budget.spend_per_month",
    "limits",
    "policy",
    "registration_profiles",
    "teams",
    "upstream.api_key",
    "upstream.username",
];

/// What is not; a longer line stands before the one that it begins with.
const AFTER_RESTART: [(&str, &str); 19] = [
    ("server.tls", "the listener was made with these files; their content is read again when it changes"),
    ("server.public_url", "the notices are made with it from the start"),
    ("server", "the public listener is bound once, with its bounds and its drain"),
    ("ops", "the operators' listener is bound once"),
    ("upstream.billing_time_zone", "the months of the ledger turn by it"),
    ("upstream", "the client that has calls under way was made with it"),
    ("storage", "the database is opened once, and one process holds it"),
    ("auth.token_header", "the public routes were made with it"),
    ("budget.currency", "the amounts in the ledger and in the rules are in it"),
    ("budget.time_zone", "the months and days that run turn by it"),
    ("cache", "the caches were made with it"),
    ("purchases.mode", "whether buys are sent in earnest is settled at the start"),
    ("purchases", "purchases under way were begun with it"),
    ("notifications", "the outbox and its senders were made with it"),
    ("audit", "the evidence was compared with this file at the start"),
    ("retention", "the erasure was begun with it, and what is erased is gone"),
    ("telemetry", "the log and the exporter are made once"),
    ("compat", "the public routes were made with it"),
    ("", "it is not known how to replace it"),
];

impl Reach {
    /// Of a key by its full name.
    pub fn of(key: &str) -> Self {
        if AT_ONCE.iter().any(|line| begins(key, line)) {
            return Self::AtOnce;
        }
        let reason = AFTER_RESTART.iter().find(|(line, _)| begins(key, line));
        Self::AfterRestart(reason.map_or("", |(_, reason)| reason))
    }
}

/// Whether a key is `line`, or is in that section or list. `upstream.api_key_file` is a key of its own that goes with
/// `upstream.api_key`.
fn begins(key: &str, line: &str) -> bool {
    let Some(rest) = key.strip_prefix(line) else { return false };
    line.is_empty() || rest.is_empty() || rest.starts_with(['.', '[']) || rest == "_file"
}

#[cfg(test)]
mod tests {
    use super::{AFTER_RESTART, AT_ONCE, Reach, begins};
    use crate::config::{Sources, load};

    #[test]
    fn every_key_has_its_place_and_every_place_a_key() {
        let loaded = load(&Sources::from_text("nothing", ""));
        let keys: Vec<String> = loaded
            .into_iter()
            .flat_map(|loaded| loaded.origins.keys().map(str::to_owned).collect::<Vec<_>>())
            .collect();
        assert!(keys.len() > 60, "{keys:?}");
        let after_restart = || AFTER_RESTART.iter().map(|(line, _)| *line).filter(|line| !line.is_empty());
        // What has no default stands in no empty file; `tests/it/every_key` tries it.
        let mut unused: Vec<&str> = after_restart().collect();
        for key in &keys {
            let at_once: Vec<&str> = AT_ONCE.into_iter().filter(|line| begins(key, line)).collect();
            // What follows at once is an exception from the rest of its section.
            let place = match at_once.as_slice() {
                [] => after_restart().find(|line| begins(key, line)),
                [only] => Some(*only),
                _ => None,
            };
            assert!(place.is_some(), "{key}: {at_once:?}");
            unused.retain(|line| Some(*line) != place);
        }
        assert!(unused.is_empty(), "no key is like {unused:?}");
    }

    #[test]
    fn a_key_that_only_begins_with_the_same_letters_is_another_one() {
        assert_eq!(Reach::of("limits.reads.burst"), Reach::AtOnce);
        assert_eq!(Reach::of("auth.issuers[0].claims.team"), Reach::AtOnce);
        assert_eq!(Reach::of("upstream.api_key_file"), Reach::AtOnce);
        for key in ["upstream.usernames", "limitless", "upstream.base_url", "surprise"] {
            assert!(matches!(Reach::of(key), Reach::AfterRestart(reason) if !reason.is_empty()), "{key}");
        }
    }
}
