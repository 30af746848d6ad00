//! Every key of `config/gateway.toml` under a running gateway: it takes effect at once, or it waits for a restart and the
//! log says why, or it is refused. A key without its place in one of the lists here makes a test red.

mod after_restart;
mod at_once;
mod running;

use std::collections::BTreeSet;

use toml::{Table, Value};

/// What no running gateway takes, whatever else has changed.
const REFUSED: [&str; 1] = ["budget.currency"];

/// Every key that the file names, in its examples too; names that are free are `*`, places in lists are `[]`.
fn all_keys() -> BTreeSet<String> {
    // An example is a line that begins with # and no space.
    let uncommented = numbers_gateway::config::DEFAULT_TEXT.lines().map(|line| {
        let example =
            line.strip_prefix('#').filter(|rest| rest.starts_with(|first: char| !first.is_whitespace()));
        example.unwrap_or(line)
    });
    let text = uncommented.collect::<Vec<_>>().join("\n");
    let table: Table = text.parse().unwrap_or_else(|error| panic!("{error}"));
    let mut keys = BTreeSet::new();
    collect("", &Value::Table(table), &mut keys);
    keys
}

fn collect(path: &str, value: &Value, keys: &mut BTreeSet<String>) {
    match value {
        Value::Table(table) => {
            for (name, below) in table {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                collect(&path, below, keys);
            }
        }
        Value::Array(elements) if elements.iter().any(Value::is_table) => {
            for element in elements {
                collect(&format!("{path}[]"), element, keys);
            }
        }
        Value::Array(_)
        | Value::String(_)
        | Value::Integer(_)
        | Value::Float(_)
        | Value::Boolean(_)
        | Value::Datetime(_) => {
            keys.insert(general(path));
        }
    }
}

/// A key as the program names it, or the file, without what is free in it.
fn general(key: &str) -> String {
    let mut general = String::new();
    let mut rest = key;
    while let Some((before, after)) = rest.split_once('[') {
        general.push_str(before);
        general.push_str("[]");
        rest = after.split_once(']').map_or("", |(_, rest)| rest);
    }
    general.push_str(rest);
    for free in ["teams.", "registration_profiles.", "auth.issuers[].role_map.", "auth.issuers[].team_map."] {
        if let Some(name) = general.strip_prefix(free) {
            let below =
                if free.ends_with("_map.") { "" } else { name.find('.').map_or("", |at| &name[at..]) };
            return format!("{free}*{below}");
        }
    }
    general
}

#[test]
fn every_key_has_its_place_in_one_list() {
    let at_once: Vec<String> = at_once::keys().map(str::to_owned).collect();
    let after_restart: Vec<String> = after_restart::keys().map(general).collect();
    let refused = REFUSED.map(str::to_owned);
    let all = all_keys();
    assert!(all.len() > 120, "{all:?}");
    for key in &all {
        let places = [&at_once[..], &after_restart, &refused].map(|list| usize::from(list.contains(key)));
        assert_eq!(places.iter().sum::<usize>(), 1, "{key}: at once, after a restart, refused: {places:?}");
    }
    for listed in at_once.iter().chain(&after_restart).chain(&refused) {
        let is_twin = listed.ends_with("_file")
            || listed == "storage.password"
            || listed.starts_with("policy.rules[].when.");
        assert!(all.contains(listed) || is_twin, "{listed} is no key of config/gateway.toml");
    }
}
