//! What can only be judged by looking at several keys.
//!
//! A key that was wrong in itself is compared with nothing: its fault is told already, and its stand-in would
//! only raise faults that are not there.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use crate::config::notifications::MOST_WEBHOOKS;
use crate::config::reading::Reading;
use crate::config::{Config, Issuer, tree};
use crate::domain::approval::ApproverTeam;
use crate::domain::policy::{Action, Rule, Verdict};
use crate::domain::principal::TeamId;

/// Notes every fault between keys.
pub(super) fn compare(config: &Config, reading: &mut Reading) {
    listeners(config, reading);
    upstream(config, reading);
    times(config, reading);
    issuers(config, reading);
    teams(config, reading);
    rules(config, reading);
    webhooks(config, reading);
}

fn sound(reading: &Reading, keys: &[&str]) -> bool {
    !keys.iter().any(|key| reading.is_faulty(key))
}

fn listeners(config: &Config, reading: &mut Reading) {
    let (public, ops) = (config.server.listen, config.ops.listen);
    let overlap = |one: SocketAddr, other: SocketAddr| {
        let same_address = one.ip() == other.ip() || one.ip().is_unspecified() || other.ip().is_unspecified();
        one.port() != 0 && one.port() == other.port() && same_address
    };
    if sound(reading, &["server.listen", "ops.listen"]) && overlap(public, ops) {
        reading.refuse(
            "ops.listen",
            format!("takes the address of server.listen, {public}"),
            "write another port: the operators' listener is never public",
        );
    }
}

fn upstream(config: &Config, reading: &mut Reading) {
    let upstream = &config.upstream;
    if sound(reading, &["upstream.base_url"]) {
        let path = upstream.base_url.path();
        if path == "/v3" || path.ends_with("/v3") {
            reading.refuse("upstream.base_url", "ends in /v3", "leave /v3 out, the gateway adds it");
        }
        let in_the_clear = !upstream.base_url.is_https() && !upstream.base_url.is_loopback();
        if in_the_clear && !upstream.allow_plain_http {
            reading.refuse(
                "upstream.base_url",
                "would send the API key in the clear to another machine",
                "write an https URL, or set upstream.allow_plain_http = true",
            );
        }
    }
    if sound(reading, &["upstream.username", "upstream.api_key", "upstream.api_key_file"]) {
        let both = "set upstream.username and one of upstream.api_key and upstream.api_key_file";
        match (&upstream.username, &upstream.api_key) {
            (Some(_), None) => reading.refuse("upstream.username", "a username without its API key", both),
            (None, Some(_)) => reading.refuse("upstream.api_key", "an API key without its username", both),
            (Some(_), Some(_)) | (None, None) => {}
        }
    }
}

fn times(config: &Config, reading: &mut Reading) {
    let (upstream, purchases) = (&config.upstream, &config.purchases);
    if sound(reading, &["server.drain_grace", "upstream.buy_timeout"])
        && config.server.drain_grace <= upstream.buy_timeout
    {
        reading.refuse(
            "server.drain_grace",
            "not longer than upstream.buy_timeout: a stop could cut off a purchase",
            format!("write more than {}s", upstream.buy_timeout.as_secs_f64()),
        );
    }
    // Four times what a buy may take is the least after which a purchase that upstream's list lacks is taken
    // for not made; a look-alike on this machine answers at once.
    let least = (upstream.connect_timeout + upstream.buy_timeout) * 4;
    let keys =
        ["upstream.base_url", "upstream.connect_timeout", "upstream.buy_timeout", "purchases.absence_window"];
    if sound(reading, &keys) && !upstream.base_url.is_loopback() && purchases.absence_window < least {
        reading.refuse(
            "purchases.absence_window",
            "shorter than 4 times upstream.connect_timeout and upstream.buy_timeout together",
            format!("write {}s or more", least.as_secs_f64()),
        );
    }
    let cache = &config.cache;
    if sound(reading, &["cache.fresh_for", "cache.stale_for"]) && cache.stale_for < cache.fresh_for {
        reading.refuse(
            "cache.stale_for",
            "shorter than cache.fresh_for",
            format!("write {}s or more", cache.fresh_for.as_secs_f64()),
        );
    }
}

fn issuers(config: &Config, reading: &mut Reading) {
    let issuers = &config.auth.issuers;
    for (index, issuer) in issuers.iter().enumerate() {
        let at = format!("auth.issuers[{index}]");
        let earlier = || issuers.iter().take(index);
        if earlier().any(|other| other.name == issuer.name) {
            reading.refuse(&format!("{at}.name"), "the name of an earlier issuer", "name each issuer once");
        }
        let rival = earlier().enumerate().find(|(_, other)| claim_the_same_tokens(other, issuer));
        if let Some((rival, other)) = rival
            && sound(reading, &[&format!("{at}.audience"), &format!("auth.issuers[{rival}]")])
        {
            reading.refuse(
                &format!("{at}.issuer"),
                format!("with an audience that {:?} has too: a token would belong to both", other.name),
                "give each its own issuer or its own audience",
            );
        }
        for (word, team) in &issuer.team_map {
            let key = tree::join(&format!("{at}.team_map"), word);
            refuse_unknown_teams(config, reading, &key, [team]);
        }
    }
}

fn claim_the_same_tokens(one: &Issuer, other: &Issuer) -> bool {
    one.issuer == other.issuer && one.audience.iter().any(|audience| other.audience.contains(audience))
}

fn teams(config: &Config, reading: &mut Reading) {
    for (key, team) in &config.teams {
        let Some(profile) = &team.registration_profile else { continue };
        if !config.registration_profiles.contains_key(profile) {
            reading.refuse(
                &format!("teams.{key}.registration_profile"),
                "no such registration profile",
                format!("write one of [{}]", listed(config.registration_profiles.keys())),
            );
        }
    }
}

fn rules(config: &Config, reading: &mut Reading) {
    let mut names = BTreeSet::new();
    let mut buying_was_seen = false;
    for (index, rule) in config.policy.rules().iter().enumerate() {
        let at = format!("policy.rules[{index}]");
        if !names.insert(&rule.name) {
            reading.refuse(&format!("{at}.name"), "the name of an earlier rule", "name each rule once");
        }
        refuse_unknown_teams(config, reading, &format!("{at}.when.teams"), &rule.when.teams);
        approvals(config, reading, &at, rule);
        if !lets_buy(rule) || reading.is_faulty(&format!("{at}.then")) {
            continue;
        }
        if !buying_was_seen && config.budget.currency.is_none() && sound(reading, &["budget.currency"]) {
            reading.refuse(
                &format!("{at}.then"),
                "lets buy while budget.currency is not set",
                r#"set budget.currency to the currency of the ClickSend account, like "AUD""#,
            );
        }
        buying_was_seen = true;
        budgets(config, reading, &at, rule);
    }
}

fn webhooks(config: &Config, reading: &mut Reading) {
    let webhooks = &config.notifications.webhooks;
    for (index, webhook) in webhooks.iter().enumerate() {
        let at = format!("notifications.webhooks[{index}]");
        if webhooks.iter().take(index).any(|earlier| earlier.name == webhook.name) && sound(reading, &[&at]) {
            let valid = "give each webhook a name of its own";
            reading.refuse(&format!("{at}.name"), "the name, or the host, of an earlier webhook", valid);
        }
    }
    if webhooks.len() > MOST_WEBHOOKS {
        let valid = format!("keep {MOST_WEBHOOKS}");
        reading.refuse("notifications.webhooks", format!("{} webhooks", webhooks.len()), valid);
    }
}

fn lets_buy(rule: &Rule) -> bool {
    rule.when.action != Some(Action::Register) && !matches!(rule.then, Verdict::Deny(_))
}

fn approvals(config: &Config, reading: &mut Reading, at: &str, rule: &Rule) {
    let Verdict::Approvals(terms) = &rule.then else { return };
    let then = format!("{at}.then");
    if !config.auth.issuers.iter().any(|issuer| issuer.may_approve) && sound(reading, &["auth.issuers"]) {
        reading.refuse(
            &then,
            "asks for approvals that no issuer's tokens may give",
            "set may_approve = true on the issuer of people's tokens",
        );
    }
    let named = terms.stages.iter().filter_map(|stage| match &stage.team {
        ApproverTeam::Team(team) => Some(team),
        ApproverTeam::Same | ApproverTeam::Any => None,
    });
    refuse_unknown_teams(config, reading, &then, named);
}

/// An `allow` for buying needs a limit on the money of every team it applies to.
fn budgets(config: &Config, reading: &mut Reading, at: &str, rule: &Rule) {
    if rule.then != Verdict::Allow
        || config.budget.limits.spend_per_month.is_some()
        || !sound(reading, &["budget.spend_per_month", &format!("{at}.when.teams")])
    {
        return;
    }
    let in_scope = |team: &TeamId| rule.when.teams.is_empty() || rule.when.teams.contains(team);
    let mut without = config
        .teams
        .iter()
        .filter(|(key, team)| in_scope(key) && team.budget.spend_per_month.is_none())
        .filter(|(key, _)| !reading.is_faulty(&format!("teams.{key}.budget")))
        .map(|(key, _)| key);
    let whose = match without.next() {
        Some(first) => format!("without a budget of {}", listed(std::iter::once(first).chain(without))),
        None if config.teams.is_empty() && !reading.is_faulty("teams") => "without any budget".to_owned(),
        None => return,
    };
    reading.refuse(
        &format!("{at}.then"),
        format!("allows buying {whose}"),
        r#"set spend_per_month of the team or of [budget], to an amount or "unlimited""#,
    );
}

fn refuse_unknown_teams<'t>(
    config: &Config,
    reading: &mut Reading,
    key: &str,
    teams: impl IntoIterator<Item = &'t TeamId>,
) {
    let unknown = listed(teams.into_iter().filter(|team| !config.teams.contains_key(*team)));
    if !unknown.is_empty() {
        let valid = format!("write one of [{}], or add [teams.{unknown}]", listed(config.teams.keys()));
        reading.refuse(key, format!("no such team: {unknown}"), valid);
    }
}

fn listed<T: ToString>(words: impl IntoIterator<Item = T>) -> String {
    words.into_iter().map(|word| word.to_string()).collect::<Vec<_>>().join(", ")
}
